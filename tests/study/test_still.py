"""Weights without a gradient, starts far from the data, and other weights that fit as well."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import scipy.optimize

import steepest
from steepest.records.arrays import Vector
from steepest.records.verdict import Finding
from steepest.run.run import Run

ROWS = 24


def noise(seed: int) -> Vector:
    return np.random.default_rng([seed, 3]).normal(size=ROWS)


def fitted(data: Mapping[str, Vector], formula: str, **options: Any) -> Run:
    given: dict[str, Any] = {"lr": 1e-3, "steps": 50, "remedies": False, **options}
    return steepest.fit(dict(data), formula, **given)


def found(run: Run, code: str) -> list[Finding]:
    return [finding for finding in run.verdict.findings if finding.code == code]


def decay(seed: int, shift: float = 0.0) -> dict[str, Vector]:
    x = np.linspace(0.0, 6.0, ROWS) + shift
    y = 5 * np.exp(-0.5 * (x - shift)) + 1 + 0.02 * noise(seed)
    return {"x": x, "y": y}


EXPONENTIAL = "y ~ a*exp(-b*x) + c"
ONES = {"a": 1.0, "b": 1.0, "c": 1.0}


def test_a_weight_in_a_condition_never_moves() -> None:
    x = np.arange(12.0)
    run = fitted({"x": x, "y": np.where(x < 7, 2.0, 5.0)}, "y ~ where(x < c, a, b)",
                 start={"a": 1.0, "b": 1.0, "c": 4.0})  # fmt: skip
    (one,) = found(run, "SD409")
    assert one.sentence.startswith(
        "c stands only in a condition (x < c), which has no slope: its gradient is exactly zero on "
        "every row and at every step"
    )
    assert np.all(run.trace.gradient[:, run.trace.names.index("c")] == 0)
    assert not found(run, "SD202")


def test_an_exponential_that_is_nothing_on_every_row() -> None:
    run = fitted(decay(0, 40.0), EXPONENTIAL, start=ONES)
    (one,) = found(run, "SD307")
    top = np.exp(-40.0)
    assert f"exp(-b*x) is at most {top:.3g}" in one.sentence
    assert "for a and b, from the start on" in one.sentence
    weights = {entry["weight"]: entry for entry in one.evidence["weights"]}  # type: ignore[attr-defined]
    x, y = decay(0, 40.0).values()
    for name, slope in (("a", np.exp(-x)), ("b", -x * np.exp(-x))):
        move = weights[name]["at_minimum"] - 1.0
        share = np.sqrt(np.mean(slope**2)) * abs(move) / np.std(y)
        assert weights[name]["share"] == pytest.approx(share, rel=1e-6)
    # Where the minimum is, a solver of scipy's says.
    minimum = run.measurements.minimum
    assert minimum is not None
    assert f"The loss is {minimum.loss:.6g} at a = " in one.sentence
    assert minimum.loss == pytest.approx(np.mean((0.02 * noise(0)) ** 2), rel=0.5)


def test_an_exponential_that_underflows_has_a_gradient_of_exactly_zero() -> None:
    run = fitted(decay(0, 40.0), EXPONENTIAL, start=ONES | {"b": 20.0})
    (one,) = found(run, "SD409")
    assert "exactly zero on every row for a and b, from the start on" in one.sentence


OF_ANOTHER_SCALE = [
    (3e-5, 4e4, 6e-6),
    (3e-5, 4e4, 2e-6),
    (3e-3, 4e4, 6e-6),
    (5e-6, 3e4, 1e-6),
    (3e-5, 1e5, 6e-6),
]


def test_a_start_at_another_scale() -> None:
    """Which starts lead there by themselves depends on the last digits, so on the processor."""
    named = 0
    for true in OF_ANOTHER_SCALE:
        x = np.linspace(1e-5, 6e-5, ROWS)
        y = decaying(x, *true)
        run = fitted({"x": x, "y": y}, "y ~ a*exp(-b*x) - c", start=ONES, lr="auto")
        (one,) = found(run, "SD307")
        scales = one.evidence["scales"]
        assert isinstance(scales, dict)
        for name, weight in zip("abc", true, strict=True):
            if name in scales:
                there = {"start": 1.0, "minimum": pytest.approx(weight, rel=1e-6)}
                assert scales[name] == there
        assert "b" in scales
        start = re.search(r"From a = (\S+), b = (\S+), c = (\S+) a solver", one.sentence)
        if start is not None:
            named += 1
            begin = [float(text.replace(",", "")) for text in start.groups()]
            assert begin != [1.0, 1.0, 1.0]
            # scipy comes to the minimum from the start that it names.
            there = scipy.optimize.curve_fit(decaying, x, y, p0=begin)[0]
            assert there == pytest.approx(true, rel=1e-3), one.sentence
    assert named


def decaying(x: Vector, a: float, b: float, c: float) -> Vector:
    return np.asarray(a * np.exp(-b * x) - c)


def test_predictions_a_thousand_times_off() -> None:
    x = np.linspace(0, 8, ROWS)
    y = np.exp(0.3 * x) + 0.1 * noise(2)
    run = fitted({"x": x, "y": y}, "y ~ a*exp(b*x)", start={"a": 1.0, "b": 2.0}, lr=1e-18, steps=9)
    (one,) = found(run, "SD307")
    off = np.sqrt(np.mean((np.exp(2 * x) - y) ** 2) / np.var(y))
    assert one.evidence["times_as_far_off"] == pytest.approx(off)


def test_since_when_a_gradient_is_gone() -> None:
    # The second step is too long: it takes b to where the exponential is nothing.
    run = fitted(decay(0), EXPONENTIAL, start={"a": 1.0, "b": 0.1, "c": 1.0}, lr=1.0, steps=4)
    (one,) = run.measurements.still
    assert run.record.descent.stopped == "step limit"
    assert (one.weight, one.kind, one.since) == ("b", "zero", 2)
    b = run.trace.names.index("b")
    assert run.trace.gradient[1, b] != 0
    assert np.all(run.trace.gradient[2:, b] == 0)
    (told,) = found(run, "SD409")
    assert told.sentence.startswith(
        "The gradient is exactly zero on every row for b, from step 2 on."
    )


STARTS = {
    "a fair start": (0.0, ONES),
    "the decay a little far away": (3.0, ONES),
    "a negative rate": (0.0, {"a": 1.0, "b": -0.1, "c": 0.0}),
    "a large height": (0.0, {"a": 50.0, "b": 0.3, "c": 0.0}),
    "another sign": (0.0, {"a": -4.0, "b": 1.0, "c": 5.0}),
}


@pytest.mark.parametrize(("shift", "start"), STARTS.values(), ids=STARTS)
def test_nothing_is_said_of_a_gradient_that_leads_somewhere(
    shift: float, start: dict[str, float]
) -> None:
    for seed in (0, 1):
        run = fitted(decay(seed, shift), EXPONENTIAL, start=start)
        assert not found(run, "SD307"), seed
        assert not found(run, "SD409"), seed


# Other weights that fit as well


FLAT: dict[str, tuple[dict[str, float], Callable[[Mapping[str, float]], float]]] = {
    "(x+y)**2": ({"x": 1.0, "y": 2.0}, lambda w: (w["x"] + w["y"]) ** 2),
    "(x*y-1)**2": ({"x": 2.0, "y": 1.0}, lambda w: (w["x"] * w["y"] - 1) ** 2),
    "(x+y+z-1)**2 + (x-y)**2": (
        {"x": 1.0, "y": 2.0, "z": 0.0},
        lambda w: (w["x"] + w["y"] + w["z"] - 1) ** 2 + (w["x"] - w["y"]) ** 2,
    ),
}


@pytest.mark.parametrize("expression", FLAT)
def test_a_flat_direction_of_an_expression(expression: str) -> None:
    start, loss = FLAT[expression]
    run = steepest.minimize(expression, start=start, lr=0.05, steps=200, remedies=False)
    (one,) = found(run, "SD202")
    minimum = run.measurements.minimum
    assert minimum is not None
    there = minimum.elsewhere[0]
    if there is None:
        way = {name: minimum.weights[name] + 5 * by for name, by in minimum.flat[0].items()}
        assert loss(way) == pytest.approx(0.0, abs=1e-12)
        assert "leaves the loss as it is" in one.sentence
    else:
        assert loss(there) == pytest.approx(0.0, abs=1e-12)
        assert max(abs(there[name] - minimum.weights[name]) for name in there) > 0.01
        assert "Different weights have the same loss" in one.sentence
    assert not found(run, "SD201")


def test_a_product_of_weights_is_told_once() -> None:
    x = np.linspace(0, 3, ROWS)
    run = fitted({"x": x, "y": 6 * x + 1 + 0.1 * noise(0)}, "y ~ a*b*x + c", start=ONES, lr=0.01)
    (one,) = found(run, "SD202")
    there = one.evidence["elsewhere"]
    assert isinstance(there, dict)
    minimum = run.measurements.minimum
    assert minimum is not None
    assert there["a"] * there["b"] == pytest.approx(minimum.weights["a"] * minimum.weights["b"])
    assert "so the data cannot tell them apart" in one.sentence
    assert all("e+" not in finding.sentence for finding in found(run, "SD201"))


CURVED = {
    "x**4 + y**2": {"x": 1.0, "y": 1.0},
    "x**4 + y**4": {"x": 1.0, "y": 1.0},
    "(1-x)**2 + 100*(y-x**2)**2": {"x": -1.0, "y": 1.0},
    "x**2 + 1e-7*y**2": {"x": 1.0, "y": 1.0},
    "(x*y-1)**2 + 1e-3*x**2": {"x": 1.0, "y": 1.0},
}


@pytest.mark.parametrize("expression", CURVED)
def test_no_direction_is_flat_where_the_loss_rises(expression: str) -> None:
    run = steepest.minimize(
        expression, start=CURVED[expression], lr=0.001, steps=100, remedies=False
    )
    assert not found(run, "SD202")


def test_a_correlation_however_close_is_no_flat_direction() -> None:
    x = np.linspace(0, 3, ROWS)
    data = {"x": x, "y": 2 * np.exp(0.02 * x) + 0.001 * noise(1)}
    run = fitted(data, "y ~ a*exp(b*x) + c", start={"a": 1.0, "b": 0.1, "c": 1.0})
    assert not found(run, "SD202")


def test_a_weight_that_is_zero_at_the_minimum_is_of_no_other_scale() -> None:
    """What rounding left of zero has no scale, nor have residuals that are rounding a pattern."""
    x = np.linspace(0, 100, 300)
    start = {"a": 0.1257, "b": -0.1321, "c": 0.6404}
    run = fitted({"x": x, "y": np.sin(1.759 * x)}, "y ~ a*sin(b*x + c)", start=start)
    assert {"SD305", "SD306", "SD307"}.isdisjoint(found.code for found in run.verdict.findings)
