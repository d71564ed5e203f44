"""Connections to the file: how it is opened, how long is waited, what is said when it fails."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

from steepest.store.schema import MIGRATIONS, check_version, migrate, version_of
from steepest.words.errors import StoreError
from steepest.words.wording import escaped, pathname

WAIT: Final = 60.0
"""Seconds to wait for other processes before giving up."""

_BUSY: Final = 20.0

Result = TypeVar("Result")


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection inside one read transaction: all that is read is of one moment.

    An empty file is a store without runs. Tables of an older version are brought up to date
    first. Raises StoreError.
    """
    with explained(path):
        with closing(patiently(lambda: _open_to_read(path))) as db:
            version = _begin(db)
            if version == len(MIGRATIONS):
                yield db
                return
        if version == 0:
            with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
                migrate(db)
                yield db
            return
        patiently(lambda: open_to_write(path)).close()
        with closing(patiently(lambda: _open_to_read(path))) as db:
            _begin(db)
            yield db


def _begin(db: sqlite3.Connection) -> int:
    """Begin to read, and give the version of the tables."""
    db.execute("BEGIN")
    patiently(lambda: db.execute("SELECT count(*) FROM sqlite_master").fetchone())
    version = version_of(db)
    check_version(version)
    return version


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing. It waits at the beginning, and is never refused in its middle."""
    patiently(lambda: db.execute("BEGIN IMMEDIATE"))
    try:
        yield
        patiently(lambda: db.execute("COMMIT"))
    except BaseException:
        # A full disk has rolled it back already.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _open_to_read(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise StoreError(
            f"There is no store at {named(path)}.", instead="Name an existing file with --store."
        )
    try:
        return _checked(_connect(path, "mode=rw"), path)
    except sqlite3.OperationalError as error:
        if _code(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
    # Where nothing can be written beside the file, nobody else is writing it either, and without
    # a log of its own it is whole as it stands.
    how = "mode=ro&immutable=1" if _is_still(path) else "mode=ro"
    return _checked(_connect(path, how), path)


def _checked(db: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        _check_length(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _check_length(db: sqlite3.Connection, path: Path) -> None:
    """Raise where the file ends inside a page, which SQLite would fill up with zeros.

    While there is a log, the last page may be on its way from there.
    """
    page = db.execute("PRAGMA page_size").fetchone()[0]
    if path.stat().st_size % page and _is_still(path):
        raise _damaged(path)


def _is_still(path: Path) -> bool:
    """Whether the file is whole as it stands, without a log of what was written last."""
    log = path.with_name(f"{path.name}-wal")
    return not log.exists() or log.stat().st_size == 0


def open_to_write(path: Path) -> sqlite3.Connection:
    """A connection that may write, to a file that is made where there is none.

    Use it inside `explained`, and `transaction` on it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):  # It is there; or it cannot be made, and SQLite says so.
        # Runs hold the user's data: what SQLite makes beside the file is as private as it is.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    db = _connect(path, "mode=rwc")
    try:
        version = version_of(db)
        check_version(version)
        _check_length(db, path)
        if version < len(MIGRATIONS):
            if version == 0:
                # Both only take effect before the first table.
                db.execute("PRAGMA auto_vacuum = INCREMENTAL")
                db.execute("PRAGMA journal_mode = WAL")
            with transaction(db):
                migrate(db)
        # With the log, this is what makes a commit outlive a power cut too.
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        db.close()
        raise
    return db


def _connect(path: Path, how: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{how}"
    return sqlite3.connect(uri, uri=True, timeout=_BUSY, isolation_level=None)


def patiently(work: Callable[[], Result]) -> Result:
    """Do the work, again where other processes were in the way. Raises StoreError after WAIT.

    SQLite waits by itself in most places, but not where a log is begun, ended or recovered.
    """
    until = time.monotonic() + WAIT
    while True:
        try:
            return work()
        except sqlite3.OperationalError as error:
            if _code(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            if time.monotonic() > until:
                raise StoreError(
                    f"Other processes kept the store busy for {WAIT:g} seconds."
                ) from error
        time.sleep(random.uniform(0.001, 0.02))


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite and the platform say into one sentence."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explanation(path, error) from error
    except OSError as error:
        reason = escaped(error.strerror or str(error), 200)
        raise StoreError(f"The store {named(path)} cannot be used: {reason}.", instead=OTHER) from (
            error
        )


OTHER: Final = "Name another file with --store, or keep nothing with --no-save."


def _explanation(path: Path, error: sqlite3.Error) -> StoreError:
    store = f"The store {named(path)}"
    code = _code(error)
    if os.path.isdir(path):
        return StoreError(f"{store} is a folder, not a file.", instead=OTHER, is_of_the_file=True)
    if code == sqlite3.SQLITE_NOTADB:
        return StoreError(
            f"{store} is not an SQLite file.",
            instead="Name another file with --store.",
            is_of_the_file=True,
        )
    if code == sqlite3.SQLITE_CORRUPT:
        return _damaged(path)
    if code == sqlite3.SQLITE_FULL:
        return StoreError(f"{store} cannot grow: the disk is full.", instead=OTHER)
    if code == sqlite3.SQLITE_READONLY:
        return StoreError(f"{store} is read-only.", instead=OTHER)
    if code == sqlite3.SQLITE_CANTOPEN:
        return StoreError(
            f"{store} cannot be opened: its folder or the file may not be written.", instead=OTHER
        )
    if code == sqlite3.SQLITE_IOERR:
        return StoreError(
            f"{store} cannot be read or written: the disk reports an error, or a limit on the "
            "size of files is reached.",
            instead=OTHER,
        )
    return StoreError(f"{store} cannot be used: {escaped(str(error), 200)}.", instead=OTHER)


def _damaged(path: Path) -> StoreError:
    return StoreError(
        f"The store {named(path)} is damaged: it was cut short, or written by something else.",
        instead="Name another file with --store, and restore this one from a copy.",
        is_of_the_file=True,
    )


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 where Python raised the error by itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def named(path: Path) -> str:
    """The path as a message shows it."""
    return pathname(path)
