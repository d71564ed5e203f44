"""A model that is linear in its weights, under mse, solved: a quadratic with a known minimum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from typing import Final

import numpy as np

from steepest.engine.effort import compiled
from steepest.engine.late import jax, jnp
from steepest.engine.xla import in_float64
from steepest.formula.nodes import Column, names_of
from steepest.formula.structure import is_linear
from steepest.methods.losses import MSE, RMSE
from steepest.objective.kernels import Data, FormulaKernel, QuadraticKernel
from steepest.objective.moments import (
    RANK_TOLERANCE,
    LeastSquares,
    Moments,
    least_squares,
    merged,
    moments_of,
    residual,
)
from steepest.objective.objective import Objective, jacobian_of, predictions_of
from steepest.records.arrays import Matrix, Vector
from steepest.words.errors import InputError
from steepest.words.wording import escaped


def is_quadratic(objective: Objective) -> bool:
    """True where the loss is a quadratic of the weights with a constant Hessian."""
    kernel = objective.kernel
    return isinstance(kernel, FormulaKernel) and objective.rows > 0 and is_quadratic_kernel(kernel)


def is_quadratic_kernel(kernel: FormulaKernel) -> bool:
    """The same of a formula on any rows."""
    return (
        kernel.loss_name == MSE.name
        and len(kernel.weights) <= 2000
        and is_linear(kernel.model, kernel.weights)
    )


LEAST_SQUARE: Final = 1e-303
"""Squares of targets below it have hardly a digit left for what the rows miss."""

BLOCK_ROWS: Final = 2**16
"""Up to so many rows the design is held and factorized as a whole, beyond it in blocks of these."""

BLOCK_BYTES: Final = 2**26
"""Fewer where there are so many weights that a block takes more than this."""


def _block_rows(weights: int) -> int:
    # Not too few beside the weights, or merging the triangles would cost more than making them.
    return max(min(BLOCK_ROWS, BLOCK_BYTES // (8 * (weights + 1))), 4 * weights)


@in_float64
def solve(objective: Objective) -> LeastSquares:
    """Solve a quadratic objective: one pass over the rows and QR factorizations, then another one.

    Columns are brought to unit length first, so that scales of 1e-4 beside 1e4 lose nothing. Of
    more rows than one block only a block of the design is held. Raises InputError where a row is
    not finite, or where squares are beyond 64 bits.
    """
    if objective.rows > _block_rows(len(objective.names)):
        return _solved_by_blocks(objective)
    return _solved_at_once(objective)


def _solved_at_once(objective: Objective) -> LeastSquares:
    data = objective.data["rows"]
    design = objective.jacobian(np.zeros(len(objective.names)))
    offset = objective.predictions(np.zeros(len(objective.names)))
    target = np.asarray(data["target"]) - offset
    total = float(len(target))
    if data["weight"] is not None:
        root_weight = np.sqrt(np.asarray(data["weight"]))
        design, target = design * root_weight[:, None], target * root_weight
        total = float(np.sum(np.asarray(data["weight"])))
    finite = np.all(np.isfinite(design), axis=1) & np.isfinite(target)
    if not np.all(finite):
        raise not_finite(_row_in_words(objective, int(np.argmin(finite))))
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(design, axis=0)
        sizes = lengths**2, target @ target
    if not all(np.all(np.isfinite(size)) for size in sizes):
        raise _too_large(max(np.max(np.abs(design)), np.max(np.abs(target))))
    lengths[lengths == 0] = 1.0
    basis, triangle = np.linalg.qr(design / lengths)
    left, singular, right = np.linalg.svd(triangle)
    rank = int(np.sum(singular > RANK_TOLERANCE * max(singular[0], 1e-300)))
    inverse = right[:rank].T / singular[:rank]

    def solved(wanted: Vector) -> Vector:
        return np.asarray(inverse @ (left[:, :rank].T @ (basis.T @ wanted)) / lengths)

    solution = solved(target)
    # One refinement: the residual of the first solution carries the digits that it lost.
    solution = solution + solved(target - design @ solution)
    residual = target - design @ solution
    # Multiplied by the shortest length, so that dividing by one of 1e-200 does not overflow.
    flat = right[rank:].T * (np.min(lengths) / lengths)[:, None]
    flat = flat / np.maximum(np.linalg.norm(flat, axis=0), 1e-300)
    return LeastSquares(
        root=triangle * lengths * np.sqrt(2.0 / total),
        solution=solution,
        floor=float(residual @ residual) / total,
        flat=flat,
    )


def _solved_by_blocks(objective: Objective) -> LeastSquares:
    with np.errstate(over="ignore", invalid="ignore"):
        moments = reduce(merged, (moments_of(*block) for block in _blocks(objective)))
        squares = moments.weight * moments.mean**2 + np.sum(moments.triangle**2, axis=0)
    if not np.all(np.isfinite(squares)):
        raise _too_large(max(_largest(*block) for block in _blocks(objective)))
    first = least_squares(moments)

    def left(rows: Matrix, weight: Vector | None) -> Moments:
        rows[:, -1] = residual(rows[:, :-1], rows[:, -1], first.solution)
        return moments_of(rows, weight)

    # One refinement: the residual of the first solution carries the digits that it lost.
    rest = least_squares(reduce(merged, (left(*block) for block in _blocks(objective))))
    return replace(rest, solution=first.solution + rest.solution)


def _blocks(objective: Objective) -> Iterator[tuple[Matrix, Vector | None]]:
    """The design with the target as its last column, (m, p + 1), and the rows' weights (m,)."""
    size = _block_rows(len(objective.names))
    for first in range(0, objective.rows, size):
        # The last block begins earlier, so that all have one shape and are compiled once.
        begin = min(first, objective.rows - size)
        table, weight = _design_of(objective.kernel, objective.data, begin, size)
        rows = np.array(table).T[first - begin :]
        finite = np.all(np.isfinite(rows), axis=1)
        if weight is not None:
            weight = np.asarray(weight)[first - begin :]
            finite &= np.isfinite(weight)
        if not np.all(finite):
            raise not_finite(_row_in_words(objective, first + int(np.argmin(finite))))
        yield rows, weight


@compiled("kernel", "size")
def _design_of(
    kernel: FormulaKernel, data: Data, first: int, size: int
) -> tuple[jax.Array, jax.Array | None]:
    """Of `size` rows: the derivatives by each weight with the target, (p + 1, m), and weights.

    Numbers of one column beside each other: so sums over rows take a third of the time.
    """
    rows = jax.tree.map(
        lambda column: jax.lax.dynamic_slice(column, (first,), (size,)), data["rows"]
    )
    here = {**data, "rows": rows}
    nothing = jnp.zeros(len(kernel.weights))
    design = jacobian_of(kernel, nothing, here)
    wanted = rows["target"] - predictions_of(kernel, nothing, here)
    return jnp.concatenate([design.T, wanted[None]]), rows["weight"]


def _largest(rows: Matrix, weight: Vector | None) -> float:
    peaks = np.max(np.abs(rows), axis=1)
    return float(np.max(peaks if weight is None else peaks * np.sqrt(weight)))


_NEAR_BY = 1e-3
"""A weight is moved by this share of itself to see what is around the start."""


def not_finite(row: str) -> InputError:
    """That the formula is not finite on a row, which is given in words."""
    return InputError(
        "The formula is not finite on every row: somewhere it takes log(0), divides by zero, "
        "or does the like.",
        given=row,
        instead="Leave such rows out with --where.",
    )


def _too_large(largest: float) -> InputError:
    return InputError(
        "The squares of the numbers in the data are beyond the largest 64-bit number, 1.8e308.",
        given=f"numbers up to {largest:.3g}",
        instead="Use a larger unit.",
    )


def check_squares(objective: Objective, loss: str | None) -> None:
    """Raise InputError where the squares of the targets, of which the loss is made, do not fit."""
    if loss not in (MSE.name, RMSE.name):
        return
    largest = float(np.max(np.abs(np.asarray(objective.data["rows"]["target"])), initial=0.0))
    with np.errstate(over="ignore", under="ignore"):
        square = np.square(largest)
    if not np.isfinite(square):
        raise _too_large(largest)
    if largest and square < LEAST_SQUARE:
        raise InputError(
            "The squares of the numbers in the data are too small for 64-bit numbers, which end at "
            "4.9e-324.",
            given=f"a target of {largest:.3g} at most",
            instead="Use a smaller unit.",
        )


@in_float64
def check_expression(objective: Objective, start: Vector) -> None:
    """Raise InputError where 64-bit numbers end between an expression's start and its slope.

    It overflows where the slope of a small part of the loss is a number and that of the loss is
    not, and underflows where it is zero and has a slope, and is zero around there all the same.
    """
    value, gradient = objective.value_and_gradient(start)
    if not np.isnan(value) and not np.all(np.isfinite([value, *gradient])):
        slopes = jax.vjp(lambda at: objective.kernel.loss(at, objective.data), start)[1]
        with np.errstate(all="ignore"):
            if np.all(np.isfinite(slopes(2.0**-600)[0])):
                raise InputError(
                    "At the start the loss or its slope is beyond the largest 64-bit number, "
                    "1.8e308.",
                    given=f"a loss of {value:.3g}",
                    instead="Multiply the expression by a small number, or start elsewhere.",
                )
    elif value == 0 and np.any(gradient):
        around = [objective.value(start * by) for by in (1 - _NEAR_BY, 1 + _NEAR_BY)]
        if np.any(gradient * start) and not any(around):
            raise InputError(
                "At the start a square or a product is too small for 64-bit numbers, which end at "
                "2.2e-308.",
                given=", ".join(f"{n}={v:.3g}" for n, v in objective.named(start).items()),
                instead="Count the weights in a smaller unit, or start elsewhere.",
            )


def _row_in_words(objective: Objective, row: int) -> str:
    kernel, columns = objective.kernel, objective.data["rows"]["columns"]
    read = names_of(Column, kernel.model) if isinstance(kernel, FormulaKernel) else ()
    shown = [f"{escaped(name)} = {float(columns[name][row]):g}" for name in read]
    return f"{', '.join(shown[:4])} on kept row {row} (counted from 0)"


@in_float64
def centred(objective: Objective, solved: LeastSquares) -> Objective:
    """The same objective as a quadratic counted from its minimum: rows no longer cost anything."""
    size = len(objective.names)
    return replace(
        objective,
        kernel=QuadraticKernel(),
        data={"root": np.asarray(solved.root), "floor": np.float64(solved.floor)},
        centre=solved.solution,
        work=size * size,
    )
