"""A run's row in the file: where the file is, which row an id means, and what a list says of it.

No arrays are read here: a list needs none, and is there at once.
"""

from __future__ import annotations

import difflib
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import platformdirs

from steepest.records.choices import Status
from steepest.records.summary import RunSummary
from steepest.store.connection import OTHER, explained, reading
from steepest.store.identity import Process
from steepest.words.errors import StoreError, UsageError
from steepest.words.given import shown_value
from steepest.words.wording import escaped

VARIABLE: Final = "STEEPEST_STORE"
"""The environment variable that names the default store."""


def default_path() -> Path:
    """STEEPEST_STORE, else a file in the user's data directory, by platform convention."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return path_of(chosen)
    return platformdirs.user_data_path("steepest", appauthor=False) / "runs.db"


def path_of(given: str | os.PathLike[str] | None) -> Path:
    """The path as it is meant, None the default one. Raises StoreError for what can be none."""
    if given is None:
        return default_path()
    try:
        text = os.fsdecode(given)
        if not text or "\0" in text:
            raise ValueError("it is empty" if not text else "it holds a character 0")
        os.fsencode(text)
        return Path(text).expanduser()
    except (ValueError, TypeError, RuntimeError) as error:
        raise StoreError(
            f"This cannot be the path of a store: {str(error).rstrip('.')}.",
            given=shown_value(given),
            instead=OTHER,
        ) from error


def summaries(path: Path, *, is_default: bool) -> list[RunSummary]:
    """Every run, the newest first. The default store is empty before the first run."""
    with explained(path):
        if is_default and not path.exists():
            return []
    with rows_of(path) as db:
        rows = db.execute("SELECT * FROM runs ORDER BY started DESC, id DESC").fetchall()
    return [summary_of(row) for row in rows]


def whole_id(path: Path, run: str) -> str:
    """The run's id, by the beginning of it. Raises UsageError."""
    with rows_of(path) as db:
        return str(row_of(db, run)["id"])


@contextmanager
def rows_of(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to read from, all of one moment, whose rows know their columns."""
    with reading(path) as db:
        db.row_factory = sqlite3.Row
        yield db


def row_of(db: sqlite3.Connection, run: str) -> sqlite3.Row:
    """The run's row, by its id, the beginning of it, or its name. Raises UsageError."""
    row = db.execute("SELECT * FROM runs WHERE id = ?", (_plain(run),)).fetchone()
    if isinstance(row, sqlite3.Row):
        return row
    known = [str(name) for (name,) in db.execute("SELECT id FROM runs ORDER BY id DESC")]
    named = db.execute("SELECT id FROM runs WHERE name = ? ORDER BY id DESC", (_plain(run),))
    fitting = [name for name in known if run and name.startswith(run)]
    fitting = fitting or [str(name) for (name,) in named]
    if len(fitting) == 1:
        return row_of(db, fitting[0])
    if fitting:
        raise UsageError(
            "Several runs begin like this, or have this name.",
            given=escaped(run),
            instead=f"Write one of {', '.join(fitting[:5])}.",
        )
    near = difflib.get_close_matches(run, known, n=1, cutoff=0.5)
    raise UsageError(
        "There is no such run in the store.",
        given=escaped(run) or "an empty id",
        instead=f"Did you mean {near[0]}?"
        if near
        else "steepest runs list shows them."
        if known
        else "It holds no runs yet.",
    )


def _plain(run: str) -> str:
    return run.encode("utf-8", "replace").decode("utf-8")


def process_of(row: sqlite3.Row) -> Process:
    """The process that writes or wrote the run."""
    return Process(row["host"], row["process"], row["process_began"])


def status_of(row: sqlite3.Row) -> Status:
    """What the row says, but killed where its process is gone."""
    status: Status = row["status"]
    if status == "running" and not process_of(row).is_alive(time.time() - row["heartbeat"]):
        return "killed"
    return status


def summary_of(row: sqlite3.Row) -> RunSummary:
    """What a list says of the row."""

    def number(name: str) -> float | None:
        return None if row[name] is None else float(row[name])

    return RunSummary(
        id=row["id"],
        command=row["command"],
        formula=text_of(row["formula"]) or "",
        optimizer=row["optimizer"],
        status=status_of(row),
        started=row["started"],
        step_limit=row["step_limit"],
        weights=weights_of(row),
        version=parsed(row["versions"]).get("steepest", ""),
        name=text_of(row["name"]),
        source=text_of(row["source"]),
        ended=row["ended"],
        steps=row["steps"],
        loss=number("loss"),
        lr=number("lr"),
        stopped=row["stopped"],
        learning_rate=row["learning_rate"],
        headline=text_of(row["headline"]),
        fingerprint=row["fingerprint"],
    )


def weights_of(row: sqlite3.Row) -> tuple[str, ...]:
    """The names of the weights."""
    return tuple(parsed(row["weights"]))


def parsed(text: str) -> Any:
    """What a column of JSON holds. Raises StoreError where it holds none."""
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise StoreError("A part of the store is damaged: a run cannot be read.") from error


def text_of(text: str | None) -> str | None:
    """A text that is kept as JSON, as it may be of no character set."""
    return None if text is None else str(parsed(text))
