"""What `where` does not take, or no weight moves, has no part in the gradient.

mpmath's differences are the oracle. STEEPEST_FORMULAS says how many formulas are drawn, from
STEEPEST_SEED on.
"""

import math
import os
import random
from typing import Any

import jax
import mpmath
import numpy as np
import pytest

from steepest.engine.operations import OPERATIONS
from steepest.engine.xla import in_float64
from steepest.formula.evaluate import evaluate
from steepest.formula.functions import CANONICAL_FUNCTIONS
from steepest.formula.parse import parse_model
from steepest.measure.gradient import backward_pass, pull_amounts
from steepest.objective.objective import formula_objective
from steepest.words.errors import FormulaError

X = np.array([-3.0, -0.5, 0.0, 0.25, 1.0, 2.0, 7.0])

WITHOUT_POISON = (
    "where(x > 2, a*sqrt(x - 2), b)",
    "where(x > 0, log(a*x), b*x)",
    "where(x > 0, x**a, b)",
    "where(x != 0, a/x, b)",
    "where(x < 1, b*exp(x*300), a)",
    "where(x > 0, where(x > 1, sqrt(x - 1)*a, log(x)*b), a - b)",
    "where(x > 0, log(x), -log(-x + 0.25)) * a + b",
    "where(x >= -1 and x <= 1, arcsin(a*x/2), b)",
    "where(not x > 0, b, a/sqrt(x))",
    "where(x > 0, sqrt(x)*a, b) + where(x < 0, sqrt(-x)*b, a)",
    "where(a*x > 0, sqrt(a*x), b) ",
    "where(x > 0, arctan2(a, x), b/(x - 0.125))",
)


WITHOUT_MOTION = (
    "sqrt(a*x)*b",
    "(a*x)**0.3 + b*x",
    "1 - exp(-(x/a)**(b*b))",
    "exp(log(a*x)) - b*x",
    "arcsin(1 - a*x/9) + b*x",
    "arccos(a*x/8 - 1) - b*x",
    "arctan2(a*x, b*x)",
    "sqrt(-minimum(-a*x, 2*x)) + b*x",
    "sqrt(relu(a*x - b*x))",
    "sqrt(where(x > 1, a*x, b*0*x + x*x*a))",
    "sqrt(a*(x - 2)/b*(2 - x))",
    "sqrt(abs(a*x)) + b*sign(x)",
    "sqrt(arctan2(x, exp(b))) + a*x",
    "arcsin(a/a) + b*x",
)
"""Functions with an infinite slope at an argument that no weight moves, at x = 0 or 2."""

HAVE_ROUNDED = (
    "sqrt(a*exp(-a*400*x)) + b",
    "arcsin(erf(8*a*x)) + sqrt(1 - tanh(40*a*x))*b",
    "(1 - sigmoid(60*a*x))**0.4 + b",
)
"""Functions with an infinite slope at the end of another, which 64 bits reach."""

ROUNDED = 1e-6
"""Where 1 - tanh(u) has rounded to 0, so have its root and the slope of that."""

MOVING = np.array([0.0, 0.25, 1.0, 1.5])

THEIRS: dict[str, Any] = {
    **{
        name: getattr(mpmath, name)
        for name in ("sqrt", "exp", "expm1", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh")
    },
    "log": lambda u: mpmath.log(u) if u else 1 / u,
    "abs": abs,
    "sign": mpmath.sign,
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arctan": mpmath.atan,
    "arctan2": mpmath.atan2,
    "erf": mpmath.erf,
    "sigmoid": lambda u: 1 / (1 + mpmath.exp(-u)),
    "softplus": lambda u: mpmath.log1p(mpmath.exp(u)),
    "relu": lambda u: max(u, mpmath.mpf(0)),
    "minimum": min,
    "maximum": max,
}


def mp_value(text: str, x: float, a: Any, b: Any) -> Any:
    """The formula with many digits, only the branch that is taken."""
    # Python's own conditional takes one branch and leaves the other alone.
    return eval(taken_branch(text), {}, THEIRS | {"x": mpmath.mpf(x), "a": a, "b": b})


def taken_branch(text: str) -> str:
    """`where(c, t, e)` as Python's `(t) if (c) else (e)`."""
    while "where(" in text:
        start = text.rindex("where(")
        depth, cuts, end = 0, [], start + 6
        for place in range(start + 6, len(text)):
            if text[place] == "," and depth == 0:
                cuts.append(place)
            if text[place] == ")" and depth == 0:
                end = place
                break
            depth += {"(": 1, ")": -1}.get(text[place], 0)
        condition, chosen = text[start + 6 : cuts[0]], text[cuts[0] + 1 : cuts[1]]
        otherwise = text[cuts[1] + 1 : end]
        taken = f"((({chosen})) if ({condition}) else (({otherwise})))"
        text = text[:start] + taken + text[end + 1 :]
    return text.strip()


def slopes(text: str, x: float, a: float, b: float, digits: int = 60) -> list[float] | None:
    """The partials by a and b at one row, by central differences; None where there are none."""
    with mpmath.workdps(digits):
        h = mpmath.mpf(10) ** -(2 * digits // 5)
        try:
            value = mp_value(text, x, mpmath.mpf(a), mpmath.mpf(b))
            found = [
                (mp_value(text, x, a + h, b) - mp_value(text, x, a - h, b)) / (2 * h),
                (mp_value(text, x, a, b + h) - mp_value(text, x, a, b - h)) / (2 * h),
            ]
            if any(isinstance(one, mpmath.mpc) for one in (value, *found)):
                return None
            return [float(one) for one in found]
        except (ValueError, ZeroDivisionError, TypeError, AttributeError, OverflowError):
            return None  # Complex numbers have no order and no arctan2.


@in_float64
def ours(text: str, a: float, b: float) -> tuple[np.ndarray, np.ndarray]:
    """Value (n,) and partials (n, 2) by row: what another row has no slope of is nothing to it."""
    model = parse_model(f"y ~ {text}", ("x", "y")).model

    def value(weights: Any, row: Any) -> Any:
        found = evaluate(model, {"x": row, "a": weights[0], "b": weights[1]}, OPERATIONS)
        return found + 0.0 * row

    gradients = jax.vmap(jax.value_and_grad(value), in_axes=(None, 0))
    found, slope = gradients(np.array([a, b]), X)
    return np.asarray(found), np.asarray(slope)


def check(text: str, a: float, b: float, atol: float = ROUNDED) -> int:
    values, found = ours(text, a, b)
    rows = 0
    for x, value, row in zip(X, values, found, strict=True):
        wanted = slopes(text, float(x), a, b)
        # What overflows in 64 bits is told of the value.
        if wanted is None or not all(map(math.isfinite, (value, *wanted))):
            continue
        rows += 1
        assert np.all(np.isfinite(row)), f"{text} at x = {x}: {row}, by differences {wanted}"
        if not np.allclose(row, wanted, rtol=1e-8, atol=atol):
            # 60 digits are few beside exp(exp(7)).
            wanted = slopes(text, float(x), a, b, digits=1500) or [math.nan]
            np.testing.assert_allclose(row, wanted, rtol=1e-8, atol=atol, err_msg=f"{text} at {x}")
    return rows


@pytest.mark.parametrize("text", [*WITHOUT_POISON, *WITHOUT_MOTION, *HAVE_ROUNDED])
def test_the_partials_are_those_of_what_counts(text: str) -> None:
    assert check(text, 0.75, -0.5, ROUNDED if text in HAVE_ROUNDED else 1e-12) >= 4


@in_float64
@pytest.mark.parametrize("text", WITHOUT_MOTION)
def test_forward_and_second_derivatives_are_those_of_the_rows_that_move(text: str) -> None:
    model = parse_model(f"y ~ {text}", ("x", "y")).model

    def value(weights: Any, rows: Any) -> Any:
        found = evaluate(model, {"x": rows, "a": weights[0], "b": weights[1]}, OPERATIONS)
        return jax.numpy.sum(found)

    at = np.array([0.75, 0.5])
    for order in (jax.jacfwd, jax.hessian):
        found, wanted = (np.asarray(order(value)(at, rows)) for rows in (MOVING, MOVING[1:]))
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def random_formula(random: random.Random, depth: int = 0) -> str:
    if depth > 2 or random.random() < 0.2:
        return random.choice(["x", "a", "b", "a*x", "b*x", "1.5", "(x - 2)", "(x + 0.5)"])
    inner = [random_formula(random, depth + 1) for _ in range(2)]
    kind = random.choice(
        [
            *["where"] * 3,
            *["+", "*", "/", "**"] * 2,
            *sorted(set(THEIRS) & set(CANONICAL_FUNCTIONS)),
        ]
    )
    if kind == "where":
        test = random.choice(["x > 2", "x < 0", "x >= 0.25", "x > 0 and x < 2", "not x > 1"])
        return f"where({test}, {inner[0]}, {inner[1]})"
    if kind in "+*/**":
        power = random.choice(["0.5", "b", "a", "(1/3)", "1.5", "-1"])
        return f"({inner[0]} {kind} {inner[1]})" if kind != "**" else f"({inner[0]})**{power}"
    arity = 2 if kind in ("arctan2", "minimum", "maximum") else 1
    return f"{kind}({', '.join(inner[:arity])})"


MANY, FIRST = (
    int(os.environ.get("STEEPEST_FORMULAS", "40")),
    int(os.environ.get("STEEPEST_SEED", "0")),
)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + MANY))
def test_random_formulas_have_no_gradient_that_is_nan_where_it_is_finite(seed: int) -> None:
    source = random.Random(seed)
    text = f"where({source.choice(['x > 2', 'x < 0'])}, {random_formula(source)}, a) + b*x"
    try:
        check(text, source.uniform(0.2, 2.0), source.uniform(-2.0, 2.0))
    except FormulaError:
        pytest.skip("a constant in it has no value")


def test_pulls_and_the_backward_pass_are_finite_too() -> None:
    formula = parse_model("y ~ where(x > 2, a*sqrt(x - 2), b)", ("x", "y"))
    objective = formula_objective(formula, {"x": X, "y": X}, loss="mse", gives="value")
    at = np.array([1.5, 0.5])
    assert np.all(np.isfinite(pull_amounts(objective, at)))
    nodes = {node.text: node for node in backward_pass(objective, at)}
    assert np.all(np.isfinite(nodes["sqrt(x - 2)"].adjoint))
    wanted = 2 * (1.5 * np.sqrt(5.0) - 7.0) * np.sqrt(5.0) / 7
    assert nodes["a"].adjoint == pytest.approx(wanted, rel=1e-12)


def test_a_value_in_both_branches_is_itself_in_each() -> None:
    formula = parse_model("y ~ where(x > 0, exp(a*x), 2*exp(a*x))", ("x", "y"))
    objective = formula_objective(formula, {"x": X, "y": X}, loss="mse", gives="value")
    at = np.array([0.25])
    nodes = {node.text: node for node in backward_pass(objective, at)}
    np.testing.assert_allclose(nodes["exp(a*x)"].value, np.exp(0.25 * X), rtol=1e-15)
