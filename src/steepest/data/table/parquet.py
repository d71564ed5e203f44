"""Parquet files as one Table: its columns whole, or some rows of them at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from steepest.data.table.columns import Floats, Table
from steepest.data.table.frames import read_frame
from steepest.data.table.labels import Labels
from steepest.data.table.wording import quoted
from steepest.words.errors import InputError
from steepest.words.wording import opening

_Place = TypeVar("_Place")
_Result = TypeVar("_Result")


def read_parquet(files: Sequence[Path], source: str, *, by_folder: bool = False) -> Table:
    """Make a table of files that follow each other.

    With `by_folder`, folders such as year=2024 name a column and its value. Raises InputError.
    """

    def frame(paths: Sequence[Path]) -> Any:
        import polars as pl

        return pl.scan_parquet(
            # Absolute, so that no name is taken for an address on the network.
            [path.absolute() for path in paths],
            glob=False,
            hive_partitioning=by_folder,
        )

    table = _with_errors(lambda: read_frame(frame(files), source), source)

    @cache
    def lengths() -> tuple[int, ...]:
        return _with_errors(
            lambda: tuple(read_frame(frame([file]), source).rows for file in files), source
        )

    def part(first: int, rows: int) -> Table:
        pieces, begin = [], 0
        for file, length in zip(files, lengths(), strict=True):
            low, high = max(first - begin, 0), min(first + rows - begin, length)
            if low < high:
                pieces.append((file, low, high - low))
            begin += length

        def read(positions: Sequence[int]) -> Mapping[int, Floats]:
            names = [table.names[position] for position in positions]
            read_pieces = []
            for file, low, count in pieces:
                piece = read_frame(frame([file]).slice(low, count), source, rows=count)
                piece.load(names)
                read_pieces.append(piece)
            return {
                position: np.concatenate([piece.numbers(name) for piece in read_pieces])
                for position, name in zip(positions, names, strict=True)
            }

        def read_labels(position: int) -> Labels:
            name = table.names[position]
            return np.concatenate(
                [
                    read_frame(frame([file]).slice(low, count), source, rows=count).labels(name)
                    for file, low, count in pieces
                ]
            )

        return Table(
            source, table.names, rows, _guarded(read, source), _guarded(read_labels, source)
        )

    def read_categories(position: int) -> Iterable[str]:
        """As the labels of the distinct values, which take no room."""
        distinct = frame(files).select(table.names[position]).unique()
        labels = read_frame(distinct, source).labels(table.names[position])
        return [label for label in labels.tolist() if label is not None]

    def read_labels(position: int) -> Labels:
        return table.labels(table.names[position])

    return Table(
        source,
        table.names,
        table.rows,
        _guarded(table._read, source),
        _guarded(read_labels, source),
        part,
        _guarded(read_categories, source),
    )


def _guarded(read: Callable[[_Place], _Result], source: str) -> Callable[[_Place], _Result]:
    """The same with errors that are Steepest's own."""
    return lambda place: _with_errors(lambda: read(place), source)


def _with_errors(work: Callable[[], _Result], source: str) -> _Result:
    from narwhals.exceptions import NarwhalsError
    from polars.exceptions import PanicException, PolarsError

    try:
        return work()
    except (PolarsError, NarwhalsError, PanicException, OSError) as error:
        reason = str(error).strip().splitlines() or ["it gives no reason"]
        raise InputError(
            f"{opening(source)} is not whole Parquet data, or its files do not fit together.",
            given=quoted(reason[0], 160),
            instead="Write the files anew, all with the same columns and types.",
        ) from None
