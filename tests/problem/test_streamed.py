"""A fit that passes over its rows says what the same fit says in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.optimize import curve_fit

import steepest
from steepest.problem import room
from steepest.run.run import Run
from steepest.words.errors import InputError, UsageError

ROWS = 800
LITTLE: dict[str, Any] = {"memory": "9kB"}

LINEAR = "y ~ a*x + b*z + c"
CURVED = "e ~ a*exp(-b*z) + c"
CLASSES = "k ~ sigmoid(a*x + b*z + c)"
START = {"a": 1.0, "b": 1.0, "c": 0.0}


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three files of unequal length, with rows that are not complete."""
    folder = tmp_path_factory.mktemp("parts")
    random = np.random.default_rng(0)
    x, z = random.normal(50, 2, ROWS), random.uniform(0, 5, ROWS)
    y = 2 * x - 3 * z + 7 + random.normal(0, 0.5, ROWS)
    e = 3 * np.exp(-0.5 * z) + 1 + random.normal(0, 0.1, ROWS)
    k = (random.uniform(size=ROWS) < 1 / (1 + np.exp(2 - z))).astype(np.int64)
    x[::97], z[11] = np.nan, np.inf
    s = random.uniform(0.5, 2, ROWS)
    frame = pl.DataFrame({"x": x, "z": z, "y": y, "e": e, "k": k, "s": s})
    for number, (first, last) in enumerate([(0, 300), (300, 301), (301, ROWS)]):
        frame[first:last].write_parquet(folder / f"part-{number}.parquet", row_group_size=80)
    return str(folder / "part-*.parquet")


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "linear": (LINEAR, {"lr": 1e-4, "steps": 300}),
    "linear, chosen rate": (LINEAR, {"steps": 50}),
    "linear, Adam": (LINEAR, {"optimizer": "adam", "lr": 0.1, "steps": 50}),
    "linear, standardized": (LINEAR, {"standardize": True, "lr": 0.3, "steps": 60}),
    "linear, rescaled": (LINEAR, {"rescale": True, "lr": 0.1, "steps": 60}),
    "linear, some rows, uncertain": (LINEAR, {"where": "z < 3", "sigma": "s", "lr": 1e-4}),
    "linear, one weight held": (LINEAR, {"fix": {"c": 5}, "lr": 1e-4, "steps": 50}),
    "curved, chosen rate": (CURVED, {"start": START, "steps": 30}),
    "curved, rmse": (CURVED, {"start": START, "loss": "rmse", "lr": 0.1, "steps": 30}),
    "curved, rescaled, mae": (
        CURVED,
        {"start": START, "rescale": True, "loss": "mae", "lr": 0.05, "steps": 30},
    ),
    "curved, until it is flat": (CURVED, {"start": START, "lr": 0.5, "tolerance": 0.05}),
    "huber, standardized": (LINEAR, {"standardize": True, "loss": "huber", "lr": 0.3, "steps": 9}),
    "classes": (
        CLASSES,
        {"loss": "cross-entropy", "start": dict.fromkeys("abc", 0.0), "lr": 1e-4, "steps": 30},
    ),
    "a loss that is infinite": (
        CLASSES,
        {"loss": "cross-entropy", "start": START, "lr": 1e-4, "steps": 60},
    ),
}


def both(parts: str, formula: str, **options: Any) -> tuple[Run, Run]:
    here = steepest.fit(parts, formula, remedies=False, memory="4GB", **options)
    passed = steepest.fit(parts, formula, remedies=False, **LITTLE, **options)
    assert here._setup.streamed is None
    assert passed._setup.streamed is not None, "the rows were not passed over"
    return here, passed


@pytest.mark.parametrize("case", CASES)
def test_it_takes_the_same_path_to_the_same_verdict(case: str, parts: str) -> None:
    formula, options = CASES[case]
    here, passed = both(parts, formula, **options)
    one, other = here.trace, passed.trace
    np.testing.assert_array_equal(other.step, one.step)
    size = np.maximum(np.max(np.abs(one.weights), axis=0), 1e-3)
    np.testing.assert_allclose(other.weights / size, one.weights / size, atol=1e-9)
    np.testing.assert_allclose(other.loss, one.loss, rtol=1e-9)
    assert passed.verdict.learning_rate == here.verdict.learning_rate
    codes = [[finding.code for finding in run.verdict.findings] for run in (passed, here)]
    assert codes[0] == codes[1]
    for name in ("stability_limit", "reference_loss"):
        mine, theirs = getattr(passed.measurements, name), getattr(here.measurements, name)
        assert (mine is None) == (theirs is None), name
        assert theirs is None or mine == pytest.approx(theirs, rel=1e-9), name
    known, found = here.measurements.minimum, passed.measurements.minimum
    assert (known is None) == (found is None)
    if known is not None and found is not None:
        assert found.loss == pytest.approx(known.loss, rel=1e-8)
    for mine, theirs in zip(passed.measurements.columns, here.measurements.columns, strict=True):
        assert mine.name == theirs.name
        assert mine.mean == pytest.approx(theirs.mean, rel=1e-9, abs=1e-9)
        assert mine.deviation == pytest.approx(theirs.deviation, rel=1e-9)
    problem = passed.record.problem
    assert (problem.rows, problem.missing) == (
        here.record.problem.rows,
        here.record.problem.missing,
    )


def test_some_rows_are_drawn_where_there_are_many(
    parts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The descent and the minimum are of all rows, what rows show is of those that were drawn."""
    monkeypatch.setattr("steepest.objective.passes.survey.DRAWN", 100)
    here, passed = both(parts, CURVED, start=START, lr=0.1, steps=40)
    np.testing.assert_allclose(passed.trace.loss, here.trace.loss, rtol=1e-9)
    assert passed.record.problem.drawn == 100
    assert len(passed._setup.row_numbers) == 100
    known, found = here.measurements.minimum, passed.measurements.minimum
    assert known is not None
    assert found is not None
    assert found.loss == pytest.approx(known.loss, rel=1e-10)
    assert "all rows" in found.found_by
    # Of the drawn rows alone it would lie elsewhere.
    near = passed._setup.objective
    assert near.value(near.vector(known.weights)) != pytest.approx(known.loss, rel=1e-4)


@pytest.mark.parametrize("sigma", [None, "s"])
@pytest.mark.parametrize("loss", ["mse", "rmse"])
@pytest.mark.parametrize("standardize", [False, True])
def test_standard_errors_of_a_curve_are_those_of_all_rows(
    parts: str, loss: str, sigma: str | None, *, standardize: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steepest.objective.passes.survey.DRAWN", 100)
    options = {"loss": loss, "sigma": sigma, "standardize": standardize}
    here, passed = both(parts, CURVED, start=START, lr=0.05, steps=20, **options)
    frame = pl.read_parquet(parts).filter(pl.col("z").is_finite())
    z, e, s = (frame[name].to_numpy() for name in "zes")
    by_scipy = curve_fit(
        lambda z, a, b, c: a * np.exp(-b * z) + c,
        *(z, e, (3.0, 0.5, 1.0)),
        sigma=None if sigma is None else s,
    )
    known, found = here.statistics, passed.statistics
    assert known is not None
    assert found is not None
    assert (found.rows, found.degrees_of_freedom) == (len(z), len(z) - 3)
    for name in ("residual_sum", "residual_deviation", "r_squared", "adjusted_r_squared", "aic"):
        assert getattr(found, name) == pytest.approx(getattr(known, name), rel=1e-7), name
    assert found.correlations == pytest.approx(known.correlations, abs=1e-6)
    if not standardize:
        errors = [weight.error for weight in found.weights]
        assert errors == pytest.approx(np.sqrt(np.diag(by_scipy[1])), rel=1e-4)
    errors, theirs = (
        [weight.error for weight in of.user_weights or of.weights] for of in (found, known)
    )
    assert errors == pytest.approx(theirs, rel=1e-6)
    assert (
        found.not_measured["influence"] == "The rows were passed over, and none of them is at hand."
    )


def test_remedies_are_tried_on_drawn_rows(parts: str) -> None:
    run = steepest.fit(parts, LINEAR, lr=1e-5, steps=50, **LITTLE)
    assert run.remedies
    assert run.remedies[0].reached
    assert not any("optimizer l" in remedy.command for remedy in run.remedies)
    better = steepest.fit(
        parts, LINEAR, remedies=False, **{**dict(run.remedies[0].options), **LITTLE}
    )
    goal = run.measurements.goal
    assert goal is not None
    assert better.loss <= 1.01 * goal.loss


@pytest.mark.parametrize("formula", [LINEAR, CURVED], ids=["linear", "curved"])
def test_it_is_kept_and_goes_on(formula: str, parts: str, tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    start: dict[str, Any] = {"start": START, "lr": 1e-4, "remedies": False}
    begun = steepest.fit(parts, formula, store=store, steps=10, **start, **LITTLE)
    longer = steepest.fit(resume=begun.id, store=store, steps=25)
    whole = steepest.fit(parts, formula, steps=25, **start, **LITTLE)
    np.testing.assert_array_equal(longer.trace.weights, whole.trace.weights)
    opened = steepest.load(str(begun.id), store)
    assert isinstance(opened, Run)
    assert opened.at(17).loss == whole.at(17).loss
    frame = pl.read_parquet(parts)
    frame[3, "z"] = 0.5
    Path(parts).parent.joinpath("part-0.parquet").rename(tmp_path / "kept")
    try:
        frame[:300].write_parquet(Path(parts).parent / "part-0.parquet")
        with pytest.raises(InputError, match="has changed"):
            steepest.fit(resume=begun.id, store=store, steps=30)
    finally:
        (tmp_path / "kept").replace(Path(parts).parent / "part-0.parquet")


REFUSED: dict[str, dict[str, Any]] = {
    "--validation": {"validation": 0.2},
    "--bounds": {"bounds": {"a": (0, 1)}},
    "--optimizer": {"optimizer": "lm"},
}


@pytest.mark.parametrize("option", REFUSED)
def test_what_needs_the_rows_is_refused(option: str, parts: str) -> None:
    with pytest.raises(UsageError, match=f"{option} needs them at hand") as caught:
        steepest.fit(parts, LINEAR, **LITTLE, **REFUSED[option])
    assert "--memory" in caught.value.message


BAD_ROWS: dict[str, tuple[str, dict[str, Any], str]] = {
    "nothing is kept": (LINEAR, {"where": "z > 100"}, "No row of .* fulfils the condition"),
    "one row is left": (LINEAR, {"where": "z > 4.99"}, "complete row"),
    "not finite": ("y ~ a*log(z - 2) + b", {}, "not finite on every row"),
    "not scalable": (
        "y ~ x*a**2",
        {"standardize": True, "where": "z<5"},
        "cannot be scaled",
    ),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_rows_at_fault_are_told_of(case: str, parts: str) -> None:
    formula, options, said = BAD_ROWS[case]
    with pytest.raises(InputError, match=said):
        steepest.fit(parts, formula, **LITTLE, **options)


def test_text_in_a_column_is_told_of(tmp_path: Path) -> None:
    frame = pl.DataFrame({"x": ["1", "2", "three"] * 50, "y": [1.0, 2.0, 3.0] * 50})
    frame.write_parquet(tmp_path / "text.parquet")
    with pytest.raises(InputError, match="three"):
        steepest.fit(tmp_path / "text.parquet", "y ~ a*x", memory="1kB")


SIZES = {"1GB": 10**9, "1.5GiB": 3 * 2**29, "200 mb": 2 * 10**8, "5000": 5000, ".5k": 500}


@pytest.mark.parametrize("text", SIZES)
def test_a_size_is_read(text: str) -> None:
    assert room.read_size(text) == SIZES[text]


@pytest.mark.parametrize("text", ["", "much", "-1GB", "0", "1XB", "1 G B", "nan", "1e9\x1b[31m"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--memory is a size") as caught:
        room.read_size(text)
    assert "\x1b" not in caught.value.message


def test_a_size_is_looked_at_where_nothing_is_large() -> None:
    with pytest.raises(UsageError, match="--memory is a size"):
        steepest.fit({"x": [1, 2, 3], "y": [2, 4, 5]}, "y ~ a*x", memory="lots")


def test_a_limit_of_the_process_leaves_less_room() -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_DATA)
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (3 * 10**9, before[1]))
        left = room.free()
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
    assert left is not None
    assert left < 3 * 10**9
