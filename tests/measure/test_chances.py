"""Oracle: SciPy."""

import math

import pytest
from scipy.special import fdtrc, ndtr, stdtr

from steepest.measure.chances import f_above, normal_below, student_above

DEGREES = (1, 2, 3, 5, 10, 17, 40, 200, 1999, 50_000, 1_000_000)
FAR = (1e-8, 1e-3, 0.1, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 20.0, 60.0, 1e3)
LEAST = 1e-250
"""Smaller chances are never told apart."""


@pytest.mark.parametrize("degrees", DEGREES)
def test_student(degrees: int) -> None:
    for far in FAR:
        wanted = float(stdtr(degrees, -far))
        assert student_above(degrees, far) == pytest.approx(wanted, rel=1e-8, abs=LEAST), far
    assert student_above(degrees, 0.0) == 0.5
    assert student_above(degrees, math.inf) == 0.0


@pytest.mark.parametrize("degrees", DEGREES)
@pytest.mark.parametrize("many", [1, 2, 3, 7])
def test_f(many: int, degrees: int) -> None:
    for ratio in FAR:
        wanted = float(fdtrc(many, degrees, ratio))
        found = f_above(many, degrees, ratio)
        assert found == pytest.approx(wanted, rel=1e-8, abs=LEAST), ratio
    assert f_above(many, degrees, 0.0) == 1.0


def test_normal() -> None:
    for far in (-30.0, -3.0, -1e-9, 0.0, 0.5, 4.0):
        assert normal_below(far) == pytest.approx(float(ndtr(far)), rel=1e-13)
