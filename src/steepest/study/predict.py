"""The formula's value on rows that the descent never saw."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from steepest.data.table.categories import check_seen
from steepest.data.table.columns import Table
from steepest.data.table.selection import select
from steepest.data.table.source import read_table
from steepest.formula.nodes import Column, names_of
from steepest.objective.objective import Objective, formula_objective
from steepest.objective.scaling import scaled_columns
from steepest.problem.setup import Setup
from steepest.records.arrays import Vector
from steepest.words.errors import UsageError


def predict(setup: Setup, weights: Vector, data: Any) -> Vector:
    """Predictions (n,) for every complete row of `data`.

    Under cross-entropy they are what the formula gives: logits or probabilities.
    """
    if setup.problem.loss is None:
        raise UsageError(
            "An expression has no rows to predict.", instead="Use a run of steepest.fit."
        )
    objective, _ = on_rows(setup, read_table(data))
    return objective.predictions(weights)


def on_rows(
    setup: Setup, table: Table, also: tuple[str, ...] = ()
) -> tuple[Objective, dict[str, Vector]]:
    """The model on the rows of a table that are complete, and the columns `also` on them.

    The objective has no target; its weights are those of the descent.
    """
    check_seen(table, setup.formula.categories)
    names = names_of(Column, setup.formula.model)
    asked = tuple(dict.fromkeys([*names, *also]))
    # A model without columns says the same of every row.
    columns: dict[str, Vector] = {"row": np.arange(table.rows, dtype=np.float64)}
    if asked:
        columns = dict(select(table, asked, None, minimum_rows=1).columns)
    others = {name: columns[name] for name in also}
    if setup.scaling is not None:
        columns = scaled_columns(columns, setup.scaling.columns)
    formula = replace(setup.formula, target=None, columns=names)
    return formula_objective(formula, columns, loss=None, fixed=setup.fixed), others
