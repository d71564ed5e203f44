"""Cells against Python's float, bit for bit, and the words that are no number."""

import math
import re
import struct
from decimal import Decimal
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.data.table.cells import Column, from_objects, from_text
from steepest.words.errors import InputError

COLUMN = Column("x", "data.csv", np.arange(2, 2000))

# The grammar that the documentation promises, written apart from the code's own.
PLAIN = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)

numerals = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda v: format(Decimal(v), "f")),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda v: f"{v:.17e}"),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda v: f"{v:.3g}"),
    st.integers().map(str),
    st.from_regex(PLAIN, fullmatch=True),
    st.builds("{}.{}e{}".format, st.integers(), st.integers(min_value=0), st.integers(-345, 290)),
)


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


def read(*cells: str, decimal_comma: bool = False) -> list[float]:
    series = pl.Series(cells, dtype=pl.String)
    values = from_text(series, COLUMN, decimal_comma=decimal_comma)
    return [*map(float, values)]


def halfway(value: float) -> str:
    """The decimal number exactly between a float and the next one: the hardest to round."""
    above = math.nextafter(value, math.inf)
    return format((Decimal(value) + Decimal(above)) / 2, "f")


@given(st.lists(numerals, min_size=1, max_size=30))
def test_numerals_are_pythons_floats(cells: list[str]) -> None:
    expected = [float(cell) for cell in cells]
    if any(map(math.isinf, expected)):
        with pytest.raises(InputError, match="64-bit"):
            read(*cells)
    else:
        assert [*map(bits, read(*cells))] == [*map(bits, expected)]


@pytest.mark.parametrize(
    "cell",
    [
        halfway(1.0),
        halfway(1e22),
        halfway(5e-324) + "0" * 400 + "1",
        "2.2250738585072011e-308",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "4.9406564584124654e-324",
        "1e-400",
        "-0",
        "0e99999999999999999999",
        "1e-99999999999999999999",
        "0" * 5000 + "1",
        "1" + "0" * 5000 + "e-5000",
        "5.",
        ".5",
        "+.5E+03",
        "9007199254740993",
    ],
    ids=lambda cell: cell[:24],
)
def test_hard_numerals_are_pythons_floats(cell: str) -> None:
    assert bits(read(cell, "1")[0]) == bits(float(cell))
    # The second cast, of cells with spaces around them, agrees with the first.
    assert bits(read(f"  {cell}\t", "1")[0]) == bits(float(cell))


@given(st.text(alphabet="0123456789+-.eEinfaINFA_xXtTyYdDjL ,'٣½ⅷ", max_size=12))
def test_any_text_is_the_promised_grammar_or_an_error(cell: str) -> None:
    text = cell.strip()
    try:
        (value, _) = read(cell, "1")
    except InputError:
        assert not PLAIN.fullmatch(text) or math.isinf(float(text))
        return
    if PLAIN.fullmatch(text):
        assert bits(value) == bits(float(text))
    elif math.isinf(value):
        assert text.lower().lstrip("+-") in ("inf", "infinity")
        assert len(text.lstrip("+-")) >= len(text) - 1
    else:
        assert math.isnan(value)
        assert text.lower() in {
            *("", "na", "n/a", "nan", "-nan", "+nan", "null", "none", "-", "?", "nat"),
            *("#n/a", "<na>"),
        }


@pytest.mark.parametrize(
    "cell",
    [
        *("", "  ", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-nan", "NaT"),
        *("null", "NULL", "None", "none", "-", " - ", "?"),
    ],
)
def test_missing(cell: str) -> None:
    values = read("1.5", cell, "-2")
    assert values[::2] == [1.5, -2.0]
    assert math.isnan(values[1])


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("inf", math.inf),
        ("+Inf", math.inf),
        ("-inf", -math.inf),
        ("INFINITY", math.inf),
        ("-Infinity", -math.inf),
        (" inf ", math.inf),
    ],
)
def test_infinite(cell: str, value: float) -> None:
    assert read("1", cell) == [1.0, value]


def test_a_column_of_only_true_and_false_is_one_and_zero() -> None:
    values = read("true", "FALSE", "", " True ")
    assert values[:2] + values[3:] == [1.0, 0.0, 1.0]
    assert math.isnan(values[2])


@pytest.mark.parametrize(
    ("cells", "row", "hint"),
    [
        pytest.param(["1", "abc"], 1, "Write numbers in this column", id="text"),
        pytest.param(["1", "true"], 1, "Write numbers in this column", id="true-among-numbers"),
        pytest.param(["true", "inf"], 0, "Write numbers in this column", id="true-beside-inf"),
        pytest.param(["true", "yes"], 0, "Write numbers in this column", id="true-beside-text"),
        pytest.param(["NA", "yes", "no"], 1, "Write numbers in this column", id="first-of-two"),
        pytest.param(["1", "2020-01-31"], 1, "days since", id="iso-date"),
        pytest.param(["31/01/2020", "1"], 0, "days since", id="date-with-slashes"),
        pytest.param(["31.1.2020"], 0, "days since", id="date-with-points"),
        pytest.param(["2020-01-31T10:11:12Z"], 0, "days since", id="date-and-time"),
        pytest.param(["12:30"], 0, "days since", id="time"),
        pytest.param(["12:30:01.5"], 0, "days since", id="time-with-seconds"),
        pytest.param(["999", "1,000"], 1, "thousands", id="thousands-comma"),
        pytest.param(["1 000 000"], 0, "thousands", id="thousands-space"),
        pytest.param(["1'000.5"], 0, "thousands", id="thousands-apostrophe"),
        pytest.param(["1_000"], 0, "thousands", id="underscore"),
        pytest.param(["1.000.000,5"], 0, "thousands", id="thousands-point"),
        pytest.param(["1,5"], 0, "decimal point", id="decimal-comma"),
        pytest.param(["12 km"], 0, "unit", id="unit"),
        pytest.param(["12%"], 0, "unit", id="percent"),
        pytest.param(["1", "1e400"], 1, "1.8e308", id="too-large"),
        pytest.param(["-1e400"], 0, "1.8e308", id="too-large-negative"),
        pytest.param(["9" * 310], 0, "1.8e308", id="too-many-digits"),
        pytest.param(["0x10"], 0, "", id="hexadecimal"),
        pytest.param(["١٢"], 0, "Write numbers", id="digits-of-another-script"),
        pytest.param(["infinit"], 0, "Write numbers", id="almost-infinite"),
    ],
)
def test_what_is_no_number_is_named(cells: list[str], row: int, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        read(*cells)
    message = caught.value.message
    assert 'Column "x" of data.csv must hold numbers' in message
    assert f"row {row} (line {row + 2} of the file)" in message
    assert cells[row][:39] in message
    assert hint in message


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1,5", "-2,25", "3"], [1.5, -2.25, 3.0]),
        (["1,5", " ,5 ", "3e2", "1,e2"], [1.5, 0.5, 300.0, 100.0]),
        (["1,5e-3", "+2"], [1.5e-3, 2.0]),
        (["1,234", "1,5"], [1.234, 1.5]),
        (["1.234,5", "5"], [1234.5, 5.0]),
        (["1,5", "inf"], [1.5, math.inf]),
        (["1.5", "2"], [1.5, 2.0]),
    ],
    ids=str,
)
def test_decimal_comma(cells: list[str], values: list[float]) -> None:
    assert read(*cells, decimal_comma=True) == values


@pytest.mark.parametrize(
    ("cells", "row"),
    [
        (["1,5", "1.5"], 0),
        (["1.5", "2", "1,5"], 2),
        (["1,234", "5"], 0),
        (["1.234,5", "1.5"], 0),
        (["1,234,567"], 0),
        (["1,5", "x"], 0),
        (["2", "1,5e400"], 1),
        (["1,5", "1e400"], 1),
    ],
    ids=str,
)
def test_decimal_commas_that_do_not_agree(cells: list[str], row: int) -> None:
    with pytest.raises(InputError, match=f"row {row} "):
        read(*cells, decimal_comma=True)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_decimal_comma_is_the_point(values: list[float]) -> None:
    cells = [repr(value).replace(".", ",") for value in values]
    assert [*map(bits, read(*cells, decimal_comma=True))] == [*map(bits, values)]


class NAType:
    """Stands in for pandas' NA, whose comparisons cannot be asked for their truth."""

    def __bool__(self) -> bool:
        raise TypeError


def test_objects() -> None:
    values = from_objects(
        [
            *(1, 2.5, True, None, Decimal("0.1"), Fraction(1, 3), " 4 ", math.nan, NAType()),
            *(np.int8(3), np.float32(0.5), np.bool_(True), "NA", math.inf),
        ],
        COLUMN,
    )
    expected = [1, 2.5, 1, math.nan, 0.1, 1 / 3, 4, math.nan, math.nan, 3, 0.5, 1, math.nan]
    np.testing.assert_array_equal(values, [*expected, math.inf])


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (10**400, "1.8e308"),
        (-(10**5000), "1.8e308"),
        (Decimal("1e400"), "1.8e308"),
        (Fraction(10**400), "1.8e308"),
        (1j, "Write numbers"),
        (np.complex128(1), "Write numbers"),
        (b"1", "Write numbers"),
        ([1], "Write numbers"),
        (object(), "Write numbers"),
        (np.datetime64("2020-01-01"), "days since"),
        (np.timedelta64(1, "s"), "days since"),
        ("1e400", "1.8e308"),
        ("text", "Write numbers"),
    ],
    ids=lambda cell: type(cell).__name__,
)
def test_objects_that_are_no_numbers(cell: object, words: str) -> None:
    with pytest.raises(InputError, match="row 2 ") as caught:
        from_objects([1.0, None, cell, 2], COLUMN)
    assert words in caught.value.message
