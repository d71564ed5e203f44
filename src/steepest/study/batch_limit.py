"""The stability limit of a descent in batches: computed in mean square, and walked to the edge.

The limit of all rows is far too high for batches. For least squares of a model that is linear in
its weights a step changes the distance from the minimum linearly, whatever the targets are. So it
is walked: on the batches that this descent draws, at many learning rates side by side, from the
minimum, the distance brought back to length 1 now and then, so that nothing leaves the numbers.
Where it grows, the descent would.
"""

from __future__ import annotations

import numpy as np

from steepest.descent.batches import Batches
from steepest.measure.mini_batches import MOST_ROW_PRODUCTS, BatchedRows, mean_square_limit, rows_of
from steepest.methods.optimizers import SOLVERS, momentum_of, optimizer_of, stability_factor
from steepest.problem.setup import Setup
from steepest.records.arrays import Vector
from steepest.records.point import BatchLimit
from steepest.records.problem import Settings
from steepest.study.spectra import held_at
from steepest.words.wording import count

_RATES = 40
"""So many learning rates are walked, from LOWEST times the limit in mean square on."""

LOWEST = 0.4
HIGHEST = 6.0

_STEPS = 4000
EPOCHS = 4
_MOST_STEPS = 20_000
MOST_EFFORT = 4e8
"""Multiplications of one walk."""

TURN = 20
"""Steps between two times that the distance is brought back to length 1."""


def in_batches(setup: Setup, settings: Settings) -> bool:
    """Whether a step sees some of the rows only."""
    return settings.batch_size is not None and settings.batch_size < setup.objective.rows


def batch_limit(setup: Setup, settings: Settings, weights: Vector) -> BatchLimit | str:
    """The limit of a descent in batches, or why it was not measured.

    It is the same everywhere, but for `weights` (p,) that are held at their bounds.
    """
    why = _why_not(setup, settings)
    if why or settings.batch_size is None:
        return why
    design = setup.objective.jacobian(weights) * setup.moving.stride
    held = held_at(setup, weights)
    if held is not None:
        design = design[:, ~held]
    if not np.all(np.isfinite(design)):
        return "The slopes of the predictions are not finite."
    try:
        with np.errstate(all="ignore"):
            return _limit_of(rows_of(design, settings.batch_size), settings)
    except np.linalg.LinAlgError:
        return "The numbers are too large or too small to compute it with."


def _limit_of(rows: BatchedRows, settings: Settings) -> BatchLimit | str:
    momentum = momentum_of(settings.optimizer, settings.momentum)
    mean = mean_square_limit(rows, settings.optimizer, momentum)
    if mean is None or not mean > 0:
        return "The loss does not curve upward in any direction here, so there is none."
    return _walked(rows, settings, momentum or 0.0, mean)


def _why_not(setup: Setup, settings: Settings) -> str:
    size, objective = settings.batch_size, setup.objective
    many = f"batches of {count(size or 0, 'row')}"
    full = f"The limit of all rows together says nothing of {many}, and that of {many}"
    if settings.optimizer in SOLVERS:
        return f"{settings.optimizer} chooses the length of its steps by itself."
    if not optimizer_of(settings.optimizer).is_linear:
        return (
            f"The limit of all rows together says nothing of {many}: with them the scaling of the "
            f"steps of {settings.optimizer} changes from step to step."
        )
    if setup.solved is None or setup.streamed is not None:
        return (
            f"{full} is computed for rows at hand, a model that is linear in its weights, and mse."
        )
    if setup.row_weight is not None:
        return f"{full} is computed for rows that count alike."
    if objective.rows * len(objective.names) ** 2 > MOST_ROW_PRODUCTS:
        return f"{full} is computed up to {MOST_ROW_PRODUCTS:,.0f} rows times weights squared."
    return ""


def _walked(rows: BatchedRows, settings: Settings, beta: float, mean: float) -> BatchLimit:
    """The largest of many learning rates at which the distance does not grow."""
    full = (stability_factor(settings.optimizer, settings.momentum) or 0.0) / rows.curvatures[0]
    rates = np.geomspace(LOWEST * mean, min(HIGHEST * mean, 1.2 * full), _RATES)
    many, weights = rows.inputs.shape
    effort = _RATES * rows.size * weights
    wanted = max(_STEPS, EPOCHS * many // rows.size)
    steps = int(max(min(wanted, _MOST_STEPS, MOST_EFFORT / effort), 4 * TURN))
    grown = _growth(rows, settings, beta, rates, steps)
    # Next to the edge chance decides; as many grow as lie above it.
    first = _RATES - int(np.sum(grown > 0))
    return BatchLimit(
        size=rows.size,
        mean_square=mean,
        stays=float(rates[first - 1]) if first else None,
        grows=float(rates[first]) if first < _RATES else None,
        steps=steps,
    )


def _growth(
    rows: BatchedRows, settings: Settings, beta: float, rates: Vector, steps: int
) -> Vector:
    """The log of how much longer the distance got over the second half of the steps, (m,)."""
    batches = Batches(len(rows.inputs), rows.size, settings.seed)
    draw = np.random.default_rng(settings.seed)
    distance = np.tile(draw.normal(size=rows.inputs.shape[1]), (len(rates), 1))
    memory = np.zeros_like(distance)
    ahead = optimizer_of(settings.optimizer).looks_ahead
    grown = np.zeros(len(rates))
    by_rate = rates[:, None]
    for step, chosen in enumerate(batches.take(0, steps)):
        batch = rows.inputs[chosen]
        gradient = 2 / rows.size * (distance @ batch.T) @ batch
        memory = beta * memory + gradient
        distance = distance - by_rate * (gradient + beta * memory if ahead else memory)
        if step % TURN == TURN - 1:
            length = np.sqrt(np.sum(distance**2 + (by_rate * memory) ** 2, axis=1))
            distance, memory = distance / length[:, None], memory / length[:, None]
            if step >= steps // 2:
                grown += np.log(length)
    return grown
