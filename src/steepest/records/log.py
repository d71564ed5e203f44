"""What is known of a training that was judged from its log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from steepest.records.arrays import Vector


@dataclass(frozen=True)
class AlongGradient:
    """The curvature along the gradient, of steps that the log shows to be plain gradient descent.

    Of one step it is 2(1 - ΔL/(lr·|g|²))/lr, where ΔL is by how much the loss fell.
    """

    steps: int
    """From which it is known."""
    lr: float
    step: int
    """Where it is largest."""
    largest: float
    """There. The largest curvature of any direction is no smaller."""
    error: float
    """Of `largest`: by as much it may be off, as the numbers were rounded."""
    limit: float
    """2 / largest. The largest learning rate that does not grow is no larger."""
    last_step: int
    """The last step at which it is known."""
    last: float
    """The curvature along the gradient there, no smaller than it is."""
    gain: float
    """By how much the loss falls at least along that gradient alone: |g|²/(2·last)."""
    misfit: float
    """How far norms and losses are from those of plain gradient descent, as a share of them."""


@dataclass(frozen=True)
class HiddenLoss:
    """Rows whose loss is a finite number beside a gradient norm that is none."""

    step: int
    """The first of them."""
    rows: int
    beside: int
    """So many rows have both numbers."""
    loss: float
    """What stands there as the loss of the first."""
    lasting: bool
    """Whether all rows from there on that have both numbers are like it."""
    last: float | None = None
    """What stands there as the loss of the last."""


@dataclass(frozen=True, eq=False)
class LogFacts:
    """The log of a training: what was read of it. `k` is the number of recorded steps."""

    source: str
    kind: str
    """The format."""
    rows: int
    columns: Mapping[str, str]
    """By what it is (loss, step, lr, grad_norm, validation) the name of its column."""
    guessed: tuple[str, ...]
    """Which of these were not named by the user."""
    others: tuple[str, ...]
    """Columns of numbers that were not read, the first of them."""
    others_count: int
    gradient_norm: Vector
    """(k,): of all parameters together; NaN where it was not logged."""
    counts: str
    """What a step is here: "step", "epoch" or "row"."""
    hidden: HiddenLoss | None = None
    along: AlongGradient | None = None
    not_along: str | None = None
    """Why the curvature along the gradient does not follow, where loss, rate and norm are there."""
    notes: tuple[str, ...] = ()
    not_judged: tuple[str, ...] = ()
    """The codes of the checks of trainings for which this log has nothing."""
