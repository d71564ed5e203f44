"""Oracle: JAX, which differentiates the same formulas by itself."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, reject, settings
from tests.formula.test_derivative import trees

from steepest.engine import operations
from steepest.engine.xla import in_float64
from steepest.formula.evaluate import evaluate
from steepest.formula.fold import ConstantError
from steepest.formula.functions import CANONICAL_FUNCTIONS, FUNCTIONS
from steepest.formula.nodes import Column, Node, Weight, names_of, walk
from steepest.formula.own import own
from steepest.formula.parse import parse_expression
from steepest.formula.reverse import NUMPY, SLOPES, tape_of

ROWS = np.array([-2.0, -0.5, 0.25, 0.75, 3.0])
DRAWN = np.random.default_rng(7).uniform(0.1, 0.9, (5, 3))


@in_float64
def by_jax(node: Node, weights: dict[str, float], columns: dict[str, Any]) -> tuple[Any, Any]:
    """The value on each row, and the slopes by each weight on each row."""

    def values(at: dict[str, Any]) -> jax.Array:
        found = evaluate(node, {**columns, **at}, operations.OPERATIONS)
        return jnp.broadcast_to(jnp.asarray(found, dtype=jnp.float64), ROWS.shape)

    at = {name: jnp.float64(value) for name, value in weights.items()}
    return np.asarray(values(at)), {
        name: np.asarray(slope) for name, slope in jax.jacfwd(values)(at).items()
    }


def by_tape(node: Node, weights: dict[str, float], columns: dict[str, Any]) -> tuple[Any, Any]:
    tape = tape_of(node)
    found = tape.run({**columns, **{name: np.float64(one) for name, one in weights.items()}})
    adjoints = tape.adjoints(found, 1.0, tuple(weights))
    return np.broadcast_to(tape.given(found), ROWS.shape), {
        name: np.broadcast_to(tape.slope(adjoints, name), ROWS.shape) for name in weights
    }


def check(text: str, **weights: float) -> None:
    node = parse_expression(text).model
    columns = {"x": ROWS}
    value, slopes = by_tape(node, weights, columns)
    wanted, steep = by_jax(node, weights, columns)
    np.testing.assert_allclose(value, wanted, rtol=1e-12, atol=1e-300, err_msg=text)
    for name, slope in slopes.items():
        np.testing.assert_allclose(
            slope, steep[name], rtol=1e-11, atol=1e-13, err_msg=f"{text} by {name}"
        )


@pytest.mark.parametrize("function", sorted(CANONICAL_FUNCTIONS))
def test_every_function_has_the_slope_that_jax_finds(function: str) -> None:
    arguments = ["a*0.5 + b*0.1", "b - a*0.2", "a*b"][: FUNCTIONS[function].arity]
    if function == "where":
        arguments[0] = "x > b"
    for a, b, _ in DRAWN:
        check(f"{function}({', '.join(arguments)})*x + c*x", a=a, b=b, c=1.0)


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "**"])
def test_every_operator_has_the_slope_that_jax_finds(operator: str) -> None:
    for a, b, _ in DRAWN:
        check(f"(a {operator} b)*x - b", a=a, b=b)
        check(f"a {operator} 3", a=a)
        check(f"2 {operator} a", a=a)


def test_there_is_a_slope_for_everything_that_has_one() -> None:
    flat = {"sign", "still", "constant", "equal", "not_equal", "less", "less_equal", "greater"}
    flat |= {"greater_equal", "logical_and", "logical_or", "logical_not"}
    assert set(NUMPY) - flat == set(SLOPES)


@pytest.mark.parametrize(
    "text",
    [
        "abs(a)*x",  # kinks
        "relu(a)*x",
        "maximum(a, 0)*x",
        "minimum(a, 0)*x",
        "maximum(a, a*2)",
        "a**2 + a**1 + a**3*x",
        "a**x",
        "x**a",
        "sqrt(a*x)",  # does not move where x is 0
        "where(x > 0, log(x + a), exp(-800*x))",  # of the branch that is not taken
        "where(x > 0, sqrt(x), 0)*a + b",
        "where(a > 0, x*a/(a + 1), a)",
        "a - a",
        "b*0 + 3",
    ],
)
def test_at_kinks_and_where_nothing_moves_it_is_what_jax_says(text: str) -> None:
    node = parse_expression(text).model
    for at in (0.0, 1.0):
        weights = {name: at for name in names_of(Weight, node) if name != "x"}
        rows = np.array([0.0, 1.0, 2.0, 0.5, 4.0])
        value, slopes = by_tape(node, weights, {"x": rows})
        wanted, steep = by_jax(node, weights, {"x": rows})
        np.testing.assert_allclose(value, wanted, rtol=1e-13, err_msg=text)
        for name, slope in slopes.items():
            fine = np.isfinite(steep[name])
            np.testing.assert_allclose(slope[fine], steep[name][fine], rtol=1e-12, err_msg=text)


def test_what_is_not_used_has_no_slope_however_steep_it_is() -> None:
    value, slopes = by_tape(
        parse_expression("where(x > 0, a*x, 1/(b - b*x*0 - b))").model,
        {"a": 2.0, "b": 3.0},
        {"x": np.full(5, 1.0)},
    )
    assert value.tolist() == [2.0] * 5
    assert slopes["b"].tolist() == [0.0] * 5


def test_equal_parts_are_one_step() -> None:
    tape = tape_of(parse_expression("exp(a*x) + exp(a*x)**2").model)
    assert [step.operation for step in tape.steps].count("exp") == 1


def test_a_constant_has_no_slope() -> None:
    tape = tape_of(own("2*3"))
    assert tape.value({}) == 6
    assert tape.adjoints(tape.run({}), 1.0, ()) == []


@settings(max_examples=150, deadline=None)
@given(trees)
def test_any_formula_has_the_value_and_the_slopes_that_jax_finds(node: Node) -> None:
    assume(Weight("a") in walk(node))
    weights = {name: 0.7 + 0.3 * place for place, name in enumerate(names_of(Weight, node))}
    columns = {name: np.linspace(0.4, 1.6, len(ROWS)) for name in names_of(Column, node)}
    try:
        value, slopes = by_tape(node, weights, columns)
    except ConstantError:
        reject()  # A part without names has no value.
    wanted, steep = by_jax(node, weights, columns)
    kept = np.abs(wanted) < 1e100
    assert nearly(value[kept], wanted[kept])
    for name, slope in slopes.items():
        fine = kept & np.isfinite(steep[name]) & (np.abs(steep[name]) < 1e100)
        assert nearly(slope[fine], steep[name][fine]), name


def nearly(first: Any, second: Any) -> bool:
    """To what a sum of large terms leaves."""
    size = float(np.max(np.abs(second), initial=1.0))
    return bool(np.allclose(first, second, rtol=1e-7, atol=1e-9 * size))
