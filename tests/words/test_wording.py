"""Numbers, counts and names in sentences."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.words.wording import (
    count,
    escaped,
    listed,
    names,
    number,
    percent,
    roughly,
    times,
    together,
)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.0, 6, "0"),
        (-0.0, 6, "0"),
        (20, 6, "20"),
        (283.98554, 6, "283.986"),
        (-6668.8774, 6, "-6,668.88"),
        (56499.36, 5, "56,499"),
        (999999.96, 6, "1,000,000"),
        (9999999.0, 6, "1e+07"),
        (9999994.0, 7, "9,999,994"),
        (1e7, 6, "1e+07"),
        (1e-4, 6, "0.0001"),
        (9.99e-5, 6, "9.99e-05"),
        (3.5398629e-5, 6, "3.53986e-05"),
        (3.5398629e-5, 3, "3.54e-05"),
        (0.2586368, 3, "0.259"),
        (1.5e300, 6, "1.5e+300"),
        (math.nan, 6, "not a number"),
        (math.inf, 6, "infinity"),
        (-math.inf, 6, "minus infinity"),
    ],
)
def test_number(value: float, digits: int, text: str) -> None:
    assert number(value, digits) == text


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(2, 12))
def test_number_keeps_its_digits(value: float, digits: int) -> None:
    back = float(number(value, digits).replace(",", ""))
    if math.isfinite(back):  # The largest numbers may be rounded past the last one there is.
        assert back == pytest.approx(value, rel=0.51 * 10 ** (1 - digits), abs=1e-320)


@pytest.mark.parametrize(
    ("pair", "texts"),
    [
        ((283.98554, 1.0428363), ("283.99", "1.04")),
        ((1.0532646, 1.0428363), ("1.05", "1.04")),
        ((1.0428, 1.0429), ("1.0428", "1.0429")),
        ((366.68956, 0.0089), ("367", "0.0089")),
        ((0.0123456, 2839.8), ("0.0123", "2,840")),
        ((2839.81, 1.0428), ("2,840", "1.04")),
        ((12345.6, 12345.1), ("12,346", "12,345")),
        ((2.25, 0.0), ("2.25", "0")),
        ((-1.0702, -3.5139), ("-1.07", "-3.51")),
        ((0.0, 0.0), ("0", "0")),
        ((5e6, 0.001), ("5,000,000", "0.001")),
        ((1e12, 2.0), ("1e+12", "2")),
        ((math.inf, 2.0), ("infinity", "2")),
        ((math.nan, math.nan), ("not a number", "not a number")),
    ],
)
def test_together(pair: tuple[float, float], texts: tuple[str, str]) -> None:
    assert together(*pair) == texts


@given(st.floats(), st.floats())
def test_together_tells_apart_what_differs(first: float, second: float) -> None:
    one, other = together(first, second)
    if math.isfinite(first) and math.isfinite(second) and abs(first - second) > 1e-9 * abs(first):
        assert one != other


@pytest.mark.parametrize(
    ("many", "noun", "text"),
    [
        (0, "step", "no step"),
        (1, "step", "1 step"),
        (9_999_999, "step", "9,999,999 steps"),
        (10**7, "step", "10 million steps"),
        (197_172_392, None, "197 million"),
        (26_356_949, None, "26.4 million"),
        (1_500_000_000, None, "1.5 billion"),
        (3 * 10**12, None, "3 trillion"),
        (10**15, None, "1 quadrillion"),
        (10**20, None, "1e+20"),
        (10**400, None, "more than 1e+300"),
    ],
)
def test_roughly(many: int, noun: str | None, text: str) -> None:
    assert roughly(many, noun) == text


def test_the_rest() -> None:
    assert count(10**7, "step") == "10,000,000 steps"
    assert percent(0.288) == "29 %"
    assert percent(math.inf) == "infinity %"
    assert (times(2.0), times(999.7), times(1e9)) == ("2 times", "1,000 times", "1e+09 times")
    assert listed(["a", "b"]) == "a and b"
    assert listed(["a", "b", "c"], most=3) == "a, b and c"
    assert names(["a\n", "b" * 50]) == "a\\n and " + "b" * 39 + "…"
    assert escaped("a\u202eb") == "a\\u202eb"
