"""Standard errors and what stands beside them, against NIST, scipy, lmfit's report and algebra.

Numbers marked "lmfit" were printed by lmfit 1.3.4 for the same rows and model.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.nist import NAMES, load
from tests.specimens import SPEED

import steepest
from steepest.formula.parse import parse_model
from steepest.measure.statistics import (
    NO_DEGREES,
    NOT_IDENTIFIABLE,
    Tangent,
    bands,
    cooks_distances,
    distance,
    leverages,
    leverages_of,
    statistics,
    tangent,
)
from steepest.objective.least_squares import solve
from steepest.objective.objective import Objective, formula_objective
from steepest.problem.options import read_options
from steepest.problem.prepare import prepare_fit
from steepest.problem.setup import Setup
from steepest.records.arrays import Vector
from steepest.records.point import Minimum
from steepest.records.verdict import Statistics
from steepest.run.run import Run
from steepest.show.terminal import plain
from steepest.study.aim import known_minimum
from steepest.study.bands import bands_of
from steepest.study.measure import shares, statistics_at
from steepest.words.errors import InputError, SteepestError, UsageError

RNG = np.random.default_rng(20)
X = np.linspace(0.5, 8, 24)
LINE = {"x": X, "z": np.sin(X), "y": 3 - 0.7 * X + 2 * np.sin(X) + RNG.normal(size=24)}
SIGMA = 0.2 + RNG.uniform(size=24)

DECAY = {
    "x": np.arange(1.0, 11.0),
    "y": np.array([5.1, 3.9, 3.2, 2.4, 2.1, 1.5, 1.45, 1.1, 0.85, 0.8]),
    "s": np.array([0.1, 0.2] * 5),
}
DECAY_FORMULA = "y ~ a*exp(-k*x) + c"


def objective_of(formula: str, columns: Mapping[str, Vector], **options: Any) -> Objective:
    return formula_objective(
        parse_model(formula, tuple(columns)), columns, **{"loss": "mse", **options}
    )


def at(objective: Objective, weights: Vector) -> Tangent:
    found = tangent(objective, weights)
    assert found is not None
    return found


def linear(formula: str, columns: Mapping[str, Vector], **options: Any) -> Tangent:
    """The tangent of a model that is linear in its weights, at its exact minimum."""
    objective = objective_of(formula, columns, **options)
    return at(objective, solve(objective).solution)


def stated(found: Tangent) -> Statistics:
    return statistics(found, np.arange(len(found.residual)))


def known(data: Any, formula: str, **options: Any) -> tuple[Setup, Minimum | None]:
    """As the bench prepares a fit and finds its minimum, without a descent."""
    setup = prepare_fit(data, formula, read_options(options))
    return setup, known_minimum(setup, 0)


def measured(data: Any, formula: str, **options: Any) -> Statistics:
    found, why = statistics_at(*known(data, formula, **options))
    assert found is not None, why
    return found


def errors(found: Statistics) -> list[float | None]:
    return [entry.error for entry in found.weights]


@pytest.mark.parametrize("name", NAMES)
def test_nist_certifies_the_standard_deviations(name: str) -> None:
    certified = load(name)
    objective = objective_of(certified.formula, certified.columns)
    here = at(objective, objective.vector(certified.weights))
    found = stated(here)
    deviation, mine = certified.residual_deviation, found.residual_deviation
    assert mine is not None
    if name == "Lanczos1":
        # Its weights are certified to 11 digits, and its residuals are 1e-13 of the target: what
        # does not depend on them is the ratio of the two deviations.
        shares = {e.weight: e.error / mine * deviation for e in found.weights if e.error}
    else:
        assert mine == pytest.approx(deviation, rel=1e-9)
        assert found.residual_sum == pytest.approx(certified.residual_sum, rel=1e-9)
        assert distance(here) < 1e-4
        shares = {e.weight: e.error for e in found.weights if e.error}
    assert shares == pytest.approx(certified.deviations, rel=1e-8)
    assert found.degrees_of_freedom == certified.rows - len(certified.weights)


@pytest.mark.parametrize("sigma", [None, SIGMA], ids=["equal rows", "sigma"])
def test_a_linear_fit_is_the_textbook(sigma: Vector | None) -> None:
    """Against the normal equations, which are safe at this condition number."""
    weight = None if sigma is None else 1 / sigma**2
    here = linear("y ~ a + b*x + c*z", LINE, row_weight=weight)
    found = stated(here)
    design = np.stack([np.ones_like(X), X, LINE["z"]], axis=1)
    w = np.ones_like(X) if weight is None else weight
    inverse = np.linalg.inv(design.T @ (w[:, None] * design))
    residual = LINE["y"] - design @ (inverse @ design.T @ (w * LINE["y"]))
    rss = float(np.sum(w * residual**2))
    covariance = inverse * rss / 21
    assert errors(found) == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-10)
    deviations = np.sqrt(np.diag(covariance))
    expected = covariance / np.outer(deviations, deviations)
    assert found.correlations == pytest.approx(expected, rel=1e-9)
    assert found.residual_sum == pytest.approx(rss, rel=1e-12)
    assert found.reduced_chi_square == pytest.approx(rss / 21, rel=1e-12)
    mean = np.sum(w * LINE["y"]) / np.sum(w)
    r_squared = 1 - rss / np.sum(w * (LINE["y"] - mean) ** 2)
    assert found.r_squared == pytest.approx(r_squared, rel=1e-12)
    assert found.adjusted_r_squared == pytest.approx(1 - (1 - r_squared) * 23 / 21, rel=1e-12)
    assert found.aic == pytest.approx(24 * np.log(rss / 24) + 6, rel=1e-12)
    assert found.bic == pytest.approx(24 * np.log(rss / 24) + 3 * np.log(24), rel=1e-12)
    hat = design @ inverse @ design.T * w
    assert leverages_of(here) == pytest.approx(np.diag(hat), rel=1e-10)


def decay(x: Vector, a: float, k: float, c: float) -> Vector:
    return np.asarray(a * np.exp(-k * x) + c)


@pytest.mark.parametrize("sigma", [None, DECAY["s"]], ids=["equal rows", "sigma"])
def test_a_curved_fit_has_the_covariance_of_curve_fit(sigma: Vector | None) -> None:
    best, covariance = scipy.optimize.curve_fit(
        decay,
        DECAY["x"],
        DECAY["y"],
        p0=[6, 0.2, 0],
        sigma=sigma,
        absolute_sigma=False,
        jac=lambda x, a, k, c: np.stack(
            [np.exp(-k * x), -a * x * np.exp(-k * x), np.ones_like(x)], axis=1
        ),
        ftol=1e-15,
        xtol=1e-15,
    )
    weight = None if sigma is None else 1 / sigma**2
    objective = objective_of(DECAY_FORMULA, DECAY, row_weight=weight)
    assert objective.names == ("a", "k", "c")
    found = stated(at(objective, best))
    assert errors(found) == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-8)


LMFIT: dict[str, tuple[str | None, dict[str, float], list[float]]] = {
    "equal rows": (
        None,
        {"aic": -44.33753042522264, "bic": -43.4297751462405, "chi": 0.009306165899318777},
        [0.1395361739767812, 0.02086491403756372, 0.14409812135529565, -0.17551139548423692],
    ),
    "sigma": (
        "s",
        {"aic": -4.749500800182947, "bic": -3.841745521200809, "chi": 0.4875925618627988},
        [0.12392559303315633, 0.018287888971203127, 0.15567922927968655, -0.5174801327090112],
    ),
}


@pytest.mark.parametrize(("sigma", "quality", "report"), LMFIT.values(), ids=LMFIT)
def test_the_habits_are_those_of_lmfit(
    sigma: str | None, quality: dict[str, float], report: list[float]
) -> None:
    found = measured(DECAY, DECAY_FORMULA, start={"a": 6, "k": 0.2, "c": 0}, sigma=sigma)
    assert found.sigma == sigma
    assert found.aic == pytest.approx(quality["aic"], rel=1e-7)
    assert found.bic == pytest.approx(quality["bic"], rel=1e-7)
    assert found.reduced_chi_square == pytest.approx(quality["chi"], rel=1e-7)
    # lmfit differentiates numerically.
    assert errors(found) == pytest.approx(report[:3], rel=1e-5)
    assert found.correlations is not None
    assert found.correlations[0, 2] == pytest.approx(report[3], rel=1e-4)


def inflation_by_regression(design: np.ndarray, place: int) -> float:
    """1/(1 - R²) of a column on the others, none centred."""
    column, others = design[:, place], np.delete(design, place, axis=1)
    left = column - others @ np.linalg.lstsq(others, column, rcond=None)[0]
    return float(1 / (1 - (1 - left @ left / (column @ column))))


@pytest.mark.parametrize("alike", [0.0, 0.9, 0.9999])
@pytest.mark.parametrize("standardize", [False, True])
def test_an_error_is_inflated_by_what_the_other_columns_make_up_for(
    alike: float, standardize: bool
) -> None:
    draw = np.random.default_rng(4)
    x, own, other = (np.linalg.qr(draw.normal(size=(40, 4)))[0] * np.sqrt(40))[:, :3].T
    data = {"x": 3 * x + 5, "z": alike * x + np.sqrt(1 - alike**2) * own, "u": other}
    data["y"] = 2 * data["x"] - data["z"] + 0.1 * draw.normal(size=40)
    design = np.column_stack([data["x"], data["z"], data["u"], np.ones(40)])
    found = measured(data, "y ~ a*x + b*z + c*u + d", standardize=standardize)
    entries = found.user_weights or found.weights
    cov = np.linalg.inv(design.T @ design)
    alone = 1 / np.linalg.norm(design, axis=0)
    for place, entry in enumerate(entries):
        assert entry.inflation is not None
        factor = inflation_by_regression(design, place)
        assert entry.inflation.factor == pytest.approx(factor, rel=1e-6)
        # As the sentence has it: beside the error with all other weights known, as the fit has it.
        scatter = found.residual_deviation
        assert entry.error == pytest.approx(scatter * alone[place] * np.sqrt(factor), rel=1e-6)
        blamed = [one.weight for one in entries].index(entry.inflation.partner)
        pair = cov[place] / np.sqrt(cov[place, place] * np.diag(cov))
        assert entry.inflation.correlation == pytest.approx(pair[blamed], abs=1e-6)
        # No other weight, if it were known, would leave less.
        without = {
            one: inflation_by_regression(
                np.delete(design, one, axis=1), place - (one < place)
            )
            for one in range(4)
            if one != place
        }  # fmt: skip
        assert entry.inflation.left == pytest.approx(min(without.values()), rel=1e-5)
        assert without[blamed] == pytest.approx(min(without.values()), rel=1e-6)


def test_the_errors_of_a_curve_are_inflated_as_those_of_its_tangent() -> None:
    start = {"a": 6.0, "k": 0.3, "c": 0.1}
    setup, minimum = known(DECAY, DECAY_FORMULA, start=start)
    found, why = statistics_at(setup, minimum)
    assert minimum is not None
    assert found is not None, why
    x, w = DECAY["x"], minimum.weights
    fall = np.exp(-w["k"] * x)
    design = np.column_stack([fall, -w["a"] * x * fall, np.ones(len(x))])
    for entry, place in zip(found.weights, range(3), strict=True):
        assert entry.inflation is not None
        wanted = inflation_by_regression(design, place)
        assert entry.inflation.factor == pytest.approx(wanted, rel=1e-6)


def test_large_errors_say_which_weight_makes_them_large() -> None:
    draw = np.random.default_rng(4)
    x, own = (np.linalg.qr(draw.normal(size=(40, 2)))[0] * np.sqrt(40)).T
    z = 0.9999 * x + np.sqrt(1 - 0.9999**2) * own
    y = 2 * x - z + 3 * draw.normal(size=40)
    for column in (z, own):
        run = steepest.fit(
            {"x": x, "z": column, "y": y}, "y ~ a*x + b*z", steps=5, remedies=False, save=False
        )
        said = " ".join(str(run).split())
        if column is z:
            # 1/sqrt(1 - 0.9999²)
            said_of = r"of (a is \S+ times as large as if b|b is \S+ times as large as if a)"
            found = re.search(rf"{said_of} were known \(correlation -0.9999\)\.", said)
            assert found is not None, said
            assert " is 70.7 times " in found[0]
        else:
            assert "as large as if" not in said


def test_only_the_ratios_of_sigma_count() -> None:
    once = stated(linear("y ~ a + b*x", LINE, row_weight=1 / SIGMA**2))
    tenfold = stated(linear("y ~ a + b*x", LINE, row_weight=1 / (10 * SIGMA) ** 2))
    assert errors(tenfold) == pytest.approx(errors(once), rel=1e-10)
    assert once.residual_deviation == pytest.approx(10 * (tenfold.residual_deviation or 0))


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
@pytest.mark.parametrize("sigma", [None, SIGMA], ids=["equal rows", "sigma"])
def test_bands_of_a_line_by_hand(level: float, sigma: Vector | None) -> None:
    from scipy import stats

    """The half width is t s √(1/n + (x - mean)²/Σ(x - mean)²), weighted."""
    weight = None if sigma is None else 1 / sigma**2
    here = linear("y ~ a + b*x", LINE, row_weight=weight)
    w = np.ones_like(X) if weight is None else weight
    new = np.array([-3.0, 2.5, 40.0])
    found = bands(
        here,
        here.weights[0] + here.weights[1] * new,
        np.stack([np.ones(3), new], axis=1),
        level=level,
        row_weight=None if weight is None else np.array([1.0, 4.0, 0.25]),
    )
    mean = np.sum(w * X) / np.sum(w)
    h = 1 / np.sum(w) + (new - mean) ** 2 / np.sum(w * (X - mean) ** 2)
    s = np.sqrt(np.sum(w * (LINE["y"] - here.weights[0] - here.weights[1] * X) ** 2) / 22)
    t = stats.t.ppf(0.5 + level / 2, 22)
    own = np.ones(3) if weight is None else np.array([1.0, 0.25, 4.0])
    assert found.confidence_high - found.prediction == pytest.approx(t * s * np.sqrt(h), rel=1e-9)
    assert found.prediction - found.confidence_low == pytest.approx(t * s * np.sqrt(h), rel=1e-9)
    single = t * s * np.sqrt(h + own)
    assert found.prediction_high - found.prediction == pytest.approx(single, rel=1e-9)
    assert found.prediction - found.prediction_low == pytest.approx(single, rel=1e-9)


def test_a_band_holds_the_truth_as_often_as_it_says() -> None:
    """2,000 data sets from a known line: the share of bands over it is the level, within 4 σ."""
    x = np.linspace(0, 4, 8)
    design = np.stack([np.ones_like(x), x], axis=1)
    first = linear("y ~ a + b*x", {"x": x, "y": x**2})
    new, truth, held, single = np.array([[1.0, 3.0]]), 7.0, 0, 0
    draw = np.random.default_rng(7)
    for _ in range(2000):
        y = 1 + 2 * x + draw.normal(size=8)
        best = np.asarray(np.linalg.lstsq(design, y)[0], dtype=np.float64)
        here = replace(first, weights=best, residual=design @ best - y, target=y)
        found = bands(here, new @ best, new, level=0.9)
        held += bool(found.confidence_low[0] <= truth <= found.confidence_high[0])
        fresh = truth + draw.normal()
        single += bool(found.prediction_low[0] <= fresh <= found.prediction_high[0])
    spread = 4 * np.sqrt(0.9 * 0.1 * 2000)
    assert held == pytest.approx(1800, abs=spread)
    assert single == pytest.approx(1800, abs=spread)


def test_leverage_and_cooks_distance_are_what_leaving_a_row_out_does() -> None:
    """For a linear model both are exact: they must say what 24 fits without a row say."""
    here = linear("y ~ a + b*x + c*z", LINE)
    design = np.stack([np.ones_like(X), X, LINE["z"]], axis=1)
    whole = design @ here.weights
    s = here.scatter
    assert s is not None
    for row in range(24):
        rest = np.arange(24) != row
        without = design @ np.linalg.lstsq(design[rest], LINE["y"][rest])[0]
        moved = np.sum((without - whole) ** 2) / (3 * s**2)
        assert cooks_distances(here)[row] == pytest.approx(moved, rel=1e-8)
        raised = LINE["y"] + (np.arange(24) == row)
        pulled = design[row] @ np.linalg.lstsq(design, raised)[0] - whole[row]
        assert leverages_of(here)[row] == pytest.approx(pulled, rel=1e-9)
    influence = stated(here).influence
    largest = np.argsort(-cooks_distances(here), kind="stable")[:10]
    assert [entry.row for entry in influence] == largest.tolist()


def test_of_rows_that_bear_equally_the_first_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal to the last digit, which sums in some order would not be."""
    x = np.arange(64.0)
    here = linear("y ~ a*x", {"x": x, "y": x + np.sin(x)})
    for name in ("cooks_distances", "leverages_of"):
        monkeypatch.setattr(f"steepest.measure.statistics.{name}", lambda _: np.full(64, 0.5))
    assert [entry.row for entry in stated(here).influence] == list(range(10))


COLLINEAR = {
    "collinear columns": ("y ~ a*x + b*t + c", {**LINE, "t": 2 * X}, ("a", "b")),
    "a weight twice": ("y ~ (a + b)*x + c*z", LINE, ("a", "b")),
    "a column of zeros": ("y ~ a*x + b*t + c", {**LINE, "t": 0 * X}, ("b",)),
}


@pytest.mark.parametrize(("formula", "columns", "unknown"), COLLINEAR.values(), ids=COLLINEAR)
def test_what_the_data_cannot_tell_is_not_identifiable(
    formula: str, columns: dict[str, Vector], unknown: tuple[str, ...]
) -> None:
    here = linear(formula, columns)
    found = stated(here)
    for entry in found.weights:
        assert entry.identifiable == (entry.weight not in unknown)
        assert (entry.error is None) == (entry.weight in unknown)
        assert entry.reason == (NOT_IDENTIFIABLE if entry.weight in unknown else None)
    assert found.free_weights == 2
    assert found.degrees_of_freedom == 22
    assert float(np.sum(leverages_of(here))) == pytest.approx(2)
    # The others are as in the model without what says nothing.
    design = np.stack([X, LINE["z"] if "z" in formula else np.ones_like(X)], axis=1)
    rss = np.sum((LINE["y"] - design @ np.linalg.lstsq(design, LINE["y"])[0]) ** 2)
    known = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * rss / 22)
    mine = {entry.weight: entry.error for entry in found.weights}
    assert mine["c"] == pytest.approx(known[1], rel=1e-9)
    assert found.correlations is not None
    place = [entry.weight for entry in found.weights].index(unknown[0])
    assert np.all(np.isnan(found.correlations[place]))


def test_a_product_of_two_weights_is_not_identifiable_and_the_rest_is() -> None:
    columns = {"x": X, "y": 6 * X + 1 + RNG.normal(size=24)}
    slope, offset = np.polyfit(X, columns["y"], 1)
    here = at(objective_of("y ~ a*b*x + c", columns), np.array([2.0, slope / 2, offset]))
    assert [entry.identifiable for entry in stated(here).weights] == [False, False, True]
    jacobian = np.stack([X * slope / 2, 2 * X, np.ones_like(X)], axis=1)
    found = bands(here, jacobian @ here.weights, jacobian, level=0.95)
    # The product is known, so the prediction is.
    assert np.all(np.isfinite(found.confidence_low))


def test_a_prediction_that_needs_the_unknown_has_no_band() -> None:
    here = linear("y ~ a*x + b*t + c", {**LINE, "t": 2 * X})
    rows = np.array([[1.0, 2.0, 1.0], [1.0, 3.0, 1.0]])
    found = bands(here, rows @ here.weights, rows, level=0.95)
    assert np.isfinite(found.confidence_low).tolist() == [True, False]
    assert np.isfinite(found.prediction_high).tolist() == [True, False]


def test_as_many_weights_as_rows_leave_nothing_to_measure_by() -> None:
    found = stated(linear("y ~ a + b*x", {"x": np.array([1.0, 2.0]), "y": np.array([3.0, 5.5])}))
    assert found.degrees_of_freedom == 0
    assert errors(found) == [None, None]
    assert {entry.reason for entry in found.weights} == {NO_DEGREES}
    for name in ("residual_deviation", "reduced_chi_square", "aic", "bic", "adjusted_r_squared"):
        assert getattr(found, name) is None
        assert found.not_measured[name] == NO_DEGREES
    assert found.r_squared == 1.0
    assert found.influence == ()


PERFECT: dict[str, Callable[[Vector], Vector]] = {
    "exact in binary": lambda x: 2 * x + 1,
    "rounded": lambda x: 0.1 * x + 0.3,
    "large": lambda x: 1e150 * x,
}


@pytest.mark.parametrize("truth", PERFECT.values(), ids=PERFECT)
def test_perfect_data_have_errors_of_zero(truth: Callable[[Vector], Vector]) -> None:
    x = np.arange(1.0, 9.0)
    here = linear("y ~ a*x + b", {"x": x, "y": truth(x)})
    found = stated(here)
    assert here.perfect
    assert errors(found) == [0.0, 0.0]
    assert found.residual_deviation == 0.0
    assert found.r_squared == 1.0
    assert found.aic is None
    assert "zero" in found.not_measured["aic"]
    assert distance(here) == 0.0
    band = bands(here, truth(x), np.stack([x, np.ones_like(x)], axis=1), level=0.95)
    assert band.prediction_low == pytest.approx(truth(x), rel=1e-15)


def test_a_constant_target_leaves_nothing_to_explain() -> None:
    found = stated(linear("y ~ a*x + b", {"x": X, "y": np.full(24, 0.3)}))
    assert found.r_squared is None
    assert "same on every row" in found.not_measured["r_squared"]


def test_a_target_whose_squares_are_zero_leaves_nothing_to_explain() -> None:
    found = stated(linear("y ~ a*x + b", {"x": X, "y": 1e-200 * X**2}))
    assert found.r_squared is None


def test_derivatives_that_are_not_finite_give_none() -> None:
    objective = objective_of("y ~ a*sqrt(x - b)", {"x": X, "y": X})
    assert tangent(objective, np.array([1.0, 0.5])) is None
    assert leverages(objective, np.array([1.0, 0.5])) is None


def test_other_losses_have_no_statistics() -> None:
    with pytest.raises(TypeError, match="least-squares"):
        tangent(objective_of("y ~ a*x", LINE, loss="mae"), np.array([1.0]))


def test_the_distance_to_the_minimum_is_counted_in_standard_errors() -> None:
    """Moved by k standard errors along each axis of the confidence ellipsoid, it says k."""
    objective = objective_of("y ~ a + b*x + c*z", LINE)
    best = solve(objective).solution
    here = at(objective, best)
    assert here.scatter is not None
    assert distance(here) < 1e-10
    move = here.scatter * here.factors.root @ np.array([0.5, -0.5, 0.5])
    assert distance(at(objective, best + move)) == pytest.approx(0.5, rel=1e-9)


scales = st.floats(-8, 8).map(lambda power: float(10.0**power))


@settings(max_examples=25)
@given(scales, scales)
def test_rescaling_a_column_rescales_its_error(by: float, target_by: float) -> None:
    plain = stated(linear("y ~ a + b*x + c*z", LINE))
    columns = {**LINE, "x": X * by, "y": LINE["y"] * target_by}
    found = stated(linear("y ~ a + b*x + c*z", columns))
    a, b, c = (error or 0.0 for error in errors(plain))
    expected = [a * target_by, b * target_by / by, c * target_by]
    assert errors(found) == pytest.approx(expected, rel=1e-9, abs=0)
    assert found.correlations == pytest.approx(plain.correlations, abs=1e-9)
    assert found.r_squared == pytest.approx(plain.r_squared, rel=1e-9)
    assert found.aic == pytest.approx((plain.aic or 0) + 48 * np.log(target_by), rel=1e-9, abs=1e-9)


@settings(max_examples=25)
@given(st.permutations(range(24)))
def test_the_order_of_rows_changes_nothing(order: list[int]) -> None:
    shuffled = {name: column[order] for name, column in LINE.items()}
    plain, found = linear("y ~ a + b*x", LINE), linear("y ~ a + b*x", shuffled)
    assert errors(stated(found)) == pytest.approx(errors(stated(plain)), rel=1e-10)
    assert leverages_of(found) == pytest.approx(leverages_of(plain)[order], rel=1e-9)


@settings(max_examples=25)
@given(st.integers(2, 5))
def test_every_row_twice_is_every_row_with_weight_two(times: int) -> None:
    """The same RSS and (JᵀWJ)⁻¹; only the degrees of freedom differ."""
    repeated = linear("y ~ a + b*x", {k: np.tile(v, times) for k, v in LINE.items()})
    weighted = linear("y ~ a + b*x", LINE, row_weight=np.full(24, float(times)))
    assert repeated.residual_sum == pytest.approx(weighted.residual_sum, rel=1e-12)
    ratio = np.sqrt(22 / (24 * times - 2))
    expected = [ratio * (error or 0.0) for error in errors(stated(weighted))]
    assert errors(stated(repeated)) == pytest.approx(expected, rel=1e-10)


QUADRATIC = "speed ~ a*time**2 + b*time + c"


@cache
def speed(standardize: bool = False) -> Run:
    return steepest.fit(
        str(SPEED), QUADRATIC, lr=1e-5, steps=5, standardize=standardize, remedies=False
    )


def speed_columns() -> tuple[Vector, Vector]:
    with SPEED.open(encoding="utf-8") as file:
        rows = [(float(row["time"]), float(row["speed"])) for row in csv.DictReader(file)]
    time, target = np.array(rows).T
    return time, target


def test_a_run_has_them_at_the_minimum_wherever_it_stopped() -> None:
    time, target = speed_columns()
    best, covariance = np.polyfit(time, target, 2, cov=True)
    for found in (speed().statistics, measured(str(SPEED), QUADRATIC, loss="rmse")):
        assert found is not None
        assert errors(found) == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-9)
        assert [entry.value for entry in found.weights] == pytest.approx(best, rel=1e-8)


def test_scaled_columns_carry_the_errors_to_the_users_units() -> None:
    time, target = speed_columns()
    best, covariance = np.polyfit(time, target, 2, cov=True)
    run = speed(standardize=True)
    found = run.statistics
    assert found is not None
    assert [entry.error for entry in found.user_weights] == pytest.approx(
        np.sqrt(np.diag(covariance)), rel=1e-9
    )
    assert [entry.value for entry in found.user_weights] == pytest.approx(best, rel=1e-9)
    scaled = (time - time.mean()) / time.std()
    own = np.sqrt(np.diag(np.polyfit(scaled, target, 2, cov=True)[1]))
    assert errors(found) == pytest.approx(own, rel=1e-9)
    block = run.to_dict()["statistics"]
    assert block["user_units"]["a"]["standard_error"] == found.user_weights[0].error
    other = speed().bands({"time": [0.0, 40.0]})
    for name, band in run.bands({"time": [0.0, 40.0]}).items():
        assert band == pytest.approx(other[name], rel=1e-9), name


def test_the_bands_of_a_run_are_on_its_own_rows_unless_others_are_given() -> None:
    run = speed()
    time, target = speed_columns()
    own, same = run.bands(), run.bands({"time": time})
    fitted = np.polyval(np.polyfit(time, target, 2), time)
    assert own["prediction"] == pytest.approx(fitted, rel=1e-7, abs=1e-9)
    assert list(own) == [
        "prediction",
        *("confidence_low", "confidence_high", "prediction_low", "prediction_high"),
    ]
    for name, band in own.items():
        assert band.shape == (20,)
        assert same[name] == pytest.approx(band, rel=1e-12)
    assert np.all(run.bands(level=0.5)["confidence_low"] > own["confidence_low"])


def refused(data: Any, formula: str, new: Any = None, **options: Any) -> Callable[[], object]:
    return lambda: bands_of(*known(data, formula, **options), new, 0.95)


TWO = {"x": [1.0, 2.0], "y": [1.0, 3.0]}
NO_BANDS: dict[str, tuple[Callable[[], object], type[SteepestError], str]] = {
    "level in percent": (lambda: speed().bands(level=95), UsageError, "between 0 and 1"),
    "level nan": (lambda: speed().bands(level=float("nan")), UsageError, "between 0 and 1"),
    "no such column": (lambda: speed().bands({"t": [1.0]}), InputError, "time"),
    "another loss": (refused(LINE, "y ~ a*x", loss="mae"), UsageError, "this is mae"),
    "no degrees of freedom": (refused(TWO, "y ~ a*x + b"), UsageError, "no more rows than weights"),
    "no sigma on the new rows": (
        refused(DECAY, "y ~ a*x", {"x": [1.0]}, sigma="s"),
        InputError,
        "column s",
    ),
    "sigma of zero on a new row": (
        refused(DECAY, "y ~ a*x", {"x": [1.0], "s": [0.0]}, sigma="s"),
        InputError,
        "must be positive",
    ),
}


@pytest.mark.parametrize(("ask", "kind", "told"), NO_BANDS.values(), ids=NO_BANDS)
def test_bands_that_cannot_be_are_refused_in_a_sentence(
    ask: Callable[[], object], kind: type[SteepestError], told: str
) -> None:
    with pytest.raises(kind, match=told):
        ask()


def test_new_rows_bring_their_own_sigma() -> None:
    setup, minimum = known(DECAY, "y ~ a*x + b", sigma="s")
    rows = {"x": [3.0, 3.0], "s": [0.1, 0.4]}
    found = bands_of(setup, minimum, rows, 0.95)
    mean = (found["confidence_high"] - found["prediction"]) ** 2
    single = (found["prediction_high"] - found["prediction"]) ** 2 - mean
    assert mean[0] == pytest.approx(mean[1], rel=1e-12)
    assert single[1] == pytest.approx(16 * single[0], rel=1e-9)


def test_a_model_without_columns_has_the_same_band_on_every_row() -> None:
    from scipy import stats

    setup, minimum = known(LINE, "y ~ c")
    found = bands_of(setup, minimum, {"x": [1.0, 2.0]}, 0.95)
    reach = stats.t.ppf(0.975, 23) * np.std(LINE["y"], ddof=1) / np.sqrt(24)
    assert found["prediction"] == pytest.approx([np.mean(LINE["y"])] * 2, rel=1e-12)
    assert found["confidence_high"] - found["prediction"] == pytest.approx([reach] * 2, rel=1e-9)


def test_why_there_are_none_stands_in_the_document() -> None:
    run = steepest.minimize("x**2", start={"x": 1}, remedies=False, steps=1)
    told = run.to_dict()
    assert told["statistics"] is None
    assert "no rows" in told["not_measured"]["statistics"]
    with pytest.raises(UsageError, match="no rows"):
        run.bands()


def test_another_loss_has_none_and_the_reason_is_told() -> None:
    setup, minimum = known(LINE, "y ~ a*x", loss="mae")
    assert statistics_at(setup, minimum) == (
        None,
        "Standard errors are those of squared errors (mse or rmse); this is mae.",
    )


def test_without_a_minimum_there_are_none() -> None:
    setup, minimum = known(LINE, "y ~ a*x")
    assert minimum is not None
    endless = replace(minimum, loss=-np.inf, unbounded=True)
    assert statistics_at(setup, None) == (None, "No minimum is known.")
    assert statistics_at(setup, endless) == (None, "No minimum exists.")


def test_a_point_that_is_no_minimum_has_none() -> None:
    setup, minimum = known(LINE, "y ~ a + b*x")
    assert minimum is not None
    moved = {name: value + 1 for name, value in minimum.weights.items()}
    found, why = statistics_at(setup, replace(minimum, weights=moved))
    assert found is None
    assert "not a minimum yet" in why


TAIL = np.linspace(0, 4, 12)
FALLING = {
    "x": TAIL,
    "line": 3 - 1.5 * TAIL + 0.1 * np.cos(9 * TAIL),
    "curve": 3 * np.exp(-0.5 * TAIL) - 0.3 + 0.1 * np.cos(9 * TAIL),
}
AT_BOUND: dict[str, tuple[str, dict[str, float], str, tuple[float, float]]] = {
    "lower": ("line ~ a*x + b", {"a": -1.0, "b": 5.0}, "b", (4.0, np.inf)),
    "upper": ("line ~ a*x + b", {"a": -3.0, "b": 1.0}, "a", (-np.inf, -2.0)),
    "lower, at zero": (
        "curve ~ b + c*exp(-k*x)",
        {"b": 1.0, "c": 2.0, "k": 0.5},
        "b",
        (0.0, np.inf),
    ),
}


@pytest.mark.parametrize(("formula", "start", "name", "sides"), AT_BOUND.values(), ids=AT_BOUND)
def test_at_its_bound_a_weight_has_no_error_and_the_others_have_theirs(
    formula: str, start: dict[str, float], name: str, sides: tuple[float, float]
) -> None:
    edge, bound = ("lower", sides[0]) if np.isfinite(sides[0]) else ("upper", sides[1])
    found = measured(FALLING, formula, bounds={name: sides}, start=start)
    entries = {entry.weight: entry for entry in found.weights}
    assert entries[name].value == bound
    assert entries[name].at_bound == edge
    assert entries[name].error is None
    assert f"{edge} bound" in (entries[name].reason or "")
    # The others are as in the fit that holds it there.
    others = {key: value for key, value in start.items() if key != name}
    fixed = measured(FALLING, formula, fix={name: bound}, start=others)
    for entry in fixed.weights:
        assert entries[entry.weight].error == pytest.approx(entry.error, rel=1e-5)
        assert entries[entry.weight].at_bound is None
    assert found.degrees_of_freedom == fixed.degrees_of_freedom


def test_a_descent_that_ends_at_a_bound_says_so() -> None:
    """The quadratic is counted from its minimum, which must not cost the bound its last digit."""
    run = steepest.fit(
        FALLING,
        "line ~ a*x + b",
        bounds={"b": (4.1, np.inf)},
        start={"b": 5.0},
        lr=0.05,
        steps=200,
        remedies=False,
    )
    document = run.to_dict()
    assert document["weights"]["b"]["at_bound"] == "lower"
    assert document["weights"]["a"]["at_bound"] is None
    assert document["statistics"]["weights"]["b"]["at_bound"] == "lower"
    assert document["statistics"]["weights"]["b"]["standard_error"] is None
    shown = plain(run.why())
    assert "at its lower bound: steps that would pass it end there" in shown
    assert "at its lower bound" in shown[shown.index("At the lowest point known") :]


def test_inside_its_bounds_a_weight_is_at_none() -> None:
    bounds = {"a": (0.0, 1.0), "c": (-100.0, 100.0)}
    found = measured(str(SPEED), QUADRATIC, bounds=bounds, start={"a": 0.5})
    time, target = speed_columns()
    covariance = np.polyfit(time, target, 2, cov=True)[1]
    assert [entry.at_bound for entry in found.weights] == [None] * 3
    assert errors(found) == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-7)


LEVERAGE: dict[str, tuple[dict[str, Vector], Vector | None]] = {
    "independent": (LINE, None),
    "collinear": ({**LINE, "z": 3 * X}, None),
    "zeros": ({**LINE, "z": 0 * X}, None),
    "sigma": (LINE, 1 / SIGMA**2),
}


@pytest.mark.parametrize(("columns", "weight"), LEVERAGE.values(), ids=LEVERAGE)
def test_leverages_are_the_diagonal_of_the_hat_matrix(
    columns: dict[str, Vector], weight: Vector | None
) -> None:
    objective = objective_of("y ~ a + b*x + c*z", columns, row_weight=weight)
    root = np.ones(24) if weight is None else np.sqrt(weight)
    design = np.stack([np.ones(24), columns["x"], columns["z"]], axis=1) * root[:, None]
    hat = design @ np.linalg.pinv(design)
    assert leverages(objective, np.zeros(3)) == pytest.approx(np.diag(hat), rel=1e-9)


def test_the_shares_of_rows_carry_the_leverage_at_the_start() -> None:
    """A curved model: the Jacobian of the start counts, not that of the end."""
    setup = prepare_fit(DECAY, DECAY_FORMULA, read_options({"start": {"a": 6, "k": 0.2, "c": 0}}))
    rows = shares(setup, setup.start)
    x = DECAY["x"]
    design = np.stack([np.exp(-0.2 * x), -6 * x * np.exp(-0.2 * x), np.ones(10)], axis=1)
    hat = np.diag(design @ np.linalg.pinv(design))
    assert len(rows) == 10
    assert [row.leverage for row in rows] == pytest.approx([hat[row.row] for row in rows], rel=1e-9)
