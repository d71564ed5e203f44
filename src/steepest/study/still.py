"""Weights that have no gradient, though the minimum has them elsewhere: which, since where, why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from steepest.descent import Walked
from steepest.formula.derivative import derivative
from steepest.formula.nodes import Compare, Node, Number, children, mentions
from steepest.formula.render import to_text
from steepest.measure.gradient import backward_pass
from steepest.methods.losses import loss_named
from steepest.objective.objective import Objective
from steepest.problem.setup import Setup
from steepest.records.arrays import Vector
from steepest.records.fitted import StillWeight
from steepest.records.point import BackwardNode, Minimum

_SMALL = 1e-6
"""Moving a weight all the way to where the minimum has it changes less than this share."""

MATTERS = 1e-3
"""At the minimum it changes at least this share."""

_MOST_WORK = 1e7
"""Rows times weights that are looked at."""

_SATURATED = {"exp": (0.0,), "relu": (0.0,), "sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0),
             "erf": (-1.0, 1.0)}  # fmt: skip
"""Where functions have no slope."""

WITHIN = 1e-6


def still_weights(
    setup: Setup, descended: Walked, minimum: Minimum | None
) -> tuple[StillWeight, ...]:
    """The weights without a gradient at the end of a descent, or from its start on."""
    if setup.problem.linear_in_weights or setup.is_passing or setup.streamed is not None:
        return ()
    objective, model = setup.objective, setup.formula.model
    lowest = None if minimum is None or not minimum.exists else objective.vector(minimum.weights)
    found = []
    slopes = descended.trace.gradient
    for place, name in enumerate(objective.names):
        if derivative(model, name) == Number(0) and np.all(slopes[:, place] == 0):
            value = None if lowest is None else float(lowest[place])
            found.append(StillWeight(name, "condition", 0, 0.0, value, _condition(model, name)))
    if lowest is not None and _can_be_seen(setup):
        known = {one.weight for one in found}
        found += [
            one for one in _without_slope(objective, descended, lowest) if one.weight not in known
        ]
    return tuple(found)


def _can_be_seen(setup: Setup) -> bool:
    loss = setup.problem.loss
    work = (setup.problem.rows or 0) * len(setup.objective.names)
    return loss is not None and 0 < work <= _MOST_WORK and not loss_named(loss).of_classes


def _condition(model: Node, name: str) -> str | None:
    """The first condition that a weight stands in."""
    if isinstance(model, Compare) and mentions(model, name):
        return to_text(model)
    for child in children(model):
        found = _condition(child, name)
        if found is not None:
            return found
    return None


def _without_slope(
    objective: Objective, descended: Walked, lowest: Vector
) -> Iterator[StillWeight]:
    weights, steps = descended.trace.weights, descended.trace.step
    first, last = weights[0], descended.final_weights
    ends = [(first, 0)] if descended.descent.stopped == "diverged" else [(first, 0), (last, None)]
    for at, since in ends:
        shares, matters = _shares(objective, at, lowest), _shares(objective, lowest, at)
        if shares is None or matters is None:
            continue
        gone = (shares < _SMALL) & (matters > MATTERS) & (lowest != at)
        if not np.any(gone):
            continue
        nodes = backward_pass(objective, at)
        for place in np.flatnonzero(gone):
            name = objective.names[place]
            began = since
            if began is None:
                began = int(steps[_first_gone(objective, weights, lowest, int(place))])
            node = _saturated(nodes, name)
            share = float(shares[place])
            kind: Literal["zero", "small"] = "zero" if share == 0 else "small"
            yield StillWeight(name, kind, began, share, float(lowest[place]), *(node or (None,)))
        return


def _shares(objective: Objective, at: Vector, other: Vector) -> Vector | None:
    """What moving each weight alone to `other` changes of the predictions, to first order, (p,).

    In units of the target's deviation; None where it is not finite.
    """
    target = np.asarray(objective.data["rows"]["target"])
    with np.errstate(all="ignore"):
        slopes = objective.jacobian(at)
        moved = np.sqrt(np.mean(slopes**2, axis=0)) * np.abs(other - at)
        shares = moved / np.std(target)
    return np.asarray(shares) if np.all(np.isfinite(shares)) else None


def _first_gone(objective: Objective, weights: Vector, lowest: Vector, place: int) -> int:
    """The first of the recorded points from which on, by halving, the slope is gone."""
    low, high = 0, len(weights) - 1
    while high - low > 1:
        middle = (low + high) // 2
        shares = _shares(objective, weights[middle], lowest)
        if shares is not None and shares[place] < _SMALL:
            high = middle
        else:
            low = middle
    return high


def _saturated(nodes: Sequence[BackwardNode], name: str) -> tuple[str, float, float] | None:
    """The first function of a weight without slope on any row: its text, value, and how near."""
    depends: set[int] = set()
    for place, node in enumerate(nodes):
        is_weight = node.operation == "weight" and node.text == name
        if not is_weight and not depends.intersection(node.inputs):
            continue
        depends.add(place)
        for value in _SATURATED.get(node.operation, ()):
            near = float(np.max(np.abs(node.value - value)))
            if near <= WITHIN:
                return node.text, value, near
    # A weight in front of such a function has no slope either.
    for node in nodes:
        for value in _SATURATED.get(node.operation, ()):
            near = float(np.max(np.abs(node.value - value)))
            if value == 0 and near <= WITHIN and _beside(nodes, node, name):
                return node.text, value, near
    return None


def _beside(nodes: Sequence[BackwardNode], node: BackwardNode, name: str) -> bool:
    """Whether the weight is multiplied by this node."""
    texts = [each.text for each in nodes]
    return any(
        each.operation == "*" and {texts[i] for i in each.inputs} == {name, node.text}
        for each in nodes
    )
