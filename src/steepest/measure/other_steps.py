"""Steps that were not taken: as long as another factor of the one that was."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

FACTORS: Final = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Of the step that is taken, so many times are tried."""

_TIMES: Final = 4.0
_FARTHEST: Final = 4
"""Where the loss does not cross its start between the factors, so many more are tried, each four
times as far."""

_ROUNDING: Final = 2e-5
"""Of a loss in 32 bits: a smaller change is none."""


def critical(losses: dict[float, float], at: Callable[[float], float] | None) -> float | None:
    """Where along the step the loss is again what it was before it, from losses at some factors.

    `at` gives others, where they are worth a pass.
    """
    start = losses[0.0]
    if not math.isfinite(start):
        return None
    bar = start + _ROUNDING * abs(start)
    known = dict(sorted(losses.items())[1:])
    for _ in range(_FARTHEST):
        least, most = min(known), max(known)
        if at is None or (known[least] <= bar < known[most]) or not math.isfinite(known[most]):
            break
        if known[least] > bar:
            known = {least / _TIMES: at(least / _TIMES), **known}
        elif known[most] <= bar:
            known[most * _TIMES] = at(most * _TIMES)
    factors = sorted(known)
    above = next((f for f in factors if not known[f] <= bar), None)
    if above is None:
        return None if at is None else math.inf
    below = max((f for f in factors if f < above), default=None)
    if below is None:
        return None if at is None else 0.0
    if not math.isfinite(known[above]) or known[below] == known[above]:
        return below
    share = (start - known[below]) / (known[above] - known[below])
    return below + max(0.0, share) * (above - below)
