"""The tables, as numbered migrations. What was once released is never edited, only added to."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import Final

from steepest.words.errors import StoreError

_MARK: Final = 0x53544545
"""SQLite's application_id of a store."""

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        # Numbers that may be NaN are kept as text, because SQLite turns NaN into NULL.
        """CREATE TABLE runs (
            id TEXT PRIMARY KEY,
            name TEXT,
            command TEXT NOT NULL,
            formula TEXT NOT NULL,
            weights TEXT NOT NULL,
            source TEXT,
            path TEXT,
            optimizer TEXT NOT NULL,
            options TEXT NOT NULL,
            versions TEXT NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('running', 'finished', 'interrupted')),
            started REAL NOT NULL,
            ended REAL,
            host TEXT NOT NULL,
            process INTEGER NOT NULL,
            process_began TEXT NOT NULL,
            heartbeat REAL NOT NULL,
            step_limit INTEGER NOT NULL,
            steps INTEGER,
            loss TEXT,
            lr TEXT,
            stopped TEXT,
            learning_rate TEXT,
            headline TEXT,
            fingerprint TEXT
        )""",
        "CREATE INDEX runs_by_start ON runs (started)",
        # A record is JSON; its large arrays stand beside it.
        """CREATE TABLE records (
            run TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
            body BLOB NOT NULL
        )""",
        """CREATE TABLE record_arrays (
            run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            place INTEGER NOT NULL,
            body BLOB NOT NULL,
            PRIMARY KEY (run, place)
        )""",
        # The trace twice: as recorded, in blocks, and as a figure shows it.
        """CREATE TABLE blocks (
            run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            first INTEGER NOT NULL,
            last INTEGER NOT NULL,
            body BLOB NOT NULL,
            PRIMARY KEY (run, first)
        )""",
        """CREATE TABLE curves (
            run TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
            losses BLOB NOT NULL,
            weights BLOB NOT NULL
        )""",
        # States from which the descent can be walked again, and what goes on from the last one.
        """CREATE TABLE states (
            run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            step INTEGER NOT NULL,
            body BLOB NOT NULL,
            PRIMARY KEY (run, step)
        )""",
        """CREATE TABLE snapshots (
            run TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
            step INTEGER NOT NULL,
            facts TEXT NOT NULL,
            body BLOB NOT NULL
        )""",
        """CREATE TABLE data (
            run TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
            names TEXT NOT NULL,
            used TEXT NOT NULL,
            row_count INTEGER NOT NULL,
            body BLOB
        )""",
    ),
)
"""Each migration is the statements that lead from the version before to its own, from 1 on."""


def version_of(db: sqlite3.Connection) -> int:
    """The version of the tables; 0 where the file is empty. Raises StoreError for other tables."""
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return 0
    mark = db.execute("PRAGMA application_id").fetchone()[0]
    if "schema" not in tables or mark != _MARK:
        raise StoreError(
            "This is an SQLite file, but not a store of Steepest.",
            instead="Name another file with --store.",
            is_of_the_file=True,
        )
    return int(db.execute("SELECT coalesce(max(version), 0) FROM schema").fetchone()[0])


def check_version(version: int) -> None:
    """Raise StoreError where the tables are newer than this program."""
    if version > len(MIGRATIONS):
        raise StoreError(
            "This store was written by a newer version of Steepest.",
            given=f"version {version} of its tables, and known is {len(MIGRATIONS)}",
            instead="Install a newer Steepest, or name another file with --store.",
            is_of_the_file=True,
        )


def migrate(db: sqlite3.Connection) -> None:
    """Bring the tables to the newest version. Called inside a transaction.

    Another process may have done it while this one waited, so the version is read again.
    """
    version = version_of(db)
    check_version(version)
    if version == 0:
        db.execute(f"PRAGMA application_id = {_MARK}")
        db.execute("CREATE TABLE schema (version INTEGER PRIMARY KEY, applied TEXT NOT NULL)")
    for number, statements in enumerate(MIGRATIONS[version:], version + 1):
        for statement in statements:
            db.execute(statement)
        applied = datetime.now(UTC).isoformat(timespec="seconds")
        db.execute("INSERT INTO schema VALUES (?, ?)", (number, applied))
