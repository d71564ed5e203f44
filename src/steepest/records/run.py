"""A whole run as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from steepest.records.choices import Command
from steepest.records.descent import Descent, Trace
from steepest.records.point import Explanation
from steepest.records.problem import Problem, Settings
from steepest.records.verdict import Measurements, Remedy, Verdict


@dataclass(frozen=True)
class RunRecord:
    """What a run is: everything needed to show it, as the store keeps it."""

    version: str
    command: Command
    problem: Problem
    settings: Settings
    start: Mapping[str, float]
    descent: Descent
    trace: Trace
    beginning: Explanation
    """Every gradient's meaning at step 0."""
    explanation: Explanation
    """The same at the step that was asked for, else at the last."""
    measurements: Measurements
    verdict: Verdict
    remedies: tuple[Remedy, ...]
    seconds: float
    run: str | None = None
    call: Mapping[str, object] = field(default_factory=dict)
    """The options as the user gave them, by their long names."""
    user_units: Mapping[str, tuple[float, float]] | None = None
    """Weight -> (start, value) for the columns as they are, where they were scaled."""
