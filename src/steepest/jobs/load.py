"""Runs that a store keeps: listed, opened again, and written for other programs."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Final

from steepest.checks.training import judge_training
from steepest.problem.options import read_call
from steepest.records.document import to_json
from steepest.records.run import RunRecord
from steepest.records.summary import RunSummary
from steepest.records.training import TrainingRecord
from steepest.records.verdict import Remedy, Verdict
from steepest.run.base import BaseRun
from steepest.run.network import NetworkRun
from steepest.run.place import Place, store_at
from steepest.run.run import Run
from steepest.run.training import TrainingRun
from steepest.run.walk import Walk
from steepest.show.export import table_of, to_csv, to_parquet
from steepest.store.store import Store
from steepest.words.errors import UsageError
from steepest.words.gate import gated

TRAININGS: Final = ("watch", "train", "judge")
"""Commands whose runs can be asked while they go on."""

EXPORTS: Final = ("json", "csv", "parquet", "pytorch", "jax")


@gated
def runs(store: Place = None) -> list[RunSummary]:
    """Every run in a store (None: the default one), the newest first. Raises StoreError."""
    return store_at(store).summaries()


@gated
def load(run: str, store: Place = None) -> Run | TrainingRun:
    """A run from a store (None: the default one), by its id or the beginning of it.

    Of a training that was watched it is a TrainingRun, of a trained network a NetworkRun. Of a run
    that was killed it is what was kept, judged so far.

    It can be asked for any step, as when it was new: its data is then taken from the store, or
    read again where it was too large to be kept, and the path is walked again. Raises UsageError
    for an id that no run has, StoreError for a run without a verdict, and, when a step is asked
    for, InputError where the data has changed since.
    """
    kept = store_at(store)
    summary = kept.summary(run)
    if summary.command not in TRAININGS and not kept.has_record(run):
        from steepest.jobs.fit import so_far

        found = so_far(kept, run)
        verdict = _so_far(found.record.verdict, found.record.descent.steps, summary)
        found.record = replace(found.record, verdict=verdict)
        return found
    record = kept.any_record(run)
    if isinstance(record, TrainingRecord):
        # Not judged yet: one that was killed, and one of several processes, put together.
        verdict = record.verdict or judge_training(record)
        if record.ended == "killed":
            verdict = _so_far(verdict, record.steps, summary)
        record = replace(record, verdict=verdict)
        return TrainingRun(record) if record.learned is None else NetworkRun(record)
    return _descent(kept, record)


def _so_far(verdict: Verdict, steps: int, summary: RunSummary) -> Verdict:
    """The verdict of a run that did not live to its end."""
    where = "its process was killed" if summary.status == "killed" else "it was interrupted"
    return replace(
        verdict, headline=f"So far, to step {steps:,}, and then {where}: {verdict.headline}"
    )


def _descent(kept: Store, record: RunRecord) -> Run:
    name = record.run or ""
    options = read_call(record.call)

    @cache
    def walk() -> Walk:
        from steepest.run.stored import walk_of

        return walk_of(kept, name, record, options)

    return Run(record, options, walk, _again, trace=cache(lambda: kept.trace(name)))


def _again(parent: Run, remedy: Remedy) -> Run:
    from steepest.jobs.fit import rerun

    return rerun(parent, remedy)


@gated
def exported(run: str, kind: str, store: Place = None) -> bytes:
    """A run as one of EXPORTS. The steps of a descent that was killed can be written, too.

    Raises UsageError for a kind that is none, and for what the run cannot be written as.
    """
    kept = store_at(store)
    if kind not in EXPORTS:
        raise UsageError(
            "A run cannot be exported to this.",
            given=ascii(kind)[:40],
            instead=f"It can to {', '.join(EXPORTS)}.",
        )
    tables = {
        "csv": lambda columns: to_csv(columns).encode("utf-8", "replace"),
        "parquet": to_parquet,
    }
    if kind in tables:
        descends = kept.summary(run).command not in TRAININGS
        return tables[kind](table_of(kept.trace(run)) if descends else load(run, kept).table())
    found: BaseRun = load(run, kept)
    if kind == "json":
        return (to_json(found.to_dict()) + "\n").encode()
    script = found.to_pytorch() if kind == "pytorch" else found.to_jax()
    return script.encode("utf-8", "replace")
