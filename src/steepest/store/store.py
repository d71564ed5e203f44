"""The store of runs: one SQLite file, read and written by any number of processes."""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from typing import Any, Final

import numpy as np

from steepest.records.descent import Trace
from steepest.records.kept import decode, decode_values
from steepest.records.ranks import merged
from steepest.records.run import RunRecord
from steepest.records.summary import RunSummary
from steepest.records.training import TrainingRecord
from steepest.store.arrays import Array, inflated, unpack
from steepest.store.connection import (
    explained,
    open_to_write,
    patiently,
    transaction,
)
from steepest.store.kept import KeptData, Opening, Snapshot
from steepest.store.recording import Recording, delete
from steepest.store.rows import (
    parsed,
    path_of,
    process_of,
    row_of,
    rows_of,
    status_of,
    summaries,
    summary_of,
    text_of,
    weights_of,
)
from steepest.words.errors import StoreError, UsageError

_MOST_TEXT: Final = 256 << 20
"""Bytes of a run's record without its numbers."""


class Store:
    """Runs in one file. It is made when the first run is kept; a Store itself holds nothing open.

    Every method raises StoreError where the file cannot be used, and UsageError for an id that no
    run has. An id may be shortened to its first characters where that is clear.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None):
        """`path` None is the default store: STEEPEST_STORE or the user's data directory."""
        self.is_default = path is None
        self.path = path_of(path)

    def __repr__(self) -> str:
        return f"Store({os.fspath(self.path)!r})"

    # Writing

    def begin(self, opening: Opening) -> Recording:
        """Enter a new run. It is on the disk when this returns."""
        recording = Recording(self.path)
        return _opened(recording, recording.begin(opening))

    def go_on(self, run: str, step_limit: int, options: Mapping[str, Any]) -> Recording:
        """Take over a run that no process writes any more, with these options from here on.

        Raises UsageError where one still does.
        """
        with rows_of(self.path) as db:
            row = row_of(db, run)
        status, process = str(row["status"]), process_of(row)
        if status_of(row) == "running":
            raise UsageError(
                f"The run {row['id']} is still running, in process {process.number}.",
                instead="Wait for it to end, or end it first.",
            )
        recording = Recording(self.path, row["id"])
        return _opened(recording, recording.go_on(step_limit, options, (status, process)))

    def delete(self, run: str) -> str:
        """Take a run out, and say its whole id. Raises UsageError where it is still running."""
        with rows_of(self.path) as db:
            row = row_of(db, run)
        if status_of(row) == "running":
            raise UsageError(
                f"The run {row['id']} is still running, in process {row['process']}.",
                instead="End it first.",
            )
        with (
            explained(self.path),
            closing(patiently(lambda: open_to_write(self.path))) as db,
            transaction(db),
        ):
            delete(db, row["id"])
        return str(row["id"])

    # Reading

    def summaries(self) -> list[RunSummary]:
        """Every run, the newest first. The default store is empty before the first run."""
        return summaries(self.path, is_default=self.is_default)

    def summary(self, run: str) -> RunSummary:
        """What a list says of one run."""
        with rows_of(self.path) as db:
            return summary_of(row_of(db, run))

    def options(self, run: str) -> dict[str, Any]:
        """The options as they were given, by their long names."""
        with rows_of(self.path) as db:
            return decode_values(row_of(db, run)["options"])

    def versions(self, run: str) -> dict[str, str]:
        """Of what the run was computed with."""
        with rows_of(self.path) as db:
            return dict(parsed(row_of(db, run)["versions"]))

    def has_record(self, run: str) -> bool:
        """Whether anything was kept of the run but that it was begun, and where it stood."""
        with rows_of(self.path) as db:
            found = db.execute("SELECT 1 FROM records WHERE run = ?", (row_of(db, run)["id"],))
            return found.fetchone() is not None

    def record(self, run: str) -> RunRecord:
        """The run with its trace thinned to 1,001 points; `trace` has all that were recorded.

        Raises StoreError for a run that has none, because it was killed or is not done, and
        UsageError for a training.
        """
        found = self.any_record(run)
        if isinstance(found, TrainingRecord):
            how = "that was watched" if found.learned is None else "of a network"
            raise UsageError(
                f"The run {found.run or run} is a training {how}.",
                instead=f"steepest runs show {found.run or run} shows it.",
            )
        return found

    def any_record(self, run: str) -> RunRecord | TrainingRecord:
        """The same for a run of any kind. A training has one while it goes on, too.

        Of a training in several processes, which each kept their own, it is that of all together,
        not judged.
        """
        with rows_of(self.path) as db:
            row = row_of(db, run)
            found = _as_it_ended(_record(db, row), row)
            if not isinstance(found, TrainingRecord) or found.rank is None:
                return found
            others = [_as_it_ended(_record(db, other), other) for other in _together(db, row)]
        ranks = {one.rank: one for one in others if isinstance(one, TrainingRecord)}
        whole = merged([*{**ranks, found.rank: found}.values()])
        return replace(whole, run=found.run, verdict=None)

    def curve(self, run: str) -> Trace:
        """The trace as a figure shows it, thinned to 1,001 points; empty before the first."""
        with rows_of(self.path) as db:
            row = row_of(db, run)
            found = db.execute("SELECT * FROM curves WHERE run = ?", (row["id"],)).fetchone()
        arrays = {**unpack(found["losses"]), **unpack(found["weights"])} if found else {}
        return _trace(weights_of(row), [arrays] if arrays else [])

    def trace(self, run: str, first: int = 0, last: int | None = None) -> Trace:
        """The recorded steps from `first` to `last`, thinned evenly where there were many."""
        end = np.iinfo(np.int64).max if last is None else last
        with rows_of(self.path) as db:
            row = row_of(db, run)
            blocks = db.execute(
                "SELECT body FROM blocks WHERE run = ? AND last >= ? AND first <= ? ORDER BY first",
                (row["id"], first, end),
            ).fetchall()
            facts = db.execute("SELECT facts FROM snapshots WHERE run = ?", (row["id"],)).fetchone()
            ended = db.execute("SELECT 1 FROM records WHERE run = ?", (row["id"],)).fetchone()
        found = _trace(weights_of(row), [unpack(block["body"]) for block in blocks])
        chosen = (found.step >= first) & (found.step <= end)
        if facts is not None and ended is None:
            # On the way a block is as dense as the trace was then.
            chosen &= found.step % int(decode_values(facts["facts"]).get("stride", 1)) == 0
        return _chosen(found, chosen)

    def states(self, run: str) -> dict[int, dict[str, Array]]:
        """Step -> a state from which the descent can be walked again, in order."""
        with rows_of(self.path) as db:
            row = row_of(db, run)
            found = db.execute(
                "SELECT step, body FROM states WHERE run = ? ORDER BY step", (row["id"],)
            ).fetchall()
        return {int(step): unpack(body) for step, body in found}

    def snapshot(self, run: str) -> Snapshot | None:
        """Where the descent can be gone on with; None where it was not begun or has no states."""
        with rows_of(self.path) as db:
            row = row_of(db, run)
            found = db.execute(
                "SELECT step, facts, snapshots.body AS body, states.body AS state "
                "FROM snapshots JOIN states USING (run, step) WHERE run = ?",
                (row["id"],),
            ).fetchone()
        if found is None:
            return None
        return Snapshot(
            int(found["step"]),
            decode_values(found["facts"]),
            unpack(found["body"]),
            unpack(found["state"]),
        )

    def data(self, run: str) -> KeptData | None:
        """The data of a run; None for an expression, which has none, and before it was read."""
        with rows_of(self.path) as db:
            row = row_of(db, run)
            found = db.execute("SELECT * FROM data WHERE run = ?", (row["id"],)).fetchone()
        if found is None:
            return None
        return KeptData(
            source=text_of(row["source"]) or "data",
            names=tuple(parsed(found["names"])),
            used=tuple(parsed(found["used"])),
            rows=int(found["row_count"]),
            fingerprint=str(row["fingerprint"]),
            columns=None if found["body"] is None else unpack(found["body"]),
            path=text_of(row["path"]),
        )


def _opened(recording: Recording, done: Future[None]) -> Recording:
    try:
        done.result()
    except BaseException:
        recording.run = ""
        recording.close()
        raise
    return recording


def _record(db: sqlite3.Connection, row: sqlite3.Row) -> RunRecord | TrainingRecord:
    """What one process kept. Raises StoreError where it kept nothing."""
    found = db.execute("SELECT body FROM records WHERE run = ?", (row["id"],)).fetchone()
    if found is None:
        raise _without_record(row)
    beside = db.execute("SELECT place, body FROM record_arrays WHERE run = ?", (row["id"],))
    # Since format 2 all arrays stand in one place, by name; before, each in a place of its own.
    arrays = {
        name or str(place): array for place, body in beside for name, array in unpack(body).items()
    }
    try:
        text = inflated(found["body"], _MOST_TEXT)
    except zlib.error as error:
        raise StoreError("A part of the store is damaged: the run cannot be read.") from error
    return decode(text, arrays)


def _as_it_ended(
    record: RunRecord | TrainingRecord, row: sqlite3.Row
) -> RunRecord | TrainingRecord:
    """A training that did not live to say how it ended, with that said."""
    if not isinstance(record, TrainingRecord) or record.ended != "still running":
        return record
    if status_of(row) == "running":
        return record
    learned = record.learned
    if learned is not None:
        why = f"Its process ended at once: {record.steps:,} steps of it were kept."
        learned = replace(learned, stopped="interrupted", stopped_why=why)
    return replace(record, ended="killed", learned=learned)


def _together(db: sqlite3.Connection, row: sqlite3.Row) -> list[sqlite3.Row]:
    """The runs of the processes that trained together with this one, as far as they have records.

    They share a job and a model, and were going on at the same time. Where a process watched the
    model twice, the one that began nearest to this one comes last.
    """
    job = decode_values(row["options"]).get("job")
    beside = db.execute(
        "SELECT runs.* FROM runs JOIN records ON records.run = runs.id "
        "WHERE command = ? AND formula = ? AND weights = ? "
        "AND started <= ? AND coalesce(ended, heartbeat) >= ? ORDER BY abs(started - ?) DESC",
        (
            *(row["command"], row["formula"], row["weights"]),
            *(row["ended"] or row["heartbeat"], row["started"], row["started"]),
        ),
    ).fetchall()
    return [other for other in beside if decode_values(other["options"]).get("job") == job]


def _without_record(row: sqlite3.Row) -> StoreError:
    run, status = row["id"], status_of(row)
    if status == "running":
        return StoreError(f"The run {run} is still running, so it has no verdict yet.")
    if row["command"] in ("watch", "train", "judge"):
        again = f"steepest train --resume {run} begins it again."
        return StoreError(
            f"The run {run} was killed before anything of it was kept.",
            instead=again if row["command"] == "train" else None,
        )
    how = "killed" if status == "killed" else "interrupted before it was measured"
    done = "" if row["steps"] is None else f" at step {row['steps']:,}"
    return StoreError(
        f"The run {run} was {how}{done}, so it has no verdict yet.",
        instead=f"steepest {row['command']} --resume {run} goes on with it.",
    )


def _trace(names: tuple[str, ...], blocks: list[dict[str, Array]]) -> Trace:
    """Blocks one after the other; validation where any of them has it."""
    if not blocks:
        nothing = np.zeros((0, len(names)))
        return Trace(names, np.zeros(0, dtype=np.int64), np.zeros(0), nothing, nothing)

    def joined(name: str) -> Any:
        return np.concatenate([block[name] for block in blocks])

    validation = None
    if any("validation" in block for block in blocks):
        for block in blocks:
            block.setdefault("validation", np.full(len(block["step"]), np.nan))
        validation = joined("validation")
    return Trace(
        names, joined("step"), joined("loss"), joined("weights"), joined("gradient"), validation
    )


def _chosen(trace: Trace, chosen: Array) -> Trace:
    return Trace(
        trace.names,
        trace.step[chosen],
        trace.loss[chosen],
        trace.weights[chosen],
        trace.gradient[chosen],
        None if trace.validation is None else trace.validation[chosen],
    )
