"""Python functions in the place of formulas: read as what they compute, or refused by the line."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.optimize import curve_fit
from scipy.special import expit

import steepest
from steepest.problem.functions import fitted, minimized

X = np.arange(10.0)
Y = 3 * np.exp(-0.4 * X) + 0.01 * np.sin(5 * X)
SCALE = 3.0


def decay(time: Any, a: Any, b: Any) -> Any:
    return a * np.exp(-b * time)


def rosenbrock(x: Any, y: Any) -> Any:
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def chain(v: Any) -> Any:
    return np.sum(100 * (v[1:] - v[:-1] ** 2) ** 2 + (1 - v[:-1]) ** 2)


TABLE = {"u": X, "v": X + 1, "y": Y}

FITTED: dict[str, tuple[Callable[..., Any], Any, Any, str]] = {
    "names": (decay, X, Y, "y ~ a*exp(-b*time)"),
    "lists": (lambda x, a: a * x, [1, 2, 3], [2, 4, 6], "y ~ a*x"),
    "rows of arrays": (lambda z, a, b: a * z[0] + b * z[1] ** 2 * SCALE, np.stack([X, X + 1]), Y,
                       "y ~ a*z0 + b*z1**2*3.0"),
    "two arrays": (lambda z, a, b: a * z[0] + b * z[1], (X, X + 1), Y, "y ~ a*z0 + b*z1"),
    "columns of an array": (lambda z, a, b: a * z[:, 0] + b * z[:, 1], np.stack([X, X + 1], 1), Y,
                            "y ~ a*z0 + b*z1"),
    "a table": (lambda t, a, b: a * t["u"] + b * t.v, TABLE, "y", "y ~ a*u + b*v"),
    "columns by name": (lambda u, v, a, b: a * u + b * v, TABLE, "y", "y ~ a*u + b*v"),
    "pandas": (lambda u, a: a * u, pd.DataFrame(TABLE), "y", "y ~ a*u"),
    "polars": (lambda u, a: a * u, pl.DataFrame(TABLE), "y", "y ~ a*u"),
    "series": (lambda x, a: a * x, pd.Series(X, name="time"), pd.Series(Y, name="speed"),
               "speed ~ a*time"),
    "y is x": (lambda y, a: a * y, X, Y, "y_ ~ a*y"),
    "where": (lambda x, a, b: np.where((x > 3) & (x < 8), a, b) * np.clip(x, 0, 5) + (x > 1) * a,
              X, Y, "y ~ where(x > 3 and x < 8, a, b)*minimum(maximum(x, 0), 5)"
              " + where(x > 1, 1, 0)*a"),
    "polynomial": (lambda x, a, b, c: np.polyval([a, b, c], x), X, Y, "y ~ (a*x + b)*x + c"),
    "defaults": (lambda x, a=2, b=5.0: a * x + b, X, Y, "y ~ a*x + b"),
}  # fmt: skip


@pytest.mark.parametrize(("function", "x", "y", "formula"), FITTED.values(), ids=FITTED)
def test_a_function_of_x(function: Callable[..., Any], x: Any, y: Any, formula: str) -> None:
    said = fitted(function, x, y, None)
    assert said.formula == formula
    assert said.data is not None
    assert len({len(column) for column in said.data.values()}) == 1


MINIMIZED: dict[str, tuple[Callable[..., Any], Any, str]] = {
    "one": (lambda x: x**2, 3, "x**2"),
    "two": (rosenbrock, {"x": -1.2}, "(1 - x)**2 + 100*(y - x**2)**2"),
    "vector": (chain, [1, 2, 3],
               "100*(v1 - v0**2)**2 + (1 - v0)**2 + (100*(v2 - v1**2)**2 + (1 - v1)**2)"),
    "others": (lambda a: expit(a) + np.cos(np.pi * a) / 2 + abs(a) + np.square(a), 1,
               "sigmoid(a) + cos(pi*a)/2 + abs(a) + a**2"),
    "sum": (lambda a, b: sum([a**2, b**2, -a]), (1, 2), "a**2 + b**2 + -a"),
}  # fmt: skip


@pytest.mark.parametrize(("function", "start", "formula"), MINIMIZED.values(), ids=MINIMIZED)
def test_a_function_of_its_variables(
    function: Callable[..., Any], start: Any, formula: str
) -> None:
    assert minimized(function, start).formula == formula


def by_math(x: Any, a: Any) -> Any:
    s = a * 2
    return math.sin(s * x)


def by_if(x: Any, a: Any) -> Any:
    if x > 2:
        return a
    return -a


def by_jax(x: Any, a: Any) -> Any:
    import jax.numpy as jnp

    return jnp.exp(x * a)


def by_other_rows(x: Any, a: Any) -> Any:
    return a * x - np.mean(x)


def by_place(x: Any, a: Any) -> Any:
    return x[3] * a


def by_a_function_that_is_none(x: Any, a: Any) -> Any:
    return np.arcsinh(a * x)


# the function, the line that the error shows, where the caret begins, what to write instead
AT_A_LINE: list[tuple[Callable[..., Any], str, str, str]] = [
    (by_math, "return math.sin(s * x)", "math.sin", "np.sin"),
    (by_if, "if x > 2:", "x > 2", "np.where"),
    (by_jax, "return jnp.exp(x * a)", "jnp.exp", "numpy"),
    (by_other_rows, "return a * x - np.mean(x)", "np.mean", "Compute it before"),
    (by_place, "return x[3] * a", "x[3]", "one row"),
    (by_a_function_that_is_none, "return np.arcsinh(a * x)", "np.arcsinh", "arctan2"),
]


@pytest.mark.parametrize(("function", "line", "place", "instead"), AT_A_LINE)
def test_what_has_no_place_is_pointed_at(
    function: Callable[..., Any], line: str, place: str, instead: str
) -> None:
    with pytest.raises(steepest.FormulaError) as raised:
        fitted(function, X, Y, None)
    error = raised.value
    assert error.formula == line
    assert error.column is not None
    assert line[error.column :].startswith(place)
    assert instead in error.message
    number = int(re.findall(r"line (\d+)", error.problem)[0])
    begins = function.__code__.co_firstlineno
    assert begins < number <= begins + 4


REFUSED: list[tuple[Callable[..., Any], str]] = [
    (lambda x, a: a * x + np.random.rand(), "same numbers"),
    (lambda x, a: a * x + np.arange(10.0), "10 values"),
    (lambda x, a, b: a * x, "Given: b"),
    (lambda x, a: None, "return"),
    (lambda x, *a: x, "Write them out"),
    (lambda x, e: e * x, "another name"),
    (lambda x: x, "no weight"),
]


@pytest.mark.parametrize(("function", "told"), REFUSED)
def test_what_is_refused(function: Callable[..., Any], told: str) -> None:
    with pytest.raises(steepest.SteepestError, match=told):
        fitted(function, X, Y, None)


def test_a_fit_as_scipy_does_it() -> None:
    run = steepest.fit(decay, X, Y, start=[1, 1], optimizer="lm", remedies=False)
    wanted, _ = curve_fit(decay, X, Y, p0=[1, 1])
    assert run.record.problem.formula == "y ~ a*exp(-b*time)"
    np.testing.assert_allclose([run.weights["a"], run.weights["b"]], wanted, rtol=1e-6)
    # All that needs a formula is there.
    assert run.explain("a").text == "mean(2*(prediction - y)*exp(-b*time))"
    assert run.at(0).weights == {"a": 1.0, "b": 1.0}


@pytest.mark.parametrize("start", [3, [3], {"x": 3}, np.array([3.0])])
def test_a_start_in_any_form(start: Any) -> None:
    for what in ("x**2", lambda x: x**2):
        run = steepest.minimize(what, start, lr=0.1, steps=2, remedies=False)
        assert run.record.problem.formula == "x**2"
        assert run.at(0).gradient == {"x": 6.0}
        assert "x**2" in run.to_pytorch()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: steepest.minimize("x**2 + y**2", 3), 'start={"x": 1, "y": 1}'),
        (lambda: steepest.minimize("x**2", "y"), "start"),
        (lambda: steepest.fit(X, decay, Y), "the function first"),
        (lambda: steepest.fit(X, Y, "y ~ a*x"), '"y ~ a\\*x \\+ b"'),
        (lambda: steepest.fit(decay, X), "fit\\(f, x, y\\)"),
        (lambda: steepest.fit("speed ~ a*time", "data.csv"), "swapped"),
    ],
)
def test_calls_that_need_another_form(call: Callable[[], Any], told: str) -> None:
    with pytest.raises(steepest.SteepestError, match=told):
        call()


@pytest.mark.parametrize("seed", [0, 1])
def test_a_function_explained(seed: int) -> None:
    def wave(x: Any, y: Any) -> Any:
        return np.sin(x) * np.exp(y / 3) + np.where(x > y, x**2, y)

    point = dict(zip("xy", np.random.default_rng(seed).normal(size=2).tolist(), strict=True))
    found = steepest.explain(wave, point)
    h = 1e-6
    for name in point:
        up, down = ({**point, name: point[name] + sign * h} for sign in (1, -1))
        assert found.gradient[name] == pytest.approx(
            (wave(**up) - wave(**down)) / (2 * h), rel=1e-6
        )
        written = eval(str(found.partials[name]), {**vars(np), **point})
        assert written == pytest.approx(found.gradient[name], rel=1e-12)
    assert found.value == pytest.approx(float(wave(**point)), rel=1e-12)


def test_a_function_explained_as_text() -> None:
    shown = str(steepest.explain(lambda x: x**2, 3))
    assert shown == "x**2 = 9 at x = 3\n  by x: 2*x = 6"
    with pytest.raises(steepest.UsageError, match="at a point"):
        steepest.explain(rosenbrock)
    with pytest.raises(steepest.UsageError, match="Given: y"):
        steepest.explain(rosenbrock, {"x": 1})
