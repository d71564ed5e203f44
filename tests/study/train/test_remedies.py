"""A remedy's command is run as it stands, and does what its sentence says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from tests.study.train.conftest import DIGITS

import steepest
from steepest.cli import steepest as command
from steepest.records.verdict import Remedy
from steepest.study.train.remedies import is_worse
from steepest.words.wording import number, percent


def told_by(remedy: Remedy) -> Any:
    """The document of the command that is offered; its result is the one that was said."""
    words = shlex.split(remedy.command)
    assert words[:2] == ["steepest", "train"]
    result = CliRunner().invoke(
        command, [*words[1:], "--no-save", "--json", "--no-remedies"], catch_exceptions=False
    )
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["learned"]["metrics"]["loss"] == remedy.measured_loss
    return document


def whole_after(data: Any, remedy: Remedy, steps: int | None) -> float:
    """The loss over all rows learned from after so many steps of what is offered."""
    given: dict[str, Any] = {**(remedy.options or {}), "remedies": False}
    run = steepest.train(data, **{**given, "steps": steps or given["steps"]})
    assert run.learned.whole is not None
    return run.learned.whole[1]


def steps_said(sentence: str) -> list[int]:
    return [int(text.replace(",", "")) for text in re.findall(r"in ([\d,]+) step", sentence)]


@pytest.fixture(scope="module")
def rings(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A ring around a disc, in a file; the inputs are not scaled."""
    draws = np.random.default_rng(0)
    angle, outer = draws.uniform(0, 2 * np.pi, 200), np.arange(200) % 2
    radius = 1 + outer + 0.2 * draws.normal(size=200)
    path = tmp_path_factory.mktemp("rings") / "rings of two.csv"
    pl.DataFrame(
        {
            "east": 30 * radius * np.cos(angle) + 40,
            "north": 30 * radius * np.sin(angle) - 20,
            "place": np.where(outer, "ring", "disc"),
        }
    ).write_csv(path)
    return str(path)


GIVEN: dict[str, Any] = {"target": "place", "batch_size": 20, "steps": 400}


def of(run: steepest.NetworkRun, change: str) -> Remedy:
    (found,) = [remedy for remedy in run.remedies if remedy.change == change]
    return found


WORSE: dict[str, tuple[dict[str, float], dict[str, float] | None, bool]] = {
    # What a command ends with, what there is, whether it is worse.
    "lower": ({"loss": 0.9}, {"loss": 1.0}, False),
    "higher": ({"loss": 1.2}, {"loss": 1.0}, True),
    "about the same": ({"loss": 1.01}, {"loss": 1.0}, False),
    "more rows are right": (
        {"loss": 1.2, "accuracy": 0.9}, {"loss": 1.0, "accuracy": 0.8}, False,
    ),
    "fewer": ({"loss": 1.2, "accuracy": 0.7}, {"loss": 1.0, "accuracy": 0.8}, True),
    "lost": ({"loss": float("nan")}, {"loss": 1.0}, True),
    "nothing to compare with": ({"loss": 9.0}, None, False),
}  # fmt: skip


@pytest.mark.parametrize("name", WORSE)
def test_what_ends_worse_is_no_remedy(name: str) -> None:
    end, own, expected = WORSE[name]
    assert is_worse(end, own) == expected


def test_another_learning_rate_and_scaled_inputs(rings: str) -> None:
    """With cosine the rate changes; what is offered is the constant one that was measured."""
    run = steepest.train(rings, "2-16-tanh-2", lr=2e-5, schedule="cosine", **GIVEN)
    assert run.learned.whole is not None
    start, end = run.learned.whole
    # It hardly falls, and to where nothing was learned any rate gets.
    goal = min(end, 0.98 * start)
    for change in ("lr", "standardize"):
        remedy = of(run, change)
        told_by(remedy)
        assert remedy.reached
        assert steps_said(remedy.sentence)[0] == remedy.measured_steps
        assert whole_after(rings, remedy, remedy.measured_steps) <= goal
        assert whole_after(rings, remedy, None) <= goal, "it gets there, but does not stay"
    assert run.verdict.learning_rate == "too small"


def test_what_ends_a_divergence(rings: str) -> None:
    run = steepest.train(rings, "2-16-tanh-2", lr=1e38, **GIVEN)
    assert run.learned.stopped == "diverged"
    remedy = of(run, "lr")
    assert steps_said(remedy.sentence) == [len(told_by(remedy)["trace"]["loss"])]
    assert f"brings the loss to {number(whole_after(rings, remedy, None), 4)} in" in remedy.sentence


def test_the_digits_standardized(digits: tuple[steepest.NetworkRun, Path]) -> None:
    run, _ = digits
    remedy = of(run, "standardize")
    told_by(remedy)
    assert run.learned.whole is not None
    assert remedy.measured_steps is not None
    assert whole_after(str(DIGITS), remedy, remedy.measured_steps) <= run.learned.whole[1]
    assert remedy.measured_steps <= 500


def products(seed: int, scale: float) -> dict[str, Any]:
    """Whether the first two of four numbers have one sign; a fifth is twice their product."""
    x = np.random.default_rng(seed).normal(size=(160, 4))
    product = x[:, 0] * x[:, 1]
    columns = {f"x{place}": scale * x[:, place] for place in range(4)}
    return {**columns, "sign": (product > 0).astype(int), "twice": 2 * product}


CASES: dict[str, dict[str, Any]] = {
    "a path that is another one beside others": {
        "optimizer": "momentum", "lr": 1e38, "steps": 1000, "seed": 1, "scale": 3.0,
    },
    "lost by itself": {
        "optimizer": "gd", "lr": 1e38, "steps": 1000, "batch_size": 16, "seed": 1, "scale": 3.0,
    },
    "rows held out": {
        "optimizer": "nesterov", "lr": 1e-4, "schedule": "cosine", "validation": 0.2, "seed": 2,
        "epochs": 90, "patience": 80,
    },
    "numbers": {
        "optimizer": "momentum", "lr": 1e-5, "loss": "mse", "target": "twice", "steps": 500,
        "batch_size": 32, "seed": 3, "momentum": 0.8, "schedule": "linear",
    },
    "large inputs": {"optimizer": "adam", "lr": 1e-5, "steps": 400, "scale": 200.0, "seed": 4},
    "more steps than are recorded": {
        "optimizer": "gd", "lr": 2e-4, "steps": 21_000, "batch_size": 16, "seed": 5,
        "schedule": "exponential", "shuffle": False,
    },
}  # fmt: skip
"""What is trained badly, in ways that something helps against."""


@pytest.mark.parametrize("case", CASES)
def test_a_command_gives_what_was_said_of_it(case: str) -> None:
    """To the last bit, far above the stability limit too, where any rounding leads elsewhere."""
    given = dict(CASES[case])
    seed, target = given["seed"], given.pop("target", "sign")
    data = {
        name: column
        for name, column in products(seed, given.pop("scale", 1.0)).items()
        if name == target or name.startswith("x")
    }
    network = "4-8-tanh-1" if target == "twice" else "4-8-tanh-2"
    run = steepest.train(data, network, target=target, **given)
    assert run.remedies
    rows = "held out" if "validation" in given else "learned from"
    for remedy in run.remedies:
        options: dict[str, Any] = dict(remedy.options or {})
        offered = steepest.train(data, **options, remedies=False)
        sentence, steps = remedy.sentence, offered.record.steps
        assert offered.learned.schedule == "constant"
        assert offered.loss == remedy.measured_loss
        assert f"loss {number(offered.loss, 4)}" in sentence
        assert f"the rows {rows}" in sentence
        if offered.accuracy is not None:
            assert f"its command gets {percent(offered.accuracy, 3)} right" in sentence
        assert offered.learned.whole is not None
        start, end = offered.learned.whole
        if remedy.change != "lr" or "brings" in sentence:
            assert f"to {number(end, 4)} in {steps:,}" in sentence
        assert end < start
        assert steps_said(sentence)[0] == remedy.measured_steps
        if run.learned.stopped == "diverged":
            assert "here it" not in sentence
        else:
            assert sentence.endswith(f" {number(run.loss, 4)}.")
