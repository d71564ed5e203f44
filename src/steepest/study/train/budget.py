"""The seconds that a part of the work may take, and the steps that fit into what is left."""

from __future__ import annotations

import math
import time
from typing import Final

FIRST: Final = 8
"""Steps before the clock is looked at, where nobody knows yet how long one takes."""

_LOOK: Final = 1.0
"""Seconds after which somebody looks, and may keep what was done, where a step takes no longer."""


class Budget:
    """A number of seconds that runs out from `begin` on."""

    def __init__(self, limit: float | None = None, used: float = 0.0):
        self.limit = limit
        """In seconds; None: there is none."""
        self._left = math.inf if limit is None else limit - used
        self._ends: float | None = None

    def begin(self) -> Budget:
        """From now on it runs out, unless it does already."""
        if self._ends is None and self.limit is not None:
            self._ends = time.monotonic() + self._left
        return self

    @property
    def left(self) -> float:
        """Seconds, 0 where none are left, infinite without a limit."""
        return max(0.0, self._left if self._ends is None else self._ends - time.monotonic())

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left."""
        return not self.left > 0

    def first(self, share: float) -> Budget:
        """This share of what is left, from the same clock: the rest is for what follows."""
        return self if self.limit is None else _First(self, (1 - share) * self.left)


class _First(Budget):
    """What is left of a whole, but for some seconds."""

    def __init__(self, whole: Budget, kept: float):
        super().__init__(whole.limit)
        self._whole, self._kept = whole, kept

    def begin(self) -> Budget:
        self._whole.begin()
        return self

    @property
    def left(self) -> float:
        return max(0.0, self._whole.left - self._kept)


NO_LIMIT: Final = Budget()


class Pace:
    """How many steps to take before looking up again.

    They are few at first, and then as many as fit into a second and into what is left, but no more
    than twice as many as before, and `most`.
    """

    def __init__(self, budget: Budget, most: int):
        self._budget, self._most = budget, most
        self.steps = min(FIRST, most)

    def took(self, steps: int, seconds: float) -> None:
        """So many steps have just taken so many seconds."""
        left = min(_LOOK, self._budget.left)
        fitting = left / seconds * steps if seconds > 0 else math.inf
        self.steps = int(max(1, min(self._most, 2 * self.steps, fitting)))
