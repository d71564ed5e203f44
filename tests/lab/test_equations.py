"""The equations of a run: names in them are found, so that numbers can come in their place."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

import steepest
from steepest.formula.parse import parse_model
from steepest.lab.equations import equations_of

DATA = {"x_1": [1.0, 2.0, 3.0], "size <b>": [2.0, 1.0, 4.0], "y": [1.0, 2.0, 5.0]}


def test_every_name_is_drawn_as_it_stands_in_the_equations() -> None:
    run = steepest.fit(
        DATA, "log(y) ~ alpha*x_1 + a_2*`size <b>`", steps=2, save=False, remedies=False
    )
    found = equations_of(run)
    assert set(found["names"]) == {"alpha", "a_2", "x_1", "size <b>", "prediction", "rmse"}
    for name in ("alpha", "a_2", "x_1", "size <b>"):
        assert found["names"][name] in found["model"]
    for name in ("x_1", "prediction"):
        assert found["names"][name] in found["partial_rows"]["alpha"]
    assert found["names"]["prediction"] in found["loss_row"]
    assert found["target"] in found["loss_row"]
    assert found["target"].startswith("<mrow><mi>log</mi>")
    assert "<b>" not in found["model"]
    # A row has no mean.
    assert "mean" in found["loss"]
    assert "mean" not in found["loss_row"] + found["partial_rows"]["alpha"]


@pytest.mark.parametrize("optimizer", ["gd", "lbfgs"])
def test_of_an_expression_it_is_the_loss_itself(optimizer: str) -> None:
    run = steepest.minimize(
        "x**2", start={"x": 1}, steps=3, optimizer=optimizer, save=False, remedies=False
    )
    found = equations_of(run)
    assert found["loss"] == found["loss_row"] == found["model"]
    assert found["target"] is None
    assert found["partials"] == found["partial_rows"]


def test_what_is_too_long_to_write_is_null() -> None:
    """Of a formula that nobody fits here: compiling it takes seconds."""
    fitted = steepest.fit(DATA, "y ~ a*x_1", steps=1, save=False, remedies=False)
    product = "y ~ " + "*".join(f"(a+x{n})" for n in range(40))
    formula = parse_model(product, ("y", *(f"x{n}" for n in range(40))))
    setup = replace(fitted._setup, formula=formula)
    run: Any = SimpleNamespace(record=fitted.record, _setup=setup)
    assert equations_of(run)["partials"] == {"a": None}
    assert equations_of(run)["partial_rows"] == {"a": None}
