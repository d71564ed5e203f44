"""How a learning rate changes from step to step. The schedules are optax's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import optax

from steepest.records.arrays import Vector
from steepest.words.errors import UsageError
from steepest.words.wording import escaped

WARM: Final = 0.1
"""Share of the steps in which a learning rate rises from zero."""

LEAST: Final = 0.01
"""Share of the first learning rate that an exponential one ends with."""


def _warmed(steps: int) -> int:
    return max(1, round(WARM * steps))


SCHEDULES: Final[dict[str, Callable[[float, int], Callable[[Any], Any]]]] = {
    "constant": lambda lr, steps: optax.constant_schedule(lr),
    "linear": lambda lr, steps: optax.linear_schedule(lr, 0.0, steps),
    "cosine": lambda lr, steps: optax.cosine_decay_schedule(lr, steps),
    "exponential": lambda lr, steps: optax.exponential_decay(lr, steps, LEAST),
    "warmup-cosine": lambda lr, steps: optax.warmup_cosine_decay_schedule(
        lr / _warmed(steps), lr, _warmed(steps), max(steps, _warmed(steps) + 1)
    ),
}


def check_schedule(name: str) -> None:
    """Raise UsageError for a schedule that is not known."""
    if name not in SCHEDULES:
        raise UsageError(
            "This learning-rate schedule is not known.",
            given=escaped(name),
            instead=f"Write one of {', '.join(SCHEDULES)}.",
        )


def learning_rates(schedule: str, lr: float, steps: int, first: int, last: int) -> Vector:
    """The learning rates (last - first,) of the steps from `first` to before `last`.

    `steps` is the number of steps in which the schedule runs from its beginning to its end; later
    ones have the last one's.

    >>> learning_rates("linear", 0.1, 4, 0, 5).round(3).tolist()
    [0.1, 0.075, 0.05, 0.025, 0.0]
    """
    check_schedule(schedule)
    places = np.arange(first, last)
    if schedule == "constant":
        return np.full(len(places), lr)
    found = SCHEDULES[schedule](lr, max(1, steps))(np.minimum(places, steps))
    return np.asarray(np.broadcast_to(found, places.shape), dtype=np.float64)
