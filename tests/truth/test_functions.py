"""Test functions of the literature: the limit at the minimum against SymPy's dense Hessian."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import steepest


class Function(NamedTuple):
    name: str
    text: str
    at: tuple[tuple[float, float], ...]
    """Its minima. Where they are no short decimals, near them: Newton's method does the rest."""
    limit: float | None = None
    """As published, to the digits that are; of the first minimum."""


HIMMELBLAU = "(x**2 + y - 11)**2 + (x + y**2 - 7)**2"
SPIRAL = "50*sin((arctan2(y, x) - sqrt(x**2 + y**2))/2)**2 + 0.1*(sqrt(x**2 + y**2) - 1)**2"

FUNCTIONS = (
    Function("Rosenbrock", "(1 - x)**2 + 100*(y - x**2)**2", ((1, 1),), 0.0019968),
    Function(
        "Beale",
        "(1.5 - x + x*y)**2 + (2.25 - x + x*y**2)**2 + (2.625 - x + x*y**3)**2",
        ((3, 0.5),),
        0.04083,
    ),
    Function(
        "Himmelblau", HIMMELBLAU,
        ((3, 2), (-2.805118, 3.131313), (-3.779310, -3.283186), (3.584428, -1.848127)), 0.0243,
    ),
    Function("Booth", "(x + 2*y - 7)**2 + (2*x + y - 5)**2", ((1, 3),), 0.1111),
    Function("Matyas", "0.26*(x**2 + y**2) - 0.48*x*y", ((0, 0),), 2.0),
    Function("spiral valley", SPIRAL, ((float(np.cos(1)), float(np.sin(1))),)),
)  # fmt: skip


def derivatives(text: str) -> tuple[Any, Any, Any]:
    """Value, gradient and Hessian as functions of (x, y), from SymPy's own derivatives."""
    import sympy

    x, y = sympy.symbols("x y", real=True)
    names = {"x": x, "y": y, "arctan2": sympy.atan2}
    formula = sympy.sympify(text, locals=names)
    gradient = [sympy.diff(formula, w) for w in (x, y)]
    hessian = [[sympy.diff(formula, v, w) for w in (x, y)] for v in (x, y)]
    return tuple(sympy.lambdify((x, y), what, "numpy") for what in (formula, gradient, hessian))


CASES = [
    pytest.param(function, index, id=f"{function.name} {index + 1}")
    for function in FUNCTIONS
    for index in range(len(function.at))
]


@pytest.mark.parametrize(("function", "index"), CASES)
def test_the_limit_at_the_minimum(function: Function, index: int) -> None:
    value, gradient, hessian = derivatives(function.text)
    at = np.array(function.at[index], dtype=float)
    for _ in range(5):
        at = at - np.linalg.solve(np.array(hessian(*at), dtype=float), gradient(*at))
    assert np.linalg.norm(gradient(*at)) < 1e-9
    values = np.linalg.eigvalsh(np.array(hessian(*at), dtype=float))
    assert values[0] > 0
    limit = 2 / values[-1]
    if function.limit is not None and index == 0:
        digits = len(repr(function.limit).lstrip("0.").replace(".", ""))
        assert float(f"{limit:.{digits}g}") == pytest.approx(function.limit, rel=1e-3)

    found = steepest.minimize(
        function.text,
        start={"x": float(at[0]) + 1e-5, "y": float(at[1]) - 1e-5},
        lr=limit / 2, steps=60, remedies=False,
    )  # fmt: skip
    m = found.measurements
    assert m.stability_limit == pytest.approx(limit, rel=1e-3)
    assert m.spectrum is not None
    assert m.spectrum.condition == pytest.approx(values[-1] / values[0], rel=1e-3)
    assert m.minimum is not None
    assert m.minimum.loss == pytest.approx(float(value(*at)), abs=1e-9)

    # The limit is what it says: just below it a plain loop comes closer, just above it leaves.
    way = np.linalg.eigh(np.array(hessian(*at), dtype=float))[1][:, -1]
    for share, grows in ((0.99, False), (1.01, True)):
        point = at + 1e-7 * way
        for _ in range(100):
            point = point - share * limit * np.array(gradient(*point))
        assert (np.linalg.norm(point - at) > 1e-7) == grows


def codes(found: Any) -> set[str]:
    return {finding.code for finding in found.verdict.findings}


BOUNDS = {"x": (-2.0, 2.0), "y": (-3.0, 1.0)}


def test_a_saddle_between_bounds() -> None:
    """x**2 - y**2: the lowest point between the bounds is (0, -3), with loss -9."""
    still = steepest.minimize(
        "x**2 - y**2", start={"x": 1.0, "y": 0.0}, bounds=BOUNDS, lr=0.1, steps=60, remedies=False
    )
    assert "SD203" in codes(still)
    assert "SD206" not in codes(still)
    escape = still.measurements.escape
    assert escape is not None
    assert escape.direction == pytest.approx({"x": 0.0, "y": 1.0})
    assert escape.change == pytest.approx(-(escape.by**2))

    down = steepest.minimize(
        "x**2 - y**2", start={"x": 1.0, "y": -0.1}, bounds=BOUNDS, lr=0.1, steps=100,
        remedies=False,
    )  # fmt: skip
    assert down.weights["y"] == -3.0
    assert down.loss == pytest.approx(-9)
    assert down.measurements.minimum is not None
    assert down.measurements.minimum.loss == pytest.approx(-9)
    assert "SD206" in codes(down)
    assert "SD203" not in codes(down)

    # Without bounds there is no minimum at all.
    endless = steepest.minimize(
        "x**2 - y**2", start={"x": 1.0, "y": -0.1}, lr=0.1, steps=100, remedies=False
    )
    assert "has no minimum" in endless.verdict.headline


def test_a_plateau_is_no_minimum() -> None:
    """1 - exp(-x**2/2) at x = 6: the slope is 9e-8, the loss all but 1, and the minimum 0."""
    found = steepest.minimize(
        "1 - exp(-x**2/2)", start={"x": 6.0}, lr=0.1, steps=100, remedies=False
    )
    m = found.measurements
    assert m.minimum is not None
    assert m.minimum.loss == pytest.approx(0, abs=1e-9)
    assert "SD205" in codes(found)
    assert not codes(found) & {"SD203", "SD204", "SD206"}
    # From x = 1 the same learning rate walks straight there.
    near = steepest.minimize(
        "1 - exp(-x**2/2)", start={"x": 1.0}, lr=0.5, steps=100, remedies=False
    )
    assert "SD206" in codes(near)


def test_along_the_spiral() -> None:
    """A quarter of a turn from the minimum: the descent follows the valley all the way."""
    value, gradient, _ = derivatives(SPIRAL)
    begin = np.array([2.5 * np.cos(2.5), 2.5 * np.sin(2.5)])
    point, steps = begin.copy(), 0
    goal = 1e-6 * float(value(*begin))
    while float(value(*point)) > goal:
        point = point - 0.03 * np.array(gradient(*point))
        steps += 1
        assert steps < 10_000
    found = steepest.minimize(
        SPIRAL, start={"x": float(begin[0]), "y": float(begin[1])}, lr=0.03, steps=20,
        remedies=False,
    )  # fmt: skip
    assert found.measurements.minimum is not None
    assert found.measurements.minimum.loss == pytest.approx(0, abs=1e-12)
    assert found.measurements.forecast is not None
    assert found.measurements.forecast.steps == pytest.approx(steps, rel=0.01)
