"""The frozen records that cross every boundary. The nouns are those of the design.

Arrays are float64 unless said otherwise, and nobody writes into them. `n` is the number of
rows, `p` the number of weights, `k` the number of recorded steps. What was not measured is
None, and `Measurements.not_measured` says why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]
Steps = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

Command = Literal["fit", "minimize"]
KeptCommand = Literal["fit", "minimize", "watch", "train"]
"""What a store keeps runs of."""
Stopped = Literal[
    "step limit", "converged", "diverged", "patience", "time limit", "interrupted", "goal"
]
Word = Literal["too small", "just right", "too large", "not measured"]
Severity = Literal["error", "warning", "info"]
Edge = Literal["lower", "upper"]
"""Which of its bounds a weight is at."""
Status = Literal["running", "finished", "interrupted", "killed"]
"""Of a kept run. Killed: its process is gone, and it had not said how it ended."""


@dataclass(frozen=True)
class Problem:
    """What is minimized."""

    command: Command
    formula: str
    weights: tuple[str, ...]
    linear_in_weights: bool
    loss: str | None = None
    gives: Literal["value", "logit", "probability"] = "value"
    target: str | None = None
    columns: tuple[str, ...] = ()
    source: str | None = None
    rows: int | None = None
    rows_read: int | None = None
    missing: Mapping[str, int] = field(default_factory=dict)
    non_finite: Mapping[str, int] = field(default_factory=dict)
    excluded_by_where: int = 0
    validation_rows: int = 0
    standardized: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Column -> (subtracted, divided by); empty where the columns were left alone."""
    rescaled: Mapping[str, float] = field(default_factory=dict)
    """Weight -> the unit it is counted in; empty where all are counted as they are."""
    doubtful_names: tuple[tuple[str, str], ...] = ()
    """(weight, column with nearly the same name)."""
    sigma: str | None = None
    drawn: int | None = None
    """Rows that were drawn evenly and held, where the others were only passed over; else None."""
    processes: int = 1
    """Over how many the rows were spread."""
    constant: bool = False
    """No column is in the model, so that it predicts the same for every row."""


@dataclass(frozen=True)
class Settings:
    """How to descend. `lr` None means: choose it from what was measured."""

    optimizer: str = "gd"
    lr: float | None = None
    momentum: float | None = None
    steps: int = 1000
    start: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    batch_size: int | None = None
    validation: float | None = None
    patience: int | None = None
    time_limit: float | None = None
    tolerance: float = 0.0


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
    """NaN for a solver that chooses the length of its steps by itself."""
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
    non_finite_step: int | None = None
    growing: bool = False
    """The loss rose over the last steps."""
    turn: float | None = None
    """Cosine between the last two steps: -1 where the weights jump to and fro."""
    validation_lowest_step: int | None = None
    recent_fall: float | None = None
    """How much of the loss the last step took off, (before - after) / |after|."""


@dataclass(frozen=True)
class Pull:
    """What one data row adds to one partial. The pulls of all rows add up to the partial."""

    row: int
    amount: float
    share: float | None
    """amount / partial; None where the partial is zero."""


@dataclass(frozen=True)
class Nudge:
    """The change of the loss when one weight alone is raised by `by`."""

    by: float
    predicted: float
    actual: float


@dataclass(frozen=True)
class Partial:
    """One entry of the gradient, explained. All of it is taken at one step."""

    weight: str
    value: float
    amount: float
    text: str | None
    """The derivative in the formula's own notation; None where it is too long to write out."""
    latex: str | None
    nudge: Nudge | None = None
    pulls: tuple[Pull, ...] = ()
    at_bound: Edge | None = None


@dataclass(frozen=True)
class Taylor:
    """What a step was predicted to do to the loss, and what it did."""

    first_order: float
    second_order: float | None
    actual: float


@dataclass(frozen=True)
class BackwardNode:
    """One node of the formula or the loss with its value and its adjoint.

    `value` and `adjoint` are (n,) where the node differs by row, else (); the adjoint is the
    derivative of the loss by this node, so the adjoint of a weight is its partial.
    """

    text: str
    operation: str
    inputs: tuple[int, ...]
    value: Vector
    adjoint: Vector


@dataclass(frozen=True)
class Explanation:
    """Every gradient's meaning at one step."""

    step: int
    loss: float
    partials: tuple[Partial, ...]
    taylor: Taylor | None = None
    backward: tuple[BackwardNode, ...] = ()
    """In the order in which the values are computed; read it from the end for `backward()`."""
    row_numbers: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues of the Hessian, largest first, each with its residual |Hv - λv| / |λ_max|.

    `values` is (m,), `vectors` (p, m), m = p where the Hessian is small enough to be dense.
    `preconditioned` names the optimizer whose scaling was applied, if any.
    """

    at: Literal["start", "end", "minimum"]
    values: Vector
    vectors: Matrix
    residuals: Vector
    complete: bool
    preconditioned: str | None = None
    tolerance: float = 1e-6
    held: tuple[str, ...] = ()
    """Weights that the gradient presses against a bound: the others alone move and count here."""

    @property
    def residual(self) -> float:
        """The worst residual."""
        return float(np.max(self.residuals)) if len(self.residuals) else 0.0

    @property
    def measured(self) -> bool:
        """False where an eigenvalue did not converge."""
        return bool(np.all(np.isfinite(self.values))) and self.residual <= self.tolerance

    @property
    def largest(self) -> float:
        """The largest eigenvalue."""
        return float(self.values[0])

    @property
    def smallest(self) -> float:
        """The smallest eigenvalue (the most negative one where there is one)."""
        return float(self.values[-1])

    @property
    def noise(self) -> float:
        """Below this an eigenvalue cannot be told from zero."""
        top = float(np.max(np.abs(self.values))) if len(self.values) else 0.0
        return top * len(self.vectors) * 4 * float(np.finfo(float).eps)

    @property
    def condition(self) -> float | None:
        """Largest over smallest eigenvalue; None where one is not positive."""
        if not self.complete or self.smallest <= 0 or self.largest <= 0:
            return None
        return self.largest / self.smallest

    @property
    def most_negative(self) -> float | None:
        """The most negative eigenvalue, None where none is below zero by more than noise."""
        return self.smallest if self.smallest < -self.noise else None


@dataclass(frozen=True)
class Minimum:
    """The lowest loss known from any source."""

    loss: float
    weights: Mapping[str, float]
    found_by: str
    unbounded: bool = False
    """True where the loss was seen to fall without end, so that no minimum exists."""
    separable: bool = False
    """True where classes can be told apart without an error, so that the weights grow for ever and
    no minimum exists; `loss` is the infimum."""
    flat: tuple[Mapping[str, float], ...] = ()
    """Combinations of weights along which the loss does not change, one unit vector each."""
    start: Mapping[str, float] | None = None
    """From where it was found."""
    growing: tuple[str, ...] = ()
    """Weights that go to infinity while the loss nears `loss` and never reaches it, so that no
    minimum exists."""

    @property
    def exists(self) -> bool:
        """False where the loss falls for ever: then this is the lowest point that was seen."""
        return not (self.unbounded or self.separable or self.growing)


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


@dataclass(frozen=True)
class RateStudy:
    """Steps to the goal against the learning rate, with everything else as it was."""

    goal: Goal
    own: RateTrial
    trials: tuple[RateTrial, ...]
    best: RateTrial | None
    """The quickest of them, run."""


@dataclass(frozen=True)
class ColumnFacts:
    """What a column is like on the rows in use."""

    name: str
    mean: float
    deviation: float
    largest: float
    duplicate_of: str | None = None


@dataclass(frozen=True)
class RowShare:
    """How much of all weights' pulls one row makes, and its leverage."""

    row: int
    share: float
    leverage: float | None = None


@dataclass(frozen=True)
class WeightStatistics:
    """A weight at the minimum with its standard error; where that is None, `reason` says why."""

    weight: str
    value: float
    error: float | None
    identifiable: bool = True
    """False where it can change, alone or with others, and no prediction changes."""
    at_bound: Edge | None = None
    reason: str | None = None


@dataclass(frozen=True)
class RowInfluence:
    """What one row does to the fit. `residual` is prediction - target."""

    row: int
    residual: float
    leverage: float
    """How much its own target moves its own prediction, from 0 to 1."""
    cooks_distance: float | None
    """How far all predictions move without it; None where it decides a weight alone."""


@dataclass(frozen=True)
class Statistics:
    """How sure a least-squares fit is of its weights, at the known minimum.

    n rows, p weights that the data can tell apart (a weight at its bound is held and does not
    count), RSS = Σ w (prediction - target)² with w = 1/σ² where σ is known, else 1. Known standard
    deviations are relative: the errors are scaled by the reduced chi-square. What is None has its
    reason in `not_measured`.
    """

    rows: int
    free_weights: int
    """p."""
    degrees_of_freedom: int
    """n - p."""
    residual_sum: float
    """RSS; 0 where every residual is rounding."""
    residual_deviation: float | None
    """s = √(RSS/(n - p)), in units of σ where σ is known."""
    reduced_chi_square: float | None
    """RSS/(n - p)."""
    r_squared: float | None
    """1 - RSS/Σ w (target - mean)², the mean weighted too."""
    adjusted_r_squared: float | None
    """1 - (1 - R²)(n - 1)/(n - p)."""
    aic: float | None
    """n log(RSS/n) + 2 p, without the constants that are the same for every model."""
    bic: float | None
    """n log(RSS/n) + p log n."""
    weights: tuple[WeightStatistics, ...]
    correlations: Matrix | None = None
    """(p, p) in the order of `weights`, NaN beside a weight without an error."""
    user_weights: tuple[WeightStatistics, ...] = ()
    """The same weights for the columns as they are, where they were scaled."""
    influence: tuple[RowInfluence, ...] = ()
    """The rows that the fit depends on most, by Cook's distance."""
    sigma: str | None = None
    """The column of the rows' standard deviations."""
    not_measured: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Breakdown:
    """Where a value stopped being finite."""

    step: int
    where: str
    weight: str | None
    row: int | None


@dataclass(frozen=True)
class Escape:
    """A way down from a saddle point: a step along a direction, and what it did to the loss."""

    direction: Mapping[str, float]
    """A unit vector: that of the most negative curvature."""
    by: float
    """How far along it; negative the other way."""
    change: float
    """The loss there minus the loss here."""


@dataclass(frozen=True)
class Measurements:
    """All that the checks may look at. Judging measures nothing."""

    problem: Problem
    settings: Settings
    descent: Descent
    final_gradient: Mapping[str, float]
    first_gradient: Mapping[str, float]
    final_weights: Mapping[str, float]
    spectrum: Spectrum | None = None
    stability_limit: float | None = None
    minimum: Minimum | None = None
    goal: Goal | None = None
    forecast: Forecast | None = None
    rates: RateStudy | None = None
    columns: tuple[ColumnFacts, ...] = ()
    row_shares: tuple[RowShare, ...] = ()
    rows_alike: int = 0
    breakdown: Breakdown | None = None
    reference_loss: float | None = None
    """Loss of the best constant prediction (`fit`)."""
    lower_minimum: Minimum | None = None
    """A lower minimum than the one this descent is heading for."""
    not_measured: Mapping[str, str] = field(default_factory=dict)
    statistics: Statistics | None = None
    escape: Escape | None = None
    """The way down, where the descent ended with a negative curvature."""
    rounding: float = 0.0
    """A loss of this size is zero to within rounding, at the size of the numbers in it."""
    minimum_spectrum: Spectrum | None = None
    """At the known minimum, measured where the descent ended with a negative curvature."""


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    code: str
    severity: Severity
    sentence: str
    evidence: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """The findings together, with one headline."""

    learning_rate: Word
    headline: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Remedy:
    """A change to the descent that was run, with the predicted and the measured outcome."""

    change: str
    sentence: str
    command: str
    python: str
    predicted_steps: int | None
    measured_steps: int | None
    """To the goal. Its command makes a few more, in round numbers."""
    measured_loss: float
    """The loss that its command ends with."""
    reached: bool
    weights: Mapping[str, float] = field(default_factory=dict)
    """In the user's own units."""
    settings: Settings | None = None
    options: Mapping[str, object] | None = None
    """The options of its command, by their long names."""


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
        if self.diverged or self.middle.limit is None:
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


@dataclass(frozen=True)
class Slice:
    """The loss along one weight, the others held where the descent stood at `step`.

    Weights are those of the descent, so for the scaled columns where they were scaled.
    """

    weight: str
    values: Vector
    """Of the weight, (m,), evenly spaced."""
    loss: Vector
    """(m,), not finite where the formula is not."""
    step: int
    here: Mapping[str, float]
    """All weights at that step."""
    loss_here: float
    slope: float
    """The partial there: the slope of the tangent."""
    path_step: Steps
    """Of the recorded path, (k,)."""
    path: Vector
    """The weight along it, (k,)."""
    path_loss: Vector
    """(k,); not on the slice, because the other weights moved too."""
    minimum: float | None = None
    """The weight at the known minimum."""


@dataclass(frozen=True)
class Landscape:
    """The loss over two weights, the others held where the descent stood at `step`.

    Weights are those of the descent, so for the scaled columns where they were scaled.
    """

    weights: tuple[str, str]
    x: Vector
    """Of the first weight, (m,), evenly spaced."""
    y: Vector
    """Of the second, (n,)."""
    loss: Matrix
    """(n, m): a row for each value of the second weight; not finite where the formula is not."""
    step: int
    here: Mapping[str, float]
    """All weights at that step."""
    loss_here: float
    path_step: Steps
    """Of the recorded path, (k,)."""
    path: Matrix
    """The two weights along it, (k, 2)."""
    path_loss: Vector
    """(k,); on the surface only where the other weights are those at `step`."""
    minimum: tuple[float, float] | None = None
    """The two weights at the known minimum."""
