"""The rows that a formula uses, part by part: read, chosen, and made ready to compute with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import numpy.typing as npt

from steepest.data.table.columns import Table
from steepest.data.table.condition import rows_where
from steepest.data.table.selection import Selection, complete_rows
from steepest.formula.nodes import Column, Formula, names_of
from steepest.formula.parse import parse_condition
from steepest.objective.objective import check_target, row_weights, target_of
from steepest.objective.scaling import Shifts, scaled_columns
from steepest.records.arrays import Mask, Steps, Vector

PART_BYTES = 1 << 24
"""What the numbers of one part take; a few parts are at hand at a time."""

MOST_PART_ROWS = 1 << 18

Seen = Callable[[int], None]
"""Told how many rows were read so far."""


@dataclass(frozen=True)
class RowSplit:
    """The rows that are learned from, or those that are held out: drawn by each row's number."""

    share: float
    """Of the rows, held out."""
    seed: int
    held_out: bool

    def of(self, numbers: Steps) -> Mask:
        """Which of the rows with these numbers (n,) they are."""
        words = np.random.default_rng([self.seed, 2]).integers(2**63, dtype=np.uint64)
        spread = mixed(numbers.astype(np.uint64) + words) / 2.0**64
        return np.asarray((spread < self.share) == self.held_out)


@dataclass(frozen=True)
class Wanted:
    """Which rows of the data a fit uses, and what it reads of them."""

    formula: Formula
    columns: tuple[str, ...]
    """Those of the formula, and that of the standard deviations."""
    loss: str
    where: str | None = None
    sigma: str | None = None
    shifts: Shifts = field(default_factory=dict)
    """How columns are scaled."""
    split: RowSplit | None = None
    """Which of the rows in use they are, where some are held out."""

    def part_rows(self, weights: int) -> int:
        """How many rows are read at a time; a power of two."""
        numbers = len(self.columns) + weights + 3
        rows = max(64, min(MOST_PART_ROWS, PART_BYTES // (8 * numbers)))
        return int(1 << (rows.bit_length() - 1))


@dataclass(frozen=True)
class Part:
    """Some rows, complete and chosen: `columns` as they are read, and ready to compute with."""

    selection: Selection
    """Its `row_numbers` are places in the whole data."""
    read: int
    scaled: Mapping[str, Vector]
    target: Vector
    row_weight: Vector | None

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.selection.rows


class Rows:
    """The rows `first` to `last` (not included) of a table, as often as they are wanted.

    They are read anew in every pass, the next part while one computes with the last; with `keep`
    they are read once and held.
    """

    def __init__(
        self, table: Table, wanted: Wanted, first: int, last: int, size: int, *, keep: bool = False
    ):
        self.table, self.wanted = table, wanted
        self.first, self.last, self.size = first, last, size
        self._keep = keep
        self._kept: list[Part] | None = None

    def scaled(self, shifts: Shifts) -> Rows:
        """The same rows with columns scaled."""
        return self.wanting(replace(self.wanted, shifts=dict(shifts)))

    def wanting(self, wanted: Wanted) -> Rows:
        """Others of the same table, or the same in another way."""
        return Rows(self.table, wanted, self.first, self.last, self.size, keep=self._keep)

    def parts(self, seen: Seen | None = None) -> Iterator[Part]:
        """One part after the other. Raises InputError where the data is at fault."""
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[Part] = []
        starts = range(self.first, self.last, self.size)
        ahead = _reader()
        coming = [ahead.submit(self._table_at, first) for first in starts[:1]]
        for place, first in enumerate(starts):
            table = coming.pop().result()
            coming += [ahead.submit(self._table_at, next_) for next_ in starts[place + 1 :][:1]]
            part = _part(table, first, self.wanted)
            if self._keep:
                kept.append(part)
            yield part
            if seen is not None:
                seen(first + table.rows - self.first)
        if self._keep:
            self._kept = kept

    def blocks(self, numbers: Iterable[int]) -> Iterator[Part]:
        """Blocks of `size` rows of the whole table, by number, whoever's share they are in."""
        for number in numbers:
            first = number * self.size
            table = self.table.part(first, min(self.size, self.table.rows - first))
            table.load(_read(table, self.wanted))
            yield _part(table, first, self.wanted)

    def _table_at(self, first: int) -> Table:
        table = self.table.part(first, min(self.size, self.last - first))
        # Here, in the thread that reads ahead.
        table.load(_read(table, self.wanted))
        return table


@cache
def _reader() -> ThreadPoolExecutor:
    """One thread for all passes: each new one would keep some memory of its own."""
    return ThreadPoolExecutor(1, "steepest-reading")


def _read(table: Table, wanted: Wanted) -> tuple[str, ...]:
    if wanted.where is None:
        return wanted.columns
    asked = names_of(Column, parse_condition(wanted.where, table.names))
    return tuple(dict.fromkeys((*wanted.columns, *asked)))


def _part(table: Table, first: int, wanted: Wanted) -> Part:
    keep = None if wanted.where is None else rows_where(table, wanted.where)
    found = complete_rows(table, wanted.columns, keep)
    if wanted.split is not None:
        found = _only(found, wanted.split.of(found.row_numbers + first))
    numbers = found.row_numbers + first
    selection = replace(found, row_numbers=numbers)
    formula = wanted.formula
    scaled = scaled_columns(found.columns, wanted.shifts)
    target = np.zeros(found.rows)
    if formula.target is not None:
        target = target_of(formula.target, scaled, found.rows)
        if found.rows:
            check_target(target, wanted.loss, numbers)
    weight = None
    if wanted.sigma is not None:
        weight = row_weights(found.columns[wanted.sigma], wanted.sigma)
    return Part(selection, table.rows, scaled, np.asarray(target), weight)


def _only(selection: Selection, chosen: Mask) -> Selection:
    """The chosen (n,) of its rows; what was left out stays counted."""
    return replace(
        selection,
        columns={name: column[chosen] for name, column in selection.columns.items()},
        row_numbers=selection.row_numbers[chosen],
        rows=int(np.count_nonzero(chosen)),
    )


def mixed(bits: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Every bit of each number spread over all of it (the finalizer of SplitMix64)."""
    found = bits >> np.uint64(30)
    found ^= bits
    found *= np.uint64(0xBF58476D1CE4E5B9)
    found ^= found >> np.uint64(27)
    found *= np.uint64(0x94D049BB133111EB)
    found ^= found >> np.uint64(31)
    return found


def share_of(rows: int, index: int, count: int) -> tuple[int, int]:
    """The rows from the first to the last (not included) that process `index` of `count` reads.

    >>> [share_of(5, index, 3) for index in range(3)]
    [(0, 1), (1, 3), (3, 5)]
    """
    return rows * index // count, rows * (index + 1) // count


def padded(values: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
    """Values (n,) with the first one repeated up to `size`: a row as real as the others."""
    return np.concatenate([values, np.full(size - len(values), values[0])])
