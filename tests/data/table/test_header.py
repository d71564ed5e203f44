"""The names that a file's first line shows are those of the table, wherever any are said."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import specimens

from steepest.data.table.delimited import read_delimited
from steepest.data.table.header import plain_names
from steepest.data.table.source import read_table
from steepest.words.errors import SteepestError

CELLS = st.sampled_from(
    ["time", "speed", "_a", "x1", "NA", "inf", "C", "e", "1", "2.5", "-3", "", " x", "m/s", "(m)",
     '"x y"', "#", "sep=", "true", "x;y", "x\ty", "1,234"]
)  # fmt: skip
LINES = st.lists(st.lists(CELLS, min_size=1, max_size=4).map(",".join), min_size=2, max_size=6).map(
    "\n".join
)


@given(text=LINES)
def test_where_it_says_names_they_are_the_table_s(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("header") / "data.csv"
    path.write_text(text)
    names = plain_names(path)
    if names is None:
        return
    try:
        table = read_delimited(path.read_bytes(), "data.csv")
    except SteepestError:
        return
    assert tuple(table.names) == names


def test_the_example_is_plain(tmp_path: Path) -> None:
    assert plain_names(specimens.SPEED) == tuple(read_table(str(specimens.SPEED)).names)
    odd = tmp_path / "odd.csv"
    odd.write_text("time,time\n1,2\n")
    assert plain_names(odd) is None
    assert plain_names(tmp_path / "nowhere.csv") is None
