"""The schedules: how a learning rate changes from step to step, and what each is in optax."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from steepest.methods.names import by_name

WARM: Final = 0.1
"""Share of the steps in which a learning rate rises from zero."""

LEAST: Final = 0.01
"""Share of the first learning rate that an exponential one ends with."""


@dataclass(frozen=True)
class Schedule:
    """A learning rate as a function of the step."""

    name: str
    optax: str
    """optax's function."""
    arguments: tuple[str | float, ...]
    """Numbers, or `lr`, `steps` (all of them, or more than are warm), `warm` (those in which it
    rises) and `first` (the learning rate of the first of these)."""
    says: str
    """What the learning rate does."""
    synonyms: tuple[str, ...] = ()


CONSTANT: Final = Schedule("constant", "constant_schedule", ("lr",), "stays as it is")
LINEAR: Final = Schedule("linear", "linear_schedule", ("lr", 0.0, "steps"), "falls to zero")
COSINE: Final = Schedule(
    "cosine", "cosine_decay_schedule", ("lr", "steps"), "falls to zero along a cosine"
)
EXPONENTIAL: Final = Schedule(
    "exponential", "exponential_decay", ("lr", "steps", LEAST), "falls to a hundredth"
)
WARMUP_COSINE: Final = Schedule(
    "warmup-cosine",
    "warmup_cosine_decay_schedule",
    ("first", "lr", "warm", "steps"),
    "rises from near zero in the first tenth, and then falls along a cosine",
)

SCHEDULE: Final[Mapping[str, Schedule]] = by_name(
    (CONSTANT, LINEAR, COSINE, EXPONENTIAL, WARMUP_COSINE)
)
"""Every one by its name."""
