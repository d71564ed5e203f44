"""Which rows of a table fulfil a condition."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from steepest.data.table import Table
from steepest.engine.operations import OPERATIONS
from steepest.engine.xla import in_float64
from steepest.formula import Column, evaluate, names_of, parse_condition


@in_float64
def rows_where(table: Table, text: str) -> npt.NDArray[np.bool_]:
    """Say for each row (table.rows,) whether it fulfils a condition such as "time > 3".

    A comparison with a missing value does not hold. Raises FormulaError for a text that is no
    condition, and InputError for a column that holds anything but numbers.
    """
    import jax.numpy as jnp

    condition = parse_condition(text, table.names)
    columns = {name: table.numbers(name) for name in names_of(Column, condition)}
    values = {name: jnp.asarray(column) for name, column in columns.items()}
    fulfilled = np.array(evaluate(condition, values, OPERATIONS), dtype=bool)
    for column in columns.values():
        fulfilled &= np.isfinite(column)
    return fulfilled
