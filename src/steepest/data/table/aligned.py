"""Numbers where JAX computes with them as they are, without a copy of its own."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

_LINE: Final = 64
"""Bytes: what XLA takes as it is begins at a multiple of these."""


def aligned(values: ArrayLike) -> NDArray[np.float64]:
    """A copy of numbers (n,) as float64.

    >>> found = aligned([1, 2, 3])
    >>> found.tolist(), found.ctypes.data % 64
    ([1.0, 2.0, 3.0], 0)
    """
    given = np.asarray(values)
    room = np.empty(8 * len(given) + _LINE, dtype=np.uint8)
    begin = -room.ctypes.data % _LINE
    found = room[begin : begin + 8 * len(given)].view(np.float64)
    found[:] = given
    return found
