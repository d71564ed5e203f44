"""Carried weights must give the same predictions: both are computed by numpy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.autograd import formula_of

from steepest.objective.scaling import (
    Scaling,
    find_scaling,
    moments,
    scaled_columns,
)
from steepest.records.arrays import Vector

DRAW = np.random.default_rng(41)
ROWS = 30
COLUMNS = {
    "x": DRAW.normal(50, 12, ROWS),
    "z": DRAW.normal(-3, 0.02, ROWS),
    "t": np.arange(ROWS) * 1e3 + 7,
    "flag": (np.arange(ROWS) % 3 == 0).astype(np.float64),
    "same": np.full(ROWS, 4.0),
    "y": DRAW.normal(size=ROWS),
}

Model = Callable[[Vector, dict[str, Vector]], Vector]


def found(text: str) -> tuple[Scaling | None, tuple[str, ...]]:
    formula = formula_of(f"y ~ {text}", COLUMNS)
    return find_scaling(formula, COLUMNS, formula.weights), formula.weights


def check_same_model(scaling: Scaling, model: Model, weights: Vector) -> None:
    scaled = scaled_columns(COLUMNS, scaling.columns)
    carried = scaling.to_scaled(weights)
    before, after = model(weights, COLUMNS), model(carried, scaled)
    size = np.max(np.abs(before)) + np.max(np.abs(weights))
    np.testing.assert_allclose(after, before, rtol=1e-7, atol=1e-7 * size)
    back = scaling.to_user(carried)
    again = model(back, COLUMNS)
    np.testing.assert_allclose(again, before, rtol=1e-7, atol=1e-7 * size)
    np.testing.assert_allclose(back, weights, rtol=1e-6, atol=1e-6 * np.max(np.abs(weights)))


FULLY: dict[str, Model] = {
    "a*x + b": lambda w, c: w[0] * c["x"] + w[1],
    "a + b*x": lambda w, c: w[0] + w[1] * c["x"],
    "a*x**2 + b*x + c": lambda w, c: w[0] * c["x"] ** 2 + w[1] * c["x"] + w[2],
    "a*x + b*z + c*t + d": lambda w, c: w[0] * c["x"] + w[1] * c["z"] + w[2] * c["t"] + w[3],
    "a*x*z + b*x + c*z + d": lambda w, c: (
        w[0] * c["x"] * c["z"] + w[1] * c["x"] + w[2] * c["z"] + w[3]
    ),
    "a*flag + b": lambda w, c: w[0] * c["flag"] + w[1],
    "sigmoid(a*x + b)": lambda w, c: 1 / (1 + np.exp(-(w[0] * c["x"] + w[1]))),
    "a*tanh(b*x + c) + d": lambda w, c: w[0] * np.tanh(w[1] * c["x"] + w[2]) + w[3],
}


@pytest.mark.parametrize("text", FULLY)
def test_columns_become_mean_0_and_deviation_1(text: str) -> None:
    scaling, names = found(text)
    assert scaling is not None, "this model can be scaled"
    scaled = scaled_columns(COLUMNS, scaling.columns)
    for name in scaling.columns:
        assert np.mean(scaled[name]) == pytest.approx(0, abs=1e-9), name
        assert np.std(scaled[name]) == pytest.approx(1, rel=1e-9), name
    assert set(scaling.columns) == set(formula_of(f"y ~ {text}", COLUMNS).columns) - {"y"}
    for seed in range(3):
        check_same_model(scaling, FULLY[text], np.random.default_rng(seed).normal(size=len(names)))


def test_a_line_in_closed_form() -> None:
    """Slope times the deviation; the intercept takes the mean along."""
    scaling, _ = found("a*x + b")
    assert scaling is not None
    mean, deviation = np.mean(COLUMNS["x"]), np.std(COLUMNS["x"])
    assert scaling.columns["x"] == pytest.approx((mean, deviation))
    np.testing.assert_allclose(
        scaling.to_scaled(np.array([2.0, 5.0])), [2 * deviation, 5 + 2 * mean], rtol=1e-10
    )
    np.testing.assert_allclose(
        scaling.to_user(np.array([2.0, 5.0])), [2 / deviation, 5 - 2 * mean / deviation], rtol=1e-10
    )


DIVIDED: dict[str, Model] = {
    "a*x": lambda w, c: w[0] * c["x"],
    "a*x + b*z": lambda w, c: w[0] * c["x"] + w[1] * c["z"],
    "a*x**2": lambda w, c: w[0] * c["x"] ** 2,
    "a*exp(-b*x)": lambda w, c: w[0] * np.exp(-w[1] * c["x"]),
    "a/x": lambda w, c: w[0] / c["x"],
}


@pytest.mark.parametrize("text", DIVIDED)
def test_without_an_intercept_columns_are_only_divided(text: str) -> None:
    scaling, names = found(text)
    assert scaling is not None
    for name, (subtracted, divided) in scaling.columns.items():
        assert subtracted == 0, name
        assert divided == pytest.approx(np.std(COLUMNS[name])), name
    check_same_model(scaling, DIVIDED[text], np.linspace(0.01, 0.02, len(names)))


@pytest.mark.parametrize(
    "text",
    [
        "exp(x/100)*a + sin(x)*b",
        "a*log(x) + b*x*0 + where(x > 50, a, b)",
        "a + same*b",
        "a*sin(x)",
        "a*b + a*x",
        "x**a",
    ],
    ids=["inside-functions", "weight-in-two-parts", "constant-column", "sine", "product", "power"],
)
def test_no_scaling_keeps_these_models(text: str) -> None:
    scaling, names = found(text)
    assert scaling is None, f"{names} would become {scaling}"


def test_where_the_condition_is_not_a_matter_of_scale() -> None:
    """Scaling x would move the threshold, so x stays; z is free."""
    scaling, _ = found("where(x > 50, a, b) + c*z")
    assert scaling is not None
    assert set(scaling.columns) == {"z"}


def test_a_target_among_the_inputs_stays_what_it_is() -> None:
    formula = formula_of("log(y + 9)*x ~ a*x + b*z + c", COLUMNS)
    scaling = find_scaling(formula, COLUMNS, formula.weights)
    assert scaling is not None
    assert set(scaling.columns) == {"z"}


def test_moments_leave_out_constant_columns() -> None:
    result = moments(COLUMNS, ("x", "same"))
    assert [*result] == ["x"]
    assert result["x"] == pytest.approx((np.mean(COLUMNS["x"]), np.std(COLUMNS["x"])))


TERMS: dict[str, Callable[[dict[str, Vector]], Vector]] = {
    "x": lambda c: c["x"],
    "z": lambda c: c["z"],
    "t": lambda c: c["t"],
    "x*z": lambda c: c["x"] * c["z"],
    "x**2": lambda c: c["x"] ** 2,
    "flag": lambda c: c["flag"],
}
LINES = {"x", "z", "t", "flag"}
OUTSIDE: dict[str, Callable[[Vector], Vector]] = {
    "{}": lambda u: u,
    "tanh({})": np.tanh,
    "2*({}) - 1": lambda u: 2 * u - 1,
    "1/(1 + exp(-({})))": lambda u: 1 / (1 + np.exp(-u)),
}


@settings(max_examples=15)
@given(
    st.lists(st.sampled_from([*TERMS]), min_size=1, max_size=4, unique=True),
    st.booleans(),
    st.sampled_from([*OUTSIDE]),
    st.lists(st.floats(-1, 1, width=32), min_size=5, max_size=5),
)
def test_sums_of_terms(terms: list[str], level: bool, outside: str, at: list[float]) -> None:
    """Whatever can be scaled gives the same predictions before and after, there and back."""
    parts = [f"w{i}*{term}" for i, term in enumerate(terms)]
    inner = " + ".join([*parts, *(["level"] if level else [])])
    scaling, names = found(outside.format(inner))
    if scaling is None:
        assert not level or not set(terms) <= LINES, "every column of a line can be scaled"
        return

    def model(weights: Vector, columns: dict[str, Vector]) -> Vector:
        total = np.zeros(ROWS)
        for weight, term in zip(weights, terms, strict=False):
            total = total + weight * TERMS[term](columns)
        return OUTSIDE[outside](total + (weights[-1] if level else 0.0))

    weights = np.array(at[: len(names)])
    # A saturated function says nothing of its inside.
    sizes = np.array([np.max(np.abs(TERMS[term](COLUMNS))) for term in terms] + [1.0] * level)
    check_same_model(scaling, model, weights / sizes)
    if level and set(terms) <= LINES:
        assert set(scaling.columns) == set(terms)
