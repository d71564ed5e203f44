"""Oracles: exact fractions, long double, numpy's least squares, and rows counted by hand."""

from __future__ import annotations

from fractions import Fraction
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from steepest.objective.moments import (
    Moments,
    least_squares,
    merged,
    moments_of,
    no_moments,
)
from steepest.records.arrays import Matrix

NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False)


def spread(found: Moments) -> Matrix:
    """The sum of deviation ⊗ deviation."""
    product: Matrix = found.triangle.T @ found.triangle
    return product


@given(
    rows=arrays(np.float64, st.tuples(st.integers(1, 12), st.just(3)), elements=NUMBERS),
    cut=st.integers(0, 12),
)
def test_halves_make_the_whole(rows: Matrix, cut: int) -> None:
    both = merged(moments_of(rows[:cut]), moments_of(rows[cut:]))
    exact = [sum(map(Fraction, column), Fraction()) / len(rows) for column in rows.T]
    size = max(1.0, float(np.max(np.abs(rows))))
    for place, mean in enumerate(exact):
        off = Fraction(float(both.mean[place])) + Fraction(float(both.low[place])) - mean
        assert abs(float(off)) <= 1e-15 * size, f"column {place} is off by {float(off):g}"
    centred = rows - np.array([float(mean) for mean in exact])
    np.testing.assert_allclose(spread(both), centred.T @ centred, atol=1e-13 * size**2 * len(rows))
    assert both.weight == len(rows)


def test_weights_count_rows_several_times() -> None:
    random = np.random.default_rng(0)
    rows, times = random.normal(5, 2, (40, 3)), random.integers(1, 4, 40)
    weighted = moments_of(rows, times.astype(np.float64))
    repeated = moments_of(np.repeat(rows, times, axis=0))
    assert weighted.weight == repeated.weight
    np.testing.assert_allclose(weighted.mean, repeated.mean, rtol=1e-14)
    np.testing.assert_allclose(spread(weighted), spread(repeated), rtol=1e-12)


def test_a_thousand_billion_rows_keep_their_digits() -> None:
    """Merged with themselves forty times: as if each row came 2**40 times."""
    rows = np.random.default_rng(1).normal([1e9, 0.1], 1, size=(1000, 2))
    once = moments_of(rows)
    found = once
    for _ in range(40):
        found = merged(found, found)
    assert found.weight == 1000 * 2**40
    for place in range(2):
        before, after = (
            Fraction(float(m.mean[place])) + Fraction(float(m.low[place])) for m in (once, found)
        )
        assert abs(after - before) <= 1e-15 * abs(before)
    np.testing.assert_allclose(spread(found) / 2**40, spread(once), rtol=1e-12)


@pytest.mark.parametrize("part", [7, 100, 5000], ids="parts of {}".format)
def test_a_column_far_from_zero_is_solved_as_if_it_were_not(part: int) -> None:
    """A mean of 1e9 beside a deviation of 1: the product XᵀX would have no digit left."""
    random = np.random.default_rng(2)
    x, z = 1e9 + random.normal(size=5000), random.uniform(0, 5, 5000)
    y = 2 * (x - 1e9) - 3 * z + 7 + 0.5 * random.normal(size=5000)
    table = np.column_stack([x, z, np.ones(5000), y])
    parts = [moments_of(table[i : i + part]) for i in range(0, 5000, part)]
    found = least_squares(reduce(merged, parts, no_moments(4)))
    centred = table.astype(np.longdouble) - table.astype(np.longdouble).mean(axis=0)
    a, b = centred[:, 0], centred[:, 1]
    aa, ab, bb, ay, by = a @ a, a @ b, b @ b, a @ centred[:, 3], b @ centred[:, 3]
    exact = np.array([bb * ay - ab * by, aa * by - ab * ay]) / (aa * bb - ab * ab)
    residual = centred[:, 3] - centred[:, :2] @ exact
    np.testing.assert_allclose(found.solution[:2], exact.astype(float), rtol=1e-13)
    np.testing.assert_allclose(found.floor, float(residual @ residual) / 5000, rtol=1e-13)


def test_columns_that_are_the_same_leave_a_direction_free() -> None:
    random = np.random.default_rng(3)
    x = random.normal(size=200)
    y = 4 * x + 1
    found = least_squares(moments_of(np.column_stack([x, x, np.ones(200), y])))
    assert found.flat.shape == (3, 1)
    np.testing.assert_allclose(found.flat[:, 0] / found.flat[0, 0], [1, -1, 0], atol=1e-9)
    np.testing.assert_allclose(found.solution, [2, 2, 1], rtol=1e-9)
    assert found.floor < 1e-20


def test_no_rows_change_nothing() -> None:
    some, none = moments_of(np.array([[1.0, 2.0], [3.0, 5.0]])), no_moments(2)
    assert merged(some, none) is some
    assert merged(none, some) is some
    assert moments_of(np.zeros((0, 2))).weight == 0
