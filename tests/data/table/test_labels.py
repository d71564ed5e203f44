"""A column as labels: the same names whatever the data stands in, and None where one is missing."""

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from steepest.data.table.columns import Table
from steepest.data.table.delimited import read_delimited
from steepest.data.table.source import read_table
from steepest.words.errors import InputError

WORDS = ["setosa", None, "x, y"]


def as_parquet(frame: pl.DataFrame, folder: Path) -> str:
    frame.write_parquet(folder / "flowers.parquet")
    return str(folder / "flowers.parquet")


SOURCES = {
    "CSV with quotes": lambda _: read_delimited(b'a,b\n setosa ,1\nNA,2\n"x, y",3\n', "a.csv"),
    "CSV without": lambda _: read_delimited(b"a;b\nsetosa;1\n;2\n x, y;3\n", "a.csv"),
    "mapping": lambda _: read_table({"a": WORDS}),
    "Polars": lambda _: read_table(pl.DataFrame({"a": WORDS})),
    "Polars, lazy": lambda _: read_table(pl.DataFrame({"a": WORDS}).lazy()),
    "Polars, categories": lambda _: read_table(pl.DataFrame({"a": WORDS}).cast(pl.Categorical)),
    "pandas": lambda _: read_table(pd.DataFrame({"a": WORDS})),
    "pandas, categories": lambda _: read_table(pd.DataFrame({"a": pd.Categorical(WORDS)})),
    "Arrow": lambda _: read_table(pa.table({"a": WORDS})),
    "Parquet": lambda folder: read_table(as_parquet(pl.DataFrame({"a": WORDS}), folder)),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_words_are_the_same_from_everywhere(source: Any, tmp_path: Path) -> None:
    table: Table = source(tmp_path)
    assert table.labels("a").tolist() == WORDS
    assert not table.loaded


VALUES: dict[str, tuple[Any, list[str | None]]] = {
    "whole numbers": ([1, -1, 30], ["1", "-1", "30"]),
    "whole floats": ([1.0, float("nan"), -0.0], ["1", None, "0"]),
    "other floats": ([1.5, 1e300, float("inf")], ["1.5", "1e+300", "inf"]),
    "truths": ([True, False, None], ["true", "false", None]),
    "decimals": ([Decimal("3"), Decimal("3.7"), Decimal("sNaN")], ["3", "3.7", None]),
    "mixed": (["a", 2, None], ["a", "2", None]),
    "masked": (np.ma.array([1, 2, 3], mask=[False, True, False]), ["1", None, "3"]),
    "fixed text": (np.array(["a ", "b", "-"]), ["a", "b", None]),
    "long whole numbers": ([2**62 + 1, 2, 3], ["4611686018427387905", "2", "3"]),
}


@pytest.mark.parametrize(("values", "labels"), VALUES.values(), ids=VALUES)
def test_values_become_labels(values: Any, labels: list[str | None]) -> None:
    assert read_table({"a": values}).labels("a").tolist() == labels


def test_missing_numbers_of_a_frame_are_missing_labels() -> None:
    frame = pd.DataFrame({"f": [1, None], "i": pd.array([1, None], dtype="Int64")})
    table = read_table(frame)
    assert table.labels("f").tolist() == table.labels("i").tolist() == ["1", None]


def test_a_table_of_numbers_alone_has_labels() -> None:
    table = Table("kept", ("x",), 2, lambda _: {0: np.array([3.0, np.nan])})
    assert table.labels("x").tolist() == ["3", None]


REFUSED: dict[str, tuple[Any, str]] = {
    "dates": ([datetime.date(2020, 1, 1)] * 2, "2020-01-01"),
    "durations": (np.array([1, 2], dtype="m8[s]"), "1 seconds"),
    "bytes": ([b"a", b"b"], "type bytes"),
    "lists": (pl.DataFrame({"a": [[1], [2]]})["a"].to_list(), "one-dimensional"),
    "complex numbers": (np.array([1j, 2]), "type complex"),
    "half a character": (["\ud800", "b"], "ud800"),
    "a number too large": ([10**5000, 1], "1.8e308"),
}


@pytest.mark.parametrize(("values", "named"), REFUSED.values(), ids=REFUSED)
def test_what_names_no_class_is_refused(values: Any, named: str) -> None:
    with pytest.raises(InputError) as caught:
        read_table({"a": values}).labels("a")
    assert named in caught.value.message
    assert '"a"' in caught.value.message


def test_a_name_that_is_no_column() -> None:
    with pytest.raises(InputError, match='no column "kind"'):
        read_table({"a": ["u"]}).labels("kind")


def refused(error: InputError) -> None:
    assert error.message.isprintable()


@given(st.binary(max_size=80))
@example(b"\x1c,")
def test_any_bytes(data: bytes) -> None:
    try:
        table = read_delimited(b"a,b\n" + data, "data.csv")
        for name in table.names:
            labels = table.labels(name).tolist()
            assert len(labels) == table.rows
            assert all(label is None or label == label.strip() != "" for label in labels)
    except InputError as error:
        refused(error)
