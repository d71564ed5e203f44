"""The quick view: the same descents as one by one, judged by the same words, and quick."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import steepest
from steepest.descent.run import descend
from steepest.jobs.live import Live, Window, live
from steepest.problem.options import Options
from steepest.records.arrays import Vector

SPEED = Path(__file__).parents[2] / "examples" / "speed.csv"
LINE = "speed ~ a*time**2 + b*time + c"
START = {"a": 0.0121, "b": -0.6397, "c": 0.6416}
ROSENBROCK = "(1 - x)**2 + 100*(y - x**2)**2"


@pytest.fixture(scope="module")
def speed() -> Live:
    return live("fit", SPEED, LINE, Options(start=START, lr=1e-5, steps=2000))


@pytest.fixture(scope="module")
def valley() -> Live:
    return live("minimize", None, ROSENBROCK, Options(start={"x": -1.5, "y": 2.0}))


def walked(
    gradient: Callable[[Vector], Vector], start: Vector, lr: float, steps: list[int]
) -> Vector:
    """Gradient descent by hand: the weights at some steps."""
    at, seen = start.copy(), []
    for step in range(steps[-1] + 1):
        if step in steps:
            seen.append(at.copy())
        at = at - lr * gradient(at)
    return np.array(seen)


def speed_gradient() -> Callable[[Vector], Vector]:
    time, target = np.loadtxt(SPEED, delimiter=",", skiprows=1).T
    design = np.stack([time**2, time, np.ones_like(time)], axis=1)
    return lambda at: np.asarray(2 * design.T @ (design @ at - target) / len(target))


def rosenbrock_gradient(at: Vector) -> Vector:
    x, y = at
    return np.array([-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)])


def test_the_view_walks_as_by_hand_on_a_quadratic(speed: Live) -> None:
    start, rates = speed.start_of(Options(start=START)), speed.rates(1e-5)
    view = speed.view(start, rates, 2000)
    gradient = speed_gradient()
    assert speed.limit is not None
    below = int(np.sum(rates < speed.limit))
    for place in (3, 40, int(np.argmin(np.abs(rates - 1e-5))), below - 1):
        by_hand = walked(gradient, start, float(rates[place]), view.frames.tolist())
        np.testing.assert_allclose(view.values[place], by_hand, rtol=1e-7, atol=1e-9)


def test_the_view_walks_as_by_hand_in_a_valley(valley: Live) -> None:
    start, rates = valley.start_of(Options(start={"x": -1.5, "y": 2.0})), valley.rates()
    view = valley.view(start, rates, 300)
    for place in (5, 60, 80):
        by_hand = walked(rosenbrock_gradient, start, float(rates[place]), view.frames.tolist())
        np.testing.assert_allclose(view.values[place], by_hand, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    "optimizer", ["momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw"]
)
def test_every_optimizer_walks_as_its_run(optimizer: str) -> None:
    options = Options(start=START, optimizer=optimizer, steps=60, lr=1e-3)
    prepared = live("fit", SPEED, LINE, options)
    rates = prepared.rates(1e-3)
    view = prepared.view(prepared.start_of(options), rates, 60)
    place = rates.tolist().index(1e-3)
    setup = prepared.setup
    done = descend(setup.moving, options.settings(), setup.start, scale=setup.scale)
    for frame, step in enumerate(view.frames.tolist()):
        moment = done.replay(min(step, done.descent.steps), min(step, done.descent.steps))
        assert view.loss[place, frame] == pytest.approx(moment.loss[0], rel=1e-8)


def test_mini_batches_are_those_of_the_run() -> None:
    options = Options(start=START, batch_size=7, seed=3, steps=40, lr=1e-6)
    prepared = live("fit", SPEED, LINE, options)
    rates = prepared.rates(1e-6)
    view = prepared.view(prepared.start_of(options), rates, 40)
    setup = prepared.setup
    done = descend(setup.moving, options.settings(), setup.start, scale=setup.scale)
    found = view.loss[rates.tolist().index(1e-6)]
    np.testing.assert_allclose(found, done.trace.loss[view.frames], rtol=1e-8)


def test_the_words_are_those_of_a_sweep(speed: Live) -> None:
    view = speed.view(speed.start_of(Options(start=START)), speed.rates(), 10)
    swept = steepest.sweep(SPEED, LINE, [rate.lr for rate in view.swept], start=START)
    assert {rate.lr: rate.zone for rate in view.swept} == swept.zones
    assert [rate.steps for rate in view.swept] == [rate.steps for rate in swept.rates]
    assert view.best is not None
    assert swept.best is not None
    assert view.swept[view.best].lr == swept.best.lr


def test_the_limit_lies_where_descents_begin_to_diverge(speed: Live, valley: Live) -> None:
    for prepared in (speed, valley):
        view = prepared.view(prepared.setup.start, prepared.rates(), 100)
        first = min(rate.lr for rate in view.swept if rate.diverged)
        assert prepared.limit is not None
        assert 0.9 * prepared.limit < first < 1.1 * prepared.limit
    assert speed.limit == pytest.approx(2 / 56499.0, rel=1e-3)


def test_one_that_comes_upon_the_goal_and_leaves_it_is_no_reference() -> None:
    """Above the limit a descent may jump about for ever, and be at the goal now and then."""
    prepared = live("minimize", None, "x**4 - x**2", Options(start={"x": 0.3}))
    rates = prepared.rates()
    view = prepared.view(prepared.setup.start, rates, 100)
    assert view.goal is not None
    # And from beside the start: where that ends otherwise, the last digit decides.
    at, first = np.full((2, len(rates)), 0.3), np.full((2, len(rates)), -1)
    at[1] *= 1 + 1e-15
    with np.errstate(all="ignore"):
        for step in range(prepared.steps + 1):
            there = at**4 - at**2 <= view.goal.loss
            first[there & (first < 0)] = step
            at = at - rates * (4 * at**3 - 2 * at)
    leaving = (first >= 0) & ~there
    found = np.array([-1 if rate.steps is None else rate.steps for rate in view.swept])
    left = np.array([rate.middle.left for rate in view.swept])
    sure = first[0] == first[1]
    assert np.count_nonzero(sure) > 0.8 * len(rates)
    np.testing.assert_array_equal(found[sure], first[0][sure])
    sure &= leaving[0] == leaving[1]
    np.testing.assert_array_equal(left[sure], leaving[0][sure])
    assert np.any(left), "none came upon the goal and left it"
    assert view.staying is not None
    assert not view.staying.middle.left


@pytest.mark.parametrize("own", [None, 1e-5, 1e-12, 0.3, 1e-300, 1e300])
def test_there_are_always_as_many_rates(speed: Live, own: float | None) -> None:
    rates = speed.rates(own)
    assert len(rates) == speed.lanes == 121
    assert np.all(np.diff(rates) > 0)
    assert np.all(np.isfinite(rates))
    if own is not None and 1e-290 < own < 1e290:
        assert own in rates


@pytest.mark.parametrize("steps", [0, 1, 39, 40, 41, 500, 2000, 10**7])
def test_frames_begin_at_the_start_and_are_all_different(speed: Live, steps: int) -> None:
    view = speed.view(speed.setup.start, speed.rates(), steps)
    frames = view.frames
    assert frames[0] == 0
    assert frames[-1] == min(steps, speed.steps)
    assert len(frames) == min(steps, 40) + 1
    assert np.all(np.diff(frames) > 0)
    assert view.values.shape == (121, len(frames), 3)


def test_the_contour_is_the_loss(speed: Live) -> None:
    window = Window(("a", "c"), (0.0, 1.0), (-10.0, 80.0))
    view = speed.view(speed.setup.start, speed.rates(), 10, plane=window)
    assert view.contour is not None
    assert speed.minimum is not None
    time, target = np.loadtxt(SPEED, delimiter=",", skiprows=1).T
    for row, column in ((0, 0), (5, 31), (47, 47)):
        a, c = view.contour.x[column], view.contour.y[row]
        predicted = a * time**2 + speed.minimum.weights["b"] * time + c
        by_hand = np.mean((predicted - target) ** 2)
        assert view.contour.loss[row, column] == pytest.approx(by_hand)


def test_the_contour_has_the_whole_of_a_descent_that_jumps_to_and_fro() -> None:
    """Just below the limit every step lands on the other side, about as far out as it was."""
    x = np.linspace(-2, 2, 21)
    bowl = live(
        "fit", {"x": x, "y": 3 * x**2 + 1}, "y ~ a*x**2 + c", Options(start={"a": 0, "c": 0})
    )
    columns = np.stack([x**2, np.ones(21)], axis=1)
    limit = 2 / np.linalg.eigvalsh(2 * columns.T @ columns / 21)[-1]
    rates = bowl.rates()
    lane = int(np.searchsorted(rates, limit)) - 1
    view = bowl.view(bowl.setup.start, rates, 50)
    assert view.contour is not None
    for name, seen in zip(view.contour.weights, (view.contour.x, view.contour.y), strict=True):
        walked = view.values[lane][:, view.weights.index(name)]
        assert seen[0] < walked.min()
        assert walked.max() < seen[-1]


def test_a_large_problem_has_fewer_steps_and_says_so() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=20_000)
    data = {"x": x, "y": np.exp(0.3 * x) + rng.normal(size=len(x))}
    prepared = live("fit", data, "y ~ exp(a*x) + b", Options(lr=0.1, start={"a": 0.1, "b": 0.0}))
    assert prepared.lanes < 121
    assert prepared.steps < 2000
    assert "large" in prepared.notes[0]
    view = prepared.view(prepared.setup.start, prepared.rates(0.1), 50)
    assert len(view.swept) == prepared.lanes


@pytest.mark.parametrize(
    ("formula", "start"),
    [
        pytest.param("exp(x)", {"x": 0.0}, id="no-minimum"),
        pytest.param("abs(x)", {"x": 3.0}, id="no-curvature"),
        pytest.param("x", {"x": 1.0}, id="a-line"),
        pytest.param("log(x)", {"x": -1.0}, id="not-a-number-at-the-start"),
        pytest.param("-x**2", {"x": 1.0}, id="falls-for-ever"),
        pytest.param("x**2*1e-280", {"x": 1.0}, id="very-flat"),
        pytest.param("x**2*1e290", {"x": 1.0}, id="very-steep"),
        pytest.param("0*x", {"x": 1.0}, id="constant"),
    ],
)
def test_problems_without_a_goal_are_shown_all_the_same(
    formula: str, start: dict[str, float]
) -> None:
    prepared = live("minimize", None, formula, Options(start=start))
    view = prepared.view(prepared.setup.start, prepared.rates(), 100)
    assert len(view.swept) == 121
    assert all(rate.lr > 0 for rate in view.swept)
