"""The oracle is Python's own evaluation of the same text with numpy."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from steepest.formula.evaluate import evaluate
from steepest.formula.fold import constant_value
from steepest.formula.functions import CANONICAL_FUNCTIONS, FUNCTIONS
from steepest.formula.nodes import Call, Node, Number, Weight
from steepest.formula.parse import parse_condition, parse_expression, parse_model
from steepest.formula.render import to_text

NUMPY: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in CANONICAL_FUNCTIONS if hasattr(np, name)},
    "sigmoid": special.expit,
    "softplus": lambda x: np.logaddexp(x, 0.0),
    "relu": lambda x: np.maximum(x, 0.0),
    "erf": special.erf,
}
X = np.array([0.5, 1.0, 2.5, -3.0])
VALUES = {"x": X, "a": 1.5, "b": -0.25, "y": X}

TEXTS = (
    "a*x**2 + b*x + 3",
    "a - x - 2",
    "a - (x - 2)",
    "a/x/2",
    "a/(x/2)",
    "-a**2*x",
    "2**-1*a",
    "x**-2 + a",
    "x**3**2*a",
    "a*exp(-b*x)/sqrt(2*pi)",
    "sigmoid(a*x) + softplus(b*x) - relu(x)*erf(a)",
    "maximum(a*x, 0) + minimum(x, b)*arctan2(a, x)",
    "log(3)*a + log10(7)*log2(5)*expm1(0.1)*log1p(2)*x",
)


@pytest.mark.parametrize("text", TEXTS)
def test_value_is_that_of_numpy(text: str) -> None:
    formula = parse_model(f"y ~ {text}", ("x", "y"))
    wanted = eval(text, {**NUMPY, "pi": math.pi}, VALUES)
    np.testing.assert_allclose(evaluate(formula.model, VALUES, NUMPY), wanted, rtol=1e-14)


def test_where_and_conditions() -> None:
    formula = parse_model("y ~ where(0 < x <= 1 or not x > -2, a*x, b)", ("x", "y"))
    wanted = np.where(((X > 0) & (X <= 1)) | ~(X > -2), 1.5 * X, -0.25)
    np.testing.assert_array_equal(evaluate(formula.model, VALUES, NUMPY), wanted)
    kept = evaluate(parse_condition("x >= 1 and x != 2.5", ("x",)), {"x": X}, {})
    np.testing.assert_array_equal(kept, (X >= 1) & (X != 2.5))


def test_constant_condition_takes_its_branch() -> None:
    assert evaluate(parse_expression("where(1 < 2, a, b)").model, {"a": 3.0, "b": 4.0}, {}) == 3.0


@pytest.mark.parametrize(
    ("text", "exponent"),
    [
        ("a**2", 2),
        ("a**-1", -1),
        ("a**(3 - 1)", 2),
        ("a**2.0", 2),
        ("a**0.5", 0.5),
        ("a**1e9", 1e9),
        ("a**pi", math.pi),
    ],
)
def test_whole_exponents_are_ints(text: str, exponent: float) -> None:
    seen = evaluate(parse_expression(text).model, {"a": 2.0}, {"power": lambda base, power: power})
    assert seen == exponent
    assert type(seen) is type(exponent)


def test_constants_arrive_as_floats() -> None:
    operations = {"multiply": lambda left, right: left}
    seen = evaluate(parse_expression("10**20*a").model, {"a": 2.0}, operations)
    assert seen == 1e20
    assert type(seen) is float


def test_observer_sees_what_is_not_constant_and_may_replace_it() -> None:
    seen: list[tuple[str, float]] = []

    def observe(node: Node, value: Any) -> Any:
        seen.append((to_text(node), value))
        return value + 1 if to_text(node) == "b" else value

    model = parse_expression("a*2*pi**0 + b**2").model
    assert evaluate(model, {"a": 3.0, "b": 4.0}, {}, observe) == 31.0
    assert seen == [
        ("a", 3.0),
        ("a*2", 6.0),
        ("a*2*pi**0", 6.0),
        ("b", 4.0),
        ("b**2", 25.0),
        ("a*2*pi**0 + b**2", 31.0),
    ]


@pytest.mark.parametrize("name", [n for n in CANONICAL_FUNCTIONS if n != "where"])
def test_functions_of_numbers(name: str) -> None:
    points = ((0.3, 0.7), (0.9, 0.2)) if "arc" in name else ((0.3, 2.0), (40.0, 0.1), (700.0, 1.0))
    for point in points:
        arguments = point[: FUNCTIONS[name].arity]
        if name in ("sinh", "cosh") or name.startswith("exp"):
            arguments = (min(arguments[0], 500.0),)
        folded = constant_value(Call(name, tuple(Number(value) for value in arguments)))
        assert folded == pytest.approx(float(NUMPY[name](*arguments)), rel=1e-14)


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "relu", "sign"])
@pytest.mark.parametrize("value", [-800.0, -1.0, 0.0, 800.0])
def test_tails(name: str, value: float) -> None:
    assert FUNCTIONS[name].number(value) == pytest.approx(float(NUMPY[name](value)), rel=1e-14)


def test_no_constant_where_a_weight_is() -> None:
    assert constant_value(Weight("a")) is None
