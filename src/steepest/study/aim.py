"""What a descent is to reach: the lowest loss known, and what counts as being there."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from steepest.measure.minimum import find_minimum, minimum_of_quadratic
from steepest.methods.losses import PROBABILITY
from steepest.problem.setup import Setup
from steepest.records.descent import Goal
from steepest.records.point import Minimum

MINIMUM_SECONDS = 1.5


@dataclass(frozen=True)
class Aim:
    """The minimum of a problem, and the goal about it; None where they are not known."""

    minimum: Minimum | None
    goal: Goal | None

    def judged_by(self, final_loss: float) -> Goal | None:
        """The goal of the three words: 1 % above the minimum, or where a run ended if lower.

        Not closer to the minimum than a ten-thousandth of the 1 %: there, rounding decides.
        """
        minimum, goal = self.minimum, self.goal
        if not math.isfinite(final_loss):
            return goal
        if goal is None or minimum is None:
            return Goal(final_loss, "the loss this run ended with")
        if final_loss < goal.loss:
            floor = minimum.loss + 1e-4 * (goal.loss - minimum.loss)
            return Goal(max(final_loss, floor), "the loss this run ended with")
        return goal


def at_most(seconds: float, time_limit: float | None) -> float:
    """Seconds for one search beside the descent: never more than the descent itself may take."""
    return seconds if time_limit is None else min(seconds, time_limit)


def known_minimum(setup: Setup, seed: int, time_limit: float | None = None) -> Minimum | None:
    """The minimum that solvers find before any descent: exact for a quadratic."""
    if setup.solved is not None and not setup.objective.bounded:
        return minimum_of_quadratic(setup.objective, setup.solved)
    seconds = at_most(MINIMUM_SECONDS, time_limit)
    found = find_minimum(setup.objective, setup.start, seconds=seconds, seed=seed)
    if found is not None and setup.solved is not None and setup.solved.flat.size:
        found = replace(
            found, flat=tuple(setup.objective.named(way) for way in setup.solved.flat.T)
        )
    problem = setup.problem
    if found is not None and problem.rows and problem.linear_in_weights:
        # Of a value or a logit that is linear in the weights every loss is convex.
        found = replace(found, proven=problem.gives != PROBABILITY and found.exists)
    return found


def _ordinary(setup: Setup, minimum: Minimum) -> float:
    """By how much the loss at an ordinary start lies above the minimum, at most.

    That is by a thousand times as much as one size of the weights away, on the way to the start; or
    by as much as the curvature at the minimum makes of the whole way. An absurd start of a steep
    function lies higher by powers of ten, and would make every point one that is there.
    """
    objective = setup.objective
    at = objective.vector(minimum.weights)
    way = setup.start - at
    size, far = max(float(np.linalg.norm(at)), 1.0), float(np.linalg.norm(way))
    if not far > 0:
        return math.inf
    near = objective.value(at + way * min(1.0, size / far)) - minimum.loss
    with np.errstate(all="ignore"):
        bowl = 0.5 * float(way @ objective.hessian(at) @ way)
    found = max((rise for rise in (1e3 * near, bowl) if math.isfinite(rise)), default=math.inf)
    return found if found > 0 else math.inf


def aim_at(setup: Setup, minimum: Minimum | None, first_loss: float | None = None) -> Aim:
    """The goal within 1 % of the minimum, as the contract defines it, none if none is known.

    `first_loss` is that of the start, where it is known already.
    """
    if minimum is None or not minimum.exists or not math.isfinite(minimum.loss):
        return Aim(minimum, None)
    if setup.reference_loss is not None:
        tiny = 1e-10 * setup.reference_loss
    else:
        first = setup.full.value(setup.start) if first_loss is None else first_loss
        above = min(first - minimum.loss, _ordinary(setup, minimum))
        tiny = 1e-6 * max(above, 0.0) if math.isfinite(above) else 0.0
    goal = minimum.loss + max(0.01 * abs(minimum.loss), tiny)
    return Aim(minimum, Goal(goal, "within 1 % of the minimum"))
