"""Whether columns are the pixels of a picture, as their names say."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

_NUMBERED: Final = re.compile(r"pixel_?([0-9]{1,7})", re.IGNORECASE)
_PLACED: Final = re.compile(r"(?:pixel_?|r)?([0-9]{1,4})[cx_]([0-9]{1,4})", re.IGNORECASE)


def picture_of(names: Sequence[str]) -> tuple[int, int] | None:
    """Find the (height, width) of the picture whose pixels these are, row by row, or None.

    Names are pixel0, pixel1, ..., as many as a square has; or a row and a column, as in r0c0, 1x1
    and pixel_0_0. They count from 0 or from 1.

    >>> picture_of([f"pixel{n}" for n in range(784)]), picture_of(["1x1", "1x2", "2x1", "2x2"])
    ((28, 28), (2, 2))
    >>> picture_of(["r0c0", "r0c1", "r1c1", "r1c0"]), picture_of(["time", "speed"])
    (None, None)
    """
    return _of_numbers(names) or _of_places(names)


def _of_numbers(names: Sequence[str]) -> tuple[int, int] | None:
    side = math.isqrt(len(names))
    found = [_NUMBERED.fullmatch(name) for name in names]
    numbers = [int(one[1]) for one in found if one]
    if side < 2 or side * side != len(names) or len(numbers) < len(names) or numbers[0] > 1:
        return None
    return (side, side) if numbers == [numbers[0] + n for n in range(len(names))] else None


def _of_places(names: Sequence[str]) -> tuple[int, int] | None:
    found = [_PLACED.fullmatch(name) for name in names]
    places = [(int(one[1]), int(one[2])) for one in found if one]
    if not places or len(places) < len(names) or places[0] not in ((0, 0), (1, 1)):
        return None
    first = places[0][0]
    height, width = (end - first + 1 for end in places[-1])
    if height < 2 or width < 2 or height * width != len(names):
        return None
    wanted = [(first + row, first + column) for row in range(height) for column in range(width)]
    return (height, width) if places == wanted else None
