"""The loss around a descent: along one weight, and over two.

All points are losses of one compiled function, a chunk of them at once, so that memory stays
bounded whatever the number of rows. Along a weight in which the model is linear a whole line costs
what two of its points would; where no function is of both weights, each is computed once a line.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steepest.engine.effort import compiled
from steepest.engine.late import jax
from steepest.engine.xla import in_float64
from steepest.measure.parabolas import has_parabolas, parabolas
from steepest.measure.shared_terms import over_shared, shares_terms
from steepest.objective.kernels import Data, Kernel
from steepest.objective.objective import Objective
from steepest.records.arrays import Matrix, Vector

CHUNK_ELEMENTS = 4_000_000
"""Rows times points that are held at once, roughly."""

MARGIN = 0.1
"""Of a default span, on either side of what it contains."""

_LARGEST = 1e300


@compiled("kernel")
def _losses(kernel: Kernel, positions: jax.Array, data: Data) -> jax.Array:
    found: jax.Array = jax.vmap(lambda at: kernel.loss(at, data))(positions)
    return found


@in_float64
def losses(objective: Objective, weights: Matrix) -> Vector:
    """The loss (m,) at each of many weights (m, p). m passes over the rows."""
    length = _at_once(objective, len(weights))
    found = []
    for first in range(0, len(weights), length):
        chunk = objective.position(weights[first : first + length])
        # The last chunk is filled up, so that it has the shape that is compiled.
        filled = np.concatenate([chunk, np.repeat(chunk[-1:], length - len(chunk), axis=0)])
        found.append(np.asarray(_losses(objective.kernel, filled, objective.data))[: len(chunk)])
    return np.concatenate(found)


def along(objective: Objective, at: Vector, place: int, values: Vector) -> Vector:
    """The loss (m,) with weight number `place` at each of `values` (m,), the others as in `at`."""
    found: Vector = _lines(objective, at[None, :], place, values)[0]
    return found


def over(objective: Objective, at: Vector, places: tuple[int, int], x: Vector, y: Vector) -> Matrix:
    """The loss (n, m) over two weights: the first at `x` (m,), the second at `y` (n,)."""
    fewer_lines = sorted(((len(y), 0), (len(x), 1)))
    lines = next((k for _, k in fewer_lines if has_parabolas(objective, places[k])), None)
    if lines is None and shares_terms(objective, places):
        return over_shared(objective, at, places, x, y)
    best = lines or 0
    values, others = (x, y) if best == 0 else (y, x)
    weights = np.tile(at, (len(others), 1))
    weights[:, places[1 - best]] = others
    found = _lines(objective, weights, places[best], values)
    return found if best == 0 else np.ascontiguousarray(found.T)


def _lines(objective: Objective, weights: Matrix, place: int, values: Vector) -> Matrix:
    """The loss (k, m) with weight number `place` at `values` (m,), the others as in each row."""
    if has_parabolas(objective, place):
        found = parabolas(objective, place, weights, _at_once(objective, len(weights)))
        lines = found.at(values)
        # Where a number overflows on the way, only the point itself can tell what it is.
        again = np.flatnonzero(~np.all(np.isfinite(lines), axis=1))
        if len(again):
            lines[again] = _points(objective, weights[again], place, values)
        return lines
    return _points(objective, weights, place, values)


def _points(objective: Objective, weights: Matrix, place: int, values: Vector) -> Matrix:
    points = np.repeat(weights, len(values), axis=0)
    points[:, place] = np.tile(values, len(weights))
    return losses(objective, points).reshape(len(weights), len(values))


def _at_once(objective: Objective, count: int) -> int:
    return max(1, min(count, CHUNK_ELEMENTS // max(objective.work, 1)))


def span_around(values: Sequence[float] | Vector) -> tuple[float, float]:
    """A span that contains the finite ones of `values`, with a margin on either side.

    Where they are all the same it is half of their size to either side, and 1 around 0.

    >>> span_around([0.0, 10.0]), span_around([4.0]), span_around([0.0])
    ((-1.0, 11.0), (2.0, 6.0), (-1.0, 1.0))
    """
    given = np.asarray(values, dtype=np.float64)
    given = np.clip(given[np.isfinite(given)], -_LARGEST, _LARGEST)
    if not len(given):
        return -1.0, 1.0
    low, high = float(np.min(given)), float(np.max(given))
    size = max(abs(low), abs(high))
    # A difference in the last digits is rounding, and no span to look at.
    apart = high - low > 1e-9 * size
    margin = MARGIN * (high - low) if apart else 0.5 * size or 1.0
    return low - margin, high + margin
