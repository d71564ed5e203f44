"""Data that the page was given: kept in memory while the lab runs, the latest so many."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import secrets
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count as count_from
from typing import Any, Final
from urllib.parse import unquote

import numpy as np

from steepest.data.table.columns import Table
from steepest.data.table.delimited import first_rows, read_delimited
from steepest.formula.names import quoted
from steepest.words.errors import InputError
from steepest.words.wording import count, escaped, names

_MOST: Final = 20
_MOST_BYTES: Final = 100_000_000
"""Of all uploads together; the latest one stays in any case."""

_MOST_COLUMNS: Final = 2000
LONGEST_LINE: Final = 100_000
MOST_NOTES: Final = 10
MOST_INPUTS: Final = 12
"""Columns of a formula to begin with."""
PREVIEW_ROWS: Final = 5
LONGEST_CELL: Final = 80
_LONGEST_NAME: Final = 100
UNNAMED: Final = "data.csv"
_MOVED: Final = "-moved"


@dataclass(frozen=True)
class Upload:
    """A table, what it is called, and what the page shows of it."""

    id: str
    name: str
    table: Table
    size: int
    """Bytes that it takes."""
    preview: Sequence[Sequence[str]]
    notes: Sequence[str]
    formula: str
    """To begin with."""

    def to_dict(self) -> dict[str, Any]:
        """What the page shows of it, in terms of JSON."""
        return {
            "upload": self.id,
            "name": self.name,
            "rows": self.table.rows,
            "columns": self.table.names,
            "preview": self.preview,
            "notes": self.notes,
            "formula": self.formula,
        }


class Uploads:
    """Uploads by their ids. For any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # One at a time: the csv module's limit on a cell is a setting of the whole process.
        self._reading = threading.Lock()
        self._kept: OrderedDict[str, Upload] = OrderedDict()
        self._for_good: dict[str, Upload] = {}

    def add(self, content: bytes, name: str) -> Upload:
        """Read delimited text and keep it. Raises InputError."""
        with self._reading:
            upload = _read(content, name)
        with self._lock:
            self._kept[upload.id] = upload
            while len(self._kept) > _MOST or (
                len(self._kept) > 1 and sum(one.size for one in self._kept.values()) > _MOST_BYTES
            ):
                self._kept.popitem(last=False)
        return upload

    def keep(self, content: bytes, name: str) -> str:
        """Read delimited text and keep it as long as this: its id, the same for the same text.

        Raises InputError.
        """
        known = hashlib.sha256(content).hexdigest()[:12]
        if known not in self._for_good:
            with self._reading:
                self._for_good[known] = replace(_read(content, name), id=known)
        return known

    def get(self, name: str) -> Upload:
        """An upload by its id. Raises InputError where it is not kept any more."""
        with self._lock:
            if name in self._for_good:
                return self._for_good[name]
            if name not in self._kept:
                raise InputError(
                    "This data is no longer kept here.",
                    instead="Choose the file once more.",
                )
            self._kept.move_to_end(name)
            return self._kept[name]


def file_name(given: str) -> str:
    r"""What an upload is called: the last part of a name, without what no name should have.

    >>> file_name("C:\\Users\\me\\my%20data.csv"), file_name("../../etc/passwd")
    ('my data.csv', 'passwd')
    >>> file_name("-x.csv"), file_name("..")
    ('x.csv', 'data.csv')
    """
    text = unicodedata.normalize("NFC", unquote(given, errors="replace"))
    text = text.replace("\\", "/").rsplit("/", 1)[-1]
    text = "".join(c for c in text if c.isprintable() and c != "\N{REPLACEMENT CHARACTER}")
    # A name that begins with a minus sign would be an option of a command.
    return text.strip().lstrip("-.").strip()[-_LONGEST_NAME:] or UNNAMED


def moved_name(name: str) -> str:
    """What a copy is called in which a row was moved.

    >>> moved_name("speed.csv"), moved_name("speed-moved.csv")
    ('speed-moved.csv', 'speed-moved.csv')
    """
    stem = name.removesuffix(".csv").removesuffix(_MOVED)
    return f"{stem}{_MOVED}.csv"


def as_csv(table: Table) -> bytes:
    """A table as CSV: comma, dot, and a gap where there is no number. Raises InputError."""
    return _csv(table, [_cells(table, name) for name in table.names])


def with_cell(table: Table, column: str, row: int, value: float) -> bytes:
    """The same with another number in one row, counted from 0. Raises InputError."""
    if not 0 <= row < table.rows:
        raise InputError(
            "There is no such row.",
            given=f"row {row}",
            instead=f"Rows are counted from 0 to {table.rows - 1}.",
        )
    columns = [_cells(table, name) for name in table.names]
    columns[table.names.index(column)][row] = repr(value)
    return _csv(table, columns)


def _cells(table: Table, name: str) -> list[str]:
    try:
        values = table.numbers(name).tolist()
    except InputError:
        return ["" if label is None else label for label in table.labels(name)]
    return ["" if math.isnan(value) else repr(value).removesuffix(".0") for value in values]


def _csv(table: Table, columns: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    rows = zip(*columns, strict=True)
    csv.writer(text, lineterminator="\n").writerows([table.names, *rows])
    return text.getvalue().encode()


def _read(content: bytes, name: str) -> Upload:
    longest = max(map(len, content.splitlines()), default=0)
    if longest > LONGEST_LINE:
        raise InputError(
            f"A line of {escaped(name, 60)} is too long for the lab.",
            given=count(longest, "byte"),
            instead=f"A line may have {LONGEST_LINE:,}; steepest fit has no such limit.",
        )
    table = read_delimited(content, name)
    if len(table.names) > _MOST_COLUMNS:
        raise InputError(
            f"{escaped(name, 60)} has too many columns for the lab.",
            given=count(len(table.names)),
            instead=f"It takes {_MOST_COLUMNS:,}; steepest fit has no such limit.",
        )
    rows = [
        [cell if len(cell) <= LONGEST_CELL else f"{cell[:LONGEST_CELL]}..." for cell in cells]
        for cells in first_rows(content, name, PREVIEW_ROWS)
    ]
    notes = _notes(table)
    size = len(content) + 8 * table.rows * len(table.loaded)
    return Upload(secrets.token_urlsafe(9), name, table, size, rows, notes, _formula(table))


def _formula(table: Table) -> str:
    """The last column that holds numbers by the others, a weight each: text and dates are none.

    What has the same value in every row explains nothing, and is no target while there is another.
    """
    numbers = [name for name in table.names if name in table.loaded]
    moving = [name for name in numbers if np.ptp(table.numbers(name)) != 0]
    if not numbers:
        return f"{quoted(table.names[-1])} ~ a"
    target = (moving or numbers)[-1]
    inputs = [name for name in moving if name != target][:MOST_INPUTS]
    free = (name for name in _weights() if name not in table.names)
    terms = [f"{next(free)}*{quoted(name)}" for name in inputs]
    return f"{quoted(target)} ~ {' + '.join([*terms, next(free)])}"


def _weights() -> Iterator[str]:
    yield from "abcdfghjkmnpqrstuvw"  # none that is a constant, or read as a digit
    yield from (f"w{number}" for number in count_from(1))


def _notes(table: Table) -> list[str]:
    """What should be known of the columns. Reads those that hold numbers."""
    if table.rows == 0:
        return ["There are no rows below the header."]
    notes: list[str] = []
    text: list[str] = []
    for name in table.names:
        try:
            values = table.numbers(name)
        except InputError:
            text.append(name)
            continue
        gaps = int(np.sum(~np.isfinite(values)))
        if gaps:
            notes.append(f"{escaped(name)} has no finite number in {count(gaps, 'row')}.")
        elif table.rows > 1 and float(np.min(values)) == float(np.max(values)):
            notes.append(f"{escaped(name)} has the same value in every row.")
    if len(text) == 1:
        notes.insert(0, f"{names(text)} holds text, so no formula can use it.")
    elif text:
        notes.insert(0, f"{names(text, 5)} hold text, so no formula can use them.")
    return notes[:MOST_NOTES]
