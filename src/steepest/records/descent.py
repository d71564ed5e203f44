"""A descent that was run, its trace, its goal, and descents compared."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from steepest.records.arrays import Matrix, Steps, Vector
from steepest.records.choices import Stopped, Word
from steepest.records.point import Minimum
from steepest.records.problem import Problem, Settings


@dataclass(frozen=True)
class Trace:
    """The record of a descent, thinned evenly where it is long.

    `step` is (k,), int64, from 0 (the start, before any step); `loss` is (k,);
    `weights` and `gradient` are (k, p), columns in the order of `names`.
    `validation` is (k,) or None.
    """

    names: tuple[str, ...]
    step: Steps
    loss: Vector
    weights: Matrix
    gradient: Matrix
    validation: Vector | None = None

    def __len__(self) -> int:
        return len(self.step)


@dataclass(frozen=True)
class Descent:
    """One run of an optimizer over an objective, and how it ended."""

    optimizer: str
    lr: float
    """NaN for a solver that chooses the length of its steps by itself; the largest where each
    weight has its own learning rate."""
    lr_chosen: Literal["given", "auto"]
    momentum: float | None
    steps: int
    stopped: Stopped
    stopped_why: str
    seconds: float
    final_loss: float
    """Loss at the last step whose loss and weights were finite."""
    final_step: int
    """That step. It differs from `steps` only where the descent left the finite numbers."""
    first_loss: float
    lowest_loss: float
    lowest_step: int
    tenfold_step: int | None = None
    """First step at which the loss passed ten times its start."""
    goal_step: int | None = None
    """First step at which the loss was within the goal, if one was set and reached."""
    stays_step: int | None = None
    """First step from which on it was so for a tenth longer, or to the end; None where it ended
    above the goal."""
    non_finite_step: int | None = None
    growing: bool = False
    """The loss rose over the last steps."""
    turn: float | None = None
    """Cosine between the last two steps: -1 where the weights jump to and fro."""
    validation_lowest_step: int | None = None
    recent_fall: float | None = None
    """How much of the loss the last step took off, (before - after) / |after|."""
    rates: Mapping[str, float] = field(default_factory=dict)
    """The learning rate of each weight; empty where all have the same."""


@dataclass(frozen=True)
class Goal:
    """What counts as having arrived: a loss at or below `loss`."""

    loss: float
    to: str
    """In words: "within 1 % of the minimum", or "the loss this run ended with"."""


@dataclass(frozen=True)
class Forecast:
    """Steps from step 0 to the goal with this optimizer and learning rate."""

    to: str
    steps: int | None
    basis: str
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True)
class RateTrial:
    """One learning rate and how many steps it takes to the goal."""

    lr: float
    steps: int | None
    """None where the goal was not reached in `limit` steps, or never will be."""
    limit: int | None
    """How many steps were run; None where more of them change nothing: the closed form answered,
    or the descent stands still."""
    lowest_loss: float
    diverged: bool
    measured: bool
    """True: it was run. False: from the closed form of a quadratic."""
    left: bool = False
    """Whether it was run on from the goal, and was off it again: `steps`, where there are any, are
    those to the goal, and without them it does not stay."""

    @property
    def stands_short(self) -> bool:
        """Whether it was run until it stood still, and that is not at the goal."""
        return self.measured and not self.diverged and self.steps is None and self.limit is None


@dataclass(frozen=True)
class RateStudy:
    """Steps to the goal against the learning rate, with everything else as it was."""

    goal: Goal
    own: RateTrial
    trials: tuple[RateTrial, ...]
    best: RateTrial | None
    """The quickest of them, run."""
    calm: RateTrial | None = None
    """A tenth of the quickest learning rate, run until it arrived or stood still."""

    @property
    def by_luck(self) -> bool:
        """Whether the quickest arrived by jumping out of the valley that calmer ones end in."""
        return self.calm is not None and self.calm.stands_short


@dataclass(frozen=True)
class SweptRate:
    """One learning rate of a sweep, from all its starts."""

    lr: float
    zone: Word
    trials: tuple[RateTrial, ...]
    """One a start."""

    @property
    def diverged(self) -> bool:
        """True where it diverged from at least one start."""
        return any(trial.diverged for trial in self.trials)

    @property
    def middle(self) -> RateTrial:
        """The trial in the middle, the quickest first; of two the slower one."""
        return sorted(
            self.trials,
            key=lambda trial: (
                trial.diverged,
                math.inf if trial.steps is None else trial.steps,
                trial.lowest_loss,
            ),
        )[len(self.trials) // 2]

    @property
    def steps(self) -> int | None:
        """Steps to the goal from the middle start; None where it never arrived or one diverged."""
        return None if self.diverged else self.middle.steps

    @property
    def needed(self) -> float:
        """Steps that it needs at least: infinite where it never gets there."""
        if self.steps is not None:
            return self.steps
        if self.diverged or self.middle.left or self.middle.limit is None:
            return math.inf
        return self.middle.limit + 1

    @property
    def measured(self) -> bool:
        """True where every trial was run, False where a closed form answered for one."""
        return all(trial.measured for trial in self.trials)


@dataclass(frozen=True)
class SweepRecord:
    """Many learning rates on one problem, from one or more starts."""

    version: str
    problem: Problem
    settings: Settings
    """`steps` is the limit that the runs had."""
    momentum: float | None
    starts: tuple[Mapping[str, float], ...]
    """In the user's own units."""
    rates: tuple[SweptRate, ...]
    """From the smallest learning rate to the largest."""
    best: SweptRate | None
    """The quickest to the goal; the one with the lowest loss where none arrived."""
    headline: str
    seconds: float
    goal: Goal | None = None
    minimum: Minimum | None = None
    stability_limit: float | None = None
    stability_limit_at: Literal["start", "minimum"] | None = None
    largest_stable: float | None = None
    """The largest learning rate below the smallest one that diverged."""
    smallest_diverging: float | None = None
    not_measured: Mapping[str, str] = field(default_factory=dict)
    call: Mapping[str, object] = field(default_factory=dict)
    """The options as the user gave them, by their long names."""
