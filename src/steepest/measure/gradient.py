"""What every gradient means at one point: partials, pulls, nudges, Taylor check, backward pass."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from steepest.engine.effort import compiled
from steepest.engine.late import jax, jnp
from steepest.engine.operations import OPERATIONS
from steepest.engine.xla import in_float64
from steepest.formula.evaluate import evaluate
from steepest.formula.nodes import (
    Binary,
    Call,
    Column,
    Node,
    Weight,
    children,
    is_condition,
    names_of,
    varying,
)
from steepest.formula.own import put_in
from steepest.formula.render import to_text
from steepest.methods.losses import MAE
from steepest.objective.few_rows import are_few, backward, serves, through_loss
from steepest.objective.kernels import Data, FormulaKernel, of_weights
from steepest.objective.least_squares import is_quadratic
from steepest.objective.losses import Stage, stages
from steepest.objective.objective import Objective
from steepest.records.arrays import Matrix, Vector
from steepest.records.point import BackwardNode, Nudge, Pull, Taylor
from steepest.records.verdict import RowShare

MOST_PULLS = 10

SPEAKS = 0.1
"""By this share, at most, the curvature changes what the slope predicts of a nudge."""

_TOLD = 1e-10
"""A change of this share of the loss can be told from rounding, to a few digits."""


def nudge_size(weight: float) -> float:
    """How far to nudge a weight: 0.001, or about a thousandth of a weight of another scale.

    >>> nudge_size(0.0121), nudge_size(238.9), nudge_size(0.00055)
    (0.001, 0.1, 1e-07)
    """
    size = abs(weight)
    if size == 0 or 0.01 <= size <= 100:
        return 0.001
    return float(10.0 ** (math.floor(math.log10(size)) - 3))


def nudges(objective: Objective, weights: Vector, gradient: Vector) -> tuple[Nudge, ...]:
    """Raise each weight alone and see what the loss does. Three passes over the rows a weight.

    The nudge is short enough for the slope to speak: the curvature changes what it predicts by a
    tenth at most, unless the loss then changes by no more than rounding.
    """
    before = objective.value(weights)

    def change(index: int, by: float) -> float:
        raised = weights.copy()
        raised[index] += by
        return objective.value(raised) - before

    found = []
    for index, slope in enumerate(map(float, gradient)):
        by = nudge_size(float(weights[index]))
        with np.errstate(all="ignore"):
            up = change(index, by)
            curvature = (up + change(index, -by)) / by / by
            shorter = by
            while abs(0.5 * curvature * shorter) > SPEAKS * abs(slope):
                shorter /= 10
                if not abs(slope * shorter) > _TOLD * abs(before):
                    break  # Not to be told from rounding: what the curvature says is shown beside.
            else:
                up, by = up if shorter == by else change(index, shorter), shorter
            # Of absolute values a second difference is the kinks between, and no curvature.
            kinked = getattr(of_weights(objective.kernel), "loss_name", None) == MAE.name
            second = math.nan if kinked else slope * by + 0.5 * curvature * by * by
        found.append(Nudge(by, slope * by, up, second if math.isfinite(second) else None))
    return tuple(found)


def _loss_by_prediction(kernel: FormulaKernel, prediction: Vector, data: Data) -> Any:
    if kernel.loss_name is not None and are_few(data):
        return through_loss(kernel.loss_name, kernel.gives, prediction, data).adjoints[0]
    return _compiled_slope(kernel, prediction, data)


@compiled("kernel", seldom=True)
def _compiled_slope(kernel: FormulaKernel, prediction: jax.Array, data: Data) -> jax.Array:
    found: jax.Array = jax.grad(kernel.loss_of)(prediction, data)
    return found


@in_float64
def pull_amounts(objective: Objective, weights: Vector) -> Matrix:
    """What each row adds to each partial, (n, p); the sum over rows is the gradient.

    A row's pull is (derivative of the loss by its prediction) times (derivative of its prediction
    by the weight). Costs p + 2 passes over the rows.
    """
    kernel = objective.kernel
    if not isinstance(kernel, FormulaKernel) or kernel.loss_name is None:
        raise TypeError("only an objective with rows has pulls")
    kernel = kernel.of_logit
    objective = replace(objective, kernel=kernel)
    by_prediction = np.asarray(
        _loss_by_prediction(kernel, objective.predictions(weights), objective.data)
    )
    # Zero times infinity is no number, and is shown as that.
    with np.errstate(over="ignore", invalid="ignore"):
        amounts: Matrix = by_prediction[:, None] * objective.jacobian(weights)
    return amounts


def hardest_pulls(
    amounts: Matrix, gradient: Vector, row_numbers: npt.NDArray[np.int64]
) -> tuple[tuple[Pull, ...], ...]:
    """For each weight the ten rows that pull hardest, hardest first, equal ones in their order."""
    count = min(MOST_PULLS, len(amounts))
    result = []
    for index, slope in enumerate(gradient.tolist()):
        column = amounts[:, index]
        size = np.where(np.isnan(column), np.inf, np.abs(column))
        # Of equal ones the first, whichever of them a processor would partition off.
        hard = np.flatnonzero(size >= -np.partition(-size, count - 1)[count - 1])
        top = hard[np.argsort(-size[hard], kind="stable")][:count]
        result.append(
            tuple(
                Pull(
                    row=int(row_numbers[row]),
                    amount=float(column[row]),
                    share=float(column[row]) / slope if slope else None,
                )
                for row in top
            )
        )
    return tuple(result)


def row_shares(
    amounts: Matrix,
    row_numbers: npt.NDArray[np.int64],
    leverages: Vector | None,
    most: int = MOST_PULLS,
) -> tuple[RowShare, ...]:
    """The rows that make most of the gradient, each with its share of all pulls' lengths.

    Pulls are made comparable over weights by dividing each weight's column by its own length.
    """
    with np.errstate(all="ignore"):
        scale = np.linalg.norm(amounts, axis=0)
        scaled = amounts / np.where(scale > 0, scale, 1.0)
        strength = np.linalg.norm(scaled, axis=1)
        total = float(np.sum(strength))
    if not (math.isfinite(total) and total > 0):
        return ()
    top = np.argsort(-strength, kind="stable")[:most]
    return tuple(
        RowShare(
            row=int(row_numbers[row]),
            share=float(strength[row] / total),
            leverage=None if leverages is None else float(leverages[row]),
        )
        for row in top
    )


@compiled("kernel", seldom=True)
def _along(
    kernel: Any, position: jax.Array, step: jax.Array, data: Data
) -> tuple[jax.Array, jax.Array, jax.Array]:
    def slope(at: jax.Array) -> jax.Array:
        found: jax.Array = jax.grad(kernel.loss)(at, data)
        return found

    gradient, curved = jax.jvp(slope, (position,), (step,))
    change = kernel.loss(position + step, data) - kernel.loss(position, data)
    return gradient @ step, gradient @ step + 0.5 * step @ curved, change


@in_float64
def taylor_check(objective: Objective, weights: Vector, step: Vector) -> Taylor:
    """The change of the loss that a step (p,) should make to first and second order, and did."""
    kernel = objective.kernel
    if serves(kernel, objective.data) and is_quadratic(objective):
        loss, gradient = objective.value_and_gradient(weights)
        with np.errstate(all="ignore"):
            change = objective.value(weights + step) - loss
            along = objective.jacobian(weights) @ step
            first = float(gradient @ step)
            curved = float(np.average(along**2, weights=objective.data["rows"]["weight"]))
        return Taylor(first, first + curved, change)
    position, moved = objective.position(weights), step / objective.unit
    first, second, actual = _along(kernel, position, moved, objective.data)
    return Taylor(float(first), float(second), float(actual))


def _stages(kernel: FormulaKernel) -> tuple[Stage, ...]:
    return stages(kernel.loss_name, kernel.gives) if kernel.loss_name else ()


def _formula_of(objective: Objective) -> FormulaKernel:
    if not isinstance(objective.kernel, FormulaKernel):
        raise TypeError("only a formula has nodes")
    return objective.kernel


def backward_pass(objective: Objective, weights: Vector) -> tuple[BackwardNode, ...]:
    """The backward pass as it happened: every node with its value and its adjoint on the data.

    In the order in which the values are computed, the loss last; read it from the end, as the
    chain rule does. Equal sub-expressions are one node. Costs one forward and one backward pass,
    and memory for every node on every row.
    """
    kernel = _formula_of(objective)
    values, adjoints = backward(kernel, weights, objective.data)
    found = []
    model = varying(kernel.model)
    for place, (written, value, adjoint) in enumerate(
        zip(_written(kernel), map(np.asarray, values), map(np.asarray, adjoints), strict=True)
    ):
        if value.ndim and place < len(model) and not names_of(Column, model[place]):
            value, adjoint = value[0], np.sum(adjoint)  # the same on every row
        value, adjoint = (np.asarray(one, dtype=np.float64) for one in (value, adjoint))
        found.append(BackwardNode(*written, value, adjoint))
    return tuple(found)


class Chain(NamedTuple):
    """The chain rule at one point: what flows through each node, and each link's own slope.

    Of every node, in the order of `backward_pass`: `value` and `adjoint` are (n,) up to the mean
    over rows, what goes through one row at its place there, and () from the mean on. `slopes` are
    the derivatives of a node by each of its different inputs alone, of the same shape as the
    input. So an adjoint is the sum, over the nodes that use it, of theirs times the slope.
    """

    value: tuple[Vector, ...]
    adjoint: tuple[Vector, ...]
    slopes: tuple[tuple[Vector, ...], ...]


@in_float64
def chain_rule(objective: Objective, weights: Vector) -> Chain:
    """The chain rule of a formula's loss, row by row. Costs as much as the backward pass."""
    kernel = _formula_of(objective)
    values, adjoints = backward(kernel, weights, objective.data)
    slopes = _slopes(kernel, list(values), objective.data)

    def plain(arrays: Any) -> tuple[Vector, ...]:
        return tuple(np.asarray(array, dtype=np.float64) for array in arrays)

    return Chain(plain(values), plain(adjoints), tuple(map(plain, slopes)))


@compiled("kernel", seldom=True)
def _slopes(kernel: FormulaKernel, values: list[jax.Array], data: Data) -> list[list[jax.Array]]:
    nodes = varying(kernel.model)
    known = dict(zip(nodes, values, strict=False))
    found = [_local(node, known) for node in nodes]
    before = known[kernel.model]
    rows = data["rows"]
    for stage, value in zip(_stages(kernel), values[len(nodes) :], strict=True):

        def total(at: jax.Array, stage: Stage = stage) -> jax.Array:
            return jnp.sum(stage.apply(at, rows["target"], rows["weight"]))

        found.append([jax.grad(total)(before)])
        before = value
    return found


def _local(node: Node, known: dict[Node, jax.Array]) -> list[jax.Array]:
    """The derivatives of one operation by its own operands."""
    operands = [child for child in dict.fromkeys(children(node)) if child in known]
    given = [jnp.asarray(known[operand], dtype=jnp.float64) for operand in operands]
    if is_condition(node):
        return [jnp.zeros_like(value) for value in given]
    alone = put_in(
        node, {}, {operand: Weight(str(place)) for place, operand in enumerate(operands)}
    )

    def total(at: list[jax.Array]) -> jax.Array:
        values = {str(place): value for place, value in enumerate(at)}
        return jnp.sum(jnp.asarray(evaluate(alone, values, OPERATIONS)))

    return jax.grad(total)(given) if given else []


@lru_cache(maxsize=16)
def _written(kernel: FormulaKernel) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
    """Text, operation and inputs of every node, and of the stages of the loss behind them."""
    nodes = varying(kernel.model)
    order = {node: place for place, node in enumerate(nodes)}
    result = [
        (
            to_text(node),
            _operation(node),
            tuple(order[child] for child in children(node) if child in order),
        )
        for node in nodes
    ]
    before = order[kernel.model]
    for stage in _stages(kernel):
        result.append((stage.text, stage.operation, (before,)))
        before = len(result) - 1
    return tuple(result)


def _operation(node: Node) -> str:
    if isinstance(node, Weight):
        return "weight"
    if isinstance(node, Column):
        return "column"
    if isinstance(node, Binary):
        return node.op
    if isinstance(node, Call):
        return node.function
    return type(node).__name__.lower()
