"""By when a search has to end, however busy the machine is."""

from __future__ import annotations

import time


class Deadline:
    """So many seconds of work, counted from now.

    What a search finds must not depend on what else the machine does. So seconds in which this
    process did not run are not counted, up to `longest` times the seconds; with 1 it is the clock
    that counts, as whoever gives a time limit expects.

    >>> Deadline(60.0).passed, Deadline(0.0).passed
    (False, True)
    """

    def __init__(self, seconds: float, longest: float = 4.0) -> None:
        self._seconds, self._longest = seconds, longest
        self._clock = time.monotonic()
        self._worked = time.process_time()

    @property
    def left(self) -> float:
        """Seconds of work that are left; below zero once it has passed."""
        elapsed = time.monotonic() - self._clock
        worked = time.process_time() - self._worked
        return self._seconds - max(min(elapsed, worked), elapsed / self._longest)

    @property
    def passed(self) -> bool:
        """Whether the work has to end."""
        return self.left <= 0
