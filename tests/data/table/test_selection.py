"""The complete rows: what is kept, what is counted, and when nothing is left."""

import hashlib
import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.data.table.selection import fingerprint, select
from steepest.data.table.source import read_table
from steepest.words.errors import InputError

NAN, INF = math.nan, math.inf


def test_incomplete_rows_are_left_out_and_counted() -> None:
    table = read_table(
        {"x": [0, NAN, 2, INF, 4, NAN], "y": [0, 1, 2, -INF, NAN, NAN], "z": [NAN] * 6}
    )
    chosen = select(table, ["x", "y"])
    assert chosen.rows == 2
    assert chosen.row_numbers.tolist() == [0, 2]
    assert chosen.row_numbers.dtype == np.int64
    assert {name: c.tolist() for name, c in chosen.columns.items()} == {"x": [0, 2], "y": [0, 2]}
    assert chosen.left_out == 4
    assert chosen.missing == {"x": 2, "y": 2}
    assert chosen.non_finite == {"x": 1, "y": 1}
    assert chosen.excluded_by_where == 0


def test_rows_that_the_condition_excludes_are_not_counted_as_incomplete() -> None:
    table = read_table({"x": [0, NAN, 2, INF, 4]})
    chosen = select(table, ["x"], np.array([True, False, True, True, False]))
    assert chosen.row_numbers.tolist() == [0, 2]
    assert (chosen.left_out, chosen.excluded_by_where) == (1, 2)
    assert (chosen.missing, chosen.non_finite) == ({"x": 0}, {"x": 1})


def test_whole_columns_are_not_copied() -> None:
    table = read_table({"x": [1.0, 2.0]})
    assert select(table, ["x", "x"]).columns["x"] is table.numbers("x")


def test_no_columns_are_every_row() -> None:
    chosen = select(read_table({"x": [1, NAN, 3]}), [])
    assert (chosen.rows, chosen.columns) == (3, {})


@pytest.mark.parametrize(
    ("data", "keep", "words"),
    [
        pytest.param({"x": []}, None, ["The mapping has columns but no rows"], id="no-rows"),
        pytest.param({"x": [NAN, NAN]}, None, ['Every value of column "x"'], id="all-missing"),
        pytest.param({"x": [NAN]}, None, ['Every value of column "x"'], id="only-value-missing"),
        pytest.param(
            {"x": [1, 2], "y": [None, "NA"]}, None, ['Every value of column "y"'], id="all-of-one"
        ),
        pytest.param({"x": [1, NAN]}, [False, True], ['column "x"'], id="all-missing-of-kept"),
        pytest.param({"x": [1]}, None, ["has 1 complete row.", "at least 2 rows"], id="one-row"),
        pytest.param(
            {"x": [1, NAN, INF]},
            None,
            ["1 complete row.", "2 rows had a missing or non-finite value", '"x" (2)'],
            id="one-complete-row",
        ),
        pytest.param({"x": [INF, -INF]}, None, ["0 complete rows", '"x" (2)'], id="all-infinite"),
        pytest.param(
            {"x": [NAN, 1, NAN], "y": [1, NAN, 2]},
            None,
            ["0 complete rows", "3 rows", '"x" (2)'],
            id="none-complete",
        ),
        pytest.param({"x": [1, 2]}, [False, False], ["No row", "--where"], id="condition-of-none"),
        pytest.param(
            {"x": [1, 2]}, [False, True], ["1 complete row among those that fulfil"], id="of-one"
        ),
        pytest.param({"x": ["a", "b"]}, None, ['"a"'], id="text"),
        pytest.param({"y": [1, 2]}, None, ['no column "x"'], id="unknown"),
    ],
)
def test_too_little_is_left(
    data: dict[str, Any], keep: list[bool] | None, words: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        select(
            read_table(data),
            ["x", *set(data) - {"x"}],
            None if keep is None else np.array(keep),
            minimum_rows=2,
        )
    for word in words:
        assert word in caught.value.message


def test_how_many_rows_are_enough_is_the_callers_choice() -> None:
    table = read_table({"x": [1]})
    assert select(table, ["x"]).rows == 1
    with pytest.raises(InputError, match="at least 5 rows"):
        select(table, ["x"], minimum_rows=5)


def test_a_mask_of_another_length_is_a_mistake_in_the_program() -> None:
    with pytest.raises(ValueError, match="keep has shape"):
        select(read_table({"x": [1, 2]}), ["x"], np.array([True]))


cells = st.one_of(st.floats(), st.sampled_from([NAN, INF, -INF, 0.0, 1.0]))


@given(st.lists(st.tuples(cells, cells, st.booleans()), min_size=2, max_size=40))
def test_against_a_plain_loop(rows: list[tuple[float, float, bool]]) -> None:
    kept = [(i, x, y) for i, (x, y, keep) in enumerate(rows) if keep]
    expected = [(i, x, y) for i, x, y in kept if math.isfinite(x) and math.isfinite(y)]
    table = read_table({"x": [x for x, _, _ in rows], "y": [y for _, y, _ in rows]})
    keep = np.array([keep for _, _, keep in rows])
    try:
        chosen = select(table, ["x", "y"], keep)
    except InputError:
        assert len(expected) < 2
        return
    found = zip(
        chosen.row_numbers.tolist(),
        chosen.columns["x"].tolist(),
        chosen.columns["y"].tolist(),
        strict=True,
    )
    assert [*found] == expected
    assert chosen.rows == len(expected)
    assert chosen.left_out == len(kept) - len(expected)
    assert chosen.excluded_by_where == len(rows) - len(kept)
    assert chosen.missing["x"] == sum(math.isnan(x) for _, x, _ in kept)
    assert chosen.non_finite["y"] == sum(math.isinf(y) for _, _, y in kept)


def test_the_fingerprint_is_the_hash_of_names_and_values() -> None:
    selection = select(read_table({"y": [1.5, -2.0], "é": [0.0, 3.0], "z": ["a", "b"]}), ["y", "é"])
    written = b"1:y" + b"2:" + struct.pack("<2d", 1.5, -2.0)
    written += b"2:\xc3\xa9" + b"2:" + struct.pack("<2d", 0.0, 3.0)
    assert fingerprint(selection) == hashlib.sha256(written).hexdigest()


@pytest.mark.parametrize(
    "other",
    [
        {"x": [1.0, 2.0], "z": [3.0, 4.0]},
        {"x": [3.0, 4.0], "y": [1.0, 2.0]},
        {"x": [2.0, 1.0], "y": [4.0, 3.0]},
        {"x": [1.0, 2.0, 3.0], "y": [3.0, 4.0, 5.0]},
        {"x": [1.0, 2.0]},
        {"x": [1.0, math.nextafter(2.0, 3.0)], "y": [3.0, 4.0]},
    ],
    ids=str,
)
def test_other_data_has_another_fingerprint(other: dict[str, list[float]]) -> None:
    data = {"x": [1.0, 2.0], "y": [3.0, 4.0]}
    first = fingerprint(select(read_table(data), ["x", "y"]))
    assert first == fingerprint(select(read_table(dict(reversed(data.items()))), ["y", "x"]))
    assert first == fingerprint(select(read_table({**data, "unused": ["a", "b"]}), ["x", "y"]))
    assert first != fingerprint(select(read_table(other), other))
