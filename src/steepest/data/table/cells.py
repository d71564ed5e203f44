"""Cells to float64: one reading of text and of Python objects for every kind of source."""

from __future__ import annotations

import datetime
import math
import numbers
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from steepest.data.table.aligned import aligned
from steepest.data.table.wording import quoted
from steepest.formula.names import indicator, shown
from steepest.words.errors import DataWarning, InputError
from steepest.words.wording import origin

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]

# Compared without regard to case, after spaces around the cell are taken away.
MISSING: Final = frozenset(
    {"", "na", "n/a", "#n/a", "<na>", "nan", "+nan", "-nan", "nat", "null", "none", "-", "?"}
    # What a spreadsheet writes where a formula of its own has no value.
    | {"#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!"}
)
_INFINITE: Final = {
    sign + word: -math.inf if sign == "-" else math.inf
    for sign in ("", "+", "-")
    for word in ("inf", "infinity")
}
_BOOLEAN: Final = {"true": 1.0, "false": 0.0}

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_COMMA_NUMBER = re.compile(r"[+-]?([0-9]+,?[0-9]*|,[0-9]+)([eE][+-]?[0-9]+)?")

# With points, or a comma, between thousands: whether they are, a column must tell.
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+")
_THOUSANDS_AND_COMMA = re.compile(r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+,[0-9]*")
_ONE_COMMA = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")

_NUMBERS_OR_NOTHING = "Write numbers in this column, or leave it out."
_TOO_LARGE = "It is beyond the largest 64-bit number, 1.8e308: use a larger unit."
TIMES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)
_TIME = "Write a date or time as a number, such as days since the first one."
_HINTS = (
    (_NUMBER, _TOO_LARGE),
    (re.compile(r"[0-9]{1,4}([-/.])[0-9]{1,2}\1[0-9]{1,4}([T ].*)?", re.S), _TIME),
    (re.compile(r"[0-9]{1,2}:[0-9]{2}(:.*)?", re.S), _TIME),
    (
        re.compile(r"[+-]?[0-9]{1,3}([,.' _\u00a0\u202f][0-9]{3})+([.,][0-9]*)?"),
        "Write numbers without thousands separators.",
    ),
    (
        re.compile(r"[+-]?[$€£¥₹]\s*[+-]?[0-9].*|[+-]?[0-9][0-9.,' ]*\s*[$€£¥₹]"),
        "Write the number alone, without a currency sign and without thousands separators.",
    ),
    (_COMMA_NUMBER, "Write every number of the column with a decimal point."),
    (re.compile(r"[0-9.,+-]+\s*[^0-9\s].{0,10}"), "Write the number alone, without its unit."),
)


def is_number(text: str) -> bool:
    """Whether a cell is a number as it stands."""
    return _NUMBER.fullmatch(text) is not None


def is_missing(text: str) -> bool:
    """Whether a cell stands for a missing value."""
    return text.lower() in MISSING


def is_word(text: str) -> bool:
    """Whether a cell is neither a number, also one of a kind that is not read, nor missing."""
    folded = text.lower()
    known = folded in MISSING or folded in _INFINITE or folded in _BOOLEAN
    return not known and text[:1] not in "+-.0123456789"


@dataclass(frozen=True)
class Column:
    """Which column is being read, for the sentence about a cell that is not a number.

    `lines` (rows,) holds the line of the file on which each row begins, counted from 1.
    """

    name: str
    source: str
    lines: NDArray[np.int64] | None = None

    def error(self, row: int, cell: str, instead: str, holds: str = "numbers") -> InputError:
        """Make the error for one cell; `row` is counted from 0."""
        line = "" if self.lines is None else f" (line {self.lines[row]} of the file)"
        return InputError(
            f"Column {quoted(self.name)} of {origin(self.source)} must hold {holds}, "
            f"and row {row}{line} does not.",
            given=quoted(cell),
            instead=instead,
        )

    def kind_error(self, kind: str, instead: str = _NUMBERS_OR_NOTHING) -> InputError:
        """Make the error for a column of a kind that holds no numbers at all."""
        return InputError(
            f"Column {quoted(self.name)} of {origin(self.source)} must hold numbers.",
            given=kind,
            instead=instead,
        )

    def time_error(self) -> InputError:
        """Make the error for a column of dates or times."""
        return self.kind_error("dates or times", _TIME)


def from_text(texts: pl.Series, column: Column, *, decimal_comma: bool = False) -> Floats:
    """Text cells (rows,) to float64 (rows,), NaN where missing, ±inf where written so.

    A number is what Python's float reads, in plain digits: a sign, digits with a point, an
    exponent. A column of nothing but true and false is 1 and 0. With `decimal_comma` a column whose
    numbers all use the comma, and none a point but between thousands, is read so; where all its
    numbers have a point before three digits, a DataWarning says how they were read. Raises
    InputError for the first cell that is anything else, or too large for float64.
    """
    values, rows = _cast(texts)
    if rows.size == 0:
        if decimal_comma:
            _say_how_read(texts, values, column)
        return values
    # Cells that are not plainly a number: with spaces around it, missing, infinite, or wrong.
    odd = texts.gather(rows).fill_null("").str.strip_chars()
    again, unread = _cast(odd)
    values[rows] = again
    words = odd.gather(unread).to_list()
    rows = rows[unread]
    known = {word: _meaning(word) for word in set(words)}
    values[rows] = [known[word][0] for word in words]
    wrong = [word for word, (_, understood) in known.items() if not understood]
    if not wrong:
        if decimal_comma:
            _say_how_read(texts, values, column)
        return values
    right = ~np.isnan(values)
    at = rows[[not known[word][1] for word in words]]
    bad_words = [word for word in words if not known[word][1]]
    if all(word.lower() in _BOOLEAN for word in wrong) and not right.any():
        values[at] = [_BOOLEAN[word.lower()] for word in bad_words]
        return values
    if decimal_comma and _are_decimal_commas(bad_words, texts.filter(right), column, at):
        plain = texts.str.contains(".", literal=True).fill_null(False).to_numpy() & right
        values[plain] = [float(word.replace(".", "")) for word in texts.filter(plain).to_list()]
        values[at] = [float(word.replace(".", "").replace(",", ".")) for word in bad_words]
        too_large = np.flatnonzero(np.isinf(values[at]))
        if too_large.size == 0:
            return values
        first = int(too_large[0])
        raise column.error(int(at[first]), bad_words[first], _TOO_LARGE)
    raise column.error(int(at[0]), bad_words[0], _hint(bad_words[0], column))


def _are_decimal_commas(
    words: Sequence[str], others: pl.Series, column: Column, rows: NDArray[np.int64]
) -> bool:
    """Whether commas are decimal ones; `others` are the cells that are numbers without one.

    Raises InputError where each comma stands before three digits, as it would between thousands.
    """
    grouped = [word for word in words if _THOUSANDS_AND_COMMA.fullmatch(word)]
    plain = [word for word in words if _COMMA_NUMBER.fullmatch(word)]
    pointed = others.filter(others.str.contains(".", literal=True)).str.strip_chars().to_list()
    if len(grouped) + len(plain) < len(words):
        return False
    if pointed and not (grouped and all(_THOUSANDS.fullmatch(word) for word in pointed)):
        return False
    if not grouped and all(_ONE_COMMA.fullmatch(word) for word in plain):
        word = plain[0]
        decimal, whole = word.replace(",", "."), word.replace(",", "")
        raise column.error(
            int(rows[0]),
            word,
            f"It may be {decimal} or {whole}: write the numbers of this column with a decimal "
            "point and without thousands separators.",
            "numbers that can be read in one way",
        )
    return True


def _say_how_read(texts: pl.Series, values: Floats, column: Column) -> None:
    """Warn where points may part thousands: in a column of nothing but such numbers."""
    numbers = texts.filter(np.isfinite(values)).str.strip_chars()
    with_point = numbers.filter(numbers.str.contains(".", literal=True))
    if with_point.is_empty() or not all(map(_THOUSANDS.fullmatch, with_point.unique().to_list())):
        return
    word = with_point[0]
    warnings.warn(
        f"Column {quoted(column.name)} of {origin(column.source)}: {word} was read as "
        f"{float(word):g}, with a decimal point. If the point parts thousands, write "
        f"{word.replace('.', '')}.",
        DataWarning,
        stacklevel=2,
    )


def _cast(texts: pl.Series) -> tuple[Floats, NDArray[np.int64]]:
    """Read the cells that are plainly finite numbers, and list the rows of all others."""
    import polars as pl

    values = aligned(texts.cast(pl.Float64, strict=False).to_numpy())
    return values, np.flatnonzero(~np.isfinite(values))


def _meaning(word: str) -> tuple[float, bool]:
    """Give the value of a word that is no finite number, and whether it is a word we know."""
    folded = word.lower()
    if folded in MISSING:
        return math.nan, True
    return _INFINITE.get(folded, math.nan), folded in _INFINITE


_SHORT: Final = 20
"""Characters of a word, and of a column's name, that are written into a formula for the reader."""


def _hint(word: str, column: Column) -> str:
    for pattern, hint in _HINTS:
        if pattern.fullmatch(word):
            return hint
    of_words = f"as an input of a formula C({shown(column.name)}) gives each of its words a weight"
    if max(len(word), len(column.name)) <= _SHORT and (word + column.name).isprintable():
        of_words += f", and {indicator(column.name, word)} is 1 where it is that word, else 0"
    return f"{_NUMBERS_OR_NOTHING.rstrip('.')}; {of_words}."


def from_objects(cells: Sequence[object], column: Column) -> Floats:
    """Python objects (rows,) to float64 (rows,), NaN where missing.

    None, NaN, NA and NaT are missing; bool is 1 or 0; text is read as in a CSV. Raises InputError
    for the first cell that is none of these.
    """
    values = np.full(len(cells), math.nan)
    texts: list[str | None] = [None] * len(cells)
    for row, cell in enumerate(cells):
        if isinstance(cell, str):
            texts[row] = str(cell)
        # pandas' marks of a missing value, without importing pandas.
        elif cell is not None and type(cell).__name__ not in ("NAType", "NaTType"):
            values[row] = _real(cell, row, column)
    if any(text is not None for text in texts):
        import polars as pl

        read = from_text(pl.Series(texts, dtype=pl.String), column)
        values = np.where([text is None for text in texts], values, read)
    return values


def _real(cell: object, row: int, column: Column) -> float:
    if isinstance(cell, TIMES):
        raise column.error(row, str(cell), _TIME)
    if isinstance(cell, np.bool_):
        return float(cell)
    if not isinstance(cell, numbers.Real | Decimal):
        raise column.error(row, _written(cell), _NUMBERS_OR_NOTHING)
    try:
        value = float(cell)
    except OverflowError:
        value = math.inf
    except ValueError:  # a signalling NaN of Decimal
        return math.nan
    if math.isinf(value) and cell != value:
        raise column.error(row, _written(cell), _TOO_LARGE)
    return value


def _written(cell: object) -> str:
    try:
        return str(cell)
    except ValueError:  # an int of more digits than Python agrees to write
        return "a very long whole number"
