"""`fit`, `minimize`, `sweep`: options to the bench, its answer to standard output, exit code."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from steepest.cli.failures import code_of_interruption, note, report, tell
from steepest.cli.output import write, write_json, write_run, write_text
from steepest.cli.progress import Progress
from steepest.engine.compiled import keep_compiled
from steepest.formula.assignments import parse_assignments, parse_bounds, parse_start
from steepest.jobs.ending import is_told
from steepest.words.errors import DataWarning, SteepestError, StoreWarning, UsageError

if TYPE_CHECKING:
    from steepest.run.run import Run

DIVERGED = 3

NOTES: Final = (DataWarning, StoreWarning)


def show_fit(data: str | None, formula: str | None, given: Mapping[str, Any]) -> None:
    """Run `steepest fit`."""
    keep_compiled()
    options = _kept_options(given)
    joined = {name: options.pop(name, None) for name in ("coordinator", "processes", "process")}
    with noted() as notes, Progress(sys.stderr) as progress:
        if any(value is not None for value in joined.values()):
            run = _fit_together(joined, data, _stripped(formula), options, progress)
            if run is None:
                return
        else:
            from steepest.problem.early import refuse

            if options.get("resume") is None:
                given_values = (options.get(name) for name in ("start", "fix", "bounds", "lr"))
                named = [name for one in given_values if isinstance(one, Mapping) for name in one]
                refuse(data, _stripped(formula), named)
            from steepest.jobs.fit import fit

            run = fit(data, _stripped(formula), **options, progress=progress)
    _show(run, given, notes)


def _fit_together(
    joined: Mapping[str, Any],
    data: str | None,
    formula: str | None,
    options: Mapping[str, Any],
    progress: Progress,
) -> Run | None:
    """The run in process 0, None in the others, which are done when it is."""
    from steepest.jobs.together import fit_together
    from steepest.objective.passes.team import join

    coordinator = None if joined["coordinator"] == "auto" else joined["coordinator"]
    team = join(coordinator, joined["processes"], joined["process"])
    try:
        return fit_together(team, data, formula, **options, progress=progress)
    except KeyboardInterrupt as error:
        click.echo(str(error), err=True)
        sys.stderr.flush()
        os._exit(code_of_interruption())
    except SteepestError as error:
        # In each, as each may have trouble of its own. And at once: JAX would wait for the others,
        # who are gone or have the same error.
        report(error, sys.stderr)
        tell(error, click.get_current_context())
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(error.exit_code)


def show_minimize(expression: str | None, given: Mapping[str, Any]) -> None:
    """Run `steepest minimize`."""
    keep_compiled()
    options = _kept_options(given)
    with noted() as notes, Progress(sys.stderr) as progress:
        from steepest.jobs.fit import minimize

        run = minimize(_stripped(expression), **options, progress=progress)
    _show(run, given, notes)


def _stripped(text: str | None) -> str | None:
    return None if text is None else text.strip()


def _kept_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options as the bench takes them, and how the run is kept.

    Of a run that goes on, only those that were typed: the others are its own.
    """
    options = _options(given)
    if given["resume"] is None:
        return {
            **options,
            "save": not given["no_save"],
            "store": given["store"],
            "name": given["name"],
        }
    for name in ("no_save", "name"):
        if given[name]:
            raise UsageError(
                f"--{name.replace('_', '-')} is for a new run; this one goes on.",
                instead="Leave it out.",
            )
    return {**typed(options), "resume": given["resume"], "store": given["store"]}


def typed(options: Mapping[str, Any]) -> dict[str, Any]:
    """Only those that stand on the command line."""
    context = click.get_current_context()
    return {
        name: value
        for name, value in options.items()
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    }


@contextmanager
def noted() -> Iterator[list[str]]:
    """Collect what is to be said of the data and of keeping runs, to be shown after the report."""
    notes: list[str] = []
    with warnings.catch_warnings():
        for category in NOTES:
            warnings.simplefilter("always", category)
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any) -> None:
            if issubclass(category, NOTES):
                if str(message) not in notes:
                    notes.append(str(message))
            else:
                others(message, category, *rest)

        warnings.showwarning = show  # type: ignore[assignment]
        yield notes


def show_sweep(data: str, formula: str, given: Mapping[str, Any]) -> None:
    """Run `steepest sweep`."""
    keep_compiled()
    options = _options(given)
    with noted() as notes, Progress(sys.stderr) as progress:
        from steepest.jobs.sweep import sweep

        record = sweep(data, formula, **options, progress=progress).record
    for text in notes:
        note(text, sys.stderr)
    if given["as_json"]:
        from steepest.records.document import sweep_document, to_json

        write_text(to_json(sweep_document(record)) + "\n", encoding="utf-8")
    else:
        from steepest.show.terminal import SweepReport

        write(SweepReport(record, short=given["why"] is None))


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options as the bench takes them."""
    shown_here = ("as_json", "backward", "why", "store", "no_save", "name", "resume")
    options = {name: value for name, value in given.items() if name not in shown_here}
    for name, parse in (
        ("start", parse_start),
        ("fix", partial(parse_assignments, option="--fix")),
        ("bounds", parse_bounds),
    ):
        text = options.pop(name)
        if text is not None:
            options[name] = parse(text)
    return options


def _show(run: Run, given: Mapping[str, Any], notes: Sequence[str]) -> None:
    """Show the run. One that should have been kept and could not is shown too, and ends with 1."""
    record = run.record
    if given["as_json"]:
        write_json(record)
    else:
        write_run(run, given)
    for text in notes:
        note(text, sys.stderr)
    otherwise = 0 if run.unsaved is None else run.unsaved.exit_code
    exit_as(record.command, record.run, record.descent.stopped, otherwise)


def exit_as(command: str, run: str | None, stopped: str, otherwise: int) -> None:
    """End with the contract's code for how a run ended."""
    codes = {"diverged": DIVERGED, "interrupted": code_of_interruption()}
    if is_told():
        codes[stopped] = code_of_interruption()
        kept = f"The run {run} is kept; steepest {command} --resume {run} goes on with it."
        note(f"SIGTERM ended it. {kept if run else 'It is not kept.'}", sys.stderr)
    click.get_current_context().exit(codes.get(stopped, otherwise))
