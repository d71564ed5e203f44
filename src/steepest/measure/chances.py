"""How often chance alone gives so much: tails of the normal, Student's and the F distribution.

SciPy has them too, and takes as long to import as a sixth of a whole fit; the tests compare.
"""

from __future__ import annotations

import math
from typing import Final

_TINY: Final = 1e-300
_MOST_TERMS: Final = 10_000
_CLOSE: Final = 1e-16


def normal_below(deviation: float) -> float:
    """The chance of less than so many standard deviations.

    >>> round(normal_below(-1.959964), 6)
    0.025
    """
    return 0.5 * math.erfc(-deviation / math.sqrt(2.0))


def student_above(degrees: float, deviation: float) -> float:
    """The chance of more than this, which is positive, by Student's distribution.

    >>> round(student_above(18, 2.10092), 6)
    0.025
    """
    square = deviation * deviation
    return 0.5 * _share(0.5 * degrees, 0.5, degrees / (degrees + square), square)


def f_above(many: int, degrees: float, ratio: float) -> float:
    """The chance of a ratio of variances above this, with `many` and `degrees` of freedom.

    >>> round(f_above(2, 17, 3.59153), 6)
    0.05
    """
    part = many * ratio
    return _share(0.5 * degrees, 0.5 * many, degrees / (degrees + part), part)


def _share(a: float, b: float, x: float, left: float) -> float:
    """The regularized incomplete beta function I_x(a, b), where 1 - x is x*left/(2a).

    By its continued fraction (DLMF 8.17.22), by Lentz's method, on the side where it is quick.
    """
    if math.isnan(x) or not left > 0:
        return 1.0 if left == 0 else math.nan
    rest = left / (2.0 * a + left)
    if x <= 0:
        return 0.0
    if rest <= 0:
        return 1.0
    logs = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(logs + a * math.log(x) + b * math.log(rest))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _fraction(a, b, x) / a
    return 1.0 - front * _fraction(b, a, rest) / b


def _fraction(a: float, b: float, x: float) -> float:
    found, above, below = 1.0, 1.0, 0.0
    for term in range(1, _MOST_TERMS):
        half = term // 2
        part = -(a + half) * (a + b + half) if term % 2 else half * (b - half)
        part *= x / ((a + term - 1) * (a + term))
        below = 1.0 / (1.0 + part * below or _TINY)
        above = 1.0 + part / above or _TINY
        found *= above * below
        if abs(above * below - 1.0) < _CLOSE:
            break
    return 1.0 / found
