"""The rows that a descent runs on: those with a finite number in every column it uses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steepest.data.table.columns import Floats, Table
from steepest.data.table.wording import quoted
from steepest.words.errors import InputError
from steepest.words.wording import count, opening, origin

PASSED_OVER: Final = "passed over:"
"""How the fingerprint of rows begins that were passed over."""


@dataclass(frozen=True, eq=False)
class Selection:
    """The complete rows of some columns, and a count of what was left out.

    `columns` are float64 (rows,), all finite. `row_numbers` (rows,) are the rows' places in the
    data, counted from 0 in file order. `left_out` counts rows with a missing or non-finite value
    among those that the condition kept; `missing` and `non_finite` count those values by column,
    so that a row may count in several. `excluded_by_where` rows failed the condition.
    """

    columns: dict[str, Floats]
    row_numbers: NDArray[np.int64]
    rows: int
    left_out: int
    missing: dict[str, int]
    non_finite: dict[str, int]
    excluded_by_where: int


def select(
    table: Table,
    names: Iterable[str],
    keep: NDArray[np.bool_] | None = None,
    *,
    minimum_rows: int = 1,
) -> Selection:
    """Take the complete rows of `names`, among those where `keep` (table.rows,) is true.

    Raises InputError where a column is not numbers or holds none, and where fewer than
    `minimum_rows` complete rows are left.
    """
    if table.rows == 0:
        raise InputError(
            f"{opening(table.source)} has columns but no rows.",
            instead=f"Give at least {count(minimum_rows, 'row')}.",
        )
    found = complete_rows(table, names, keep)
    check_selection(found, table.source, table.rows, minimum_rows)
    return found


def complete_rows(
    table: Table, names: Iterable[str], keep: NDArray[np.bool_] | None = None
) -> Selection:
    """As `select`, however few are left: of a part of the data that may be none."""
    names = tuple(dict.fromkeys(names))
    if keep is not None and keep.shape != (table.rows,):
        raise ValueError(f"keep has shape {keep.shape}, the table has {table.rows} rows")
    table.load(names)
    chosen = np.ones(table.rows, dtype=bool) if keep is None else np.asarray(keep, dtype=bool)
    kept = int(chosen.sum())
    complete = chosen.copy()
    missing: dict[str, int] = {}
    non_finite: dict[str, int] = {}
    for name in names:
        values = table.numbers(name)
        absent = chosen & np.isnan(values)
        missing[name] = int(absent.sum())
        non_finite[name] = int((chosen & np.isinf(values)).sum())
        complete &= np.isfinite(values)
    row_numbers = np.flatnonzero(complete)
    rows = len(row_numbers)
    whole = rows == table.rows
    return Selection(
        columns={n: table.numbers(n) if whole else table.numbers(n)[row_numbers] for n in names},
        row_numbers=row_numbers,
        rows=rows,
        left_out=kept - rows,
        missing=missing,
        non_finite=non_finite,
        excluded_by_where=table.rows - kept,
    )


def check_selection(found: Selection, source: str, rows_read: int, minimum_rows: int = 1) -> None:
    """Raise InputError where too little is left of the rows that were read."""
    kept = rows_read - found.excluded_by_where
    if not kept:
        raise InputError(
            f"No row of {origin(source)} fulfils the condition.",
            instead="Change --where so that it keeps rows.",
        )
    for name, absent in found.missing.items():
        if absent == kept:
            raise InputError(
                f"Every value of column {quoted(name)} of {origin(source)} is missing.",
                instead="Fill the column in, or leave it out of the formula.",
            )
    if found.rows < minimum_rows:
        raise _too_few(found, source, rows_read, minimum_rows)


def _too_few(found: Selection, source: str, rows_read: int, minimum_rows: int) -> InputError:
    kept = found.rows + found.left_out
    gaps = {name: found.missing[name] + found.non_finite[name] for name in found.missing}
    worst = max(gaps, key=lambda name: gaps[name], default=None)
    left_out = (
        ""
        if worst is None or not found.left_out
        else (
            f" {count(found.left_out, 'row')} had a missing or non-finite value, "
            f"most often in column {quoted(worst)} ({gaps[worst]})."
        )
    )
    of_where = " among those that fulfil the condition" if kept < rows_read else ""
    return InputError(
        f"{opening(source)} has {count(found.rows, 'complete row')}{of_where}.{left_out}",
        instead=f"Give at least {count(minimum_rows, 'row')}.",
    )


def fingerprint(selection: Selection) -> str:
    """SHA-256, as hex, of the columns' names and values: equal data, equal fingerprint.

    The order of the columns does not count, the order of the rows does.
    """
    digest = hashlib.sha256()
    for name in sorted(selection.columns):
        encoded = name.encode("utf-8", "surrogatepass")
        digest.update(f"{len(encoded)}:".encode() + encoded)
        values = np.ascontiguousarray(selection.columns[name], dtype="<f8")
        digest.update(f"{len(values)}:".encode() + values.tobytes())
    return digest.hexdigest()


def was_passed(fingerprint: str) -> bool:
    """Whether a fingerprint is that of rows that were passed over."""
    return fingerprint.startswith(PASSED_OVER)
