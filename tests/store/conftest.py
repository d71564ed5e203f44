"""A store of its own for every test, and runs in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests import specimens

from steepest.records.run import RunRecord
from steepest.store.kept import Ending, Opening
from steepest.store.recording import Recording
from steepest.store.store import Store

Keep = Callable[..., str]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs.db")


def opening(record: RunRecord, **more: Any) -> Opening:
    return Opening(
        command=record.command,
        formula=record.problem.formula,
        weights=record.problem.weights,
        optimizer=record.settings.optimizer,
        step_limit=record.settings.steps,
        options=record.call,
        versions={"steepest": record.version},
        source=record.problem.source,
        **more,
    )


def finish(recording: Recording, record: RunRecord) -> None:
    recording.finish(record, Ending(record.trace)).result()
    recording.close()


@pytest.fixture
def keep(store: Store) -> Keep:
    """Keeps a record, the tutorial's unless given, and says its id."""

    def kept(record: RunRecord | None = None, **more: Any) -> str:
        record = record or specimens.tutorial()
        recording = store.begin(opening(record, **more))
        finish(recording, record)
        return recording.run

    return kept
