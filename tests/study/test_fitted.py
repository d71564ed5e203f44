"""Rows that decide a fit, and models that do not follow the data: found, and not feigned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.stats

from steepest.problem.options import read_options
from steepest.problem.prepare import prepare_fit
from steepest.records.arrays import Vector
from steepest.study.aim import known_minimum
from steepest.study.fitted import Doubts, doubts
from steepest.study.measure import tangent_at

Data = Mapping[str, Vector]
Case = tuple[Data, str, dict[str, Any]]
SEEDS = range(20)


def looked_at(data: Data, formula: str, options: Mapping[str, Any] | None = None) -> Doubts:
    setup = prepare_fit(dict(data), formula, read_options(options or {}))
    return doubts(setup, tangent_at(setup, known_minimum(setup, 0)))


def noise(seed: int, rows: int = 20) -> Vector:
    return np.random.default_rng([seed, 7]).normal(size=rows)


def line(seed: int, rows: int = 20) -> Data:
    x = np.arange(rows, dtype=float)
    return {"x": x, "y": 2 * x + 1 + 0.5 * noise(seed, rows)}


def typed(seed: int, place: int, column: str = "y", rows: int = 20) -> Data:
    """The line, with one number ten times what it was."""
    data = {name: np.array(values) for name, values in line(seed, rows).items()}
    data[column][place] = 10 * data[column][place]
    return data


def growth(seed: int, spread: float = 0.0, rows: int = 60) -> Data:
    """An exponential with even scatter, or with scatter in percent."""
    x = np.linspace(1, 9, rows)
    each = noise(seed, rows)
    clean = 2 * np.exp(0.4 * x)
    return {"x": x, "y": clean * np.exp(spread * each) if spread else clean + 0.5 * each}


EXPONENTIAL = ("y ~ a*exp(b*x)", {"start": {"a": 1.0, "b": 0.3}})


def of_line(data: Data) -> Case:
    return data, "y ~ a*x + b", {}


def bent(seed: int) -> Data:
    x = np.linspace(0, 10, 30)
    return {"x": x, "y": 0.2 * x**2 + x + noise(seed, 30)}


# A row that decides


@pytest.mark.parametrize("seed", SEEDS)
def test_a_number_typed_ten_times_too_large_is_found(seed: int) -> None:
    place = int(np.random.default_rng(seed).integers(4, 20))
    data = typed(seed, place)
    found = looked_at(*of_line(data)).deciding
    assert found is not None
    assert [row.row for row in found.rows] == [place]
    kept = np.arange(20) != place
    # Each number by another program, on the other 19 rows.
    right = scipy.stats.linregress(data["x"][kept], data["y"][kept])
    all_rows = scipy.stats.linregress(data["x"], data["y"])
    for one in found.weights:
        slope = one.weight == "a"
        assert one.value == pytest.approx(all_rows.slope if slope else all_rows.intercept)
        assert one.without == pytest.approx(right.slope if slope else right.intercept)
        assert one.error == pytest.approx(right.stderr if slope else right.intercept_stderr)
    residual = right.slope * data["x"] + right.intercept - data["y"]
    scatter = np.sqrt(np.sum(residual[kept] ** 2) / 17)
    assert found.scatter_without == pytest.approx(scatter)
    about = (data["x"][place] - data["x"][kept].mean()) ** 2 / np.sum(
        (data["x"][kept] - data["x"][kept].mean()) ** 2
    )
    off = abs(residual[place]) / (scatter * np.sqrt(1 + 1 / 19 + about))
    assert found.rows[0].studentized == pytest.approx(off, rel=1e-6)


def test_huber_comes_to_where_scipy_comes() -> None:
    data = typed(3, 12)
    found = looked_at(*of_line(data)).deciding
    assert found is not None

    def cost(at: Vector) -> float:
        size = np.abs(at[0] * data["x"] + at[1] - data["y"])
        return float(np.mean(np.where(size <= 1, size**2 / 2, size - 0.5)))

    best = scipy.optimize.minimize(cost, [2.0, 1.0], method="Nelder-Mead", options={"xatol": 1e-9})
    huber = {one.weight: one.huber for one in found.weights}
    assert huber == {
        "a": pytest.approx(best.x[0], abs=1e-4),
        "b": pytest.approx(best.x[1], abs=1e-3),
    }


DECIDED: dict[str, Callable[[int], Case]] = {
    "an input typed wrong": lambda seed: of_line(typed(seed, 15, "x")),
    "two of one kind hide each other": lambda seed: of_line(
        {"x": np.arange(30.0), "y": np.r_[line(seed, 28)["y"], 600.0, 620.0]}
    ),
    "a curved model": lambda seed: (
        {**growth(seed), "y": np.where(np.arange(60) == 40, 900.0, growth(seed)["y"])},
        *EXPONENTIAL,
    ),
    "an exact line": lambda seed: of_line(
        {"x": np.arange(20.0), "y": np.where(np.arange(20) == seed % 20, -50.0, np.arange(20.0))}
    ),
}


@pytest.mark.parametrize("case", DECIDED.values(), ids=DECIDED)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_rows_that_decide(case: Callable[[int], Case], seed: int) -> None:
    found = looked_at(*case(seed))
    assert found.deciding is not None
    assert found.misfit is None
    wanted = {"an input typed wrong": [15], "two of one kind hide each other": [28, 29],
              "a curved model": [40], "an exact line": [seed % 20]}  # fmt: skip
    name = next(name for name, each in DECIDED.items() if each is case)
    assert sorted(row.row for row in found.deciding.rows) == wanted[name]


def outlier_of_many(seed: int) -> Data:
    data = {name: np.array(values) for name, values in line(seed, 400).items()}
    data["y"][200] += 4.0
    return data


def laplace(seed: int) -> Data:
    x = np.linspace(0, 10, 40)
    return {"x": x, "y": x + np.random.default_rng(seed).laplace(size=40)}


def far_but_right(seed: int) -> Data:
    x = np.r_[np.arange(19.0), 200.0]
    return {"x": x, "y": 2 * x + 1 + 0.5 * noise(seed)}


NOT_DECIDED: dict[str, Callable[[int], Case]] = {
    "an honest line": lambda seed: of_line(line(seed)),
    "a row far from the others and right": lambda seed: of_line(far_but_right(seed)),
    "off, among so many that nothing moves": lambda seed: of_line(outlier_of_many(seed)),
    "the largest rows where scatter is in percent": lambda seed: (growth(seed, 0.3), *EXPONENTIAL),
    "the ends of a curve that a line was laid through": lambda seed: of_line(
        {"x": np.arange(30.0), "y": np.exp(0.2 * np.arange(30.0)) + 0.1 * noise(seed, 30)}
    ),
    "errors with a heavy tail": lambda seed: of_line(laplace(seed)),
}


@pytest.mark.parametrize("case", NOT_DECIDED.values(), ids=NOT_DECIDED)
def test_no_row_decides(case: Callable[[int], Case]) -> None:
    for seed in SEEDS:
        assert looked_at(*case(seed)).deciding is None, seed


# A model that does not follow


def autocorrelated(seed: int) -> Data:
    each = noise(seed, 100)
    drift = np.zeros(100)
    for place in range(1, 100):
        drift[place] = 0.9 * drift[place - 1] + each[place]
    return {"x": np.arange(100.0), "y": np.arange(100.0) + drift}


def of_sigma(seed: int) -> Data:
    x = np.linspace(-5, 20, 60)
    sigma = np.where(x > 8, 3.0, 0.1)
    return {"x": x, "y": x - 1 + sigma * noise(seed, 60), "y_err": sigma}


MISFITS: dict[str, tuple[Callable[[int], Case], str, str | None, str | None]] = {
    "a line through a bend": (
        lambda seed: of_line(bent(seed)), "curved", "x", "y ~ a*x + b + q*x**2"),
    "no intercept": (
        lambda seed: ({"x": np.arange(20.0), "y": np.arange(20.0) + 30 + noise(seed)},
                      "y ~ a*x", {}), "curved", None, "y ~ a*x + q"),
    "a curved model beside a trend": (
        lambda seed: ({"x": growth(seed)["x"], "y": growth(seed)["y"] - 9 * growth(seed)["x"]},
                      *EXPONENTIAL), "curved", "x", "y ~ a*exp(b*x) + q*x"),
    "scatter in percent": (
        lambda seed: (growth(seed, 0.3), *EXPONENTIAL), "spread", None, "log(y) ~ log(a*exp(b*x))"),
    "scatter that a column knows": (
        lambda seed: of_line(of_sigma(seed)), "spread", None, "y ~ a*x + b"),
    "a period": (
        lambda seed: of_line({"x": np.linspace(0, 40, 100),
                              "y": 3 * np.sin(np.linspace(0, 40, 100)) + noise(seed, 100)}),
        "runs", "x", None),
}  # fmt: skip


@pytest.mark.parametrize("name", MISFITS)
def test_what_the_model_does_not_follow(name: str) -> None:
    case, kind, along, formula = MISFITS[name]
    for seed in range(3):
        found = looked_at(*case(seed))
        assert found.deciding is None
        assert found.misfit is not None, seed
        assert (found.misfit.kind, found.misfit.along) == (kind, along)
        assert (found.misfit.refit.formula if found.misfit.refit else None) == formula
        if name == "scatter that a column knows":
            assert found.misfit.refit is not None
            assert found.misfit.refit.sigma == "y_err"


def test_what_is_won_on_rows_held_out_is_what_numpy_wins() -> None:
    data = bent(0)
    found = looked_at(*of_line(data)).misfit
    assert found is not None
    assert found.refit is not None
    part = np.random.default_rng(0).permutation(30) % 5

    def held_out(degree: int) -> float:
        squares = []
        for each in range(5):
            x, y = data["x"][part != each], data["y"][part != each]
            fit = np.polynomial.Polynomial.fit(x, y, degree)
            squares += list((fit(data["x"][part == each]) - data["y"][part == each]) ** 2)
        return float(np.mean(squares))

    assert found.refit.loss_before == pytest.approx(held_out(1))
    assert found.refit.loss == pytest.approx(held_out(2))


FOLLOWED: dict[str, Callable[[int], Case]] = {
    "an honest line": lambda seed: of_line(line(seed)),
    "an honest parabola": lambda seed: (bent(seed), "y ~ a*x**2 + b*x + c", {}),
    "one number typed wrong": lambda seed: of_line(typed(seed, 14)),
    "errors with a heavy tail": lambda seed: of_line(laplace(seed)),
    "an honest exponential": lambda seed: (growth(seed), *EXPONENTIAL),
    "uneven scatter that has nothing to do with the prediction": lambda seed: of_line(
        {"x": np.arange(60.0), "y": np.arange(60.0) + noise(seed, 60) * np.tile([0.2, 3.0], 30)}
    ),
    "a column of two values": lambda seed: of_line(
        {"x": np.tile([0.0, 1.0], 20), "y": np.tile([0.0, 3.0], 20) + noise(seed, 40)}
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FOLLOWED.values(), ids=FOLLOWED)
def test_nothing_is_seen_where_the_model_follows(case: Callable[[int], Case]) -> None:
    for seed in SEEDS:
        assert looked_at(*case(seed)).misfit is None, seed


def test_scatter_that_drifts_along_a_column_is_told_without_a_model_that_follows() -> None:
    seen = [looked_at(*of_line(autocorrelated(seed))).misfit for seed in range(5)]
    assert all(found is not None and found.along == "x" for found in seen)


def test_why_nothing_was_looked_at() -> None:
    few = {"x": np.arange(5.0), "y": np.array([1.0, 3.0, 2.0, 5.0, 4.0])}
    assert "too few rows" in looked_at(*of_line(few)).missing
    exact = {"x": np.arange(20.0), "y": 2 * np.arange(20.0) + 1}
    assert "zero to within rounding" in looked_at(*of_line(exact)).missing
    assert "mae" in looked_at(line(0), "y ~ a*x + b", {"loss": "mae"}).missing
