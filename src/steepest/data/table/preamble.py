"""What programs and people write around the rows: a separator line, comments, units, spaces.

Excel's first line `sep=;` names the separator. Lines that begin with `#` above the header are
comments, unless the last of them is the header itself, as numpy.savetxt writes it. A line below the
header is one of units where each column of numbers has a word there. Columns may be parted by
spaces. What is taken away leaves an empty line, so that lines are counted as in the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from steepest.data.table.cells import is_missing, is_number, is_word

_EXCEL: Final = re.compile(rb'\n*[ \t"]*sep=([;,|\t])"?[ ;,|\t]*(?=\n|\Z)', re.IGNORECASE)
_COMMENTS: Final = re.compile(rb"(?:[ \t]*(?:#[^\n]*)?\n)*")
_LONGEST_UNIT: Final = 12
_BRACKETS: Final = ("()", "[]")


def excel_separator(text: bytes) -> tuple[bytes, str | None]:
    """Take away Excel's line `sep=;`, and say what it names; None where there is no such line."""
    found = _EXCEL.match(text)
    if found is None:
        return text, None
    return b"\n" * found[0].count(b"\n") + text[found.end() :], found[1].decode()


def without_comments(text: bytes, cells: Callable[[bytes], Sequence[str]]) -> bytes:
    """Blank the comments above the header. `cells` splits a line.

    Where only numbers follow, and as many as the last comment has words, that is the header.
    """
    found = _COMMENTS.match(text)
    if found is None or b"#" not in found[0]:
        return text
    lines, rest = found[0].split(b"\n"), text[found.end() :]
    if not rest.strip():
        return text
    below = cells(rest.split(b"\n", 1)[0])
    if all(map(_is_value, below)):
        last = max(place for place, line in enumerate(lines) if line.strip())
        names = lines[last].strip().lstrip(b"#").strip()
        if len(cells(names)) == len(below):
            return b"\n" * last + names + b"\n" * (len(lines) - 1 - last) + rest
    return b"\n" * (len(lines) - 1) + rest


def parted_by_spaces(text: bytes, lines: Sequence[str]) -> bytes | None:
    """The text with tabs for the spaces that part its columns; None where none do.

    `lines` are the first ones. They must have as many columns as the header each, at least two, and
    nothing but numbers below it. Two spaces part where one may be part of a name.
    """
    if len(lines) < 2 or b'"' in text:
        return None
    for gap in (rb"[ ]*\t[ \t]*|[ ]{2,}", rb"[ \t]+"):
        header, *rows = (re.split(gap, line.strip().encode()) for line in lines)
        if len(header) > 1 and all(
            len(row) == len(header) and all(_is_value(cell.decode()) for cell in row)
            for row in rows
        ):
            return re.sub(gap, b"\t", re.sub(rb"(?m)^[ \t]+|[ \t]+$", b"", text))
    return None


def _is_value(cell: str) -> bool:
    return is_number(cell) or is_missing(cell)


def is_units(first: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether the first row below the header, of which `below` are the next ones, names units.

    It does where every column that holds numbers below has a short word there, and one that is in
    brackets where there is only one such column: else it may be a cell that went wrong.
    """
    rows = [row for row in below if len(row) == len(first)]
    numeric = [
        place
        for place in range(len(first))
        if all(_is_value(row[place]) for row in rows) and any(is_number(row[place]) for row in rows)
    ]
    words = [first[place] for place in numeric]
    named = [word for word in words if not is_missing(word)]
    if not all(is_word(word) and len(word) <= _LONGEST_UNIT for word in named):
        return False
    if len(numeric) == 1:
        return bool(named) and named[0][:1] + named[0][-1:] in _BRACKETS
    return len(named) >= 2
