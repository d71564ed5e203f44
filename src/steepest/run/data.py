"""The data of a run that a store keeps: as it was kept, else read again from where it was."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from steepest.data.table.columns import Table
from steepest.data.table.selection import fingerprint, select, was_passed
from steepest.data.table.source import read_table
from steepest.formula.names import indicated
from steepest.records.arrays import Vector
from steepest.store.kept import KeptData
from steepest.store.store import Store
from steepest.words.errors import InputError, SteepestError
from steepest.words.wording import escaped, origin


def data_of(store: Store, run: str) -> Table | None:
    """The data of a run: as it was kept, else read again from where it was; None without any.

    Raises InputError where it is neither, or has changed since.
    """
    kept = store.data(run)
    if kept is None:
        return None
    if kept.columns is not None:
        return _table(kept, kept.columns)
    if kept.path is None:
        raise InputError(
            f"The data of the run {run} was too large to be kept with it, and came from "
            f"{origin(kept.source)}, so its steps cannot be walked again."
        )
    table = read_table(kept.path)
    compare_data(kept, table, run)
    return table


def changed_data(store: Store, run: str) -> str | None:
    """A sentence where the file that a run read is not what it was; None where it is.

    Rows that were passed over are compared when they are passed over again.
    """
    kept = store.data(run)
    if kept is None or kept.path is None or was_passed(kept.fingerprint):
        return None
    if not os.path.exists(kept.path):
        where = origin(kept.source)
        return f"The data is no longer at {where}{_still_here(kept)}"
    try:
        compare_data(kept, read_table(kept.path), run)
    except SteepestError:
        return f"{origin(kept.source)} has changed since this run{_still_here(kept)}"
    return None


def _still_here(kept: KeptData) -> str:
    if kept.columns is None:
        return ", and it was too large to be kept: its steps cannot be walked again."
    return "; the run is shown and walked with the data that was kept with it."


def compare_data(kept: KeptData, table: Table, run: str) -> None:
    """Raise InputError where the table is not the data of the run."""
    lost = [name for name in kept.used if not table.has(name)]
    if lost or fingerprint_of(table, kept.used) != kept.fingerprint:
        raise data_changed(run, table.source)


def data_changed(run: str, source: str) -> InputError:
    """That the data is not what it was when the run was made."""
    return InputError(
        f"The data has changed since the run {run}.",
        given=origin(source),
        instead="Give the data as it was, or begin a new run.",
    )


def _table(kept: KeptData, columns: Mapping[str, Vector]) -> Table:
    # Of a column with categories those are kept, as columns of their own.
    names = tuple(dict.fromkeys((*kept.names, *kept.used)))

    def read(positions: Sequence[int]) -> dict[int, Vector]:
        unknown = [names[place] for place in positions if names[place] not in columns]
        if unknown:
            raise InputError(
                "This column of the data was not used by the run, and so was not kept with it.",
                given=escaped(unknown[0]),
            )
        return {place: columns[names[place]] for place in positions}

    def read_categories(position: int) -> list[str]:
        found = [indicated(name) for name in kept.used]
        return [one[1] for one in found if one is not None and one[0] == names[position]]

    table = Table(kept.source, names, kept.rows, read, _read_categories=read_categories)
    table.load(kept.used)
    return table


def fingerprint_of(table: Table, used: tuple[str, ...]) -> str:
    """Of the rows that are complete in the columns in use. Raises InputError."""
    return fingerprint(select(table, used, minimum_rows=1))
