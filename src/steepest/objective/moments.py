"""What rows sum up to: sizes that can be merged, so that no row has to be kept.

Deviations are summed around the mean of each piece and never around zero, so that a column whose
mean is a billion times its deviation keeps its digits (Chan, Golub and LeVeque 1983). They are kept
as a triangle R of a QR factorization and not as the product RᵀR, which would square the condition
number. Means are pairs of float64, so that merging a million pieces rounds nothing away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.records.arrays import Matrix, Vector

RANK_TOLERANCE = 1e-13
"""Singular values of the design with columns of unit length below this count as zero."""


@dataclass(frozen=True)
class LeastSquares:
    """A model that is linear in its weights, under mse, solved.

    `root` (r, p) has root.T @ root = the Hessian; `solution` (p,) is the one of least scaled norm
    where there are several; `flat` (p, m) spans the combinations that change no prediction.
    """

    root: Matrix
    solution: Vector
    floor: float
    flat: Matrix


@dataclass(frozen=True)
class Moments:
    """Of rows with d numbers each, weighted: total weight, mean, and how they spread around it.

    `triangle` (d, d) has triangle.T @ triangle = the sum of weight * deviation ⊗ deviation. The
    mean is `mean + low` (d,), where `low` is what a float64 has no room for.
    """

    weight: float
    mean: Vector
    low: Vector
    triangle: Matrix

    @property
    def size(self) -> int:
        """How many numbers a row has."""
        return len(self.mean)


def no_moments(size: int) -> Moments:
    """Those of no rows."""
    return Moments(0.0, np.zeros(size), np.zeros(size), np.zeros((size, size)))


def moments_of(rows: Matrix, weight: Vector | None = None) -> Moments:
    """Of rows (n, d), each counted `weight` (n,) times; None counts each once. Two passes.

    >>> found = moments_of(np.array([[1.0], [3.0]]))
    >>> found.weight, float(found.mean[0]), abs(float(found.triangle[0, 0])) ** 2
    (2.0, 2.0, 2.0000000000000004)
    """
    count, size = rows.shape
    if not count:
        return no_moments(size)
    total = float(count) if weight is None else float(np.sum(weight))
    mean = np.average(rows, axis=0, weights=weight)
    centred = rows - mean
    low = np.average(centred, axis=0, weights=weight)
    centred -= low
    if weight is not None:
        centred *= np.sqrt(weight)[:, None]
    return Moments(total, *two_sum(mean, low), triangle_of(centred))


def merged(one: Moments, other: Moments) -> Moments:
    """Of the rows of both.

    >>> halves = [moments_of(np.array([[1.0], [2.0]])), moments_of(np.array([[6.0]]))]
    >>> both = merged(*halves)
    >>> both.weight, float(both.mean[0])
    (3.0, 3.0)
    """
    if not other.weight or not one.weight:
        return one if one.weight else other
    total = one.weight + other.weight
    apart = (other.mean - one.mean) + (other.low - one.low)
    share = other.weight / total
    mean, low = two_sum(one.mean, share * apart)
    between = np.sqrt(one.weight * share) * apart
    return Moments(
        total,
        *two_sum(mean, low + one.low),
        triangle_of(np.vstack([between, one.triangle, other.triangle])),
    )


def two_sum(high: Vector, more: Vector) -> tuple[Vector, Vector]:
    """The rounded sum of two, and what rounding took (Knuth's two-sum).

    Of a sum that is not finite nothing was.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        total = high + more
        part = total - high
        rest = (high - (total - part)) + (more - part)
    return total, np.where(np.isfinite(total), rest, 0.0)


def two_product(values: Vector, factor: float) -> tuple[Vector, Vector]:
    """The rounded products of numbers (n,) and a factor, and what rounding took (Dekker).

    Both in halves of 26 bits, whose products are exact. For numbers up to 1e300.
    """
    product = values * factor
    ours, rest = _halves(values)
    other, other_rest = _halves(factor)
    off = ours * other
    off -= product
    off += ours * other_rest
    off += rest * other
    rest *= other_rest
    off += rest
    return product, off


def _halves(values: Any) -> tuple[Any, Any]:
    moved = values * (2.0**27 + 1)
    high = moved - (moved - values)
    return high, values - high


def residual(design: Matrix, target: Vector, solution: Vector) -> Vector:
    """The target minus design @ solution, computed in twice the digits of a float64, (n,).

    Where both are nearly the same, it is what has to be known of them.
    """
    found, low = target, np.zeros(len(target))
    for column, weight in zip(design.T, solution.tolist(), strict=True):
        product, off = two_product(column, weight)
        found, more = two_sum(found, -product)
        low += more
        low -= off
    return np.asarray(found + low)


def triangle_of(rows: Matrix) -> Matrix:
    """The triangle R (d, d) of a QR factorization of rows (n, d), for any n."""
    size = rows.shape[1]
    found = np.asarray(np.linalg.qr(rows, mode="r"))
    if len(found) == size:
        return found
    return np.vstack([found, np.zeros((size - len(found), size))])


def least_squares(moments: Moments) -> LeastSquares:
    """Solve for the weights with which a design (p columns) gives a target (the last column).

    The squared errors are averaged over the rows' weight.
    """
    size = moments.size - 1
    total = moments.weight
    # The mean's row comes first: where it is by far the largest, the others keep their digits.
    rows = np.vstack([np.sqrt(total) * (moments.mean + moments.low), moments.triangle])
    lengths = np.linalg.norm(rows[:, :size], axis=0)
    lengths[lengths == 0] = 1.0
    factor = triangle_of(np.column_stack([rows[:, :size] / lengths, rows[:, size]]))
    triangle, wanted = factor[:size, :size], factor[:size, size]
    left, singular, right = np.linalg.svd(triangle)
    rank = int(np.sum(singular > RANK_TOLERANCE * max(singular[0], 1e-300)))
    onto = left[:, :rank].T @ wanted
    if rank == size:
        from scipy.linalg import solve_triangular

        # Row by row, which keeps the digits of rows that are small beside the first.
        solution, missed = solve_triangular(triangle, wanted) / lengths, np.zeros(1)
    else:
        solution = (right[:rank].T / singular[:rank]) @ onto / lengths
        missed = wanted - left[:, :rank] @ onto
    # Multiplied by the shortest length, so that dividing by one of 1e-200 does not overflow.
    flat = right[rank:].T * (np.min(lengths) / lengths)[:, None]
    flat = flat / np.maximum(np.linalg.norm(flat, axis=0), 1e-300)
    return LeastSquares(
        root=triangle * lengths * np.sqrt(2.0 / total),
        solution=solution,
        floor=float(factor[size, size] ** 2 + missed @ missed) / total,
        flat=flat,
    )
