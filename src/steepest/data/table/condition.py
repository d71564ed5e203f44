"""Which rows of a table fulfil a condition."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from steepest.data.table.columns import Table
from steepest.formula.nodes import Column, names_of
from steepest.formula.parse import parse_condition
from steepest.formula.reverse import tape_of


def rows_where(table: Table, text: str) -> npt.NDArray[np.bool_]:
    """Say for each row (table.rows,) whether it fulfils a condition such as "time > 3".

    A comparison with a missing value does not hold. Raises FormulaError for a text that is no
    condition, and InputError for a column that holds anything but numbers.
    """
    condition = parse_condition(text, table.names)
    columns = {name: table.numbers(name) for name in names_of(Column, condition)}
    fulfilled = np.array(tape_of(condition).value(columns), dtype=bool)
    for column in columns.values():
        fulfilled &= np.isfinite(column)
    return fulfilled
