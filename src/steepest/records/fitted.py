"""Whether a least-squares fit can be trusted, at its minimum: what was found, and its proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True)
class OutlyingRow:
    """A row that lies off what all others say. `residual` is prediction - target."""

    row: int
    target: float
    without: float
    """What the fit without the rows in question predicts for it."""
    leverage: float
    cooks_distance: float | None
    studentized: float
    """How far it is off, in standard deviations of the scatter that the other rows have."""
    chance: float
    """How often the farthest of so many rows is as far off by chance, at most."""


@dataclass(frozen=True)
class MovedWeight:
    """A weight with all rows and without those in question."""

    weight: str
    value: float
    without: float
    error: float
    """Its standard error without them."""
    huber: float | None = None
    """With all rows and the loss huber."""

    @property
    def moved(self) -> float:
        """How far it moves, in standard errors."""
        return abs(self.without - self.value) / self.error


@dataclass(frozen=True)
class DecidingRows:
    """Rows that lie off what the others say and move the weights: the fit without them was run."""

    rows: tuple[OutlyingRow, ...]
    weights: tuple[MovedWeight, ...]
    """The one that moves most first."""
    scatter: float
    scatter_without: float


@dataclass(frozen=True)
class Refit:
    """Another model, fitted to parts of the rows and tried on the rows held out each time."""

    change: Literal["term", "log", "sigma"]
    formula: str
    sigma: str | None
    parts: int
    """Into so many parts the rows were cut; each was held out once."""
    likelihood: float
    """The log of how many times as likely it makes the targets held out, over all of them."""
    loss: float | None
    """Mean squared error on the rows held out; None where rows count otherwise than before."""
    loss_before: float
    off: float | None
    """The middle one of |prediction - target| / |target| on the rows held out."""
    off_before: float | None


@dataclass(frozen=True)
class Misfit:
    """What residuals still show of a column or the prediction, and what follows it better."""

    kind: Literal["curved", "runs", "spread"]
    along: str | None
    """The column; None: the prediction."""
    chance: float
    """How often residuals without a pattern look so, at most."""
    runs: int | None = None
    """So many runs of residuals of one sign, in the order of `along`."""
    expected_runs: float | None = None
    spread: tuple[float, float] | None = None
    """The residuals' root mean square in the third with the smallest and with the largest
    predictions."""
    refit: Refit | None = None
    """The best of those tried; None where none of them does better on rows held out."""
    tried: tuple[str, ...] = ()
    """The formulas of all that were tried."""


@dataclass(frozen=True)
class Apart:
    """Classes that can be told apart: the mean loss of rows held out, each part of them once."""

    parts: int
    end: float
    """After as many steps as the descent made."""
    step: int
    """Where it is lowest on the way, and"""
    best: float
    """what it is there."""
    soft: float
    """At the minimum with softer targets."""

    @property
    def stopping_helps(self) -> bool:
        """Whether it is lower on the way than at its end, by more than a hundredth."""
        return self.best < _LESS * self.end

    @property
    def softening_helps(self) -> bool:
        """Whether softer targets make it lower than at the end, by more than a hundredth."""
        return self.soft < _LESS * self.end


_LESS: Final = 0.99


@dataclass(frozen=True)
class StillWeight:
    """A weight that no step moves to where the minimum has it, because its gradient is gone.

    `kind` is "condition" where the formula alone shows it: the weight stands only where a
    condition is asked. Else the gradient is zero, or so small that it says nothing, on every row.
    """

    weight: str
    kind: Literal["condition", "zero", "small"]
    since: int
    """From this step on, or from one of the steps just before it that were not looked at."""
    share: float
    """What moving it to where the minimum has it does to the predictions, to first order, in units
    of the target's deviation."""
    minimum: float | None
    """Its value at the minimum."""
    node: str | None = None
    """The part of the formula that has no slope, with `value` on every row, to within `within`."""
    value: float = 0.0
    within: float = 0.0
