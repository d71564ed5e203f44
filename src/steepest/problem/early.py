"""What is wrong with data or a formula, said before anything is compiled.

A fit would say the same, to the word, once JAX is imported: these are its own readers. A file is
read twice so, therefore only a small one is. What the name of the file and its first line show is
said before Polars and NumPy are imported.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from steepest.data.table.header import plain_names
from steepest.data.table.paths import files_of

_MOST_BYTES: Final = 2**20
"""A file of this size is read in milliseconds."""
_DELIMITED: Final = (".csv", ".tsv", ".txt")
_OF_VALUES: Final = re.compile(r"""\bC\s*\(|["']""")
"""A formula that may speak of categories, which stand in the rows."""


def refuse(data: str | None, formula: str | None, declared: Collection[str] = ()) -> None:
    """Raise what a fit would raise for this file and this formula; others are not looked at."""
    if data is None or not data.lower().endswith(_DELIMITED):
        return
    files = files_of(data)
    if len(files) > 1 or (files[0].is_file() and files[0].stat().st_size > _MOST_BYTES):
        return
    if formula is not None and not _OF_VALUES.search(formula):
        names = plain_names(files[0]) if files[0].is_file() else None
        if names is not None:
            from steepest.formula.parse import parse_model

            parse_model(formula, names, declared=declared)

    from steepest.data.table.source import read_table

    table = read_table(data)
    if formula is not None:
        from steepest.data.table.categories import formula_over

        formula_over(table, formula, declared)
