"""The formula of a problem as the page computes it: a program without names of its own.

So the page draws the fit of any weights at once. Nothing of it is code: a list of operations
from a fixed table, in the order in which a stack machine does them.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from steepest.formula.nodes import (
    Binary,
    Call,
    Column,
    Compare,
    Constant,
    Logical,
    Negate,
    Node,
    Not,
    Number,
    Weight,
    names_of,
    walk,
)
from steepest.jobs.live import Live
from steepest.objective.scaling import scaled_columns
from steepest.records.arrays import Steps, Vector

_MOST_ROWS: Final = 300
_CURVE: Final = 121


def program_of(node: Node) -> list[list[Any]]:
    """The operations, operands before what uses them.

    `["number", 2]`, `["weight", "a"]` and `["column", "time"]` push a value; `["negate"]`,
    `["not"]`, an operator such as `["+"]` or `["<"]`, `["and", 2]` and `["call", "exp", 1]` take
    as many as they need and push what they give.
    """
    return [_operation(part) for part in walk(node)]


def _operation(node: Node) -> list[Any]:
    match node:
        case Number(value):
            return ["number", float(value)]
        case Constant(_, value):
            return ["number", value]
        case Weight(name):
            return ["weight", name]
        case Column(name):
            return ["column", name]
        case Negate():
            return ["negate"]
        case Not():
            return ["not"]
        case Binary(op) | Compare(op):
            return [op]
        case Logical(op, operands):
            return [op, len(operands)]
        case Call(function, arguments):
            return ["call", function, len(arguments)]


def model_of(live: Live) -> dict[str, Any]:
    """The program, and the rows and the curve that it is drawn on."""
    setup = live.setup
    formula, problem = setup.formula, setup.problem
    used = list(names_of(Column, formula.model))
    found: dict[str, Any] = {
        "program": program_of(formula.model),
        "gives": problem.gives,
        "columns": used,
        "target": problem.target,
        "rows": None,
        "curve": None,
    }
    if problem.loss is None:
        return found
    target = np.asarray(setup.objective.data["rows"]["target"])
    chosen = _chosen(len(target))
    plain = setup.plain_columns
    found["rows"] = {
        "number": setup.row_numbers[chosen],
        "target": target[chosen],
        "inputs": {name: setup.columns[name][chosen] for name in used},
        "x": plain[used[0]][chosen] if len(used) == 1 else None,
        "of": len(target),
        "movable": isinstance(formula.target, Column) and len(chosen) == len(target),
    }
    if len(used) == 1:
        column = plain[used[0]]
        x: Vector = np.linspace(float(np.min(column)), float(np.max(column)), _CURVE)
        inputs = {used[0]: x}
        if setup.scaling is not None:
            inputs = scaled_columns(inputs, setup.scaling.columns)
        found["curve"] = {"x": x, "inputs": {used[0]: inputs[used[0]]}}
    return found


def _chosen(rows: int) -> Steps:
    """Rows that are drawn, evenly chosen."""
    if rows <= _MOST_ROWS:
        return np.arange(rows)
    return np.unique(np.linspace(0, rows - 1, _MOST_ROWS).round().astype(np.int64))
