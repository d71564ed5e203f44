"""The loss over two weights whose costly terms stand apart, each computed once for a whole line.

In `exp(a*x) + exp(b*x)` a grid of m by n points has m + n different exponentials a row and not
2*m*n: they are computed row by row, and what is left to do at each point is a sum and a square.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from steepest.engine.effort import compiled
from steepest.engine.late import jax, jnp
from steepest.engine.xla import in_float64
from steepest.formula.nodes import Binary, Call, Node, Number, Weight, names_of, walk
from steepest.methods.losses import loss_named
from steepest.objective.kernels import Data, FormulaKernel, of_weights
from steepest.objective.losses import cost_of, of_mean
from steepest.objective.objective import Objective
from steepest.records.arrays import Matrix, Vector

_LEAST_ROWS: Final = 1024
"""Of fewer rows all points at once are as quick."""

_POINTS: Final = 4096
"""That are worked on together: their losses so far stay in the processor's nearest cache."""


def shares_terms(objective: Objective, places: tuple[int, int]) -> bool:
    """Whether no function and no power is of both weights, and there are many rows at hand."""
    kernel, both = of_weights(objective.kernel), {objective.names[place] for place in places}
    if not isinstance(kernel, FormulaKernel) or kernel.loss_name is None:
        return False
    if not objective.is_at_hand or objective.rows < _LEAST_ROWS:
        return False
    if loss_named(kernel.loss_name).of_classes:
        return False  # Its logarithm is of every prediction.
    costly = [node for node in walk(kernel.of_logit.model) if _is_costly(node)]
    return bool(costly) and not any(both <= set(names_of(Weight, node)) for node in costly)


def _is_costly(node: Node) -> bool:
    if isinstance(node, Binary) and node.op == "**":
        return not isinstance(node.right, Number)
    return isinstance(node, Call)


@compiled("kernel", "places")
def _sums(
    kernel: FormulaKernel,
    places: tuple[int, int],
    position: jax.Array,
    x: jax.Array,
    y: jax.Array,
    data: Data,
) -> jax.Array:
    """The loss (n, m) with weight `places[0]` at x (m,) and `places[1]` at y (n,)."""
    rows = data["rows"]
    assert kernel.loss_name is not None
    name, gives, weight = kernel.loss_name, kernel.gives, rows["weight"]
    count = rows["target"].shape[0]

    def row(number: jax.Array, so_far: jax.Array) -> jax.Array:
        one = jax.tree.map(lambda column: column[number], rows)

        def cost(first: jax.Array, second: jax.Array) -> jax.Array:
            # Numbers and no array, so that what is of one of them is computed once.
            weights: Any = list(position)
            weights[places[0]], weights[places[1]] = first, second
            prediction = kernel.predict(weights, {**data, "rows": one})
            return cost_of(name, gives, prediction, one["target"], one["weight"])

        over_x = jax.vmap(cost, in_axes=(0, None))
        return so_far + jax.vmap(over_x, in_axes=(None, 0))(x, y)

    total = jax.lax.fori_loop(0, count, row, jnp.zeros((y.shape[0], x.shape[0])))
    size = count if weight is None else jnp.sum(weight)
    return jnp.asarray(of_mean(name, gives, total / size))


@in_float64
def over_shared(
    objective: Objective, at: Vector, places: tuple[int, int], x: Vector, y: Vector
) -> Matrix:
    """The loss (n, m) over two weights whose terms stand apart, as `landscape.over` gives it."""
    kernel = of_weights(objective.kernel)
    assert isinstance(kernel, FormulaKernel)
    length = max(1, min(len(y), _POINTS // len(x)))
    found = []
    for begin in range(0, len(y), length):
        chunk = y[begin : begin + length]
        # The last chunk is filled up, so that it has the shape that is compiled.
        filled = np.concatenate([chunk, np.repeat(chunk[-1:], length - len(chunk))])
        losses = _sums(kernel.of_logit, places, at, x, filled, objective.data)
        found.append(np.asarray(losses)[: len(chunk)])
    return np.concatenate(found)
