"""What was measured, and what is said of it: statistics, findings, verdict, remedies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from steepest.records.arrays import Matrix
from steepest.records.choices import Edge, Severity, Word
from steepest.records.descent import Descent, Forecast, Goal, RateStudy
from steepest.records.fitted import Apart, DecidingRows, Misfit, StillWeight
from steepest.records.point import BatchLimit, Breakdown, Escape, Minimum, Spectrum
from steepest.records.problem import Problem, Settings


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
class Inflation:
    """Why the error of a weight is larger than it would be, were the other weights known."""

    factor: float
    """Of its variance: 1/(1 - R²), with R² the share of the squares of its column in the Jacobian
    that the columns of the other weights make up for, none of them centred."""
    partner: str
    """The weight that is most to blame: were it known, most would be gone."""
    correlation: float
    """Of the estimates of the two."""
    left: float
    """The factor if this one were known, factor * (1 - correlation²)."""


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
    inflation: Inflation | None = None


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
class Hovering:
    """A descent whose loss falls no more and goes up and down, and gets lower with a calmer rate.

    Its steps follow the noise of batches, or leap over a kink, towards which no slope shrinks.
    """

    since: int
    """From this step on the loss is averaged."""
    loss: float
    """The mean, and between what it goes up and down."""
    low: float
    high: float
    later: float
    """The mean over the second half, run on for as many steps again."""
    lr: float
    """A calmer learning rate."""
    calmer: float
    """The mean over the second half with it, in `longer` times as many steps."""
    longer: int
    cause: Literal["batches", "kink"] = "batches"


@dataclass(frozen=True)
class Leaving:
    """A descent that ended at its goal, and is off it again when it is run on."""

    at: int
    """The step at which it is."""
    stays: int | None
    """The step from which on it is there to stay; None where it is not, in `walked` steps."""
    walked: int


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
    """That of this optimizer and batch size."""
    minimum_limit: float | None = None
    """That at the minimum, where it changes with the weights and the descent is not there."""
    batch_limit: BatchLimit | None = None
    minimum: Minimum | None = None
    goal: Goal | None = None
    forecast: Forecast | None = None
    rates: RateStudy | None = None
    columns: tuple[ColumnFacts, ...] = ()
    scalable: bool = True
    """Whether these columns can be scaled without changing the model."""
    row_shares: tuple[RowShare, ...] = ()
    breakdown: Breakdown | None = None
    reference_loss: float | None = None
    """Loss of the best constant prediction (`fit`)."""
    lower_minimum: Minimum | None = None
    """A lower minimum than the one this descent has settled in."""
    heading: float | None = None
    """The loss of the local minimum, above the goal, that this descent goes down to if it is run
    on."""
    apart: Apart | None = None
    not_measured: Mapping[str, str] = field(default_factory=dict)
    statistics: Statistics | None = None
    escape: Escape | None = None
    """The way down, where the descent ended with a negative curvature."""
    rounding: float = 0.0
    """A loss of this size is zero to within rounding, at the size of the numbers in it."""
    minimum_spectrum: Spectrum | None = None
    """At the known minimum, measured where the descent ended with a negative curvature."""
    deciding: DecidingRows | None = None
    """Rows that decide a least-squares fit, found at its minimum."""
    misfit: Misfit | None = None
    """What the residuals of a least-squares fit still show, at its minimum."""
    start: Mapping[str, float] = field(default_factory=dict)
    """Where the descent began."""
    still: tuple[StillWeight, ...] = ()
    """Weights of a curved model that have no gradient."""
    hovering: Hovering | None = None
    leaving: Leaving | None = None


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
    held_out: tuple[float, float] | None = None
    """The mean loss of rows held out in turn, with it and without it, where that is its proof."""
