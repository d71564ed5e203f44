"""Losses that fall for ever beside losses that have a minimum, both known from calculus."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.autograd import formula_of

from steepest.formula.parse import parse_expression
from steepest.measure.minimum import find_minimum
from steepest.objective.objective import formula_objective
from steepest.records.arrays import Vector

# Expression, start, what it nears, the weights that go to infinity.
ENDLESS = {
    "exponential": ("exp(x)", [0.0], 0.0, ("x",)),
    "from afar": ("exp(-x)", [20.0], 0.0, ("x",)),
    "from where it is level": ("exp(-x)", [40.0], 0.0, ("x",)),
    "softplus": ("log(1 + exp(-x))", [0.0], 0.0, ("x",)),
    "sigmoid": ("tanh(x)", [0.0], -1.0, ("x",)),
    "arctangent": ("arctan(x)", [0.0], -math.pi / 2, ("x",)),
    "power": ("1/(1 + x**2)", [1.0], 0.0, ("x",)),
    "power above one": ("1 + 1/x**2", [1.0], 1.0, ("x",)),
    "bell upside down": ("exp(-x**2)", [1.0], 0.0, ("x",)),
    "hyperbola": ("sqrt(1 + x**2) - x", [0.0], 0.0, ("x",)),
    "beside a weight that settles": ("x**2 + exp(y)", [1.0, 0.0], 0.0, ("y",)),
    "along a diagonal": ("exp(-(x - y)) + (x + y - 1)**2", [0.0, 0.0], 0.0, ("x", "y")),
    "along a curve": ("(x*y - 1)**2 + x**2", [1.0, 2.0], 0.0, ("y",)),
    "with a flat direction": ("exp(-x - y)", [0.0, 0.0], 0.0, ("x", "y")),
    # Where rounding makes it level, far from the start or at the start itself.
    "softplus from afar": ("softplus(x)", [3e4], 0.0, ("x",)),
    "sigmoid from afar": ("sigmoid(x)", [3e4], 0.0, ("x",)),
    "from an infinite loss": ("exp(x)", [3e4], 0.0, ("x",)),
    "level at the start": ("tanh(x)", [-30.0], -1.0, ("x",)),
    # Beside a valley.
    "cubic": ("x**3 - 100*x", [1.3], -math.inf, ()),
    "cubic beside a square": ("x**3 - 100*x + y**2", [8.0, 1.0], -math.inf, ()),
}

ATTAINED = {
    "exponential and line": ("x + exp(-x)", [0.0], 1.0),
    "square": ("x**2", [3.0], 0.0),
    "quartic": ("(x - 1)**4", [3.0], 0.0),
    "far away": ("(x - 1e6)**2", [0.0], 0.0),
    "nearly flat": ("1e-12*(x - 1)**2 + 1", [5.0], 1.0),
    "level on one side": ("abs(x) + x", [2.0], 0.0),
    "smoothly level on one side": ("(abs(x) + x)**2", [2.0], 0.0),
    "level at the start": ("maximum(x, 0)", [-30.0], 0.0),
    "steeply level on one side": ("(abs(x) + x)**8", [2.0], 0.0),
    "two valleys": ("x**4 - 3*x**2", [1.0], -2.25),
    "flat direction": ("(x + y)**2", [1.0, 2.0], 0.0),
    "curve of minima": ("(x*y - 1)**2", [1.0, 3.0], 0.0),
    "weight without effect": ("x**2 + 0*y", [1.0, 1.0], 0.0),
    "many minima": ("cos(x)", [1.0], -1.0),
    "falls again further out": ("x**2*exp(-x**2/9)", [1.0], 0.0),
    "slow growth": ("log(1 + x**2)", [3.0], 0.0),
    "narrow valley": ("(1 - x)**2 + 100*(y - x**2)**2", [-1.2, 1.0], 0.0),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_a_loss_that_falls_for_ever_has_no_minimum(case: str) -> None:
    text, start, nears, growing = ENDLESS[case]
    objective = formula_objective(parse_expression(text), {}, loss=None)
    found = find_minimum(objective, np.array(start), seconds=3)
    assert found is not None
    assert not found.exists
    assert set(found.growing) == set(growing)
    assert found.loss == pytest.approx(nears, abs=1e-6)


@pytest.mark.parametrize("case", ATTAINED)
def test_a_loss_with_a_minimum_has_one(case: str) -> None:
    text, start, loss = ATTAINED[case]
    objective = formula_objective(parse_expression(text), {}, loss=None)
    found = find_minimum(objective, np.array(start), seconds=3)
    assert found is not None
    assert found.exists
    assert found.loss == pytest.approx(loss, abs=1e-9)


# Expression, its minimum, starts whose losses go up to 1e40.
FROM_AFAR = {
    "exp(x) - 3*x": (3 - 3 * math.log(3), [0.0, 20.0, 45.0, 90.0]),
    "x + exp(-x)": (1.0, [-20.0, -90.0, 1e6]),
    "cosh(x)": (1.0, [1.0, 30.0, 90.0]),
    "(x - 1)**4": (0.0, [1e3, 1e10]),
    "x**2 + 1": (1.0, [1e5, 1e20]),
    "exp(x**2)": (1.0, [3.0, 9.5]),
    "exp(x) + exp(-x) + y**2": (2.0, [40.0, 90.0]),
    "exp(2*x) - x": (0.5 + math.log(2) / 2, [0.0, 20.0, 45.0]),
    "(1 - x)**2 + 100*(y - x**2)**2": (0.0, [30.0, 1e4]),
}


@pytest.mark.parametrize(
    ("text", "start"),
    [(text, start) for text, (_, starts) in FROM_AFAR.items() for start in starts],
)
def test_how_bad_the_start_was_is_nothing_to_the_minimum(text: str, start: float) -> None:
    objective = formula_objective(parse_expression(text), {}, loss=None)
    found = find_minimum(objective, np.full(len(objective.names), start), seconds=2)
    assert found is not None
    assert found.exists, f"{text} from {start}: said to fall for ever, to {found.loss}"
    assert found.loss == pytest.approx(FROM_AFAR[text][0], rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "start"),
    [("exp(-x)", -90.0), ("exp(-x) + exp(-2*x)", -45.0), ("x**2 + exp(y)", 90.0), ("1/x**2", 1e-9)],
)
def test_an_endless_fall_is_one_from_afar_too(text: str, start: float) -> None:
    objective = formula_objective(parse_expression(text), {}, loss=None)
    found = find_minimum(objective, np.full(len(objective.names), start), seconds=2)
    assert found is not None
    assert not found.exists


@pytest.mark.parametrize("text", ["-log(x)", "-sqrt(x)"])
def test_a_slow_fall_without_end(text: str) -> None:
    objective = formula_objective(parse_expression(text), {}, loss=None)
    found = find_minimum(objective, np.array([1.0]), seconds=3)
    assert found is not None
    assert found.unbounded


X = np.linspace(-4, 4, 24)
NOISE = 0.05 * np.random.default_rng(0).normal(size=24)
SIGMOID = "y ~ k/(1 + exp(-r*(x - m)))"
DECAY = "y ~ b + c*exp(-k*x)"

FITS: dict[str, tuple[str, Vector, list[float], set[str]]] = {
    "a sigmoid to a step": (SIGMOID, 2.0 * (X > 0.3) + NOISE, [1, 1, 0], {"r"}),
    "a sigmoid to a sigmoid": (SIGMOID, 2 / (1 + np.exp(0.9 - 3 * X)) + NOISE, [1, 1, 0], set()),
    "an exponential to a line": (DECAY, 2 * X + 1 + 0.1 * np.sin(9 * X), [1, 1, 0.1], {"b", "c"}),
    "an exponential to one": (DECAY, 2 * np.exp(-0.4 * X) + NOISE, [1, 1, 0.1], set()),
    "two weights for one": ("y ~ a*b*x", 2 * X, [1, 1], set()),
}


@pytest.mark.parametrize("case", FITS)
def test_fits_whose_best_weights_are_infinite(case: str) -> None:
    text, y, start, growing = FITS[case]
    columns = {"x": X, "y": y}
    objective = formula_objective(formula_of(text, columns), columns, loss="mse")
    found = find_minimum(objective, np.array(start, dtype=float), seconds=4)
    assert found is not None
    assert set(found.growing) == growing
    assert found.exists == (not growing)
