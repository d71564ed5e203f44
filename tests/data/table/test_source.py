"""Paths, folders, patterns, standard input: where data comes from, and what is not there."""

import gzip
import io
import math
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from steepest.data.table import source
from steepest.data.table.columns import Table
from steepest.data.table.source import read_table
from steepest.words.errors import InputError

TEXT = b"x,y\n1,2\n3,4\n"
FRAME = pl.DataFrame({"x": [1.0, 3.0], "y": [2, 4]})


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read_every_column(data: object) -> None:
    table = read_table(data)
    table.load(table.names)


def message(data: object) -> str:
    with pytest.raises(InputError) as caught:
        read_every_column(data)
    assert caught.value.message.isprintable()
    return caught.value.message


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("data.csv", TEXT),
        ("DATA.CSV", TEXT),
        ("data.txt", TEXT),
        ("data", TEXT),
        ("data.tsv", TEXT.replace(b",", b"\t")),
        ("data.v2.csv", TEXT),
        ("data.csv.gz", gzip.compress(TEXT, mtime=0)),
        ("data.tsv.gz", gzip.compress(TEXT.replace(b",", b"\t"), mtime=0)),
        ("a [1]*.csv", TEXT),
        ("größe.csv", TEXT),
    ],
)
def test_text_files(name: str, content: bytes) -> None:
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        pytest.skip("This system cannot write the name.")
    Path(name).write_bytes(content)
    for data in (name, Path(name)):
        table = read_table(data)
        assert (table.names, table.rows, table.source) == (("x", "y"), 2, name)
        assert table.numbers("y").tolist() == [2.0, 4.0]
    assert read_table(table) is table


@pytest.mark.parametrize("name", ["data.parquet", "data.pq", "DATA.PARQUET", "a [1]*.parquet"])
def test_parquet_file(name: str) -> None:
    FRAME.write_parquet(name)
    table = read_table(name)
    assert (table.names, table.rows, table.source) == (("x", "y"), 2, name)
    assert table.numbers("x").tolist() == [1.0, 3.0]


def test_a_folder_and_a_pattern_of_parquet() -> None:
    Path("parts/_old").mkdir(parents=True)
    FRAME.write_parquet("parts/2.parquet")
    FRAME.with_columns(x=pl.col("x") + 10).write_parquet("parts/1.parquet")
    FRAME.write_parquet("parts/_old/0.parquet")
    FRAME.write_parquet("parts/.hidden.parquet")
    Path("parts/notes.txt").write_text("no data")
    for data in ("parts", "parts/", "parts/*.parquet", Path("parts")):
        assert read_table(data).numbers("x").tolist() == [11.0, 13.0, 1.0, 3.0]
    assert read_table("parts/2*").rows == 2
    assert "not all are Parquet" in message("parts/[1n]*")


def test_folders_that_name_a_column() -> None:
    for year in (2023, 2024):
        Path(f"data/year={year}").mkdir(parents=True)
        FRAME.write_parquet(f"data/year={year}/0.parquet")
    for data in ("data", "data/*/*.parquet"):
        table = read_table(data)
        assert table.numbers("year").tolist() == [2023.0, 2023.0, 2024.0, 2024.0]
        assert table.numbers("y").tolist() == [2.0, 4.0, 2.0, 4.0]
    assert read_table("data/year=2023/0.parquet").names == ("x", "y")
    assert read_table("data/year=2023").names == ("x", "y")


def test_parquet_columns() -> None:
    pl.DataFrame(
        {
            "flag": [True, None, False],
            "small": pl.Series([1, None, -3], dtype=pl.Int8),
            "large": pl.Series([2**64 - 1, 2**53 + 1, None], dtype=pl.UInt64),
            "price": pl.Series([Decimal("0.1"), None, Decimal("-2.50")]),
            "single": pl.Series([0.1, math.nan, math.inf], dtype=pl.Float32),
            "text": ["1.5", "NA", " -2 "],
            "nothing": [None, None, None],
            "kind": pl.Series(["1", None, "2"], dtype=pl.Categorical),
        }
    ).write_parquet("data.parquet")
    table = read_table("data.parquet")
    nan = math.nan
    expected = {
        "flag": [1, nan, 0],
        "small": [1, nan, -3],
        "large": [float(2**64 - 1), float(2**53 + 1), nan],
        "price": [0.1, nan, -2.5],
        "single": [float(np.float32(0.1)), nan, math.inf],
        "text": [1.5, nan, -2],
        "nothing": [nan, nan, nan],
        "kind": [1, nan, 2],
    }
    table.load(table.names)
    for name, values in expected.items():
        np.testing.assert_array_equal(table.numbers(name), values)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pl.Series(["2020-01-01"]).str.to_date(), "days since"),
        (pl.Series(["2020-01-01"]).str.to_date().cast(pl.Datetime), "days since"),
        (pl.Series([1]).cast(pl.Duration), "days since"),
        (pl.Series([1]).cast(pl.Time), "days since"),
        (pl.Series([[1, 2]]), "its own column"),
        (pl.Series([{"a": 1}]), "its own column"),
        (pl.Series([b"1"]), "bytes"),
        (pl.Series(["one"]), '"one"'),
    ],
    ids=["date", "datetime", "duration", "time", "list", "struct", "binary", "text"],
)
def test_parquet_columns_that_are_no_numbers(column: pl.Series, words: str) -> None:
    pl.DataFrame({"x": [1], "odd": column}).write_parquet("data.parquet")
    assert read_table("data.parquet").numbers("x").tolist() == [1.0]
    text = message("data.parquet")
    assert 'Column "odd" of data.parquet must hold numbers' in text
    assert words in text


def test_only_the_columns_asked_for_are_read() -> None:
    pl.DataFrame({f"c{i}": [i, None, -i] for i in range(3000)}).write_parquet("data.parquet")
    table = read_table("data.parquet")
    assert (len(table.names), table.rows) == (3000, 3)
    np.testing.assert_array_equal(table.numbers("c2999"), [2999, math.nan, -2999])


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda whole: b"", id="empty"),
        pytest.param(lambda whole: b"x,y\n1,2\n", id="csv"),
        pytest.param(lambda whole: whole[:-1], id="last-byte-gone"),
        pytest.param(lambda whole: whole[: len(whole) // 2], id="half"),
        pytest.param(lambda whole: whole[:4] + whole[-8:], id="only-the-ends"),
        pytest.param(lambda whole: b"PAR1" + b"\xff" * 100 + b"PAR1", id="no-footer"),
    ],
)
def test_damaged_parquet(damage: object) -> None:
    FRAME.write_parquet("data.parquet")
    whole = Path("data.parquet").read_bytes()
    Path("data.parquet").write_bytes(damage(whole))  # type: ignore[operator]
    assert "data.parquet is not whole Parquet data" in message("data.parquet")


def test_parquet_files_that_do_not_fit_together() -> None:
    Path("parts").mkdir()
    FRAME.write_parquet("parts/1.parquet")
    FRAME.rename({"y": "z"}).write_parquet("parts/2.parquet")
    assert "do not fit together" in message("parts")


def test_a_file_that_changes_after_it_was_opened() -> None:
    FRAME.write_parquet("data.parquet")
    table = read_table("data.parquet")
    Path("data.parquet").write_bytes(b"gone")
    with pytest.raises(InputError, match="not whole Parquet"):
        table.numbers("x")


def test_a_column_of_another_length_than_the_table() -> None:
    table = Table("data.parquet", ("x",), 2, lambda _: {0: np.zeros(4)})
    with pytest.raises(InputError, match="has 4 rows, but the table has 2"):
        table.numbers("x")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param("", "empty", id="no-name"),
        pytest.param("sped.csv", 'no file "sped.csv". Did you mean "speed.csv"?', id="near"),
        pytest.param("SPEED.CSV.", 'Did you mean "speed.csv"?', id="near-in-another-case"),
        pytest.param("zzzzz", 'no file "zzzzz". Give the path', id="missing"),
        pytest.param("none/x.csv", 'the folder "none" does not exist', id="missing-folder"),
        pytest.param("speed.csv/x.csv", "does not exist", id="file-as-folder"),
        pytest.param("*.parquet", "No file fits the pattern", id="pattern"),
        pytest.param("empty", 'The folder "empty" holds no Parquet files', id="folder"),
        pytest.param("book.xlsx", 'the suffix ".xlsx"', id="suffix"),
        pytest.param("book.xlsx", "Known are .csv, .tsv and .txt", id="known-suffixes"),
        pytest.param("data.parquet.gz", 'the suffix ".parquet.gz"', id="packed-parquet"),
        pytest.param("data.gz", 'the suffix ".gz"', id="packed-nothing"),
        pytest.param("broken.csv.gz", "not a whole gzip file", id="broken-gzip"),
        pytest.param("short.csv.gz", "not a whole gzip file", id="short-gzip"),
        pytest.param("gz_in.csv", "ends in .csv.gz", id="gzip-called-csv"),
        pytest.param(os.devnull, "is not a file", id="device"),
        pytest.param("a\0b.csv", "a\\x00b.csv", id="nul-in-name"),
        pytest.param("x" * 5000 + ".csv", "cannot be read", id="long-name"),
        pytest.param("\x1b[2J\u202e.csv", '"\\x1b[2J\\u202e.csv"', id="hostile-name"),
        pytest.param("https://example.org/x.csv", "Fetch it first", id="address"),
        pytest.param("s3://bucket/x.parquet", "Fetch it first", id="bucket"),
        pytest.param("~nobody-of-this-name/x.csv", "cannot be read", id="unknown-home"),
        pytest.param(3, '"int"', id="number"),
        pytest.param(None, '"NoneType"', id="none"),
        pytest.param([1, 2], "a mapping of names to arrays", id="list"),
        pytest.param(np.zeros((2, 2)), '"numpy.ndarray"', id="array"),
    ],
)
def test_what_is_not_there(data: object, words: str) -> None:
    Path("speed.csv").write_bytes(TEXT)
    Path("book.xlsx").write_bytes(b"PK")
    Path("empty").mkdir()
    for name in ("data.parquet.gz", "data.gz", "gz_in.csv"):
        Path(name).write_bytes(gzip.compress(TEXT, mtime=0))
    Path("broken.csv.gz").write_bytes(b"no gzip")
    Path("short.csv.gz").write_bytes(gzip.compress(TEXT, mtime=0)[:-9])
    text = message(data)
    assert words in text
    assert len(text) < 800


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads anything")
def test_a_file_without_permission() -> None:
    Path("data.csv").write_bytes(TEXT)
    Path("data.csv").chmod(0)
    assert '"data.csv" cannot be read: Permission denied.' in message("data.csv")


def test_an_unreadable_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("data.csv").write_bytes(TEXT)

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert '"data.csv" cannot be read: Permission denied.' in message("data.csv")


def test_a_gzip_file_that_unpacks_to_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("data.csv.gz").write_bytes(gzip.compress(TEXT + b"0,0\n" * 1000, mtime=0))
    monkeypatch.setattr(source, "_MOST_UNPACKED", 2**10)
    assert "unpacks to more than" in message("data.csv.gz")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe() -> None:
    os.mkfifo("pipe")
    with subprocess.Popen([sys.executable, "-c", f"open('pipe', 'wb').write({TEXT!r})"]):
        assert read_table("pipe").numbers("y").tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    "stream",
    [
        io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbf" + TEXT), encoding="ascii"),
        io.StringIO(TEXT.decode()),
    ],
    ids=["bytes", "text"],
)
def test_standard_input(stream: io.TextIOBase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", stream)
    table = read_table("-")
    assert table.source == "standard input"
    assert table.numbers("y").tolist() == [2.0, 4.0]


def test_standard_input_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("x,y\n1\n"))
    assert "Line 2 of standard input has 1 cell, but" in message("-")
    monkeypatch.setattr(sys, "stdin", None)
    assert "no standard input" in message("-")
    closed = io.StringIO("x,y\n1,2\n")
    closed.close()
    monkeypatch.setattr(sys, "stdin", closed)
    assert "standard input" in message("-")


def test_importing_the_table_imports_no_library_of_data_frames() -> None:
    code = (
        "import sys, steepest.data.table.source as t; t.read_table({'x': [1, 2]}).numbers('x')\n"
        "print({'polars', 'narwhals', 'pandas', 'pyarrow', 'jax'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
