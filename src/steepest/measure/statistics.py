"""What the data say about the weights of a least-squares fit, taken at its minimum.

There the model is replaced by its tangent: predictions change by J @ (change of the weights), with
J the Jacobian (n, p). Rows count with W = diag(weight of the row), 1/σ² where standard deviations
are known and 1 elsewhere. The covariance of the weights is s² (JᵀWJ)⁻¹ with s² = RSS/(n - p) and
RSS = Σ w (prediction - target)².

Known standard deviations are taken as relative: only their ratios matter, because s² brings them
to the scatter that the rows have. This is what lmfit does (scale_covar=True) and scipy.optimize
.curve_fit (absolute_sigma=False). For absolute ones, divide every standard error by
`residual_deviation`.

Nothing is inverted: the columns of √W J are brought to unit length, and a QR factorization with
the singular values of its triangle gives a root of the covariance. p counts what the data can tell
apart, that is the rank of J; a weight at its bound counts as held there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from steepest.methods.losses import SQUARED
from steepest.objective.kernels import FormulaKernel
from steepest.objective.moments import RANK_TOLERANCE
from steepest.objective.objective import ROUNDING, Objective, rounding_of
from steepest.objective.scaling import Scaling
from steepest.records.arrays import Matrix, Vector
from steepest.records.choices import Edge
from steepest.records.verdict import Inflation, RowInfluence, Statistics, WeightStatistics

UNDETERMINED = 1e-6
"""A combination with a larger share than this along directions that change nothing is unknown."""

NEAR = 1e-9
"""A weight this close to its bound, relative to the bound, is at it."""

MOST_CORRELATED = 200
"""Up to so many weights all correlations are kept."""

MOST_INFLUENTIAL = 10

NOT_IDENTIFIABLE = (
    "Not identifiable: it can change, alone or together with other weights, and no prediction on "
    "these rows changes."
)
NO_DEGREES = (
    "There are no more rows than weights, so nothing is left over to measure the scatter by."
)
NO_ROWS = "The rows were passed over, and none of them is at hand."
NO_SCATTER = "The residuals are zero to within rounding, and zero has no logarithm."
NO_VARIATION = "The target is the same on every row, so there is nothing to explain."


@dataclass(frozen=True)
class Factors:
    """A design (n, p) with unit columns, factorized; r is its rank.

    `basis` (n, r) is orthonormal and spans the columns. `root` (p, r) has root @ root.T =
    (designᵀ design)⁻¹ on what is determined; design = basis @ triangle (r, p). `null` (p, p - r)
    are the directions that change nothing, in weights times `lengths` (p,), those of the columns.
    """

    basis: Matrix
    root: Matrix
    triangle: Matrix
    null: Matrix
    lengths: Vector

    @property
    def rank(self) -> int:
        """How many combinations of weights the rows can tell apart."""
        return int(self.basis.shape[1])

    def deviations(self, combinations: Matrix) -> Vector:
        """Standard deviations (k,) of combinations @ weights, (k, p), for rows of deviation 1.

        NaN where the data do not determine the combination.
        """
        scaled = combinations / self.lengths
        share = np.linalg.norm(scaled @ self.null, axis=1)
        unknown = share > UNDETERMINED * np.linalg.norm(scaled, axis=1)
        return np.where(unknown, np.nan, np.linalg.norm(combinations @ self.root, axis=1))


def factorized(design: Matrix) -> Factors:
    """Factorize a finite design (n, p). Costs about 4 n p² operations."""
    size = design.shape[1]
    peaks = np.max(np.abs(design), axis=0, initial=0.0)
    peaks[peaks == 0] = 1.0
    lengths = np.linalg.norm(design / peaks, axis=0) * peaks
    lengths[lengths == 0] = 1.0
    basis, triangle = np.linalg.qr(design / lengths)
    left, singular, right = np.linalg.svd(triangle) if size else (triangle, np.zeros(0), triangle)
    rank = int(np.sum(singular > RANK_TOLERANCE * np.max(singular, initial=0.0)))
    return Factors(
        basis=basis @ left[:, :rank],
        root=right[:rank].T / singular[:rank] / lengths[:, None],
        triangle=singular[:rank, None] * right[:rank] * lengths,
        null=right[rank:].T,
        lengths=lengths,
    )


def _weighted(objective: Objective) -> Vector:
    """The root of each row's weight, (n,)."""
    weight = objective.data["rows"]["weight"]
    return np.ones(objective.rows) if weight is None else np.sqrt(np.asarray(weight))


def leverages(objective: Objective, weights: Vector) -> Vector | None:
    """Diagonal (n,) of the hat matrix at weights (p,); None where the Jacobian is not finite.

    How much each row's own target moves its own prediction, to first order: between 0 and 1, and
    their sum is the number of weights that the data tell apart.
    """
    design = objective.jacobian(weights) * _weighted(objective)[:, None]
    if not np.all(np.isfinite(design)):
        return None
    return np.asarray(np.sum(factorized(design).basis ** 2, axis=1))


@dataclass(frozen=True)
class Tangent:
    """A least-squares fit to first order at weights (p,).

    `factors` are those of √W J, its columns those of the free weights; `free` (p,) is False for a
    weight at its bound. `residual`, `target` and `root_weight` are (n,): √w (prediction - target),
    the target as it is, and √w.
    """

    names: tuple[str, ...]
    weights: Vector
    edges: tuple[Edge | None, ...]
    free: npt.NDArray[np.bool_]
    factors: Factors
    residual: Vector
    target: Vector
    root_weight: Vector
    perfect: bool
    """The residuals are zero to within rounding."""

    @property
    def rows(self) -> int:
        """How many rows there are, n."""
        return len(self.residual)

    @property
    def degrees(self) -> int:
        """Degrees of freedom, n - p."""
        return self.rows - self.factors.rank

    @property
    def residual_sum(self) -> float:
        """RSS: the sum of the squared residuals, each times its row's weight."""
        return 0.0 if self.perfect else float(self.residual @ self.residual)

    @property
    def off(self) -> Vector:
        """The residuals, in the coordinates in which `factors.basis` is."""
        return self.residual

    @property
    def size(self) -> float:
        """The length of the target, each row times √w."""
        return float(np.linalg.norm(self.root_weight * self.target))

    @property
    def scatter(self) -> float | None:
        """The residual standard deviation s; None without degrees of freedom."""
        return float(np.sqrt(self.residual_sum / self.degrees)) if self.degrees else None

    @property
    def total(self) -> float | None:
        """Σ w (target - mean)² about the weighted mean; None where that is rounding."""
        weight = self.root_weight**2
        away = self.target - np.average(self.target, weights=weight)
        if np.all(np.abs(away) <= 2 * ROUNDING * np.abs(self.target)):
            return None
        # Squares of numbers below 1e-162 are zero.
        return float(np.sum(weight * away**2)) or None

    def deviations(self, combinations: Matrix) -> Vector:
        """Standard deviations (k,) of combinations @ weights, (k, p), for s = 1; NaN if unknown."""
        return self.factors.deviations(combinations[:, self.free])


@dataclass(frozen=True)
class SummedTangent(Tangent):
    """The same where only is known what the rows sum up to."""

    sums: tuple[int, float, float | None] = (0, 0.0, None)
    """n, RSS, and Σ w (target - mean)²."""
    turned: Vector = field(default_factory=lambda: np.zeros(0))
    """The residuals turned as the rows were; none where the weights are the minimum exactly."""

    @property
    def off(self) -> Vector:
        """As they were turned."""
        return self.turned

    @property
    def size(self) -> float:
        """That of the target about its mean."""
        return math.sqrt(self.total or 0.0)

    @property
    def rows(self) -> int:
        """How many rows there are, n."""
        return self.sums[0]

    @property
    def residual_sum(self) -> float:
        """RSS."""
        return self.sums[1]

    @property
    def total(self) -> float | None:
        """Σ w (target - mean)²; None where that is rounding."""
        return self.sums[2]


def tangent_of_sums(
    names: tuple[str, ...],
    weights: Vector,
    root: Matrix,
    rows: int,
    residual_sum: float,
    total: float | None,
    turned: Vector | None = None,
) -> Tangent:
    """The fit where root.T @ root (k, p) is the design's product with itself.

    `turned` (k,) are the residuals in its coordinates; None at a minimum that is exact.
    """
    nothing = np.zeros(0)
    return SummedTangent(
        names=names,
        weights=weights,
        edges=(None,) * len(names),
        free=np.ones(len(names), dtype=bool),
        factors=factorized(root),
        residual=nothing,
        target=nothing,
        root_weight=nothing,
        perfect=residual_sum == 0,
        sums=(rows, residual_sum, total),
        turned=np.zeros(len(root)) if turned is None else turned,
    )


def edges_of(objective: Objective, weights: Vector) -> tuple[Edge | None, ...]:
    """At which of its bounds each weight (p,) is, if at one."""

    def edge(value: float, low: float, high: float) -> Edge | None:
        # Counting from another point than zero may have cost a bound its last digits.
        if np.isfinite(low) and value <= low + NEAR * abs(low):
            return "lower"
        if np.isfinite(high) and value >= high - NEAR * abs(high):
            return "upper"
        return None

    return tuple(map(edge, weights, objective.lower, objective.upper))


def tangent(objective: Objective, weights: Vector) -> Tangent | None:
    """The fit to first order at weights (p,), its minimum; None where it is not finite there.

    One pass over the rows a weight, then a factorization. Raises TypeError where the loss is not
    a squared error.
    """
    kernel = objective.kernel
    if not isinstance(kernel, FormulaKernel) or kernel.loss_name not in SQUARED:
        raise TypeError("only a least-squares fit has statistics")
    root_weight = _weighted(objective)
    target = np.asarray(objective.data["rows"]["target"])
    prediction = objective.predictions(weights)
    slopes = objective.jacobian(weights)
    design = slopes * root_weight[:, None]
    residual = root_weight * (prediction - target)
    if not (np.all(np.isfinite(design)) and np.all(np.isfinite(residual))):
        return None
    edges = edges_of(objective, weights)
    free = np.array([edge is None for edge in edges])
    noise = root_weight * rounding_of(slopes, prediction, target, weights)
    return Tangent(
        names=objective.names,
        weights=weights,
        edges=edges,
        free=free,
        factors=factorized(design[:, free]),
        residual=residual,
        target=target,
        root_weight=root_weight,
        perfect=bool(residual @ residual <= noise @ noise),
    )


def distance(tangent: Tangent) -> float:
    """How far the weights still are from the minimum, in standard errors (root of their mean).

    This is the relative offset of Bates and Watts (Technometrics 23, 1981, 179-183): the part of
    the residual that the weights could still take away, against the part that they could not,
    each by its degrees of freedom. 0 where the former is rounding or nothing is left over.
    """
    along = tangent.factors.basis.T @ tangent.off
    if tangent.perfect or not tangent.degrees or np.linalg.norm(along) <= 1e-12 * tangent.size:
        return 0.0
    rest = float(np.linalg.norm(tangent.off - tangent.factors.basis @ along))
    across = rest / np.sqrt(tangent.degrees)
    inside = float(np.linalg.norm(along)) / np.sqrt(tangent.factors.rank)
    return float(inside / across) if across > 0 else np.inf


def statistics(
    tangent: Tangent,
    row_numbers: npt.NDArray[np.int64],
    *,
    scaling: Scaling | None = None,
    sigma: str | None = None,
) -> Statistics:
    """Standard errors, correlations, and how well the fit fits.

    `row_numbers` (n,) name the rows, `scaling` carries the weights to the user's units, and
    `sigma` is the column that the rows' standard deviations came from.
    """
    rows, size, degrees = tangent.rows, tangent.factors.rank, tangent.degrees
    rss, scatter, total = tangent.residual_sum, tangent.scatter, tangent.total
    missing: dict[str, str] = {}
    r_squared = adjusted = aic = bic = None
    if total is None:
        missing["r_squared"] = missing["adjusted_r_squared"] = NO_VARIATION
    else:
        r_squared = 1.0 - rss / total
        if degrees:
            adjusted = 1.0 - (rss / degrees) / (total / (rows - 1))
        else:
            missing["adjusted_r_squared"] = NO_DEGREES
    if not degrees:
        names = ("residual_deviation", "reduced_chi_square", "aic", "bic", "influence")
        missing |= dict.fromkeys(names, NO_DEGREES)
    elif rss == 0:
        missing["aic"] = missing["bic"] = NO_SCATTER
    else:
        deviance = rows * float(np.log(rss / rows))
        aic, bic = deviance + 2 * size, deviance + float(np.log(rows)) * size
    if degrees and not len(tangent.residual):
        missing["influence"] = NO_ROWS
    unit = np.eye(len(tangent.names))
    correlations = None
    if len(tangent.names) <= MOST_CORRELATED:
        correlations = _correlations(tangent)
    else:
        missing["correlations"] = f"They are kept for up to {MOST_CORRELATED} weights."
    return Statistics(
        rows=rows,
        free_weights=size,
        degrees_of_freedom=degrees,
        residual_sum=rss,
        residual_deviation=scatter,
        reduced_chi_square=None if scatter is None else rss / degrees,
        r_squared=r_squared,
        adjusted_r_squared=adjusted,
        aic=aic,
        bic=bic,
        weights=_entries(tangent, tangent.weights, unit, unit),
        correlations=correlations,
        user_weights=()
        if scaling is None
        else _entries(tangent, scaling.to_user(tangent.weights), scaling.back, scaling.forward),
        influence=_influence(tangent, row_numbers) if degrees and len(tangent.residual) else (),
        sigma=sigma,
        not_measured=missing,
    )


def _entries(
    tangent: Tangent, values: Vector, combinations: Matrix, inverse: Matrix
) -> tuple[WeightStatistics, ...]:
    """The weights that are `combinations` @ the tangent's; `inverse` @ them are the tangent's."""
    # Where several weights are but one in the tangent's terms, none of them is known.
    apart = np.linalg.norm(combinations @ inverse - np.eye(len(tangent.names)), axis=1)
    size = np.linalg.norm(np.abs(combinations) @ np.abs(inverse), axis=1)
    several = apart > UNDETERMINED * np.maximum(size, 1.0)
    deviations = np.where(several, np.nan, tangent.deviations(combinations))
    inflated = _inflations(tangent, deviations, combinations, inverse)
    entries = []
    for place, name in enumerate(tangent.names):
        # With bounds no columns are scaled, so an entry is the weight itself.
        edge, error, reason = tangent.edges[place], None, None
        known = bool(np.isfinite(deviations[place]))
        if edge is not None:
            reason = f"At its {edge} bound: it is held there, so it has no error of its own."
        elif not known:
            reason = NOT_IDENTIFIABLE
        elif tangent.scatter is None:
            reason = NO_DEGREES
        else:
            error = float(tangent.scatter * deviations[place])
        value, why = float(values[place]), inflated.get(place) if error else None
        entries.append(WeightStatistics(name, value, error, known, edge, reason, why))
    return tuple(entries)


def _inflations(
    tangent: Tangent, deviations: Vector, combinations: Matrix, inverse: Matrix
) -> dict[int, Inflation]:
    """Place of a weight -> how much the others inflate its variance, and which of them most."""
    known = np.flatnonzero(np.isfinite(deviations) & tangent.free)
    if len(known) < 2 or len(deviations) > MOST_CORRELATED:
        return {}
    triangle = tangent.factors.triangle @ inverse[tangent.free]
    root = combinations[known][:, tangent.free] @ tangent.factors.root
    root = root / np.linalg.norm(root, axis=1)[:, None]
    # 1 - ρ² of two that are all but one loses its digits, so it is measured across.
    found = {}
    for at, place in enumerate(known):
        alike = np.clip(root @ root[at], -1.0, 1.0)
        alike[at] = 0.0
        other = int(np.argmax(np.abs(alike)))
        across = root[at] - (root[at] @ root[other]) * root[other]
        factor = float((deviations[place] * np.linalg.norm(triangle[:, place])) ** 2)
        found[int(place)] = Inflation(
            factor=factor,
            partner=tangent.names[known[other]],
            correlation=float(alike[other]),
            left=factor * float(across @ across),
        )
    return found


def _correlations(tangent: Tangent) -> Matrix:
    """Correlations (p, p), NaN beside a weight that has no error."""
    size = len(tangent.names)
    found = np.full((size, size), np.nan)
    known = np.isfinite(tangent.deviations(np.eye(size))) & tangent.free
    root = tangent.factors.root[known[tangent.free]]
    root = root / np.linalg.norm(root, axis=1)[:, None]
    found[np.ix_(known, known)] = np.clip(root @ root.T, -1.0, 1.0)
    np.fill_diagonal(found, np.where(known, 1.0, np.nan))
    return found


def leverages_of(tangent: Tangent) -> Vector:
    """Diagonal (n,) of the hat matrix at the minimum, at most 1."""
    return np.asarray(np.minimum(np.sum(tangent.factors.basis**2, axis=1), 1.0))


def cooks_distances(tangent: Tangent) -> Vector:
    """Cook's distance (n,) of each row: r² h / (p s² (1 - h)²).

    How far all predictions move when the row is left out, to first order, in units of p s². NaN
    where a row decides a weight alone (h = 1), and where there is no scatter to measure by.
    """
    leverage = leverages_of(tangent)
    scatter, size = tangent.scatter, tangent.factors.rank
    if not scatter or not size:
        return np.full(len(leverage), np.nan)
    left = 1.0 - leverage
    left[left <= 1e-10] = np.nan
    return np.asarray((tangent.residual / (scatter * left)) ** 2 * leverage / size)


def _influence(tangent: Tangent, row_numbers: npt.NDArray[np.int64]) -> tuple[RowInfluence, ...]:
    """The rows with the largest Cook's distance first; those that decide a weight before all."""
    leverage, moved = leverages_of(tangent), cooks_distances(tangent)
    strength = np.where(np.isnan(moved), np.inf, moved) if tangent.scatter else leverage
    many = min(MOST_INFLUENTIAL, len(strength))
    # Of equal ones the first, whichever of them a processor would partition off.
    top = np.flatnonzero(~(strength < -np.partition(-strength, many - 1)[many - 1]))
    top = top[np.lexsort((top, -leverage[top], -strength[top]))][:many]
    residual = tangent.residual / tangent.root_weight
    return tuple(
        RowInfluence(
            row=int(row_numbers[place]),
            residual=float(residual[place]),
            leverage=float(leverage[place]),
            cooks_distance=None if np.isnan(moved[place]) else float(moved[place]),
        )
        for place in top
    )


@dataclass(frozen=True)
class Bands:
    """A prediction with its bands on some rows, each (n,); NaN where the data decide nothing."""

    prediction: Vector
    confidence_low: Vector
    confidence_high: Vector
    prediction_low: Vector
    prediction_high: Vector


def bands(
    tangent: Tangent,
    prediction: Vector,
    jacobian: Matrix,
    *,
    level: float,
    row_weight: Vector | None = None,
) -> Bands:
    """Pointwise bands at `level` (0 to 1) on rows with this prediction (n,) and Jacobian (n, p).

    Confidence: where the model's mean lies, prediction ± t s √h with h = jᵀ(JᵀWJ)⁻¹j. Prediction:
    where one new target lies, prediction ± t s √(h + 1/w) with the row's weight w (1 unless
    given). t is Student's quantile with the fit's degrees of freedom, of which there must be some.
    """
    from scipy.stats import t as student

    if tangent.scatter is None:
        raise ValueError("without degrees of freedom there are no bands")
    reach = tangent.scatter * float(student.ppf(0.5 + level / 2, tangent.degrees))
    deviation = tangent.deviations(jacobian)
    own = 1.0 if row_weight is None else 1.0 / row_weight
    mean, single = reach * deviation, reach * np.sqrt(deviation**2 + own)
    return Bands(
        prediction=prediction,
        confidence_low=prediction - mean,
        confidence_high=prediction + mean,
        prediction_low=prediction - single,
        prediction_high=prediction + single,
    )
