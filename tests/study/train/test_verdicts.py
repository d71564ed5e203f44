"""The verdict on trainings that are sick in a known way, each beside a healthy one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import steepest
from steepest.checks.training import judge_training
from steepest.problem.options import read_train_options
from steepest.study.train.rows import read_rows

DIGITS = Path(__file__).parents[3] / "examples" / "digits.csv"
NETWORK = "64-32-relu-10"
GIVEN: dict[str, Any] = {
    "target": "digit",
    "validation": 0.2,
    "standardize": True,
    "lr": 0.3,
    "epochs": 16,
}


def codes(run: steepest.NetworkRun) -> list[str]:
    return [finding.code for finding in run.verdict.findings]


def sentence(run: steepest.NetworkRun, code: str) -> str:
    (found,) = [finding.sentence for finding in run.verdict.findings if finding.code == code]
    return found


@pytest.fixture(scope="module")
def healthy() -> steepest.NetworkRun:
    return steepest.train(str(DIGITS), NETWORK, **GIVEN)


def test_the_right_learning_rate(healthy: steepest.NetworkRun) -> None:
    assert healthy.verdict.learning_rate == "just right"
    assert set(codes(healthy)) <= {"SD103", "SD501"}
    assert all(finding.severity == "info" for finding in healthy.verdict.findings)
    assert healthy.accuracy is not None
    assert f"{100 * healthy.accuracy:.3g} % of the rows held out" in healthy.verdict.headline
    # Others were tried, and none got there in a tenth of the steps.
    tried = {trial.lr: trial.reached_at for trial in healthy.learned.trials}
    assert min(tried) <= 0.003
    assert max(tried) >= 30
    assert set(tried.values()) == {None}


def test_columns_that_never_change(healthy: steepest.NetworkRun) -> None:
    """In a corner of the pictures there is no ink; in a table that would be said."""
    learned = healthy.learned
    rows = read_rows(str(DIGITS), read_train_options({**GIVEN, "network": NETWORK})).learned
    empty = [n for n, column in zip(rows.names, rows.inputs.T, strict=True) if not np.ptp(column)]
    assert 0 < len(empty) < 10
    table = replace(healthy.record, learned=replace(learned, picture=None))
    (found,) = [f for f in judge_training(table).findings if f.severity != "info"]
    assert (found.code, found.evidence["columns"]) == ("SD302", empty)
    assert all(name in found.sentence for name in empty[:3])


def test_a_learning_rate_a_hundred_times_too_small() -> None:
    run = steepest.train(str(DIGITS), NETWORK, **{**GIVEN, "lr": 0.003})
    assert run.verdict.learning_rate == "too small"
    # A hundred times is the largest at first, and the best, so larger ones are run as well.
    arrived = [trial for trial in run.learned.trials if trial.reached_at is not None]
    assert 0.3 in [trial.lr for trial in arrived]
    quicker = min(arrived, key=lambda trial: trial.reached_at or 0)
    assert quicker.reached_at is not None
    assert quicker.reached_at * 10 <= run.record.steps
    said = sentence(run, "SD102")
    assert f"after {quicker.reached_at} steps where it was here after {run.record.steps}" in said
    assert f"--lr {quicker.lr:g} " in f"{run.remedies[0].command} "


def test_a_learning_rate_far_too_large() -> None:
    run = steepest.train(str(DIGITS), NETWORK, **{**GIVEN, "lr": 100.0})
    assert run.learned.stopped == "diverged"
    assert run.verdict.learning_rate == "too large"
    assert "no finite number at step" in sentence(run, "SD101")
    (remedy,) = run.remedies
    assert "brings the loss to" in remedy.sentence


@pytest.mark.parametrize("far", [True, False], ids=["far", "scaled"])
def test_targets_that_are_far_away(tmp_path: Path, *, far: bool) -> None:
    """R² is below 0 where a network begins at 0 and its targets are about 200,000."""
    source = np.random.default_rng(3)
    x = source.normal(size=(200, 3))
    y = x @ [1.0, -0.5, 0.2] + 0.1 * source.normal(size=200)
    table = {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": 2e5 + 8e4 * y if far else y}
    run = steepest.train(
        table, "3-8-tanh-1", target="y", optimizer="adam", lr=1e-2, steps=200, loss="mse",
        validation=0.2, remedies=False, store=tmp_path / "runs.db",
    )  # fmt: skip
    assert run.record.learned is not None
    assert (run.record.learned.metrics["r_squared"] < 0) == far
    assert ("SD307" in [finding.code for finding in run.verdict.findings]) == far
    if far:
        assert "scale the targets to mean 0" in sentence(run, "SD307")


def test_dead_units() -> None:
    """Inputs up to 16 and too large a learning rate kill all units of the first layer."""
    run = steepest.train(
        str(DIGITS), NETWORK, **{**GIVEN, "lr": 3.0, "standardize": False}, remedies=False
    )
    assert run.verdict.learning_rate == "too large"
    assert "100 % of the units of layer 1" in sentence(run, "SD403")
    last = [found for found in run.record.activations if found.layer == "layer 1"][-1]
    assert last.dead == 1.0
    # Where the loss rose is said, not where it was lowest when all was over.
    passed = run.record.losses.tenfold_at
    assert passed is not None
    assert f"passed ten times its start at step {passed}" in sentence(run, "SD101")


def test_labels_that_do_not_belong_to_their_rows() -> None:
    rows = pl.read_csv(DIGITS)
    shuffled = np.random.default_rng(0).permutation(rows["digit"].to_numpy())
    run = steepest.train(
        rows.with_columns(pl.Series("digit", shuffled)), NETWORK, **GIVEN, remedies=False
    )
    assert "SD602" in codes(run)
    assert "may not belong together" in run.verdict.headline
    assert run.accuracy is not None
    assert run.accuracy < 0.2


def test_rows_that_are_learned_by_heart_and_carry_over() -> None:
    """The loss rises from the first step on: a few mistakes are made with great confidence.

    Where such steps lead is chance, so there are three such trainings, of which two must tell.
    """
    given = {**GIVEN, "optimizer": "adam", "lr": 0.1, "batch_size": 8, "epochs": 30}
    told = []
    for seed in range(3):
        rows = pl.read_csv(DIGITS).sample(150, seed=seed)
        run = steepest.train(rows, NETWORK, **given, remedies=False)
        losses = [found.loss for found in run.record.validations]
        assert min(losses) == losses[0], "nothing is learned by heart here"
        assert (run.epochs[-1].validation_accuracy or 0) > 0.6
        assert "SD602" not in codes(run)
        told += ["SD601"] if "SD601" in codes(run) else []
    assert len(told) >= 2, told


def test_a_stack_of_sigmoids_vanishes() -> None:
    stack = "-".join(["64", *["8-sigmoid"] * 7, "10"])
    run = steepest.train(str(DIGITS), stack, **{**GIVEN, "epochs": 3}, remedies=False)
    assert "SD401" in codes(run)
    assert "W1" in sentence(run, "SD401")
    ratio = run.trace.gradient[:, 0] / run.trace.gradient[:, -2]
    assert np.median(ratio) < 1e-4


def memorized(network: str) -> steepest.NetworkRun:
    """Two hundred rows to learn from, of which a fifth has the wrong class."""
    draws = np.random.default_rng(0)
    x = draws.normal(size=(400, 10))
    y = (x[:, 0] + x[:, 1] > 0) ^ (draws.random(400) < 0.2)
    data = {**{f"x{place}": x[:, place] for place in range(10)}, "y": y.astype(int)}
    return steepest.train(
        data,
        network,
        target="y",
        validation=0.5,
        optimizer="adam",
        lr=0.005,
        steps=400,
        batch_size=32,
        remedies=False,
    )


def test_overfitting() -> None:
    run = memorized("10-64-relu-2")
    found = {v.step: v.loss for v in run.record.validations}
    lowest = min(found, key=lambda step: found[step])
    assert f"at step {lowest}," in sentence(run, "SD601")
    assert found[max(found)] > 1.3 * found[lowest]
    assert "SD601" not in codes(memorized("10-2"))


RARE = {"x": np.linspace(-1, 1, 60), "y": np.arange(60) % 20 // 19}
"""Three rows of sixty are of the other class, and nothing tells which."""


@pytest.mark.parametrize("lr", [1.3, 0.02])
def test_the_loss_of_one_row_is_not_that_of_all(lr: float) -> None:
    """With batches of one row the last losses are those of a few rows of the commoner class."""
    given: dict[str, Any] = {"target": "y", "batch_size": 1, "steps": 100, "optimizer": "gd"}
    run = steepest.train(pl.DataFrame(RARE), "1-4-tanh-2", **given, lr=lr, remedies=False)
    learned = run.learned
    assert learned.whole is not None
    first, shift, second, last = learned.weights
    scores = np.tanh(np.outer(RARE["x"], first) + shift) @ second.T + last
    off = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(60), RARE["y"]]
    assert learned.whole[1] == pytest.approx(off.mean(), rel=1e-4)
    assert run.verdict.learning_rate != "just right"
    assert "over all 60 rows from" in " ".join(str(run).split())


def test_where_no_other_rate_was_run_none_is_just_right() -> None:
    run = steepest.train(str(DIGITS), NETWORK, **{**GIVEN, "lr": 0.01}, remedies=False)
    assert run.verdict.learning_rate == "not measured"
    assert "no other rate was run" in run.verdict.headline


@pytest.mark.parametrize("seed", range(3))
def test_auto_with_batches_of_one_row_lowers_the_loss_over_all(seed: int) -> None:
    """A large rate is lowest in the last batches, where those are of the commoner class."""
    rows = pl.DataFrame(RARE).sample(60, shuffle=True, seed=seed)
    run = steepest.train(
        rows, "1-4-tanh-2", target="y", batch_size=1, steps=100, optimizer="gd", seed=seed,
        remedies=False,
    )  # fmt: skip
    assert run.learned.whole is not None
    assert run.learned.whole[1] < run.learned.whole[0]
