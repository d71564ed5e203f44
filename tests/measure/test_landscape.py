"""Slices against the loss computed by hand with numpy, point by point."""

from typing import Any

import numpy as np
import pytest
from tests.specimens import INPUTS, SPEEDS, START, TIME, loss

from steepest.formula.parse import parse_expression, parse_model
from steepest.measure import landscape
from steepest.measure.landscape import (
    along,
    losses,
    over,
    span_around,
)
from steepest.measure.shared_terms import shares_terms
from steepest.objective.least_squares import centred, solve
from steepest.objective.objective import Objective, formula_objective

COLUMNS = {"time": TIME, "speed": SPEEDS}


def objectives() -> dict[str, Objective]:
    formula = parse_model("speed ~ a*time**2 + b*time + c", tuple(COLUMNS))
    plain = formula_objective(formula, COLUMNS, loss="mse")
    quadratic = centred(plain, solve(plain))
    unit = np.array([0.01, 0.2, 3.0])
    return {
        "rows": plain,
        "closed form": quadratic,
        "own units": plain.rescaled(unit),
        "closed form in own units": quadratic.rescaled(unit),
    }


OBJECTIVES = objectives()


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_a_slice_is_the_loss_along_one_weight(objective: Objective) -> None:
    values = np.linspace(-3, 40, 9)
    wanted = [loss(np.array([START[0], START[1], value])) for value in values]
    np.testing.assert_allclose(along(objective, START, 2, values), wanted, rtol=1e-9)


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_a_landscape_has_a_row_for_each_value_of_the_second_weight(objective: Objective) -> None:
    x, y = np.linspace(-5, 50, 7), np.linspace(-0.2, 0.6, 4)
    wanted = [[loss(np.array([a, START[1], c])) for c in x] for a in y]
    found = over(objective, START, (2, 0), x, y)
    assert found.shape == (4, 7)
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


@pytest.mark.parametrize("elements", [1, 700, 10**9])
def test_chunks_change_nothing(elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landscape, "CHUNK_ELEMENTS", elements)
    weights = np.random.default_rng(0).normal(size=(23, 3))
    wanted = np.mean((INPUTS @ weights.T - SPEEDS[:, None]) ** 2, axis=0)
    np.testing.assert_allclose(losses(OBJECTIVES["rows"], weights), wanted, rtol=1e-12)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []
    compute = landscape._losses

    def noted(kernel: object, positions: np.ndarray, data: object) -> object:
        shapes.append(positions.shape)
        return compute(kernel, positions, data)

    monkeypatch.setattr(landscape, "_losses", noted)
    monkeypatch.setattr(landscape, "CHUNK_ELEMENTS", 10_000)
    objective = OBJECTIVES["rows"]
    assert len(losses(objective, np.zeros((1000, 3)))) == 1000
    assert len(set(shapes)) == 1
    assert shapes[0][0] * objective.work <= 10_000


DRAW = np.random.default_rng(11)
GROWTH = {"x": DRAW.uniform(0, 2, 40), "y": DRAW.normal(size=40), "sure": DRAW.uniform(0, 2, 40)}
GROWTH["sure"][3] = 0.0


@pytest.mark.parametrize(
    ("text", "loss", "lines"),
    [
        pytest.param("y ~ a*exp(b*x) + c", "mse", True, id="linear in a"),
        pytest.param("y ~ b*exp(a*x) + c", "mse", True, id="linear in b"),
        pytest.param("y ~ exp(a*x) + sin(b*x) + c", "mse", False, id="linear in neither"),
        pytest.param("y ~ a*exp(b*x) + c", "rmse", True, id="root"),
        pytest.param("y ~ a*exp(b*x) + c", "mae", False, id="no square"),
        pytest.param("y ~ a*x + b*x**2 + c", "mse", True, id="linear in both"),
    ],
)
@pytest.mark.parametrize("weighted", [False, True], ids=["equal rows", "weighted rows"])
def test_a_line_costs_two_points_where_the_model_is_linear(
    text: str, loss: str, lines: bool, weighted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    weight = GROWTH["sure"] if weighted else None
    formula = parse_model(text, tuple(GROWTH))
    objective = formula_objective(formula, GROWTH, loss=loss, row_weight=weight)
    a, b = (objective.names.index(name) for name in "ab")
    at = objective.vector({"a": 0.4, "b": -0.7, "c": 0.2})
    x, y = np.linspace(-2, 1, 9), np.linspace(-1, 3, 6)
    wanted = np.empty((6, 9))
    for row, column in np.ndindex(6, 9):
        point = at.copy()
        point[[a, b]] = x[column], y[row]
        wanted[row, column] = objective.value(point)
    asked = []
    compute = landscape._losses

    def noted(*given: Any) -> Any:
        asked.append(given)
        return compute(*given)

    monkeypatch.setattr(landscape, "_losses", noted)
    for objective_here in (objective, objective.rescaled(np.array([0.1, 20.0, 3.0]))):
        found = over(objective_here, at, (a, b), x, y)
        np.testing.assert_allclose(found, wanted, rtol=1e-11)
    assert bool(asked) is not lines, "the points were taken one by one, or should have been"


def test_a_perfect_fit_keeps_its_digits() -> None:
    # Along b the parabola of a reaches zero at b = -0.5, and is 1e-20 of its size close by.
    columns = {"x": GROWTH["x"], "y": 3.0 * np.exp(-0.5 * GROWTH["x"])}
    formula = parse_model("y ~ a*exp(b*x)", tuple(columns))
    objective = formula_objective(formula, columns, loss="mse")
    values = 3.0 + np.array([-1e-9, 0.0, 1e-10, 1e-3])
    found = along(objective, np.array([0.0, -0.5]), 0, values)
    wanted = (values - 3.0) ** 2 * np.mean(np.exp(-columns["x"]))
    np.testing.assert_allclose(found[[0, 2, 3]], wanted[[0, 2, 3]], rtol=1e-4)
    assert 0 <= found[1] < 1e-28


def test_a_line_that_overflows_is_taken_point_by_point() -> None:
    columns = {"x": np.array([1.0, 2.0]), "y": np.zeros(2)}
    formula = parse_model("y ~ exp(b*x)*a", tuple(columns))
    objective = formula_objective(formula, columns, loss="mse")
    place = objective.names.index("a")
    at = objective.vector({"a": 0.0, "b": 300.0})
    found = along(objective, at, place, np.array([1e-250, 1e-200, 1.0]))
    wanted = [(1e-250 * np.exp(600.0)) ** 2 / 2, (1e-200 * np.exp(600.0)) ** 2 / 2, np.inf]
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_a_point_outside_the_domain_is_not_finite() -> None:
    formula = parse_expression("log(x) + y**2")
    objective = formula_objective(formula, {}, loss=None)
    found = along(objective, np.array([1.0, 2.0]), 0, np.array([-1.0, 0.0, 1.0]))
    assert np.isnan(found[0])
    assert found[1] == -np.inf
    assert found[2] == 4.0


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        pytest.param([2.0, 12.0, 5.0], 1.0, 13.0, id="a tenth on either side"),
        pytest.param([3.0, 3.0], 1.5, 4.5, id="half its size"),
        pytest.param([-8.0, -8.0 - 1e-14], -12.0, -4.0, id="rounding is no difference"),
        pytest.param([0.0], -1.0, 1.0, id="zero"),
        pytest.param([np.nan, 1.0, np.inf, 2.0], 0.9, 2.1, id="finite ones count"),
        pytest.param([np.nan], -1.0, 1.0, id="none is finite"),
        pytest.param([], -1.0, 1.0, id="nothing"),
    ],
)
def test_spans(values: list[float], low: float, high: float) -> None:
    np.testing.assert_allclose(span_around(values), (low, high), rtol=1e-12)


def test_a_span_of_the_largest_numbers_stays_finite() -> None:
    low, high = span_around([-1.7e308, 1.7e308])
    assert np.all(np.isfinite(np.linspace(low, high, 60)))
    assert low < -1e300
    assert high > 1e300


MODELS: dict[str, Any] = {
    "exp(a*t) + exp(b*t) + c": lambda a, b, c, t: np.exp(a * t) + np.exp(b * t) + c,
    "c*sin(a*t)*exp(b*t)": lambda a, b, c, t: c * np.sin(a * t) * np.exp(b * t),
    "tanh(a*t)**2 + log(c + b**2*t)": lambda a, b, c, t: np.tanh(a * t) ** 2 + np.log(c + b**2 * t),
    "sin(a*t + b) + c": lambda a, b, c, t: np.sin(a * t + b) + c,
}
COSTS: dict[str, Any] = {
    "mse": lambda off, size: np.average(off**2, weights=size, axis=-1),
    "rmse": lambda off, size: np.sqrt(np.average(off**2, weights=size, axis=-1)),
    "mae": lambda off, size: np.average(np.abs(off), weights=size, axis=-1),
}


@pytest.mark.parametrize("loss_name", COSTS)
@pytest.mark.parametrize("text", MODELS)
@pytest.mark.parametrize("weighted", [False, True])
def test_terms_of_one_weight_alone_are_shared(text: str, loss_name: str, weighted: bool) -> None:
    draw = np.random.default_rng(1)
    t, y = draw.uniform(0, 2, 1500), draw.normal(size=1500)
    size = draw.uniform(0.1, 3, 1500) if weighted else np.ones(1500)
    columns = {"t": t, "y": y}
    formula = parse_model(f"y ~ {text}", tuple(columns))
    objective = formula_objective(
        formula, columns, loss=loss_name, row_weight=size if weighted else None
    ).rescaled(np.array([0.5, 2.0, 3.0]))
    places = objective.names.index("a"), objective.names.index("b")
    assert shares_terms(objective, places) == ("a*t + b" not in text)
    at = objective.vector({"a": 0.1, "b": 0.2, "c": 0.7})
    ones, others = np.linspace(-1, 1, 70), np.linspace(-0.5, 1.5, 90)
    grid = MODELS[text](ones[None, :, None], others[:, None, None], 0.7, t)
    wanted = COSTS[loss_name](grid - y, np.broadcast_to(size, grid.shape))
    found = over(objective, at, places, ones, others)
    np.testing.assert_allclose(found, wanted, rtol=1e-10)
    if shares_terms(objective, places):
        # By another way, and the other way round.
        plain = landscape._lines(
            objective, np.array([[0.1, other, 0.7] for other in others])[:, _order(objective)],
            places[0], ones,
        )  # fmt: skip
        np.testing.assert_allclose(found, plain, rtol=1e-10)
        turned = over(objective, at, places[::-1], others, ones)
        np.testing.assert_allclose(turned.T, found, rtol=1e-12)


def _order(objective: Objective) -> list[int]:
    return ["abc".index(name) for name in objective.names]
