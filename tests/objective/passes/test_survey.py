"""A survey says the same however the rows are divided into parts."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from steepest.data.table.columns import Table
from steepest.data.table.source import read_table
from steepest.formula.parse import parse_model
from steepest.objective.passes import survey as surveying
from steepest.objective.passes.rows import Rows, Wanted, mixed
from steepest.objective.passes.survey import (
    Survey,
    all_of,
    both,
    from_bytes,
    no_survey,
    survey_of,
    to_bytes,
)

ROWS = 1000


def table(changed: int | None = None) -> Table:
    random = np.random.default_rng(0)
    x, y = random.normal(3, 2, ROWS), random.normal(size=ROWS)
    x[::50], y[7] = np.nan, np.inf
    if changed is not None:
        x[changed], x[changed + 1] = x[changed + 1], x[changed]
    return read_table({"x": x, "y": y, "left": random.normal(size=ROWS)})


def surveyed(data: Table, part: int, cuts: tuple[int, ...] = ()) -> Survey:
    wanted = Wanted(parse_model("y ~ a*x + b", data.names), ("y", "x"), "mse", "left < 1")
    edges = [0, *cuts, data.rows]
    shares = []
    for first, last in pairwise(edges):
        found = no_survey(2, 0)
        for piece in Rows(data, wanted, first, last, part).parts():
            found = both(found, survey_of(piece, np.zeros((piece.rows, 0)), np.zeros(piece.rows)))
        shares.append(from_bytes(to_bytes(found)))
    return all_of(shares)


@pytest.mark.parametrize(
    ("part", "cuts"), [(7, ()), (64, (500,)), (999, (0, 3)), (64, (400, 400, 1000))], ids=str
)
def test_it_does_not_depend_on_the_parts(
    part: int, cuts: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surveying, "DRAWN", 100)
    whole, found = surveyed(table(), ROWS), surveyed(table(), part, cuts)
    assert len(found.numbers) == 100
    for name, value in vars(whole).items():
        other: Any = getattr(found, name)
        if np.asarray(value).dtype.kind == "f" and name != "drawn":
            other, value = (np.abs(other), np.abs(value)) if name == "triangle" else (other, value)
            np.testing.assert_allclose(other, value, rtol=1e-12, atol=1e-15, err_msg=name)
        else:
            np.testing.assert_array_equal(other, value, err_msg=name)


def test_it_counts_as_numpy_does() -> None:
    data = table()
    x, y, left = (data.numbers(name) for name in ("x", "y", "left"))
    kept = left < 1
    complete = kept & np.isfinite(x) & np.isfinite(y)
    found = surveyed(data, 64)
    assert (found.rows_read, found.rows) == (ROWS, int(complete.sum()))
    assert found.excluded == int((~kept).sum())
    assert found.missing.tolist() == [0, int((kept & np.isnan(x)).sum())]
    assert found.non_finite.tolist() == [int(kept[7]), 0]
    np.testing.assert_allclose(found.mean[:2], [np.mean(y[complete]), np.mean(x[complete])])
    np.testing.assert_allclose(found.squares[1] / found.rows, np.var(x[complete]))
    assert (found.low[1], found.high[1]) == (np.min(x[complete]), np.max(x[complete]))
    np.testing.assert_array_equal(found.numbers, np.flatnonzero(complete))


def test_two_rows_that_change_places_change_the_checksum() -> None:
    one, other = surveyed(table(), 64), surveyed(table(changed=120), 64)
    assert one.checksum[0] == other.checksum[0]
    assert one.checksum[1] != other.checksum[1]


def test_rows_are_drawn_evenly() -> None:
    """Of a million rows in order, each hundredth of them gives about a hundredth of those drawn."""
    numbers = np.arange(1_000_000, dtype=np.uint64)
    keys = mixed(numbers + np.uint64(0x9E3779B97F4A7C15))
    drawn = np.sort(numbers[surveying._smallest(keys)])
    assert len(drawn) == surveying.DRAWN
    shares = np.histogram(drawn, bins=100, range=(0, 1e6))[0] / 1000
    assert abs(np.mean(shares) - 1) < 1e-9
    assert np.max(np.abs(shares - 1)) < 4 * np.sqrt(0.9 / 1000), shares


def test_surveys_of_no_rows() -> None:
    nothing = no_survey(2, 3)
    assert reduce(both, [nothing, nothing]).rows == 0
    assert from_bytes(to_bytes(nothing)).triangle.shape == (4, 4)
