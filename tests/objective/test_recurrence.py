"""Momentum on a quadratic in closed form, against walking every step in numpy."""

from __future__ import annotations

import numpy as np
import pytest

from steepest.objective.quadratic import Modes
from steepest.objective.recurrence import Inertia, steps_beyond

EIGENVALUES = np.array([40.0, 3.0, 0.02])
OFFSET = np.array([1.0, -2.0, 3.0])
FLOOR, GOAL, WALKED = 1.0, 1.01, 150


def walked_in_numpy(lr: float, inertia: Inertia) -> int | None:
    x, velocity = OFFSET.copy(), np.zeros(3)
    for step in range(WALKED, 20_000):
        for _ in range(step if step == WALKED else 1):
            gradient = EIGENVALUES * x
            velocity = inertia.momentum * velocity + gradient
            x = x - lr * (
                gradient + inertia.momentum * velocity if inertia.looks_ahead else velocity
            )
        if FLOOR + 0.5 * np.sum(EIGENVALUES * x**2) <= GOAL:
            return step
    return None


@pytest.mark.parametrize(
    "inertia", [Inertia(0.9, False), Inertia(0.9, True), Inertia(0.5, False)], ids=str
)
def test_the_step_is_the_one_that_walking_finds(inertia: Inertia) -> None:
    modes = Modes(EIGENVALUES, np.eye(3), FLOOR)
    rates = np.array([1e-9, 2e-3, 0.01, 0.02])
    found = steps_beyond(modes, OFFSET, rates, inertia, GOAL, WALKED)
    assert found[1:] == [walked_in_numpy(lr, inertia) for lr in rates[1:]]
    assert found[0] is not None
    assert found[0] > 1e8


def test_what_still_swings_or_grows_is_not_said_to_arrive() -> None:
    modes = Modes(EIGENVALUES, np.eye(3), FLOOR)
    swings = steps_beyond(modes, OFFSET, np.array([0.01]), Inertia(0.9999, False), GOAL, WALKED)
    grows = steps_beyond(modes, OFFSET, np.array([0.2]), Inertia(0.9, False), GOAL, WALKED)
    assert (swings, grows) == ([None], [None])
