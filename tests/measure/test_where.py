"""What `where` does not take has no part in the gradient: mpmath's differences are the oracle."""

import math
import random
from typing import Any

import jax
import mpmath
import numpy as np
import pytest

from steepest.engine.operations import OPERATIONS
from steepest.engine.xla import in_float64
from steepest.formula import evaluate, parse_model
from steepest.measure.gradient import backward_pass, pull_amounts
from steepest.objective.objective import formula_objective

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


def mp_value(text: str, x: float, a: Any, b: Any) -> Any:
    """The formula with 60 digits, only the branch that is taken."""
    names: dict[str, Any] = {
        name: getattr(mpmath, name) for name in ("sqrt", "log", "exp", "sin", "cos", "tan")
    }
    names |= {"arcsin": mpmath.asin, "arctan2": mpmath.atan2, "tanh": mpmath.tanh}
    names |= {"x": mpmath.mpf(x), "a": a, "b": b}
    # Python's own conditional takes one branch and leaves the other alone.
    return eval(taken_branch(text), {}, names)


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


def slopes(text: str, x: float, a: float, b: float) -> list[float] | None:
    """The partials by a and b at one row, by central differences of 60 digits; None where none."""
    with mpmath.workdps(60):
        h = mpmath.mpf(10) ** -25
        try:
            value = mp_value(text, x, mpmath.mpf(a), mpmath.mpf(b))
            found = [
                (mp_value(text, x, a + h, b) - mp_value(text, x, a - h, b)) / (2 * h),
                (mp_value(text, x, a, b + h) - mp_value(text, x, a, b - h)) / (2 * h),
            ]
        except (ValueError, ZeroDivisionError):
            return None
        if any(isinstance(one, mpmath.mpc) for one in (value, *found)):
            return None
        return [float(one) for one in found]


@in_float64
def ours(text: str, x: np.ndarray, a: float, b: float) -> np.ndarray:
    model = parse_model(f"y ~ {text}", ("x", "y")).model

    def value(weights: Any, row: Any) -> Any:
        found = evaluate(model, {"x": row, "a": weights[0], "b": weights[1]}, OPERATIONS)
        return found + 0.0 * row

    # Row by row: what another row has no slope of is nothing to this one.
    gradients = jax.vmap(jax.grad(value), in_axes=(None, 0))
    return np.asarray(gradients(np.array([a, b]), x))


def check(text: str, a: float, b: float) -> int:
    found, rows = ours(text, X, a, b), 0
    for x, row in zip(X, found, strict=True):
        wanted = slopes(text, float(x), a, b)
        if wanted is None or not all(map(math.isfinite, wanted)):
            continue
        rows += 1
        assert np.all(np.isfinite(row)), f"{text} at x = {x}: {row}, by differences {wanted}"
        np.testing.assert_allclose(row, wanted, rtol=1e-9, atol=1e-12, err_msg=f"{text} at {x}")
    return rows


@pytest.mark.parametrize("text", WITHOUT_POISON)
def test_the_partials_are_those_of_the_branch_that_is_taken(text: str) -> None:
    assert check(text, 0.75, -0.5) >= 5


def random_formula(random: random.Random, depth: int = 0) -> str:
    if depth > 2 or random.random() < 0.2:
        return random.choice(["x", "a", "b", "a*x", "b*x", "1.5", "(x - 2)", "(x + 0.5)"])
    inner = [random_formula(random, depth + 1) for _ in range(2)]
    kind = random.choice(["where", "where", "+", "*", "/", "**", "sqrt", "log", "exp", "sin"])
    if kind == "where":
        test = random.choice(["x > 2", "x < 0", "x >= 0.25", "x > 0 and x < 2", "not x > 1"])
        return f"where({test}, {inner[0]}, {inner[1]})"
    if kind in "+*/**":
        return f"({inner[0]} {kind} {inner[1]})" if kind != "**" else f"({inner[0]})**0.5"
    return f"{kind}({inner[0]})"


@pytest.mark.parametrize("seed", range(60))
def test_random_formulas_have_no_gradient_that_is_nan_where_it_is_finite(seed: int) -> None:
    source = random.Random(seed)
    text = f"where({source.choice(['x > 2', 'x < 0'])}, {random_formula(source)}, a) + b*x"
    check(text, source.uniform(0.2, 2.0), source.uniform(-2.0, 2.0))


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
