"""A formula over a table: the categories that its columns have, and those it compares with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

import numpy as np

from steepest.data.table.columns import Table
from steepest.data.table.labels import as_categories
from steepest.data.table.wording import nearest, quoted
from steepest.formula.names import indicated, indicator
from steepest.formula.nodes import Column, Formula, names_of
from steepest.formula.parse import parse_condition, parse_model
from steepest.records.problem import Categories
from steepest.words.errors import InputError
from steepest.words.wording import listed, origin

_PART: Final = 1 << 20
"""Rows that are looked at together, where a table can be read in parts."""


def formula_over(
    table: Table, text: str, declared: Collection[str] = (), where: str | None = None
) -> Formula:
    """The formula over the rows for which `where` holds. Raises SteepestError."""

    def categories(column: str) -> tuple[str, ...]:
        known = table.categories(column)
        if not known:
            raise InputError(
                f"Every value of column {quoted(column)} of {origin(table.source)} is missing.",
                instead="Fill the column in, or leave it out of the formula.",
            )
        return known if where is None else tuple(_kept_by(table, where, column, known))

    if where is not None:
        _check_known(table, names_of(Column, parse_condition(where, table.names)))
    formula = parse_model(text, table.names, declared=declared, categories=categories)
    _check_known(table, formula.columns)
    return formula


def _kept_by(table: Table, where: str, column: str, known: tuple[str, ...]) -> Iterator[str]:
    """The categories that some row has for which the condition holds."""
    from steepest.data.table.condition import rows_where

    found: set[str] = set()
    size = _PART if table.has_parts else max(table.rows, 1)
    for first in range(0, table.rows, size):
        rows = min(size, table.rows - first)
        part = table if rows == table.rows else table.part(first, rows)
        keep = rows_where(part, where)
        for one in known:
            if one not in found and np.any(part.numbers(indicator(column, one))[keep] == 1):
                found.add(one)
    return (one for one in known if one in found)


def _check_known(table: Table, names: Iterable[str]) -> None:
    """Raise InputError for a comparison with a category that no row of the table has."""
    for name in names:
        found = None if name in table.names else indicated(name)
        if found is None:
            continue
        column, category = found
        known = table.categories(column)
        if len(as_categories((*known, category))) > len(known):
            raise InputError(
                f"No row of {origin(table.source)} has {quoted(category)} in column "
                f"{quoted(column)}.",
                instead=nearest(category, known) or f"It has {_listed(known)}.",
            )


def check_seen(table: Table, groups: Iterable[Categories]) -> None:
    """Raise InputError for a category of C(column) that the fit has never seen."""
    for group in groups:
        seen, known = group.known, len(as_categories(group.known))
        unseen = [one for one in table.categories(group.column)
                  if len(as_categories((*seen, one))) > known]  # fmt: skip
        if unseen:
            them = "it" if len(unseen) == 1 else "them"
            raise InputError(
                f"Column {quoted(group.column)} of {origin(table.source)} has "
                f"{'a category' if len(unseen) == 1 else 'categories'} that no row of the fit had, "
                f"so there is no weight for {them}.",
                given=_listed(unseen),
                instead=f"Leave out these rows; the fit knows {_listed(seen)}.",
            )


def _listed(categories: Iterable[str]) -> str:
    return listed([quoted(one) for one in categories], most=5)
