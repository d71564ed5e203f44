"""Tables with a header line: Lightning's, Keras's, people's own, exports of MLflow and W&B."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from steepest.data.logs.table import MOST_LOG_COLUMNS, LogTable, log_table
from steepest.words.errors import InputError
from steepest.words.wording import count

_NAMES: Final = ("key", "metric", "tag")
"""A column that names what each row is a number of."""

_BOUNDS: Final = ("__MIN", "__MAX")
"""What Weights & Biases adds to the name of a column for the lowest and the highest of a group."""


def from_delimited(source: str, text: str) -> LogTable:
    """The table of a CSV or TSV text. Rows that are not as long as the header are passed over."""
    head = text[:100_000]
    first = next((line for line in head.splitlines() if line.strip()), "")
    if "\0" in head:
        raise InputError("This is no text, and no event file.", given=source)
    mark = max(",;\t", key=first.count)
    lines = csv.reader(io.StringIO(text), delimiter=mark)
    try:
        header = next(line for line in lines if any(cell.strip() for cell in line))
        names = [cell.strip() for cell in header]
        if len(names) > MOST_LOG_COLUMNS:
            raise InputError(
                f"The log has more than {count(MOST_LOG_COLUMNS)} columns.", given=source
            )
        odd: list[int] = []
        rows = log_table(source, "CSV", _rows(lines, names, odd))
    except csv.Error as error:
        raise InputError(f"The log cannot be read as a table: {error}.", given=source) from error
    notes = (
        (f"{count(len(odd), 'line')} of another length than the header passed over",) if odd else ()
    )
    long = {name.lower() for name in names}
    if "value" in long and "step" in long and long & set(_NAMES):
        return _widened(source, text, mark, notes)
    columns = {name: column for name, column in rows.columns.items() if not name.endswith(_BOUNDS)}
    return LogTable(source, "CSV", rows.rows, columns, notes)


def _rows(
    lines: Iterator[list[str]], names: list[str], odd: list[int]
) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(lines):
        if len(line) == len(names):
            yield dict(zip(names, line, strict=True))
        elif line:
            odd.append(number)


def _widened(source: str, text: str, mark: str, notes: tuple[str, ...]) -> LogTable:
    """A row a number, as MLflow exports them, as a row a step."""
    found: dict[str, dict[str, str]] = {}
    lines = csv.DictReader(io.StringIO(text), delimiter=mark)
    key = next(name for name in lines.fieldnames or () if name.strip().lower() in _NAMES)
    step, value = (
        next(name for name in lines.fieldnames or () if name.strip().lower() == wanted)
        for wanted in ("step", "value")
    )
    for line in islice(lines, 10_000_000):
        if line[key] and line[step] and line[value]:
            found.setdefault(line[step], {"step": line[step]})[line[key]] = line[value]
    return log_table(source, "CSV with a row a number", found.values(), notes)
