"""Keeping a run while it goes on: what the descent tells between chunks, into a store."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import cache
from typing import Any, Final

import numpy as np

from steepest.data.table.columns import Table
from steepest.descent import Descended, Walked
from steepest.descent.recorder import Recorder, joined
from steepest.descent.standing import Standing, arrays_of_state, facts_of
from steepest.problem.options import Options
from steepest.problem.setup import Setup
from steepest.problem.streamed import fingerprint_of_passed
from steepest.records.arrays import Vector
from steepest.records.descent import Trace
from steepest.records.document import thinned
from steepest.records.problem import Problem, Settings
from steepest.records.run import RunRecord
from steepest.run import keeping
from steepest.run.data import fingerprint_of
from steepest.run.keeping import Keeper
from steepest.run.place import Place, store_at
from steepest.run.walk import Walk
from steepest.store.arrays import Array
from steepest.store.kept import Ending, KeptData, Opening, Progress, Snapshot
from steepest.store.recording import Recording
from steepest.words.errors import LostProcessError, SteepestError, StoreError
from steepest.words.version import version

MOST_STATES: Final = 64
"""States kept while a run goes on."""

MOST_STATE_BYTES: Final = 16_000_000
"""Of the states that a finished run keeps."""

COMPUTED_WITH: Final = ("jax", "jaxlib", "numpy", "optax", "scipy")


@cache
def versions() -> dict[str, str]:
    """Of Steepest and of what it computes with."""
    return {name: version(name) for name in ("steepest", *COMPUTED_WITH)}


def kept_data(table: Table, setup: Setup) -> KeptData:
    """What a store keeps of the data: the columns in use, with their fingerprint.

    The fingerprint is that of the rows complete in all of them, whether a condition keeps them
    or not. Of rows that were passed over the columns are not kept.
    """
    columns: Mapping[str, Vector] | None = None
    if setup.streamed is not None:
        used = setup.streamed.totals.rows.wanted.columns
        digest = fingerprint_of_passed(setup)
    else:
        columns = table.loaded
        used = tuple(columns)
        digest = fingerprint_of(table, used)
    return KeptData(
        source=table.source,
        names=table.names,
        used=used,
        rows=table.rows,
        fingerprint=digest,
        columns=columns,
    )


class Saver(Keeper):
    """Takes what a descent says between its chunks; `finish` ends the run.

    What could not be written is tried again with the next piece, and at the end as a whole.
    """

    def __init__(
        self,
        recording: Recording | None,
        before: Sequence[int] | None = None,
        *,
        unsaved: StoreError | None = None,
    ):
        """`before` are the steps whose states a run that goes on has kept; None for a new run."""
        super().__init__(
            recording,
            keeping.SAVE_SECONDS,
            keeping.WRITING_SHARE,
            unsaved=unsaved,
            written=self._kept,
        )
        self.snapshot: Snapshot | None = None
        """Where the descent stood when it last said so."""
        self._kept_any = before is not None
        self._anew = before is not None
        self._settings = Settings()
        self._chosen = "given"
        self._last = self._next_last = -1
        self._states = self._next_states = list(before or ())
        self._recorder: Recorder | None = None

    def descending(self, settings: Settings, chosen: str) -> None:
        """Note the settings in force, with the learning rate that was chosen."""
        self._settings, self._chosen = settings, chosen

    def __call__(self, standing: Standing) -> None:
        """Take where the descent stands; keep it where it is time to."""
        facts, tail = facts_of(standing.recorder)
        facts |= {
            "seconds": standing.seconds,
            "lr": self._settings.lr,
            "lr_chosen": self._chosen,
        }
        state = arrays_of_state(standing.state)
        self.snapshot = Snapshot(int(standing.state.step), facts, tail, state)
        self._recorder = standing.recorder
        if self.is_due and standing.recorder.kept:
            self.keep(self._piece)

    def hold(self) -> None:
        """Keep at once where the descent stands."""
        if self._recorder is not None and self._recorder.kept:
            self.keep_now(self._piece)

    def _kept(self, error: BaseException | None) -> None:
        """What was written need not be written again."""
        if error is None:
            self._last, self._states = self._next_last, self._next_states
            self._kept_any, self._anew = True, False

    def _piece(self, recording: Recording) -> Future[None]:
        assert self._recorder is not None
        assert self.snapshot is not None
        trace = _trace_of(self._recorder)
        states = [*self._states, self.snapshot.step]
        drop = states[1:-1:2] if len(states) > MOST_STATES else []
        self._next_states = [step for step in states if step not in set(drop)]
        self._next_last = int(trace.step[-1])
        progress = Progress(
            points=_at(trace, trace.step > self._last),
            thin=_at(trace, thinned(trace)),
            snapshot=self.snapshot,
            drop=drop,
            anew=self._anew,
        )
        return recording.progress(progress, self._settings.lr or 0.0)

    def finish(self, record: RunRecord, descended: Walked) -> StoreError | None:
        """Keep the whole run; the reason where that failed."""
        return self.end_saying(
            lambda recording: recording.finish(record, ending_of(record, descended, self.snapshot))
        )

    def stop(self, error: BaseException) -> None:
        """Close after an error: of an input at fault nothing is kept, unless it took long.

        Where it was broken off, or another process was lost, all that was done is.
        """
        if self._recording is None:
            return
        if isinstance(error, LostProcessError | KeyboardInterrupt) and self._recorder is not None:
            self.hold()
        elif isinstance(error, SteepestError) and not self._kept_any:
            self._recording.discard()
            return
        self._recording.close()


def ending_of(record: RunRecord, descended: Walked, snapshot: Snapshot | None) -> Ending:
    """What is kept beside the record, so that any step can be walked again."""
    states: dict[int, Mapping[str, Array]] = {}
    if isinstance(descended, Descended):
        kept = {point.step: point.state for point in descended.checkpoints.kept}
        kept.setdefault(int(descended.state.step), descended.state)
        arrays = {step: arrays_of_state(state) for step, state in sorted(kept.items())}
        size = sum(array.nbytes for state in arrays.values() for array in state.values())
        every = max(1, -(-size // MOST_STATE_BYTES))
        last = len(arrays) - 1
        states = {
            step: state
            for place, (step, state) in enumerate(arrays.items())
            if place % every == 0 or place == last
        }
    return Ending(_at(record.trace, thinned(record.trace)), states, snapshot)


def _trace_of(recorder: Recorder) -> Trace:
    kept = joined(recorder.kept)
    validation = None if np.all(np.isnan(kept.validation)) else kept.validation
    return Trace(recorder.names, kept.step, kept.loss, kept.weights, kept.gradient, validation)


def _at(trace: Trace, places: Any) -> Trace:
    return Trace(
        trace.names,
        trace.step[places],
        trace.loss[places],
        trace.weights[places],
        trace.gradient[places],
        None if trace.validation is None else trace.validation[places],
    )


def opening_of(
    problem: Problem,
    options: Options,
    data: str | None,
    name: str | None,
) -> Opening:
    """What is known of a run before its first step."""
    on_disk = data is not None and data != "-"
    return Opening(
        command=problem.command,
        formula=problem.formula,
        weights=problem.weights,
        optimizer=options.optimizer,
        step_limit=options.steps,
        options={"data": data, **options.given()},
        versions=versions(),
        name=name,
        source=problem.source,
        path=os.path.abspath(os.path.expanduser(data)) if on_disk and data else None,
    )


def save(
    record: RunRecord,
    options: Options,
    walk: Walk,
    snapshot: Snapshot | None,
    place: Place,
    name: str | None,
) -> RunRecord:
    """Keep a run that is done, with its whole trace in `record`, and give it with its new id.

    Raises StoreError.
    """
    data = record.call.get("data")
    opening = opening_of(record.problem, options, None if data is None else str(data), name)
    recording = store_at(place).begin(opening)
    try:
        if walk.table is not None:
            recording.data(kept_data(walk.table, walk.setup))
        recording.finish(record, ending_of(record, walk.descended, snapshot)).result()
    except BaseException:
        recording.discard()
        raise
    recording.close()
    return replace(record, run=recording.run)
