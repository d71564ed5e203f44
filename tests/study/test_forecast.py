"""Forecasts that are extrapolated: the true number of steps lies inside the range that is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.truth import generator

import steepest
from steepest.descent.run import descend
from steepest.problem.options import Options
from steepest.problem.prepare import prepare_fit, prepare_minimize
from steepest.problem.setup import Setup
from steepest.records.descent import Forecast, Goal
from steepest.records.problem import Settings
from steepest.study.forecast import extrapolated

CUTS = (3, 10)
"""The descent is walked for a part of the way, and must say the whole."""


def prepared(problem: Any) -> tuple[Setup, Options]:
    options = Options(**problem.options)
    if problem.data is None:
        return prepare_minimize(problem.text, options), options
    return prepare_fit(problem.data, problem.text, options), options


def run_on(setup: Setup, settings: Settings, goal: Goal) -> Forecast | None:
    """Walked as far as the settings say, and extrapolated from there."""
    walked = descend(
        setup.moving, settings, setup.start, goal=goal.loss, stop_at_goal=True, scale=setup.scale
    )
    assert walked.descent.goal_step is None
    return extrapolated(setup, settings, walked, goal)


def walked_in_part(problem: Any, cut: int) -> Forecast | None:
    setup, options = prepared(problem)
    settings = replace(options.settings(), steps=problem.truth.steps // cut)
    return run_on(setup, settings, Goal(problem.goal, "within 1 % of the minimum"))


def test_the_range_holds_the_true_number_of_steps() -> None:
    problems = [generator.problem(20260, name) for name in generator.names()]
    long = [p for p in problems if 500 <= (p.truth.steps or 0) <= 10**7]
    chosen = [p for p in long if not p.quadratic] + [p for p in long if p.quadratic][::4]
    assert len(chosen) >= 10
    inside, near, told = 0, 0, 0
    for problem in chosen:
        true = problem.truth.steps
        assert true is not None
        for cut in CUTS:
            found = walked_in_part(problem, cut)
            if found is None or found.steps is None:
                continue
            told += 1
            assert found.low is not None
            assert found.high is not None
            assert true // cut <= found.low <= found.steps <= found.high
            inside += found.low <= true <= found.high
            near += true / 2 <= found.steps <= true * 2
    print(f"{inside} of {told} ranges hold the true number; {near} forecasts within a factor 2")
    assert told >= 0.9 * len(chosen) * len(CUTS)
    assert inside >= 0.95 * told
    assert near >= 0.9 * told


ROSENBROCK = "(1 - x)**2 + 100*(y - x**2)**2"


@pytest.mark.parametrize("optimizer", ["gd", "momentum"])
def test_a_descent_too_long_to_run_has_a_range(optimizer: str) -> None:
    """At small learning rates a thousandth of one takes a thousand times the steps."""
    start = {"x": -1.2, "y": 1.0}
    short, long = (
        steepest.minimize(
            ROSENBROCK, start=start, lr=lr, steps=50, optimizer=optimizer, remedies=False
        ).measurements.forecast
        for lr in (1e-5, 1e-9)
    )
    assert short is not None
    assert short.steps is not None
    assert short.low is None, "counted"
    assert long is not None
    assert long.low is not None
    assert long.high is not None
    assert long.low <= 1e4 * short.steps <= long.high
    assert "run on to step" in long.basis
    assert "curvature at the minimum" in long.basis


def test_a_descent_into_a_local_minimum_is_not_said_to_arrive() -> None:
    setup = prepare_minimize("(x**2 - 1)**2 + 0.3*x", Options(start={"x": 2.0}, lr=1e-4, steps=500))
    settings = Options(lr=1e-4, steps=500).settings()
    lowest = setup.objective.value(setup.objective.vector({"x": -1.0354}))
    assert run_on(setup, settings, Goal(lowest * 0.99, "within 1 % of the minimum")) is None


def test_adam_is_not_extrapolated() -> None:
    setup = prepare_minimize(ROSENBROCK, Options(start={"x": -1.2, "y": 1.0}))
    settings = Options(optimizer="adam", lr=1e-4, steps=500).settings()
    assert run_on(setup, settings, Goal(1e-6, "within 1 % of the minimum")) is None
