"""What is measured where a descent ended."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steepest
from steepest.run.run import Run

TIME = np.linspace(0, 6, 40)
DECAY = {"t": TIME, "y": 2.5 * np.exp(-0.7 * TIME) + 0.4 + 0.05 * np.sin(9 * TIME)}


def test_a_descent_below_every_solver_is_at_no_minimum_by_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("steepest.jobs.fit.known_minimum", lambda *_: None)
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


def test_a_finite_start_without_a_finite_gradient() -> None:
    run = steepest.minimize("sqrt(x) + x**2", start={"x": 0.0}, lr=0.1, remedies=False)
    assert "the gradient for x is not a finite number at the start." in run.verdict.headline
    columns = {"x": [1.0, 0.0, 2.0], "y": [1.0, 2.0, 5.0]}
    run = steepest.fit(
        columns, "y ~ sqrt(a*x) + b", start={"a": 0.0, "b": 1.0}, lr=0.1, remedies=False
    )
    assert "the gradient for a is not a finite number at the start on row 0." in (
        run.verdict.headline
    )

    run = steepest.minimize("(1/(1 + exp(x)) - 1)**2", start={"x": 800.0}, remedies=False)
    assert run.record.descent.first_loss == 1.0
    assert run.verdict.headline == (
        "At the start exp(x) is not a finite number, nor is the gradient, and the loss has no "
        "minimum: it falls for ever, and nears 0."
    )


def test_a_start_without_a_finite_loss() -> None:
    run = steepest.minimize("x*log(x)", start={"x": -1.0}, lr=0.1, remedies=False)
    assert "the start itself gives no finite number" in run.verdict.headline


def test_a_column_of_tiny_numbers_is_not_constant() -> None:
    columns = {"x": [1e-310, 2e-310, -1e-310], "y": [1.0, 2.0, 5.0]}
    run = steepest.fit(columns, "y ~ a*x + b", steps=5, remedies=False)
    assert all(finding.code != "SD302" for finding in run.verdict.findings)


@pytest.mark.parametrize("steps", [500, 997, 1000])
def test_a_bounce_near_the_minimum_is_no_divergence(steps: int) -> None:
    run = steepest.minimize(
        "x**2 + 5*y**2", start={"x": 3.0, "y": 1.0}, optimizer="rmsprop", lr=0.1, steps=steps,
        remedies=False,
    )  # fmt: skip
    m = run.measurements
    assert m.stability_limit is not None
    assert m.descent.growing
    assert m.stability_limit < 0.1, "this is no specimen"
    assert run.loss < 0.01 * m.descent.first_loss
    # It may be told that it passes the goal and does not stay, which a calmer one does.
    for finding in run.verdict.findings:
        if finding.code == "SD101":
            assert finding.severity == "warning"
            assert finding.sentence.endswith("this one passes it and does not stay.")


def test_a_slow_divergence_from_near_the_minimum_is_one() -> None:
    """The curvatures are 2 and 1: the first is gone after a few steps, the second grows."""
    x = np.array([1.0, 0.0, -1.0, 0.0]) * np.sqrt(2)
    z = np.array([0.0, 1.0, 0.0, -1.0])
    columns = {"x": x, "z": z, "y": 3 * x - 2 * z}
    start = {"a": 3 + 1e-6, "b": 5.0}
    run = steepest.fit(columns, "y ~ a*x + b*z", start=start, lr=1.004, steps=300, remedies=False)
    m = run.measurements
    assert m.stability_limit == pytest.approx(1.0)
    assert run.loss < 1e-6 * m.descent.first_loss
    assert run.verdict.learning_rate == "too large"
    assert any(finding.code == "SD101" for finding in run.verdict.findings)


DRAW = np.random.default_rng(11)
U, V = DRAW.normal(size=(2, 40))
BENT = {"u": U, "v": 6 * V + U, "y": 2 * U - 0.5 * V + 0.1 * DRAW.normal(size=40)}


def held_line(lr: float, steps: int = 400, **options: Any) -> Run:
    """Y ~ a*u + b*v, whose best b is negative and not allowed to be."""
    return steepest.fit(
        BENT, "y ~ a*u + b*v", start={"a": 0.0, "b": 0.3}, bounds={"b": (0.0, np.inf)}, lr=lr,
        steps=steps, remedies=False, **options,
    )  # fmt: skip


@pytest.mark.parametrize("batch_size", [None, 40])
def test_a_weight_at_its_bound_does_not_count_for_the_limit(batch_size: int | None) -> None:
    wanted = 2 / (2 * np.mean(U**2))
    m = held_line(0.01, batch_size=batch_size).measurements
    assert m.final_weights["b"] == 0
    assert m.stability_limit == pytest.approx(wanted, rel=1e-9)
    assert m.spectrum is not None
    assert m.spectrum.held == ("b",)
    assert m.spectrum.values == pytest.approx([2 * np.mean(U**2)])
    np.testing.assert_allclose(np.abs(m.spectrum.vectors), [[1.0], [0.0]])

    # Measured: from the bound, a thousandth below the limit it comes closer, above it leaves.
    best = float(U @ BENT["y"] / (U @ U))
    start = {"a": best + 0.01, "b": 0.0}
    for share, grows in ((0.999, False), (1.001, True)):
        run = steepest.fit(
            BENT, "y ~ a*u + b*v", start=start, bounds={"b": (0.0, np.inf)}, lr=share * wanted,
            steps=100, remedies=False,
        )  # fmt: skip
        assert run.weights["b"] == 0
        assert (abs(run.weights["a"] - best) > 0.01) == grows


def test_a_weight_that_leaves_its_bound_counts() -> None:
    run = steepest.fit(
        BENT, "y ~ a*u + b*v", start={"a": 3.0, "b": 0.0}, bounds={"b": (-np.inf, 0.0)}, lr=0.001,
        steps=3, remedies=False,
    )  # fmt: skip
    X = np.stack([U, BENT["v"]], axis=1)
    top = np.linalg.eigvalsh(2 * X.T @ X / 40)[-1]
    assert run.weights["b"] < 0
    assert run.measurements.stability_limit == pytest.approx(2 / top, rel=1e-9)
    assert run.measurements.spectrum is not None
    assert run.measurements.spectrum.held == ()


def test_where_every_weight_is_held_there_is_no_curvature() -> None:
    run = steepest.minimize(
        "x + y", start={"x": 1.0, "y": 1.0}, bounds={"x": (0.0, 5.0), "y": (0.0, 5.0)}, lr=0.5,
        steps=9, remedies=False,
    )  # fmt: skip
    assert run.weights == {"x": 0.0, "y": 0.0}
    assert run.measurements.spectrum is None
    assert "at its bound" in run.measurements.not_measured["curvature"]
    assert any(finding.code == "SD206" for finding in run.verdict.findings)


@pytest.mark.parametrize(
    ("text", "start", "way"),
    [
        ("exp(x)", 0.0, "x goes to minus infinity"),
        ("1/(1 + x**2)", 1.0, "x goes to infinity"),
        ("log(1 + exp(-x))", 0.0, "x goes to infinity"),
    ],
)
def test_a_loss_without_a_minimum_is_said_to_have_none(text: str, start: float, way: str) -> None:
    run = steepest.minimize(text, start={"x": start}, lr=1.0, steps=300)
    assert run.verdict.headline.startswith("The loss has no minimum")
    assert way in run.verdict.headline
    assert all(finding.code not in ("SD205", "SD206") for finding in run.verdict.findings)
    assert run.measurements.goal is None
    assert run.measurements.forecast is None
    assert run.remedies == ()
    assert way in run.measurements.not_measured["minimum"]


def test_a_curved_valley_is_ill_conditioned_although_its_curvature_is_negative() -> None:
    """Rosenbrock's: 1,001.6 and 0.39936 at the minimum, by its Hessian [[802, -400], [-400, 200]].

    One learning rate for both does take long: the best of all that were run needs thousands of
    steps, where L-BFGS needs a few dozen.
    """
    start = {"x": -1.0, "y": 1.2}
    run = steepest.minimize(
        "(1 - x)**2 + 100*(y - x**2)**2", start=start, lr=1e-5, steps=20, remedies=False
    )
    m = run.measurements
    assert m.spectrum is not None
    assert m.spectrum.most_negative is not None, "this is no specimen"
    (one,) = [finding for finding in run.verdict.findings if finding.code == "SD201"]
    low, high = np.linalg.eigvalsh([[802.0, -400.0], [-400.0, 200.0]])
    assert one.evidence["condition"] == pytest.approx(high / low, rel=1e-4)
    assert m.rates is not None
    assert m.rates.best is not None
    assert (m.rates.best.steps or 0) > 1000
    solved = steepest.minimize(
        "(1 - x)**2 + 100*(y - x**2)**2", start=start, optimizer="lbfgs", remedies=False
    )
    assert solved.record.descent.steps < 100


def test_a_negative_curvature_far_from_a_round_minimum_is_no_valley() -> None:
    run = steepest.minimize(
        "1 - exp(-(x**2 + y**2)/2)", start={"x": 1.5, "y": 0.5}, lr=0.1, steps=2, remedies=False
    )
    m = run.measurements
    assert m.spectrum is not None
    assert m.spectrum.most_negative is not None, "this is no specimen"
    assert all(finding.code != "SD201" for finding in run.verdict.findings)


LINE = {"x": [1.0, 2.0, 3.0, 4.0, 5.5], "y": [1.0, 4.0, 7.0, 10.0, 14.5]}


@pytest.mark.parametrize(("off", "is_zero"), [(2.0**-49, True), (1e-9, False)])
def test_a_minimum_of_rounding_is_called_zero(off: float, is_zero: bool) -> None:
    """A row off 3*x - 2 by one rounding, which none makes exact, or by a billionth: no rounding."""
    columns = {"x": LINE["x"], "y": [*LINE["y"][:-1], LINE["y"][-1] + off]}
    run = steepest.fit(columns, "y ~ a*x + b", lr=0.05, steps=3000, remedies=False)
    m = run.measurements
    (one,) = [finding for finding in run.verdict.findings if finding.code == "SD206"]
    assert m.minimum is not None
    assert 0 < m.minimum.loss < 1e-18, "this is no specimen"
    for said in (one.sentence, run.verdict.headline):
        assert ("zero to within rounding" in said) == is_zero
    assert one.evidence["loss"] == run.loss, "evidence is exact"


def test_a_small_loss_of_small_numbers_is_no_rounding() -> None:
    columns = {"x": LINE["x"], "y": [1e-15 * y for y in (1.0, 4.5, 6.5, 10.5, 14.0)]}
    run = steepest.fit(columns, "y ~ a*x + b", lr=0.05, steps=3000, remedies=False)
    assert run.loss < 1e-30
    assert "rounding" not in run.verdict.headline


def test_terms_that_cancel_leave_their_rounding() -> None:
    """(x - 1)**2 written out: terms of size 1 leave 1e-16, which is no loss."""
    run = steepest.minimize("x**2 - 2*x + 1", start={"x": 3.0}, lr=0.3, steps=9, remedies=False)
    assert run.measurements.rounding == pytest.approx(16 * 2.2e-16 * 8, rel=0.5)
    assert run.loss > run.measurements.rounding
    assert "rounding" not in run.verdict.headline


@pytest.mark.parametrize("x", [3.0, 30.0, 100.0])
def test_a_minimum_is_not_called_zero_because_the_start_was_high(x: float) -> None:
    """That of exp(x) - 3*x is 3 - 3*log(3), from wherever one begins."""
    run = steepest.minimize("exp(x) - 3*x", start={"x": x}, steps=30, remedies=False)
    minimum = run.measurements.minimum
    assert minimum is not None
    assert minimum.loss == pytest.approx(3 - 3 * np.log(3), rel=1e-9)
    assert "zero to within rounding" not in run.verdict.headline
