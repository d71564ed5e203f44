"""The thread that writes: what waits is committed together, so that a descent waits for nothing."""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from steepest.store.connection import explained, named, open_to_write, patiently, transaction
from steepest.store.identity import BEAT
from steepest.words.errors import StoreError

Work = Callable[[sqlite3.Connection], None]


class Writer:
    """Writes to one store until it is closed. `put` may be called from any thread.

    Work that fails takes back everything that was committed with it, and the file is opened anew.
    """

    def __init__(self, path: Path, beat: Work | None = None):
        self.path = path
        self._lost: StoreError | None = None
        """Why nothing is written any more."""
        self._file: tuple[int, int] | None = None
        """Which file is written, wherever its name leads later."""
        self._beat = beat
        """A sign of life, written where nothing else was for BEAT seconds."""
        self._waiting: queue.SimpleQueue[tuple[Work, Future[None]] | None] = queue.SimpleQueue()
        # A daemon, so that a program which forgets to close it can end.
        self._thread = threading.Thread(target=self._serve, name="steepest-store", daemon=True)
        self._thread.start()

    def put(self, work: Work) -> Future[None]:
        """Have the work done in a transaction; the future ends when it is committed.

        Its exception is a StoreError where the store could not be written.
        """
        done: Future[None] = Future()
        self._waiting.put((work, done))
        return done

    def close(self) -> None:
        """Do what waits, then end. Raises nothing: the futures say what failed."""
        self._waiting.put(None)
        self._thread.join()

    def _serve(self) -> None:
        db: sqlite3.Connection | None = None
        more = True
        while more:
            batch, more = self._batch()
            try:
                with explained(self.path):
                    if batch:
                        self._check_there()
                    if batch and db is None:
                        db = patiently(lambda: open_to_write(self.path))
                        self._file = _file_at(self.path)
                    if batch and db is not None:
                        with transaction(db):
                            for work, _ in batch:
                                work(db)
            except BaseException as error:
                if db is not None:
                    db.close()
                    db = None
                for _, done in batch:
                    done.set_exception(error)
            else:
                for _, done in batch:
                    done.set_result(None)
        if db is not None:
            db.close()

    def _check_there(self) -> None:
        """Raise where the file was removed, or another put in its place: it would be lost there."""
        if self._lost is None and self._file is not None and _file_at(self.path) != self._file:
            self._lost = StoreError(
                f"The store {named(self.path)} was removed, or replaced, while a run was written "
                "to it.",
                instead="run.save(PATH) keeps a run that is still in memory.",
            )
        if self._lost is not None:
            raise self._lost

    def _batch(self) -> tuple[list[tuple[Work, Future[None]]], bool]:
        """What waits, at least one; False beside it where nothing comes after it."""
        try:
            entry = self._waiting.get(timeout=BEAT)
        except queue.Empty:
            return ([] if self._beat is None else [(self._beat, Future())]), True
        batch = []
        while entry is not None:
            batch.append(entry)
            try:
                entry = self._waiting.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False


def _file_at(path: Path) -> tuple[int, int] | None:
    """Which file a name leads to; None for none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
