"""Every kind of kept run × every verb of `runs`: it works, or is refused with a sentence."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

import steepest
from steepest.cli import steepest as command
from steepest.jobs.load import EXPORTS
from steepest.records.summary import RunSummary
from steepest.run.base import BaseRun
from steepest.store.store import Store

WRITTEN = Path(__file__).parent.parent / "store" / "version-0.1" / "runs.db"

# Two of each kind, by the names that they have in that store.
KINDS = {
    "fit": ("tutorial", "diverged"),
    "minimize": ("two weights", "two weights"),
    "train": ("network", "rate chosen"),
    "watch": ("loop", "lost loop"),
}
TABLES = ("csv", "parquet")
SCRIPTS = ("pytorch", "jax")

pytestmark = pytest.mark.filterwarnings("ignore::steepest.StoreWarning")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(shutil.copyfile(WRITTEN, tmp_path / "runs.db"))


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def of(store: Store, name: str) -> RunSummary:
    (found,) = (one for one in store.summaries() if one.name == name)
    return found


def call(store: Store, *words: str) -> Result:
    answer = CliRunner().invoke(command, [*words, "--store", str(store.path)])
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    return answer


def refused(answer: Result, told: str) -> None:
    """With one sentence, nothing but a document of it on standard output, and no traceback."""
    said = " ".join(answer.stderr.split())
    assert answer.exit_code == 2
    assert not answer.stdout or told in json.loads(answer.stdout)["error"]["message"]
    assert told in said
    assert said.startswith("Error: ")


def test_list(kind: str, store: Store) -> None:
    listed = json.loads(call(store, "runs", "list", "--json").stdout)["runs"]
    assert kind in {one["command"] for one in listed}
    assert of(store, KINDS[kind][0]).id in call(store, "runs", "list").stdout


def test_show(kind: str, store: Store) -> None:
    name = of(store, KINDS[kind][0]).id
    shown = call(store, "runs", "show", name)
    assert shown.exit_code == 0
    headline = of(store, KINDS[kind][0]).headline
    assert headline is not None
    assert headline in " ".join(shown.stdout.split())
    told = json.loads(call(store, "runs", "show", name, "--json").stdout)
    assert (told["command"], told["run"]) == (kind, name)


def test_compare(kind: str, store: Store) -> None:
    names = [of(store, name).id for name in KINDS[kind]]
    found = json.loads(call(store, "runs", "compare", *names, "--json").stdout)
    assert found["same"]["command"] == kind
    assert found["sentence"].endswith(".")
    losses = [steepest.load(name, store).to_dict() for name in names]
    if kind == "watch":
        low = min(losses, key=lambda told: told["losses"]["last"])["run"]
        assert found["sentence"].startswith(f"{low} ended lower: a loss of ")
        assert found["different"]["lr"] == [0.05, 50.0]
    if kind == "fit":
        assert found["different"]["lr"] == [1e-5, 1e-3]
    if kind == "train":
        assert found["different"]["epochs"] == [4, 2]
        assert found["sentence"].startswith("They have different problems")  # other rows held out
    shown = call(store, "runs", "compare", *names)
    assert found["sentence"] in " ".join(shown.stdout.split())


def test_compare_with_another_kind(kind: str, store: Store) -> None:
    other = "loop" if kind != "watch" else "network"
    found = call(store, "runs", "compare", of(store, KINDS[kind][0]).id, of(store, other).id)
    assert "They have different problems" in found.stdout


@pytest.mark.parametrize("to", TABLES)
def test_export_of_the_steps(kind: str, to: str, store: Store, tmp_path: Path) -> None:
    name = of(store, KINDS[kind][0]).id
    output = tmp_path / "out"
    answer = call(store, "runs", "export", name, "--to", to, "-o", str(output))
    assert answer.exit_code == 0, answer.output
    told = steepest.load(name, store).to_dict()["trace"]
    if to == "csv":
        rows = list(csv.DictReader(io.StringIO(output.read_text("utf-8"))))
        steps = [int(row["step"]) for row in rows]
        losses = {int(row["step"]): float(row["loss"]) for row in rows if row["loss"]}
    else:
        table = pl.read_parquet(output)
        steps = table["step"].to_list()
        pairs = zip(steps, table["loss"].to_list(), strict=True)
        losses = {step: loss for step, loss in pairs if loss is not None}
    assert steps == sorted(set(steps))
    assert losses == dict(zip(told["step"], told["loss"], strict=True))


def test_a_training_exports_its_epochs(store: Store) -> None:
    run = steepest.load(of(store, "network").id, store)
    assert isinstance(run, steepest.NetworkRun)
    text = call(store, "runs", "export", str(run.id), "--to", "csv").stdout
    rows = {int(row["step"]): row for row in csv.DictReader(io.StringIO(text))}
    assert len(run.epochs) == 4
    for epoch in run.epochs:
        row = rows[epoch.step]
        # The step after its last one is the first of the next.
        assert int(row["epoch"]) == epoch.number + 1
        assert float(row["epoch.loss"]) == epoch.loss
        assert float(row["validation"]) == epoch.validation_loss
        assert float(row["validation.accuracy"]) == epoch.validation_accuracy
    assert rows[1]["epoch.loss"] == ""
    assert (rows[0]["epoch"], rows[0]["lr"]) == ("1", "0.2")
    assert rows[run.record.steps]["loss"] == ""


def test_a_watched_loop_exports_lengths_and_validations(store: Store) -> None:
    run = steepest.load(of(store, "loop").id, store)
    text = call(store, "runs", "export", str(run.id), "--to", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    told = run.to_dict()
    assert [float(row["update.0.weight"]) for row in rows if row["loss"]] == pytest.approx(
        told["trace"]["update"]["0.weight"]
    )
    seen = {int(row["step"]): float(row["validation"]) for row in rows if row["validation"]}
    assert seen == {check["step"]: check["loss"] for check in told["validations"]}


def test_export_of_the_document(kind: str, store: Store) -> None:
    name = of(store, KINDS[kind][0]).id
    answer = call(store, "runs", "export", name, "--to", "json")
    assert json.loads(answer.stdout) == steepest.load(name, store).to_dict()


@pytest.mark.parametrize("to", SCRIPTS)
def test_export_of_a_script(kind: str, to: str, store: Store) -> None:
    answer = call(store, "runs", "export", of(store, KINDS[kind][0]).id, "--to", to)
    if kind in ("fit", "minimize"):
        assert answer.exit_code == 0
        assert "torch" in answer.stdout if to == "pytorch" else "jax" in answer.stdout
    else:
        refused(answer, "A training cannot be written as a short script")


def test_every_export_is_tried_here() -> None:
    assert {"json", *TABLES, *SCRIPTS} == set(EXPORTS)


def test_report(kind: str, store: Store, tmp_path: Path) -> None:
    page = tmp_path / "run.html"
    name = of(store, KINDS[kind][0]).id
    assert call(store, "runs", "report", name, "-o", str(page)).exit_code == 0
    assert page.read_text("utf-8").startswith("<!doctype html>")


RESUME: dict[str, tuple[str, ...]] = {
    "fit": ("--steps", "12", "--no-remedies"),
    "minimize": ("--steps", "31", "--no-remedies"),
    "train": ("--epochs", "5", "--no-remedies"),
}


@pytest.mark.parametrize("by", RESUME)
def test_resume(kind: str, by: str, store: Store) -> None:
    name = of(store, KINDS[kind][0]).id
    answer = call(store, by, "--resume", name, *RESUME[by], "--json")
    if kind == "watch":
        refused(answer, "only it can go on")
    elif kind != by:
        refused(answer, f"steepest {kind} --resume {name} goes on with it.")
    elif kind == "train":
        refused(answer, "came from no file")
    else:
        assert json.loads(answer.stdout)["descent"]["steps"] == int(RESUME[by][1])


def test_delete(kind: str, store: Store) -> None:
    name = of(store, KINDS[kind][0]).id
    assert call(store, "runs", "delete", name).stdout == f"Deleted {name}\n"
    assert name not in {one.id for one in store.summaries()}
    refused(call(store, "runs", "show", name), "no such run")


# One that was killed before it was measured: what there is of it can be had.


@pytest.mark.parametrize("verb", ["show", "compare", "report", "json", "pytorch"])
def test_a_killed_run_is_told_as_far_as_it_got(verb: str, store: Store, tmp_path: Path) -> None:
    name = of(store, "killed").id
    words = {
        "show": ("show", name),
        "compare": ("compare", name, of(store, "two weights").id),
        "report": ("report", name, "-o", str(tmp_path / "run.html")),
    }.get(verb, ("export", name, "--to", verb))
    answer = call(store, "runs", *words)
    assert answer.exit_code == 0
    if verb == "show":
        assert answer.stdout.startswith("So far, to step ")
        assert f"steepest minimize --resume {name} goes on with it." in answer.stderr
    if verb == "json":
        found = json.loads(answer.stdout)
        assert found["verdict"]["headline"].startswith("So far, to step ")
        assert found["descent"]["stopped"] == "interrupted"


@pytest.mark.parametrize("to", TABLES)
def test_a_killed_run_exports_its_steps(to: str, store: Store, tmp_path: Path) -> None:
    output = tmp_path / "out"
    words = ("runs", "export", of(store, "killed").id, "--to", to, "-o", str(output))
    assert call(store, *words).exit_code == 0
    if to == "parquet":
        assert pl.read_parquet(output)["loss"][0] == 13.0  # 3**2 + (-1 - 1)**2


# In Python


def run_of(store: Store, name: str) -> BaseRun:
    return steepest.load(of(store, name).id, store)


def test_printing_is_the_short_report(kind: str, store: Store) -> None:
    run = run_of(store, KINDS[kind][0])
    lines = str(run).splitlines()
    assert lines == run.summary().splitlines()
    assert max(map(len, lines)) <= 80
    assert run.verdict.headline in " ".join(str(run).split())
    assert all(finding.code in str(run) for finding in run.verdict.findings)
    assert len(repr(run).splitlines()) == 1
    shown = call(store, "runs", "show", str(run.id)).stdout.splitlines()
    ending = [line.startswith("Why: ") for line in lines].index(True)
    assert shown[:ending] == lines[:ending]
    assert " ".join(shown[ending:]).startswith(f"Why: steepest runs show {run.id} --store ")
    whole = call(store, "runs", "show", str(run.id), "--why").stdout
    assert whole.rstrip("\n") == run.why()
    assert len(lines) < len(whole.splitlines())


def test_predict(kind: str, store: Store) -> None:
    run = run_of(store, KINDS[kind][0])
    if kind == "fit":
        weights = run.record.measurements.final_weights  # type: ignore[union-attr]
        expected = weights["a"] * 4 + weights["b"] * 2 + weights["c"]
        assert run.predict({"time": [2.0]}) == pytest.approx([expected])
    elif kind == "train":
        said: Any = run.predict({"u": [0.1, 1.0], "v": [0.2, 1.0], "w": [0.3, math.nan]})
        assert said[0] in ("up", "down")
        assert said[1] is None
    else:
        with pytest.raises(steepest.UsageError, match=r"predict.*\."):
            run.predict({"x": [1.0]})


def test_a_table_can_be_taken_to_numpy(kind: str, store: Store) -> None:
    table = run_of(store, KINDS[kind][0]).table()
    assert {len(column) for column in table.values()} == {len(table["step"])}
    assert np.all(np.diff(table["step"]) > 0)
