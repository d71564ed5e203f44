"""What every gradient means at one point: partials, pulls, nudges, Taylor check, backward pass."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from steepest.engine.xla import in_float64
from steepest.formula import (
    Binary,
    Call,
    Column,
    Node,
    Weight,
    children,
    is_condition,
    to_text,
    varying,
)
from steepest.objective.losses import stages
from steepest.objective.objective import Data, FormulaKernel, Objective
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
            second = slope * by + 0.5 * curvature * by * by
        found.append(Nudge(by, slope * by, up, second if math.isfinite(second) else None))
    return tuple(found)


@partial(jax.jit, static_argnames="kernel")
def _loss_by_prediction(kernel: FormulaKernel, prediction: jax.Array, data: Data) -> jax.Array:
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


@partial(jax.jit, static_argnames="kernel")
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
    position = objective.position(weights)
    moved = step / objective.unit
    first, second, actual = _along(objective.kernel, position, moved, objective.data)
    return Taylor(float(first), float(second), float(actual))


@partial(jax.jit, static_argnames="kernel")
def _values_and_adjoints(
    kernel: FormulaKernel, position: jax.Array, data: Data
) -> tuple[list[jax.Array], list[jax.Array]]:
    nodes = varying(kernel.model)
    chain = stages(kernel.loss_name, kernel.gives) if kernel.loss_name else ()

    def run(nudged: list[jax.Array | float]) -> tuple[jax.Array, list[jax.Array]]:
        places = {node: place for place, node in enumerate(nodes)}
        values: dict[Node, jax.Array] = {}

        def observe(node: Node, value: Any) -> Any:
            # Equal nodes are one node: what the second one gets is what the first one was given.
            if node not in values:
                seen = jnp.asarray(value)
                values[node] = seen if is_condition(node) else seen + nudged[places[node]]
            return values[node]

        value = kernel.predict(position, data, observe)
        after: list[jax.Array] = []
        if chain:
            rows = data["rows"]
            value = jnp.broadcast_to(value, rows["target"].shape)
            for stage, nudge in zip(chain, nudged[len(nodes) :], strict=True):
                value = stage.apply(value, rows["target"], rows["weight"]) + nudge
                after.append(value)
        return value, [values[node] for node in nodes] + after

    nothing: list[Any] = [0.0] * (len(nodes) + len(chain))
    shapes = jax.eval_shape(run, nothing)[1]
    zeros = [np.zeros(shape.shape) for shape in shapes]
    (_, found), adjoints = jax.value_and_grad(run, has_aux=True)(zeros)
    return found, adjoints


@in_float64
def backward_pass(objective: Objective, weights: Vector) -> tuple[BackwardNode, ...]:
    """The backward pass as it happened: every node with its value and its adjoint on the data.

    In the order in which the values are computed, the loss last; read it from the end, as the
    chain rule does. Equal sub-expressions are one node. Costs one forward and one backward pass,
    and memory for every node on every row.
    """
    kernel = objective.kernel
    if not isinstance(kernel, FormulaKernel):
        raise TypeError("only a formula has nodes")
    values, adjoints = _values_and_adjoints(kernel, weights, objective.data)
    return tuple(
        BackwardNode(
            *written,
            value=np.asarray(value, dtype=np.float64),
            adjoint=np.asarray(adjoint, dtype=np.float64),
        )
        for written, value, adjoint in zip(_written(kernel), values, adjoints, strict=True)
    )


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
    for stage in stages(kernel.loss_name, kernel.gives) if kernel.loss_name else ():
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
