"""Which learning rates a quick view tries, and how many steps it can afford of each."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from steepest.formula.nodes import Call, walk
from steepest.methods.losses import CROSS_ENTROPY
from steepest.methods.optimizers import ADAPTIVE
from steepest.objective.kernels import QuadraticKernel
from steepest.problem.setup import Setup
from steepest.records.arrays import Vector
from steepest.records.problem import Settings
from steepest.study.rates import evenly, has_closed_form, rounded_rate

RATES: Final = 121
FEWER: Final = (RATES, 41, 13)
"""Learning rates, fewer where a step costs much."""

STEPS: Final = 2000
MOST_STEPS: Final = 20_000
"""Where a step costs little and there is no closed form to count further."""

FEW_STEPS: Final = 100
"""Where not even so many steps can be afforded, there are fewer learning rates."""

QUICK: Final = 8e7
"""What one view should cost, in elementary operations: about 25 ms."""

EFFORT: Final = 5e8
"""What it may cost at most where data is large: about half a second."""

MOST_AT_ONCE: Final = 16_000_000
"""Elementary operations of all descents together in one step, and row numbers of all batches:
they are held in memory."""

STEP_WORK: Final = 20
ADAPTIVE_WORK: Final = 150
"""What a step of one of many descents costs besides its rows, in elementary operations."""

CALL_WORK: Final = 12
"""What a function such as exp costs more than a product does."""

NEAR_LIMIT: Final = (0.5, 0.75, 0.9, 0.97, 0.99, 0.999, 1.01, 1.05)
"""Shares of the stability limit that are tried besides the grid: there steps change quickly."""


def affordable(setup: Setup, settings: Settings) -> tuple[int, int]:
    """How many learning rates, and how many steps of each."""
    batch = settings.batch_size
    wanted = MOST_STEPS
    if batch is not None or has_closed_form(setup, settings):
        wanted = STEPS
    most = wanted if batch is None else min(wanted, MOST_AT_ONCE // max(batch, 1))
    work = _work(setup) + (ADAPTIVE_WORK if settings.optimizer in ADAPTIVE else STEP_WORK)
    number, steps = FEWER[-1], 1
    for number in FEWER:
        quick = min(max(QUICK // (work * number), STEPS), EFFORT // (work * number))
        steps = int(min(most, quick))
        if steps >= FEW_STEPS and setup.moving.work * number <= MOST_AT_ONCE:
            break
    return number, max(steps, 1)


def _work(setup: Setup) -> int:
    """Elementary operations of one evaluation."""
    if isinstance(setup.moving.kernel, QuadraticKernel):
        return setup.moving.work
    calls = sum(isinstance(node, Call) for node in walk(setup.formula.model))
    calls += 2 * (setup.problem.loss == CROSS_ENTROPY.name)
    return setup.moving.work + CALL_WORK * calls * max(setup.objective.rows, 1)


def rates_of(
    setup: Setup,
    settings: Settings,
    limit: float | None,
    own: float | None,
    slopes: Vector,
    number: int,
) -> Vector:
    """The learning rates, evenly by their logarithm and around the limit; `own` among them."""
    size = max(float(np.max(np.abs(setup.start), initial=0.0)), 1.0)
    low, high = 1e-5, 10.0 * size
    if settings.optimizer not in ADAPTIVE:
        # Without a limit, a step that is as long as the weights are large is a bold one.
        slope = float(np.max(np.abs(slopes), initial=0.0))
        bold = size / slope if math.isfinite(slope) and slope > 0 else 0.1
        middle = bold if limit is None else limit
        low, high = middle * 1e-4, middle * 10.0
    if own is not None:
        low, high = min(low, own / 10), max(high, own * 10)
    near = [] if limit is None or number < RATES else [limit * share for share in NEAR_LIMIT]
    exact = [*evenly(low, high, number - len(near) - (own is not None)), *near]
    rates = sorted({*map(rounded_rate, map(float, exact)), *([] if own is None else [own])})
    # As many as there are lanes, so that no other number is compiled.
    while len(rates) < number:
        widest = int(np.argmax(np.diff(np.log(rates))))
        rates.insert(widest + 1, math.sqrt(rates[widest]) * math.sqrt(rates[widest + 1]))
    return np.array(rates)
