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
from steepest.run.saving import versions
from steepest.store.kept import Opening
from steepest.store.store import Store
from steepest.words.errors import InputError, StoreError, UsageError

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
    for plane in (one.learned.plane, other.learned.plane):
        assert plane is not None
    np.testing.assert_array_equal(one.learned.plane.path, other.learned.plane.path)
    np.testing.assert_array_equal(one.learned.plane.steps, other.learned.plane.steps)
    np.testing.assert_array_equal(one.learned.plane.losses, other.learned.plane.losses)


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


def test_a_path_is_noted_evenly() -> None:
    """However many epochs: as many on the way to the first half as on the way to the second."""
    rows = {"x": [float(i) for i in range(8)], "y": [float(i % 3) for i in range(8)]}
    run = steepest.train(
        rows, "1-2-tanh-1", target="y", loss="mse", steps=333, lr=0.01, remedies=False
    )
    plane = run.learned.plane
    assert plane is not None
    *noted, last = plane.steps.tolist()
    assert last == 333
    assert set(np.diff(noted)) == {16}, "32 places have room for 333 epochs in steps of 16"


def test_one_that_nothing_was_kept_of_begins_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs.db")
    given: dict[str, Any] = {
        "network": "64-8-relu-10",
        "target": "digit",
        "lr": 0.01,
        "remedies": False,
    }
    opening = Opening(
        command="train",
        formula="64-8-relu-10",
        weights=("W1", "b1", "W2", "b2"),
        optimizer="gd",
        step_limit=40,
        options={"data": DIGITS, "steps": 40, **given},
        versions=versions(),
    )
    recording = store.begin(opening)
    run = recording.run
    recording.close()
    with pytest.raises(StoreError, match=f"steepest train --resume {run} begins it again"):
        steepest.load(run, store)
    again = steepest.train(resume=run, store=store)
    whole = steepest.train(DIGITS, steps=40, **given)
    assert again.id == run
    same(again, whole)


def test_a_finished_run_goes_on_with_more_steps(tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    given: dict[str, Any] = {"lr": 1e-4, "remedies": False}
    run = steepest.minimize("(1 - x)**2 + (y - x**2)**2", steps=40, store=store, **given)
    assert run.id is not None
    longer = steepest.minimize(resume=run.id, steps=90, store=store)
    whole = steepest.minimize("(1 - x)**2 + (y - x**2)**2", steps=90, **given)
    assert longer.weights == whole.weights
    assert (longer.record.descent.steps, longer.id) == (90, run.id)
