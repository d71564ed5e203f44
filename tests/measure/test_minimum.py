"""Oracles: numpy's lstsq, closed forms, medians, and functions whose minima are known."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.autograd import formula_of

from steepest.formula.parse import parse_expression
from steepest.measure.minimum import (
    find_minimum,
    lower_of,
    minimum_of_quadratic,
)
from steepest.measure.starts import starts
from steepest.objective.least_squares import solve
from steepest.objective.objective import Objective, formula_objective
from steepest.records.arrays import Vector
from steepest.records.point import Minimum

DRAW = np.random.default_rng(21)


def fitted(text: str, columns: dict[str, Vector], loss: str = "mse", **more: object) -> Objective:
    return formula_objective(formula_of(text, columns), columns, loss=loss, **more)  # type: ignore[arg-type]


def line(rows: int, seed: int = 0) -> dict[str, Vector]:
    draw = np.random.default_rng(seed)
    x = draw.uniform(0, 10, rows)
    return {"x": x, "y": 2 * x - 1 + draw.standard_t(2, rows)}


# Squared losses of linear models, exactly


@pytest.mark.parametrize("weighted", [False, True], ids=["equal-rows", "weighted-rows"])
@pytest.mark.parametrize("scales", [(1.0, 1.0), (1e-4, 1e4), (1e6, 1e-6)])
def test_quadratic_minimum_is_that_of_lstsq(scales: tuple[float, float], weighted: bool) -> None:
    u, v = DRAW.normal(size=(2, 40)) * np.array(scales)[:, None]
    columns = {"u": u, "v": v, "y": DRAW.normal(size=40)}
    row_weight = DRAW.uniform(0.1, 4, 40) if weighted else None
    objective = fitted("y ~ a*u + b*v + c", columns, row_weight=row_weight)
    found = minimum_of_quadratic(objective, solve(objective))
    root = np.sqrt(np.ones(40) if row_weight is None else row_weight)
    design = np.stack([u / scales[0], v / scales[1], np.ones(40)], axis=1)
    wanted = np.linalg.lstsq(design * root[:, None], columns["y"] * root)[0]
    residual = (design @ wanted - columns["y"]) * root
    wanted = wanted / [*scales, 1]
    np.testing.assert_allclose([found.weights[n] for n in "abc"], wanted, rtol=1e-10)
    assert found.loss == pytest.approx(residual @ residual / np.sum(root**2), rel=1e-12)
    assert found.flat == ()


def test_an_offset_without_weights_is_taken_off_first() -> None:
    columns = line(30)
    objective = fitted("y ~ a*x + 3*x + 7 - b", columns)
    found = minimum_of_quadratic(objective, solve(objective))
    slope, level = np.polyfit(columns["x"], columns["y"], 1)
    assert found.weights["a"] == pytest.approx(slope - 3, rel=1e-10)
    assert found.weights["b"] == pytest.approx(7 - level, rel=1e-10)


COLLINEAR: dict[str, tuple[str, dict[str, Any], int]] = {
    "twice-the-column": ("y ~ a*u + b*w + c", {"w": lambda u, v: 2 * u}, 1),
    "sum-of-two": ("y ~ a*u + b*v + c*w", {"w": lambda u, v: u + v}, 1),
    "constant-beside-intercept": ("y ~ a*u + b*w + c", {"w": lambda u, v: np.full(20, 5.0)}, 1),
    "two-at-once": ("y ~ a*u + b*w + c*t", {"w": lambda u, v: -u, "t": lambda u, v: 3 * u}, 2),
    "column-of-zeros": ("y ~ a*u + b*w", {"w": lambda u, v: np.zeros(20)}, 1),
    "scales-apart": ("y ~ a*u + b*w", {"w": lambda u, v: 1e8 * u}, 1),
    "none": ("y ~ a*u + b*v + c", {}, 0),
}


@pytest.mark.parametrize("case", COLLINEAR)
def test_flat_directions_span_what_changes_no_prediction(case: str) -> None:
    text, more, count = COLLINEAR[case]
    u, v = DRAW.normal(size=(2, 20))
    columns = {"u": u, "v": v, "y": DRAW.normal(size=20)}
    columns |= {name: make(u, v) for name, make in more.items()}
    objective = fitted(text, columns)
    solved = solve(objective)
    found = minimum_of_quadratic(objective, solved)
    assert len(found.flat) == count
    design = objective.jacobian(np.zeros(len(objective.names)))
    for direction in found.flat:
        vector = objective.vector(direction)
        assert np.linalg.norm(vector) == pytest.approx(1)
        scale = np.linalg.norm(design * vector, axis=0).sum() or 1.0
        assert np.linalg.norm(design @ vector) <= 1e-12 * scale, "it changes predictions"
    assert np.linalg.matrix_rank(solved.flat) == count if count else True
    wanted = np.linalg.lstsq(design, columns["y"])[0]
    residual = design @ wanted - columns["y"]
    assert found.loss == pytest.approx(residual @ residual / 20, rel=1e-9)


def test_more_weights_than_rows_are_flat_too() -> None:
    columns = {"u": np.array([1.0, 2.0]), "v": np.array([3.0, 5.0]), "y": np.array([1.0, -1.0])}
    objective = fitted("y ~ a*u + b*v + c", columns)
    found = minimum_of_quadratic(objective, solve(objective))
    assert found.loss == pytest.approx(0, abs=1e-25)
    assert len(found.flat) == 1


def test_perfect_data_has_a_floor_of_nothing() -> None:
    x = np.arange(10.0)
    objective = fitted("y ~ a*x + b", {"x": x, "y": 3 * x - 2})
    found = minimum_of_quadratic(objective, solve(objective))
    assert found.loss <= 1e-25
    assert found.weights == pytest.approx({"a": 3, "b": -2}, rel=1e-12)


# Mean absolute error by linear programming


def brute_force_line(x: Vector, y: Vector) -> float:
    """Some best line under mean absolute error goes through two of the points."""
    best = np.inf
    for i, j in itertools.combinations(range(len(x)), 2):
        slope = (y[j] - y[i]) / (x[j] - x[i])
        best = min(best, float(np.mean(np.abs(y[i] + slope * (x - x[i]) - y))))
    return best


@pytest.mark.parametrize("rows", [3, 10, 25])
def test_mae_of_a_line_is_that_of_every_line_through_two_points(rows: int) -> None:
    columns = line(rows, seed=rows)
    found = find_minimum(fitted("y ~ a*x + b", columns, "mae"), np.zeros(2), seconds=2)
    assert found is not None
    assert found.loss == pytest.approx(brute_force_line(columns["x"], columns["y"]), rel=1e-9)
    assert "linear programming" in found.found_by


@pytest.mark.parametrize("rows", [1, 3, 9, 101])
def test_mae_of_a_level_is_the_median(rows: int) -> None:
    y = DRAW.standard_cauchy(rows)
    found = find_minimum(fitted("y ~ a", {"y": y}, "mae"), np.zeros(1), seconds=2)
    assert found is not None
    assert found.weights["a"] == pytest.approx(float(np.median(y)), rel=1e-9)
    assert found.loss == pytest.approx(float(np.mean(np.abs(y - np.median(y)))), rel=1e-9)


def test_mae_with_weights_and_bounds() -> None:
    y, row_weight = np.array([0.0, 1.0, 10.0]), np.array([1.0, 1.0, 3.0])
    found = find_minimum(
        fitted("y ~ a", {"y": y}, "mae", row_weight=row_weight), np.zeros(1), seconds=2
    )
    assert found is not None
    assert found.weights["a"] == pytest.approx(10)
    held = fitted("y ~ a", {"y": y}, "mae", row_weight=row_weight, bounds={"a": (-5.0, 4.0)})
    found = find_minimum(held, np.zeros(1), seconds=2)
    assert found is not None
    assert found.weights["a"] == pytest.approx(4)
    assert found.loss == pytest.approx((4 + 3 + 3 * 6) / 5)


# Other losses and curves


@pytest.mark.parametrize("loss", ["mse", "rmse"])
def test_a_curve_without_noise_is_found(loss: str) -> None:
    x = np.linspace(0, 4, 30)
    columns = {"x": x, "y": 2.5 * np.exp(-1.3 * x) + 0.5}
    objective = fitted("y ~ a*exp(-b*x) + c", columns, loss)
    found = find_minimum(objective, np.array([1.0, 1.0, 0.0]), seconds=3)
    assert found is not None
    assert found.loss < 1e-12
    assert found.weights == pytest.approx({"a": 2.5, "b": 1.3, "c": 0.5}, rel=1e-6)


def test_huber_minimum_has_no_gradient() -> None:
    """At the minimum the clipped residuals, and they times x, add up to nothing."""
    columns = line(40)
    found = find_minimum(fitted("y ~ a*x + b", columns, "huber"), np.zeros(2), seconds=2)
    assert found is not None
    residual = found.weights["a"] * columns["x"] + found.weights["b"] - columns["y"]
    clipped = np.clip(residual, -1, 1)
    np.testing.assert_allclose([clipped.mean(), (clipped * columns["x"]).mean()], 0, atol=1e-8)


def test_cross_entropy_of_a_constant_is_the_entropy() -> None:
    y = np.array([1.0, 1.0, 0.0, 1.0])
    objective = formula_objective(
        formula_of("y ~ a", {"y": y}), {"y": y}, loss="cross-entropy", gives="logit"
    )
    found = find_minimum(objective, np.zeros(1), seconds=2)
    assert found is not None
    assert found.weights["a"] == pytest.approx(np.log(3), rel=1e-6)
    assert found.loss == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)), rel=1e-12)


KNOWN: dict[str, tuple[str, dict[str, float], float, list[tuple[float, float]]]] = {
    "rosenbrock": ("(1 - x)**2 + 100*(y - x**2)**2", {"x": -1.2, "y": 1.0}, 0.0, [(1, 1)]),
    "booth": ("(x + 2*y - 7)**2 + (2*x + y - 5)**2", {"x": 9.0, "y": 9.0}, 0.0, [(1, 3)]),
    "beale": (
        "(1.5 - x + x*y)**2 + (2.25 - x + x*y**2)**2 + (2.625 - x + x*y**3)**2",
        {"x": 1.0, "y": 1.0},
        0.0,
        [(3, 0.5)],
    ),
    "himmelblau": (
        "(x**2 + y - 11)**2 + (x + y**2 - 7)**2",
        {"x": 0.0, "y": 0.0},
        0.0,
        [(3, 2), (-2.805118, 3.131312), (-3.779310, -3.283186), (3.584428, -1.848127)],
    ),
    "two-wells": ("(x**2 - 1)**2 + 0.3*x + y**2", {"x": 1.0, "y": 1.0}, -0.3054, [(-1.0355, 0)]),
}


@pytest.mark.parametrize("case", KNOWN)
def test_known_minima(case: str) -> None:
    """The last one has a higher well beside the start: only another start finds the lower."""
    text, start, loss, places = KNOWN[case]
    objective = formula_objective(parse_expression(text), {}, loss=None)
    found = find_minimum(objective, objective.vector(start), seconds=4)
    assert found is not None
    assert found.loss == pytest.approx(loss, abs=1e-4)
    at = np.array([found.weights["x"], found.weights["y"]])
    distances = [np.hypot(at[0] - x, at[1] - y) for x, y in places]
    assert min(distances) < 1e-3, f"found {at}"
    assert not found.unbounded


def test_loss_without_a_bottom_is_called_unbounded() -> None:
    objective = formula_objective(parse_expression("x**3 + y**2"), {}, loss=None)
    found = find_minimum(objective, np.array([1.0, 1.0]), seconds=2)
    assert found is not None
    assert found.unbounded
    assert found.loss == -np.inf


def test_bounded_minimum_lies_on_the_bound() -> None:
    columns = line(20)
    objective = fitted("y ~ a*x + b", columns, bounds={"a": (-np.inf, 1.5)})
    found = find_minimum(objective, np.zeros(2), seconds=2)
    assert found is not None
    assert found.weights["a"] == 1.5
    rest = columns["y"] - 1.5 * columns["x"]
    assert found.weights["b"] == pytest.approx(float(np.mean(rest)), rel=1e-6)


def test_a_point_that_is_known_already_counts() -> None:
    objective = formula_objective(parse_expression("sin(x) - 0.01*x"), {}, loss=None)
    low = 100 * np.pi + 1.5 * np.pi
    found = find_minimum(
        objective, np.zeros(1), seconds=1, also=[(np.array([low]), "the end of the descent")]
    )
    assert found is not None
    assert found.loss <= objective.value(np.array([low]))
    nothing = find_minimum(objective, np.zeros(1), seconds=1, also=[(np.array([np.nan]), "lost")])
    assert nothing is not None
    assert nothing.found_by != "lost"


def test_nowhere_finite_is_no_minimum() -> None:
    objective = formula_objective(parse_expression("sqrt(-1 - x**2)"), {}, loss=None)
    assert find_minimum(objective, np.array([1.0]), seconds=0.5) is None


def test_starts_stay_inside_the_bounds_and_repeat() -> None:
    objective = formula_objective(
        parse_expression("x**2 + y**2"), {}, loss=None, bounds={"x": (1.0, 2.0)}
    )
    drawn = list(starts(objective, np.array([1.5, -300.0]), seed=3))
    np.testing.assert_array_equal(drawn[0], [1.5, -300.0])
    assert len(drawn) > 20
    assert all(1 <= point[0] <= 2 for point in drawn)
    assert len({float(point[1]) for point in drawn}) == len(drawn)
    again = list(starts(objective, np.array([1.5, -300.0]), seed=3))
    np.testing.assert_array_equal(drawn, again)


ENTERING_LINEARLY: dict[str, tuple[str, Callable[[Vector, Vector], list[Vector]]]] = {
    "a decay": ("y ~ a*exp(-b*x) + c", lambda x, b: [np.exp(-b * x), np.ones_like(x)]),
    "two alike": ("y ~ a*exp(-b*x) + c*exp(-b*x)", lambda x, b: [np.exp(-b * x)] * 2),
    "one that is nothing": (
        "y ~ a*exp(-b*x) + c*maximum(x - 90, 0)",
        lambda x, b: [np.exp(-b * x), 0 * x],
    ),
    "rows fewer than weights": ("y ~ a*x**b + c*x + d", lambda x, b: [x**b, x, np.ones_like(x)]),
}


@pytest.mark.parametrize("weighted", [False, True], ids=["equal-rows", "weighted-rows"])
@pytest.mark.parametrize("case", ENTERING_LINEARLY)
def test_starts_from_the_data_have_their_linear_weights_solved_for(
    case: str, weighted: bool
) -> None:
    text, columns_of = ENTERING_LINEARLY[case]
    draw = np.random.default_rng(8)
    rows = 2 if case.startswith("rows") else 30
    columns = {"x": draw.uniform(0.5, 3, rows), "y": draw.normal(size=rows)}
    row_weight = draw.uniform(0.1, 4, rows) if weighted else None
    objective = fitted(text, columns, row_weight=row_weight)
    places = {name: place for place, name in enumerate(objective.names)}
    looked = list(starts(objective, np.full(len(places), 7.0), seed=4))[1:4]
    root = np.sqrt(np.ones(rows) if row_weight is None else row_weight)
    for point in looked:
        design = np.stack(columns_of(columns["x"], point[places["b"]]), axis=1) * root[:, None]
        size = np.where(design.any(axis=0), np.max(np.abs(design), axis=0), 1.0)
        best = np.linalg.lstsq(design / size, columns["y"] * root)[0] / size
        linear = [place for name, place in places.items() if name != "b"]
        # Where they are not determined, what they predict is.
        np.testing.assert_allclose(design @ point[linear], design @ best, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("known", "wanted"), [(None, 2.0), (5.0, 2.0), (2.0, 2.0), (1.0, 1.0)])
def test_the_lower_of_two_points(known: float | None, wanted: float) -> None:
    before = None if known is None else Minimum(loss=known, weights={"a": 0.0}, found_by="x")
    assert lower_of(before, 2.0, {"a": 1.0}, "y").loss == wanted


def held_decay(seed: int) -> dict[str, Vector]:
    draw = np.random.default_rng(seed)
    x = np.sort(draw.uniform(0, 2, 20))
    return {"x": x, "y": draw.normal(size=20) + 2 * np.exp(-draw.uniform(0.1, 3) * x)}


def best_held_decay(x: Vector, y: Vector) -> tuple[float, float]:
    """Loss and b of the best b + c*exp(-k*x) with b >= 0, k between -50 and 1000: by every k."""
    best = (np.inf, np.nan)
    for k in np.concatenate([-np.geomspace(1e-3, 50, 800), np.geomspace(1e-3, 1e3, 1500)]):
        decay = np.exp(-k * x)
        size = np.max(decay)
        design = np.stack([np.ones(len(x)), decay / size], axis=1)
        b, c = np.linalg.lstsq(design, y)[0]
        if b < 0:
            b, c = 0.0, (design[:, 1] @ y) / (design[:, 1] @ design[:, 1])
        best = min(best, (float(np.mean((b + c * design[:, 1] - y) ** 2)), float(b)))
    return best


HELD = ((3, False), (8, False), (20, False), (13, True), (16, True))
"""Data and whether its best b is at the bound. A search from few starts misses the first three."""


@pytest.mark.parametrize(("seed", "at_bound"), HELD, ids=[f"seed-{seed}" for seed, _ in HELD])
def test_a_bound_holds_no_start_in_a_local_minimum(seed: int, at_bound: bool) -> None:
    columns = held_decay(seed)
    wanted, b = best_held_decay(columns["x"], columns["y"])
    assert (b == 0) == at_bound
    objective = fitted("y ~ b + c*exp(-k*x)", columns, bounds={"b": (0.0, np.inf)})
    found = find_minimum(objective, np.array([0.4, 0.7, 1.2]), seconds=3)
    assert found is not None
    assert found.weights["b"] >= 0
    assert found.loss <= wanted * (1 + 1e-4)
