"""How a learning rate changes from step to step. The schedules are optax's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from steepest.methods.names import not_known
from steepest.methods.schedules import CONSTANT, SCHEDULE, WARM, Schedule
from steepest.records.arrays import Vector


def check_schedule(name: str) -> None:
    """Raise UsageError for a schedule that is not known."""
    if name not in SCHEDULE:
        raise not_known("This learning-rate schedule is not known.", SCHEDULE, name)


def _made(schedule: Schedule, lr: float, steps: int) -> Callable[[Any], Any]:
    """Optax's function from a step to its learning rate."""
    import optax

    warm = max(1, round(WARM * steps))
    given: dict[str | float, float] = {"lr": lr, "steps": steps}
    if "warm" in schedule.arguments:
        given |= {"warm": warm, "first": lr / warm, "steps": max(steps, warm + 1)}
    arguments = [given.get(one, one) for one in schedule.arguments]
    made: Callable[[Any], Any] = getattr(optax, schedule.optax)(*arguments)
    return made


def learning_rates(schedule: str, lr: float, steps: int, first: int, last: int) -> Vector:
    """The learning rates (last - first,) of the steps from `first` to before `last`.

    `steps` is the number of steps in which the schedule runs from its beginning to its end; later
    ones have the last one's.

    >>> learning_rates("linear", 0.1, 4, 0, 5).round(3).tolist()
    [0.1, 0.075, 0.05, 0.025, 0.0]
    """
    check_schedule(schedule)
    places = np.arange(first, last)
    if schedule == CONSTANT.name:
        return np.full(len(places), lr)
    found = _made(SCHEDULE[schedule], lr, max(1, steps))(np.minimum(places, steps))
    return np.asarray(np.broadcast_to(found, places.shape), dtype=np.float64)
