"""`train`: options to the bench, its answer to standard output, exit code."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from steepest.cli.failures import note
from steepest.cli.output import write, write_run, write_text
from steepest.cli.progress import Progress
from steepest.cli.running import exit_as, noted, typed
from steepest.engine.compiled import keep_compiled
from steepest.records.document import to_json
from steepest.records.training_document import training_document
from steepest.words.errors import UsageError

_HERE = ("as_json", "why", "store", "no_save", "name", "resume", "network", "sweep")


def show_training(data: str | None, given: Mapping[str, Any]) -> None:
    """Run `steepest train`."""
    keep_compiled()
    options = {name: value for name, value in given.items() if name not in _HERE}
    if given["sweep"] is not None:
        _show_sweep(data, options, given)
        return
    with noted() as notes, Progress(sys.stderr) as progress:
        from steepest.jobs.train import train

        run = train(data, given["network"], **_kept(options, given), progress=progress)
    if given["as_json"]:
        write_text(to_json(training_document(run.record)) + "\n", encoding="utf-8")
    else:
        write_run(run, given)
    for text in notes:
        note(text, sys.stderr)
    otherwise = 0 if run.unsaved is None else run.unsaved.exit_code
    exit_as("train", run.record.run, run.learned.stopped, otherwise)


def _show_sweep(data: str | None, options: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    for name, elsewhere in (("lr", "--sweep says which learning rates"), ("resume", _NOT_KEPT),
                            ("name", _NOT_KEPT)):  # fmt: skip
        if name in typed(given):
            raise UsageError(f"--{name} is not for a sweep: {elsewhere}.", instead="Leave it out.")
    rest = {name: value for name, value in options.items() if name not in ("lr", "remedies")}
    with noted() as notes, Progress(sys.stderr) as progress:
        from steepest.jobs.sweep_network import sweep_network

        found = sweep_network(data, given["network"], lr=given["sweep"], **rest, progress=progress)
    if given["as_json"]:
        write_text(to_json(found.to_dict()) + "\n", encoding="utf-8")
    else:
        write(found.__rich__())
    for text in notes:
        note(text, sys.stderr)


_NOT_KEPT = "it is not kept"


def _kept(options: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The options as the bench takes them; of a run that goes on only those that were typed."""
    if given["resume"] is not None:
        for name in ("no_save", "name"):
            if given[name]:
                raise UsageError(
                    f"--{name.replace('_', '-')} is for a new run; this one goes on.",
                    instead="Leave it out.",
                )
        return {**typed(options), "resume": given["resume"], "store": given["store"]}
    return {
        **options,
        "save": not given["no_save"],
        "store": given["store"],
        "name": given["name"],
    }
