"""Runs that a store keeps: listed, and opened again."""

from __future__ import annotations

from functools import cache

from steepest.jobs.fit import rerun
from steepest.records.run import RunRecord, RunSummary
from steepest.records.training import TrainingRecord
from steepest.run.network import NetworkRun
from steepest.run.place import Place, store_at
from steepest.run.run import Run
from steepest.run.stored import options_of, walk_of
from steepest.run.training import TrainingRun
from steepest.run.walk import Walk
from steepest.store import Store


def runs(store: Place = None) -> list[RunSummary]:
    """Every run in a store (None: the default one), the newest first. Raises StoreError."""
    return store_at(store).summaries()


def load(run: str, store: Place = None) -> Run | TrainingRun:
    """A run from a store (None: the default one), by its id or the beginning of it.

    Of a training that was watched it is a TrainingRun, of a trained network a NetworkRun.

    It can be asked for any step, as when it was new: its data is then taken from the store, or
    read again where it was too large to be kept, and the path is walked again. Raises UsageError
    for an id that no run has, StoreError for a run without a verdict, and, when a step is asked
    for, InputError where the data has changed since.
    """
    kept = store_at(store)
    record = kept.any_record(run)
    if isinstance(record, TrainingRecord):
        return TrainingRun(record) if record.learned is None else NetworkRun(record)
    return run_of(kept, record)


def run_of(kept: Store, record: RunRecord) -> Run:
    """A fit or a minimization from a store, as `load` gives it."""
    name = record.run or ""
    options = options_of(record.call)

    @cache
    def walk() -> Walk:
        return walk_of(kept, name, record, options)

    return Run(record, options, walk, rerun, trace=cache(lambda: kept.trace(name)))
