"""Many learning rates on one network, and the words about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest
from steepest.cli.commands import steepest as command
from steepest.show.terminal import plain
from steepest.words.errors import UsageError

DIGITS = str(Path(__file__).parents[3] / "examples" / "digits.csv")
GIVEN: dict[str, Any] = {"target": "digit", "standardize": True, "steps": 320}


def test_rates_have_their_words() -> None:
    found = steepest.sweep_network(DIGITS, "64-16-relu-10", lr=(1e-5, 1e4, 10), **GIVEN)
    words = [trial.word for trial in found.trials]
    assert words[0] == "too small", words
    assert words[-1] == "too large", words
    assert found.best is not None
    assert found.best.word == "just right"
    assert found.best.steps == 320
    assert found.best.loss == min(t.loss for t in found.trials if t.steps == 320)
    first_right, last_right = (
        words.index("just right"),
        len(words) - words[::-1].index("just right"),
    )
    assert set(words[:first_right]) == {"too small"}
    assert set(words[last_right:]) == {"too large"}


def test_the_best_one_is_the_same_alone() -> None:
    found = steepest.sweep_network(DIGITS, "64-16-relu-10", lr=(0.01, 1.0, 5), **GIVEN)
    assert found.best is not None
    alone = steepest.train(DIGITS, "64-16-relu-10", lr=found.best.lr, remedies=False, **GIVEN)
    assert alone.learned.whole is not None
    assert found.best.loss == pytest.approx(alone.learned.whole[1], rel=1e-3)


def test_auto_looks_around_the_stability_limit() -> None:
    found = steepest.sweep_network(DIGITS, "64-16-relu-10", **{**GIVEN, "steps": 64})
    rates = [trial.lr for trial in found.trials]
    assert found.record.limit is not None
    assert rates[0] < found.record.limit < rates[-1]
    assert len(rates) == 16


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    words = [DIGITS, "--network", "64-16-relu-10", "--target", "digit", "--steps", "64"]
    with pytest.raises(SystemExit) as ended:
        command(["train", *words, "--sweep", "0.001:0.1:5", "--json"])
    assert ended.value.code == 0
    document = json.loads(capsys.readouterr().out)
    assert document["command"] == "sweep"
    assert [trial["lr"] for trial in document["trials"]] == pytest.approx(
        [0.001, 0.00316, 0.01, 0.0316, 0.1]
    )
    with pytest.raises(SystemExit) as ended:
        command(["train", *words, "--sweep", "0.001:0.1:5"])
    shown = capsys.readouterr().out
    assert "gets lowest" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_a_lost_loss_is_shown() -> None:
    found = steepest.sweep_network(
        {"x": np.arange(40.0), "y": np.arange(40) % 2}, "1-2", target="y", lr=(1e30, 1e38, 3)
    )
    assert found.best is None or np.isfinite(found.best.loss)
    assert "learning rate" in plain(found.__rich__())


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"lr": (1.0, 0.1, 5)}, "a lower and a higher"),
        ({"lr": (0.1, 1.0, 1)}, "from 2 to 1,000"),
        ({"lr": 0.1}, "lowest, highest, count"),
        ({"schedule": "cosine"}, "constant learning rates"),
        ({"lr": (0.1, 1.0, 10**9)}, "from 2 to 1,000"),
    ],
    ids=["order", "one", "number", "schedule", "many"],
)
def test_what_cannot_be_swept_says_so(given: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        steepest.sweep_network(DIGITS, "64-16-relu-10", **{**GIVEN, **given})


def test_a_sweep_has_no_other_learning_rate(capsys: pytest.CaptureFixture[str]) -> None:
    words = [DIGITS, "--network", "64-8-relu-10", "--target", "digit", "--sweep", "auto"]
    with pytest.raises(SystemExit) as ended:
        command(["train", *words, "--lr", "0.1"])
    assert ended.value.code == 2
    assert "--sweep says which" in capsys.readouterr().err


def test_words_with_batches_are_those_of_trainings_alone() -> None:
    """Of the loss over all rows, which the last batches of one row say nothing of."""
    draws = np.random.default_rng(0)
    data = {"x": draws.normal(size=60), "y": (np.arange(60) % 15 == 0).astype(int)}
    given: dict[str, Any] = {"target": "y", "batch_size": 1, "optimizer": "gd"}
    found = steepest.sweep_network(data, "1-4-tanh-2", lr=(0.002, 5.0, 8), steps=100, **given)

    def whole(lr: float, steps: int) -> tuple[float, float]:
        run = steepest.train(data, "1-4-tanh-2", lr=lr, steps=steps, remedies=False, **given)
        assert run.learned.whole is not None
        return run.learned.whole

    ends = {trial.lr: whole(trial.lr, trial.steps) for trial in found.trials}
    for trial in found.trials:
        start, end = ends[trial.lr]
        assert trial.loss == pytest.approx(end, rel=1e-3)
        quicker = [
            other
            for other, (_, last) in ends.items()
            if other != trial.lr
            and last <= min(end, 0.98 * start)
            and whole(other, trial.steps // 10)[1] <= end
        ]
        assert (trial.word == "just right") == (not quicker and end < 0.98 * start), trial
    assert {trial.word for trial in found.trials} >= {"too small", "just right", "too large"}
