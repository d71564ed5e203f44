"""Passes over parts give what the same rows give in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from steepest.data.table.source import read_table
from steepest.formula.parse import parse_model
from steepest.objective.kernels import FormulaKernel
from steepest.objective.objective import formula_objective
from steepest.objective.passes.passing import Totals
from steepest.objective.passes.rows import Rows, Wanted
from steepest.objective.passes.team import ALONE
from steepest.words.errors import InputError

ROWS = 300


def columns() -> dict[str, Any]:
    random = np.random.default_rng(0)
    x = random.uniform(0.5, 3, ROWS)
    y = 2 * np.exp(-x) + random.normal(0, 0.1, ROWS)
    return {"x": x, "y": y, "k": (y > 0.5) * 1.0, "s": random.uniform(0.5, 2, ROWS)}


CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "mse": ("y ~ a*exp(-b*x)", "mse", {}),
    "mae": ("y ~ a*exp(-b*x)", "mae", {}),
    "rmse": ("y ~ a*exp(-b*x)", "rmse", {}),
    "huber": ("y ~ a*exp(-b*x)", "huber", {}),
    "classes": ("k ~ sigmoid(a*x + b)", "cross-entropy", {}),
    "standard deviations": ("y ~ a*exp(-b*x)", "mse", {"sigma": "s"}),
    "a weight that is held": ("y ~ a*exp(-b*x) + c", "rmse", {"fixed": {"c": 0.25}}),
    "a target with a function": ("log(x) ~ a*x + b", "mse", {}),
}


@pytest.mark.parametrize("size", [64, 128, 512])
@pytest.mark.parametrize("case", CASES)
def test_sums_are_those_of_the_rows_in_memory(case: str, size: int) -> None:
    text, loss, more = CASES[case]
    data = columns()
    formula = parse_model(text, tuple(data))
    fixed: dict[str, float] = more.get("fixed", {})
    gives: Any = "probability" if loss == "cross-entropy" else "value"
    whole = formula_objective(
        formula,
        data,
        loss=loss,
        gives=gives,
        fixed=fixed,
        row_weight=1 / data["s"] ** 2 if "sigma" in more else None,
    )
    used = (*formula.columns, *([more["sigma"]] if "sigma" in more else ()))
    wanted = Wanted(formula, used, loss, sigma=more.get("sigma"))
    kernel = FormulaKernel(formula.model, whole.names, loss, gives)
    totals = Totals(Rows(read_table(data), wanted, 0, ROWS, size), kernel, fixed, ALONE)
    at = np.array([1.2, 0.7])
    found = totals.at(at, 2)
    value, gradient = whole.value_and_gradient(at)
    np.testing.assert_allclose(found.loss, value, rtol=1e-14)
    np.testing.assert_allclose(found.gradient, gradient, rtol=1e-13, atol=1e-15)
    assert found.hessian is not None
    np.testing.assert_allclose(found.hessian, whole.hessian(at), rtol=1e-11, atol=1e-14)


def test_a_point_that_is_known_needs_no_pass() -> None:
    data = columns()
    formula = parse_model("y ~ a*exp(-b*x)", tuple(data))
    rows = Rows(read_table(data), Wanted(formula, formula.columns, "mse"), 0, ROWS, 64)
    totals = Totals(rows, FormulaKernel(formula.model, ("a", "b"), "mse", "value"), {}, ALONE)
    read: list[int] = []
    totals.seen = read.append
    totals.at(np.ones(2))
    assert read == [64, 128, 192, 256, 300]
    totals.at(np.ones(2))
    assert len(read) == 5
    totals.at(np.ones(2), 2)
    assert len(read) == 10


def test_rows_that_fit_are_read_once() -> None:
    data = columns()
    formula = parse_model("y ~ a*exp(-b*x)", tuple(data))
    wanted = Wanted(formula, formula.columns, "mse")
    rows = Rows(read_table(data), wanted, 100, 200, 64, keep=True)
    first, again = list(rows.parts()), list(rows.parts())
    assert [part.rows for part in first] == [64, 36]
    assert all(one is other for one, other in zip(first, again, strict=True))
    np.testing.assert_array_equal(first[1].selection.row_numbers, np.arange(164, 200))


BAD: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "a logarithm of nothing": ("y ~ a*log(x) + b", "x", {"x": {211: 0.0}}, "x = 0 on row 211"),
    "a target that is not finite": ("log(y) ~ a*x", "y", {"y": {150: -1.0}}, "row 150"),
    "a deviation of zero": ("y ~ a*x", "s", {"s": {299: 0.0}}, "must be positive"),
    "a class of two": ("k ~ sigmoid(a*x)", "k", {"k": {70: 2.0}}, "between 0 and 1"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_row_at_fault_is_named(case: str) -> None:
    text, _, changes, said = BAD[case]
    data = columns()
    data["y"] = np.abs(data["y"])
    for name, cells in changes.items():
        for row, value in cells.items():
            data[name][row] = value
    loss = "cross-entropy" if text.startswith("k") else "mse"
    formula = parse_model(text, tuple(data))
    sigma = "s" if "s" in changes else None
    used = (*formula.columns, *([sigma] if sigma else ()))
    rows = Rows(read_table(data), Wanted(formula, used, loss, sigma=sigma), 0, ROWS, 64)
    kernel = FormulaKernel(formula.model, formula.weights, loss, "value")
    with pytest.raises(InputError, match=said):
        Totals(rows, kernel, {}, ALONE).survey(is_linear=loss == "mse")
