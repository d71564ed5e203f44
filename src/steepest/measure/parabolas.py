"""The loss along a weight in which the model is linear: under a squared loss, a parabola.

`a*exp(b*time) + c` is no quadratic of its weights, but for any b it is one of a. Two passes over
the rows give the whole line, however many points of it are wanted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steepest.engine.effort import compiled
from steepest.engine.late import jax, jnp
from steepest.engine.xla import in_float64
from steepest.formula.structure import is_linear
from steepest.methods.losses import RMSE, SQUARED
from steepest.objective.kernels import Data, FormulaKernel, QuadraticKernel, of_weights
from steepest.objective.losses import mean
from steepest.objective.objective import Objective
from steepest.records.arrays import Matrix, Vector


@dataclass(frozen=True)
class Parabolas:
    """k lines, each (k,): with d = weight - `middle`, level + d*(2*slope + curvature*d).

    The middle is where the line is lowest, to rounding, so that nothing cancels near there; the
    slope is what rounding left.
    """

    middle: Vector
    level: Vector
    slope: Vector
    curvature: Vector
    rooted: bool
    """Whether the loss is the root of it."""

    def at(self, values: Vector) -> Matrix:
        """The loss (k, m) where the weight is each of `values` (m,); NaN where it overflows."""
        with np.errstate(over="ignore", invalid="ignore"):
            apart = values[None, :] - self.middle[:, None]
            found = self.curvature[:, None] * apart
            found += 2.0 * self.slope[:, None]
            found *= apart
            found += self.level[:, None]
            # What is left of a perfect fit may round to less than nothing.
            np.maximum(found, 0.0, out=found)
            return np.sqrt(found) if self.rooted else found


def has_parabolas(objective: Objective, place: int) -> bool:
    """Whether the loss along weight number `place` is a parabola, or the root of one."""
    kernel = of_weights(objective.kernel)
    return isinstance(kernel, QuadraticKernel) or (
        isinstance(kernel, FormulaKernel)
        and kernel.loss_name in SQUARED
        and objective.rows > 0
        and is_linear(kernel.model, (objective.names[place],))
    )


@in_float64
def parabolas(objective: Objective, place: int, weights: Matrix, length: int) -> Parabolas:
    """The loss along weight number `place`, the others at each of `weights` (k, p).

    `length` lines are worked on at once. Two passes over the rows a line; none for a quadratic.
    """
    kernel = of_weights(objective.kernel)
    if isinstance(kernel, QuadraticKernel):
        return _of_quadratic(objective, place, weights)
    assert isinstance(kernel, FormulaKernel)
    found = []
    for first in range(0, len(weights), length):
        chunk = weights[first : first + length]
        # The last chunk is filled up, so that it has the shape that is compiled.
        filled = np.concatenate([chunk, np.repeat(chunk[-1:], length - len(chunk), axis=0)])
        four = _of_rows(kernel, place, filled, objective.data)
        found.append([np.asarray(part)[: len(chunk)] for part in four])
    middle, level, slope, curvature = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Parabolas(middle, level, slope, curvature, kernel.loss_name == RMSE.name)


def _of_quadratic(objective: Objective, place: int, weights: Matrix) -> Parabolas:
    root, floor = objective.data["root"], float(objective.data["floor"])
    others = weights - objective.centre
    others[:, place] = 0.0
    direction = root[:, place]
    curvature = 0.5 * float(direction @ direction)
    residual = others @ root.T
    apart = -0.5 * (residual @ direction) / curvature if curvature > 0 else np.zeros(len(weights))
    residual = residual + apart[:, None] * direction
    return Parabolas(
        middle=apart + objective.centre[place],
        level=floor + 0.5 * np.sum(residual * residual, axis=1),
        slope=0.5 * (residual @ direction),
        curvature=np.full(len(weights), curvature),
        rooted=False,
    )


@compiled("kernel", "place")
def _of_rows(
    kernel: FormulaKernel, place: int, weights: jax.Array, data: Data
) -> tuple[jax.Array, ...]:
    rows = data["rows"]
    target, row_weight = rows["target"], rows["weight"]

    def one(at: jax.Array) -> tuple[jax.Array, ...]:
        def residual_at(value: jax.Array) -> jax.Array:
            prediction = kernel.predict(at.at[place].set(value), data)
            return jnp.asarray(jnp.broadcast_to(prediction, target.shape) - target)

        residual, direction = jax.jvp(residual_at, (jnp.zeros(()),), (jnp.ones(()),))
        curvature = mean(direction * direction, row_weight)
        middle = -mean(direction * residual, row_weight) / curvature
        middle = jnp.where(curvature > 0, middle, 0.0)
        residual = residual + middle * direction
        return (
            middle,
            mean(residual * residual, row_weight),
            mean(direction * residual, row_weight),
            curvature,
        )

    found: tuple[jax.Array, ...] = jax.vmap(one)(weights)
    return found
