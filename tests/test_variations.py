"""A variation varies what it says, and its row says how that ended."""

import re
import shutil
import sys
from pathlib import Path

import pytest
from tests.variations import TABLE, VARIATIONS, Outcome, run, written

SMALL = """
import os, shutil, socket, tempfile
from pathlib import Path
import pytest

def test_terminal_and_language():
    assert os.environ["COLUMNS"] == "60"
    assert b"\\xe9".decode(errors="replace") and not __import__("sys").flags.utf8_mode

def test_folders():
    assert " " in tempfile.gettempdir()
    with pytest.raises(OSError):
        (Path.home() / "steepest").mkdir()

def test_nothing_else():
    assert shutil.which("npm") is None and shutil.which("chromium") is None
    assert shutil.which("sh")
    with socket.create_server(("127.0.0.1", 0)) as here:
        socket.create_connection(here.getsockname()).close()
    with pytest.raises(OSError):
        socket.create_connection(("192.0.2.1", 80), timeout=2)

def test_that_fails():
    assert False

@pytest.mark.skip(reason="to be counted")
def test_that_is_skipped():
    pass
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a network for one process")
def test_it_varies_what_it_says(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("There is no unshare here.")
    small = tmp_path / "test_small.py"
    small.write_text(SMALL, "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", "utf-8")
    names = ["columns-60", "locale-c", "folders", "home", "bare"]
    found = run(names, ["-q", "-c", str(tmp_path / "pytest.ini"), str(small)])
    shown = capfd.readouterr().out
    if "unshare failed" in shown:
        pytest.skip("This system lets nobody have a network of its own.")
    assert (found.code, found.passed, found.skipped, found.failed) == (1, 3, 1, 1), shown
    assert 0 < found.processor_minutes < 2


def test_every_row_of_the_table_can_be_run() -> None:
    page = TABLE.read_text("utf-8")
    rows = re.findall(r"^\| `([\w -]+)` \| (.+?) \|(?: *[\d,.]* *\|){5}$", page, re.MULTILINE)
    assert len(rows) >= 8
    for name, says in rows:
        assert says == ", ".join(VARIATIONS[each].says for each in name.split())


def test_a_row_is_written_in_its_place() -> None:
    page = "| `plain` | nothing; two workers | | | | | |\n| `home` | x | | | | | |\n"
    row = Outcome(0, 5400, 9, 0, 19.94, 24.1).row(["plain"])
    assert row == "| `plain` | nothing; two workers | 5,400 | 9 | 0 | 19.9 | 24.1 |"
    assert written(page, row) == f"{row}\n| `home` | x | | | | | |\n"
    with pytest.raises(SystemExit):
        written(page, Outcome(0, 1, 0, 0, 1.0, 1.0).row(["bare"]))
