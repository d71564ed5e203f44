"""A saving fit is killed at random moments: what was committed is there, and it goes on exactly."""

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests import specimens
from tests.run.test_saving import assert_same_path

import steepest
from steepest.records.summary import RunSummary
from steepest.run.run import Run
from steepest.store.store import Store

KILLS = int(os.environ.get("STEEPEST_KILLS", "12"))
"""200 find more."""

STEPS = 60_000
"""In chunks of CHUNK steps, each followed by a pause of PAUSE seconds."""
CHUNK = 512
PAUSE = 0.004
LATEST = 50
"""Pieces of progress after which a process is killed at the latest; most runs have fewer."""

# One process imports everything, and each run is a copy of it that has computed nothing yet.
CHILDREN = """
import os, sys, time, json
sys.path.insert(0, os.getcwd())
os.environ["JAX_PLATFORMS"] = "cpu"
import steepest, polars, scipy.optimize, optax
from steepest.jobs import fit as jobs, load
from steepest.run import keeping
from steepest.study import measure
import steepest.descent.run, steepest.run.stored
from steepest.store.recording import Recording
steepest.descent.run.LONGEST_CHUNK = {chunk}
steepest.descent.recorder.MOST_POINTS = 16384
measure.STUDY_SECONDS = 0.01
keeping.SAVE_SECONDS, keeping.WRITING_SHARE = 0.0, 1e9
kept = Recording.progress

def progress(self, piece, lr):
    done = kept(self, piece, lr)
    done.add_done_callback(lambda done: os.write(1, b"%d\\n" % piece.snapshot.step))
    return done

Recording.progress = progress

def pause(*_):
    time.sleep({pause})

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.write(1, b"begin\\n")
        try:
            steepest.fit({data!r}, {formula!r}, start={start!r}, lr=1e-5, steps={steps},
                         remedies=False, store=line.strip(), progress=pause)
            os.write(1, b"finished\\n")
        finally:
            os._exit(0)
    os.write(1, b"child %d\\n" % child)
    os.waitpid(child, 0)
    os.write(1, b"end\\n")
"""


def loaded(name: str, place: Any = None) -> Run:
    """A fit or a minimization from a store."""
    found = steepest.load(name, place)
    assert isinstance(found, Run)
    return found


@pytest.fixture
def _as_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steepest.descent.run.LONGEST_CHUNK", CHUNK)
    monkeypatch.setattr("steepest.descent.recorder.MOST_POINTS", 16384)
    monkeypatch.setattr("steepest.study.measure.STUDY_SECONDS", 0.01)


START = {"a": 0.0121, "b": -0.6397, "c": 0.6416}


def unbroken() -> Run:
    return steepest.fit(
        specimens.SPEED, specimens.FORMULA, start=START, lr=1e-5, steps=STEPS, remedies=False
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.usefixtures("_as_there")
def test_kill_at_any_moment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = unbroken()
    code = CHILDREN.format(
        chunk=CHUNK,
        pause=PAUSE,
        data=str(specimens.SPEED),
        formula=specimens.FORMULA,
        start=START,
        steps=STEPS,
    )
    mother = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    store = Store(tmp_path / "runs.db")
    chance = random.Random(20)
    tally = {"before it was entered": 0, "without progress": 0, "on the way": 0, "finished": 0}
    try:
        for _ in range(KILLS):
            before = {summary.id for summary in _summaries(store)}
            committed, finished = _killed(mother, store.path, chance)
            with sqlite3.connect(store.path) as db:
                assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            db.close()
            new = [summary for summary in _summaries(store) if summary.id not in before]
            if not new:
                assert not committed
                tally["before it was entered"] += 1
                continue
            (summary,) = new
            if summary.status == "finished":
                tally["finished"] += 1
                assert_same_path(loaded(summary.id, store), wanted)
                continue
            assert not finished
            assert summary.status == "killed"
            snapshot = store.snapshot(summary.id)
            if snapshot is None:
                assert not committed
                tally["without progress"] += 1
            else:
                tally["on the way"] += 1
                assert snapshot.step >= max(committed, default=0)
                _check_trace(store, summary.id, snapshot.step, wanted)
            again = steepest.fit(resume=summary.id, store=store)
            assert_same_path(again, wanted)
            assert_same_path(loaded(summary.id, store), wanted)
            store.delete(summary.id)
    finally:
        mother.communicate(timeout=60)
    assert tally["on the way"] > KILLS / 5
    if KILLS > 50:
        with capsys.disabled():
            print(f"\n{json.dumps(tally)}")


def _summaries(store: Store) -> list[RunSummary]:
    return store.summaries() if store.path.exists() else []


def _killed(
    mother: "subprocess.Popen[str]", path: Path, chance: random.Random
) -> tuple[list[int], bool]:
    """The steps that a run said were committed before it was killed, and whether it was done."""
    assert mother.stdin is not None
    assert mother.stdout is not None
    mother.stdin.write(f"{path}\n")
    mother.stdin.flush()
    # One in five before anything is kept, the others so many pieces later and a moment more.
    pieces = 0 if chance.random() < 0.2 else chance.randint(1, LATEST)
    moment = chance.uniform(0.0, 2.0) if pieces == 0 else chance.expovariate(100)
    child, killed, finished = 0, False, False
    committed: list[int] = []
    for line in mother.stdout:
        word, *rest = line.split()
        if word == "child":
            child = int(rest[0])
        elif word == "finished":
            finished = True
        elif word == "end":
            break
        elif word.isdigit():
            committed.append(int(word))
        if child and not killed and len(committed) >= pieces:
            time.sleep(moment)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            killed = True
    return committed, finished


def _check_trace(store: Store, run: str, steps: int, wanted: Run) -> None:
    """Every recorded step before `steps`, and each as in the unbroken run."""
    found = store.trace(run)
    stride = int(found.step[1] - found.step[0])
    assert found.step.tolist() == list(range(0, steps, stride))
    exact = wanted.replay(0, steps - 1)
    assert found.loss.tobytes() == exact.loss[::stride].tobytes()
    assert found.weights.tobytes() == exact.weights[::stride].tobytes()
    assert found.gradient.tobytes() == exact.gradient[::stride].tobytes()
