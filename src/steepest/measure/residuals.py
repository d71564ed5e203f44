"""What residuals say in closed form: rows that lie off, patterns along a column, growing spread.

Each takes a basis (n, r), orthonormal, of what the weights can change of the predictions to first
order, and residuals (n,) that are as small as the weights can make them; both times the root of
each row's weight. Each gives a chance: how often rows that scatter normally and evenly about the
model look so or worse, at most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from steepest.measure.chances import f_above, normal_below, student_above
from steepest.records.arrays import Matrix, Steps, Vector

LEAST_LEFT = 3
"""With fewer degrees of freedom left over, nothing is said."""

_ALONE = 1e-9
"""A row that leaves less than this of its own residual decides a weight alone."""

DEPENDENT = 1e-6
"""A column of which less than this share is new says what the others say already."""


@dataclass(frozen=True)
class Outlying:
    """A row that lies off; `place` counts the rows at hand."""

    place: int
    leverage: float
    studentized: float
    chance: float


def outlying(
    basis: Matrix, residual: Vector, most: int, level: float, noise: float = 0.0
) -> tuple[Outlying, ...]:
    """Up to `most` rows that lie off what the others say, the farthest first.

    The row with the largest externally studentized residual is taken out, and the next one looked
    for among the others, so that two do not hide each other (generalized extreme studentized
    deviates, Rosner, Technometrics 25, 1983, 165-172). `noise` is the size of rounding.
    """
    kept = np.arange(len(residual))
    found: list[Outlying] = []
    many = 0
    for _ in range(most):
        own = _orthonormal(basis[kept])
        left = residual[kept] - own @ (own.T @ residual[kept])
        leverage = np.minimum(np.sum(own**2, axis=1), 1.0)
        degrees = len(kept) - own.shape[1] - 1
        if degrees < LEAST_LEFT:
            break
        free = np.maximum(1.0 - leverage, _ALONE)
        others = np.maximum((left @ left - left**2 / free) / degrees, noise**2)
        off = np.where(1.0 - leverage > _ALONE, np.abs(left), 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            studentized = np.where(off > 0, off / np.sqrt(others * free), 0.0)
        at = int(np.argmax(studentized))
        chance = 2 * student_above(degrees, float(studentized[at])) * len(kept)
        found.append(
            Outlying(int(kept[at]), float(leverage[at]), float(studentized[at]), min(chance, 1.0))
        )
        if chance < level:
            many = len(found)
        kept = np.delete(kept, at)
    return tuple(found[:many])


def added(basis: Matrix, residual: Vector, columns: Matrix) -> float | None:
    """The chance of what columns (n, k) beside the model would take off the residuals.

    The F test of nested models; None where the columns say what the model says already.
    """
    fresh = fresh_part(basis, columns)
    degrees = len(residual) - basis.shape[1] - columns.shape[1]
    if fresh is None or degrees < LEAST_LEFT:
        return None
    taken = float(np.sum((fresh.T @ residual) ** 2))
    left = float(residual @ residual) - taken
    if left <= 0:
        return 0.0
    many = columns.shape[1]
    return f_above(many, degrees, taken / many / (left / degrees))


def fresh_part(basis: Matrix, columns: Matrix) -> Matrix | None:
    """An orthonormal basis (n, k) of what columns add to `basis`; None where one adds nothing."""
    size = np.linalg.norm(columns, axis=0)
    if not np.all(np.isfinite(size)) or np.any(size == 0):
        return None
    whole = np.concatenate([basis, columns / size], axis=1)
    if whole.shape[0] < whole.shape[1]:
        return None
    found, triangle = np.linalg.qr(whole)
    if np.any(np.abs(np.diag(triangle))[basis.shape[1] :] < DEPENDENT):
        return None
    return np.asarray(found[:, basis.shape[1] :])


def runs(residual: Vector, order: Steps) -> tuple[int, float, float] | None:
    """Runs of one sign in this order, how many are expected, and the chance of so few.

    The test of Wald and Wolfowitz (Annals of Mathematical Statistics 11, 1940, 147-162); None
    where one sign is too rare for it.
    """
    above = residual[order] > 0
    first = int(np.sum(above))
    second = len(above) - first
    if min(first, second) < LEAST_LEFT:
        return None
    many = 1 + int(np.sum(above[1:] != above[:-1]))
    product, rows = 2.0 * first * second, first + second
    expected = 1 + product / rows
    variance = product * (product - rows) / (rows**2 * (rows - 1))
    return many, expected, normal_below((many + 0.5 - expected) / math.sqrt(variance))


def growing_spread(
    residual: Vector, leverage: Vector, prediction: Vector
) -> tuple[float, tuple[float, float]] | None:
    """The chance of residuals whose size goes so with the prediction's, and their two spreads.

    Spearman's rank correlation of |residual|/√(1 - leverage) with |prediction|. The spreads are
    the root mean squares in the third with the smallest and with the largest predictions.
    """
    rows = len(residual)
    third = rows // 3
    if third < LEAST_LEFT:
        return None
    size = np.abs(residual) / np.sqrt(np.maximum(1 - leverage, _ALONE))
    order = np.argsort(np.abs(prediction), kind="stable")
    low = float(np.sqrt(np.mean(residual[order[:third]] ** 2)))
    high = float(np.sqrt(np.mean(residual[order[-third:]] ** 2)))
    ranks = _ranks(size), _ranks(np.abs(prediction))
    if not all(np.ptp(one) > 0 for one in ranks):
        return None  # All are of one size, so that nothing can go with it.
    together = float(np.corrcoef(*ranks)[0, 1])
    if not together > 0:
        return None
    if together >= 1:
        return 0.0, (low, high)
    degrees = rows - 2
    far = together * math.sqrt(degrees / (1 - together**2))
    return student_above(degrees, far), (low, high)


def _ranks(values: Vector) -> Vector:
    _, place, many = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(many)
    # Equal values share the mean of their places.
    return np.asarray((last - (many - 1) / 2)[place], dtype=np.float64)


def _orthonormal(columns: Matrix) -> Matrix:
    left, size, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left[:, size > 1e-10 * np.max(size, initial=0.0)])
