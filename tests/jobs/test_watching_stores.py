"""A store that fails or is busy while a training is watched: the training goes on."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import steepest
from steepest.run import keeping
from steepest.run.training import TrainingRun
from steepest.store.store import Store
from steepest.words.errors import UsageError

STEPS = 400

# Each case in a process that is forked off after everything is imported.
CASES = """
import hashlib, json, logging, os, resource, signal, sys
from pathlib import Path
import torch
from torch import nn
import steepest
from steepest.run import keeping
from steepest.store.store import Store

torch.set_num_threads(1)
keeping.KEEP_SECONDS, keeping.WATCHING_SHARE = 0.0, 1e9
said = []
logging.getLogger("steepest").addHandler(type("Say", (logging.Handler,), {
    "emit": lambda self, entry: said.append(entry.getMessage())})())

def train(store, at_half=None):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    watch = None if store is None else steepest.watch(model, optimizer, store=store)
    for step in range(400):
        x = torch.randn(16, 5)
        loss = (model(x) - x.sum(1, keepdim=True)).square().mean()
        if watch: watch.loss(loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if 100 <= step <= 200 and at_half:
            # What waits is written: first that the run began, then its steps.
            while watch._keeper._writing and not watch._keeper._writing.done(): pass
            if step == 200: at_half()
    if watch: watch.close()
    weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
    return watch, hashlib.sha256(weights).hexdigest()

def full():
    file = Path(sys.argv[1])
    size = max(each.stat().st_size for each in file.parent.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

def killed():
    os.kill(os.getpid(), signal.SIGKILL)

case = sys.argv[2]
_, expected = train(None)
train(False)
if case == "read-only" and os.geteuid() == 0:
    os.setuid(65534)  # Whoever may do everything becomes nobody, after everything is imported.
watch, digest = train(sys.argv[1], {"full": full, "killed": killed}.get(case))
print(json.dumps([watch.run.record.steps, watch.run.record.dropped, watch.run.id, said,
                  digest == expected]))
"""


def done(place: Path, case: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CASES, str(place), case],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")


def test_a_full_disk(tmp_path: Path) -> None:
    place = tmp_path / "runs.db"
    answer = done(place, "full")
    assert answer.returncode == 0, answer.stderr
    steps, dropped, name, said, same = json.loads(answer.stdout)
    assert (steps, same) == (STEPS, True)
    assert list(dropped) == ["the run in the store"]
    assert len(said) == 1
    assert "training goes on" in said[0]
    # What was written before is there.
    found = steepest.load(name, place)
    assert isinstance(found, TrainingRun)
    assert 0 < found.record.steps <= STEPS


def test_a_folder_that_is_read_only(open_folder: Path) -> None:
    closed = [each for each in Path(steepest.__file__).parents if not each.stat().st_mode & 0o001]
    if os.geteuid() == 0 and closed:
        pytest.skip(f"Whoever is not root may not read {closed[-1]}, where this checkout lies.")
    open_folder.chmod(0o555)
    answer = done(open_folder / "runs.db", "read-only")
    assert answer.returncode == 0, answer.stderr
    steps, dropped, name, said, same = json.loads(answer.stdout)
    assert (steps, same, name) == (STEPS, True, None)
    assert dropped == {"the run in the store": 1}
    assert len(said) == 1
    assert "may not be written" in said[0] or "Permission denied" in said[0]


def test_a_process_that_is_killed(tmp_path: Path) -> None:
    place = tmp_path / "runs.db"
    assert done(place, "killed").returncode < 0
    (summary,) = Store(place).summaries()
    assert summary.status == "killed"
    found = steepest.load(summary.id, place)
    assert isinstance(found, TrainingRun)
    assert found.record.ended == "killed"
    with pytest.raises(UsageError, match="was watched"):
        steepest.fit(resume=summary.id, store=place)
    assert 0 < len(found.record.trace) == found.record.steps <= 201
    assert found.verdict.headline.startswith(f"So far, to step {found.record.steps}, and then")


def test_a_store_on_which_another_process_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The loop does not wait for it, and at the end everything is there."""
    place = tmp_path / "runs.db"
    monkeypatch.setattr(keeping, "KEEP_SECONDS", 0.0)
    monkeypatch.setattr(keeping, "WATCHING_SHARE", 1e9)
    other = sqlite3.connect(place, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    torch.manual_seed(0)
    model = nn.Linear(5, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    watch = steepest.watch(model, optimizer, store=place)
    began = time.monotonic()
    for _ in range(STEPS):
        loss: Any = model(torch.randn(16, 5)).square().mean()
        watch.loss(loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert time.monotonic() - began < 10  # SQLite would be waited for a minute.
    assert watch._keeper._writing is not None
    assert not watch._keeper._writing.done()
    other.execute("COMMIT")
    other.close()
    with caplog.at_level(logging.WARNING, "steepest"):
        watch.close()
    assert not caplog.records
    assert not watch.run.record.dropped
    found = steepest.load(str(watch.run.id), place)
    assert isinstance(found, TrainingRun)
    assert found.record.steps == STEPS
