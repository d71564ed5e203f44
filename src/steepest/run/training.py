"""TrainingRun: a training that was watched, ready to be asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

from steepest.checks.training import judge_training
from steepest.records.training import TrainingRecord, TrainingTrace
from steepest.records.training_document import training_document
from steepest.records.verdict import Verdict
from steepest.run.base import BaseRun
from steepest.run.keeping import recording_for
from steepest.run.place import Place
from steepest.show.export import Columns, training_table
from steepest.show.figures import (
    TRAINING,
    Board,
    Figure,
    Seen,
    training_board,
    training_frames,
    training_view,
)
from steepest.show.terminal import TrainingReport
from steepest.store.kept import Opening
from steepest.words.errors import StoreError, UsageError
from steepest.words.gate import gated
from steepest.words.wording import listed


@gated
class TrainingRun(BaseRun):
    """A training that was watched: what was recorded of it, and the verdict."""

    def __init__(self, record: TrainingRecord):
        self.record: TrainingRecord = record

    @property
    def trace(self) -> TrainingTrace:
        """The recorded steps, thinned evenly where there are many."""
        return self.record.trace

    @property
    def verdict(self) -> Verdict:
        """The findings together, with one headline."""
        return self.record.verdict or judge_training(self.record)

    def figure(self, kind: str, *, of: Seen = "update ratio", step: int | None = None) -> Figure:
        """One figure as plain data: `.title` says what one sees, `.savefig(path)` draws it.

        `kind` is training (loss and learning rate by step), layers (a heat map of tensors by
        steps) or fan (the steps not taken); of a network that was trained here also epochs,
        confusion, rates, network, pictures or plane. `of` is what the heat map shows: "update
        ratio", "gradient" or "turn". It opens at the recorded step nearest to `step`, the last one
        unless given. Raises UsageError where the training has no such figure.
        """
        if kind not in TRAINING:
            kinds = listed(list(TRAINING))
            raise UsageError(
                "A training has no figure of this kind.",
                given=str(kind)[:40],
                instead=f"The kinds are {kinds}.",
            )
        if of not in get_args(Seen):
            raise UsageError(
                "The heat map does not show this.",
                given=str(of)[:40],
                instead=f"It shows {listed(get_args(Seen))}.",
            )
        record = self._judged
        found = training_view(kind, training_frames(record, step), record, of)
        if isinstance(found, str):
            raise UsageError(f"This training has no {kind} figure. {found}")
        return found

    def figures(self) -> Board:
        """All figures of the training, linked by one step cursor."""
        return training_board(self._judged)

    def table(self) -> Columns:
        """The recorded steps and the epochs, one row each, as columns by name."""
        return training_table(self.record)

    def to_dict(self) -> dict[str, Any]:
        """The JSON document, in terms of Python."""
        return training_document(self._judged)

    @property
    def _judged(self) -> TrainingRecord:
        return replace(self.record, verdict=self.verdict)

    def report_of(
        self, *, why: str | None = None, weight: str | None = None, backward: bool = False
    ) -> TrainingReport:
        """The training in words, for a terminal: one screen with `why`, else all of it."""
        return TrainingReport(self._judged, why=why, tensor=weight)

    @property
    def _title(self) -> str:
        return self.record.name or self.record.model

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id or self.record.model}: {self.verdict.headline})"


def kept_whole(
    record: TrainingRecord, opening: Opening, store: Place, save: bool | None
) -> TrainingRun:
    """The run of a training that is over, kept in one piece where that is asked."""
    recording, unsaved = recording_for(opening, save, store)
    if recording is not None:
        try:
            recording.training(record).result()
        except StoreError as error:
            recording.discard()
            unsaved = error
        else:
            record = replace(record, run=recording.run)
            recording.close()
    run = TrainingRun(record)
    run.unsaved = unsaved
    return run
