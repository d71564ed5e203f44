"""The one target that lies far from all others."""

from __future__ import annotations

from typing import Final

import numpy as np

from steepest.records.arrays import Vector

_LEAST_ROWS: Final = 8
_AWAY: Final = 30.0
"""A target so many times the range of all others away from them is far from them."""


def far_target(targets: Vector) -> tuple[int, float, float, float] | None:
    """Its place, itself, and between which numbers the others of (n,) lie; None without one.

    >>> far_target(np.array([1.0, 2, 1, 3, 2, 1, 900, 2]))
    (6, 900.0, 1.0, 3.0)
    """
    if len(targets) < _LEAST_ROWS:
        return None
    place = int(np.argmax(np.abs(targets - np.median(targets))))
    others, here = np.delete(targets, place), float(targets[place])
    low, high = float(others.min()), float(others.max())
    away = max(low - here, here - high)
    return (place, here, low, high) if high > low and away > _AWAY * (high - low) else None
