"""A fit by several processes: each reads its share of the rows, process 0 does the rest."""

from __future__ import annotations

import json
import os
from typing import Any

from steepest.data.table.source import read_table
from steepest.jobs.fit import Progress, begin, go_on_with
from steepest.objective.passes.passing import InBatches
from steepest.objective.passes.team import Team
from steepest.problem.options import read_options
from steepest.problem.streamed import prepare
from steepest.run.place import Place
from steepest.run.run import Run
from steepest.words.errors import UsageError


def fit_together(
    team: Team,
    data: Any = None,
    formula: str | None = None,
    *,
    save: bool | None = None,
    store: Place = None,
    name: str | None = None,
    resume: str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Run | None:
    """As `fit`, in every process of a team. The run in process 0, None in the others.

    What is fitted is what process 0 was asked for; the others are told. `data` is a path that all
    of them can read. Raises SteepestError; LostProcessError where another process ended.
    """
    if not team.leads:
        _help(team)
        return None
    if resume is not None:
        run = go_on_with("fit", resume, data, formula, options, store, progress, team)
    else:
        if data == "-" or not isinstance(data, str | os.PathLike):
            raise UsageError(
                "Several processes need data that each of them can read.",
                given="standard input" if data == "-" else f"{type(data).__name__}",
                instead="Give the path of a file, or a folder or glob of Parquet files.",
            )
        run = begin(os.fsdecode(data), formula, save, store, name, progress, options, team)
    setup = run._setup
    if setup.streamed is not None and setup.reads_on:
        setup.streamed.totals.done()
        team.leave()
    return run


def _help(team: Team) -> None:
    """Read a share of the rows that process 0 names, and answer what it asks about them."""
    call = json.loads(team.from_leader())
    options = read_options(call["options"])
    setup = prepare(read_table(call["data"]), call["formula"], options, team)
    if setup.streamed is not None and setup.reads_on:
        if isinstance(setup.moving, InBatches):
            assert options.batch_size is not None
            setup.moving.batches(options.batch_size, options.seed)
        setup.streamed.totals.serve()
        team.leave()
