"""What goes into the store and comes out of it, beside the records that all floors know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from steepest.records.arrays import Vector
from steepest.records.choices import KeptCommand
from steepest.records.descent import Trace
from steepest.store.arrays import Array


@dataclass(frozen=True)
class Opening:
    """What is known of a run before its first step."""

    command: KeptCommand
    formula: str
    weights: tuple[str, ...]
    optimizer: str
    step_limit: int
    options: Mapping[str, Any]
    """As the user gave them, by their long names."""
    versions: Mapping[str, str]
    """Of Steepest and of what it computes with."""
    name: str | None = None
    source: str | None = None
    path: str | None = None
    """Where the data can be read again, absolute."""
    started: float | None = None
    """When it began, in seconds since 1970; None: when it is entered."""


@dataclass(frozen=True)
class Snapshot:
    """Where a descent stands at the beginning of a chunk: all that it needs to go on exactly."""

    step: int
    facts: Mapping[str, Any]
    arrays: Mapping[str, Array]
    """What it noted so far."""
    state: Mapping[str, Array]
    """The weights and the optimizer's memory."""


@dataclass(frozen=True)
class Progress:
    """What a run adds to the store while it goes on."""

    points: Trace
    """Recorded steps since the last time."""
    thin: Trace
    """The whole trace so far, as a figure shows it."""
    snapshot: Snapshot
    drop: Sequence[int] = ()
    """Steps of older states that need not be kept."""
    anew: bool = False
    """The points are all there are, and replace what is there; so does what comes after them."""


@dataclass(frozen=True)
class Ending:
    """What a run leaves beside its record."""

    thin: Trace
    states: Mapping[int, Mapping[str, Array]] = field(default_factory=dict)
    """Step -> a state from which the descent can be walked again."""
    snapshot: Snapshot | None = None
    """None where it cannot be gone on with."""


@dataclass(frozen=True)
class KeptData:
    """The data of a run: what identifies it, and the columns in use where they are kept."""

    source: str
    names: tuple[str, ...]
    """All columns, used or not."""
    used: tuple[str, ...]
    rows: int
    fingerprint: str
    columns: Mapping[str, Vector] | None
    """(rows,) each, all rows; None where they are too large to be kept."""
    path: str | None = None
    """As the run's `Opening` had it."""
