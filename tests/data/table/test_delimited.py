"""Delimited text: separators, quotes, encodings, lines, and what is wrong with a file."""

import csv
import io
import math
import warnings
from typing import Literal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from steepest.data.table import delimited as module
from steepest.data.table.columns import Table
from steepest.data.table.delimited import read_delimited
from steepest.words.errors import DataWarning, InputError

Columns = dict[str, list[float]]


def read(text: str | bytes, separator: str | None = None) -> Table:
    data = text.encode() if isinstance(text, str) else text
    return read_delimited(data, "data.csv", separator)


def values(table: Table) -> Columns:
    return {name: table.numbers(name).tolist() for name in table.names}


X_Y = {"x": [1.0, 3.0], "y": [2.0, 4.0]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("x,y\n1,2\n3,4\n", X_Y, id="comma"),
        pytest.param("x;y\n1;2\n3;4\n", X_Y, id="semicolon"),
        pytest.param("x\ty\n1\t2\n3\t4\n", X_Y, id="tab"),
        pytest.param("x|y\n1|2\n3|4\n", X_Y, id="bar"),
        pytest.param("x,y\n1,2\n3,4", X_Y, id="no-last-line-end"),
        pytest.param("x,y\r\n1,2\r\n3,4\r\n", X_Y, id="crlf"),
        pytest.param("x,y\r1,2\r3,4\r", X_Y, id="cr"),
        pytest.param("x,y\n1,2\r\n3,4\r", X_Y, id="mixed-line-ends"),
        pytest.param("x,y\n1,2\n3,4\n\n\n  \n", X_Y, id="trailing-blank-lines"),
        pytest.param("\n \nx,y\n\n1,2\n \t\n\n3,4\n", X_Y, id="blank-lines-everywhere"),
        pytest.param(" x , y \n 1 ,\t2\n3 , 4 \n", X_Y, id="spaces"),
        pytest.param('"x","y"\n1,2\n3,4\n', X_Y, id="quoted-header"),
        pytest.param('x,y\n"1","2"\n"3",4\n', X_Y, id="quoted-cells"),
        pytest.param('x, "y"\n1, "2"\n3 , "4" \n', X_Y, id="spaces-around-quotes"),
        pytest.param('\nx,y\n\n"1",2\n\n3,4\n\n', X_Y, id="quotes-and-blank-lines"),
        pytest.param('x\ty\n1\t"2"\n3\t4\n', X_Y, id="quotes-and-tabs"),
        pytest.param("x;y\n1,0;2,0\n3,0;4\n", X_Y, id="decimal-comma"),
        pytest.param('x;y\n"1,0";2\n3;"4,0"\n', X_Y, id="quoted-decimal-comma"),
        pytest.param("x\n1\n2\n", {"x": [1.0, 2.0]}, id="one-column"),
        pytest.param('"x"\n"1"\n2\n', {"x": [1.0, 2.0]}, id="one-quoted-column"),
        pytest.param(",y\n1,2\n3,4\n", {"column_1": [1.0, 3.0], "y": [2.0, 4.0]}, id="index"),
        pytest.param('"x,\n z",y\n1,2\n', {"x,\n z": [1.0], "y": [2.0]}, id="line-break-in-name"),
        pytest.param('"say ""x""",y\n1,2\n', {'say "x"': [1.0], "y": [2.0]}, id="quote-in-name"),
        pytest.param('"x, m;"\n1\n', {"x, m;": [1.0]}, id="separators-in-a-quoted-name"),
        pytest.param("x, m;y, m\n1,5;2,5\n", {"x, m": [1.5], "y, m": [2.5]}, id="comma-in-names"),
        pytest.param("P(x|y),y\n1,2\n", {"P(x|y)": [1.0], "y": [2.0]}, id="bar-in-name"),
        pytest.param("x;y\n", {"x": [], "y": []}, id="header-only"),
        pytest.param("x,y", {"x": [], "y": []}, id="header-only-no-line-end"),
        pytest.param("größe,\u6642\u9593\n1,2\n", {"größe": [1.0], "時間": [2.0]}, id="unicode"),
        pytest.param("2019,x\n1,2\n", {"2019": [1.0], "x": [2.0]}, id="a-number-among-names"),
        pytest.param("x\u2028y,z\x0b\n1,2\n", {"x\u2028y": [1.0], "z": [2.0]}, id="odd-spaces"),
    ],
)
def test_layouts(text: str, expected: Columns) -> None:
    table = read(text)
    assert values(table) == expected
    assert table.names == tuple(expected)
    assert table.rows == len(next(iter(expected.values())))
    assert table.source == "data.csv"


@pytest.mark.parametrize(
    "text",
    ["x\n1\n\n3\n\n\n", 'x\n"1"\n\n3\n\n\n', "x\n1\n  \n3\n  \n", 'x\n1\n""\n"3"\n\n'],
    ids=["plain", "quoted", "spaces", "empty-quotes"],
)
def test_a_blank_line_inside_a_single_column_is_a_missing_value(text: str) -> None:
    first, second, third = values(read(text))["x"]
    assert (first, third) == (1.0, 3.0)
    assert math.isnan(second)


def test_a_blank_first_row_of_a_single_column_is_a_row() -> None:
    assert read("x\n\n2\n").rows == 2


def test_a_line_of_separators_is_a_row_of_missing_values() -> None:
    for text in ("x,y\n1,2\n,\n3,4\n", "x\ty\n1\t2\n\t\n3\t4\n", 'x,y\n"1",2\n,\n3,4\n'):
        table = read(text)
        np.testing.assert_array_equal(table.numbers("x"), [1, math.nan, 3])


def test_a_given_separator_is_not_guessed_again() -> None:
    assert read("x;y\n1;2\n", "\t").names == ("x;y",)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("µ,y\n1,2\n".encode(), id="utf-8"),
        pytest.param("µ,y\n1,2\n".encode("utf-8-sig"), id="utf-8-mark"),
        pytest.param("µ,y\n1,2\n".encode("utf-16"), id="utf-16-mark"),
        pytest.param(b"\xfe\xff" + "µ,y\n1,2\n".encode("utf-16-be"), id="utf-16-big-endian"),
        pytest.param("µ,y\n1,2\n".encode("utf-32"), id="utf-32-mark"),
        pytest.param("µ,y\n1,2\n".encode("latin-1"), id="latin-1"),
    ],
)
def test_encodings(data: bytes) -> None:
    assert values(read(data)) == {"µ": [1.0], "y": [2.0]}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"", ["is empty"], id="empty"),
        pytest.param(b"\n \n\r\n", ["is empty"], id="blank-lines"),
        pytest.param("\ufeff".encode(), ["is empty"], id="only-a-mark"),
        pytest.param(b"1,2\n3,4\n", ["no header", "1,2", "first line"], id="no-header"),
        pytest.param(b"1.5e3,NA,\n3,4,5\n", ["no header"], id="no-header-missing-value"),
        pytest.param(b"x,x\n1,2\n", ['two columns called "x"', "columns 1 and 2"], id="duplicate"),
        pytest.param(b"x,y, x\n", ["columns 1 and 3"], id="duplicate-after-stripping"),
        pytest.param(b",column_1\n1,2\n", ['"column_1"', "columns 1 and 2"], id="given-name-taken"),
        pytest.param(b"x,y\n1,2\n3\n", ["Line 3", "1 cell,", "header (line 1) has 2"], id="short"),
        pytest.param(b"x,y\n1,2,3\n", ["Line 2", "3 cells"], id="long"),
        pytest.param(b"\nx,y\n\n1,2\n\n3\n", ["Line 6", "line 2"], id="short-after-blank-lines"),
        pytest.param(b'x,y\n"1",2\n3\n', ["Line 3", "1 cell,"], id="short-quoted"),
        pytest.param(b'x,y\n"1\n\n",2\n3\n', ["Line 5"], id="short-after-quoted-lines"),
        pytest.param(b'"x\n",y\n1\n', ["Line 3", "line 1"], id="short-after-long-header"),
        pytest.param(b"x\n1\n2,3\n", ["Line 3", "2 cells", "has 1."], id="long-one-column"),
        pytest.param(b'x,y\n1,2\n"3,4\n5,6\n', ["line 3", "never closed"], id="open-quote"),
        pytest.param(b'"x,y\n1,2\n', ["line 1", "never closed"], id="open-quote-in-header"),
        pytest.param(b"x,y\n1,2\n3,\x004\n", ["NUL", "line 3"], id="nul"),
        pytest.param("x,y\n1,2\n".encode("utf-16-le"), ["NUL", "UTF-8"], id="utf-16-no-mark"),
        pytest.param(b"\xef\xbb\xbfx\n\xff\n", ["UTF-8"], id="broken-utf-8"),
        pytest.param(b"\xff\xfex\x00\n", ["UTF-16"], id="broken-utf-16"),
        pytest.param(b"\xff\xfe\x00\xd8x\x00", ["UTF-16"], id="lone-surrogate"),
        pytest.param(b"PAR1....", ["Parquet", ".parquet"], id="parquet"),
        pytest.param(b"\x1f\x8b....", ["gzip", ".csv.gz"], id="gzip"),
        pytest.param(b"PK\x03\x04..", ["spreadsheet", "CSV"], id="zip"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        read(data)
    for word in [*words, "data.csv"]:
        assert word in caught.value.message


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("x,y\n1,2\n3,abc\n", "row 1 (line 3 of", id="plain"),
        pytest.param("\n\nx,y\n1,2\n\n\n3,abc\n", "row 1 (line 7 of", id="after-blank-lines"),
        pytest.param('x,y\n1,"2"\n3,abc\n', "row 1 (line 3 of", id="quoted"),
        pytest.param('x,y\n"\n\n1\n",2\n\n3,abc\n', "row 1 (line 7 of", id="after-quoted-lines"),
        pytest.param('"x\n",y\n1,2\n3,abc\n', "row 1 (line 4 of", id="after-long-header"),
        pytest.param("x;y\n1;2\n3;1e400\n", "row 1 (line 3 of", id="too-large"),
    ],
)
def test_the_line_of_a_cell_is_the_line_of_the_file(text: str, place: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text).numbers("y")
    assert place in caught.value.message


def test_a_column_of_text_does_no_harm_until_it_is_asked_for() -> None:
    table = read("x,who\n1,Ann\n2,Ben\n")
    assert table.numbers("x").tolist() == [1.0, 2.0]
    with pytest.raises(InputError, match='"Ann"'):
        table.numbers("who")
    with pytest.raises(InputError, match=r'no column "hwo"\. Did you mean "who"'):
        table.numbers("hwo")


def test_hostile_text_is_shown_escaped() -> None:
    bad = "\x1b[31m\x07\u202e" + "z" * 500
    with pytest.raises(InputError) as cell:
        read(f"x\n{bad}\n").numbers("x")
    with pytest.raises(InputError) as name:
        read(f"{bad},{bad}\n1,2\n")
    for caught in (cell, name):
        assert caught.value.message.isprintable()
        assert "\\x1b[31m\\x07\\u202e" in caught.value.message
        assert len(caught.value.message) < 300


def test_long_cells_and_lines() -> None:
    long = "1." + "0" * 300_000
    before = csv.field_size_limit()
    for text in (f"x,y\n{long},2\n", f'x,y\n"{long}",2\n'):
        assert values(read(text)) == {"x": [1.0], "y": [2.0]}
    assert csv.field_size_limit() == before


@pytest.mark.parametrize("quote", ["", '"'], ids=["plain", "quoted"])
def test_thousands_of_columns(quote: str) -> None:
    names = [f"c{i}" for i in range(5000)]
    rows = [",".join(f"{quote}{i + row / 8}{quote}" for i in range(5000)) for row in range(3)]
    table = read("\n".join([",".join(names), *rows]))
    assert table.numbers("c4321").tolist() == [4321.0, 4321.125, 4321.25]
    table.load(["c9", "c4999", "c0"])
    assert table.numbers("c4999").tolist() == [4999.0, 4999.125, 4999.25]
    assert table.numbers("c0").tolist() == [0.0, 0.125, 0.25]


@pytest.mark.parametrize("block", [1, 2, 7, 64])
def test_blocks_do_not_change_what_is_read(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", block)
    monkeypatch.setattr(module, "_CHUNK", block)
    text = "x,y\n" + "".join(f"{i},{i / 4}\n" + "\n" * (i % 3) for i in range(40))
    for data in (text, text + '"40",10\n'):
        table = read(data)
        assert table.numbers("x").tolist() == [*range(table.rows)]
        assert table.numbers("y").tolist() == [i / 4 for i in range(table.rows)]
    with pytest.raises(InputError, match="Line 7 "):
        read("x,y\n1,2\n\n3,4\n\n5,6\n7\n8,9\n")


hostile = st.text(
    alphabet=st.one_of(
        st.sampled_from(list(",;|\t\"\n\r' =+-@#1.eé\u2028\u202e\x1b\x0b\x0c\x1c\x85\ufeff")),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    ),
    max_size=8,
)


@given(
    names=st.lists(hostile, min_size=1, max_size=5, unique_by=lambda n: " ".join(n.split())),
    rows=st.lists(st.tuples(hostile, st.floats(allow_nan=False, allow_infinity=False)), max_size=8),
    separator=st.sampled_from(",;\t|"),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    mark=st.booleans(),
)
@example([""], [], ",", "\n", csv.QUOTE_MINIMAL, False)
def test_what_the_csv_module_writes_is_read_back(
    names: list[str],
    rows: list[tuple[str, float]],
    separator: str,
    line_end: str,
    quoting: Literal[0, 1, 2],
    mark: bool,
) -> None:
    if line_end == "\n":
        # The csv module would leave a lone CR unquoted here, where it is a line end to everyone.
        names = [name.replace("\r", " ") for name in names]
        rows = [(text.replace("\r", " "), value) for text, value in rows]
    # A name that no number can be, first, so that there is a header, and the numbers last.
    header = ["value of", *(f"name {name} end" for name in names), "value"]
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=separator, lineterminator=line_end, quoting=quoting)
    writer.writerow(header)
    writer.writerows([-value, *[text] * len(names), value] for text, value in rows)
    table = read(stream.getvalue().encode("utf-8-sig" if mark else "utf-8"), separator)
    same_breaks = [name.replace("\r\n", "\n").replace("\r", "\n") for name in header]
    assert table.names == tuple(same_breaks)
    assert table.rows == len(rows)
    assert table.numbers("value").tolist() == [value for _, value in rows]
    assert table.numbers("value of").tolist() == [-value for _, value in rows]


@given(
    st.lists(
        st.lists(st.sampled_from(["1", " 2.5", "", "NA", "x", "-3e4 ", " "]), max_size=4),
        max_size=8,
    )
)
def test_quotes_elsewhere_change_nothing(rows: list[list[str]]) -> None:
    """The two ways of reading agree: Polars without quotes, the csv module with them."""
    body = "".join(",".join(row) + "\n" for row in rows)

    def outcome(text: str) -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # a line of two words is one of units
            try:
                table = read(text, ",")
                return [repr(table.numbers(name).tolist()) for name in ("a", "b")]
            except InputError as error:
                return error.message

    plain = outcome("a,b\n" + body + "7,8\n")
    with_quotes = outcome("a,b\n" + body + '"7",8\n')
    assert plain == with_quotes
