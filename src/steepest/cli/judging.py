"""`judge`: a log to the bench, its verdict to standard output, exit code."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from steepest.cli.failures import note
from steepest.cli.kept import is_as_bad
from steepest.cli.output import write_run, write_text
from steepest.cli.running import DIVERGED, noted
from steepest.records.document import to_json

_COLUMNS = ("loss", "step", "lr", "grad_norm", "validation")


def show_judged(log: str, given: Mapping[str, Any]) -> None:
    """Run `steepest judge`."""
    with noted() as notes:
        from steepest.checks.training_rate import diverges
        from steepest.jobs.judge import judge

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
    click.get_current_context().exit(code)
