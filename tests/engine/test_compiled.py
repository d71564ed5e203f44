"""Compiled programs are kept for the next process: privately, bounded, safe to delete."""

import os
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from steepest.engine import compiled


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of our own, and a process that was told nothing."""
    for name in tuple(os.environ):
        if name.startswith(("JAX_COMPILATION", "JAX_PERSISTENT")):
            monkeypatch.delenv(name)
    folder = tmp_path / "compiled" / "processor"
    monkeypatch.setattr(compiled, "compiled_folder", lambda: folder)
    before = dict(os.environ)
    with warnings.catch_warnings():
        yield folder
    for name in os.environ.keys() - before.keys():
        del os.environ[name]


def test_the_folder_is_its_users_alone(home: Path) -> None:
    compiled.keep_compiled()
    assert os.environ[compiled.CACHE_VARIABLE] == str(home)
    for folder in (home, home.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("which", ["folder", "above"])
def test_a_folder_where_others_write_is_not_used(home: Path, which: str) -> None:
    home.mkdir(parents=True)
    (home if which == "folder" else home.parent).chmod(0o777)
    compiled.keep_compiled()
    assert compiled.CACHE_VARIABLE not in os.environ


def test_a_folder_that_cannot_be_made_is_done_without(home: Path) -> None:
    home.parent.write_text("in the way", "utf-8")
    compiled.keep_compiled()
    assert compiled.CACHE_VARIABLE not in os.environ


def test_what_its_user_chose_stays(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(compiled.CACHE_VARIABLE, "")
    compiled.keep_compiled()
    assert os.environ[compiled.CACHE_VARIABLE] == ""
    assert not home.exists()


def test_the_oldest_are_deleted_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "MOST_KEPT", 1000)
    other = home.parent / "another processor"
    for folder in (home, other):
        folder.mkdir(parents=True)
    for age in range(11):
        path = (home, other)[age % 2] / f"program {age}"
        path.write_bytes(bytes(100))
        os.utime(path, (1e9 - age, 1e9 - age))
    home.chmod(0o700)
    home.parent.chmod(0o700)
    compiled.keep_compiled()
    left = {path.name for path in home.parent.glob("*/*")}
    assert left == {f"program {age}" for age in range(5)}
