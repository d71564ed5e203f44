"""Data frames of several libraries, and mappings of arrays."""

import datetime
import math
from array import array
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from steepest.data.table.source import read_table
from steepest.words.errors import InputError

NAN = math.nan


def numbers(data: object, name: str = "x") -> list[float]:
    values = read_table(data).numbers(name)
    assert values.dtype == np.float64
    assert not values.flags.writeable
    return [*map(float, values)]


def read_every_column(data: object) -> None:
    table = read_table(data)
    table.load(table.names)


def message(data: object) -> str:
    with pytest.raises(InputError) as caught:
        read_every_column(data)
    assert caught.value.message.isprintable()
    return caught.value.message


@pytest.mark.parametrize(
    "make",
    [pd.DataFrame, pl.DataFrame, pl.LazyFrame, pa.table, dict],
    ids=["pandas", "polars", "polars-lazy", "pyarrow", "mapping"],
)
def test_the_same_columns_from_every_library(make: Callable[[dict[str, Any]], Any]) -> None:
    data = make(
        {
            "float": [1.5, None, -2.0],
            "int": [1, None, 2**53],
            "bool": [True, None, False],
            "text": ["1", None, "NA"],
            "who": ["Ann", "Ben", None],
            "price": [Decimal("0.1"), None, Decimal("2.50")],
        }
    )
    table = read_table(data)
    assert table.source == ("mapping" if make is dict else "data frame")
    assert table.names == ("float", "int", "bool", "text", "who", "price")
    assert table.rows == 3
    expected = {
        "float": [1.5, NAN, -2],
        "int": [1, NAN, 2.0**53],
        "bool": [1, NAN, 0],
        "text": [1, NAN, NAN],
        "price": [0.1, NAN, 2.5],
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(table.numbers(name), values)
    with pytest.raises(InputError, match=r'Column "who" of the .* row 0 does not\. Given: "Ann"'):
        table.numbers("who")


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (pd.array([1, None, 2**53 + 1], dtype="Int64"), [1, NAN, float(2**53 + 1)]),
        (pd.array([1, None, 2**63 - 1], dtype="int64[pyarrow]"), [1, NAN, float(2**63 - 1)]),
        (pd.array([1.5, None, math.inf], dtype="Float64"), [1.5, NAN, math.inf]),
        (pd.array([True, None, False], dtype="boolean"), [1, NAN, 0]),
        (pd.array(["1", None, "x"], dtype="string")[:2], [1, NAN]),
        (pd.Categorical([1, 2, None]), [1, 2, NAN]),
        (pd.Categorical(["1", None, "3"]), [1, NAN, 3]),
        (pd.Series([1, "2", None, True, pd.NA, pd.NaT], dtype=object), [1, 2, NAN, 1, NAN, NAN]),
        (pd.arrays.SparseArray([0.0, 1.0]), [0, 1]),
        (np.array([1.5, 2], dtype=np.longdouble), [1.5, 2]),
        (np.array([0.5, 2], dtype=np.float16), [0.5, 2]),
    ],
    ids=lambda value: str(getattr(value, "dtype", "")),
)
def test_pandas_kinds(column: Any, values: list[float]) -> None:
    np.testing.assert_array_equal(numbers(pd.DataFrame({"x": column})), values)
    np.testing.assert_array_equal(numbers({"x": column}), values)


def test_integers_that_float64_does_not_hold_are_rounded_as_python_does() -> None:
    large = [2**53 + 1, 2**63 - 1, 2**62 + 257]
    for data in (pa.table({"x": large}), pl.DataFrame({"x": large}), {"x": large}):
        assert numbers(data) == [*map(float, large)]


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=10), min_size=1))
def test_decimals_are_rounded_as_python_does(values: list[Decimal]) -> None:
    small = [value for value in values if abs(value) < Decimal(10) ** 25]
    frame = pl.DataFrame({"x": pl.Series(small, dtype=pl.Decimal(38, 10))})
    assert numbers(frame) == [*map(float, small)]


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), 'two columns called "a"'),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), 'two columns called "1"'),
        (pd.DataFrame(), "no columns"),
        (pl.DataFrame(), "no columns"),
        (pd.DataFrame({"x": [1j]}), "Write numbers"),
        (pd.DataFrame({"x": pd.to_datetime(["2020-01-01"])}), "days since"),
        (pd.DataFrame({"x": pd.to_timedelta([1])}), "days since"),
        (pd.DataFrame({"x": [datetime.date(2020, 1, 1)]}), "days since"),
        (pd.DataFrame({"x": pd.period_range("2020", periods=1, freq="M")}), "must hold numbers"),
        (pd.DataFrame({"x": [[1]]}), "must hold numbers"),
        (pl.DataFrame({"x": [object()]}), "must hold numbers"),
        (pl.DataFrame({"x": pl.Series(["a"], dtype=pl.Enum(["a"]))}), "must hold numbers"),
        (pa.table({"x": [b"1"]}), "bytes"),
        (pd.Series([1, 2]), "pandas"),
        (pl.Series([1, 2]), "polars"),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__module__.split(".")[0],
)
def test_frames_that_do_not_do(frame: object, words: str) -> None:
    assert words in message(frame)


def test_names_that_are_no_text() -> None:
    frame = pd.DataFrame([[1, 2, 3]], columns=[0, ("a", "b"), None])
    table = read_table(frame)
    assert table.names == ("0", "('a', 'b')", "None")
    assert [table.numbers(name).tolist() for name in table.names] == [[1.0], [2.0], [3.0]]
    assert numbers({0: [1.0]}, "0") == [1.0]


def test_a_frame_without_rows() -> None:
    assert read_table(pl.DataFrame({"x": []})).rows == 0
    assert numbers(pd.DataFrame({"x": []})) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2.5], [1, 2.5]),
        ((True, False), [1, 0]),
        (range(3), [0, 1, 2]),
        (array("d", [1.5, 2]), [1.5, 2]),
        (np.arange(3)[::-1], [2, 1, 0]),
        (np.array([1, 2], dtype=">f4"), [1, 2]),
        (np.array([True, False]), [1, 0]),
        (np.array(["1", "NA"]), [1, NAN]),
        (np.array(["1.5", " 2"], dtype=object), [1.5, 2]),
        (np.ma.array([1, 2, 3], mask=[False, True, False]), [1, NAN, 3]),
        (np.ma.array(["1", "x"], mask=[False, True]), [1, NAN]),
        (np.array([2**64 - 1], dtype=np.uint64), [float(2**64 - 1)]),
        ([2**70, 1], [2.0**70, 1]),
        ([1, "2", None], [1, 2, NAN]),
        ([1.0, math.inf, NAN], [1, math.inf, NAN]),
        (pd.Series([1, 2], index=[5, 7]), [1, 2]),
        (pl.Series([1, None]), [1, NAN]),
        (pa.array([1, None]), [1, NAN]),
        ([], []),
    ],
    ids=lambda value: type(value).__name__,
)
def test_arrays(values: Any, expected: list[float]) -> None:
    np.testing.assert_array_equal(numbers({"x": values}), expected)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param({}, "holds no columns", id="empty"),
        pytest.param({"x": 1.0}, "a single value", id="scalar"),
        pytest.param({"x": "abc"}, "a single value", id="text"),
        pytest.param({"x": None}, "a single value", id="none"),
        pytest.param({"x": {1, 2}}, "a single value", id="set"),
        pytest.param({"x": (i for i in range(3))}, "a single value", id="generator"),
        pytest.param({"x": np.zeros((3, 1))}, "shape (3, 1)", id="column-of-a-matrix"),
        pytest.param({"x": [[1, 2], [3, 4]]}, "shape (2, 2)", id="nested"),
        pytest.param({"x": [[1, 2], [3]]}, "several lengths", id="ragged"),
        pytest.param(
            {"x": [1, 2], "y": [1], "z": [1]}, '"x" has 2 rows and column "y" has 1', id="lengths"
        ),
        pytest.param({1: [1], "1": [2]}, 'two columns called "1"', id="one-name-twice"),
        pytest.param({"x": np.array([1j])}, "complex", id="complex"),
        pytest.param({"x": [1j, 2]}, "1j", id="complex-list"),
        pytest.param({"x": ["1", "abc"]}, 'row 1 does not. Given: "abc"', id="text-cell"),
        pytest.param({"x": [10**400]}, "1.8e308", id="large-integer"),
        pytest.param({"x": [0.5, 10**400]}, "row 1", id="large-integer-beside-float"),
        pytest.param({"x": np.array(["2020-01-01"], dtype="M8[D]")}, "days since", id="dates"),
        pytest.param({"x": np.array([1], dtype="m8[s]")}, "days since", id="durations"),
        pytest.param({"x": [datetime.date(2020, 1, 1)]}, "days since", id="date-objects"),
        pytest.param({"x": np.zeros(2, dtype=[("a", "f8")])}, "Write numbers", id="records"),
        pytest.param({"x": [b"1"]}, "Write numbers", id="bytes"),
        pytest.param({"\x1b[2J": [1], "y": [1, 2]}, "\\x1b[2J", id="hostile-name"),
        pytest.param({"x": ["\x1b[2J"]}, "\\x1b[2J", id="hostile-cell"),
    ],
)
def test_mappings_that_do_not_do(data: object, words: str) -> None:
    assert words in message(data)


@pytest.mark.skipif(
    np.finfo(np.longdouble).max == np.finfo(np.float64).max, reason="no longer doubles here"
)
def test_a_long_double_too_large_for_float64() -> None:
    assert "1.8e308" in message({"x": np.array(["1e400"], dtype=np.longdouble)})


def test_the_users_array_stays_as_it_is() -> None:
    mine = np.array([1.0, 2.0])
    table = read_table({"x": mine})
    values = table.numbers("x")
    mine[0] = 5.0
    assert mine.flags.writeable
    assert values.tolist() == [1.0, 2.0]
    frame = pd.DataFrame({"x": [1.0, 2.0]})
    values = read_table(frame).numbers("x")
    frame.loc[0, "x"] = 5.0
    assert values.tolist() == [1.0, 2.0]


@given(arrays.arrays(arrays.array_dtypes() | arrays.scalar_dtypes(), arrays.array_shapes()))
def test_any_array_is_read_or_refused(values: np.ndarray[Any, Any]) -> None:
    try:
        read = read_table({"x": values}).numbers("x")
    except InputError:
        assert values.ndim != 1 or values.dtype.kind not in "biuf"
        return
    assert read.shape == values.shape
    if values.dtype.kind in "biuf":
        np.testing.assert_array_equal(read, values.astype(np.float64))
