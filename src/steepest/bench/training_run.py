"""TrainingRun: a training that was watched, ready to be asked."""

from __future__ import annotations

from typing import Any

from steepest.checks.training import judge_training
from steepest.records import Verdict
from steepest.terminal import TrainingReport
from steepest.training import TrainingRecord, TrainingTrace
from steepest.training_document import training_document


class TrainingRun:
    """A training that was watched: what was recorded of it, and the verdict."""

    def __init__(self, record: TrainingRecord):
        self.record = record
        """All of it as plain data."""

    @property
    def id(self) -> str | None:
        """What the run is called in its store; None where it is not kept."""
        return self.record.run

    @property
    def trace(self) -> TrainingTrace:
        """The recorded steps, thinned evenly where there are many."""
        return self.record.trace

    @property
    def verdict(self) -> Verdict:
        """The findings together, with one headline."""
        return self.record.verdict or judge_training(self.record)

    def to_dict(self) -> dict[str, Any]:
        """The JSON document, in terms of Python."""
        return training_document(self.record)

    def __rich__(self) -> TrainingReport:
        return TrainingReport(self.record)

    def __repr__(self) -> str:
        return f"TrainingRun({self.id or self.record.model}: {self.verdict.headline})"
