"""Files that are no store, damaged, newer, read-only or full: one sentence each."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests import specimens
from tests.store.conftest import Keep, finish, opening

from steepest.store import connection, schema
from steepest.store.connection import open_to_write, patiently, transaction
from steepest.store.kept import Ending
from steepest.store.schema import MIGRATIONS
from steepest.store.store import Store
from steepest.words.errors import StoreError, UsageError


def not_sqlite(path: Path) -> None:
    path.write_text("time,speed\n" * 200, "utf-8")


def other_tables(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE runs (id TEXT)")
    db.close()


def newer(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO schema VALUES (999, 'later')")
    db.close()


def cut_short(path: Path) -> None:
    size = path.stat().st_size
    os.truncate(path, size // 2)


def cut_to_its_header(path: Path) -> None:
    os.truncate(path, 100)


def overwritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * (path.stat().st_size - 100))


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "not SQLite": (not_sqlite, "not an SQLite file"),
    "newer": (newer, "written by a newer version of Steepest.*version 999"),
    "cut short": (cut_short, "damaged"),
    "cut to its header": (cut_to_its_header, "damaged|not an SQLite file"),
    "overwritten": (overwritten, "damaged"),
    "folder": (folder, "is a folder"),
}


@pytest.mark.parametrize(("damage", "told"), DAMAGES.values(), ids=DAMAGES)
def test_a_file_at_fault_is_said_in_one_sentence(
    damage: Callable[[Path], None], told: str, store: Store, keep: Keep
) -> None:
    keep()
    damage(store.path)
    before = store.path.read_bytes() if store.path.is_file() else b""
    for use in (store.summaries, lambda: store.begin(opening(specimens.tutorial()))):
        with pytest.raises(StoreError, match=told) as error:
            use()
        assert error.value.is_of_the_file
        assert "\n" not in str(error.value)
    # Nothing was made worse.
    assert (store.path.read_bytes() if store.path.is_file() else b"") == before


def test_an_sqlite_file_of_someone_else_is_left_alone(store: Store) -> None:
    other_tables(store.path)
    for use in (store.summaries, lambda: store.begin(opening(specimens.tutorial()))):
        with pytest.raises(StoreError, match="not a store of Steepest"):
            use()


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9, 0.99])
def test_a_store_that_was_cut_anywhere_is_never_a_traceback(
    cut: float, store: Store, keep: Keep
) -> None:
    runs = [keep() for _ in range(3)]
    os.truncate(store.path, int(store.path.stat().st_size * cut))
    for use in (store.summaries, lambda: store.record(runs[0]), lambda: store.trace(runs[2])):
        with pytest.raises(StoreError, match="damaged"):
            use()


def test_an_empty_file_becomes_a_store(store: Store, keep: Keep) -> None:
    store.path.touch()
    assert store.summaries() == []
    with pytest.raises(UsageError, match="holds no runs yet"):
        store.record("261121")
    assert store.path.stat().st_size == 0
    assert store.record(keep()).command == "fit"


def test_a_folder_is_made_for_the_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "a" / "b" / "runs.db")
    finish(store.begin(opening(specimens.tutorial())), specimens.tutorial())
    assert len(store.summaries()) == 1


@pytest.mark.parametrize("name", ["a?b#c%20.db", "läufe & so.db", "file:x.db", "'.db", " .db"])
def test_any_file_name_will_do(name: str, tmp_path: Path) -> None:
    if not name.isascii() and sys.getfilesystemencoding() == "ascii":
        pytest.skip("where the system's language is C, Python makes no file of this name")
    store = Store(tmp_path / name)
    finish(store.begin(opening(specimens.tutorial())), specimens.tutorial())
    assert len(store.summaries()) == 1
    assert name in {path.name for path in tmp_path.iterdir()}


# Migrations


def test_every_migration_leads_on_from_the_one_before(
    store: Store, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = keep()
    later = (*MIGRATIONS, ("ALTER TABLE runs ADD COLUMN mood TEXT",), ("CREATE TABLE moods (x)",))
    monkeypatch.setattr(schema, "MIGRATIONS", later)
    monkeypatch.setattr(connection, "MIGRATIONS", later)
    # Whoever comes first brings it up to date, also to read.
    assert store.record(run).run == run
    second = keep()
    assert {summary.id for summary in store.summaries()} == {run, second}
    with sqlite3.connect(store.path) as db:
        versions = [version for (version,) in db.execute("SELECT version FROM schema")]
        db.execute("SELECT mood FROM runs")
        db.execute("SELECT x FROM moods")
    db.close()
    assert versions == [1, 2, 3]
    monkeypatch.undo()
    with pytest.raises(StoreError, match=r"newer version.*version 3.*known is 1"):
        store.summaries()


def test_a_migration_that_fails_changes_nothing(
    store: Store, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = keep()
    later = (*MIGRATIONS, ("CREATE TABLE moods (x)", "no SQL"))
    monkeypatch.setattr(schema, "MIGRATIONS", later)
    monkeypatch.setattr(connection, "MIGRATIONS", later)
    with pytest.raises(StoreError):
        keep()
    monkeypatch.undo()
    assert [summary.id for summary in store.summaries()] == [run]
    keep()


def test_those_who_make_the_store_at_once_make_it_once(tmp_path: Path) -> None:
    for attempt in range(10):
        path = tmp_path / f"{attempt}.db"
        together = threading.Barrier(8)

        def make(path: Path = path, together: threading.Barrier = together) -> None:
            together.wait()
            patiently(lambda: open_to_write(path)).close()

        with ThreadPoolExecutor(8) as makers:
            for done in [makers.submit(make) for _ in range(8)]:
                done.result()
        assert Store(path).summaries() == []


# No room, no permission


def test_a_full_disk_is_said_and_loses_nothing(store: Store, keep: Keep) -> None:
    run = keep()
    db = open_to_write(store.path)
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages + 2}")
    with (
        pytest.raises(StoreError, match="cannot grow: the disk is full"),
        connection.explained(store.path),
        transaction(db),
    ):
        db.execute("INSERT INTO record_arrays VALUES (?, 99, zeroblob(1000000))", (run,))
    db.close()
    assert [summary.id for summary in store.summaries()] == [run]


def limited(code: str, store: Store) -> str:
    """What another process says."""
    prelude = (
        "import os, resource, sys\n"
        "from steepest.words.errors import *; from steepest.store.kept import *\n"
        "from steepest.store.recording import *; from steepest.store.store import Store\n"
        "from tests import specimens; from tests.store.conftest import opening, finish\n"
        "record, store = specimens.tutorial(), Store(sys.argv[1])\n"
    )
    root = Path(__file__).parents[2]
    answer = subprocess.run(
        [sys.executable, "-c", prelude + code, str(store.path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root}", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_a_limit_on_files_is_said_and_what_was_committed_stays(store: Store, keep: Keep) -> None:
    run = keep()
    size = store.path.stat().st_size
    told = limited(
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"
        "from dataclasses import replace; import numpy as np\n"
        "noise = np.random.default_rng(0).integers(0, 2**60, 200_000)\n"
        "record = replace(record, explanation=replace(record.explanation, row_numbers=noise))\n"
        "recording = store.begin(opening(record))\n"
        "try: recording.finish(record, Ending(record.trace)).result()\n"
        "except StoreError as error: print(error)\n"
        "recording.close()\n",
        store,
    )
    assert "limit on the size of files" in told or "disk is full" in told
    assert store.record(run).run == run
    assert len(store.summaries()) == 2
    # And once there is room again, there is nothing in the way.
    keep()


# Whoever may do everything becomes nobody, after everything is imported.
NOBODY = "if os.geteuid() == 0: os.setuid(65534)\n"


@pytest.fixture
def unwritable(open_folder: Path) -> Store:
    """A store in which everybody may read, and nobody may write, with a run in it."""
    if sys.platform == "win32":
        pytest.skip("permissions are others there")
    store = Store(open_folder / "runs.db")
    finish(store.begin(opening(specimens.tutorial())), specimens.tutorial())
    store.path.chmod(0o444)
    open_folder.chmod(0o555)
    return store


def test_a_store_that_is_read_only_can_be_read(unwritable: Store) -> None:
    told = limited(
        f"{NOBODY}"
        "print(len(store.summaries()), len(store.trace(store.summaries()[0].id)))\n"
        "try: store.begin(opening(record))\n"
        "except StoreError as error: print(error, error.is_of_the_file)\n",
        unwritable,
    )
    first, second = told.splitlines()
    assert first == "1 11"
    assert "read-only" in second or "may not be written" in second
    assert second.endswith("False")


def test_a_folder_that_is_read_only(unwritable: Store) -> None:
    elsewhere = Store(unwritable.path.with_name("other.db"))
    told = limited(
        f"{NOBODY}try: store.begin(opening(record))\nexcept StoreError as error: print(error)\n",
        elsewhere,
    )
    assert "may not be written" in told


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """A file system of half a megabyte, where one can be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("only an administrator can mount one")
    mounted = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        store = Store(disk / "runs.db")
        record = specimens.tutorial()
        finish(store.begin(opening(record)), record)
        filler = disk / "filler"
        recording = store.begin(opening(record))
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize
        filler.write_bytes(b"x" * free)
        with pytest.raises(StoreError, match="disk is full"):
            recording.finish(record, Ending(record.trace)).result()
        recording.close()
        assert [summary.status for summary in store.summaries()] in (
            ["interrupted", "finished"],
            ["running", "finished"],
        )
        filler.unlink()
        finish(store.begin(opening(record)), record)
        assert len(store.summaries()) == 3
    finally:
        subprocess.run(["umount", str(disk)], check=True)
