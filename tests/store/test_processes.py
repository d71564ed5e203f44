"""Several processes on one store: nothing lost, and none ever told that it is locked."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from tests import specimens
from tests.store.conftest import opening

from steepest.store.store import Store

SECONDS = float(os.environ.get("STEEPEST_STORE_SECONDS", "2"))
"""A minute finds more."""

PRELUDE = """
import json, sys, time
import numpy as np
from tests import specimens
from tests.store.conftest import finish, opening
from tests.store.test_store import piece, same
from dataclasses import replace
from steepest.store.store import Store

store, until = Store(sys.argv[1]), time.time() + float(sys.argv[2])
record = specimens.tutorial()
"""

WRITE = """
done, total = [], 0
while time.time() < until:
    recording = store.begin(opening(record, name=sys.argv[3]))
    pieces = [recording.progress(piece(10 * i, 10 * i + 10), 0.5) for i in range(5)]
    for written in pieces:
        written.result()
    finish(recording, record)
    done.append(recording.run)
    total += 1
    if len(done) % 5 == 0:
        store.delete(done.pop(0))
print(json.dumps([total, done]))
"""

READ = """
reads = 0
while time.time() < until:
    summaries = store.summaries()
    for summary in summaries[:3]:
        try:
            trace = store.trace(summary.id)
        except Exception as error:
            # It may have been deleted since the list was read.
            assert "no such run" in str(error), error
            continue
        if summary.status == "finished":
            assert same(trace, record.trace)
        else:
            # Of a run on its way, whole pieces or all of it.
            assert len(trace) % 10 == 0 or same(trace, record.trace), len(trace)
        reads += 1
print(json.dumps(reads))
"""


def begin(code: str, path: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + code, str(path), str(SECONDS), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


def test_two_writers_and_four_readers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path / "runs.db")
    # So that the readers find a store, whoever comes first.
    store.begin(opening(specimens.tutorial())).close()
    writers = [begin(WRITE, store.path, name) for name in ("one", "two")]
    readers = [begin(READ, store.path) for _ in range(4)]
    answers = []
    for process in (*writers, *readers):
        shown, error = process.communicate(timeout=SECONDS + 120)
        assert process.returncode == 0, error
        answers.append(json.loads(shown))
    written = [run for _, done in answers[:2] for run in done]
    assert min(total for total, _ in answers[:2]) > 1
    assert min(answers[2:]) > 1
    # Nothing is lost, and nothing is there that should not be.
    found = [summary for summary in store.summaries() if summary.status == "finished"]
    assert sorted(summary.id for summary in found) == sorted(written)
    assert {store.record(run).run for run in written[:5]} == set(written[:5])
    with sqlite3.connect(store.path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
    with capsys.disabled():
        if SECONDS > 30:
            total = sum(total for total, _ in answers[:2])
            print(f"\n{total} runs kept, read {sum(answers[2:])} times")
