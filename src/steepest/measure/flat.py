"""Directions that change nothing of a curved model: other weights that fit as well.

Where a model is linear in its weights the null space of its design is all there is to know. Else
a direction without curvature may still rise (x**4), or bend away (a*b along a curve): it is flat
where a weight can be held aside, to both sides, and the others make up for all that it costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from steepest.measure.deadline import Deadline
from steepest.measure.solvers import polished, squared
from steepest.measure.statistics import factorized
from steepest.objective.objective import Objective
from steepest.records.arrays import Vector

ASIDE = 0.1
"""How far a weight is held aside, in units of its size."""

STRAIGHT = 1.0
"""So far along a straight line the loss must stay as it is, in units of the weights' size."""

UNCURVED = 1e-8
"""A curvature of a smaller share of the largest may be none."""

MADE_UP = 1e-8
"""What the others leave of the cost of holding a weight aside is nothing below this share."""

_MOST_WEIGHTS = 50


@dataclass(frozen=True)
class Flat:
    """A direction, a unit vector by weight.

    `elsewhere` are other weights with the same loss, along a curve; None where it is straight.
    """

    direction: Mapping[str, float]
    elsewhere: Mapping[str, float] | None


def flat_directions(objective: Objective, at: Vector, seconds: float) -> tuple[Flat, ...]:
    """Directions at a minimum (p,) along which the loss does not change, proven by going there."""
    if not 1 < len(at) <= _MOST_WEIGHTS or objective.bounded:
        return ()
    ends = Deadline(seconds)
    found = []
    for way in _candidates(objective, at):
        if ends.passed:
            break
        size = max(float(np.linalg.norm(at)), 1.0)
        here = objective.value(at)
        if _is_straight(objective, at, way, here, size):
            found.append(Flat(objective.named(way), None))
            continue
        there = _made_up_for(objective, at, way, here, ends)
        if there is not None:
            found.append(Flat(objective.named(way), objective.named(there)))
    return tuple(found)


def _candidates(objective: Objective, at: Vector) -> list[Vector]:
    """Unit vectors (p,) along which there is no curvature, each of as few weights as may be."""
    if squared(objective):
        design = objective.jacobian(at)
        if not np.all(np.isfinite(design)):
            return []
        factors = factorized(design)
        ways = factors.null / factors.lengths[:, None]
    else:
        matrix = objective.hessian(at)
        if not np.all(np.isfinite(matrix)):
            return []
        values, vectors = np.linalg.eigh(matrix)
        ways = vectors[:, np.abs(values) <= UNCURVED * float(np.max(np.abs(values)))]
        if ways.shape[1] == len(at):
            return []  # No curvature at all: a plateau, or a minimum of a higher order.
    return [way / np.linalg.norm(way) for way in ways.T if np.any(way)]


def _is_straight(objective: Objective, at: Vector, way: Vector, here: float, size: float) -> bool:
    across = np.zeros_like(way)
    across[int(np.argmax(np.abs(way)))] = 1.0
    for by in (STRAIGHT * size, -STRAIGHT * size):
        cost = abs(objective.value(at + by * across) - here)
        if not abs(objective.value(at + by * way) - here) <= MADE_UP * cost:
            return False
    return True


def _made_up_for(
    objective: Objective, at: Vector, way: Vector, here: float, ends: Deadline
) -> Vector | None:
    """Other weights (p,) with the same loss, the weight that moves most held aside."""
    held = int(np.argmax(np.abs(way)))
    free = np.arange(len(at)) != held
    found = None
    for sign in (-1.0, 1.0):
        by = sign * ASIDE * (abs(at[held]) or 1.0)
        begin = at.copy()
        begin[held] += by
        cost = objective.value(begin) - here
        begin += np.where(free, way * (by / way[held]), 0.0)
        there = polished(objective, begin, ends, free=free)
        left = objective.value(there) - here
        if not (cost > 0 and abs(left) <= MADE_UP * cost):
            return None
        found = there
    return found
