"""Oracles: the steps one after the other, in NumPy and by the compiled loop."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest

import steepest
from steepest.descent import recorder as recorder_module
from steepest.descent import run as run_module
from steepest.descent.closed import MOST_MULTIPLIED, ClosedForm, Falling, closed_form
from steepest.descent.loop import Began, State
from steepest.descent.run import Descended, Machine, descend
from steepest.descent.standing import Standing, facts_of, recorder_from
from steepest.formula.parse import parse_model
from steepest.methods.optimizers import momentum_of
from steepest.objective.least_squares import centred, solve
from steepest.objective.objective import Objective, formula_objective
from steepest.records.arrays import Matrix, Vector
from steepest.records.descent import Trace
from steepest.records.problem import Settings

LINEAR = ("gd", "momentum", "nesterov")


def quadratic(
    seed: int, weights: int, spread: float, unit: Vector | None = None, rows: int = 40
) -> Objective:
    """Random columns, of lengths that lie `spread` apart, and a target."""
    draws = np.random.default_rng(seed)
    scales = np.geomspace(1.0, spread, weights)
    columns = {f"x{i}": draws.normal(0.3, 1.0, rows) * scales[i] for i in range(weights)}
    columns["y"] = draws.normal(size=rows)
    text = " + ".join(f"w{i}*x{i}" for i in range(weights))
    one = formula_objective(parse_model(f"y ~ {text}", list(columns)), columns, loss="mse")
    found = centred(one, solve(one))
    return found if unit is None else found.rescaled(unit)


def limit_of(one: Objective) -> float:
    root = np.asarray(one.data["root"]) * one.data.get("unit", 1.0) * np.sqrt(one.pace)
    return float(2.0 / np.linalg.norm(root, 2) ** 2)


def walked(one: Objective, optimizer: str, lr: float, start: Vector, steps: int) -> Matrix:
    """PyTorch's update rules on the quadratic, in its kernel's coordinates."""
    root = np.asarray(one.data["root"]) * one.data.get("unit", 1.0)
    curvature = root.T @ root
    beta = momentum_of(optimizer, None) or 0.0
    position = one.position(start)
    velocity = np.zeros_like(position)
    path = [position]
    for _ in range(steps):
        gradient = curvature @ position
        velocity = beta * velocity + gradient
        along = gradient + beta * velocity if optimizer == "nesterov" else velocity
        position = position - lr * one.pace * (along if beta else gradient)
        path.append(position)
    return np.array(path)


def form_of(one: Objective, optimizer: str, lr: float) -> ClosedForm:
    found = closed_form(one, optimizer, lr, momentum_of(optimizer, None))
    assert found is not None
    return found


@pytest.mark.parametrize("optimizer", LINEAR)
@pytest.mark.parametrize("weights", [1, 2, 3, 7])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.97, 1.002])
def test_it_is_the_path_of_single_steps(optimizer: str, weights: int, share: float) -> None:
    one = quadratic(weights, weights, 30.0)
    if optimizer == "nesterov":
        share /= 4  # Its limit is lower.
    lr = share * limit_of(one)
    start = one.centre + np.random.default_rng(3).normal(size=weights)
    wanted = walked(one, optimizer, lr, start, 3000)
    found = form_of(one, optimizer, lr).stretch(one.position(start), 0, 3001)
    size = np.max(np.abs(wanted), axis=1, keepdims=True)
    far = size[:, 0] > 1e-290
    np.testing.assert_allclose(
        found.positions(slice(None))[far] / size[far], wanted[far] / size[far], atol=1e-10
    )
    root = np.asarray(one.data["root"])
    loss = form_of(one, optimizer, lr).floor + 0.5 * np.sum((wanted @ root.T) ** 2, axis=1)
    np.testing.assert_allclose(found.loss, loss, rtol=1e-9)
    np.testing.assert_allclose(
        found.gradients(slice(None))[far] / size[far],
        (wanted @ root.T @ root)[far] / size[far],
        atol=1e-8,
    )


@pytest.mark.parametrize("optimizer", LINEAR)
def test_rates_of_their_own_and_units_of_their_own(optimizer: str) -> None:
    one = quadratic(5, 3, 100.0, unit=np.array([1.0, 0.2, 0.03]))
    one = one.paced(np.array([1.0, 0.3, 0.7]))
    lr = 0.2 * limit_of(one)
    start = np.array([1.0, -2.0, 0.5])
    wanted = walked(one, optimizer, lr, start, 500)
    found = form_of(one, optimizer, lr).stretch(one.position(start), 0, 501)
    np.testing.assert_allclose(found.positions(slice(None)), wanted, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("optimizer", LINEAR)
def test_any_stretch_is_that_of_the_whole_to_the_last_bit(optimizer: str) -> None:
    one = quadratic(1, 4, 300.0)
    form = form_of(one, optimizer, 0.2 * limit_of(one))
    start = np.array([3.0, -2.0, 0.5, 1.0])
    whole = form.stretch(start, 0, 70_000)
    draws = np.random.default_rng(0)
    parts = [(int(draws.integers(0, 69_000)), int(draws.integers(1, 900))) for _ in range(30)]
    for first, count in [*parts, (0, 1), (255, 2), (32_767, 3), (32_768, 1), (65_535, 300)]:
        part, here = form.stretch(start, first, count), slice(first, first + count)
        assert np.array_equal(part.loss, whole.loss[here]), (first, count)
        assert np.array_equal(part.positions(slice(None)), whole.positions(here)), (first, count)
        assert np.array_equal(part.gradients(slice(None)), whole.gradients(here)), (first, count)


def test_a_hundred_million_steps_lose_no_digits() -> None:
    one = quadratic(2, 2, 3e4)
    form = form_of(one, "gd", 0.3 * limit_of(one))
    start, steps = np.array([1.0, 1.0]), 100_000_000
    modes = form.modes
    with mpmath.workdps(40):
        factors = [
            float((1 - mpmath.mpf(form.lr) * mpmath.mpf(eigenvalue)) ** steps)
            for eigenvalue in modes.eigenvalues.tolist()
        ]
    wanted = modes.vectors @ (np.array(factors) * modes.distances(start))
    assert 1e-8 < np.max(np.abs(wanted)) < 1, "the slow direction is still on its way"
    found = form.stretch(start, steps, 1).positions(slice(None))[0]
    np.testing.assert_allclose(found, wanted, rtol=1e-11)


def both_ways(
    monkeypatch: pytest.MonkeyPatch, one: Objective, settings: Settings, start: Vector, **more: Any
) -> tuple[Descended, Descended]:
    """The descent at once, and as it is walked."""
    at_once = descend(one, settings, start, **more)
    with monkeypatch.context() as patch:
        patch.setattr(ClosedForm, "serves", lambda self, start: False)
        step_by_step = descend(one, settings, start, **more)
    ways = [isinstance(one.state.slots, Began) for one in (at_once, step_by_step)]
    assert ways == [True, False]
    return at_once, step_by_step


@pytest.mark.parametrize("optimizer", LINEAR)
@pytest.mark.parametrize(
    ("share", "rules"),
    [
        (0.2, {"steps": 400}),
        (0.2, {"steps": 100_000, "tolerance": 1e-5}),
        (0.2, {"steps": 100_000, "goal": 1.001}),
        (1.3, {"steps": 100_000}),
        (1e250, {"steps": 100_000}),
        (0.2, {"steps": 0}),
        (0.2, {"steps": 1}),
    ],
)
def test_every_rule_stops_it_where_it_stops_single_steps(
    monkeypatch: pytest.MonkeyPatch, optimizer: str, share: float, rules: dict[str, Any]
) -> None:
    monkeypatch.setattr(run_module, "LONGEST_CHUNK", 64)
    one = quadratic(3, 3, 10.0)
    rules = dict(rules)
    start = one.centre + np.array([1.0, -2.0, 0.7])
    goal = rules.pop("goal", None)
    more = {} if goal is None else {"goal": goal * float(one.data["floor"]), "stop_at_goal": True}
    settings = Settings(optimizer=optimizer, lr=share * limit_of(one), **rules)
    at_once, single = both_ways(monkeypatch, one, settings, start, **more)
    assert replace(at_once.descent, seconds=0, **_sizes(single)) == replace(
        single.descent, seconds=0, **_sizes(single)
    )
    for name, wanted in _sizes(single).items():
        found = _sizes(at_once)[name]
        assert found == (wanted and pytest.approx(wanted, rel=1e-6, abs=1e-9)), name
    assert np.array_equal(at_once.trace.step, single.trace.step)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(
            at_once.trace.weights, single.trace.weights, rtol=1e-8, atol=1e-11
        )
    np.testing.assert_array_equal(at_once.trace.weights[0], start)


def _sizes(one: Descended) -> dict[str, Any]:
    """What is a number of its own, and so the same to rounding only."""
    found = one.descent
    names = ("final_loss", "first_loss", "lowest_loss", "turn", "recent_fall")
    return {name: getattr(found, name) for name in names}


def test_what_is_at_the_minimum_of_rounding_is_left_to_single_steps() -> None:
    one = quadratic(3, 3, 1e14)
    form = form_of(one, "gd", 0.5 * limit_of(one))
    assert form.serves(np.array([1.0, 1e-7, 1e-14])), "of the sizes that the columns ask for"
    assert not form.serves(np.array([1e-14, 1.0, 1e14])), "a small weight beside large ones"


def test_it_serves_plain_quadratics_alone() -> None:
    one = quadratic(1, 2, 3.0)
    assert closed_form(one, "adam", 0.1, None) is None
    bounded = replace(one, lower=np.array([0.0, -np.inf]))
    assert closed_form(bounded, "gd", 0.1, None) is None
    assert closed_form(quadratic(1, MOST_MULTIPLIED + 1, 3.0), "gd", 0.1, None) is None
    assert closed_form(quadratic(1, MOST_MULTIPLIED, 3.0), "gd", 0.1, None) is not None


def test_what_no_row_decides_stays_where_it_began() -> None:
    """Of two columns alike only the sum of their weights moves."""
    x = np.array([1.0, 2.0, 3.0])
    columns = {"x": x, "z": x, "y": 2 * x + 1}
    one = formula_objective(parse_model("y ~ a*x + b*z", list(columns)), columns, loss="mse")
    one = centred(one, solve(one))
    found = descend(one, Settings(lr=0.05, steps=500), np.array([5.0, 1.0]))
    difference = found.trace.weights[:, 0] - found.trace.weights[:, 1]
    np.testing.assert_allclose(difference, 4.0, rtol=1e-12)


X = np.linspace(0.5, 3, 10)
Y = 2 * X + np.sin(X)
SLOPE = float(X @ Y / (X @ X))


@pytest.mark.parametrize("of_x", [1e-100, 1e-83, 1.0, 1e77, 1e80, 1e100])
def test_columns_of_any_size_end_at_their_minimum(of_x: float) -> None:
    """Squares of curvatures, and of distances, are beyond 64 bits here; the numbers are not."""
    columns = {"x": X * of_x, "y": Y}
    run = steepest.fit(columns, "y ~ a*x", start={"a": 0.0}, remedies=False, tolerance=1e-3)
    assert run.weights["a"] == pytest.approx(SLOPE / of_x, rel=2e-3)
    assert run.record.descent.stopped == "converged"
    assert 0 < run.record.descent.steps < 50


@pytest.mark.parametrize(("of_x", "of_y"), [(1e-145, 1e14), (1e-152, 1e4), (1e-140, 1e20)])
def test_weights_beyond_the_root_of_the_largest_number_have_a_loss(
    of_x: float, of_y: float
) -> None:
    columns = {"x": X * of_x, "y": Y * of_y}
    run = steepest.fit(columns, "y ~ a*x", start={"a": 0.0}, remedies=False)
    descent = run.record.descent
    assert descent.steps == 1000
    assert descent.non_finite_step is None
    assert descent.final_loss < 0.1 * descent.first_loss


RULES: tuple[dict[str, Any], ...] = (
    {},
    {"goal": 1.0 + 1e-3},
    {"goal": 1.0 + 1e-9},
    {"goal": 1.5, "stop_at_goal": False},
    {"goal": 1.0 + 1e-6, "stop_at_goal": False},
    {"tolerance": 1e-4},
    {"tolerance": 1e-9, "goal": 1.2, "stop_at_goal": False},
)


@pytest.mark.parametrize("rules", RULES, ids=str)
@pytest.mark.parametrize("seed", range(6))
def test_steps_that_nobody_keeps_change_nothing(
    rules: dict[str, Any], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = np.random.default_rng([seed, len(RULES)])
    weights = int(draws.integers(1, 5))
    one = quadratic(seed, weights, float(draws.choice([1.0, 30.0, 1e3])))
    lr = float(draws.choice([0.003, 0.4, 0.5, 0.98])) * limit_of(one)
    steps = int(draws.integers(100, 30_000))
    settings = Settings(lr=lr, steps=steps, tolerance=rules.get("tolerance", 0.0))
    start = one.centre + draws.normal(size=weights)
    more: dict[str, Any] = {}
    if "goal" in rules:
        more["goal"] = float(one.data["floor"]) * rules["goal"]
        more["stop_at_goal"] = rules.get("stop_at_goal", True)
    monkeypatch.setattr(recorder_module, "MOST_POINTS", recorder_module.LEAST_POINTS)
    falls: list[int] = []
    fall = Machine.fall

    def counted(self: Machine, state: State, last: int, every: int) -> tuple[State, Falling]:
        found = fall(self, state, last, every)
        falls.append(len(found[1].sampled))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Machine, "fall", counted)
        at_once = descend(one, settings, start, **more)
    with monkeypatch.context() as patch:
        patch.setattr(Machine, "falls_to", lambda self, state, stops: None)
        each = descend(one, settings, start, **more)
    if each.descent.steps >= 2 * recorder_module.LEAST_POINTS:
        assert falls, "no step was left out, so nothing was tried"
    assert sum(falls) <= recorder_module.LEAST_POINTS
    for name in ("step", "loss", "weights", "gradient"):
        assert np.array_equal(getattr(at_once.trace, name), getattr(each.trace, name)), name
    plain = [replace(found.descent, seconds=0.0, stopped_why="") for found in (at_once, each)]
    assert plain[0] == plain[1]
    last = at_once.descent.steps
    for first in (0, last // 2, max(0, last - 3)):
        again, whole = (found.replay(first, last) for found in (at_once, each))
        assert np.array_equal(again.weights, whole.weights), first
    walked_by_numpy = walked(one, "gd", lr, start, last)
    size = np.max(np.abs(walked_by_numpy[0]))
    np.testing.assert_allclose(
        one.position(at_once.trace.weights[-1]), walked_by_numpy[-1], atol=1e-9 * size
    )


def test_a_long_descent_is_gone_on_with_where_it_stood() -> None:
    one = quadratic(3, 3, 100.0)
    settings = Settings(lr=0.2 * limit_of(one), steps=3_000_000)
    start = np.array([3.0, -2.0, 0.5])
    stood: list[tuple[State, dict[str, Any], Trace]] = []

    def sink(standing: Standing) -> None:
        if standing.recorder.tail is not None:
            facts, tail = facts_of(standing.recorder)
            stood.append(
                (standing.state, {"facts": facts, "tail": tail}, standing.recorder.trace())
            )

    whole = descend(one, settings, start, sink=sink)
    assert len(stood) > 2
    for state, noted, trace in stood[:: max(1, len(stood) // 3)]:
        recorder = recorder_from(trace, noted["facts"], noted["tail"])
        gone_on = descend(one, settings, start, standing=Standing(state, recorder))
        assert np.array_equal(gone_on.trace.step, whole.trace.step)
        assert np.array_equal(gone_on.trace.weights, whole.trace.weights)
        assert gone_on.descent.lowest_step == whole.descent.lowest_step
