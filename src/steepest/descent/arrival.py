"""When a descent is at its goal: within it, and still so a tenth of its steps later."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from steepest.methods.contract import TENTH
from steepest.records.arrays import Mask

LEAST_STAY: Final = 10
"""Steps that a descent stays at least, however soon it is there."""


def round_steps(needed: int) -> int:
    """Steps for a command that is to arrive: what it takes and a little more, in round numbers.

    >>> round_steps(22), round_steps(1001)
    (23, 1020)
    """
    wanted = max(needed + 1, math.ceil(needed * 1.01))
    digits = max(0, len(str(wanted)) - 3)
    unit = int(10**digits)
    return -(-wanted // unit) * unit


def stays_until(step: int) -> int:
    """The step up to which a descent must stay that is there from `step` on.

    A tenth more than the steps of its command, and LEAST_STAY at least.

    >>> stays_until(22), stays_until(1001)
    (33, 1122)
    """
    typed = round_steps(step)
    return typed + max(LEAST_STAY, math.ceil(typed / TENTH))


def follow(first: int, within: Mask, since: int | None) -> tuple[int | None, int | None]:
    """Go through the steps from `first` on, each `within` the goal or not, (m,), one at least.

    `since` is the step from which on all before were within, None where the last one was not.
    Gives the same for after them, and the first step from which on a descent was there for so long
    that it stays; None where there was no such stay by then.
    """
    if within.all():
        begun, last = first if since is None else since, first + len(within) - 1
        return begun, begun if last >= stays_until(begun) else None
    edges = np.flatnonzero(np.diff(within.astype(np.int8), prepend=0, append=0))
    begins, ends = edges[::2] + first, edges[1::2] + first - 1
    if since is not None and within[0]:
        begins[0] = since
    found = None
    for place in np.flatnonzero(ends - begins >= np.maximum(LEAST_STAY, begins // TENTH)):
        begun = int(begins[place])
        if int(ends[place]) >= stays_until(begun):
            found = begun
            break
    return int(begins[-1]) if within[-1] else None, found
