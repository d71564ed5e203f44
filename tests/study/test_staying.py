"""Reached means reached and stayed: for the learning rate in use, for others, for forecasts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import steepest

VALLEYS: dict[str, Callable[[float, float], tuple[float, float, float]]] = {
    "log(1 + x**2) + log(1 + y**2/1e4)": lambda x, y: (
        float(np.log1p(x * x) + np.log1p(y * y / 1e4)),
        2 * x / (1 + x * x),
        2 * y / 1e4 / (1 + y * y / 1e4),
    ),
    "log(1 + x**2) + 0.01*y**2": lambda x, y: (
        float(np.log1p(x * x) + 0.01 * y * y),
        2 * x / (1 + x * x),
        0.02 * y,
    ),
    "sqrt(1 + x**2) - 1 + 0.1*y**2": lambda x, y: (
        float(np.sqrt(1 + x * x) - 1 + 0.1 * y * y),
        float(x / np.sqrt(1 + x * x)),
        0.2 * y,
    ),
}
LIMITS = dict(zip(VALLEYS, (1.0, 1.0, 2.0), strict=True))
"""Two divided by the largest curvature at the minimum, by hand."""


def losses(formula: str, lr: float, steps: int) -> np.ndarray:
    x, y = 20.0, 3.0
    found = []
    for _ in range(steps + 1):
        loss, by_x, by_y = VALLEYS[formula](x, y)
        found.append(loss)
        x, y = x - lr * by_x, y - lr * by_y
    return np.array(found)


@pytest.mark.parametrize("times", [1.2, 3.0, 4.5])
@pytest.mark.parametrize("formula", VALLEYS)
def test_above_the_limit_at_the_minimum_nobody_stays_there(formula: str, times: float) -> None:
    """Far from the minimum these curve less, and such a descent neither grows nor arrives."""
    lr = times * LIMITS[formula]
    run = steepest.minimize(formula, start={"x": 20.0, "y": 3.0}, lr=lr, remedies=False)
    m = run.measurements
    assert m.minimum_limit == pytest.approx(LIMITS[formula], rel=1e-6)
    assert m.rates is not None
    assert m.rates.own.steps is None
    assert m.forecast is not None
    assert m.forecast.steps is None
    assert run.verdict.learning_rate == "too large"
    limit = f"above {LIMITS[formula]:g} every step overshoots at the minimum"
    assert limit in run.verdict.headline
    (finding,) = [one for one in run.verdict.findings if one.code == "SD101"]
    assert limit in finding.sentence
    assert all(one.code != "SD205" for one in run.verdict.findings)
    # The one that proves it arrives, and stays.
    best = m.rates.best
    assert best is not None
    assert best.steps is not None
    goal = m.rates.goal.loss
    walked = losses(formula, best.lr, 2 * best.steps + 100)
    assert (walked[best.steps :] <= goal).all()
    assert not (losses(formula, lr, 3000)[-1000:] <= goal).all()


@pytest.mark.parametrize("formula", VALLEYS)
def test_no_learning_rate_counts_that_was_there_by_luck(formula: str) -> None:
    run = steepest.minimize(formula, start={"x": 20.0, "y": 3.0}, lr=30.0, remedies=False)
    m = run.measurements
    assert m.rates is not None
    arrived = [one for one in m.rates.trials if one.steps is not None and one.measured]
    assert arrived
    quickest = min(arrived, key=lambda one: one.steps or 0)
    assert quickest.lr < 1.02 * LIMITS[formula]
    assert len({one.lr for one in m.rates.trials}) == len(m.rates.trials), "one trial for each"


def test_momentum_counts_from_where_it_stays() -> None:
    """It swings through the goal, out again, and in for good."""
    run = steepest.minimize(
        "x**2 + 0.1*y**2", start={"x": 3.0, "y": 5.0}, optimizer="momentum", momentum=0.97,
        lr=0.02, steps=2000, remedies=False,
    )  # fmt: skip
    x = np.array([3.0, 5.0])
    velocity, found = np.zeros(2), []
    for _ in range(2001):
        found.append(float(x[0] ** 2 + 0.1 * x[1] ** 2))
        velocity = 0.97 * velocity + np.array([2 * x[0], 0.2 * x[1]])
        x = x - 0.02 * velocity
    m = run.measurements
    assert m.goal is not None
    within = np.array(found) <= m.goal.loss
    first, last_out = int(np.argmax(within)), int(np.flatnonzero(~within)[-1])
    assert first < last_out, "this is no specimen"
    descent = run.record.descent
    assert descent.goal_step == first
    assert m.forecast is not None
    assert m.forecast.steps == descent.stays_step
    assert descent.stays_step is not None
    stays = descent.stays_step
    assert within[stays : stays + max(10, stays // 10)].all()
    assert not within[: stays - 1].all()


@pytest.mark.parametrize("steps", [49, 50, 60, 200])
def test_a_descent_that_is_only_passing_the_minimum_is_told_so(steps: int) -> None:
    start = 0.5230092117864367
    run = steepest.minimize(
        "cos(x) + 0.05*x**2", start={"x": start}, lr=0.439, optimizer="momentum", steps=steps,
        remedies=False,
    )  # fmt: skip
    x, velocity, found = start, 0.0, []
    for _ in range(400):
        found.append(float(np.cos(x) + 0.05 * x * x))
        velocity = 0.9 * velocity - np.sin(x) + 0.1 * x
        x -= 0.439 * velocity
    m = run.measurements
    assert m.goal is not None
    out = np.flatnonzero(np.array(found) > m.goal.loss)
    left, last = out[out > steps], int(out[-1])
    if found[steps] <= m.goal.loss and len(left):
        assert m.leaving is not None
        assert m.leaving.at == left[0]
        assert m.leaving.stays == last + 1
        assert f"in passing: run on, it is off again at step {left[0]}" in run.verdict.headline
        assert m.forecast is not None
        assert m.forecast.steps == last + 1
    else:
        assert m.leaving is None
        assert "in passing" not in run.verdict.headline


@pytest.mark.parametrize(("period", "seed"), [(12.42, 0), (9.0, 1), (15.0, 2)])
def test_a_descent_that_goes_to_a_local_minimum_is_told_before_it_is_there(
    period: float, seed: int
) -> None:
    """A sine of another frequency lies in another valley, however long it is run."""
    draw = np.random.default_rng(seed)
    hour = np.arange(0, 48, 0.75)
    level = 2.1 + 1.3 * np.sin(2 * np.pi * hour / period + 0.6) + draw.normal(0, 0.1, len(hour))
    start = {"m": 0.0, "a": 1.0, "w": 0.3, "p": 0.0}
    run = steepest.fit(
        {"h": hour, "level": level}, "level ~ m + a*sin(w*h + p)", start=start, lr=0.001,
        steps=300, remedies=False,
    )  # fmt: skip
    at = np.array(list(start.values()))
    for _ in range(100_000):
        m, a, w, p = at
        off = 2 * (m + a * np.sin(w * hour + p) - level) / len(hour)
        wave, slope = np.sin(w * hour + p), a * np.cos(w * hour + p)
        at = at - 0.001 * np.array([off.sum(), off @ wave, off @ (slope * hour), off @ slope])
    ended = float(np.mean((at[0] + at[1] * np.sin(at[2] * hour + at[3]) - level) ** 2))
    assert ended > 0.1, "this is no specimen"
    assert run.measurements.heading == pytest.approx(ended, rel=0.02)
    assert run.verdict.headline.startswith("On its way to a local minimum: the loss is ")
    (finding,) = [one for one in run.verdict.findings if one.code == "SD204"]
    assert finding.sentence.startswith("This way leads to a local minimum: run on, the descent ")
    assert run.verdict.learning_rate == "not measured"
    assert all(one.code != "SD205" for one in run.verdict.findings)
