"""What surrounds a command: closed streams, JAX's own switches, paths that are none."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest
from click.testing import CliRunner

import steepest
from steepest.cli import steepest as command
from steepest.store.store import Store
from steepest.words.errors import StoreError


def run(line: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The command in a shell, as `steepest` runs it."""
    return subprocess.run(
        f"'{sys.executable}' -m steepest {line}",
        shell=True,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell closes streams")
@pytest.mark.parametrize(
    ("closed", "code", "told"),
    [
        (">&-", 1, "Error: Standard output cannot be written: Bad file descriptor.\n"),
        ("2>&-", 0, ""),
        ("<&- >&- 2>&-", 1, ""),
    ],
)
def test_closed_streams(closed: str, code: int, told: str, tmp_path: Path) -> None:
    answer = run(f"runs list {closed}", STEEPEST_STORE=str(tmp_path / "runs.db"))
    assert (answer.returncode, answer.stderr) == (code, told)


def test_a_device_that_is_not_there() -> None:
    answer = run("minimize 'x**2' --no-save", JAX_PLATFORMS="cuda")
    if answer.returncode == 0:
        pytest.skip("there is one")
    assert answer.returncode == 2
    assert answer.stderr.startswith("Error: JAX does not find")
    assert answer.stderr.count("\n") == 1
    assert "JAX_PLATFORMS=cuda" in answer.stderr


def test_what_debugs_jax_stops_nothing_of_ours() -> None:
    rows = {"x": [0.0, 1.0, 2.0, 3.0] * 2, "y": [1.0, 3.0, 5.5, 7.0] * 2}
    with (
        jax.debug_nans(True),
        jax.debug_infs(True),
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
        jax.transfer_guard("disallow"),
    ):
        # The logarithm of a weight that falls below zero is not a number, and is told.
        lost = steepest.minimize("log(x)", start={"x": 1.0}, lr=2.0, steps=9, remedies=False)
        trained = steepest.train(rows, "1-2-tanh-1", target="y", loss="mse", lr=1e30, steps=9)
        assert jax.config._read("jax_debug_nans") is True
    assert lost.record.descent.stopped == "diverged"
    assert trained.learned.stopped == "diverged"


PATHS = ("", "~nouser/x", "n" * 300, "a\0b", "file/below", "\ud800")


@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_paths_that_are_none(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read, written, by default: each is refused as a store, and nothing is made."""
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    monkeypatch.setenv("STEEPEST_STORE", str(tmp_path / "runs.db"))
    with pytest.raises(StoreError, match="store"):
        Store(path).summaries()
    for words in (["runs", "list"], ["runs", "show", "x"], ["runs", "report", "x", "-o", "p"]):
        answer = CliRunner().invoke(command, [*words, "--store", path])
        assert (answer.exit_code, answer.stdout) == (1, "")
        assert answer.stderr.startswith("Error: ")
        assert answer.stderr.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_an_expression_that_looks_like_an_option(tmp_path: Path) -> None:
    store = ["--store", str(tmp_path / "runs.db"), "--steps", "2", "--lr", "0.1", "--no-remedies"]
    answer = CliRunner().invoke(command, ["minimize", "-x", *store])
    assert answer.exit_code == 0
    assert Store(tmp_path / "runs.db").summaries()[0].formula == "-x"
    # One minus sign too few is the option all the same, and no expression.
    answer = CliRunner().invoke(command, ["minimize", "-steps", "2"])
    assert answer.exit_code == 2
    assert "Missing argument 'EXPRESSION'" in answer.stderr
