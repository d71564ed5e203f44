"""What a list says of a run. No arrays: a list needs none, and is there at once."""

from __future__ import annotations

from dataclasses import dataclass

from steepest.records.choices import KeptCommand, Status, Stopped, Word


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
