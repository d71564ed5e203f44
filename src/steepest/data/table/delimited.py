"""Delimited text (CSV, TSV) to names and columns of text.

The rules, which the documentation repeats:

- The separator is found among comma, semicolon, tab and bar. The first line that is not blank is
  the header; spaces around names and cells do not count; a column without a name is column_N.
- Text is UTF-8 (with or without a mark), UTF-16 or UTF-32 with a mark, or else Latin-1.
- Lines end in LF, CRLF or CR. Blank lines are skipped; only between the rows of a single
  column is a blank line a missing value.
- Excel's line `sep=;`, `#` lines above the header and a line of units below it are no rows.
- Every other line has as many cells as the header, or it is an error.

Polars reads what holds no quotes. With quotes, Python's csv module does: Polars refuses a quoted
cell with a space after it, and neither of them would say which line is short.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import itertools
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steepest.data.table.cells import Column, Floats, from_text, is_missing, is_number
from steepest.data.table.columns import Table, column_names
from steepest.data.table.labels import Labels, labels_from_text
from steepest.data.table.preamble import (
    excel_separator,
    is_units,
    parted_by_spaces,
    without_comments,
)
from steepest.words.errors import DataWarning, InputError
from steepest.words.wording import count, escaped, opening, origin

if TYPE_CHECKING:
    import polars as pl

# In this order where two fit equally well: a comma may be a decimal comma or part of a name.
_SEPARATORS: Final = "\t;|,"
_SAMPLE_LINES: Final = 25
_BLOCK: Final = 1 << 24
_CHUNK: Final = 5_000

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    # Before UTF-16, whose little-endian mark begins the same.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SIGNATURES: Final = (
    (b"PAR1", "a Parquet file", "Give it a name that ends in .parquet."),
    (b"\x1f\x8b", "compressed with gzip", "Give it a name that ends in .csv.gz."),
    (b"PK\x03\x04", "a zip archive or spreadsheet", "Save the sheet as CSV."),
)


class _Record(NamedTuple):
    """One line of cells, or several lines where a quoted cell holds line breaks.

    A named tuple, because one is made for every line that holds quotes.
    """

    line: int
    last_line: int
    cells: list[str]
    blank: bool


@dataclass(frozen=True)
class _Layout:
    """Where things are in a text: what is known of it before any cell is read.

    `text` is UTF-8 with LF line ends. `lines` (rows,) is the line each row begins on, from 1.
    `body` is the part below the header where no quote stands in it, one line a row, else None.
    """

    source: str
    text: bytes
    separator: str
    header: _Record
    lines: NDArray[np.int64]
    body: bytes | None


def read_delimited(data: bytes, source: str, separator: str | None = None) -> Table:
    """Make a table of delimited text; `separator` None finds it.

    Raises InputError for text that cannot be decoded, an empty text, no header, two columns of one
    name, a line with too few or too many cells (it says which), and a quote that is never closed.
    Costs one pass over the text, and another one each time columns are asked for.
    """
    text = _as_utf8(data, source)
    with _long_cells():
        text, separator = _plain(text, separator, source)
        header = _find_header(text, separator, source)
        names = column_names((cell.strip() for cell in header.cells), source)
        layout = _lay_out(text, separator, header, source)

    def read(positions: Sequence[int]) -> dict[int, Floats]:
        with _long_cells():
            texts = _columns(layout, positions)
        return {
            position: from_text(
                texts[position],
                Column(names[position], source, layout.lines),
                decimal_comma=separator == ";",
            )
            for position in positions
        }

    def read_labels(position: int) -> Labels:
        with _long_cells():
            return labels_from_text(_columns(layout, [position])[position])

    return Table(source, names, len(layout.lines), read, read_labels)


def first_rows(data: bytes, source: str, rows: int) -> list[list[str]]:
    """The cells of the first rows below the header, as they stand there. Errors as above."""
    text = _as_utf8(data, source)
    with _long_cells():
        text, separator = _plain(text, None, source)
        records = (r for r in _records(text, separator, source) if not r.blank)
        chosen = itertools.islice(records, 1, rows + 1)
        return [[cell.strip() for cell in record.cells] for record in chosen]


def _as_utf8(data: bytes, source: str) -> bytes:
    for signature, kind, instead in _SIGNATURES:
        if data.startswith(signature):
            raise InputError(f"{opening(source)} is not CSV text: it is {kind}.", instead=instead)
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                # Also for UTF-8, so that bytes which are not UTF-8 do not pass.
                data = data.decode(encoding).removeprefix("\ufeff").encode()
            except UnicodeError:
                raise InputError(
                    f"{opening(source)} begins as {encoding.upper()} text "
                    "and then holds bytes that are not.",
                    instead="Save it as UTF-8.",
                ) from None
            break
    else:
        try:
            data.decode()
        except UnicodeDecodeError:
            data = data.decode("latin-1").encode()
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise InputError(
            f"{opening(source)} holds a NUL byte on line {line}, so it is not plain text.",
            instead="Save it as CSV in UTF-8.",
        )
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data


@contextlib.contextmanager
def _long_cells() -> Iterator[None]:
    """Lift the csv module's limit on the length of a cell, which is a setting of the process."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _records(text: bytes, separator: str, source: str) -> Iterator[_Record]:
    """Split a text into its records. Raises InputError at a quote that is never closed."""
    raw = b""
    ended = False

    def lines() -> Iterator[str]:
        nonlocal raw, ended
        for raw in io.BytesIO(text):
            yield raw.decode()
        ended = True

    reader = csv.reader(lines(), delimiter=separator, skipinitialspace=True)
    first = 1
    for cells in reader:
        # A record that made the reader look past the last line still waits for its quote.
        if ended:
            raise InputError(
                f"A quote that opens in the row on line {first} of {origin(source)} "
                "is never closed.",
                instead='Close it, or write a quote inside a quoted cell as "".',
            )
        blank = len(cells) < 2 and _is_blank(raw, separator)
        yield _Record(first, reader.line_num, cells, blank)
        first = reader.line_num + 1


def _is_blank(line: bytes, separator: str) -> bool:
    # A line of tabs is a row of missing values where tabs separate cells.
    return not line.strip(b" \n" if separator == "\t" else b" \t\n")


def _plain(text: bytes, separator: str | None, source: str) -> tuple[bytes, str]:
    """The text without what is written around its header and rows, and its separator."""
    text, named = excel_separator(text)
    given = separator or named

    def cells(line: bytes) -> list[str]:
        split = given or _find_separator(line)
        parts = line.decode().split(split)
        return [part.strip() for part in (parts if len(parts) > 1 else line.decode().split())]

    text = without_comments(text, cells)
    separator = given or _find_separator(text)
    records = _first_records(text, separator)
    if given is None and records and len(records[0]) == 1:
        lines = [record[0] for record in records if record]
        spaced = parted_by_spaces(text, lines)
        if spaced is not None:
            text, separator = spaced, "\t"
            records = _first_records(text, separator)
    if (
        len(records) > 2
        and len(records[1]) == len(records[0])
        and is_units(records[1], records[2:])
    ):
        text, line = _without_line(text, separator, 1)
        shown = escaped(", ".join(records[1]), 60)
        warnings.warn(
            f"Line {line} of {origin(source)} was taken for the units of the columns ({shown}), "
            "and is no row.",
            DataWarning,
            stacklevel=2,
        )
    return text, separator


def _first_records(text: bytes, separator: str) -> list[list[str]]:
    """The cells of the first lines that are not blank."""
    found: list[list[str]] = []
    # The sample may end inside a quoted cell.
    with contextlib.suppress(InputError):
        for record in _records(_sample(text), separator, ""):
            if not record.blank:
                found.append([cell.strip() for cell in record.cells])
    return found


def _without_line(text: bytes, separator: str, place: int) -> tuple[bytes, int]:
    """Blank the line of one of the first records, counted from 0, and say which line it was."""
    record = [r for r in _records(_sample(text), separator, "") if not r.blank][place]
    lines = text.split(b"\n", record.last_line)
    for line in range(record.line - 1, record.last_line):
        lines[line] = b""
    return b"\n".join(lines), record.line


def _sample(text: bytes) -> bytes:
    """The first lines, blank ones too."""
    seen, size = 0, 0
    for line in io.BytesIO(text):
        size += len(line)
        seen += bool(line.strip())
        if seen == _SAMPLE_LINES:
            break
    return text[:size]


def _find_separator(text: bytes) -> str:
    """Find the separator that splits the first lines into as many cells as the header."""
    sample = _sample(text)

    def fitness(separator: str) -> tuple[int, int]:
        widths: list[int] = []
        # The sample may end inside a quoted cell.
        with contextlib.suppress(InputError):
            records = _records(sample, separator, "")
            widths.extend(len(record.cells) for record in records if not record.blank)
        if not widths or widths[0] == 1:
            return -1, 0
        agreeing = widths.count(widths[0]) - 1
        return agreeing, 0 if agreeing else widths[0]

    best = max(_SEPARATORS, key=fitness)
    return best if fitness(best)[0] >= 0 else ","


def _find_header(text: bytes, separator: str, source: str) -> _Record:
    for record in _records(text, separator, source):
        if record.blank:
            continue
        cells = [cell.strip() for cell in record.cells]
        if any(map(is_number, cells)) and all(is_number(c) or is_missing(c) for c in cells):
            raise InputError(
                f"{opening(source)} has no header: its first line holds only numbers.",
                given=escaped(separator.join(cells), 60),
                instead="Write a first line with a name for each column.",
            )
        return record
    raise InputError(
        f"{opening(source)} is empty.",
        instead="Give a header line with the names of the columns, then one line a row.",
    )


def _lay_out(text: bytes, separator: str, header: _Record, source: str) -> _Layout:
    start = sum(map(len, itertools.islice(io.BytesIO(text), header.last_line)))
    if text.find(b'"', start) >= 0:
        rows = _rows(text, separator, header, source)
        lines = np.fromiter((record.line for record in rows), dtype=np.int64)
        return _Layout(source, text, separator, header, lines, None)
    end = len(text)
    while end > start and text[end - 1] in b"\n ":
        end -= 1
    body = text[start:end]
    if not body:
        return _Layout(source, text, separator, header, np.empty(0, dtype=np.int64), body)
    cells, ends = _cells_per_line(body, separator)
    keep = np.ones(len(cells), dtype=bool)
    ragged = np.flatnonzero(cells != len(header.cells))
    for index in ragged.tolist():
        line = body[ends[index - 1] + 1 if index else 0 : ends[index]]
        if not _is_blank(line, separator):
            number = header.last_line + 1 + index
            raise _ragged(number, int(cells[index]), header, source)
    if ragged.size:
        keep[ragged] = False
        # Each line goes with the line end in front of it, and the last one has none behind.
        lengths = np.diff(ends, prepend=0)
        body = np.frombuffer(body, dtype=np.uint8)[np.repeat(keep, lengths)].tobytes()
        body = body.removeprefix(b"\n")
    lines = header.last_line + 1 + np.flatnonzero(keep)
    return _Layout(source, text, separator, header, lines, body)


def _cells_per_line(body: bytes, separator: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the cells of each line where no cell is quoted, and say where each line ends."""
    counts = []
    line_ends = []
    start = 0
    while start < len(body):
        # Blocks of whole lines keep what numpy holds at once small.
        end = body.find(b"\n", start + _BLOCK)
        end = len(body) if end < 0 else end
        block = np.frombuffer(body, dtype=np.uint8, count=end - start, offset=start)
        ends = np.append(np.flatnonzero(block == ord("\n")), end - start)
        found = np.searchsorted(np.flatnonzero(block == ord(separator)), ends)
        counts.append(np.diff(found, prepend=0) + 1)
        line_ends.append(ends + start)
        start = end + 1
    return np.concatenate(counts), np.concatenate(line_ends)


def _rows(text: bytes, separator: str, header: _Record, source: str) -> Iterator[_Record]:
    """Yield the records below the header. Raises InputError at a ragged line."""
    width = len(header.cells)
    blanks: list[_Record] = []
    for record in _records(text, separator, source):
        if record.line <= header.line:
            continue
        if record.blank:
            blanks.append(record)
            continue
        if len(record.cells) != width:
            raise _ragged(record.line, len(record.cells), header, source)
        if width == 1:
            yield from blanks
        blanks.clear()
        yield record


def _ragged(line: int, cells: int, header: _Record, source: str) -> InputError:
    return InputError(
        f"Line {line} of {origin(source)} has {count(cells, 'cell')}, "
        f"but the header (line {header.line}) has {len(header.cells)}.",
        instead="Give every line one cell a column; leave a cell empty where a value is missing.",
    )


def _columns(layout: _Layout, positions: Sequence[int]) -> dict[int, pl.Series]:
    """Read the cells of these columns as text, null where empty."""
    import polars as pl

    if len(layout.lines) == 0:
        return {position: pl.Series([], dtype=pl.String) for position in positions}
    if layout.body is None:
        return _quoted_columns(layout, positions)
    if len(layout.header.cells) == 1:
        # One cell a line; Polars would take a blank line at the top for no line at all.
        cells = layout.body.decode().split("\n")
        return {position: pl.Series(cells, dtype=pl.String) for position in positions}
    ordered = sorted(positions)
    frame = pl.read_csv(
        layout.body,
        has_header=False,
        columns=ordered,
        separator=layout.separator,
        quote_char=None,
        infer_schema=False,
    )
    return dict(zip(ordered, frame.get_columns(), strict=True))


def _quoted_columns(layout: _Layout, positions: Sequence[int]) -> dict[int, pl.Series]:
    import polars as pl

    chunks: dict[int, list[pl.Series]] = {position: [] for position in positions}
    rows = _rows(layout.text, layout.separator, layout.header, layout.source)
    # In chunks, because a list of Python strings takes several times the memory of the column.
    while chunk := [record.cells for record in itertools.islice(rows, _CHUNK)]:
        for position, series in chunks.items():
            cells = [cells[position] if cells else "" for cells in chunk]
            series.append(pl.Series(cells, dtype=pl.String))
    return {position: pl.concat(series) for position, series in chunks.items()}
