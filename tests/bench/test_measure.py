"""What is measured where a descent ended."""

from __future__ import annotations

import numpy as np
import pytest

import steepest

TIME = np.linspace(0, 6, 40)
DECAY = {"t": TIME, "y": 2.5 * np.exp(-0.7 * TIME) + 0.4 + 0.05 * np.sin(9 * TIME)}


def test_a_descent_below_every_solver_is_at_no_minimum_by_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("steepest.bench.jobs.known_minimum", lambda *_: None)
    start = {"A": 2.0, "k": 0.1, "c": 0.0}
    run = steepest.fit(DECAY, "y ~ A*exp(-k*t) + c", start=start, lr=0.01, steps=5, remedies=False)
    found = run.measurements.minimum
    assert found is not None
    assert found.loss < 0.1 * run.loss
    assert found.weights["k"] == pytest.approx(0.7, abs=0.1)
    assert all(finding.code != "SD206" for finding in run.verdict.findings)


@pytest.mark.parametrize("expression", ["exp(x**2)", "x**1e6"])
def test_a_loss_that_starts_infinite_is_not_at_its_goal(expression: str) -> None:
    run = steepest.minimize(expression, start={"x": 30.0}, steps=5, remedies=False)
    assert run.record.descent.stopped == "diverged"
    forecast = run.measurements.forecast
    assert forecast is None or forecast.steps is None
    assert "did not stay" not in run.verdict.headline


def test_a_column_of_tiny_numbers_is_not_constant() -> None:
    columns = {"x": [1e-310, 2e-310, -1e-310], "y": [1.0, 2.0, 5.0]}
    run = steepest.fit(columns, "y ~ a*x + b", steps=5, remedies=False)
    assert all(finding.code != "SD302" for finding in run.verdict.findings)
