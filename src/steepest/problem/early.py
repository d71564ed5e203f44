"""What is wrong with data or a formula, said before anything is compiled.

A fit would say the same, to the word, once JAX is imported: these are its own readers. A file is
read twice so, therefore only a small one is.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

from steepest.data.table import read_table
from steepest.data.table.categories import formula_over

_MOST_BYTES: Final = 2**20
"""A file of this size is read in milliseconds."""
_DELIMITED: Final = (".csv", ".tsv", ".txt")


def refuse(data: str | None, formula: str | None, declared: Collection[str] = ()) -> None:
    """Raise what a fit would raise for this file and this formula; others are not looked at."""
    if data is None or not data.lower().endswith(_DELIMITED):
        return
    path = Path(data)
    if path.is_file() and os.stat(path).st_size > _MOST_BYTES:
        return
    table = read_table(data)
    if formula is not None:
        formula_over(table, formula, declared)
