"""Cells to labels: the text of a cell as the name of a class, None where it is missing."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from steepest.data.table.aligned import aligned
from steepest.data.table.cells import TIMES, Column, is_missing, is_number
from steepest.words.errors import InputError

if TYPE_CHECKING:
    import polars as pl

Labels = NDArray[np.object_]
"""(rows,) of str or None."""

LARGEST = 2**53
"""Below it every whole number is a float of its own."""

_INSTEAD = "Write a word or a whole number for the class of each row."


def labels_from_text(texts: pl.Series) -> Labels:
    """Text cells (rows,) to labels, without the spaces around them."""
    written = texts.fill_null("")
    # Most rows share a few labels: each is looked at once, and kept once.
    known = {text: _unless_missing(text.strip()) for text in written.unique().to_list()}
    return _array([known[text] for text in written.to_list()])


def _unless_missing(text: str) -> str | None:
    return None if is_missing(text) else text


def labels_from_objects(cells: Sequence[object], column: Column) -> Labels:
    """Python objects (rows,) to labels: whole numbers without a point, true and false as words.

    Raises InputError for the first cell that names no class, such as a date, a list or bytes.
    """
    return _array([_label(cell, row, column) for row, cell in enumerate(cells)])


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Each label once: by size where all are numbers, else by the alphabet.

    >>> in_order(["10", "9", "9"]), in_order(["b", "10", "9"])
    (('9', '10'), ('10', '9', 'b'))
    """
    distinct = set(labels)
    if all(is_number(label) for label in distinct):
        return tuple(sorted(distinct, key=lambda label: (float(label), label)))
    return tuple(sorted(distinct))


@dataclass(frozen=True, eq=False)
class Coded:
    """Labels by the places (rows,) of their categories, -1 where one is missing."""

    categories: tuple[str, ...]
    places: NDArray[np.int32]

    def indicator(self, category: str) -> NDArray[np.float64]:
        """1 where the row has this category, 0 where it has another, NaN where none is known."""
        wanted = _meant(category)
        same = [at for at, known in enumerate(self.categories) if _meant(known) == wanted]
        found = aligned(np.isin(self.places, same))
        found[self.places < 0] = np.nan
        return found


def coded(labels: Labels) -> Coded:
    """The categories of labels (rows,) in order, and the place of each row's."""
    known = set(labels.tolist()) - {None}
    categories = as_categories(known)
    place = {_meant(category): at for at, category in enumerate(categories)}
    places = {None: -1} | {label: place[_meant(label)] for label in known}
    return Coded(categories, np.array([places[one] for one in labels.tolist()], dtype=np.int32))


def as_categories(labels: Iterable[str]) -> tuple[str, ...]:
    """Each category once, in order: 3, 3.0 and 03 are one."""
    return in_order({_meant(label): label for label in sorted(labels, reverse=True)}.values())


def _meant(label: str) -> float | str:
    return float(label) if is_number(label) else label


def _array(labels: Sequence[str | None]) -> Labels:
    array = np.empty(len(labels), dtype=object)
    array[:] = labels
    return array


def _label(cell: object, row: int, column: Column) -> str | None:
    if isinstance(cell, str):
        text = str(cell).strip()
        if not _can_be_written(text):
            raise _error(column, row, ascii(text))
        return None if is_missing(text) else text
    # pandas' marks of a missing value, without importing pandas.
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(cell, bool | np.bool_):
        return "true" if cell else "false"
    if isinstance(cell, TIMES):
        raise _error(column, row, str(cell))
    if isinstance(cell, numbers.Real | Decimal):
        return _of_number(cell, row, column)
    raise _error(column, row, f"a value of the type {type(cell).__name__}")


def _of_number(cell: Any, row: int, column: Column) -> str | None:
    try:
        value = float(cell)
    except OverflowError:
        raise _error(column, row, "a number beyond 1.8e308") from None
    except ValueError:  # a signalling NaN of Decimal
        return None
    if math.isnan(value):
        return None
    is_exact = abs(value) < LARGEST and cell == int(cell)
    return str(int(cell)) if is_exact or isinstance(cell, numbers.Integral) else repr(value)


def _can_be_written(text: str) -> bool:
    """Whether UTF-8 has the characters; half of a pair is what decoding left of broken text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _error(column: Column, row: int, given: str) -> InputError:
    return column.error(row, given, _INSTEAD, holds="labels")
