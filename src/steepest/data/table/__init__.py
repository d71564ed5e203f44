"""CSV, Parquet, data frames and arrays as one Table, and the complete rows of it.

Nothing here imports Polars, narwhals or pandas until data is read.
"""

from __future__ import annotations

from steepest.data.table.columns import Table
from steepest.data.table.delimited import first_rows, read_delimited
from steepest.data.table.selection import (
    PASSED_OVER,
    Selection,
    check_selection,
    complete_rows,
    fingerprint,
    select,
    was_passed,
)
from steepest.data.table.source import read_table

__all__ = [
    "PASSED_OVER",
    "Selection",
    "Table",
    "check_selection",
    "complete_rows",
    "fingerprint",
    "first_rows",
    "read_delimited",
    "read_table",
    "select",
    "was_passed",
]
