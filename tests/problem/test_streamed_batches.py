"""Mini-batches of rows that are passed over: the rows that were asked for, each once an epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import steepest
from steepest.objective.passes.passing import InBatches
from steepest.objective.passes.team import Team
from steepest.run.run import Run
from steepest.words.errors import InputError, UsageError

ROWS = 500
LITTLE: dict[str, Any] = {"memory": "1kB", "remedies": False}
LINEAR = "y ~ a*x + b*z + c"
CURVED = "e ~ a*exp(-b*z) + c"
START = {"a": 1.0, "b": 1.0, "c": 0.0}


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    random = np.random.default_rng(0)
    x, z = random.normal(0, 1, ROWS), random.uniform(0, 3, ROWS)
    y = 2 * x - 3 * z + 7 + random.normal(0, 0.5, ROWS)
    e = 3 * np.exp(-0.5 * z) + 1 + random.normal(0, 0.1, ROWS)
    x[::49] = np.nan
    return pl.DataFrame({"x": x, "z": z, "y": y, "e": e, "s": random.uniform(0.5, 2, ROWS)})


@pytest.fixture(scope="module")
def parts(frame: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("parts")
    for number, (first, last) in enumerate([(0, 210), (210, 211), (211, ROWS)]):
        frame[first:last].write_parquet(folder / f"part-{number}.parquet")
    return str(folder / "part-*.parquet")


@pytest.fixture
def many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight blocks of 64 rows, three of which are shuffled together."""
    monkeypatch.setattr("steepest.objective.passes.rows.MOST_PART_ROWS", 64)
    monkeypatch.setattr("steepest.objective.passes.batched.BUFFER_BLOCKS", 3)


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "adam": (CURVED, {"start": START, "optimizer": "adam", "lr": 0.02}),
    "gd, standardized, chosen rate": (LINEAR, {"standardize": True}),
    "gd, bounds, uncertain": (LINEAR, {"lr": 0.02, "bounds": {"a": (0, 1)}, "sigma": "s"}),
    "gd, rescaled, rmse": (LINEAR, {"lr": 0.02, "rescale": True, "loss": "rmse"}),
}


@pytest.mark.parametrize("case", CASES)
def test_what_fits_into_one_buffer_is_the_path_of_held_rows(case: str, parts: str) -> None:
    formula, options = CASES[case]
    options = {**options, "batch_size": 32, "steps": 40, "remedies": False}
    here = steepest.fit(parts, formula, memory="4GB", **options)
    passed = steepest.fit(parts, formula, memory="1kB", **options)
    assert isinstance(passed._setup.moving, InBatches)
    np.testing.assert_allclose(passed.trace.weights, here.trace.weights, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(passed.trace.loss, here.trace.loss, rtol=1e-10)
    assert passed.verdict.learning_rate == here.verdict.learning_rate
    codes = [[finding.code for finding in run.verdict.findings] for run in (passed, here)]
    assert codes[0] == codes[1]


def passed_over(parts: str, **options: Any) -> Run:
    return steepest.fit(parts, LINEAR, start=START, lr=0.02, batch_size=48, **LITTLE, **options)


@pytest.mark.usefixtures("many_blocks")
def test_an_epoch_has_every_row_once_in_an_order_of_its_own(
    frame: pl.DataFrame, parts: str
) -> None:
    moving = passed_over(parts, steps=2)._setup.moving
    assert isinstance(moving, InBatches)
    batches = moving.batches(48, seed=5)
    known = np.sort(frame.filter(pl.col("x").is_finite())["y"].to_numpy())
    assert batches.rows == len(known)
    steps = 2 * batches.per_epoch
    seen = batches.take(0, steps)["target"].ravel()
    epochs = seen[: len(known)], seen[len(known) : 2 * len(known)]
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch), known)
    assert not np.array_equal(*epochs)
    # Any step can be asked for.
    for step in (11, 3):
        np.testing.assert_array_equal(
            batches.take(step, 2)["target"].ravel(), seen[step * 48 : (step + 2) * 48]
        )
    # Processes have the rows of a step between them.
    for step in (0, 7):
        shares = []
        for index in range(3):
            mine = type(batches)(batches.passed, batches.counts, 48, 5, Team(3, index)).share(step)
            if mine is not None:
                shares.append(mine["target"][mine["weight"] > 0])
        together = np.sort(np.concatenate(shares))
        np.testing.assert_array_equal(together, np.sort(seen[step * 48 : (step + 1) * 48]))


@pytest.mark.usefixtures("many_blocks")
def test_a_loop_in_numpy_takes_the_same_path(frame: pl.DataFrame, parts: str) -> None:
    run = passed_over(parts, steps=25, validation=0.2)
    moving = run._setup.moving
    assert isinstance(moving, InBatches)
    batches = moving.batches(48, seed=run.record.settings.seed)
    rows = frame.filter(pl.col("x").is_finite())
    weights = np.array([1.0, 1.0, 0.0])
    path, learned = [], set()
    for step in range(26):
        path.append(weights)
        batch = batches.take(step, 1)
        x, z, y = (batch["columns"]["x"][0], batch["columns"]["z"][0], batch["target"][0])
        learned |= set(y.tolist())
        design = np.column_stack([x, z, np.ones(48)])
        weights = weights - 0.02 * 2 / 48 * design.T @ (design @ weights - y)
    np.testing.assert_allclose(run.trace.weights, np.array(path), rtol=1e-10)
    # What is held out is never learned from, and is what validation is of.
    problem = run.record.problem
    aside = rows.filter(~pl.col("y").is_in(list(learned)))
    assert (problem.rows, problem.validation_rows) == (len(learned), len(aside))
    assert 0.1 < len(aside) / len(rows) < 0.3
    assert run.trace.validation is not None
    for step in np.flatnonzero(np.isfinite(run.trace.validation)).tolist():
        a, b, c = path[step]
        residual = a * aside["x"] + b * aside["z"] + c - aside["y"]
        assert run.trace.validation[step] == pytest.approx((residual**2).mean(), rel=1e-9)


@pytest.mark.usefixtures("many_blocks")
def test_gone_on_with_it_is_the_unbroken_run_bit_for_bit(parts: str, tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    begun = passed_over(parts, steps=13, optimizer="adam", validation=0.2, store=store)
    went_on = steepest.fit(resume=begun.id, store=store, steps=30)
    whole = passed_over(parts, steps=30, optimizer="adam", validation=0.2)
    np.testing.assert_array_equal(went_on.trace.weights, whole.trace.weights)
    np.testing.assert_array_equal(went_on.trace.loss, whole.trace.loss)
    np.testing.assert_array_equal(went_on.at(21).gradient["a"], whole.at(21).gradient["a"])


def test_losses_are_those_of_drawn_rows(parts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steepest.objective.passes.survey.DRAWN", 100)
    run = passed_over(parts, steps=5)
    assert run.record.problem.drawn == len(run._setup.row_numbers) == 100
    columns = run._setup.columns
    residual = columns["x"] + columns["z"] - columns["y"]
    assert run.trace.loss[0] == pytest.approx(np.mean(residual**2), rel=1e-12)
    with pytest.raises(UsageError, match="fewer than the 100 that are drawn"):
        steepest.fit(parts, LINEAR, batch_size=100, **LITTLE)


def test_a_share_that_leaves_nothing_is_refused(parts: str) -> None:
    with pytest.raises(InputError, match="leaves no rows on one side"):
        passed_over(parts, validation=1e-9)
