"""`make quick` finds the tests of a change, and ends in time."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests import quick

WHERE = [
    pytest.param(
        "tests/nist.py", {"tests/test_nist.py", "tests/measure/test_statistics.py"}, id="helper"
    ),
    pytest.param("tests/lab/test_guard.py", {"tests/lab/test_guard.py"}, id="test"),
    pytest.param("src/steepest/formula/render.py", {"tests/formula/test_render.py"}, id="module"),
    pytest.param("src/steepest/jobs/fit.py", {"tests/problem/test_streamed.py"}, id="behind fit"),
    pytest.param("docs/learn.md", {"tests/test_docs.py"}, id="page"),
]


@pytest.mark.parametrize(("change", "tests"), WHERE)
def test_a_change_touches_its_tests(change: str, tests: set[str]) -> None:
    assert tests <= set(quick.chosen([change]))


def test_what_nothing_imports_touches_itself_alone() -> None:
    assert quick.chosen(["tests/lab/test_guard.py"]) == ["tests/lab/test_guard.py"]
    # In two pieces, so that this file does not name it.
    assert quick.chosen(["a-file-that-" + "nothing-reads.rst"]) == []


def test_the_nearest_come_first() -> None:
    graph = {"a": set(), "b": {"a"}, "c": {"b"}, "d": {"a", "c"}, "e": {"x"}}
    assert quick.touched(["a"], graph) == ["a", "b", "d", "c"]


# The minute is over when the third one says so: no machine is too slow for the two before it.
ENDLESS = """
import os, signal, time
def test_done(): pass
def test_wrong(): assert {passes}
def test_endless():
    os.kill(os.getpid(), signal.SIGALRM)
    while True: time.sleep(0.01)
def test_waits(): pass
"""


@pytest.mark.parametrize(("passes", "code"), [(True, 0), (False, 1)])
def test_it_ends_and_says_what_is_left(passes: bool, code: int, tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(ENDLESS.format(passes=passes), "utf-8")
    text = (
        "import pytest, sys; from tests.quick import Minute; "
        "plain = ['-q', '-p', 'no:cacheprovider', '-p', 'no:randomly', '--rootdir']; "
        "sys.exit(pytest.main([*plain, *sys.argv[1:]], plugins=[Minute(600)]))"
    )
    command = [sys.executable, "-c", text, str(tmp_path), str(tmp_path)]
    answer = subprocess.run(
        command, cwd=quick.ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert answer.returncode == code, answer.stdout + answer.stderr
    assert "Not run: 2 tests of " in answer.stdout + answer.stderr
    assert "test_some.py" in answer.stdout + answer.stderr
