"""`steepest runs`, and keeping from the command line."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result
from tests import specimens
from tests.store.conftest import finish, opening

from steepest.cli import steepest
from steepest.records.document import document
from steepest.records.run import RunRecord
from steepest.show.terminal import Report, plain
from steepest.store.store import Store

FIT = ["fit", str(specimens.SPEED), specimens.FORMULA, "--no-remedies", "--lr", "1e-5"]


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    path = tmp_path / "runs.db"
    monkeypatch.setenv("STEEPEST_STORE", str(path))
    monkeypatch.setattr("steepest.study.measure.STUDY_SECONDS", 0.01)
    return Store(path)


def run(*arguments: str) -> Result:
    answer = CliRunner().invoke(steepest, list(arguments))
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    return answer


def found(*arguments: str) -> Any:
    answer = run(*arguments, "--json")
    assert answer.stdout.count("\n") == 1
    return json.loads(answer.stdout)


def keep(store: Store, record: RunRecord, **more: str | None) -> RunRecord:
    recording = store.begin(opening(record, **more))
    finish(recording, record)
    return replace(record, run=recording.run)


def test_a_fit_is_kept_and_its_id_is_said(store: Store) -> None:
    said = found(*FIT, "--steps", "5", "--name", "first try")["run"]
    (summary,) = store.summaries()
    assert (summary.id, summary.name, summary.steps) == (said, "first try", 5)


def test_with_no_save_nothing_is_kept(store: Store) -> None:
    assert found(*FIT, "--steps", "5", "--no-save")["run"] is None
    assert not store.path.exists()


def test_the_report_names_its_run(store: Store) -> None:
    shown = run(*FIT, "--steps", "5").stdout
    assert f"Why: steepest runs show {store.summaries()[0].id} --why" in shown


def test_another_store(tmp_path: Path, store: Store) -> None:
    other = str(tmp_path / "new" / "other.db")
    said = found(*FIT, "--steps", "5", "--store", other)["run"]
    assert not store.path.exists()
    assert [entry["id"] for entry in found("runs", "list", "--store", other)["runs"]] == [said]


def test_an_empty_list() -> None:
    assert run("runs", "list").stdout == "No runs are kept here yet.\n"
    assert found("runs", "list") == {"runs": []}


def test_the_list(store: Store) -> None:
    tutorial = keep(store, specimens.tutorial())
    wild = keep(store, specimens.diverged(), name="wild")
    entries = found("runs", "list")["runs"]
    assert [entry["id"] for entry in entries] == [wild.run, tutorial.run]
    assert entries[1]["formula"] == specimens.FORMULA
    assert entries[0]["started"] < entries[0]["ended"]
    lines = run("runs", "list").stdout.splitlines()
    assert lines[0].startswith(str(wild.run))
    assert "wild: " in lines[1]
    assert "283.986" in lines[2] or "283.986" in lines[3]
    assert max(map(len, lines)) <= 80


def test_a_run_is_shown_as_it_was(store: Store) -> None:
    record = keep(store, specimens.tutorial())
    assert record.run is not None
    shown = run("runs", "show", record.run)
    again = f"steepest runs show {record.run} --why"
    assert shown.stdout == plain(Report(record, why=again))
    assert run(*again.split()[1:]).stdout == plain(Report(record))
    assert run(*again.split()[1:], "a").stdout == plain(Report(record, weight="a"))
    assert run("runs", "show", "--why", record.run).stdout == plain(Report(record))
    assert run("runs", "show", record.run, "--backward").stdout == plain(
        Report(record, backward=True)
    )
    assert found("runs", "show", record.run) == json.loads(
        json.dumps(document(record), allow_nan=False)
    )


def test_numbers_that_are_none_are_shown_as_they_were(store: Store) -> None:
    record = keep(store, specimens.diverged())
    assert found("runs", "show", str(record.run)) == document(record)


def test_a_changed_file_is_said_beside_the_run(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("x,y\n1,1\n2,2\n3,3.5\n", "utf-8")
    fit = ["fit", str(path), "y ~ a*x", "--steps", "3", "--lr", "0.1", "--no-remedies"]
    name = found(*fit)["run"]
    assert run("runs", "show", name).stderr == ""
    path.write_text("x,y\n1,1\n2,2\n3,9\n", "utf-8")
    shown = run("runs", "show", name)
    assert shown.exit_code == 0
    assert "has changed since this run" in " ".join(shown.stderr.split())
    again = run(*fit[:3], "--resume", name, "--steps", "6")
    assert (again.exit_code, again.stdout) == (1, "")
    assert "The data has changed since the run" in " ".join(again.stderr.split())
    without = run("fit", "--resume", name, "--steps", "6")
    assert without.exit_code == 0
    assert without.stderr.startswith("Note:")
    path.unlink()
    assert "no longer at" in " ".join(run("runs", "show", name).stderr.split())


def test_a_run_goes_on() -> None:
    name = found(*FIT, "--steps", "5")["run"]
    longer = found("fit", "--resume", name, "--steps", "12")
    assert longer["run"] == name
    # A start that was drawn is the same, and so is all that follows.
    assert longer["trace"] == found(*FIT, "--no-save", "--steps", "12")["trace"]
    (entry,) = found("runs", "list")["runs"]
    assert (entry["steps"], entry["step_limit"]) == (12, 12)


REFUSED: dict[str, tuple[list[str], int, str]] = {
    "unknown id": (["runs", "show", "261121-zzzzzzzz"], 2, "no such run"),
    "two formats at once": (
        ["runs", "export", "ID", "--to", "csv", "--json"],
        2,
        "cannot be csv and JSON at once",
    ),
    "no verb": (["runs", "lst"], 2, "Did you mean list?"),
    "no id": (["runs", "show"], 2, "ID"),
    "unknown format": (["runs", "export", "x", "--to", "xls"], 2, "'xls'"),
    "a store that is not there": (["runs", "list", "--store", "none.db"], 1, "no store at"),
    "another learning rate": (["fit", "--resume", "ID", "--lr", "1"], 2, "--lr cannot change"),
    "no more steps": (["fit", "--resume", "ID"], 2, "has done its 5 steps"),
    "another command": (["minimize", "--resume", "ID"], 2, "steepest fit --resume"),
    "without keeping": (["fit", "--resume", "ID", "--no-save"], 2, "--no-save is for a new run"),
    "another name": (["fit", "--resume", "ID", "--name", "x"], 2, "--name is for a new run"),
    "no data": (["fit"], 2, "DATA"),
    "no expression": (["minimize"], 2, "EXPRESSION"),
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A store with a run of five steps in it, which nobody changes."""
    path = tmp_path_factory.mktemp("kept") / "runs.db"
    return path, str(found(*FIT, "--steps", "5", "--store", str(path))["run"])


@pytest.mark.parametrize(("arguments", "code", "told"), REFUSED.values(), ids=REFUSED)
def test_one_sentence_and_an_exit_code(
    arguments: list[str],
    code: int,
    told: str,
    kept: tuple[Path, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, name = kept
    monkeypatch.setenv("STEEPEST_STORE", str(path))
    answer = run(*[name if word == "ID" else word for word in arguments])
    assert answer.exit_code == code
    if "--json" in arguments:
        assert told in json.loads(answer.stdout)["error"]["message"]
    else:
        assert answer.stdout == ""
    assert told in " ".join(answer.stderr.split())


def test_the_nearest_id_is_offered(kept: tuple[Path, str]) -> None:
    path, name = kept
    answer = run("runs", "show", f"{name}0", "--store", str(path))
    assert f"Did you mean {name}?" in " ".join(answer.stderr.split())


def test_a_file_that_is_no_store_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("line\n" * 500, "utf-8")
    for arguments in (["runs", "list"], [*FIT, "--steps", "5"]):
        answer = run(*arguments, "--store", str(path))
        assert (answer.exit_code, answer.stdout) == (1, "")
        assert "is not an SQLite file" in " ".join(answer.stderr.split())
    assert path.read_text("utf-8") == "line\n" * 500


def test_a_run_that_cannot_be_kept_is_shown_all_the_same(tmp_path: Path) -> None:
    # A file where a folder should be: like a folder without permission, but for everybody.
    (tmp_path / "file").touch()
    answer = run(*FIT, "--steps", "5", "--store", str(tmp_path / "file" / "runs.db"), "--json")
    assert answer.exit_code == 1
    assert json.loads(answer.stdout)["run"] is None
    assert answer.stderr.startswith("Note: The run is not kept. The store")
    assert "Traceback" not in answer.stderr


def test_comparing(store: Store) -> None:
    first = keep(store, specimens.tutorial())
    lower = replace(first.descent, final_loss=10.0, steps=20, final_step=20)
    second = keep(store, replace(first, descent=lower))
    names = [str(record.run) for record in (first, second)]
    shown = found("runs", "compare", *names)
    assert shown["different"].keys() == {"steps", "final loss", "gap"}
    assert shown["different"]["steps"] == [10, 20]
    assert shown["same"]["formula"] == specimens.FORMULA
    told = " ".join(run("runs", "compare", *names).stdout.split())
    assert f"{names[1]} ended lower: a loss of 10 after 20 steps, against 283.986" in told
    assert "The same" in told
    other = keep(store, specimens.parabola())
    shown = found("runs", "compare", names[0], str(other.run))
    assert shown["sentence"].startswith("They have different problems")


def test_comparing_with_numbers_that_are_none(store: Store) -> None:
    record = keep(store, specimens.tutorial())
    wild = keep(store, replace(record, descent=replace(record.descent, final_loss=float("nan"))))
    names = [str(wild.run), str(record.run)]
    assert "is a number" in run("runs", "compare", *names).stdout
    assert found("runs", "compare", *names)["different"]["final loss"][0] == "NaN"


def test_exporting(store: Store, tmp_path: Path) -> None:
    record = keep(store, specimens.tutorial())
    name = str(record.run)
    rows = list(csv.reader(io.StringIO(run("runs", "export", name, "--to", "csv").stdout)))
    assert rows[0][:3] == ["step", "loss", "weight.a"]
    assert [float(row[1]) for row in rows[1:]] == record.trace.loss.tolist()
    assert json.loads(run("runs", "export", name, "--to", "json").stdout) == document(record)
    path = tmp_path / "trace.parquet"
    arguments = ["runs", "export", name, "--to", "parquet", "--output", str(path)]
    assert run(*arguments).exit_code == 0
    assert pl.read_parquet(path)["gradient.c"].to_list() == record.trace.gradient[:, 2].tolist()
    refused = run(*arguments)
    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    assert run(*arguments, "--force").exit_code == 0


@pytest.mark.parametrize(("kind", "library"), [("pytorch", "torch"), ("jax", "jax")])
def test_exporting_a_script(kind: str, library: str, kept: tuple[Path, str]) -> None:
    path, name = kept
    shown = run("runs", "export", name, "--to", kind, "--store", str(path)).stdout
    assert f"import {library}" in shown
    compile(shown, "script.py", "exec")


def test_deleting(store: Store) -> None:
    names = [str(keep(store, specimens.parabola()).run) for _ in range(3)]
    assert found("runs", "delete", *names[:2]) == {"deleted": names[:2]}
    # One that is not there: none is deleted.
    assert run("runs", "delete", names[2], names[0]).exit_code == 2
    assert run("runs", "delete", names[2]).stdout == f"Deleted {names[2]}\n"
    assert store.summaries() == []


@pytest.mark.skipif(sys.platform == "win32", reason="processes end otherwise there")
def test_a_killed_run_is_listed_as_such_and_goes_on(store: Store) -> None:
    arguments = [*FIT, "--optimizer", "momentum", "--steps", "4e9", "--tolerance", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "steepest", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ),
    )
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if store.path.exists() and (runs := store.summaries()) and runs[0].steps:
            break
        time.sleep(0.05)
    (summary,) = store.summaries()
    assert summary.status == "running"
    assert run("runs", "show", summary.id).exit_code == 1
    assert "still running" in run("fit", "--resume", summary.id).stderr
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert found("runs", "list")["runs"][0]["status"] == "killed"
    told = run("runs", "show", summary.id)
    assert told.exit_code == 0
    assert told.stdout.startswith("So far, to step ")
    assert f"steepest fit --resume {summary.id}" in " ".join(told.stderr.split())
    assert run("runs", "export", summary.id, "--to", "csv").stdout.count("\n") > 1000
    done = store.summaries()[0].steps
    assert done is not None
    less = run("fit", "--resume", summary.id, "--steps", str(done - 1))
    assert less.exit_code == 2
    assert f"has already done {done:,} steps" in less.stderr
    again = found("fit", "--resume", summary.id, "--steps", str(done + 1), "--time-limit", "20")
    assert again["descent"]["stopped"] == "step limit"
    assert again["descent"]["steps"] == done + 1
