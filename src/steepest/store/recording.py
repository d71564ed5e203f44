"""One run as it is written: opened before its first step, added to, and ended."""

from __future__ import annotations

import json
import sqlite3
import time
import zlib
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from steepest.records.descent import Trace
from steepest.records.kept import KeptRecord, encode, encode_values
from steepest.records.run import RunRecord
from steepest.records.training import TrainingRecord
from steepest.store.arrays import LEVEL, Array, pack
from steepest.store.identity import Process, new_id, this_process
from steepest.store.kept import Ending, KeptData, Opening, Progress, Snapshot
from steepest.store.writer import Writer
from steepest.words.errors import UsageError

POINTS_A_BLOCK: Final = 4096

MOST_DATA: Final = 16_000_000
"""Bytes of compressed data up to which it is kept with the run."""

MOST_COMPRESSED: Final = 8 * MOST_DATA
"""Bytes of data beyond which compressing it is not even tried."""


class Recording:
    """Writes one run. Made by `Store.begin` and `Store.go_on`.

    Everything but `close` and `discard` returns a future, which ends when it is on the disk; its
    exception is a StoreError. A run that is closed without an end counts as interrupted.
    """

    def __init__(self, path: Path, run: str = ""):
        self.run = run
        self._given_up = False
        self._writer = Writer(path, self._alive)

    def begin(self, opening: Opening) -> Future[None]:
        """Enter the run under a new name, as running."""

        def work(db: sqlite3.Connection) -> None:
            run = new_id(datetime.now())
            while db.execute("SELECT 1 FROM runs WHERE id = ?", (run,)).fetchone():
                run = new_id(datetime.now())
            me = this_process()
            now = time.time()
            _insert(
                db,
                "runs",
                id=run,
                name=_text(opening.name),
                command=opening.command,
                formula=_text(opening.formula),
                weights=json.dumps(opening.weights),
                source=_text(opening.source),
                path=_text(opening.path),
                optimizer=opening.optimizer,
                options=encode_values(opening.options),
                versions=json.dumps(dict(opening.versions)),
                status="running",
                started=now if opening.started is None else opening.started,
                host=me.host,
                process=me.number,
                process_began=me.began,
                heartbeat=now,
                step_limit=opening.step_limit,
            )
            self.run = run

        return self._writer.put(work)

    def go_on(
        self, step_limit: int, options: Mapping[str, object], before: tuple[str, Process]
    ) -> Future[None]:
        """Take over a run that is not written any more; `before` is its status and writer, as seen.

        The future's exception is a UsageError where another process was quicker.
        """

        def work(db: sqlite3.Connection) -> None:
            status, process = before
            me = this_process()
            taken = db.execute(
                "UPDATE runs SET status = 'running', ended = NULL, heartbeat = ?, step_limit = ?, "
                "options = ?, host = ?, process = ?, process_began = ? WHERE id = ? AND status = ? "
                "AND host = ? AND process = ? AND process_began = ?",
                (
                    *(time.time(), step_limit, encode_values(options)),
                    *(me.host, me.number, me.began, self.run),
                    *(status, process.host, process.number, process.began),
                ),
            )
            if taken.rowcount != 1:
                self._given_up = True
                raise UsageError(f"The run {self.run} is being gone on with by another process.")

        return self._writer.put(work)

    def data(self, kept: KeptData) -> Future[None]:
        """Keep the data's fingerprint, and the data itself up to MOST_DATA bytes."""

        def work(db: sqlite3.Connection) -> None:
            columns = kept.columns or {}
            size = sum(column.nbytes for column in columns.values())
            body = None if kept.columns is None or size > MOST_COMPRESSED else pack(columns)
            db.execute("DELETE FROM data WHERE run = ?", (self.run,))
            _insert(
                db,
                "data",
                run=self.run,
                names=json.dumps(kept.names),
                used=json.dumps(kept.used),
                row_count=kept.rows,
                body=body if body is None or len(body) <= MOST_DATA else None,
            )
            db.execute("UPDATE runs SET fingerprint = ? WHERE id = ?", (kept.fingerprint, self.run))

        return self._writer.put(work)

    def progress(self, progress: Progress, lr: float) -> Future[None]:
        """Keep what was done since the last time, all of it or nothing."""

        def work(db: sqlite3.Connection) -> None:
            step = progress.snapshot.step
            if progress.anew:
                for table in ("blocks", "records", "record_arrays"):
                    db.execute(f"DELETE FROM {table} WHERE run = ?", (self.run,))
                db.execute("DELETE FROM states WHERE run = ? AND step > ?", (self.run, step))
            self._add_points(db, progress.points)
            self._set_curve(db, progress.thin)
            self._set_snapshot(db, progress.snapshot)
            db.executemany(
                "DELETE FROM states WHERE run = ? AND step = ?",
                [(self.run, dropped) for dropped in progress.drop],
            )
            done = len(progress.thin)
            db.execute(
                "UPDATE runs SET steps = ?, loss = ?, lr = ?, heartbeat = ?, stopped = NULL, "
                "learning_rate = NULL, headline = NULL WHERE id = ?",
                (
                    step,
                    _number(progress.thin.loss[-1]) if done else None,
                    _number(lr),
                    time.time(),
                    self.run,
                ),
            )

        return self._writer.put(work)

    def finish(self, record: RunRecord, ending: Ending) -> Future[None]:
        """Keep the record with the whole trace, in place of what was kept on the way."""
        interrupted = record.descent.stopped == "interrupted"

        def work(db: sqlite3.Connection) -> None:
            for table in ("blocks", "states", "snapshots"):
                db.execute(f"DELETE FROM {table} WHERE run = ?", (self.run,))
            self._set_record(db, replace(record, trace=ending.thin, run=self.run))
            self._add_points(db, record.trace)
            self._set_curve(db, ending.thin)
            for step, state in ending.states.items():
                self._add_state(db, step, state)
            if ending.snapshot is not None:
                self._set_snapshot(db, ending.snapshot)
            descent, verdict = record.descent, record.verdict
            db.execute(
                "UPDATE runs SET status = ?, ended = ?, heartbeat = ?, steps = ?, loss = ?, "
                "lr = ?, stopped = ?, learning_rate = ?, headline = ? WHERE id = ?",
                (
                    "interrupted" if interrupted else "finished",
                    *(time.time(), time.time(), descent.steps, _number(descent.final_loss)),
                    *(_number(descent.lr), descent.stopped, verdict.learning_rate),
                    *(_text(verdict.headline), self.run),
                ),
            )

        return self._writer.put(work)

    def training(self, record: TrainingRecord) -> Future[None]:
        """Keep a training as it is known now, in place of what was kept before."""

        def work(db: sqlite3.Connection) -> None:
            self._set_record(db, replace(record, run=self.run))
            verdict, ended = record.verdict, record.ended != "still running"
            stopped = None if record.learned is None else record.learned.stopped
            broken = record.ended in ("an error in the loop", "SIGTERM") or stopped == "interrupted"
            status = "interrupted" if broken else "finished"
            rates = record.trace.lr[-1:].ravel()
            db.execute(
                "UPDATE runs SET status = ?, ended = ?, heartbeat = ?, steps = ?, loss = ?, "
                "lr = ?, stopped = ?, learning_rate = ?, headline = ? WHERE id = ?",
                (
                    status if ended else "running",
                    time.time() if ended else None,
                    *(time.time(), record.steps, _number(record.losses.end)),
                    _number(rates[0]) if len(rates) else None,
                    stopped if ended else None,
                    None if verdict is None else verdict.learning_rate,
                    None if verdict is None else _text(verdict.headline),
                    self.run,
                ),
            )

        return self._writer.put(work)

    def discard(self) -> None:
        """Take the run out of the store again, and close."""
        self._writer.put(lambda db: delete(db, self.run))
        self._given_up = True
        self._writer.close()

    def close(self) -> None:
        """Write what waits. A run without an end is interrupted from here on."""
        if self.run and not self._given_up:
            self._writer.put(self._interrupted)
        self._writer.close()

    def _alive(self, db: sqlite3.Connection) -> None:
        db.execute("UPDATE runs SET heartbeat = ? WHERE id = ?", (time.time(), self.run))

    def _interrupted(self, db: sqlite3.Connection) -> None:
        db.execute(
            "UPDATE runs SET status = 'interrupted', ended = ? WHERE id = ? AND status = 'running'",
            (time.time(), self.run),
        )

    def _set_record(self, db: sqlite3.Connection, record: KeptRecord) -> None:
        text, arrays = encode(record)
        for table in ("records", "record_arrays"):
            db.execute(f"DELETE FROM {table} WHERE run = ?", (self.run,))
        _insert(db, "records", run=self.run, body=zlib.compress(text.encode("ascii"), LEVEL))
        _insert(db, "record_arrays", run=self.run, place=0, body=pack(arrays))

    def _add_points(self, db: sqlite3.Connection, trace: Trace) -> None:
        for begin in range(0, len(trace), POINTS_A_BLOCK):
            chosen = slice(begin, begin + POINTS_A_BLOCK)
            arrays = {
                "step": trace.step[chosen],
                "loss": trace.loss[chosen],
                "weights": trace.weights[chosen],
                "gradient": trace.gradient[chosen],
            }
            if trace.validation is not None:
                arrays["validation"] = trace.validation[chosen]
            first, last = int(arrays["step"][0]), int(arrays["step"][-1])
            _insert(db, "blocks", run=self.run, first=first, last=last, body=pack(arrays))

    def _set_curve(self, db: sqlite3.Connection, thin: Trace) -> None:
        losses = {"step": thin.step, "loss": thin.loss}
        if thin.validation is not None:
            losses["validation"] = thin.validation
        db.execute("DELETE FROM curves WHERE run = ?", (self.run,))
        _insert(
            db,
            "curves",
            run=self.run,
            losses=pack(losses),
            weights=pack({"weights": thin.weights, "gradient": thin.gradient}),
        )

    def _set_snapshot(self, db: sqlite3.Connection, snapshot: Snapshot) -> None:
        self._add_state(db, snapshot.step, snapshot.state)
        db.execute("DELETE FROM snapshots WHERE run = ?", (self.run,))
        _insert(
            db,
            "snapshots",
            run=self.run,
            step=snapshot.step,
            facts=encode_values(snapshot.facts),
            body=pack(snapshot.arrays),
        )

    def _add_state(self, db: sqlite3.Connection, step: int, state: Mapping[str, Array]) -> None:
        db.execute("INSERT OR REPLACE INTO states VALUES (?, ?, ?)", (self.run, step, pack(state)))


def delete(db: sqlite3.Connection, run: str) -> None:
    """Take a run out, inside a transaction; its pages go back to the file system."""
    db.execute("DELETE FROM runs WHERE id = ?", (run,))
    db.execute("PRAGMA incremental_vacuum").fetchall()


def _insert(db: sqlite3.Connection, table: str, **values: object) -> None:
    marks = ", ".join("?" * len(values))
    db.execute(
        f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values())
    )


def _number(value: float) -> str:
    """A number as text that reads back as the same one, NaN and the infinities too."""
    return repr(float(value))


def _text(text: str | None) -> str | None:
    """The text as JSON does it, because SQLite takes no lone surrogates."""
    return None if text is None else json.dumps(text)
