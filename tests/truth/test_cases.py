"""Cases that people brought, and bad input in the middle of a descent."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest
from steepest.checks import page
from steepest.descent import run
from steepest.study import measure, prove, rates
from steepest.words.errors import InputError

SPEED = Path(__file__).parents[2] / "examples" / "speed.csv"
FORMULA = "speed ~ a*time**2 + b*time + c"
START = {"a": 0.0121, "b": -0.6397, "c": 0.6416}


def finding(found: Any, code: str) -> Any:
    (one,) = [finding for finding in found.verdict.findings if finding.code == code]
    return one


def codes(found: Any) -> set[str]:
    return {finding.code for finding in found.verdict.findings}


# Raw features in the tens and hundreds.


def houses() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0)
    size, age = draw.uniform(50, 300, 80), draw.uniform(1, 60, 80)
    return {"size": size, "age": age, "price": 3 * size - 2 * age + 50 + draw.normal(0, 10, 80)}


@pytest.mark.parametrize("lr", [0.01, 0.001])
def test_raw_features(lr: float) -> None:
    """It goes to NaN; the limit is named, and a learning rate for each weight arrives."""
    data = houses()
    found = steepest.fit(
        data, "price ~ a*size + b*age + c", start={"a": 0.0, "b": 0.0, "c": 0.0}, lr=lr, steps=500
    )
    X = np.stack([data["size"], data["age"], np.ones(80)], axis=1)
    limit = 2 / np.linalg.eigvalsh(2 * X.T @ X / 80)[-1]
    assert found.measurements.descent.stopped == "diverged"
    assert found.verdict.learning_rate == "too large"
    assert found.measurements.stability_limit == pytest.approx(limit, rel=1e-9)
    error = finding(found, "SD101")
    assert f"{limit:.6g}" in error.sentence
    assert "SD304" in codes(found)

    assert found.remedies[0].change == "standardize"
    (best,) = [remedy for remedy in found.remedies if remedy.change == "a rate per weight"]
    assert best.reached
    # Independently: those learning rates, each on its own weight.
    rates = np.array([best.settings.rates[name] for name in "abc"])
    at = np.zeros(3)
    for _ in range(best.measured_steps):
        at -= rates * (2 * X.T @ (X @ at - data["price"]) / 80)
    floor = np.linalg.lstsq(X, data["price"], rcond=None)[1][0] / 80
    assert np.mean((X @ at - data["price"]) ** 2) <= 1.01 * floor * (1 + 1e-9)


def test_the_slope_is_learned_before_the_intercept() -> None:
    x = np.arange(0, 60.0)
    y = 3 * x + 40 + np.random.default_rng(0).normal(0, 1, 60)
    found = steepest.fit(
        {"x": x, "y": y}, "y ~ slope*x + intercept", start={"slope": 0.0, "intercept": 0.0},
        lr=5e-4, steps=300, remedies=False,
    )  # fmt: skip
    assert found.verdict.learning_rate == "just right"
    # The weights' own curvatures are 2*mean(x**2) and 2.
    uneven = finding(found, "SD201")
    assert (
        f"along slope alone is {np.mean(x**2):,.0f} times that along intercept" in uneven.sentence
    )
    design = np.stack([x / np.sqrt(np.mean(x**2)), np.ones_like(x)], axis=1)
    alike = np.linalg.cond(design) ** 2
    assert uneven.evidence["by_correlation"] == pytest.approx(alike, rel=1e-9)
    assert f"{alike:.3g} times by correlation" in found.verdict.headline


def test_the_loss_is_stuck_far_above_the_minimum() -> None:
    found = steepest.fit(SPEED, FORMULA, start=START, lr=1e-5, steps=2000, remedies=False)
    assert found.loss > 200
    stuck = finding(found, "SD205")
    assert stuck.severity == "error"
    assert "the minimum is 1.04" in stuck.sentence
    assert found.measurements.forecast is not None
    assert found.measurements.forecast.steps == 1_971_722


@pytest.mark.parametrize(
    ("text", "truth"),
    [("y ~ a*x + b", {"a": 2.0, "b": 1.0}), ("y ~ a*exp(-b*x)", {"a": 2.0, "b": 0.5})],
    ids=["line", "decay"],
)
def test_perfect_data(text: str, truth: dict[str, float]) -> None:
    """Zero residuals: no division by zero, nothing singular, no warning (warnings are errors)."""
    x = np.linspace(0, 4, 20)
    y = 2 * x + 1 if "exp" not in text else 2 * np.exp(-0.5 * x)
    found = steepest.fit({"x": x, "y": y}, text, start={"a": 1.0, "b": 0.8}, steps=3000)
    assert found.loss < 1e-10
    assert "SD206" in codes(found)
    assert found.weights == pytest.approx(truth, abs=1e-3)
    said = " ".join([found.verdict.headline, *(f.sentence for f in found.verdict.findings)])
    assert "singular" not in said
    assert "nan" not in said.lower().split()
    assert found.to_dict()["minimum"]["loss"] < 1e-20


def test_two_collinear_columns() -> None:
    draw = np.random.default_rng(0)
    metres = draw.uniform(1, 2, 40)
    data = {"metres": metres, "feet": metres / 0.3048, "age": draw.uniform(0, 1, 40)}
    data["y"] = 2 * metres + data["age"] + draw.normal(0, 0.1, 40)
    found = steepest.fit(
        data, "y ~ a*metres + b*feet + c*age", start={"a": 0.1, "b": 0.1, "c": 0.1}, lr=0.05,
        steps=200, remedies=False,
    )  # fmt: skip
    flat = finding(found, "SD202")
    # a + b/0.3048 is what the data fix: raising a by 1 while lowering b by 0.3048 is nothing.
    assert flat.evidence["direction"] == pytest.approx({"a": 1.0, "b": -0.3048})
    assert flat.evidence["combination"] == "a - 0.3048*b"
    assert "Raising a by 1 while lowering b by 0.3048 changes no prediction" in flat.sentence


def test_columns_of_very_different_scales() -> None:
    """None is dropped: the weights are those of least squares with scaled columns."""
    draw = np.random.default_rng(0)
    scales = 10.0 ** np.array([-4, -2, 0, 2, 4])
    X = draw.normal(size=(60, 5)) * scales
    target = X @ (draw.uniform(1, 3, 5) / scales) + draw.normal(0, 0.1, 60)
    data = {f"x{i}": X[:, i] for i in range(5)} | {"y": target}
    text = "y ~ " + " + ".join(f"w{i}*x{i}" for i in range(5))
    found = steepest.fit(data, text, start={f"w{i}": 0.0 for i in range(5)}, steps=50)
    exact = np.linalg.lstsq(X / scales, target, rcond=None)[0] / scales
    assert found.measurements.minimum is not None
    weights = [found.measurements.minimum.weights[f"w{i}"] for i in range(5)]
    np.testing.assert_allclose(weights, exact, rtol=1e-9)
    assert "SD202" not in codes(found)
    best = found.remedies[0]
    assert best.reached
    carried = np.array([best.weights[f"w{i}"] for i in range(5)])
    assert np.mean((X @ carried - target) ** 2) <= 1.0101 * found.measurements.minimum.loss


def test_a_sum_in_place_of_a_mean() -> None:
    """The learning rate of a mean, used where the loss is a sum: rows times too large."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=100)
    data = {"x": x, "y": 2 * x + 1 + draw.normal(0, 0.1, 100)}
    X = np.stack([x, np.ones(100)], axis=1)
    limit = 2 / np.linalg.eigvalsh(2 * X.T @ X / 100)[-1]
    found = steepest.fit(data, "y ~ a*x + b", lr=100 * limit, steps=50, remedies=False)
    assert "about the number of rows, 100" in finding(found, "SD101").sentence
    found = steepest.fit(data, "y ~ a*x + b", lr=5 * limit, steps=50, remedies=False)
    assert "number of rows" not in finding(found, "SD101").sentence
    assert "number of\nrows" in page("SD101")


def test_a_start_outside_its_bounds_is_refused() -> None:
    with pytest.raises(InputError, match="start of b lies outside its bounds") as refused:
        steepest.fit(SPEED, FORMULA, start={"b": -1.0}, bounds={"b": (0.0, math.inf)})
    assert "b=-1" in str(refused.value)


# Classes that can be told apart: there is no minimum.

CLASSES = {"x": np.linspace(-2, 2, 40), "y": (np.linspace(-2, 2, 40) > 0.03) * 1.0}
SEPARABLE = {
    "a logit": ("y ~ a*x + b", {}),
    "a sigmoid": ("y ~ sigmoid(a*x + b)", {}),
    "a sigmoid written out": ("y ~ 1/(1 + exp(-(a*x + b)))", {"gives": "probability"}),
    "not linear in its weights": ("y ~ a*tanh(b*x) + c", {"start": {"a": 1.0, "b": 1.0, "c": 0.0}}),
}


@pytest.mark.parametrize("case", SEPARABLE.values(), ids=SEPARABLE)
def test_separable_classes_have_no_minimum(case: tuple[str, dict[str, Any]]) -> None:
    text, options = case
    options = {"start": {"a": 0.1, "b": 0.0}, **options}
    found = steepest.fit(CLASSES, text, loss="cross-entropy", lr=0.5, steps=300, **options)
    m = found.measurements
    assert m.minimum is not None
    assert m.minimum.separable
    assert m.minimum.loss == 0.0
    assert found.verdict.headline.startswith("The loss has no minimum: the classes can be told")
    assert "nears 0 without reaching it" in found.verdict.headline
    assert not codes(found) & {"SD101", "SD205", "SD206"}
    assert m.forecast is None
    assert "no minimum exists" in m.not_measured["forecast"]
    document = found.to_dict()
    assert document["forecast"] is None
    assert "grow for ever" in document["not_measured"]["forecast"]
    assert found.remedies == ()


def test_classes_apart_on_one_side_only() -> None:
    """With g = 1 both classes occur, with g = 0 only one: b falls for ever, a + b does not.

    The infimum is that of the rows with g = 1: their entropy, times their share.
    """
    g = np.repeat([0.0, 1.0], 20)
    y = np.where(np.arange(40) < 20, 0.0, np.arange(40) % 2)
    found = steepest.fit(
        {"g": g, "y": y}, "y ~ a*g + b", loss="cross-entropy", lr=0.5, steps=300, remedies=False
    )
    minimum = found.measurements.minimum
    assert minimum is not None
    assert minimum.separable
    assert minimum.loss == pytest.approx(math.log(2) / 2, abs=1e-6)
    assert "a part of the rows" in found.verdict.headline


WITH_A_MINIMUM = {
    "one label the other way": ({"y": np.where(np.arange(40) == 5, 1.0, CLASSES["y"])}, {}),
    "shares in place of labels": ({"y": np.clip(CLASSES["y"], 0.05, 0.95)}, {}),
    "the slope has a bound": ({}, {"bounds": {"a": (-3.0, 3.0), "b": (-3.0, 3.0)}}),
}


@pytest.mark.parametrize("case", WITH_A_MINIMUM.values(), ids=WITH_A_MINIMUM)
def test_classes_that_have_a_minimum(case: Any) -> None:
    data, options = case
    found = steepest.fit(
        CLASSES | data, "y ~ sigmoid(a*x + b)", loss="cross-entropy", lr=2.0, steps=300,
        start={"a": 0.1, "b": 0.0}, remedies=False, **options,
    )  # fmt: skip
    minimum = found.measurements.minimum
    assert minimum is not None
    assert not minimum.separable
    assert minimum.loss > 0
    assert "no minimum" not in found.verdict.headline


# SD204 and what no learning rate reached.


def test_a_local_minimum_with_its_lower_neighbour() -> None:
    found = steepest.minimize(
        "x**4 - 3*x**2 + x", start={"x": 2.0}, lr=0.02, steps=300, remedies=False
    )
    local = finding(found, "SD204")
    assert local.evidence["loss"] == pytest.approx(-1.07023, abs=1e-5)
    assert local.evidence["lower_loss"] == pytest.approx(-3.51391, abs=1e-5)
    assert local.evidence["lower_weights"] == pytest.approx({"x": -1.30084}, abs=1e-5)
    assert found.verdict.headline.startswith("In a local minimum")
    # On the way there it has not settled, and is run on.
    early = steepest.minimize(
        "x**4 - 3*x**2 + x", start={"x": 2.0}, lr=0.002, steps=5, remedies=False
    )
    assert early.measurements.heading == pytest.approx(-1.07023, abs=1e-5)
    assert early.verdict.headline.startswith("On its way to a local minimum")
    assert "SD204" in codes(early)


def test_nobody_arrives() -> None:
    """From y = 0 no learning rate leaves the saddle, so none can be called right."""
    found = steepest.minimize(
        "x**2 - y**2 + y**4", start={"x": 1.0, "y": 0.0}, lr=0.01, steps=5, remedies=False
    )
    assert found.verdict.learning_rate == "not measured"
    assert "No learning rate that was tried" in found.measurements.not_measured["rates"]
    assert "no learning rate that was tried gets within 1 % of the minimum" in (
        found.verdict.headline
    )


@pytest.mark.parametrize(("truth", "steps"), [(2.0, 0), (2.0, 5), (1.9, 0)])
def test_where_no_step_was_needed_or_taken_it_says_so(truth: float, steps: int) -> None:
    x = np.array([0.0, 1.0, 2.0, 4.0])
    run = steepest.fit(
        {"x": x, "y": truth * x}, "y ~ a*x", start={"a": 2.0}, steps=steps, remedies=False
    )
    told = " ".join([run.verdict.headline, str(run), *(f.sentence for f in run.verdict.findings)])
    assert not re.search(r"(?<![\d,.])0 steps", told), told
    if truth == 2.0:
        assert run.verdict.headline.startswith("At the minimum: loss 0 ")
        assert run.verdict.headline.endswith("at the start.") == (steps == 0)
    assert run.verdict.learning_rate != "too small"


# Bad input: the step, the weight and the row where it began, and the last good weights.


def test_not_differentiable_at_the_start() -> None:
    found = steepest.minimize("sqrt(x) + x**2", start={"x": 0.0}, lr=0.1, steps=10)
    broken = finding(found, "SD406")
    assert broken.evidence["step"] == 0
    assert broken.evidence["weight"] == "x"
    assert found.verdict.learning_rate == "not measured"
    assert found.weights == {"x": 0.0}
    assert found.measurements.descent.stopped == "diverged"


def test_a_logarithm_of_a_negative_number() -> None:
    """The weight a falls until a*x + b is negative on one row."""
    x = np.array([1.0, 2.0, 3.0, 7.0])
    y = np.array([-3.0, -3.0, -3.0, -3.0])

    def gradient(w: np.ndarray) -> np.ndarray:
        inside = w[0] * x + w[1]
        pull = 2 * (np.log(inside) - y) / inside
        return np.array([np.mean(pull * x), np.mean(pull)])

    walked = [np.array([0.5, 1.0])]
    while np.all(walked[-1][0] * x + walked[-1][1] > 0):
        walked.append(walked[-1] - 0.05 * gradient(walked[-1]))
    row = int(np.argmax(walked[-1][0] * x + walked[-1][1] <= 0))
    found = steepest.fit(
        {"x": x, "y": y}, "y ~ log(a*x + b)", start={"a": 0.5, "b": 1.0}, lr=0.05, steps=100,
        remedies=False,
    )  # fmt: skip
    broken = finding(found, "SD406")
    assert broken.evidence["step"] == len(walked) - 1
    assert broken.evidence["row"] == row
    assert "log" in broken.evidence["where"]
    assert list(found.weights.values()) == pytest.approx(walked[-2], rel=1e-12)
    assert math.isfinite(found.loss)
    assert found.measurements.descent.final_step == len(walked) - 2


def test_an_exponential_overflows() -> None:
    """One long step to b = 40, and exp(b*x) is beyond the largest number on the last row."""
    x, y = np.array([0.0, 1.0, 2.0, 30.0]), np.array([1.0, 2.0, 4.0, 3e5])
    slope = np.mean(2 * (np.exp(0.3 * x) - y) * x * np.exp(0.3 * x))
    assert np.exp(40.0 * 2.0) < np.finfo(float).max
    with np.errstate(over="ignore"):
        assert np.isinf(np.exp(np.float64(40.0 * 30.0)))
    found = steepest.fit(
        {"x": x, "y": y}, "y ~ a*exp(b*x)", start={"a": 1.0, "b": 0.3},
        lr=float((0.3 - 40) / slope), steps=50, remedies=False,
    )  # fmt: skip
    broken = finding(found, "SD406")
    assert (broken.evidence["step"], broken.evidence["row"]) == (1, 3)
    assert "exp" in broken.evidence["where"]
    assert found.weights == {"a": 1.0, "b": 0.3}
    assert found.measurements.descent.final_step == 0


# Time limits and Ctrl-C.


def test_a_time_limit_holds_beyond_the_descent(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    real = rates.study

    def study(*given: Any) -> Any:
        asked.append(given[7])
        return real(*given)

    monkeypatch.setattr(measure, "study", study)
    monkeypatch.setattr(prove, "ladder", lambda measurements: pytest.fail("a remedy was tried"))
    given: dict[str, Any] = {"optimizer": "momentum", "lr": 1e-7, "steps": 10**9}
    found = steepest.fit(SPEED, FORMULA, start=START, time_limit=0.2, **given)
    assert found.measurements.descent.stopped == "time limit"
    assert found.measurements.descent.seconds < 2
    assert asked == [0.2]
    assert found.remedies == ()


def test_a_remedy_takes_no_longer_than_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float | None] = []
    real = run.descend

    def descend(objective: Any, settings: Any, *given: Any, **named: Any) -> Any:
        limits.append(settings.time_limit)
        return real(objective, settings, *given, **named)

    monkeypatch.setattr(prove, "descend", descend)
    found = steepest.fit(SPEED, FORMULA, start=START, lr=1e-5, steps=10, time_limit=0.5)
    assert found.measurements.descent.stopped == "step limit"
    assert limits
    assert all(limit is not None and limit <= 0.5 for limit in limits)


def stopping(phase: str) -> Any:
    """A progress callback during which Ctrl-C is pressed."""

    def progress(where: str, done: int, total: int | None, loss: float | None) -> None:
        if where == phase:
            raise KeyboardInterrupt

    return progress


def fit_speed(**options: Any) -> Any:
    return steepest.fit(SPEED, FORMULA, start=START, lr=1e-5, steps=10, **options)


def test_ctrl_c_before_the_first_remedy_keeps_the_run() -> None:
    found = fit_speed(progress=stopping("trying remedies"))
    assert found.measurements.descent.stopped == "step limit"
    assert "SD201" in codes(found)
    assert found.remedies == ()


def test_ctrl_c_during_a_remedy_keeps_the_ones_before(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    real = prove.outcome_of

    def attempt(chosen: Any, *given: Any) -> Any:
        tried.append(chosen.proposal.change)
        if len(tried) == 2:
            raise KeyboardInterrupt
        return real(chosen, *given)

    monkeypatch.setattr(prove, "outcome_of", attempt)
    found = fit_speed()
    assert tried == ["better learning rate", "a rate per weight"]
    assert [remedy.change for remedy in found.remedies] == ["better learning rate"]
    assert found.loss == pytest.approx(283.98554, rel=1e-6)


def test_ctrl_c_while_learning_rates_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    def study(*given: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(measure, "study", study)
    found = fit_speed()
    assert found.verdict.learning_rate == "not measured"
    assert found.measurements.not_measured["rates"] == measure.INTERRUPTED
    assert found.remedies == ()


def test_ctrl_c_during_the_descent() -> None:
    found = steepest.fit(
        SPEED, FORMULA, start=START, lr=1e-5, steps=10**6, progress=stopping("descending")
    )
    descent = found.measurements.descent
    assert descent.stopped == "interrupted"
    assert 0 < descent.steps < 10**6
    assert found.remedies == ()
