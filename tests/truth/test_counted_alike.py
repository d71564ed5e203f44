"""Steps that are compared are counted by one rule, and who leaves a goal again was never there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steepest
from steepest.run.run import Run

ACKLEY = "-20*exp(-0.2*sqrt(0.5*(x**2+y**2))) - exp(0.5*(cos(2*pi*x)+cos(2*pi*y))) + e + 20"


def with_outliers(rows: int = 60, seed: int = 1) -> dict[str, Any]:
    draw = np.random.default_rng(seed)
    x = np.round(draw.uniform(0, 5, rows), 3)
    y = 2 * x + 1 + 0.3 * draw.normal(size=rows)
    y[::12] += 40 * draw.uniform(0.5, 1, len(y[::12]))
    return {"x": x, "y": y}


def in_three(rows: int = 200, seed: int = 2) -> dict[str, Any]:
    draw = np.random.default_rng(seed)
    x, z = draw.uniform(0, 5, rows), draw.uniform(100, 200, rows)
    return {"x": x, "z": z, "y": 3 * x - 0.05 * z + 6 + draw.normal(size=rows)}


def first_stay(losses: Any, goal: float) -> int | None:
    """From where on a tenth of the steps, ten at least, are within the goal; in NumPy alone."""
    within = losses <= goal
    for step in np.flatnonzero(within):
        last = step + max(10, int(np.ceil(0.1 * step))) + 1
        if within[step : last + 1].all():
            return int(step)
    return None


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "log-cosh", "optimizer": "rmsprop", "lr": 0.0763574},
        {"loss": "huber", "optimizer": "momentum", "lr": 0.05, "batch_size": 6},
        {"loss": "mae", "optimizer": "adam", "lr": 0.13},
        {"loss": "mae", "optimizer": "nesterov", "lr": 0.05},
        {"loss": "huber", "optimizer": "adamw", "lr": 0.3, "batch_size": 5},
    ],
)
@pytest.mark.parametrize("seed", [1, 5])
def test_this_rate_and_the_others_are_counted_alike(options: dict[str, Any], seed: int) -> None:
    """Where losses go up and down, the last time above the end is late, and the first stay soon."""
    run = steepest.fit(with_outliers(seed=seed), "y ~ a*x + b", remedies=False, **options)
    study = run.measurements.rates
    assert study is not None
    if study.own.steps is None or study.goal.to != "the loss this run ended with":
        return
    mine = first_stay(run.trace.loss, study.goal.loss)
    assert mine is None or abs(study.own.steps - mine) <= 2
    best = study.best
    if best is not None and best.steps and run.verdict.learning_rate in ("too large", "too small"):
        assert study.own.steps >= 10 * best.steps


def test_a_rate_that_leaves_the_goal_again_is_not_just_right() -> None:
    words = []
    for seed in range(8):
        run = steepest.fit(
            in_three(seed=seed), "y ~ a*x + b*z + c", batch_size=16, standardize=True,
            validation=0.2, lr=0.1, remedies=False,
        )  # fmt: skip
        leaving = run.measurements.leaving
        if leaving is not None and leaving.stays is None:
            words.append(run.verdict.learning_rate)
    assert words
    assert "just right" not in words


def test_where_no_rate_stays_the_word_is_not_just_right() -> None:
    run = steepest.minimize("abs(x)", lr=0.1, start={"x": 2.0}, remedies=False)
    forecast = run.measurements.forecast
    assert forecast is not None
    assert forecast.steps is None
    assert run.verdict.learning_rate == "not measured"


def test_what_passed_the_goal_on_its_way_needs_no_count_of_steps_to_it() -> None:
    run = steepest.fit(
        with_outliers(), "y ~ a*x + b", loss="mae", batch_size=6, lr=0.05, remedies=False
    )
    goal, study = run.measurements.goal, run.measurements.rates
    assert goal is not None
    assert study is not None
    if run.trace.loss[-1] > goal.loss and first_stay(run.trace.loss, goal.loss) is not None:
        assert study.own.steps is None
        assert "but the descent did not stay there" not in run.verdict.headline


@pytest.mark.parametrize("start", [-3.0, -4.0, 9.0])
def test_a_function_that_is_bounded_has_its_minimum(start: float) -> None:
    """So far off it is -2e-16 to -5e-22, and its minimum is -1."""
    run = steepest.minimize("-exp(-(x-3)**2)", start={"x": start}, remedies=False)
    found = run.measurements.minimum
    assert found is not None
    assert found.exists
    assert found.loss == pytest.approx(-1)
    assert found.weights["x"] == pytest.approx(3, abs=1e-6)


@pytest.mark.parametrize(
    "function", ["-x**2", "-exp(x)", "-abs(x)", "-exp(x**2)", "x**3", "log(x)"]
)
def test_a_function_that_falls_for_ever_has_none(function: str) -> None:
    run = steepest.minimize(function, start={"x": 1.0}, remedies=False)
    found = run.measurements.minimum
    assert found is None or not found.exists


def test_a_local_minimum_beside_a_cusp_is_named() -> None:
    """A solver that goes on from where the descent stands leaps out of the valley."""
    run = steepest.minimize(ACKLEY, start={"x": 1.5, "y": 1.2}, remedies=False)
    assert "SD204" in {one.code for one in run.verdict.findings}
    assert run.verdict.headline.startswith(("On its way to a local", "In a local"))
    assert run.measurements.heading == pytest.approx(3.57445, abs=1e-4)


def test_a_rate_far_below_the_limit_of_a_flat_start_is_found() -> None:
    """At 50 the curvature is 8e-6, so that the limit there is 250,000; at the minimum it is 2."""
    run = steepest.minimize("sqrt(1+x**2)", start={"x": 50.0}, remedies=False)
    assert run.trace.loss[-1] == pytest.approx(1)
    assert 0.1 < run.record.descent.lr < 2


def test_a_descent_on_a_plateau_does_not_leap() -> None:
    run = steepest.minimize("tanh(x)**2", start={"x": 8.0}, remedies=False)
    assert np.abs(np.diff(run.trace.weights[:, 0])).max() < 0.01
    assert "leap" not in str(run)


@pytest.mark.parametrize(
    ("formula", "options"),
    [("y ~ a*x**b", {}), ("y ~ a*x + b*x*x", {"loss": "log-cosh", "lr": 0.001})],
)
def test_what_is_offered_holds_however_long_it_is_run(
    formula: str, options: dict[str, Any]
) -> None:
    draw = np.random.default_rng(3)
    x = draw.uniform(1, 20, 30)
    data = {"x": x, "y": 2.2 * x**0.73 + draw.normal(size=30)}
    run = steepest.fit(data, formula, **options)
    goal = run.measurements.goal
    assert goal is not None
    for remedy in run.remedies:
        typed = dict(remedy.options)
        if not remedy.reached or "lr" not in typed or typed.get("optimizer", "gd") != "gd":
            continue
        longer: Run = steepest.fit(
            data, formula, **{**typed, "steps": 3 * typed["steps"] + 3000, "remedies": False}
        )
        assert longer.loss <= 1.0001 * goal.loss, remedy.command
        assert longer.verdict.learning_rate != "too large", remedy.command


def test_the_mean_of_batches_rmse_is_told_to_be_another_loss() -> None:
    data = with_outliers()
    options: dict[str, Any] = {"loss": "rmse", "batch_size": 7, "optimizer": "adagrad", "lr": 0.5}
    run = steepest.fit(data, "y ~ a*x + b", **options)
    assert "is another loss than the rmse of all rows" in run.verdict.headline
    assert not any("wrong tool" in remedy.sentence for remedy in run.remedies)
    # As it says: of all rows, and in batches with mse, it arrives.
    for other in ({**options, "batch_size": None}, {**options, "loss": "mse", "lr": 0.1}):
        again = steepest.fit(data, "y ~ a*x + b", **other, steps=20_000, remedies=False)
        goal = again.measurements.goal
        assert goal is not None
        assert again.loss <= 1.01 * goal.loss


def test_e_is_told_to_be_a_number_where_a_weight_may_be_meant() -> None:
    x = np.linspace(-2, 2, 40)
    data = {"x": x, "y": 1 + x + x**2}
    said = str(steepest.fit(data, "y ~ a*x**4+b*x**3+c*x**2+d*x+e", steps=3, remedies=False))
    assert "e is the number 2.718" in said
    for formula in ("y ~ a*e**(b*x) + d", "y ~ a*x + b"):
        assert "2.718" not in str(steepest.fit(data, formula, steps=3, remedies=False))


def test_what_is_promised_is_to_the_goal() -> None:
    """Others may have been compared by where the run ended, which is lower."""
    run = steepest.fit(with_outliers(), "y ~ a*x + b", loss="huber", lr=0.02, optimizer="rmsprop")
    for remedy in run.remedies:
        if remedy.predicted_steps and remedy.measured_steps:
            assert remedy.predicted_steps <= 2 * remedy.measured_steps + 10, remedy.change


@pytest.mark.parametrize("rates", [(0.01, 0.12, 9), (0.1, 0.16, 9)])
def test_a_sweep_in_batches_counts_to_where_a_fit_stays(rates: tuple[float, float, int]) -> None:
    """Near the limit losses pass the goal on their way up and down."""
    draw = np.random.default_rng(0)
    x = draw.uniform(0, 5, 30)
    data = {"x": x, "y": 1.5 + 2 * x + 0.4 * draw.normal(size=30)}
    options: dict[str, Any] = {"start": {"a": 0.0, "b": 0.0}, "batch_size": 5}
    swept = steepest.sweep(data, "y ~ a*x + b", lr=rates, **options)
    goal = swept.record.goal
    assert goal is not None
    for rate in swept.rates:
        if rate.steps is None:
            continue
        run = steepest.fit(
            data, "y ~ a*x + b", lr=rate.lr, steps=10 * rate.steps, remedies=False, **options
        )
        later = run.trace.loss[run.trace.step >= rate.steps]
        assert np.mean(later <= goal.loss) > 0.5, rate.lr
    if rates[0] == 0.1:
        assert "to stay there" in swept.record.headline


@pytest.mark.parametrize("model", ["a*x + b", "maximum(a*x, 0*x) + b*minimum(1, 2)"])
def test_what_is_offered_for_arrays_can_be_run_as_it_stands(model: str) -> None:
    """Of a function and arrays, as of a mapping, no command line could name the data."""
    draw = np.random.default_rng(0)
    x = np.linspace(0, 5, 30)
    y = 1.5 + 2 * x + 0.1 * draw.normal(size=30)
    options: dict[str, Any] = {"start": {"a": 1.0, "b": 0.0}, "lr": 0.001, "steps": 20}
    if model == "a*x + b":
        run = steepest.fit(lambda x, a, b: a * x + b, x, y, **options)
    else:
        run = steepest.fit({"x": x, "y": y}, f"y ~ {model}", **options)
    known = {"steepest": steepest, "x": x, "y": y}
    assert run.remedies
    for remedy in run.remedies:
        assert remedy.command == remedy.python
        assert eval(remedy.python, known).loss == pytest.approx(remedy.measured_loss)
    shown = run.summary()
    first = shown[shown.index("  steepest.fit(") : shown.index("weight ")]
    assert max(map(len, first.splitlines())) <= 80
    assert eval(first.strip(), known).loss == pytest.approx(run.remedies[0].measured_loss)
