"""A training that was stopped or killed in the middle of an epoch goes on along the same path."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest
from steepest.words.errors import InputError, UsageError

DIGITS = str(Path(__file__).parents[3] / "examples" / "digits.csv")
GIVEN: dict[str, Any] = {
    "target": "digit",
    "optimizer": "adam",
    "lr": 0.01,
    "batch_size": 50,
    "validation": 0.2,
    "remedies": False,
}


def same(one: Any, other: Any) -> None:
    """Everything that a step decides is the same, bit for bit."""
    for name, weights in one.weights.items():
        assert np.array_equal(weights, other.weights[name]), name
    for part in ("step", "loss", "gradient", "update", "turn"):
        np.testing.assert_array_equal(getattr(one.trace, part), getattr(other.trace, part), part)
    assert one.epochs == other.epochs
    assert one.metrics == other.metrics
    assert one.record.facts == other.record.facts
    assert one.record.losses == other.record.losses
    assert one.record.noise == other.record.noise


def test_the_same_seed_is_the_same_run() -> None:
    one, other = (steepest.train(DIGITS, "64-16-relu-10", steps=90, **GIVEN) for _ in range(2))
    same(one, other)
    another = steepest.train(DIGITS, "64-16-relu-10", steps=90, **{**GIVEN, "seed": 1})
    assert not np.array_equal(one.weights["W1"], another.weights["W1"])


def test_it_goes_on_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    whole = steepest.train(DIGITS, "64-16-relu-10", steps=130, **GIVEN)
    part = steepest.train(DIGITS, "64-16-relu-10", steps=77, store=store, **GIVEN)
    assert part.id is not None
    assert len(part.epochs) == 2, "77 steps of 50 rows are 2.7 epochs of 1,438 rows"
    same(whole, steepest.train(resume=part.id, steps=130, store=store))
    same(whole, steepest.load(part.id, store))


KILLED = """
import sys, steepest
from steepest.run import keeping
keeping.KEEP_SECONDS = 0.0
keeping.WRITING_SHARE = 1.0
def say(phase, done, total, loss):
    print(phase, done, flush=True)
steepest.train(sys.argv[1], "64-16-relu-10", steps=100_000, store=sys.argv[2], progress=say,
               target="digit", optimizer="adam", lr=0.01, batch_size=50, validation=0.2,
               remedies=False)
"""


def test_a_killed_training_goes_on(tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, DIGITS, str(store)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("training") and int(line.split()[1]) >= 120:
            break
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    (summary,) = steepest.runs(store)
    assert summary.status == "killed"
    kept = steepest.load(summary.id, store)
    assert isinstance(kept, steepest.NetworkRun)
    done = kept.record.steps
    assert done > 0
    total = done + 40
    resumed = steepest.train(resume=summary.id, steps=total, store=store)
    same(steepest.train(DIGITS, "64-16-relu-10", steps=total, **GIVEN), resumed)


def test_what_cannot_go_on_says_so(tmp_path: Path) -> None:
    store, data = tmp_path / "runs.db", tmp_path / "points.csv"
    data.write_text("x,y\n" + "\n".join(f"{i},{i % 2}" for i in range(40)))
    given: dict[str, Any] = {"lr": 0.1, "store": store, "remedies": False}
    run = steepest.train(str(data), "1-4-tanh-2", target="y", steps=20, **given)
    resume: dict[str, Any] = {"resume": run.id, "store": store}
    with pytest.raises(UsageError, match="20 steps already"):
        steepest.train(steps=10, **resume)
    with pytest.raises(UsageError, match="lr is that of the run"):
        steepest.train(lr=0.2, **resume)
    with pytest.raises(UsageError, match="network is that of the run"):
        steepest.train(None, "1-5-tanh-2", **resume)
    data.write_text("x,y\n" + "\n".join(f"{i},{i % 2}" for i in range(1, 41)))
    with pytest.raises(InputError, match="has changed"):
        steepest.train(steps=30, **resume)
    fit = steepest.fit({"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.1]}, "y ~ a*x", **given)
    with pytest.raises(UsageError, match="is one of steepest fit"):
        steepest.train(resume=fit.id, store=store)


def test_a_schedule_keeps_its_length(tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    given = {**GIVEN, "schedule": "cosine"}
    part = steepest.train(DIGITS, "64-16-relu-10", steps=40, store=store, **given)
    with pytest.raises(UsageError, match="laid out for 40 steps"):
        steepest.train(resume=part.id, steps=80, store=store)
