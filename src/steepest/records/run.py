"""A whole run as plain data, and its summary in a list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from steepest.records.arrays import Command, KeptCommand, Status, Stopped, Word
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


@dataclass(frozen=True)
class RunSummary:
    """What a list of kept runs says of one."""

    id: str
    command: KeptCommand
    formula: str
    optimizer: str
    status: Status
    started: float
    """Seconds since 1970, UTC."""
    step_limit: int
    weights: tuple[str, ...]
    version: str
    name: str | None = None
    source: str | None = None
    """The data as it was named."""
    ended: float | None = None
    steps: int | None = None
    """Done and kept."""
    loss: float | None = None
    """At the last of them."""
    lr: float | None = None
    stopped: Stopped | None = None
    learning_rate: Word | None = None
    headline: str | None = None
    fingerprint: str | None = None
    """Of the data."""
