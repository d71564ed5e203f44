"""Each kind of run given to each tracker, and read back by the tracker's own reader."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import steepest
from steepest.cli import steepest as command
from steepest.run.base import BaseRun
from steepest.run.tracking import TRACKERS
from steepest.show.export import Tracked, write_events, write_mlflow, write_wandb
from steepest.words.errors import InputError, UsageError

LOG: Final = Path(__file__).parents[2] / "examples" / "speed-log.csv"
BIGGEST: Final = np.finfo(np.float64).max


def fit(store: Path) -> BaseRun:
    rows = {"x": [1.0, 2.0, 3.0, 4.0], "y": [2.1, 3.9, 6.2, 7.8]}
    return steepest.fit(rows, "y ~ a*x", start={"a": 0}, steps=6, store=store, remedies=False)


def minimize(store: Path) -> BaseRun:
    """One that leaves all finite numbers."""
    start, steps = {"x": 1.5}, 9
    return steepest.minimize("x**4", start=start, lr=1.5, steps=steps, store=store, remedies=False)


def watch(store: Path) -> BaseRun:
    torch.manual_seed(0)
    model, rows = torch.nn.Linear(3, 1), torch.randn(16, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with steepest.watch(model, optimizer, store=store, name="mine") as watched:
        for step in range(8):
            optimizer.zero_grad()
            loss = model(rows).square().mean()
            watched.loss(loss)
            loss.backward()
            optimizer.step()
            if step == 3:
                watched.validation(0.5)
    return watched.run


def train(store: Path) -> BaseRun:
    draw = np.random.default_rng(0)
    rows = {"u": draw.normal(size=24), "v": draw.normal(size=24)}
    data = {**rows, "side": np.where(rows["u"] > 0, "up", "down")}
    chosen: dict[str, Any] = {"lr": 0.1, "epochs": 2, "validation": 0.25, "remedies": False}
    return steepest.train(data, "2-4-tanh-2", target="side", store=store, **chosen)


def judge(store: Path) -> BaseRun:
    return steepest.judge(LOG, store=store)


RUNS: Final[Mapping[str, Callable[[Path], BaseRun]]] = {
    one.__name__: one for one in (fit, minimize, watch, train, judge)
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trackers")


@pytest.fixture(scope="module")
def given(folder: Path) -> dict[str, Tracked]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STEEPEST_STORE", str(folder / "runs.db"))
        return {name: make(folder / "runs.db")._tracked() for name, make in RUNS.items()}


@pytest.fixture(params=RUNS)
def tracked(request: pytest.FixtureRequest, given: dict[str, Tracked]) -> Tracked:
    return given[request.param]


def expected(tracked: Tracked) -> dict[str, dict[int, float]]:
    """By tag: step -> number, out of the columns themselves."""
    found = {}
    steps = tracked.table["step"].tolist()
    for name, column in tracked.table.items():
        group, dot, rest = name.partition(".")
        tag = f"{'weights' if group == 'weight' else group}/{rest}" if dot else name
        pairs = zip(steps, np.ma.filled(column.astype(float), np.inf).tolist(), strict=True)
        masked = np.ma.getmaskarray(column)
        found[tag] = {
            step: value for (step, value), no in zip(pairs, masked, strict=True) if not no
        }
    del found["step"]
    return found


def same(ours: dict[int, float], theirs: dict[int, float], what: str) -> None:
    assert list(ours) == list(theirs), what
    np.testing.assert_array_equal(list(theirs.values()), list(ours.values()), what)


def test_what_is_given(tracked: Tracked) -> None:
    """The whole: no tracker is asked here."""
    assert {"loss", "step"} < set(tracked.table)
    assert tracked.figures
    assert tracked.verdict.headline in tracked.told.replace("\\", "")
    assert all(f"**{code}**" in tracked.told for code in tracked.codes)
    assert tracked.page.startswith("<!doctype html>")


def test_a_log_gives_its_gradient_norm(given: dict[str, Tracked]) -> None:
    norms = np.genfromtxt(LOG, delimiter=",", names=True)["grad_norm"]
    np.testing.assert_array_equal(given["judge"].table["gradient_norm"], norms)
    assert given["judge"].parameters["log.kind"] == "CSV"


# TensorBoard


def test_tensorboard_reads_it(tracked: Tracked, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    place = write_events(tracked, str(tmp_path), force=False)
    read = EventAccumulator(place, size_guidance={"scalars": 0, "images": 0, "tensors": 0})
    read.Reload()
    wanted = expected(tracked)
    assert set(read.Tags()["scalars"]) == set(wanted)
    for tag, column in wanted.items():
        found = {event.step: event.value for event in read.Scalars(tag)}
        with np.errstate(over="ignore"):
            same({step: float(np.float32(one)) for step, one in column.items()}, found, tag)
    (text,) = read.Tags()["tensors"]
    assert text.startswith("verdict")
    (said,) = read.Tensors(text)[0].tensor_proto.string_val
    assert said.decode() == tracked.told
    assert read.Tags()["images"] == [f"figures/{one.name}" for one in tracked.figures]
    for drawn in tracked.figures:
        (image,) = read.Images(f"figures/{drawn.name}")
        assert (image.encoded_image_string, image.step) == (drawn.png, drawn.step)
        assert min(image.width, image.height) > 100
    with pytest.raises(InputError, match="exists already"):
        write_events(tracked, str(tmp_path), force=False)


# MLflow


@pytest.fixture(scope="module")
def mlflow(folder: Path) -> Any:
    pytest.importorskip("mlflow")
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{folder / 'mlflow' / 'mlflow.db'}")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_mlflow_reads_it(tracked: Tracked, folder: Path, mlflow: Any, tmp_path: Path) -> None:
    place = write_mlflow(tracked, str(folder / "mlflow"))
    run = mlflow.get_run(place.rpartition("/")[2])
    assert mlflow.get_experiment(run.info.experiment_id).name == "steepest"
    assert (run.info.status, run.info.run_name) == ("FINISHED", tracked.name)
    tags = run.data.tags
    assert tags["mlflow.note.content"] == tracked.told
    assert tags["steepest.headline"] == tracked.verdict.headline
    assert tags.get("steepest.findings", "") == ", ".join(tracked.codes)
    assert run.data.params == {key: str(value) for key, value in tracked.parameters.items()}
    wanted = expected(tracked)
    assert set(run.data.metrics) == set(wanted)
    for tag, column in wanted.items():
        history = sorted(mlflow.get_metric_history(run.info.run_id, tag), key=lambda one: one.step)
        # Its databases have no infinity.
        column = {step: float(np.clip(one, -BIGGEST, BIGGEST)) for step, one in column.items()}
        same(column, {one.step: one.value for one in history}, tag)
    kept = Path(mlflow.download_artifacts(run.info.run_id, "steepest", str(tmp_path)))
    assert folder in Path(unquote(run.info.artifact_uri.removeprefix("file://"))).parents
    assert (kept / "report.html").read_text("utf-8") == tracked.page
    for drawn in tracked.figures:
        assert (kept / f"{drawn.name}.png").read_bytes() == drawn.png


def test_where_mlflow_cannot_write(given: dict[str, Tracked], tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    (tmp_path / "file").write_text("")
    for place in ("nowhere://x", str(tmp_path / "file")):
        with pytest.raises(InputError, match="MLflow cannot write there: "):
            write_mlflow(given["judge"], place)


# Weights & Biases


def records(folder: Path) -> list[dict[str, Any]]:
    """What the library's own reader says of an offline run."""
    from wandb.util import get_core_path

    (file,) = folder.glob("run-*.wandb")
    words = ["leet", "inspect", "--no-observability", "--json", "--run-file", str(file)]
    until = time.monotonic() + 60
    while True:
        answer = subprocess.run(
            [get_core_path(), *words, str(folder.parent)], capture_output=True, check=True
        )
        found = [json.loads(line) for line in answer.stdout.splitlines()]
        # On a busy machine its reader may come before its writer has written the last of it.
        if {"run", "exit"} <= {one["type"] for one in found} or time.monotonic() > until:
            return found


def test_wandb_reads_it(tracked: Tracked, folder: Path) -> None:
    wandb = pytest.importorskip("wandb")
    place = Path(write_wandb(tracked, str(folder / "wandb")))
    found = records(place)
    (run,) = (one["run"] for one in found if one["type"] == "run")
    assert (run["run_id"], run["display_name"]) == (tracked.run, tracked.name)
    assert run["notes"] == tracked.told
    assert run.get("tags", []) == list(tracked.codes)
    config = run["config"]["update"]
    assert {key: config[key] for key in tracked.parameters} == tracked.parameters
    rows = [one["history"]["item"] for one in found if one["type"] == "history"]
    for tag, column in expected(tracked).items():
        same(column, {row["_step"]: float(row[tag]) for row in rows if tag in row}, tag)
    for drawn in tracked.figures:
        tag = f"figures/{drawn.name}"
        assert rows[-1][f"{tag}.caption"] == drawn.title
        assert (place / "files" / rows[-1][f"{tag}.path"]).read_bytes() == drawn.png
    summary: dict[str, Any] = {}
    for one in found:
        if one["type"] == "summary":
            summary |= one["summary"].get("update", {})
    assert summary["learning_rate"] == tracked.verdict.learning_rate
    assert [one["code"] for one in summary["findings"]] == [
        one.code for one in tracked.verdict.findings
    ]
    assert (place / "files" / "steepest" / "report.html").read_text("utf-8") == tracked.page
    assert wandb.run is None


# The doors


def test_on_the_command_line(given: dict[str, Tracked], folder: Path, tmp_path: Path) -> None:
    words = ["runs", "export", str(given["judge"].run), "--store", str(folder / "runs.db")]
    refused = CliRunner().invoke(command, [*words, "--to", "mlflow"])
    assert refused.exit_code == 2
    assert "Name the folder with -o." in refused.stderr
    words += ["--to", "tensorboard", "-o", str(tmp_path / "events"), "--json"]
    told = json.loads(CliRunner().invoke(command, words).stdout)
    assert told == {"run": given["judge"].run, "to": "tensorboard", "output": told["output"]}
    (file,) = (tmp_path / "events").iterdir()
    assert str(file) == told["output"]
    assert CliRunner().invoke(command, words).exit_code == 1
    assert CliRunner().invoke(command, [*words, "--force"]).exit_code == 0


def test_no_such_tracker(folder: Path) -> None:
    with pytest.raises(UsageError, match=", ".join(TRACKERS)):
        judge(folder / "runs.db").export("csv", folder)


def test_figures_that_cannot_be_drawn_are_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vl_convert", None)
    tracked = judge(folder / "runs.db")._tracked()
    assert tracked.figures == ()
    assert "vl-convert-python, which is not installed" in tracked.told
