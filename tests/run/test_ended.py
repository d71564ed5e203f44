"""SIGTERM keeps all that was done and says so; a store that is taken away is noticed."""

import json
import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import specimens

import steepest
from steepest.store.arrays import pack, unpack
from steepest.store.store import Store
from steepest.words.errors import StoreError, StoreWarning

DIGITS = str(Path(__file__).parents[2] / "examples" / "digits.csv")

COMMANDS: dict[str, list[str]] = {
    "fit": [
        *("fit", str(specimens.SPEED), specimens.FORMULA),
        *("--optimizer", "momentum", "--lr", "1e-5", "--steps", "1e9", "--json"),
    ],
    "train": [
        *("train", DIGITS, "--network", "64-8-relu-10", "--target", "digit"),
        *("--lr", "0.01", "--steps", "1e9", "--json"),
    ],
}

LOOP = """
import sys, time, torch, steepest
torch.manual_seed(0)
model = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
seen = steepest.watch(model, optimizer, store=sys.argv[1])
for step in range(10**9):
    loss = (model(torch.ones(4, 3)) - 1).pow(2).mean()
    seen.loss(loss)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(step + 1, flush=True)
    time.sleep(0.02)
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM to catch")


def steps_of(place: Path) -> int:
    found = Store(place).summaries() if place.exists() else []
    return (found[0].steps or 0) if found else 0


@pytest.mark.parametrize("job", COMMANDS)
def test_sigterm_keeps_what_was_done(job: str, tmp_path: Path) -> None:
    place = tmp_path / "runs.db"
    process = subprocess.Popen(
        [sys.executable, "-m", "steepest", *COMMANDS[job], "--store", str(place)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 120
    while not steps_of(place) and time.monotonic() < until:
        time.sleep(0.05)
    kept = steps_of(place)
    process.send_signal(signal.SIGTERM)
    out, told = process.communicate(timeout=120)
    assert process.returncode == 143
    (summary,) = Store(place).summaries()
    assert f"steepest {job} --resume {summary.id} goes on with it." in told
    assert "Traceback" not in told
    document = json.loads(out)
    part: dict[str, Any] = document["descent" if job == "fit" else "learned"]
    assert part["stopped"] == "interrupted"
    assert summary.status == "interrupted"
    assert (summary.steps or 0) >= kept > 0


def test_sigterm_keeps_what_was_watched(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    place = tmp_path / "runs.db"
    process = subprocess.Popen(
        [sys.executable, "-c", LOOP, str(place)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    seen = 0
    for line in process.stdout:
        seen = int(line)
        if seen >= 9:
            break
    process.send_signal(signal.SIGTERM)
    out, told = process.communicate(timeout=60)
    seen = max([seen, *map(int, out.split())])
    assert process.returncode == -signal.SIGTERM
    (summary,) = Store(place).summaries()
    assert summary.status == "interrupted"
    assert f"are kept as the run {summary.id}" in told
    # It may end between a step and its line.
    assert summary.steps in (seen, seen + 1)


def test_a_loop_keeps_its_own_handler(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    before = signal.getsignal(signal.SIGTERM)
    try:
        own = signal.signal(signal.SIGTERM, lambda *_: None)
        mine = signal.getsignal(signal.SIGTERM)
        assert own == before
        steepest.watch(torch.nn.Linear(1, 1), store=False).close()
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_store_that_is_taken_away_is_noticed(how: str, tmp_path: Path) -> None:
    place, other = tmp_path / "runs.db", tmp_path / "other.db"
    steepest.minimize("x**2", steps=1, store=other, remedies=False)
    taken: list[int] = []

    def take(phase: str, step: int, *_: Any) -> None:
        if phase == "descending" and not taken:
            taken.append(step)
            for file in tmp_path.glob("runs.db*"):
                file.unlink()
            if how == "replaced":
                os.link(other, place)

    with pytest.warns(StoreWarning, match="was removed, or replaced"):
        run = steepest.minimize("x**2", lr=1e-9, steps=40_000, store=place, progress=take,
                                remedies=False)  # fmt: skip
    assert taken
    assert run.unsaved is not None
    assert run.id is None
    assert len(Store(other).summaries()) == 1, "nothing was written to what took its place"
    assert run.save(tmp_path / "third.db")


def test_what_unpacks_to_more_than_a_store_takes_is_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("steepest.store.arrays.MOST_UNPACKED", 1 << 20)
    small = {"a": np.arange(1000.0)}
    assert np.array_equal(unpack(pack(small))["a"], small["a"])
    bomb = b'[["a", "<f8", [4000000]]]\n' + zlib.compress(bytes(32_000_000))
    assert len(bomb) < 50_000
    with pytest.raises(StoreError, match="unpacks to more than 1 MiB"):
        unpack(bomb)
    with pytest.raises(StoreError, match="damaged"):
        unpack(pack(small)[:-9])
