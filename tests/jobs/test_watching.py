"""A training that is watched is judged, kept, shown and opened again."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import nn

import steepest
from steepest.cli import steepest as command
from steepest.records.verdict import Finding
from steepest.run.training import TrainingRun
from steepest.store.store import Store
from steepest.words.errors import UsageError


def train(
    store: Any, *, steps: int = 60, lr: float = 0.05, every: int = 1, **options: Any
) -> steepest.Watch:
    """A small network on rows that a line explains."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr)
    inputs = torch.randn(200, 5)
    targets = inputs.sum(1, keepdim=True)
    with steepest.watch(model, optimizer, store=store, every=every, **options) as watch:
        for _ in range(steps):
            rows = torch.randint(0, 200, (20,))
            loss = (model(inputs[rows]) - targets[rows]).square().mean()
            watch.loss(loss)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return watch


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


def cli(*arguments: str) -> Any:
    return CliRunner().invoke(command, [*arguments])


def test_a_training_is_kept_and_opened_again(place: Path) -> None:
    watch = train(place, name="toy")
    run = watch.run
    assert run.id is not None
    assert not run.record.dropped
    assert run.verdict.learning_rate == "not measured"  # no other rate was run
    found = steepest.load(run.id, place)
    assert isinstance(found, TrainingRun)
    assert found.to_dict() == run.to_dict()
    (summary,) = steepest.runs(place)
    assert (summary.command, summary.status, summary.steps) == ("watch", "finished", 60)
    assert (summary.name, summary.formula, summary.optimizer) == ("toy", "Sequential", "SGD")
    assert summary.learning_rate == "not measured"
    assert summary.loss == run.record.losses.last


def test_the_command_line_shows_it(place: Path) -> None:
    name = train(place).run.id
    store = ["--store", str(place)]
    shown = cli("runs", "show", str(name), "--why", *store)
    assert shown.exit_code == 0
    assert "no other rate was run" in " ".join(shown.stdout.split())
    assert "0.weight" in shown.stdout
    document = json.loads(cli("runs", "show", str(name), "--json", *store).stdout)
    assert document["command"] == "watch"
    assert len(document["trace"]["loss"]) == 60
    assert str(name) in cli("runs", "list", *store).stdout
    exported = cli("runs", "export", str(name), "--to", "json", *store)
    assert json.loads(exported.stdout) == document
    table = cli("runs", "export", str(name), "--to", "csv", *store).stdout.splitlines()
    assert len(table) == 61
    refused = cli("runs", "export", str(name), "--to", "pytorch", *store)
    assert refused.exit_code == 2
    assert "A training cannot be written as a short script" in " ".join(refused.stderr.split())


def test_a_bad_training_fails_a_check_of_its_own(place: Path) -> None:
    alarms: list[Finding] = []
    watch = train(place, lr=50.0, on_alarm=alarms.append)
    assert watch.verdict.learning_rate == "too large"
    assert "SD101" in [finding.code for finding in alarms]
    show = ["runs", "show", str(watch.run.id), "--store", str(place)]
    assert cli(*show).exit_code == 0
    assert cli(*show, "--fail-on", "error").exit_code == 1
    good = ["runs", "show", str(train(place).run.id), "--store", str(place)]
    assert cli(*good, "--fail-on", "warning").exit_code == 0


def test_an_error_in_the_loop_ends_the_watch(place: Path) -> None:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    before = set(threading.enumerate())
    watch = steepest.watch(model, optimizer, store=place)

    def loop() -> None:
        with watch:
            for step in range(10):
                optimizer.zero_grad()
                model(torch.ones(3, 2)).mean().backward()
                optimizer.step()
                if step == 7:
                    raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        loop()
    assert watch.run.record.ended == "an error in the loop"
    assert watch.run.record.steps == 8
    assert steepest.runs(place)[0].status == "interrupted"
    assert not optimizer._optimizer_step_pre_hooks
    assert not model._forward_pre_hooks
    # The file is closed with the thread that wrote it.
    new = set(threading.enumerate()) - before
    assert "steepest-store" not in [thread.name for thread in new]


def test_a_store_that_fails_costs_nothing_but_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "not-a-store"
    place.write_text("These are no runs." * 100, "utf-8")
    with caplog.at_level(logging.WARNING, "steepest"):
        watch = train(place)
    assert watch.run.record.steps == 60
    assert watch.run.record.dropped == {"the run in the store": 1}
    assert watch.run.id is None
    assert len(caplog.records) == 1
    assert place.read_text("utf-8").startswith("These")


def test_a_check_that_fails_does_not_reach_the_loop(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(record: object) -> None:
        raise ZeroDivisionError("no steps")

    monkeypatch.setattr("steepest.jobs.watch.judge_training", fail)
    with caplog.at_level(logging.WARNING, "steepest"):
        watch = train(place)
    assert watch.run.record.dropped == {"the verdict": 1}
    assert watch.run.record.steps == 60
    assert len(caplog.records) == 1


def test_nothing_is_kept_where_nobody_wants_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEEPEST_STORE", str(tmp_path / "default.db"))
    assert train(False).run.id is None
    assert not (tmp_path / "default.db").exists()
    assert train(None).run.id is not None
    assert len(Store().summaries()) == 1


attach: Any = steepest.watch


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda m, o: attach(m, "adam"), "no optimizer of PyTorch"),
        (lambda m, o: attach(3, o), "model_or_parameters must be a Module"),
        (lambda m, o: attach([1.0]), "Only tensors"),
        (lambda m, o: attach(nn.ReLU()), "nothing to watch"),
        (lambda m, o: attach(m, o, every=0), "every must be a whole number"),
        (lambda m, o: attach(m, o, probe_every=1.5), "probe_every must be"),
    ],
    ids=["optimizer", "number", "list of numbers", "no parameters", "every", "probe_every"],
)
def test_bad_input_gets_a_sentence(call: Any, says: str) -> None:
    model = nn.Linear(2, 1)
    with pytest.raises(UsageError, match=says):
        call(model, torch.optim.SGD(model.parameters(), 0.1))
