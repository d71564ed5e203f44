"""Every gradient's meaning at one step, put together from the measuring floor."""

from __future__ import annotations

import math

import numpy as np

from steepest.measure.gradient import (
    backward_pass,
    hardest_pulls,
    nudges,
    pull_amounts,
    taylor_check,
)
from steepest.measure.statistics import edges_of
from steepest.problem.setup import Setup
from steepest.records.arrays import Vector
from steepest.records.point import BackwardNode, Explanation, Partial

MOST_BACKWARD_ROWS = 20_000
MOST_NUDGED = 200


def explain(setup: Setup, step: int, weights: Vector, move: Vector | None) -> Explanation:
    """The explanation at weights (p,); `move` (p,) is the step that the optimizer takes there.

    Pulls cost p + 2 passes over the rows, nudges one a weight, the rest a few.
    """
    objective = setup.objective
    loss, gradient = setup.full.value_and_gradient(weights)
    rows = setup.problem.rows
    pulls = None
    if rows and setup.problem.loss is not None:
        pulls = hardest_pulls(pull_amounts(objective, weights), gradient, setup.row_numbers)
    # Of rows that are passed over each nudge would be a pass.
    measurable = not setup.is_passing and len(weights) <= MOST_NUDGED
    nudged = nudges(setup.full, weights, gradient) if measurable else None
    edges = edges_of(objective, weights)
    partials = tuple(
        Partial(
            weight=name,
            value=float(weights[index]),
            amount=float(gradient[index]),
            text=text,
            latex=latex,
            nudge=None if nudged is None else nudged[index],
            pulls=() if pulls is None else pulls[index],
            at_bound=edges[index],
        )
        for index, (name, (text, latex)) in enumerate(setup.partials.items())
    )
    taylor = None
    if not setup.is_passing and move is not None and np.all(np.isfinite(move)):
        taylor = taylor_check(setup.full, weights, move)
    backward: tuple[BackwardNode, ...] = ()
    if (rows or 0) <= MOST_BACKWARD_ROWS and math.isfinite(loss):
        backward = backward_pass(objective, weights)
    return Explanation(
        step=step,
        loss=loss,
        partials=partials,
        taylor=taylor,
        backward=backward,
        row_numbers=setup.row_numbers,
    )
