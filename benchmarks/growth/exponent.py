"""The exponent of a cost: the slope of a straight line through the logarithms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DECADES = 2.0
"""The line is fitted to the sizes of the upper decades: below them it is fixed costs that show."""


@dataclass(frozen=True)
class Exponent:
    """cost = factor * size**value between the sizes `low` and `high`."""

    value: float
    error: float
    """Standard error of `value`; NaN from two points."""
    factor: float
    low: int
    high: int

    def at(self, size: float) -> float:
        """The cost that the line gives."""
        return float(self.factor * size**self.value)

    def __str__(self) -> str:
        error = "" if math.isnan(self.error) else f" ± {self.error:.2f}"
        # No minus before a zero.
        return f"{round(self.value, 2) + 0.0:.2f}{error}"


def fitted(sizes: Sequence[int], costs: Sequence[float]) -> Exponent | None:
    """The least squares line through the upper DECADES; None from fewer than two points above 0.

    >>> print(fitted([10, 100, 1000], [2e-3, 2e-2, 2e-1]))
    1.00 ± 0.00
    """
    known = [(s, c) for s, c in zip(sizes, costs, strict=True) if c > 0]
    top = max((size for size, _ in known), default=0)
    # A grid is rounded to whole numbers.
    used = [(s, c) for s, c in known if s >= 0.99 * top / 10**DECADES]
    if len(used) < 2:
        return None
    x, y = np.log10(np.array(used, dtype=np.float64)).T
    away = x - np.mean(x)
    spread = float(away @ away)
    slope = float(away @ y) / spread
    level = float(np.mean(y) - slope * np.mean(x))
    residual = y - level - slope * x
    free = len(used) - 2
    error = math.sqrt(float(residual @ residual) / free / spread) if free else math.nan
    return Exponent(slope, error, 10**level, used[0][0], used[-1][0])
