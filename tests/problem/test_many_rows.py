"""Many rows in memory: what needs many descents is tried on some of them, and says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steepest
from steepest.problem import setup
from steepest.show.terminal import Report, plain

ROWS = 1200
START = {"a": 1.0, "b": 1.0, "c": 0.0}


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """More than a thousand are many, and four hundred are drawn."""
    monkeypatch.setattr(setup, "MANY_ROWS", 1000)
    monkeypatch.setattr("steepest.objective.passes.survey.DRAWN", 400)
    random = np.random.default_rng(0)
    z = random.uniform(0, 5, ROWS)
    return {"z": z, "y": 3 * np.exp(-0.5 * z) + 1 + random.normal(0, 0.1, ROWS)}


def test_the_minimum_is_that_of_all_rows(rows: dict[str, np.ndarray]) -> None:
    from scipy.optimize import least_squares

    run = steepest.fit(rows, "y ~ a*exp(-b*z) + c", start=START, lr=0.1, steps=50)
    z, y = rows["z"], rows["y"]
    oracle = least_squares(lambda w: w[0] * np.exp(-w[1] * z) + w[2] - y, [1, 1, 0], xtol=1e-14)
    found = run.measurements.minimum
    assert found is not None
    assert found.loss == pytest.approx(2 * oracle.cost / ROWS, rel=1e-12)
    np.testing.assert_allclose([*found.weights.values()], oracle.x, rtol=1e-6)
    assert "Newton's method on all rows" in found.found_by
    assert run.record.problem.drawn == 400
    assert run.record.problem.rows == ROWS
    assert "400 of the rows, evenly" in " ".join(plain(Report(run.record)).split())
    # Its statistics, and the pulls of its gradient, are of all rows.
    assert run.statistics is not None
    assert run.statistics.rows == ROWS
    assert len(run._setup.row_numbers) == ROWS


def test_a_remedy_holds_on_all_rows(rows: dict[str, np.ndarray]) -> None:
    run = steepest.fit(rows, "y ~ a*exp(-b*z) + c", start=START, lr=0.001, steps=50)
    best = run.remedies[0]
    assert best.reached
    goal = run.measurements.goal
    assert goal is not None
    assert best.run.loss <= 1.01 * goal.loss


def test_a_quadratic_needs_no_rows(rows: dict[str, np.ndarray]) -> None:
    run = steepest.fit(rows, "y ~ a*z + b", remedies=False)
    assert run.record.problem.drawn is None
    assert run._setup.near is None


@pytest.mark.parametrize(
    "options", [{"optimizer": "lbfgs"}, {"batch_size": 10}, {"validation": 0.5}], ids=str
)
def test_what_needs_all_rows_has_them(options: dict[str, Any], rows: dict[str, np.ndarray]) -> None:
    run = steepest.fit(rows, "y ~ a*exp(-b*z) + c", start=START, steps=3, remedies=False, **options)
    assert run._setup.near is None
