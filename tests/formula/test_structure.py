import pytest

from steepest.formula.parse import parse_model
from steepest.formula.render import to_text
from steepest.formula.structure import is_linear, linear_parts

COLUMNS = ("y", "x", "z")

LINEAR = {
    "a*x**2 + b*x + c": True,
    "(a + b)*x": True,
    "-a/x": True,
    "x/a": False,
    "a*b": False,
    "a**1": True,
    "a**(3 - 2)": True,
    "a**2": False,
    "a**0 + b": True,
    "x**a": False,
    "exp(a)": False,
    "exp(x)*a": True,
    "where(x > 2, a, b)": True,
    "where(x > a, 1, 2)": False,
    "where(x > a, b, c)": False,
    "maximum(a, 0)": False,
    "a*x - 2*(b - 3)/z": True,
    "a*(x + b)": False,
    "abs(a)": False,
}


@pytest.mark.parametrize("text", LINEAR)
def test_is_linear(text: str) -> None:
    formula = parse_model(f"y ~ {text}", COLUMNS)
    assert is_linear(formula.model, formula.weights) is LINEAR[text]


def test_linear_in_some_of_the_weights() -> None:
    formula = parse_model("y ~ b1*(1 - exp(-b2*x))", COLUMNS)
    assert is_linear(formula.model, ["b1"])
    assert not is_linear(formula.model, ["b2"])


PARTS = {
    "b1*(1 - exp(-b2*x))": ("b1", "-b2*x"),
    "a*x + b": ("a*x + b",),
    "exp(a*x + b)/(1 + exp(c))": ("a*x + b", "c"),
    "a*b*x": ("a", "b"),
    "sigmoid(a*x + b)": ("a*x + b",),
    "where(x > a, b, c)": ("a", "b", "c"),
    "exp(x)*2 + sin(a/x)": ("a/x",),
}


@pytest.mark.parametrize("text", PARTS)
def test_linear_parts(text: str) -> None:
    parts = linear_parts(parse_model(f"y ~ {text}", COLUMNS).model)
    assert tuple(to_text(part) for part in parts) == PARTS[text]
