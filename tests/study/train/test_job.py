"""Trainings from their data to their verdict: what they learn, and how they end."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.picture_files import idx

import steepest
from steepest.problem.options import read_train_options
from steepest.study.train.rows import read_rows

DIGITS = str(Path(__file__).parents[3] / "examples" / "digits.csv")


def logits(weights: dict[str, Any], inputs: Any) -> Any:
    """What a network with one layer of ReLUs gives, in 64 bits."""
    first = inputs @ weights["W1"].T.astype(float) + weights["b1"]
    return np.maximum(first, 0) @ weights["W2"].T.astype(float) + weights["b2"]


def cross_entropy(outputs: Any, classes: Any) -> float:
    shifted = outputs - outputs.max(1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return float(-logs[np.arange(len(classes)), classes].mean())


# What they learn


def test_digits_are_learned_with_the_defaults(digits: tuple[steepest.NetworkRun, Path]) -> None:
    run, _ = digits
    assert (run.learned.rows, run.learned.held_out) == (1438, 359)
    assert run.accuracy is not None
    assert run.accuracy >= 0.97
    assert f"{run.learned.lr:.2g} is" not in run.learned.lr_chosen
    assert run.verdict.learning_rate == "just right"


def test_threes_are_told_from_sevens() -> None:
    rows = pl.read_csv(DIGITS).filter(pl.col("digit").is_in([3, 7]))
    right = []
    for seed in range(2):
        run = steepest.train(
            rows,
            "64-16-relu-2",
            target="digit",
            validation=0.2,
            epochs=30,
            lr=0.01,
            seed=seed,
            remedies=False,
        )
        assert run.learned.classes == ("3", "7")
        right.append(run.accuracy or 0.0)
    assert np.mean(right) > 0.99


def corners(draws: np.random.Generator, count: int) -> tuple[Any, Any]:
    """Noisy pictures of which one quarter is brighter, and which one that is."""
    labels = draws.integers(0, 4, count).astype(np.uint8)
    pixels = draws.integers(0, 120, (count, 6, 6))
    for place, label in enumerate(labels):
        row, column = divmod(int(label), 2)
        pixels[place, 3 * row : 3 * row + 3, 3 * column : 3 * column + 3] += 60
    return pixels.astype(np.uint8), labels


def test_idx_files_from_end_to_end(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    pixels, labels = corners(draws, 600)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pixels)))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(labels))
    tests = corners(draws, 200)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(tests[0]))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(tests[1]))
    run = steepest.train(tmp_path, "36-4", epochs=12, lr=1.0, remedies=False)
    learned = run.learned
    assert (learned.rows, learned.held_out, learned.picture) == (600, 200, (6, 6))
    assert learned.classes == ("0", "1", "2", "3")
    assert run.accuracy is not None
    assert run.accuracy > 0.97
    said = run.predict(tmp_path)  # of the test's pictures
    assert (said == tests[1].astype(str)).mean() == run.accuracy
    assert np.array_equal(said, run.predict(tests[0].reshape(200, 36).astype(float) / 255))


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_numbers_are_learned(loss: str) -> None:
    """A line through points that lie on one is found under each loss, from several starts."""
    draws = np.random.default_rng(1)
    x = draws.normal(size=(200, 2))
    data = {"a": x[:, 0], "b": x[:, 1], "y": 2 * x[:, 0] - x[:, 1] + 1}
    for seed in range(3):
        run = steepest.train(
            data,
            "2-1",
            target="y",
            loss=loss,
            optimizer="adam",
            lr=0.05,
            schedule="cosine",
            steps=600,
            seed=seed,
            remedies=False,
        )
        np.testing.assert_allclose(run.weights["W1"], [[2, -1]], atol=0.02)
        np.testing.assert_allclose(run.weights["b1"], [1], atol=0.02)
        assert run.confusion is None
        assert run.accuracy is None


def test_a_linear_network_with_squared_loss_is_least_squares() -> None:
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

    draws = np.random.default_rng(2)
    x = draws.normal(size=(300, 3))
    y = x @ [1.0, -2.0, 0.5] + draws.normal(size=300)
    data = {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": y}
    run = steepest.train(
        data, "3-1", target="y", loss="mse", lr=0.2, steps=300, batch_size=300, remedies=False
    )
    best = LinearRegression().fit(x, y)
    np.testing.assert_allclose(run.weights["W1"][0], best.coef_, atol=1e-4)
    np.testing.assert_allclose(run.weights["b1"][0], best.intercept_, atol=1e-4)
    said = run.predict(data)
    np.testing.assert_allclose(said, best.predict(x), atol=1e-3)
    assert run.metrics["r_squared"] == pytest.approx(r2_score(y, said), rel=1e-5)
    assert run.metrics["rmse"] == pytest.approx(mean_squared_error(y, said) ** 0.5, rel=1e-5)
    assert run.metrics["mae"] == pytest.approx(mean_absolute_error(y, said), rel=1e-5)
    assert run.loss == pytest.approx(mean_squared_error(y, said), rel=1e-5)


# How they end


def known_by_heart() -> dict[str, Any]:
    """Few rows of many inputs, and classes that a third of them have wrong."""
    draws = np.random.default_rng(4)
    x = draws.normal(size=(160, 12))
    y = x[:, 0] + x[:, 1] > 0
    y ^= draws.random(160) < 0.3
    return {**{f"x{place}": x[:, place] for place in range(12)}, "y": y.astype(int)}


OVERFIT: dict[str, Any] = {
    "target": "y",
    "optimizer": "adam",
    "lr": 0.01,
    "batch_size": 16,
    "validation": 0.5,
    "remedies": False,
}


def test_patience_stops_at_the_right_epoch_with_the_best_weights() -> None:
    data, patience = known_by_heart(), 6
    run = steepest.train(data, "12-48-relu-2", epochs=60, patience=patience, **OVERFIT)
    whole = steepest.train(data, "12-48-relu-2", epochs=60, **OVERFIT)

    # The epoch at which it must stop, from the losses of a training that does not.
    losses = [epoch.validation_loss for epoch in whole.epochs]
    lowest, best, stop = np.inf, 0, 0
    for number, loss in enumerate(losses, 1):
        assert loss is not None
        if loss < lowest:
            lowest, best = loss, number
        if number - best >= patience:
            stop = number
            break
    assert 0 < best < stop < 60, "the case does not overfit"
    assert run.epochs == whole.epochs[:stop]
    assert (run.learned.stopped, run.learned.best) == ("patience", best)

    # The weights are those that stood at the end of that epoch, and their loss is what it says.
    short = steepest.train(data, "12-48-relu-2", epochs=best, **OVERFIT)
    for name, values in run.weights.items():
        assert np.array_equal(values, short.weights[name]), name
    held = read_rows(data, read_train_options({**OVERFIT, "network": "12-48-relu-2"})).held
    assert held is not None
    by_hand = cross_entropy(logits(run.weights, held.inputs.astype(float)), held.targets)
    assert by_hand == pytest.approx(lowest, rel=1e-5)
    assert run.loss == pytest.approx(by_hand, rel=1e-5)
    last = cross_entropy(
        logits(dict(zip(run.weights, whole.record.standstill.arrays, strict=False)), held.inputs),  # type: ignore[union-attr]
        held.targets,
    )
    assert last > 1.2 * by_hand, "the last weights are worse"


def test_a_time_limit_ends_it() -> None:
    data = known_by_heart()
    run = steepest.train(
        data, "12-2", target="y", lr=1e-4, steps=10**9, time_limit=0.5, batch_size=16
    )
    assert run.learned.stopped == "time limit"
    assert 0 < run.record.steps < 10**7
    # What was tried beside it took no more steps than it took itself.
    assert all(trial.steps <= run.record.steps // 10 for trial in run.learned.trials)
    assert run.record.seconds < 120


def stopping(phase: str, calls: int) -> Callable[..., None]:
    """Ctrl-C when so much has been said of a phase."""
    left = calls

    def say(now: str, done: int, total: int | None, loss: float | None) -> None:
        nonlocal left
        left -= now == phase
        if left <= 0 and now == phase:
            raise KeyboardInterrupt

    return say


def test_an_interrupt_keeps_what_was_done(tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    given = {**OVERFIT, "steps": 400, "store": store}
    run = steepest.train(known_by_heart(), "12-2", progress=stopping("training", 4), **given)
    assert run.learned.stopped == "interrupted"
    assert 0 < run.record.steps < 400
    assert run.learned.best is not None
    assert run.metrics["loss"] > 0
    assert run.id is not None
    kept = steepest.load(run.id, store)
    assert isinstance(kept, steepest.NetworkRun)
    assert kept.record.steps == run.record.steps
    resumed = steepest.train(known_by_heart(), resume=run.id, store=store)
    unbroken = steepest.train(known_by_heart(), "12-2", **{**given, "store": None})
    for name, values in resumed.weights.items():
        assert np.array_equal(values, unbroken.weights[name]), name


def test_an_interrupt_while_remedies_are_tried_keeps_the_whole_training() -> None:
    say = stopping("trying learning rates", 1)
    given = {**OVERFIT, "remedies": True}
    run = steepest.train(known_by_heart(), "12-2", steps=200, progress=say, **given)
    assert (run.learned.stopped, run.record.steps) == ("step limit", 200)
    assert run.remedies == ()


def test_it_diverges_with_a_word() -> None:
    given = {**OVERFIT, "optimizer": "gd", "lr": 1e5, "loss": "mse"}
    run = steepest.train(known_by_heart(), "12-16-relu-1", steps=200, **given)
    assert run.learned.stopped == "diverged"
    assert run.verdict.learning_rate == "too large"
    assert run.verdict.findings[0].code == "SD101"


def test_batches_in_the_same_order_are_found() -> None:
    """80 rows in batches of 16 make five batches, the same ones in every epoch."""
    codes = {}
    for shuffle in (True, False):
        given = {**OVERFIT, "shuffle": shuffle}
        run = steepest.train(known_by_heart(), "12-2", steps=40, **given)
        codes[shuffle] = [f.code for f in run.verdict.findings]
    assert "SD502" in codes[False]
    assert "SD502" not in codes[True]


@pytest.mark.parametrize("steps", [0, 1])
def test_hardly_a_step(steps: int) -> None:
    run = steepest.train(known_by_heart(), "12-2", steps=steps, **OVERFIT)
    assert run.record.steps == steps
    assert run.verdict.learning_rate == "not measured"
    assert "watch" not in run.verdict.headline
    assert len(run.predict(known_by_heart())) == 160
