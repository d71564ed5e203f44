"""`judge`: a log to the bench, its verdict to standard output, exit code."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from steepest.cli.failures import code_of_interruption, note
from steepest.cli.kept import is_as_bad
from steepest.cli.output import write_run, write_text
from steepest.cli.running import DIVERGED, noted
from steepest.records.document import to_json
from steepest.records.training import TrainingRecord
from steepest.words.errors import InputError, UsageError
from steepest.words.wording import count, escaped
from steepest.words.wrapping import wrapped

if TYPE_CHECKING:
    from steepest.data.logs.columns import Role

_COLUMNS: Final[tuple[Role, ...]] = ("loss", "step", "lr", "grad_norm", "validation")


def show_judged(log: str, given: Mapping[str, Any]) -> None:
    """Run `steepest judge`."""
    interrupted = False
    with noted() as notes:
        from steepest.checks.training_rate import diverges
        from steepest.jobs.judge import judge, keep_judged

        if given["follow"]:
            record, interrupted = _followed(log, given)
            run = keep_judged(record, given["store"], not given["no_save"])
        else:
            run = judge(
                log,
                **{name: given[name] for name in _COLUMNS},
                name=given["name"],
                store=given["store"],
                save=not given["no_save"],
            )
    if given["as_json"]:
        write_text(to_json(run.to_dict()) + "\n", encoding="utf-8")
    else:
        write_run(run, given)
    for text in notes:
        note(text, sys.stderr)
    code = 0 if run.unsaved is None else run.unsaved.exit_code
    if is_as_bad(run.verdict, given["fail_on"]):
        code = 1
    if diverges(run.record):
        code = DIVERGED
    click.get_current_context().exit(code_of_interruption() if interrupted else code)


def _followed(log: str, given: Mapping[str, Any]) -> tuple[TrainingRecord, bool]:
    """The last record of a log that grows, and whether someone broke off.

    Each finding is told when it comes and when it goes.
    """
    from dataclasses import replace

    from steepest.jobs.judge import judged_as_it_grows

    if given["as_json"]:
        raise UsageError(
            "--follow tells of a log as it grows, and --json is one document.",
            instead="Leave out one of the two.",
        )
    last: TrainingRecord | None = None
    told: dict[str, str] | None = None
    columns = {name: given[name] for name in _COLUMNS}
    try:
        for record in judged_as_it_grows(log, columns):
            last, verdict = replace(record, name=given["name"]), record.verdict
            assert verdict is not None
            found = {one.code: one.sentence for one in verdict.findings}
            for line in _news(last, verdict.headline, told, found):
                write_text(line + "\n")
            told = found
            if is_as_bad(verdict, given["fail_on"]):
                return last, False
    except KeyboardInterrupt:
        if last is None:
            raise
    if last is None:
        raise InputError("The log has no two losses yet.", given=escaped(log, 200))
    write_text("\n")
    return last, True


def _news(
    record: TrainingRecord, headline: str, told: Mapping[str, str] | None, found: Mapping[str, str]
) -> list[str]:
    """What has changed since it was told last, in lines."""
    assert record.log is not None
    place = f"{record.log.counts} {count(int(record.trace.step[-1]))}"
    if told is None:
        said = [f"From {place} on: {headline}"]
    else:
        said = [f"At {place}, {code}: {found[code]}" for code in found if code not in told]
        said += [
            f"At {place}: {code} does not hold any more." for code in told if code not in found
        ]
    return [line for one in said for line in wrapped(one, 80)]
