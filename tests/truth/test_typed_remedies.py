"""What is offered is typed: the command ends where it was promised to, and stays there."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from tests.agree import of_run
from tests.truth.test_curved_fits import predicted, problem

import steepest
from steepest.cli import steepest as command

TYPED = int(os.environ.get("STEEPEST_TYPED", "1"))
"""Generated fits whose commands are typed; 60 are about 100 commands."""

DRAW = np.random.default_rng(8)
X = np.linspace(0.5, 6, 24)
NOISE = DRAW.normal(0, 0.05, X.size)

CASES: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "a kink": (2 * X + 1 + 30 * NOISE, "y ~ w*x + b", {"loss": "mae", "lr": 0.1, "steps": 1000}),
    "a power": (2.4 * X**1.7 + NOISE, "y ~ w*x**b", {"steps": 100}),
    "a decay": (3 * np.exp(-0.6 * X) + 0.5 + NOISE, "y ~ w*exp(-b*x) + c", {"steps": 50}),
    "a step": (np.where(X > 3, 1.1, 0.0) + NOISE, "y ~ w/(1 + exp(-(b + c*x)))", {"steps": 100}),
    "raw columns": (5 * X**2 - X + 30 + NOISE, "y ~ w*x**2 + b*x + c", {"lr": 1e-4, "steps": 20}),
    "too bold": (3 * np.exp(-0.6 * X) + NOISE, "y ~ w*exp(-b*x)", {"lr": 50.0, "steps": 20}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_offered_commands_hold(case: Any, tmp_path: Path, monkeypatch: Any) -> None:
    y, formula, options = case
    monkeypatch.chdir(tmp_path)
    write(X, y)
    start = {name: 1.0 for name in "wbc" if f"{name}*" in formula or f"+ {name}" in formula}
    start |= {"b": 1.0}
    found = steepest.fit("data.csv", formula, start=start, **options)
    assert any(remedy.reached for remedy in found.remedies), found.verdict.headline
    assert of_run(found) == []
    check_commands(found, formula)


@pytest.mark.parametrize("number", range(6, 6 + TYPED))
def test_commands_of_generated_fits_hold(number: int, tmp_path: Path, monkeypatch: Any) -> None:
    """Of columns and targets from 1e-9 to 1e12, from starts near and absurd."""
    given = problem(number)
    monkeypatch.chdir(tmp_path)
    write(given.x, given.y)
    found = steepest.fit("data.csv", f"y ~ {given.text}", start=given.start, steps=200)
    check_commands(found, f"y ~ {given.text}")
    for remedy in found.remedies:
        if remedy.reached and not (remedy.options or {}).get("standardize"):
            said = predicted(given.text, given.x, dict(remedy.weights))
            assert np.mean((said - given.y) ** 2) <= 1.01 * given.reference * (1 + 1e-6)


def write(x: Any, y: Any) -> None:
    rows = "".join(f"{one!r},{two!r}\n" for one, two in zip(x.tolist(), y.tolist(), strict=True))
    Path("data.csv").write_text("x,y\n" + rows, encoding="utf-8")


def check_commands(found: steepest.Run, formula: str) -> None:
    """Each command, typed, ends as promised, stays there, and its own report agrees."""
    goal = found.measurements.goal
    assert goal is not None
    for remedy in found.remedies:
        words = shlex.split(remedy.command)[1:]
        typed = CliRunner().invoke(command, [*words, "--json", "--no-save", "--no-remedies"])
        assert typed.exit_code == 0, (remedy.command, typed.output[-300:])
        document = json.loads(typed.stdout)
        assert document["descent"]["final_loss"] == pytest.approx(remedy.measured_loss, rel=1e-12)
        if not remedy.reached:
            continue
        assert remedy.measured_loss <= goal.loss
        assert document["verdict"]["headline"].startswith("At the minimum"), remedy.command
        assert document["verdict"]["learning_rate"] not in ("too small", "too large")
        if "optimizer" in words or "lm" in words or "lbfgs" in words:
            continue
        trace = document["trace"]
        if len(trace["step"]) == trace["step"][-1] + 1:
            out = [step for step, loss in enumerate(trace["loss"]) if not float(loss) <= goal.loss]
            assert remedy.measured_steps == (out[-1] + 1 if out else 0), remedy.command
        steps = remedy.settings.steps
        longer = steepest.fit(
            "data.csv",
            formula,
            **{**remedy.options, "remedies": False, "steps": steps + max(10, -(-steps // 10))},
        )  # fmt: skip
        tail = longer.trace.loss[longer.trace.step >= steps]
        assert np.max(tail) <= goal.loss * (1 + 1e-12), remedy.command


def test_what_counts_as_there_does_not_grow_with_an_absurd_start() -> None:
    """The loss of exp(x) - 3*x from x is e**x; its minimum is 3 - 3*log(3)."""
    low = 3 - 3 * np.log(3)
    for start in (2.0, 10.0, 25.0, 45.0, 90.0):
        found = steepest.minimize("exp(x) - 3*x", start={"x": start}, steps=200, remedies=False)
        minimum, goal = found.measurements.minimum, found.measurements.goal
        assert minimum is not None
        assert goal is not None
        assert minimum.loss == pytest.approx(low, rel=1e-9)
        # A step of a hundredth of the minimum's own scale, whatever the start.
        assert goal.loss - low < 0.02
        assert found.measurements.descent.stopped != "diverged"
        there = found.verdict.headline.startswith("At the minimum")
        assert there == (found.loss <= goal.loss)


@pytest.mark.parametrize("start", [0.5, 3.0, 100.0])
@pytest.mark.parametrize("text", ["x**2", "x**4", "(x - 2)**2 + 1"])
def test_an_ordinary_start_is_judged_to_the_letter(text: str, start: float) -> None:
    found = steepest.minimize(text, start={"x": start}, steps=5, remedies=False)
    m = found.measurements
    assert m.goal is not None
    assert m.minimum is not None
    if text == "x**4" and start == 100.0:
        return
    tiny = 1e-6 * (m.descent.first_loss - m.minimum.loss)
    allowed = max(0.01 * abs(m.minimum.loss), tiny)
    assert m.goal.loss - m.minimum.loss == pytest.approx(allowed, rel=1e-6)


def test_a_start_at_which_no_grid_of_learning_rates_survives() -> None:
    x = np.linspace(1, 9, 20)
    y = 4e11 * np.exp(-0.4 * x)
    data = {"x": x, "y": y}
    found = steepest.fit(data, "y ~ a*exp(-b*x)", start={"a": 5e11, "b": 1.0}, steps=300)
    assert found.measurements.descent.stopped != "diverged"
    assert found.loss < found.measurements.descent.first_loss
    assert found.verdict.learning_rate in ("just right", "not measured")


def test_a_useless_fit_is_called_so() -> None:
    x = np.array([-2.0, -1, 0, 1, 2] * 6)
    y = np.tile([1.0, 0, 2, 0, 1], 6) + np.linspace(-1e-3, 1e-3, 30)
    found = steepest.fit({"x": x, "y": y}, "y ~ a*x + b", start={"a": 0.5, "b": 0.0}, steps=200)
    correlation = np.corrcoef(x, y)[0, 1]
    assert (
        f"useless: predicting the same for every row is about as good (R² {correlation**2:.2g}"
        in (found.verdict.headline)
    )
    assert found.verdict.headline.startswith("At the minimum")
    good = steepest.fit({"x": x, "y": 2 * x + y}, "y ~ a*x + b", steps=200, remedies=False)
    assert "useless" not in good.verdict.headline


def test_a_jump_out_of_a_valley_is_luck() -> None:
    found = steepest.minimize("x**4 - 3*x**2 + 0.5*x", start={"x": 1.4}, lr=0.005, steps=3000)
    assert {finding.code for finding in found.verdict.findings} >= {"SD204"}
    assert found.verdict.learning_rate != "too small"
    assert found.verdict.headline.startswith("In a local minimum")


def test_a_descent_that_died_says_the_limit_of_its_start() -> None:
    found = steepest.minimize("x**4", start={"x": 1.0}, lr=0.6, steps=50, remedies=False)
    assert found.measurements.stability_limit == pytest.approx(2 / 12)
    assert "above 0.166667 every step overshoots at the start" in found.verdict.headline


@pytest.mark.parametrize("at", [0, 3, 60])
def test_of_a_nudge_the_slope_speaks_or_the_curvature_does(at: int) -> None:
    time = np.arange(0, 20.0)
    data = {"t": time, "y": 0.5 * time**2 - 9 * time + 46}
    found = steepest.fit(
        data, "y ~ a*t**2 + b*t + c", start={"a": 0.01, "b": -0.6, "c": 0.6}, lr=1e-5, steps=60,
        at=at, remedies=False,
    )  # fmt: skip
    for partial in found.record.explanation.partials:
        nudge = partial.nudge
        assert nudge is not None
        assert nudge.predicted == pytest.approx(nudge.actual, rel=0.11)
        # The loss is a quadratic: slope and curvature say all.
        noise = 1e-12 * found.record.explanation.loss
        assert nudge.second_order == pytest.approx(nudge.actual, rel=1e-3, abs=noise)
