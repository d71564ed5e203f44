"""What programs and people write around the rows of a table; the cases are files as they write."""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import steepest
from steepest.cli import steepest as cli
from steepest.data.table.delimited import read_delimited
from steepest.data.table.source import read_table
from steepest.words.errors import DataWarning, InputError

X_Y = {"x": [1.5, 3.0], "y": [2.0, 4.0]}
ROWS = "1.5,2\n3,4\n"


def read(text: str, source: str = "data.csv", separator: str | None = None) -> dict[str, Any]:
    table = read_delimited(text.encode(), source, separator)
    return {name: table.numbers(name).tolist() for name in table.names}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("sep=;\nx;y\n1.5;2\n3;4\n", id="excel"),
        pytest.param("SEP=,\r\nx,y\r\n1.5,2\r\n3,4\r\n", id="excel-in-capitals"),
        pytest.param('"sep=;"\nx;y\n1.5;2\n3;4\n', id="excel-quoted"),
        pytest.param("sep=;;\nx;y\n1,5;2\n3;4\n", id="excel-decimal-comma-and-a-cell-more"),
        pytest.param(f"# a logger\n# 2021, in May\nx,y\n{ROWS}", id="comments"),
        pytest.param(f"\n# a logger\n\n#\nx,y\n{ROWS}", id="comments-and-blank-lines"),
        pytest.param(f"# x,y\n{ROWS}", id="numpy-savetxt"),
        pytest.param("# of June\n# x y\n1.5 2\n3 4\n", id="numpy-savetxt-with-spaces"),
        pytest.param("x y\n1.5 2\n3 4\n", id="one-space"),
        pytest.param("x    y\n1.5  2\n3    4\n", id="aligned"),
        pytest.param("  x  y\n1.5  2\n  3  4\n", id="aligned-to-the-right"),
        pytest.param("x\t y\n1.5 \t2\n3\t4\n", id="tabs-and-spaces"),
    ],
)
def test_it_is_no_row(text: str) -> None:
    assert read(text) == X_Y


def test_two_spaces_part_names_that_hold_one() -> None:
    assert read("Rental Price  Size m\n500   60\n720   85\n") == {
        "Rental Price": [500.0, 720.0],
        "Size m": [60.0, 85.0],
    }


@pytest.mark.parametrize(
    ("text", "units"),
    [
        (f"x,y\ns,m/s\n{ROWS}", "s, m/s"),
        (f"x,y\n(s),\n{ROWS}1,2\n", None),
        (f"x,y\n[s],[m]\n\n{ROWS}", "[s], [m]"),
        (f"# log\nx,y\ns,m/s\n{ROWS}", "s, m/s"),
    ],
)
def test_a_line_of_units_is_said(text: str, units: str | None) -> None:
    if units is None:
        with pytest.raises(InputError, match=r'Given: "\(s\)"'):
            read(text)
        return
    with pytest.warns(DataWarning, match="was taken for the units") as said:
        assert read(text) == X_Y
    line = text.split("\n").index(units.replace(", ", ",")) + 1
    assert f"Line {line} of data.csv" in str(said[0].message)
    assert units in str(said[0].message)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x,y\nfive,2\n3,4\n5,6\n", id="one wrong cell"),
        pytest.param("x\nfive\n3\n4\n", id="a wrong cell in the only column"),
        pytest.param("x,y\na sentence of some words,another one\n3,4\n5,6\n", id="words"),
        pytest.param("x,y\ns,m\n", id="nothing below"),
    ],
)
def test_a_wrong_cell_is_no_unit(text: str) -> None:
    with pytest.raises(InputError, match="must hold numbers"):
        read(text)


def test_lines_are_counted_as_in_the_file() -> None:
    with pytest.raises(InputError, match=r"row 1 \(line 6 of the file\)"):
        read("# one\n\n# two\nx,y\n1,2\n3,oops\n")
    with pytest.raises(InputError, match=r"Line 4 of data.csv has 1 cell"):
        read("sep=,\nx,y\n1,2\n3\n")


def test_a_header_that_begins_with_a_number_sign_stays_one() -> None:
    assert read(f"#,y\n{ROWS}".replace("#", '"#"')) == {"#": [1.5, 3.0], "y": [2.0, 4.0]}


@pytest.mark.parametrize(
    "word", ["#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!", "#N/A"]
)
def test_an_error_of_a_spreadsheet_is_a_missing_value(word: str) -> None:
    found = read(f"x,y\n1,2\n{word},4\n")
    assert str(found["x"]) == "[1.0, nan]"


def test_points_that_may_part_thousands_are_said() -> None:
    with pytest.warns(DataWarning, match=r"1\.100 was read as 1\.1, with a decimal point") as said:
        assert read("n;p\n1;1.100\n2;2.200\n") == {"n": [1.0, 2.0], "p": [1.1, 2.2]}
    assert "write 1100" in str(said[0].message)


@pytest.mark.parametrize("cells", ["1.100;0.25", "1.5;2.200", "0.125;0.250", "1100;2200"])
def test_points_that_cannot_part_thousands_are_not(cells: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read("n;p\n" + "\n".join(f"1;{cell}" for cell in cells.split(";")) + "\n")


def test_thousands_beside_a_decimal_comma() -> None:
    assert read("n;p\n10,50;1.299,99\n20,25;2.310\n30;-12.345.678,5\n") == {
        "n": [10.5, 20.25, 30.0],
        "p": [1299.99, 2310.0, -12345678.5],
    }


def test_a_comma_before_three_digits_each_time_can_be_read_in_two_ways() -> None:
    with pytest.raises(InputError, match=r"It may be 1\.234 or 1234"):
        read("n;p\n1;1,234\n2;2,469\n")
    assert read("n;p\n1;1,234\n2;2,46\n")["p"] == [1.234, 2.46]
    assert read("n;p\n1;0,125\n2;0,250\n")["p"] == [0.125, 0.25]


@pytest.mark.parametrize("cell", ["$1,299.99", "1299 €", "£12", "€ 1.299,99", "-$5"])
def test_a_currency_is_named(cell: str) -> None:
    with pytest.raises(InputError, match="without a currency sign"):
        read(f'q,p\n1,2\n3,"{cell}"\n')


def test_a_fit_says_it_once(tmp_path: Any) -> None:
    path = tmp_path / "units.csv"
    path.write_text("x,y\ns,m/s\n1,2\n2,4.1\n3,6\n")
    answer = CliRunner().invoke(
        cli, ["fit", str(path), "y ~ a*x", "--no-remedies", "--no-save"], catch_exceptions=False
    )
    assert answer.exit_code == 0
    assert " ".join(answer.stderr.split()).count("was taken for the units") == 1
    assert issubclass(steepest.DataWarning, UserWarning)


CASES = Path(__file__).parents[2] / "cases" / "tables"
"""Files as people have them: each is read rightly, or what is odd in it is named."""

READ = {
    "comments.csv": ("qty", "price"),
    "excel-error.csv": ("qty", "price"),
    "excel-sep-line.csv": ("qty", "price"),
    "index.csv": ("qty", "price"),
    "old-mac-line-ends.csv": ("qty", "price"),
    "spaces.txt": ("qty", "price"),
    "trailing.csv": ("qty", "price"),
    "units-line.csv": ("time", "speed"),
    "decimal-comma-bom.csv": ("Menge", "Preis (€)"),
    "thousands-decimal-comma.csv": ("Menge", "Preis"),
}
NAMED = {
    "categories.csv": ("city", '"Oslo"'),
    "currency.csv": ("price", "without a currency sign"),
    "dates.csv": ("date", "date or time as a number"),
    "no-header.csv": ("", "has no header"),
    "percent.csv": ("share", "without its unit"),
    "quoted-thousands.csv": ("price", "without thousands separators"),
}


@pytest.mark.parametrize("name", READ)
@pytest.mark.filterwarnings("ignore::steepest.words.errors.DataWarning")
def test_a_table_as_people_have_it_is_read(name: str) -> None:
    table = read_table(CASES / name)
    first, second = map(table.numbers, READ[name])
    assert first[:2].tolist() == [10.5, 20.25]
    assert second[:2].tolist() == [1299.99, 2310.5]
    assert np.isnan(second[2]) == (name == "excel-error.csv")


@pytest.mark.parametrize("name", NAMED)
def test_what_is_odd_in_a_table_is_named(name: str) -> None:
    column, said = NAMED[name]
    with pytest.raises(InputError, match=re.escape(said)):
        read_table(CASES / name).numbers(column)


def test_points_of_thousands_in_a_file() -> None:
    with pytest.warns(DataWarning, match=r"1\.100 was read as 1\.1"):
        assert read_table(CASES / "ambiguous-thousands.csv").numbers("Preis")[0] == 1.1


def test_a_table_in_utf_16() -> None:
    table = read_table(CASES / "utf16.tsv")
    assert table.numbers("A")[:2].tolist() == [10.5, 20.25]
    with pytest.raises(InputError, match="without thousands separators"):
        table.numbers("B")
