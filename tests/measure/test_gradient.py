"""The oracle is PyTorch's autograd in float64 on the same formulas, written by hand."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.autograd import (
    LOSSES,
    NAMED_LOSSES,
    ROW_COSTS,
    Model,
    formula_of,
    loss_and_gradient,
    pulls,
    softplus,
    tensor,
)
from torch import Tensor

import steepest
from steepest.engine.xla import float64
from steepest.formula.functions import CANONICAL_FUNCTIONS
from steepest.formula.nodes import Call, walk
from steepest.formula.parse import parse_expression, parse_model
from steepest.measure.gradient import (
    backward_pass,
    chain_rule,
    hardest_pulls,
    nudge_size,
    nudges,
    pull_amounts,
    row_shares,
    taylor_check,
)
from steepest.objective.objective import Objective, formula_objective, function_objective
from steepest.records.arrays import Vector
from steepest.records.point import BackwardNode

DRAW = np.random.default_rng(11)
ROWS = 9
COLUMNS = {
    "x": DRAW.uniform(0.2, 1.6, ROWS),
    "z": DRAW.uniform(-1, 1, ROWS),
    "t": np.arange(ROWS) / 4,
}
TARGET = DRAW.uniform(0.05, 0.95, ROWS)
ROW_WEIGHT = DRAW.uniform(0.2, 3, ROWS)
WEIGHTS = {"a": 0.7, "b": -0.45, "c": 0.3, "d": 1.2}
PI = float(np.pi)
ZERO = tensor(0.0)
ONE = tensor(1.0)

where = torch.where

MODELS: dict[str, Model] = {
    # polynomials and operators
    "a": lambda a: a * 1.0,
    "a*x + b": lambda a, b, x: a * x + b,
    "a*t**2 + b*t + c": lambda a, b, c, t: a * t**2 + b * t + c,
    "a + b*x + c*x**2 + d*x**3": lambda a, b, c, d, x: a + b * x + c * x**2 + d * x**3,
    "a*x + b*z + c*t + d": lambda a, b, c, d, x, z, t: a * x + b * z + c * t + d,
    "a - (x - b)": lambda a, b, x: a - (x - b),
    "-a**2": lambda a: -(a**2),
    "--a + -b": lambda a, b: a - b,
    "x/a": lambda a, x: x / a,
    "a/(b/x)": lambda a, b, x: a / (b / x),
    "(a + x)*(b + z)": lambda a, b, x, z: (a + x) * (b + z),
    "(a - x)**2 + 2*(b - a**2)**2": lambda a, b, x: (a - x) ** 2 + 2 * (b - a**2) ** 2,
    "(a + b*x)/(1 + c*x + d*x**2)": lambda a, b, c, d, x: (a + b * x) / (1 + c * x + d * x**2),
    # powers
    "a**2 + b**3": lambda a, b: a * a + b * b * b,
    "a*x**-2": lambda a, x: a / (x * x),
    "a**-1.5*x": lambda a, x: torch.pow(a, -1.5) * x,
    "a*x**b": lambda a, b, x: a * torch.pow(x, b),
    "d**x": lambda d, x: torch.pow(d, x),
    "d**a**2": lambda a, d: torch.pow(d, torch.pow(a, 2)),
    "2**(a*x)": lambda a, x: torch.exp(np.log(2) * a * x),
    "(a*x)**(d*x)": lambda a, d, x: torch.pow(a * x, d * x),
    "a*z**3 + b*z**4": lambda a, b, z: a * z * z * z + b * z * z * z * z,
    # exponentials and logarithms
    "exp(a*x)": lambda a, x: torch.exp(a * x),
    "a*exp(-d*t) + c": lambda a, c, d, t: a * torch.exp(-d * t) + c,
    "a*exp(-(x - d)**2/(2*c**2))": lambda a, c, d, x: a * torch.exp(-((x - d) ** 2) / (2 * c**2)),
    "e**(a*x) + pi*b": lambda a, b, x: torch.exp(a * x) + PI * b,
    "log(a + x)": lambda a, x: torch.log(a + x),
    "log2(a*x)": lambda a, x: torch.log2(a * x),
    "log10(d + x**2)": lambda d, x: torch.log10(d + x**2),
    "log1p(a*x)": lambda a, x: torch.log1p(a * x),
    "expm1(b*x)": lambda b, x: torch.expm1(b * x),
    "log(exp(a) + exp(b*x))": lambda a, b, x: torch.log(torch.exp(a) + torch.exp(b * x)),
    # roots, size and sign
    "sqrt(a**2 + x)": lambda a, x: torch.sqrt(a * a + x),
    "abs(b*x + a)": lambda a, b, x: torch.abs(b * x + a),
    "a*sign(z) + b": lambda a, b, z: a * torch.sign(z) + b,
    "a*sign(b*x)": lambda a, b, x: a * torch.sign(b * x),
    # trigonometry
    "a*sin(d*x + b)": lambda a, b, d, x: a * torch.sin(d * x + b),
    "a*cos(2*pi*x/d) + c": lambda a, c, d, x: a * torch.cos(2 * PI * x / d) + c,
    "tan(a*z)": lambda a, z: torch.tan(a * z),
    "arcsin(a*z)": lambda a, z: torch.arcsin(a * z),
    "arccos(a*z) - acos(c*x)": lambda a, c, x, z: torch.arccos(a * z) - torch.arccos(c * x),
    "arctan(a*z) + atan(b)": lambda a, b, z: torch.arctan(a * z) + torch.arctan(b),
    "arctan2(a*x, b + z)": lambda a, b, x, z: torch.arctan2(a * x, b + z),
    "arctan2(b, a*x)": lambda a, b, x: torch.arctan2(b.expand(ROWS), a * x),
    # hyperbolic functions
    "a*cosh(x/d) - sinh(a*z)": lambda a, d, x, z: a * torch.cosh(x / d) - torch.sinh(a * z),
    "a*tanh(d*z + b)": lambda a, b, d, z: a * torch.tanh(d * z + b),
    # of networks and statistics
    "sigmoid(a*x + b)": lambda a, b, x: torch.sigmoid(a * x + b),
    "a/(1 + exp(-d*(x - c)))": lambda a, c, d, x: a / (1 + torch.exp(-d * (x - c))),
    "softplus(a*x + b)": lambda a, b, x: softplus(a * x + b),
    "softplus(3*a*x)": lambda a, x: softplus(3 * a * x),
    "a*relu(x - d) + b": lambda a, b, d, x: a * torch.relu(x - d) + b,
    "a*erf(d*z) + c": lambda a, c, d, z: a * torch.erf(d * z) + c,
    "0.5*(1 + erf((x - a)/(d*sqrt(2))))": lambda a, d, x: (
        0.5 * (1 + torch.erf((x - a) / (d * np.sqrt(2))))
    ),
    "a*tanh(b*x + c) + b*tanh(a*z)": lambda a, b, c, x, z: (
        a * torch.tanh(b * x + c) + b * torch.tanh(a * z)
    ),
    # pieces
    "minimum(a*x, d)": lambda a, d, x: torch.minimum(a * x, d),
    "maximum(0, a*x + b) + minimum(c, z)": lambda a, b, c, x, z: (
        torch.maximum(ZERO, a * x + b) + torch.minimum(c, z)
    ),
    "where(x < 0.9, a*x, b + c*x)": lambda a, b, c, x: where(x < 0.9, a * x, b + c * x),
    "where(z > 0 and x <= 1 or not t < 1, a, b)*x": lambda a, b, x, z, t: (
        where((z > 0) & (x <= 1) | ~(t < 1), a, b) * x
    ),
    "where(0.4 < a*x < 0.8, a*x, b)": lambda a, b, x: where(
        (a * x > 0.4) & (a * x < 0.8), a * x, b
    ),
    "where(t == 1, a, where(t != 1.5, b, d*x))": lambda a, b, d, x, t: where(
        t == 1, a, where(t != 1.5, b, d * x)
    ),
    "where(2 > 1, a*x, b)": lambda a, b, x: a * x + 0 * b,
    # one thing many times
    "exp(a*x)/(1 + exp(a*x)) + exp(a*x)": lambda a, x: (
        torch.exp(a * x) / (1 + torch.exp(a * x)) + torch.exp(a * x)
    ),
    "sin(sin(sin(a*x + b) + b) + b)": lambda a, b, x: torch.sin(
        torch.sin(torch.sin(a * x + b) + b) + b
    ),
}


def weights_of(model: Model) -> dict[str, float]:
    """In the order of the hand-written function's parameters."""
    return {name: WEIGHTS[name] for name in inspect.signature(model).parameters if name in WEIGHTS}


def objective_of(text: str, loss: tuple[str, str], row_weight: Vector | None = None) -> Objective:
    columns = {**COLUMNS, "y": TARGET}
    # Every formula gives a probability once it is in a sigmoid.
    model = f"sigmoid({text})" if loss[1] == "probability" else text
    return formula_objective(
        formula_of(f"y ~ {model}", columns),
        columns,
        loss=loss[0],
        gives=loss[1],
        row_weight=row_weight,
    )


def model_of(model: Model, loss: tuple[str, str]) -> Model:
    if loss[1] != "probability":
        return model
    wrapped = lambda **values: torch.sigmoid(torch.as_tensor(model(**values)))  # noqa: E731
    wrapped.__signature__ = inspect.signature(model)  # type: ignore[attr-defined]
    return wrapped


QUICK: dict[str, str | bool] = {
    "xla_backend_optimization_level": "0",
    "xla_cpu_use_fusion_emitters": False,
}


@cache
def every_loss(text: str) -> list[tuple[float, dict[str, float]]]:
    """Loss and gradient under each loss. Compiling is what takes time, so XLA optimizes nothing."""
    objectives = [objective_of(text, loss) for loss in LOSSES]
    names = objectives[0].names

    def losses(at: Any, data: Any) -> Any:
        pairs = zip(objectives, data, strict=True)
        return [jax.value_and_grad(objective.kernel.loss)(at, rows) for objective, rows in pairs]

    at = np.array([WEIGHTS[name] for name in names])
    data = [objective.data for objective in objectives]
    with float64():
        found = jax.jit(losses).lower(at, data).compile(compiler_options=QUICK)(at, data)
    return [
        (float(value), dict(zip(names, map(float, slope), strict=True))) for value, slope in found
    ]


def close(found: Vector, wanted: Vector, of: str) -> None:
    """Relative to the gradient's largest entry: what cancels to nothing has no digits."""
    size = np.max(np.abs(wanted))
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12 * size, err_msg=of)


@pytest.mark.parametrize("loss", range(len(LOSSES)), ids=NAMED_LOSSES)
@pytest.mark.parametrize("text", MODELS)
def test_loss_and_gradient_are_those_of_autograd(text: str, loss: int) -> None:
    model = MODELS[text]
    key = list(LOSSES)[loss]
    value, slopes = every_loss(text)[loss]
    weights = weights_of(model)
    wanted, gradient = loss_and_gradient(model_of(model, key), key, weights, COLUMNS, TARGET)
    assert value == pytest.approx(wanted, rel=1e-13), "the loss differs from PyTorch's"
    close(np.array([slopes[name] for name in weights]), gradient, "the gradient differs")


@pytest.mark.parametrize("text", [*MODELS][::8])
def test_compiled_objective_agrees(text: str) -> None:
    """The same again as the descent has it, with all of XLA's optimizations."""
    objective = objective_of(text, ("mse", "value"))
    weights = weights_of(MODELS[text])
    value, slopes = objective.value_and_gradient(objective.vector(weights))
    wanted, gradient = loss_and_gradient(MODELS[text], ("mse", "value"), weights, COLUMNS, TARGET)
    assert value == pytest.approx(wanted, rel=1e-13), "the loss differs from PyTorch's"
    close(slopes, objective.vector(dict(zip(weights, gradient, strict=True))), "the gradient")


def test_the_table_is_complete() -> None:
    assert len(MODELS) >= 60
    nodes = [
        node
        for text in MODELS
        for node in walk(formula_of(f"y ~ {text}", {"y": TARGET, **COLUMNS}).model)
    ]
    used = {node.function for node in nodes if isinstance(node, Call)}
    assert used == set(CANONICAL_FUNCTIONS), "a function of the contract is not in the table"
    kinds = {type(node).__name__ for node in nodes}
    assert {"Negate", "Binary", "Compare", "Logical", "Not", "Constant"} <= kinds


@pytest.mark.parametrize("loss", LOSSES, ids=NAMED_LOSSES)
def test_objective_gives_value_and_gradient_of_weighted_rows(loss: tuple[str, str]) -> None:
    text = "a*tanh(d*z + b)"
    objective = objective_of(text, loss, ROW_WEIGHT)
    model = model_of(MODELS[text], loss)
    weights = weights_of(MODELS[text])
    at = objective.vector(weights)
    value, gradient = objective.value_and_gradient(at)
    wanted, slopes = loss_and_gradient(model, loss, weights, COLUMNS, TARGET, ROW_WEIGHT)
    assert value == pytest.approx(wanted, rel=1e-13)
    assert objective.value(at) == pytest.approx(wanted, rel=1e-13)
    by_name = dict(zip(weights, slopes, strict=True))
    close(gradient, objective.vector(by_name), f"the gradient of {objective.names} differs")


# Formulas of any structure: the text and what PyTorch does with it grow together.

Grown = tuple[str, Callable[[dict[str, Tensor]], Tensor]]


def _leaf(name: str) -> Grown:
    return name, lambda values: values[name]


def _number(value: float) -> Grown:
    return repr(value), lambda values: tensor(value)


LEAVES = st.one_of(
    st.sampled_from(["a", "b", "c", "d", "x", "z"]).map(_leaf),
    st.sampled_from([0.5, 1.5, 2.0, 3.0]).map(_number),
)
UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "-({})": torch.neg,
    "sin({})": torch.sin,
    "cos({})": torch.cos,
    "tanh({})": torch.tanh,
    "sigmoid({})": torch.sigmoid,
    "softplus({})": softplus,
    "arctan({})": torch.arctan,
    "erf({})": torch.erf,
    "relu({})": torch.relu,
    "abs({})": torch.abs,
    "({})**2": lambda u: u * u,
    "log(1 + ({})**2)": lambda u: torch.log(1 + u * u),
    "sqrt(1 + ({})**2)": lambda u: torch.sqrt(1 + u * u),
    "exp(sin({}))": lambda u: torch.exp(torch.sin(u)),
    "1/(1 + ({})**2)": lambda u: 1 / (1 + u * u),
    "sinh(tanh({}))": lambda u: torch.sinh(torch.tanh(u)),
    "log1p(sigmoid({}))": lambda u: torch.log1p(torch.sigmoid(u)),
}
BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "({} + {})": torch.add,
    "({} - {})": torch.sub,
    "({})*({})": torch.mul,
    "minimum({}, {})": torch.minimum,
    "maximum({}, {})": torch.maximum,
    "({})/sqrt(2 + ({})**2)": lambda u, v: u / torch.sqrt(2 + v * v),
    "(1.5 + tanh({}))**sin({})": lambda u, v: torch.pow(1.5 + torch.tanh(u), torch.sin(v)),
    "arctan2({}, 2 + ({})**2)": lambda u, v: torch.arctan2(u, 2 + v * v),
    "where(x > 0.8, {}, {})": lambda u, v: where(tensor(COLUMNS["x"]) > 0.8, u, v),
}


def _one(inner: st.SearchStrategy[Grown]) -> st.SearchStrategy[Grown]:
    def grow(shape: str, below: Grown) -> Grown:
        text, value = below
        return shape.format(text), lambda values: UNARY[shape](value(values))

    return st.builds(grow, st.sampled_from([*UNARY]), inner)


def _two(inner: st.SearchStrategy[Grown]) -> st.SearchStrategy[Grown]:
    def grow(shape: str, left: Grown, right: Grown) -> Grown:
        return shape.format(left[0], right[0]), lambda values: BINARY[shape](
            left[1](values), right[1](values)
        )

    return st.builds(grow, st.sampled_from([*BINARY]), inner, inner)


GROWN = st.recursive(LEAVES, lambda inner: _one(inner) | _two(inner), max_leaves=10)


@settings(max_examples=20)
@given(
    GROWN,
    st.sampled_from([key for key in LOSSES if key[1] != "probability"]),
    st.lists(st.floats(-2, 2, width=16), min_size=4, max_size=4),
)
def test_formulas_of_any_structure(grown: Grown, loss: tuple[str, str], at: list[float]) -> None:
    text, value = grown
    # Every weight takes part, and the loss is not at a kink of its own.
    text = f"{text} + 0.1*a*x - 0.2*b + 0.3*c*z + d*t"
    weights = dict(zip("abcd", at, strict=True))

    def model(
        a: Tensor, b: Tensor, c: Tensor, d: Tensor, x: Tensor, z: Tensor, t: Tensor
    ) -> Tensor:
        rest = 0.1 * a * x - 0.2 * b + 0.3 * c * z + d * t
        return value({"a": a, "b": b, "c": c, "d": d, "x": x, "z": z}) + rest

    objective = objective_of(text, loss)
    found, gradient = objective.value_and_gradient(objective.vector(weights))
    wanted, _ = loss_and_gradient(model, loss, weights, COLUMNS, TARGET)
    assert found == pytest.approx(wanted, rel=1e-12), text
    rows = pulls(model, loss, weights, COLUMNS, TARGET)
    by_name = dict(zip(weights, rows.sum(axis=0), strict=True))
    slopes = objective.vector(by_name)
    # Rows may cancel in their sum; what they had is the measure.
    size = max(np.max(np.abs(rows)), 1e-3)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-12, atol=1e-12 * size, err_msg=text)


# Kinks and edges, one weight a case: PyTorch's subgradient is ours.

KINKS: dict[str, tuple[str, Callable[..., Tensor], dict[str, float]]] = {
    "abs-at-0": ("abs(a)", lambda a: torch.abs(a), {"a": 0.0}),
    "abs-at-minus-0": ("abs(a)", lambda a: torch.abs(a), {"a": -0.0}),
    "abs-times-more-at-0": ("3*abs(2*a) + a", lambda a: 3 * torch.abs(2 * a) + a, {"a": 0.0}),
    "relu-at-0": ("relu(a)", lambda a: torch.relu(a), {"a": 0.0}),
    "sign-at-0": ("sign(a) + a", lambda a: torch.sign(a) + a, {"a": 0.0}),
    "maximum-tie": ("maximum(a, b)", torch.maximum, {"a": 1.5, "b": 1.5}),
    "minimum-tie": ("minimum(a, b)", torch.minimum, {"a": 1.5, "b": 1.5}),
    "maximum-tie-with-a-number": ("maximum(a, 0)", lambda a: torch.maximum(a, ZERO), {"a": 0.0}),
    "minimum-tie-with-a-number": (
        "minimum(2*a, 1)",
        lambda a: torch.minimum(2 * a, ONE),
        {"a": 0.5},
    ),
    "maximum-of-the-same": ("maximum(a, a)", lambda a: torch.maximum(a, a), {"a": 2.0}),
    "where-at-its-edge": (
        "where(a > 0, 5*a, 2*a)",
        lambda a: where(a > 0, 5 * a, 2 * a),
        {"a": 0.0},
    ),
    "sqrt-near-0": ("sqrt(a)", torch.sqrt, {"a": 1e-300}),
    "sqrt-at-0": ("sqrt(a)", torch.sqrt, {"a": 0.0}),
    "sqrt-of-a-square-at-0": ("sqrt(a**2)", lambda a: torch.sqrt(a**2), {"a": 0.0}),
    "square-at-0": ("a**2", lambda a: a**2, {"a": 0.0}),
    "cube-at-0": ("a**3", lambda a: a**3, {"a": 0.0}),
    "power-1-at-0": ("a**1", lambda a: a**1, {"a": 0.0}),
    "power-0-at-0": ("a**0 + 0*a", lambda a: a**0, {"a": 0.0}),
    "half-power-at-0": ("a**0.5", lambda a: a**0.5, {"a": 0.0}),
    "power-1.5-at-0": ("a**1.5", lambda a: a**1.5, {"a": 0.0}),
    "negative-base-whole-power": ("a**3", lambda a: a**3, {"a": -2.0}),
    "negative-base-other-power": ("a**2.5", lambda a: a**2.5, {"a": -2.0}),
    "weight-as-power-of-0": ("0**a", lambda a: torch.pow(ZERO, a), {"a": 2.0}),
    "log-at-0": ("log(a)", torch.log, {"a": 0.0}),
    "log-below-0": ("log(a)", torch.log, {"a": -1.0}),
    "division-by-0": ("1/a", lambda a: 1 / a, {"a": 0.0}),
    "arcsin-at-1": ("arcsin(a)", torch.arcsin, {"a": 1.0}),
    "arctan2-behind": ("arctan2(a, b)", torch.arctan2, {"a": 0.0, "b": -1.0}),
    "exp-overflow": ("exp(a)", torch.exp, {"a": 1000.0}),
    "sigmoid-far-below": ("sigmoid(a)", torch.sigmoid, {"a": -700.0}),
    "softplus-far-below": ("softplus(a)", lambda a: softplus(a), {"a": -700.0}),
    "softplus-far-above": ("softplus(a)", lambda a: softplus(a), {"a": 700.0}),
    "softplus-above-20": ("softplus(a)", lambda a: softplus(a), {"a": 21.0}),
    "softplus-at-0": ("softplus(a)", lambda a: softplus(a), {"a": 0.0}),
    "tanh-far-out": ("tanh(a)", torch.tanh, {"a": 20.0}),
    "erf-far-out": ("erf(a)", torch.erf, {"a": 5.5}),
    "log1p-near-0": ("log1p(a)", torch.log1p, {"a": 1e-18}),
    "expm1-near-0": ("expm1(a)", torch.expm1, {"a": 1e-18}),
}


@pytest.mark.parametrize("case", KINKS)
def test_kinks_are_those_of_torch(case: str) -> None:
    text, model, weights = KINKS[case]
    leaves = {name: tensor(value).requires_grad_() for name, value in weights.items()}
    value = model(*leaves.values())
    slopes = torch.autograd.grad(value, [*leaves.values()])
    wanted = [slope.item() for slope in slopes]
    objective = formula_objective(parse_expression(text), {}, loss=None)
    found, gradient = objective.value_and_gradient(objective.vector(weights))
    np.testing.assert_allclose(found, value.item(), rtol=1e-14, err_msg="the value differs")
    np.testing.assert_allclose(gradient, wanted, rtol=1e-13, err_msg="the slope differs")


@pytest.mark.parametrize("loss", ["mse", "mae", "rmse", "huber"])
def test_perfect_fit_has_loss_and_gradient_zero(loss: str) -> None:
    columns = {"x": np.arange(5.0), "y": 2 * np.arange(5.0) + 1}
    objective = formula_objective(formula_of("y ~ a*x + b", columns), columns, loss=loss)
    value, gradient = objective.value_and_gradient(np.array([2.0, 1.0]))
    assert value == 0
    np.testing.assert_array_equal(gradient, [0, 0])
    np.testing.assert_array_equal(pull_amounts(objective, np.array([2.0, 1.0])), np.zeros((5, 2)))


def test_mae_with_some_rows_met_exactly() -> None:
    columns = {"x": np.arange(5.0), "y": np.array([1.0, 3.0, 9.0, 7.0, 0.0])}
    objective = formula_objective(formula_of("y ~ a*x + b", columns), columns, loss="mae")
    _, gradient = objective.value_and_gradient(np.array([2.0, 1.0]))
    weights = {"a": 2.0, "b": 1.0}
    _, wanted = loss_and_gradient(
        lambda a, b, x: a * x + b, ("mae", "value"), weights, {"x": columns["x"]}, columns["y"]
    )
    np.testing.assert_allclose(gradient, wanted, rtol=1e-15)


# Pulls

PULLED = ["a*exp(-d*t) + c", "where(x < 0.9, a*x, b + c*x)", "a"]


@pytest.mark.parametrize("row_weight", [None, ROW_WEIGHT], ids=["equal-rows", "weighted-rows"])
@pytest.mark.parametrize("text", PULLED)
def test_pulls_are_the_gradient_row_by_row(text: str, row_weight: Vector | None) -> None:
    _check_pulls(text, ("mse", "value"), row_weight)


@pytest.mark.parametrize("loss", [*LOSSES][1:], ids=NAMED_LOSSES[1:])
def test_pulls_under_every_loss(loss: tuple[str, str]) -> None:
    _check_pulls("a*t**2 + b*t + c", loss, ROW_WEIGHT)


def _check_pulls(text: str, loss: tuple[str, str], row_weight: Vector | None) -> None:
    objective = objective_of(text, loss, row_weight)
    model = MODELS[text]
    weights = weights_of(model)
    at = objective.vector(weights)
    amounts = pull_amounts(objective, at)
    theirs = pulls(model_of(model, loss), loss, weights, COLUMNS, TARGET, row_weight)
    wanted = theirs[:, [[*weights].index(name) for name in objective.names]]
    np.testing.assert_allclose(amounts, wanted, rtol=1e-11, atol=1e-16)
    _, gradient = objective.value_and_gradient(at)
    np.testing.assert_allclose(amounts.sum(axis=0), gradient, rtol=1e-12, atol=1e-16)


def test_hardest_pulls_come_first_with_their_share() -> None:
    amounts = np.array([[1.0, 0.0], [-5.0, 0.0], [3.0, 0.0], [2.0, 0.0]])
    first, second = hardest_pulls(amounts, amounts.sum(axis=0), np.array([10, 11, 12, 13]))
    assert [(pull.row, pull.amount, pull.share) for pull in first] == [
        (11, -5.0, -5.0),
        (12, 3.0, 3.0),
        (13, 2.0, 2.0),
        (10, 1.0, 1.0),
    ]
    assert all(pull.share is None for pull in second), "a partial of zero has no shares"


def test_hardest_pulls_are_ten_at_most_and_equal_ones_keep_their_order() -> None:
    amounts = np.ones((100, 1))
    (found,) = hardest_pulls(amounts, np.array([100.0]), np.arange(100))
    assert [pull.row for pull in found] == list(range(10))


def test_hardest_pulls_put_what_is_not_a_number_first() -> None:
    amounts = np.array([[1.0], [np.nan], [-np.inf], [2.0]])
    (found,) = hardest_pulls(amounts, np.array([np.nan]), np.arange(4))
    assert {found[0].row, found[1].row} == {1, 2}
    assert [pull.row for pull in found[2:]] == [3, 0]


@pytest.mark.parametrize("seed", range(5))
def test_hardest_pulls_of_many_rows_are_those_of_a_full_sort(seed: int) -> None:
    amounts = np.random.default_rng(seed).normal(size=(500, 3)) ** 3
    numbers = np.random.default_rng(seed).permutation(1000)[:500]
    gradient = amounts.sum(axis=0)
    for index, found in enumerate(hardest_pulls(amounts, gradient, numbers)):
        wanted = sorted(range(500), key=lambda row: -abs(amounts[row, index]))[:10]
        assert [pull.row for pull in found] == [numbers[row] for row in wanted]
        shares = amounts[wanted, index] / gradient[index]
        assert [pull.share for pull in found] == pytest.approx(list(shares), rel=1e-12)


def test_row_shares_add_up_and_name_the_strongest() -> None:
    amounts = np.array([[3.0, 0.0], [4.0, 0.0], [0.0, 1e-6]])
    found = row_shares(amounts, np.array([5, 6, 7]), np.array([0.1, 0.2, 0.9]))
    # Each weight's pulls have length 1 after scaling: 0.6, 0.8 and 1.
    assert [share.row for share in found] == [7, 6, 5]
    np.testing.assert_allclose([share.share for share in found], np.array([1, 0.8, 0.6]) / 2.4)
    assert [share.leverage for share in found] == [0.9, 0.2, 0.1]


@pytest.mark.parametrize(
    "amounts",
    [np.zeros((3, 2)), np.full((3, 2), np.nan), np.array([[np.inf, 1.0]])],
    ids=["zero", "nan", "infinite"],
)
def test_row_shares_of_nothing_measurable_are_none(amounts: Vector) -> None:
    assert row_shares(amounts, np.arange(len(amounts)), None) == ()


# Nudges and the Taylor check


@pytest.mark.parametrize(
    ("weight", "size"),
    [(0.0, 1e-3), (0.01, 1e-3), (-100.0, 1e-3), (0.0099, 1e-6), (101.0, 0.1), (-2.5e7, 1e4)],
)
def test_nudge_is_a_thousandth_of_the_weights_scale(weight: float, size: float) -> None:
    assert nudge_size(weight) == pytest.approx(size, rel=1e-12)


def test_nudges_of_a_line_are_those_of_numpy() -> None:
    x, y = COLUMNS["x"], TARGET
    objective = objective_of("a*x + 1000*b", ("mse", "value"))
    at = np.array([0.7, 0.002])

    def loss(a: float, b: float) -> float:
        return float(np.mean((a * x + 1000 * b - y) ** 2))

    residual = at[0] * x + 1000 * at[1] - y
    gradient = np.array([np.mean(2 * residual * x), np.mean(2 * residual * 1000)])
    first, second = nudges(objective, at, gradient)
    assert [first.by, second.by] == pytest.approx([1e-3, 1e-6])
    assert first.predicted == pytest.approx(gradient[0] * 1e-3, rel=1e-12)
    assert second.predicted == pytest.approx(gradient[1] * 1e-6, rel=1e-12)
    assert first.actual == pytest.approx(loss(at[0] + first.by, at[1]) - loss(*at), rel=1e-9)
    assert second.actual == pytest.approx(loss(at[0], at[1] + second.by) - loss(*at), rel=1e-9)


def test_nudging_leaves_the_weights_alone() -> None:
    objective = objective_of("a*x + b", ("mse", "value"))
    at = np.array([0.7, 0.2])
    nudges(objective, at, np.ones(2))
    np.testing.assert_array_equal(at, [0.7, 0.2])


@pytest.mark.parametrize("seed", range(3))
def test_taylor_check_of_a_quadratic_is_exact_to_second_order(seed: int) -> None:
    draw = np.random.default_rng(seed)
    root = draw.normal(size=(4, 4))
    H, slope = root @ root.T, draw.normal(size=4)
    objective = function_objective(lambda w: 0.5 * w @ (H @ w) + slope @ w, tuple("abcd"))
    at, step = draw.normal(size=4), draw.normal(size=4)
    found = taylor_check(objective, at, step)
    first = (H @ at + slope) @ step
    assert found.first_order == pytest.approx(first, rel=1e-12)
    assert found.second_order == pytest.approx(first + 0.5 * step @ H @ step, rel=1e-12)
    assert found.actual == pytest.approx(found.second_order, rel=1e-11)


def test_taylor_check_of_a_quartic_misses_by_what_is_left_out() -> None:
    """x**4 from 1 to 1.1: 0.4, then 0.4 + 0.06, and really 0.4641."""
    objective = formula_objective(parse_expression("x**4"), {}, loss=None)
    found = taylor_check(objective, np.array([1.0]), np.array([0.1]))
    assert found.first_order == pytest.approx(0.4, rel=1e-13)
    assert found.second_order == pytest.approx(0.46, rel=1e-13)
    assert found.actual == pytest.approx(0.4641, rel=1e-13)


# The backward pass: the same graph built by hand, and what autograd left in every node.

Graph = list[tuple[str, Tensor]]


def _line(a: Tensor, b: Tensor, x: Tensor) -> Graph:
    product = a * x
    return [("a", a), ("x", x), ("a*x", product), ("b", b), ("a*x + b", product + b)]


def _parabola(a: Tensor, b: Tensor, c: Tensor, t: Tensor) -> Graph:
    square = t**2
    first, second = a * square, b * t
    both = first + second
    return [
        ("a", a),
        ("t", t),
        ("t**2", square),
        ("a*t**2", first),
        ("b", b),
        ("b*t", second),
        ("a*t**2 + b*t", both),
        ("c", c),
        ("a*t**2 + b*t + c", both + c),
    ]


def _repeated(a: Tensor, x: Tensor) -> Graph:
    inner = a * x
    power = torch.exp(inner)
    more = 1 + power
    return [
        ("a", a),
        ("x", x),
        ("a*x", inner),
        ("exp(a*x)", power),
        ("1 + exp(a*x)", more),
        ("exp(a*x)/(1 + exp(a*x))", power / more),
    ]


def _decay(a: Tensor, c: Tensor, d: Tensor, t: Tensor) -> Graph:
    minus = -d
    inner = minus * t
    power = torch.exp(inner)
    scaled = a * power
    return [
        ("a", a),
        ("d", d),
        ("-d", minus),
        ("t", t),
        ("-d*t", inner),
        ("exp(-d*t)", power),
        ("a*exp(-d*t)", scaled),
        ("c", c),
        ("a*exp(-d*t) + c", scaled + c),
    ]


def _pieces(a: Tensor, b: Tensor, x: Tensor) -> Graph:
    left = a * x
    holds = x < 0.9
    return [
        ("x", x),
        ("x < 0.9", holds),
        ("a", a),
        ("a*x", left),
        ("b", b),
        ("where(x < 0.9, a*x, b)", where(holds, left, b)),
    ]


def _twice(a: Tensor, b: Tensor, x: Tensor) -> Graph:
    inner = a * x
    bent = torch.tanh(inner)
    outer = a * bent
    return [
        ("a", a),
        ("x", x),
        ("a*x", inner),
        ("tanh(a*x)", bent),
        ("a*tanh(a*x)", outer),
        ("b", b),
        ("a*tanh(a*x) + b", outer + b),
    ]


def _scalars(a: Tensor, b: Tensor, x: Tensor) -> Graph:
    product = a * b
    bent = torch.sin(product)
    half = bent + 0.5
    return [
        ("a", a),
        ("b", b),
        ("a*b", product),
        ("sin(a*b)", bent),
        ("sin(a*b) + 0.5", half),
        ("x", x),
        ("(sin(a*b) + 0.5)*x", half * x),
    ]


def _alone(a: Tensor, b: Tensor) -> Graph:
    return [("a", a), ("b", b), ("a*b", a * b)]


def _clamped(a: Tensor, d: Tensor, z: Tensor) -> Graph:
    product = a * z
    low = torch.maximum(product, ZERO)
    return [
        ("a", a),
        ("z", z),
        ("a*z", product),
        ("maximum(a*z, 0)", low),
        ("d", d),
        ("minimum(maximum(a*z, 0), d)", torch.minimum(low, d)),
    ]


GRAPHS: dict[str, tuple[Callable[..., Graph], str]] = {
    "line": (_line, "a*x + b"),
    "parabola": (_parabola, "a*t**2 + b*t + c"),
    "repeated-sub-expression": (_repeated, "exp(a*x)/(1 + exp(a*x))"),
    "decay": (_decay, "a*exp(-d*t) + c"),
    "where": (_pieces, "where(x < 0.9, a*x, b)"),
    "weight-used-twice": (_twice, "a*tanh(a*x) + b"),
    "scalar-nodes": (_scalars, "(sin(a*b) + 0.5)*x"),
    "no-column-at-all": (_alone, "a*b"),
    "clamped": (_clamped, "minimum(maximum(a*z, 0), d)"),
}


def _after(loss: tuple[str, str], value: Tensor, target: Tensor) -> Graph:
    """The stages between the prediction and the loss."""
    name, gives = loss
    if name == "cross-entropy":
        rows = (
            softplus(value) - target * value
            if gives == "logit"
            else -(target * torch.log(value) + (1 - target) * torch.log1p(-value))
        )
        return [("cross-entropy", rows), ("mean", rows.mean())]
    residual = value - target
    if name in ("mse", "rmse"):
        square = residual**2
        mean = square.mean()
        rest = [("sqrt", torch.sqrt(mean))] if name == "rmse" else []
        return [("subtract", residual), ("power", square), ("mean", mean), *rest]
    rows = ROW_COSTS[loss](residual, ZERO.expand(ROWS))
    operation = "abs" if name == "mae" else name
    return [("subtract", residual), (operation, rows), ("mean", rows.mean())]


def _retain(graph: Graph) -> None:
    for _, node in graph:
        if node.requires_grad:
            node.retain_grad()


def _adjoint(node: Tensor) -> Vector:
    return np.zeros(node.shape) if node.grad is None else node.grad.numpy()


LEFT: list[tuple[str, tuple[str, str]]] = [
    *((case, ("mse", "value")) for case in GRAPHS),
    *(("scalar-nodes", loss) for loss in LOSSES if loss[0] != "mse"),
]


@pytest.mark.parametrize(
    ("case", "loss"), LEFT, ids=[f"{case}-{' of '.join(loss)}" for case, loss in LEFT]
)
def test_backward_pass_is_what_autograd_left_in_every_node(
    case: str, loss: tuple[str, str]
) -> None:
    graph, text = GRAPHS[case]
    names = inspect.signature(graph).parameters
    leaves = {name: tensor(WEIGHTS.get(name, COLUMNS.get(name))).requires_grad_() for name in names}
    below = graph(**leaves)
    if loss[1] == "probability":
        below.append((f"sigmoid({text})", torch.sigmoid(below[-1][1])))
    prediction = below[-1][1]
    spread = prediction.expand(ROWS)
    after = _after(loss, spread, tensor(TARGET))
    _retain([*below, *after])
    after[-1][1].backward()

    objective = objective_of(text, loss)
    nodes = backward_pass(objective, objective.vector({n: WEIGHTS[n] for n in objective.names}))
    formula_nodes, chain = nodes[: len(nodes) - len(after)], nodes[len(nodes) - len(after) :]
    by_text = {node.text: node for node in formula_nodes}
    assert len(by_text) == len(formula_nodes), "equal sub-expressions must be one node"
    for name, wanted in below:
        assert name in by_text, f"{name} is missing among {[*by_text]}"
        _same(by_text[name], wanted)
    assert len(by_text) == len(below), f"{set(by_text) - {name for name, _ in below}} is too much"
    assert [node.operation for node in chain] == [name for name, _ in after]
    for node, (_, wanted) in zip(chain, after, strict=True):
        _same(node, wanted)


def _same(node: BackwardNode, wanted: Tensor) -> None:
    np.testing.assert_allclose(
        node.value,
        wanted.detach().numpy(),
        rtol=1e-13,
        atol=1e-16,  # log-cosh near 0 is a difference of numbers near log(2)
        err_msg=f"value of {node.text}",
    )
    adjoint = _adjoint(wanted)
    size = 1e-14 * np.max(np.abs(adjoint), initial=0)
    np.testing.assert_allclose(
        node.adjoint, adjoint, rtol=1e-12, atol=size, err_msg=f"adjoint of {node.text}"
    )
    assert node.adjoint.shape == node.value.shape, node.text


ORDERED = [*MODELS][::9]


@pytest.mark.parametrize("text", ORDERED)
def test_backward_pass_stands_in_the_order_of_computation(text: str) -> None:
    nodes = backward_nodes(text)
    for place, node in enumerate(nodes):
        assert all(before < place for before in node.inputs), (
            f"{node.text} uses something that is computed after it"
        )
    used = {before for node in nodes for before in node.inputs}
    assert used == set(range(len(nodes) - 1)), "a node leads nowhere"
    assert nodes[-1].adjoint == 1, "the loss changes one to one with itself"


@cache
def backward_nodes(text: str) -> tuple[BackwardNode, ...]:
    objective = objective_of(text, ("mse", "value"))
    return backward_pass(objective, objective.vector({n: WEIGHTS[n] for n in objective.names}))


@pytest.mark.parametrize("text", ORDERED)
def test_adjoints_of_weights_are_the_gradient_of_autograd(text: str) -> None:
    model = MODELS[text]
    weights = weights_of(model)
    _, gradient = loss_and_gradient(model, ("mse", "value"), weights, COLUMNS, TARGET)
    found = {
        node.text: float(node.adjoint)
        for node in backward_nodes(text)
        if node.operation == "weight"
    }
    close(np.array([found[name] for name in weights]), gradient, "an adjoint differs")


CHAINED = {
    "a*t**2 + b*t + c": ("mse", "value"),
    "x*a*a + d**a**2": ("rmse", "value"),
    "where(x < 0.9, a*x, b + c*x)": ("huber", "value"),
    "a*x + b": ("cross-entropy", "probability"),
    "exp(a*x)/(1 + exp(a*x)) + exp(a*x)": ("log-cosh", "value"),
}


@pytest.mark.parametrize("text", CHAINED)
def test_along_the_links_the_slopes_multiply_to_the_gradient(text: str) -> None:
    """Row by row from the loss back: products along the links, sums where they meet."""
    loss = CHAINED[text]
    objective = objective_of(text, loss, ROW_WEIGHT)
    model = MODELS.get(text, lambda a, d, x: x * a * a + torch.pow(d, a * a))
    weights = weights_of(model)
    at = objective.vector(weights)
    nodes, chain = backward_pass(objective, at), chain_rule(objective, at)
    reached = [np.zeros(ROWS) for _ in nodes]
    reached[-1] = np.ones(ROWS)
    for place in reversed(range(len(nodes))):
        np.testing.assert_allclose(
            reached[place], np.broadcast_to(chain.adjoint[place], ROWS), rtol=1e-12, atol=1e-15
        )
        links = zip(dict.fromkeys(nodes[place].inputs), chain.slopes[place], strict=True)
        for source, slope in links:
            reached[source] += reached[place] * slope
    found = {n.text: r for n, r in zip(nodes, reached, strict=True) if n.operation == "weight"}
    wrapped = model_of(model, loss)
    rows = pulls(wrapped, loss, weights, COLUMNS, TARGET, ROW_WEIGHT)
    for place, name in enumerate(weights):
        np.testing.assert_allclose(found[name], rows[:, place], rtol=1e-10, atol=1e-15)
        # And together they are what the loss does when the weight is moved.
        ends = [
            loss_and_gradient(wrapped, loss, {**weights, name: value}, COLUMNS, TARGET, ROW_WEIGHT)[
                0
            ]
            for value in (weights[name] - 1e-6, weights[name] + 1e-6)
        ]
        assert np.sum(found[name]) == pytest.approx((ends[1] - ends[0]) / 2e-6, rel=1e-6)


def test_backward_pass_of_a_bare_expression_ends_in_its_value() -> None:
    objective = formula_objective(parse_expression("(1 - x)**2 + 100*(y - x**2)**2"), {}, loss=None)
    nodes = backward_pass(objective, np.array([-1.2, 1.0]))
    assert float(nodes[-1].value) == pytest.approx(24.2, rel=1e-14)
    adjoints = {node.text: float(node.adjoint) for node in nodes}
    assert adjoints["x"] == pytest.approx(-215.6, rel=1e-13)
    assert adjoints["y"] == pytest.approx(-88.0, rel=1e-13)
    assert adjoints["y - x**2"] == pytest.approx(200 * (1 - 1.44), rel=1e-13)
    assert adjoints["1 - x"] == pytest.approx(2 * 2.2, rel=1e-14)


def test_inputs_of_a_node_are_its_operands() -> None:
    nodes = backward_nodes("a*t**2 + b*t + c")
    operands = {node.text: [nodes[place].text for place in node.inputs] for node in nodes}
    assert operands["a*t**2"] == ["a", "t**2"]
    assert operands["t**2"] == ["t"], "a number is no node"
    assert operands["a*t**2 + b*t"] == ["a*t**2", "b*t"]
    assert operands["prediction - target"] == ["a*t**2 + b*t + c"]
    assert operands["mean over rows"] == ["residual**2"]


@pytest.mark.parametrize("measure", [pull_amounts, backward_pass])
def test_a_bare_function_has_neither_rows_nor_nodes(measure: Callable[..., object]) -> None:
    objective = function_objective(lambda w: w @ w, ("a",))
    with pytest.raises(TypeError, match="only"):
        measure(objective, np.ones(1))


def test_a_sum_of_many_columns_is_compiled_soon_and_is_right() -> None:
    """The loss, its slopes, its curvature along a step, and every node of its backward pass."""
    many, draw = 60, np.random.default_rng(3)
    columns = {f"x{place}": draw.normal(size=30) for place in range(many)}
    signs = draw.choice([-1.0, 1.0], size=many)
    terms = "".join(f" {'-' if s < 0 else '+'} w{k}*x{k}" for k, s in enumerate(signs))
    formula = parse_model(f"y ~ b**2{terms}", ("y", *columns))
    target = draw.normal(size=30)
    objective = formula_objective(formula, {**columns, "y": target}, loss="mse", gives="value")
    weights, step = draw.normal(size=many + 1), draw.normal(size=many + 1)
    began = time.process_time()
    loss, slopes = objective.value_and_gradient(weights)
    taylor = taylor_check(objective, weights, step)
    nodes = {node.text: node for node in backward_pass(objective, weights)}
    # Seen as one kernel it takes a compiler half a minute.
    assert time.process_time() - began < 10

    design = np.column_stack(
        [
            np.full(30, 2 * weights[0]),
            *(s * x for s, x in zip(signs, columns.values(), strict=True)),
        ]
    )
    off = weights[0] ** 2 + design[:, 1:] @ weights[1:] - target
    wanted = 2 * design.T @ off / 30
    assert loss == pytest.approx(np.mean(off**2), rel=1e-12)
    np.testing.assert_allclose(slopes, wanted, rtol=1e-10)
    assert taylor.first_order == pytest.approx(wanted @ step, rel=1e-10)
    assert taylor.second_order == pytest.approx(
        wanted @ step + np.mean((design @ step) ** 2) + 2 * np.mean(off) * step[0] ** 2, rel=1e-10
    )
    np.testing.assert_allclose([nodes[f"w{k}"].adjoint for k in range(many)], wanted[1:], rtol=1e-9)


def test_a_condition_that_never_changes_is_a_node_too() -> None:
    x = np.array([1.0, 2.0, 3.0])
    run = steepest.fit({"x": x, "y": 2 * x}, "y ~ a*where(1 > 0, 2, b)*x + c*b", steps=10)
    found = {node.text: node for node in run.backward()}
    (where,) = [node for text, node in found.items() if text.startswith("where")]
    assert np.all(where.value == 2)
    by_a = run.at(run.record.descent.final_step).gradient["a"]
    assert float(np.sum(found["a"].adjoint)) == pytest.approx(by_a, rel=1e-9, abs=1e-12)
