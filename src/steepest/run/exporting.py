"""A run as a script: where its rows can be read from, or that they are written out."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import numpy as np

from steepest.data.table.columns import Table
from steepest.formula.names import indicated
from steepest.formula.nodes import Column, Node, names_of
from steepest.formula.parse import parse_condition
from steepest.problem.options import Options
from steepest.problem.setup import Setup
from steepest.records.arrays import Vector
from steepest.records.run import RunRecord
from steepest.run.walk import Walk
from steepest.show.export import CsvFile, Inline, Source, to_jax, to_parts, to_pytorch
from steepest.words.errors import UsageError
from steepest.words.wording import count

_MOST_ROWS: Final = 200
"""Rows up to which a script has the data written out, also where they are in a file."""

_MOST_NUMBERS: Final = 20_000
"""Numbers that a script has written out at most."""

_SUFFIXES: Final = (".csv", ".tsv", ".txt", "")


def script_of(
    record: RunRecord, options: Options, walk: Walk, library: Literal["pytorch", "jax"]
) -> str:
    """The run as a script of PyTorch or of JAX. Raises SteepestError."""
    write = to_pytorch if library == "pytorch" else to_jax
    return write(record, walk.setup.formula, _source(record, options, walk))


def parts_of(record: RunRecord, options: Options, walk: Walk) -> dict[str, list[str]]:
    """The lines of PyTorch by the part of a step that they do. Raises SteepestError."""
    return to_parts(record, walk.setup.formula, _source(record, options, walk))


def _source(record: RunRecord, options: Options, walk: Walk) -> Source:
    path = record.call.get("data")
    return source_of(walk.setup, options, None if path is None else str(path), walk.table)


def source_of(setup: Setup, options: Options, path: str | None, table: Table | None) -> Source:
    """Where a script takes the rows from. Raises UsageError where it could not.

    A file is read in a script only where Python's own csv module gives the very numbers that the
    run had: this is tried, and costs one pass over the file.
    """
    problem = setup.problem
    if problem.loss is None:
        return None
    if setup.streamed is not None:
        raise UsageError(
            "The rows of this run were passed over part by part, which no short script does.",
            given=f"{problem.rows:,} rows",
            instead="Fit some of them, with --where, and export that.",
        )
    names = dict.fromkeys((*setup.formula.columns, *([problem.sigma] if problem.sigma else ())))
    columns = {name: setup.plain_columns[name] for name in names}
    rows = len(setup.row_numbers)
    if rows > _MOST_ROWS and path is not None and table is not None:
        found = _file(setup, options, path, table, tuple(names))
        if found is not None:
            return found
    if rows > _MOST_ROWS and rows * len(columns) > _MOST_NUMBERS:
        raise UsageError(
            "The data of this run is too large to be written into a script, and did not come from "
            "a plain CSV file that a script could read.",
            given=count(rows, "row"),
            instead="Save it as a CSV file in UTF-8, with numbers only, and fit that file.",
        )
    return Inline(columns)


def _file(
    setup: Setup, options: Options, path: str, table: Table, names: tuple[str, ...]
) -> CsvFile | None:
    if Path(path).suffix.lower() not in _SUFFIXES:
        return None
    where: Node | None = None
    if options.where is not None:
        where = parse_condition(options.where, table.names)
        names = tuple(dict.fromkeys((*names, *names_of(Column, where))))
    columns = {name: table.numbers(name) for name in names}
    for delimiter in (",", ";", "\t", "|"):
        if _reads_as(path, delimiter, columns):
            return CsvFile(
                path=path,
                delimiter=delimiter,
                columns=names,
                gaps=any(not np.all(np.isfinite(values)) for values in columns.values()),
                where=where,
                held_out=setup.problem.validation_rows,
                seed=options.seed,
            )
    return None


def _reads_as(path: str, delimiter: str, columns: dict[str, Vector]) -> bool:
    """Whether a script that reads the file gets these columns."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter=delimiter)
            if not {(indicated(name) or (name,))[0] for name in columns} <= set(
                reader.fieldnames or ()
            ):
                return False
            table = [[_read(row, name) for name in columns] for row in reader]
    except (OSError, UnicodeError, csv.Error, ValueError):
        return False
    read = np.array(table, dtype=np.float64).reshape(-1, len(columns)).T
    return all(
        np.array_equal(mine, theirs, equal_nan=True)
        for mine, theirs in zip(read, columns.values(), strict=True)
    )


def _read(row: Mapping[str, str], name: str) -> float:
    found = indicated(name)
    return _number(row[name]) if found is None else float(row[found[0]].strip() == found[1])


def _number(cell: str | None) -> float:
    try:
        return float(cell) if cell is not None else math.nan
    except ValueError:
        return math.nan
