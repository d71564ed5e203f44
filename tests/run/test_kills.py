"""Jobs of every kind are killed at any moment: no kept step is lost, little work, and all go on."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from tests import specimens

import steepest
from steepest.cli import steepest as command
from steepest.run.run import Run
from steepest.store.store import Store

KILLS = int(os.environ.get("STEEPEST_KILLS", "0"))
"""For each job; without it one at once of each. 60 are 300 in all."""

LOST = 5.0 if KILLS else 20.0
"""Seconds of work that may be lost; a machine with other work to do takes longer to write."""

TOGETHER = 5
"""Processes that run at once."""

DIGITS = Path(__file__).parents[2] / "examples" / "digits.csv"

FIT: dict[str, Any] = {
    "data": str(specimens.SPEED),
    "formula": specimens.FORMULA,
    "start": {"a": 0.0121, "b": -0.6397, "c": 0.6416},
    "lr": 1e-5,
    # Its steps follow one from the other: of plain descent here ten millions are done at once.
    "optimizer": "momentum",
    "remedies": False,
}
MINIMIZE: dict[str, Any] = {
    "expression": "(1 - x)**2 + 100*(y - x**2)**2",
    "start": {"x": -1.5, "y": 2.0},
    "lr": 1e-4,
    "remedies": False,
}
TRAIN: dict[str, Any] = {
    "data": str(DIGITS),
    "network": "64-8-relu-10",
    "target": "digit",
    "optimizer": "adam",
    "lr": 0.01,
    "batch_size": 50,
    "validation": 0.2,
    "remedies": False,
}
STEPS = 10**7
"""More than any of them comes to."""

# One process imports everything, and each job is a copy of it that has computed nothing yet. It
# writes when each step was done; `pause` is how long a step takes at least.
MOTHER = """
import os, sys, time, json
sys.path.insert(0, os.getcwd())
os.environ["JAX_PLATFORMS"] = "cpu"
import steepest, polars, scipy.optimize, optax, torch
from steepest.descent import training
from steepest.jobs import fit, load, train, watch
from steepest.study import measure
import steepest.descent.run, steepest.run.stored, steepest.descent.loop
steepest.descent.run.LONGEST_CHUNK = 64
measure.STUDY_SECONDS = 0.01
torch.set_num_threads(1)

def job(asked):
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    def done(step):
        os.write(log, b"%d %.6f\\n" % (step, time.time()))
    pause, kind, given = asked["pause"], asked["job"], asked["given"]
    def say(phase, step, total, loss):
        if phase == "descending":
            time.sleep(pause)
        if phase in ("descending", "training"):
            done(step)
    if kind == "watch":
        torch.manual_seed(0)
        model = torch.nn.Linear(3, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        with steepest.watch(model, optimizer, store=asked["store"]) as seen:
            for step in range(given["steps"]):
                loss = (model(torch.ones(4, 3)) - 1).pow(2).mean()
                seen.loss(loss)
                optimizer.zero_grad()
                loss.backward()
                time.sleep(pause)
                optimizer.step()
                done(step + 1)
        return
    steps = training.Trainer.steps
    def slow(self, stand, batches, rates):
        time.sleep(pause * len(batches))
        return steps(self, stand, batches, rates)
    training.Trainer.steps = slow
    getattr(steepest, kind)(store=asked["store"], progress=say, **given)

for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if child == 0:
        try:
            job(asked)
        finally:
            os._exit(0)
    print(child, flush=True)
"""


@dataclass
class Killed:
    """A job that was killed, as it is known from outside."""

    job: str
    pause: float
    place: Path
    log: Path
    at: float

    @property
    def done(self) -> list[tuple[int, float]]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        pairs = [line.split() for line in lines]
        return [(int(pair[0]), float(pair[1])) for pair in pairs if len(pair) == 2]


@pytest.fixture(scope="module")
def mother() -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", MOTHER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    yield process
    process.communicate(timeout=60)


def killed(
    mother: "subprocess.Popen[str]", jobs: list[dict[str, Any]], delays: list[float]
) -> list[Killed]:
    """Begin all of them, and kill each some seconds after its first step was done."""
    assert mother.stdin is not None
    assert mother.stdout is not None
    found, children = [], []
    for job in jobs:
        mother.stdin.write(json.dumps({key: job[key] for key in job}) + "\n")
        mother.stdin.flush()
        children.append(int(mother.stdout.readline()))
        found.append(Killed(job["job"], job["pause"], Path(job["store"]), Path(job["log"]), 0.0))
    waiting = {place: None for place in range(len(jobs))}
    ends: dict[int, float] = {}
    began = time.time()
    while waiting:
        for place in list(waiting):
            here = found[place]
            if place not in ends and (here.done or delays[place] < 0):
                ends[place] = time.time() + abs(delays[place])
            if time.time() >= ends.get(place, began + 120):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(children[place], signal.SIGKILL)
                here.at = time.time()
                del waiting[place]
        time.sleep(0.01)
    return found


def job_of(kind: str, place: Path, pause: float, **more: Any) -> dict[str, Any]:
    given = {"fit": FIT, "minimize": MINIMIZE, "train": TRAIN, "watch": {}}[kind]
    return {
        "job": kind,
        "pause": pause,
        "store": str(place / "runs.db"),
        "log": str(place / "steps"),
        "given": {**given, "steps": STEPS, **more},
    }


def drawn(number: int) -> Iterator[tuple[str, float, float]]:
    """What runs, how long its steps take, and when it is killed; some before the first step."""
    chance = random.Random(31 + KILLS)
    for _ in range(number):
        for kind in ("fit", "minimize", "train", "watch"):
            pause = 10 ** chance.uniform(-3, 0.3 if KILLS else -1)
            moment = chance.uniform(0.0, 12.0 if KILLS else 6.0)
            yield kind, pause, -moment if KILLS and chance.random() < 0.1 else moment


def check_lost(one: Killed, kept: int) -> float:
    """The seconds of finished work that are lost, which are few."""
    done = one.done
    if not done:
        return 0.0
    last, ended = done[-1]
    times = [when for step, when in done if step <= kept]
    since = times[-1] if times else done[0][1]
    lost = ended - since if last > kept + 1 else 0.0
    assert lost <= LOST + one.pause, f"{one.job} lost {lost:.2f} s of {last} steps, {kept} kept"
    return lost


def shown(place: Path, run: str) -> None:
    """It is shown, in words and in JSON, as far as it came; and compared, and reported."""
    for words in (["show", run], ["show", run, "--json"], ["compare", run, run]):
        answer = CliRunner().invoke(command, ["runs", *words, "--store", str(place)])
        assert answer.exit_code == 0, (words, answer.output, answer.exception)
    answer = CliRunner().invoke(
        command,
        ["runs", "report", run, "-o", str(place.parent / "page.html"), "--store", str(place)],
    )
    assert answer.exit_code == 0
    headline = steepest.load(run, place).verdict.headline
    assert headline.startswith("So far, to step ")
    assert "was killed" in headline


def check_same_path(one: Killed, run: str, kept: int) -> None:
    """Gone on with, it is at the same place as a run that nothing broke off."""
    steps = kept + 70
    if one.job == "train":
        again = steepest.train(resume=run, store=one.place, steps=steps)
        whole: Any = steepest.train(**{**TRAIN, "steps": steps})
        for name, weights in again.weights.items():
            assert np.array_equal(weights, whole.weights[name]), name
        assert again.epochs == whole.epochs
        return
    door: Callable[..., Run] = getattr(steepest, one.job)
    given = FIT if one.job == "fit" else MINIMIZE
    found = door(resume=run, store=one.place, steps=steps)
    unbroken = door(**{**given, "steps": steps})
    assert found.weights == unbroken.weights
    assert found.loss == unbroken.loss
    middle = kept // 2
    assert found.at(middle) == unbroken.at(middle)


@pytest.fixture(autouse=True)
def _as_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steepest.descent.run.LONGEST_CHUNK", 64)
    monkeypatch.setattr("steepest.study.measure.STUDY_SECONDS", 0.01)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_jobs_are_killed_at_any_moment(
    mother: "subprocess.Popen[str]", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    tally = {"killed": 0, "before a step was kept": 0, "gone on with": 0, "seconds lost": 0.0}
    all_of_them = list(drawn(max(KILLS, 1)))
    for first in range(0, len(all_of_them), TOGETHER):
        some = all_of_them[first : first + TOGETHER]
        jobs = []
        for number, (kind, pause, _) in enumerate(some):
            place = tmp_path / f"{first + number}"
            place.mkdir()
            jobs.append(job_of(kind, place, pause))
        for one in killed(mother, jobs, [moment for _, _, moment in some]):
            tally["killed"] += 1
            _check(one, tally)
    if KILLS:
        with capsys.disabled():
            print(f"\n{json.dumps(tally)}")


def _check(one: Killed, tally: dict[str, Any]) -> None:
    summaries = Store(one.place).summaries() if one.place.exists() else []
    kept = (summaries[0].steps or 0) if summaries else 0
    tally["seconds lost"] = max(tally["seconds lost"], check_lost(one, kept))
    if not summaries:
        tally["before a step was kept"] += 1
        return
    until = time.monotonic() + 30
    while summaries[0].status == "running" and time.monotonic() < until:
        # The signal is on its way.
        time.sleep(0.05)
        summaries = Store(one.place).summaries()
    (summary,) = summaries
    assert summary.status == "killed"
    if not kept:
        tally["before a step was kept"] += 1
        if one.job != "watch":
            check_same_path(one, summary.id, 0)
        return
    shown(one.place, summary.id)
    if one.job != "watch":
        check_same_path(one, summary.id, kept)
        tally["gone on with"] += 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_what_goes_on_is_killed_again(mother: "subprocess.Popen[str]", tmp_path: Path) -> None:
    chance = random.Random(7)
    place = tmp_path / "again"
    place.mkdir()
    job = job_of("minimize", place, 0.001)
    (one,) = killed(mother, [job], [chance.uniform(1.0, 2.0)])
    for _ in range(max(KILLS // 2, 1)):
        (summary,) = Store(one.place).summaries()
        before = summary.steps or 0
        assert before
        job["given"] = {"resume": summary.id, "steps": STEPS}
        Path(job["log"]).unlink()
        (one,) = killed(mother, [job], [chance.uniform(0.0, 3.0)])
        (summary,) = Store(one.place).summaries()
        assert (summary.steps or 0) >= before, "what was kept before is kept still"
    check_same_path(one, summary.id, summary.steps or 0)
