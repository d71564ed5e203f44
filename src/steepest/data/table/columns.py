"""Table: named columns of numbers, with where they came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from steepest.data.table.cells import Column
from steepest.data.table.labels import (
    Coded,
    Labels,
    as_categories,
    coded,
    labels_from_objects,
)
from steepest.data.table.wording import nearest, quoted
from steepest.formula.names import indicated
from steepest.words.errors import InputError
from steepest.words.wording import opening, origin

Floats = NDArray[np.float64]
Read = Callable[[Sequence[int]], Mapping[int, Floats]]
ReadCategories = Callable[[int], Iterable[str]]
ReadLabels = Callable[[int], Labels]
ReadPart = Callable[[int, int], "Table"]


@dataclass(frozen=True, eq=False)
class Table:
    """Named columns. A column is read when it is first asked for, and kept.

    `source` is the path as it was given, "standard input", "data frame" or "mapping".
    `rows` counts every row of the data, complete or not.
    """

    source: str
    names: tuple[str, ...]
    rows: int
    _read: Read = field(repr=False)
    _read_labels: ReadLabels | None = field(default=None, repr=False)
    _read_part: ReadPart | None = field(default=None, repr=False)
    """Reads only these rows, where that can be done: (first row, how many) -> a table of them."""
    _read_categories: ReadCategories | None = field(default=None, repr=False)
    """Reads the distinct labels of a column, where that takes less than reading all of them."""
    _kept: dict[str, Floats] = field(default_factory=dict, init=False, repr=False)
    _kept_codes: dict[str, Coded] = field(default_factory=dict, init=False, repr=False)

    @property
    def loaded(self) -> Mapping[str, Floats]:
        """The columns that were asked for until now, float64 (rows,) each, by their names."""
        return dict(self._kept)

    def numbers(self, name: str) -> Floats:
        """Return the column as float64 (rows,), NaN where a value is missing; read-only.

        `city == "Rome"` is a column of every table that has a column city: 1 where that is the
        row's category, 0 where it has another. Raises InputError for a name that is no column, and
        for a column that holds anything but numbers: it names the first row at fault, counted from
        0 in file order.
        """
        self.load((name,))
        return self._kept[name]

    def labels(self, name: str) -> Labels:
        """Return the column as labels, an array (rows,) of text, None where one is missing.

        Text stands there without the spaces around it, numbers as they are written. Raises
        InputError for a name that is no column, and for cells that are neither.
        """
        position = self._position(name)
        if self._read_labels is None:
            return labels_from_objects(self.numbers(name).tolist(), Column(name, self.source))
        labels = self._read_labels(position)
        self._check_rows(name, len(labels))
        return labels

    def coded(self, name: str) -> Coded:
        """Return the column by its categories, which are kept. Errors as in `labels`."""
        if name not in self._kept_codes:
            self._kept_codes[name] = coded(self.labels(name))
        return self._kept_codes[name]

    def categories(self, name: str) -> tuple[str, ...]:
        """The categories that the column has, in order. Errors as in `labels`."""
        if self._read_categories is not None and name not in self._kept_codes:
            return as_categories(self._read_categories(self._position(name)))
        return self.coded(name).categories

    def has(self, name: str) -> bool:
        """Whether there is such a column."""
        found = None if name in self.names else indicated(name)
        return name in self.names or (found is not None and found[0] in self.names)

    @property
    def has_parts(self) -> bool:
        """Whether some of its rows can be read without the others."""
        return self._read_part is not None

    def part(self, first: int, rows: int) -> Table:
        """Only `rows` of its rows, from row `first` on (counted from 0). Keeps nothing of them.

        Of data that cannot be read in parts each column is read whole, and kept.
        """
        if self._read_part is not None:
            return self._read_part(first, rows)

        def read(positions: Sequence[int]) -> dict[int, Floats]:
            columns = {p: self.numbers(self.names[p]) for p in positions}
            return {p: column[first : first + rows] for p, column in columns.items()}

        return Table(self.source, self.names, rows, read)

    def load(self, names: Iterable[str]) -> None:
        """Read these columns in one pass over the data. Errors as in `numbers`."""
        wanted = [name for name in dict.fromkeys(names) if name not in self._kept]
        tests = {name: indicated(name) for name in wanted if name not in self.names}
        for name, found in tests.items():
            if found is not None:
                self._keep(name, self.coded(found[0]).indicator(found[1]))
        positions = {name: self._position(name) for name in wanted if name not in self._kept}
        values = self._read([*positions.values()]) if positions else {}
        for name, position in positions.items():
            self._keep(name, values[position])

    def _keep(self, name: str, column: Floats) -> None:
        self._check_rows(name, len(column))
        column.setflags(write=False)
        self._kept[name] = column

    def _check_rows(self, name: str, rows: int) -> None:
        if rows != self.rows:
            raise InputError(
                f"Column {quoted(name)} of {origin(self.source)} has {rows} rows, but "
                f"the table has {self.rows}: the data is damaged, or changed while it was read."
            )

    def _position(self, name: str) -> int:
        if name not in self.names:
            raise InputError(
                f"{opening(self.source)} has no column {quoted(name)}.",
                instead=nearest(name, self.names),
            )
        return self.names.index(name)


def column_names(names: Iterable[str], source: str) -> tuple[str, ...]:
    """Return the names a table gets: an empty one becomes column_N, counted from 1.

    Raises InputError where two columns have one name.
    """
    named = tuple(name or f"column_{n}" for n, name in enumerate(names, start=1))
    repeated = [name for name, times in Counter(named).items() if times > 1]
    if repeated:
        first = named.index(repeated[0])
        second = named.index(repeated[0], first + 1)
        raise InputError(
            f"{opening(source)} has two columns called {quoted(repeated[0])}: "
            f"columns {first + 1} and {second + 1}.",
            instead="Give each column its own name.",
        )
    return named
