"""A log as a table of numbers, in which what was not logged is not the same as NaN."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from steepest.records.arrays import Mask, Vector
from steepest.words.errors import InputError
from steepest.words.wording import count

MOST_LOG_BYTES: Final = 64_000_000
"""Of text; of event files MOST_EVENT_BYTES."""

MOST_EVENT_BYTES: Final = 256_000_000
MOST_LOG_ROWS: Final = 1_000_000
MOST_LOG_COLUMNS: Final = 2_000
_LONGEST_NAME: Final = 300
"""Characters; a longer name of a column is none."""

_LONGEST_NUMBER: Final = 60

_MOST_WRITTEN: Final = 10_000
"""Of so many numbers of a column it is looked at how they were written."""

_WRITTEN: Final = re.compile(r"[+-]?(\d*)\.?(\d*)(?:[eE]([+-]?\d{1,4}))?")


@dataclass(frozen=True, eq=False)
class LogColumn:
    """The numbers of one column, row by row."""

    values: Vector
    """(k,): NaN where nothing was logged, and where NaN was."""
    told: Mask
    """(k,): where something was logged."""
    unit: Vector
    """(k,): what the last digit stands for; a number may be off by half of it."""


@dataclass(frozen=True, eq=False)
class LogTable:
    """What a log holds."""

    source: str
    kind: str
    """The format, as a sentence names it."""
    rows: int
    columns: Mapping[str, LogColumn]
    """By name, those that have a number at least."""
    notes: tuple[str, ...] = ()
    """What was passed over."""


def number_of(value: Any) -> float | None:
    """The number that a cell holds; None where it holds none.

    >>> number_of("nan"), number_of(" 1e-3 "), number_of("tensor(0.5)"), number_of(True)
    (nan, 0.001, None, None)
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if not isinstance(value, str) or len(value) > _LONGEST_NUMBER or "_" in value:
        return None
    try:
        return float(value)
    except ValueError:
        return None


def digits(value: Any) -> tuple[int, int]:
    """How many significant digits and decimals a number was written with; 0 for none.

    >>> digits("283.98"), digits("1.5e-3"), digits("nan"), digits(0.25)
    ((5, 2), (2, 4), (0, 0), (2, 2))
    """
    found = _WRITTEN.fullmatch((value if isinstance(value, str) else repr(value)).strip())
    if found is None:
        return 0, 0
    whole, fraction, exponent = found[1], found[2] or "", int(found[3] or 0)
    return len((whole + fraction).lstrip("0")), len(fraction) - exponent


class _Cells:
    """The numbers of one column as they come, in little room."""

    def __init__(self) -> None:
        self.places, self.values = array("q"), array("d")
        self.significant = self.decimals = 0

    def add(self, place: int, known: float, written: Any) -> None:
        self.places.append(place)
        self.values.append(known)
        if len(self.places) <= _MOST_WRITTEN:
            significant, decimals = digits(written)
            self.significant = max(self.significant, significant)
            self.decimals = max(self.decimals, decimals)


def log_table(
    source: str, kind: str, rows: Iterable[Mapping[str, Any]], notes: tuple[str, ...] = ()
) -> LogTable:
    """The table of rows that name their columns. Raises InputError where there are too many."""
    found: dict[str, _Cells] = {}
    many = 0
    for place, row in enumerate(rows):
        if place >= MOST_LOG_ROWS:
            raise InputError(
                f"The log has more than {count(MOST_LOG_ROWS)} rows.",
                instead="Thin it, and try again.",
            )
        many = place + 1
        for name, value in row.items():
            known = number_of(value)
            if known is None or len(name) > _LONGEST_NAME:
                continue
            if name not in found and len(found) >= MOST_LOG_COLUMNS:
                raise InputError(f"The log has more than {count(MOST_LOG_COLUMNS)} columns.")
            found.setdefault(name, _Cells()).add(place, known, value)
    columns = {name: _column(cells, many) for name, cells in found.items()}
    return LogTable(source, kind, many, columns, notes)


def _column(cells: _Cells, rows: int) -> LogColumn:
    values, told, unit = np.full(rows, np.nan), np.zeros(rows, dtype=bool), np.zeros(rows)
    places = np.frombuffer(cells.places, dtype=np.int64)
    values[places] = np.frombuffer(cells.values)
    told[places] = True
    if cells.significant:
        # Zeros at the end are not always written, so the longest number of the column counts.
        sizes = np.abs(values, where=np.isfinite(values) & (values != 0), out=np.ones(rows))
        coarse = np.floor(np.log10(sizes)) + 1 - cells.significant
        unit = 10.0 ** np.maximum(coarse, -float(cells.decimals))
    return LogColumn(values, told, unit)
