"""`steepest judge`: what it prints, what it keeps, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.cases_of_logs import Rows, healthy, regression, tutorial

from steepest.cli import steepest as command


@pytest.fixture(autouse=True)
def _kept_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STEEPEST_STORE", str(tmp_path / "runs.db"))
    monkeypatch.chdir(tmp_path)


def log(rows: Rows) -> str:
    names = list(rows[0])
    lines = [",".join(names), *(",".join(repr(row[name]) for name in names) for row in rows)]
    Path("log.csv").write_text("\n".join(lines))
    return "log.csv"


def run(*words: str) -> Result:
    return CliRunner().invoke(command, list(words), prog_name="steepest")


@pytest.mark.parametrize(
    ("rows", "words", "code"),
    [
        pytest.param(healthy(0), (), 0, id="healthy"),
        pytest.param(healthy(0), ("--fail-on", "warning"), 0, id="healthy-and-strict"),
        pytest.param(tutorial(200), (), 0, id="warned"),
        pytest.param(tutorial(200), ("--fail-on", "error"), 0, id="warned-is-no-error"),
        pytest.param(tutorial(200), ("--fail-on", "warning"), 1, id="warned-and-strict"),
        pytest.param(regression(1.2, 200)(0), (), 3, id="diverged"),
        pytest.param(healthy(0), ("--lr", "none"), 2, id="no-such-column"),
    ],
)
def test_exit_codes(rows: Rows, words: tuple[str, ...], code: int) -> None:
    assert run("judge", log(rows), *words).exit_code == code


def test_no_log_is_an_input_at_fault() -> None:
    answer = run("judge", "nothing.csv")
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert "There is no such log." in answer.stderr


def test_json_is_what_the_store_gives_back() -> None:
    answer = run("judge", log(tutorial(60)), "--json", "--name", "tutorial")
    document = json.loads(answer.stdout)
    assert (document["command"], document["name"], document["steps"]) == ("judge", "tutorial", 60)
    assert document["log"]["columns"]["grad_norm"] == "grad_norm"
    assert len(document["trace"]["gradient_norm"]) == 60
    assert document["probes"][0]["limit"] == document["log"]["along"]["limit"]
    assert json.loads(run("runs", "show", document["run"], "--json").stdout) == document
    assert "log log.csv" in run("runs", "list").stdout
    assert run("runs", "report", document["run"], "-o", "page.html").exit_code == 0
    assert run("fit", "--resume", document["run"]).exit_code == 2


def test_what_is_not_kept_is_not_there() -> None:
    assert json.loads(run("judge", log(healthy(0)), "--no-save", "--json").stdout)["run"] is None
    assert "No runs" in run("runs", "list").stdout


GROWN = ("step,loss\n0,1.0\n1,0.8\n2,0.", "7\n3,0.6\n4,40.0\n5,300.0\n", "6,4000.0\n7,9e4\n")


def growing(path: Path, monkeypatch: pytest.MonkeyPatch, then: type[BaseException]) -> None:
    """A log that is a piece longer each time that it is waited for, until `then` is raised."""
    left = iter(GROWN)

    def wait(_: float) -> None:
        piece = next(left, None)
        if piece is None:
            raise then
        with path.open("a") as log:
            log.write(piece)

    monkeypatch.setattr("steepest.jobs.judge.time.sleep", wait)


def test_a_log_that_grows_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not there at first, and its third row is cut in the middle of a number."""
    log = tmp_path / "log.csv"
    growing(log, monkeypatch, KeyboardInterrupt)
    done = run(*["judge", str(log), "--follow", "--no-save"])
    assert done.exit_code == 130, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith("From step 1 on: ")
    assert sum(line.startswith("At step 5, SD101: The loss went from 0.6") for line in lines) == 1
    assert "8 steps" in done.stdout


def test_it_ends_at_what_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log.csv"
    growing(log, monkeypatch, AssertionError)
    given = ["judge", str(log), "--follow", "--no-save", "--fail-on", "error"]
    done = run(*given)
    assert done.exit_code == 3, done.output
    assert "6 steps" in done.stdout
    refused = run(*[*given, "--json"])
    assert (refused.exit_code, "Leave out one of the two" in refused.stderr) == (2, True)
