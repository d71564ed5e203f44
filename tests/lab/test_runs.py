"""Trainings in the lab: while they go on and after, small, and with what was found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.show.figures.trainings import record_of

from steepest.lab.runs import Runs
from steepest.records.training import TrainingRecord
from steepest.records.verdict import Finding, Verdict
from steepest.store.kept import Opening
from steepest.store.recording import Recording
from steepest.store.store import Store
from steepest.words.errors import UsageError

HEALTHY = record_of([2.0 * 0.99**step for step in range(3000)], tensors=12)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs.db")


@pytest.fixture
def recording(store: Store) -> Iterator[Recording]:
    """A training that has begun."""
    opening = Opening(
        command="watch",
        formula="Sequential",
        weights=tuple(tensor.name for tensor in HEALTHY.tensors),
        optimizer="SGD",
        step_limit=0,
        options={"every": 1},
        versions={"steepest": "0.1.0"},
        name="twelve",
    )
    found = store.begin(opening)
    yield found
    found.close()


def keep(recording: Recording, record: TrainingRecord) -> None:
    recording.training(record).result(timeout=20)


def opened(store: Store, run: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(Runs(store).one(run))
    return found


def test_a_training_has_figures_while_it_goes_on(store: Store, recording: Recording) -> None:
    keep(recording, replace(HEALTHY, ended="still running"))
    content = Runs(store).one(recording.run)
    assert len(content) < 250_000
    found = orjson.loads(content)
    assert found["summary"]["status"] == "running"
    kinds = [figure["kind"] for figure in found["board"]["figures"]]
    assert kinds == ["training", "layers"]
    assert found["board"]["frames"][-1] == 2999
    assert len(found["document"]["trace"]["loss"]) == 1001
    listed = orjson.loads(Runs(store).changed(None))["runs"]
    assert [run["steps"] for run in listed] == [3000]


def test_an_end_that_was_written_late_is_told(store: Store, recording: Recording) -> None:
    """It is dated before it is written: who asked in between has seen it running."""
    keep(recording, replace(HEALTHY, ended="still running"))
    keep(recording, replace(HEALTHY, ended="closed"))
    asked = orjson.loads(Runs(store).changed(None))["now"]
    (run,) = orjson.loads(Runs(store).changed(str(asked)))["runs"]
    assert run["status"] == "finished"
    assert orjson.loads(Runs(store).changed(str(asked + 3600)))["runs"] == []


def test_before_anything_is_kept_it_says_why(store: Store, recording: Recording) -> None:
    found = opened(store, recording.run)
    assert found["board"] is None
    assert "still running" in found["why"]


def test_a_finding_comes_with_the_step_where_it_began(store: Store, recording: Recording) -> None:
    keep(recording, replace(HEALTHY, ended="still running"))
    assert opened(store, recording.run)["board"]["findings"] == []
    alarm = Finding("SD406", "error", "Not finite any more.", {"step": 7})
    verdict = Verdict("not measured", "Not finite any more.", (alarm,))
    keep(recording, replace(HEALTHY, ended="closed", verdict=verdict))
    found = opened(store, recording.run)
    assert found["summary"]["status"] == "finished"
    assert [finding["code"] for finding in found["board"]["findings"]] == ["SD406"]
    (mark,) = found["board"]["figures"][0]["alarms"]
    assert (mark["step"], mark["code"]) == (7, "SD406")


def test_what_leaves_the_lab(store: Store, recording: Recording) -> None:
    keep(recording, replace(HEALTHY, ended="closed"))
    runs = Runs(store)
    assert b'"kind":"training"' in runs.report(recording.run)
    content, kind, name = runs.export(recording.run, "json")
    assert (kind, name) == ("application/json", f"{recording.run}.json")
    assert orjson.loads(content)["steps"] == 3000
    content, kind, name = runs.export(recording.run, "csv")
    assert (kind, name) == ("text/csv", f"{recording.run}.csv")
    assert content.startswith(b"step,loss,lr,")
    for other in ("pytorch", "jax"):
        with pytest.raises(UsageError, match="A training cannot be written as a short script"):
            runs.export(recording.run, other)
