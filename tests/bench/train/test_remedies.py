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

import steepest
from steepest.cli import steepest as command
from steepest.records import Remedy


def losses_of(remedy: Remedy) -> Any:
    """The losses of each step of the command that is offered."""
    words = shlex.split(remedy.command)
    assert words[:2] == ["steepest", "train"]
    result = CliRunner().invoke(
        command, [*words[1:], "--no-save", "--json", "--no-remedies"], catch_exceptions=False
    )
    assert result.exit_code == 0, result.stderr
    return np.array(json.loads(result.stdout)["trace"]["loss"])


def there(losses: Any, goal: float, width: int) -> int:
    """The step by which the mean of the last losses is at the goal."""
    means = [losses[end - width : end].mean() for end in range(width, len(losses) + 1)]
    return width + int(np.flatnonzero(np.array(means) <= goal * (1 + 1e-4))[0])


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


def test_another_learning_rate_and_scaled_inputs(rings: str) -> None:
    """With cosine the rate changes; what is offered is the constant one that was measured."""
    run = steepest.train(rings, "2-16-tanh-2", lr=2e-5, schedule="cosine", **GIVEN)
    width = 10  # losses of an epoch, of 200 rows in batches of 20
    # It hardly falls, and to where nothing was learned any rate gets.
    goal = min(run.trace.loss[-width:].mean(), 0.98 * run.record.losses.start)
    for change in ("lr", "standardize"):
        remedy = of(run, change)
        losses = losses_of(remedy)
        assert remedy.reached
        assert "the loss" in remedy.sentence
        assert steps_said(remedy.sentence)[0] == remedy.measured_steps
        assert there(losses, goal, width) == remedy.measured_steps
        last = losses[-max(5, len(losses) // 8) :].mean()
        assert last == pytest.approx(remedy.measured_loss, rel=0.02)
    assert run.verdict.learning_rate == "too small"


def test_what_ends_a_divergence(rings: str) -> None:
    run = steepest.train(rings, "2-16-tanh-2", lr=1e38, **GIVEN)
    assert run.learned.stopped == "diverged"
    remedy = of(run, "lr")
    losses = losses_of(remedy)
    assert steps_said(remedy.sentence) == [len(losses)]
    # Side by side the sums are rounded in another order.
    last = losses[-max(5, len(losses) // 8) :].mean()
    assert last == pytest.approx(remedy.measured_loss, rel=0.02)


def test_the_digits_standardized(digits: tuple[steepest.NetworkRun, Path]) -> None:
    run, _ = digits
    remedy = of(run, "standardize")
    losses = losses_of(remedy)
    width = 23  # losses of an epoch, of 1,438 rows in batches of 64
    goal = run.trace.loss[-width:].mean()
    assert remedy.measured_steps is not None
    assert there(losses, goal, width) == remedy.measured_steps
    assert remedy.measured_steps <= 500
