"""The learning rate that --lr auto chooses: judged by where its descent ends."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

import steepest
from steepest.problem.options import Options
from steepest.problem.prepare import prepare_minimize
from steepest.records.descent import RateTrial
from steepest.run.run import Run
from steepest.study import auto

FOUR = {"x": [0.0, 1.0, 2.0, 3.0], "y": [1.0, 3.0, 5.5, 7.0]}


def product() -> Run:
    """One step may reach the mean of the target; with it the next ones grow without end."""
    columns = {"y": np.linspace(-30, 50, 20)}
    return steepest.fit(columns, "y ~ a*x + b", start={"a": 0.1, "x": -0.1}, remedies=False)


def power() -> Run:
    """0**a is not finite as soon as a is negative."""
    return steepest.fit(FOUR, "y ~ x**a", start={"a": 1.0}, steps=50, remedies=False)


def constant() -> Run:
    """A constant target has a best constant prediction without any loss."""
    columns = {"x": [2.0, 2.0, 2.0], "y": [3.0, 3.0, 3.0]}
    return steepest.fit(columns, "y ~ a*x + b", steps=50, remedies=False)


@pytest.mark.parametrize("make", [product, power, constant])
def test_auto_ends_at_the_goal_that_it_was_chosen_for(make: Callable[[], Run]) -> None:
    run = make()
    goal = run.measurements.goal
    assert goal is not None
    assert run.loss <= goal.loss
    assert run.record.descent.stopped == "step limit"
    assert any(finding.code == "SD206" for finding in run.verdict.findings)


def test_auto_for_no_steps_is_the_quickest_all_the_same() -> None:
    still = steepest.fit(FOUR, "y ~ a*x + b", steps=0, remedies=False)
    moving = steepest.fit(FOUR, "y ~ a*x + b", steps=100, remedies=False)
    assert still.record.descent.lr == moving.record.descent.lr
    assert still.verdict.learning_rate == "just right"


def line(draw: int) -> Run:
    """A straight line that the quickest learning rate to 1 % may fit slowly from there on.

    Next to the limit one direction of the weights is at its minimum after a few steps, while the
    other jumps to and fro.
    """
    random = np.random.default_rng([draw, 11])
    x = random.normal(size=20) * 10 ** random.uniform(-0.5, 1)
    x += random.normal() * 10 ** random.uniform(-1, 1)
    noise = random.normal(size=20) * 10 ** random.uniform(-6, 1)
    start = {
        name: value + random.normal() * 10 ** random.uniform(-3, 1)
        for name, value in (("a", 3), ("b", 1))
    }
    steps = int(10 ** random.uniform(0.5, 3.7))
    columns = {"x": x, "y": 3 * x + 1 + noise}
    return steepest.fit(columns, "y ~ a*x + b", start=start, steps=steps, remedies=False)


@pytest.mark.parametrize("draw", [62, 148, 244, 265, 384, 436, 520, 687, 762, 841, 963, 1487])
def test_auto_is_right_for_where_it_ends(draw: int) -> None:
    assert line(draw).verdict.learning_rate == "just right"


def test_a_search_whose_time_is_over_still_has_a_rate() -> None:
    """What did not get to its end tells nothing of it; it once was looked at all the same."""
    setup = prepare_minimize("cos(x) + y**4", Options(start={"x": 0.1, "y": 1.0}))
    settings = Options(steps=2_000_000).settings()
    trials = [RateTrial(lr, None, 9, 1.0, diverged=False, measured=True) for lr in (1e-4, 1e-3)]
    ends = time.monotonic() + 0.05
    assert auto._at_the_end(setup, settings, trials, 10**9, ends) == trials


def test_auto_takes_no_leap_over_valleys() -> None:
    """From the top of a sine a long step may land in a valley, and the next one far from it."""
    run = steepest.minimize("sin(x)", start={"x": np.pi / 2}, remedies=False)
    assert run.record.descent.lr == 1, "half of the limit at the minimum"
    assert run.verdict.learning_rate == "not measured"
    assert run.verdict.headline.startswith("Stopped at a maximum, not at a minimum: the loss is 1")


def test_auto_is_calm_where_that_is_half_as_good() -> None:
    """By leaps a cooling curve is lowest where its rate is so large that nothing leads on."""
    draw = np.random.default_rng(5)
    time = np.linspace(0, 10, 40)
    columns = {"t": time, "y": 20 + 60 * np.exp(-0.3 * time) + draw.normal(0, 0.5, 40)}
    run = steepest.fit(columns, "y ~ a + b*exp(-k*t)", remedies=False)
    m = run.measurements
    assert m.minimum_limit is not None
    assert m.descent.lr > m.minimum_limit, "this is no specimen"
    assert run.verdict.learning_rate == "not measured"
    assert "and is above the stability limit" in run.verdict.headline
    assert all(one.code != "SD203" for one in run.verdict.findings)
    given = steepest.fit(columns, "y ~ a + b*exp(-k*t)", lr=m.descent.lr, remedies=False)
    assert given.verdict.learning_rate == "too large"
    assert given.measurements.rates is not None
    assert given.measurements.rates.best is not None
    assert given.measurements.rates.best.lr < m.minimum_limit
