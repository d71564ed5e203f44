"""A training as a page, in a notebook and by the command line; and a loss explained."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from tests.jobs.test_watching import train
from tests.show.figures.trainings import probe_of, record_of

import steepest
from steepest.cli import steepest as command
from steepest.records.verdict import Finding
from steepest.run.training import TrainingRun
from steepest.words.errors import InputError

HOSTILE = "</script><script>alert(1)</script>\u202e$\\frac{1}{2}$"


def board_in(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="board">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    board: dict[str, Any] = json.loads(found[1])
    return board


@pytest.fixture
def run() -> TrainingRun:
    losses = [2.0 * 0.9**step for step in range(40)] + [math.inf]
    alarm = Finding("SD406", "error", "At step 40 the loss is not finite.", {"step": 40})
    probes = (probe_of(8, [1.0, 0.9, 0.8, 0.7, 0.6, 0.9], limit=0.4),)
    return TrainingRun(record_of(losses, findings=(alarm,), probes=probes, name=HOSTILE))


def test_the_report_is_one_page(run: TrainingRun, tmp_path: Path) -> None:
    path = tmp_path / "run.html"
    run.report(path)
    page = path.read_text("utf-8")
    board = board_in(page)
    assert board == run.figures().to_dict()
    assert [figure["kind"] for figure in board["figures"]] == ["training", "layers", "fan"]
    assert len(page.encode()) < 200_000
    assert "<script>alert" not in page
    assert "Weights and gradients" in page
    with pytest.raises(InputError, match="exists already"):
        run.report(path)


def test_a_notebook_shows_it(run: TrainingRun) -> None:
    shown = run._repr_mimebundle_()
    assert shown["text/plain"].startswith("All is well.")
    assert shown["text/html"].startswith("<iframe srcdoc=")
    assert "data:image/png;base64," in shown["text/html"]
    assert "<script>alert" not in shown["text/html"]


def test_a_widget_has_its_board(run: TrainingRun) -> None:
    pytest.importorskip("anywidget")
    assert run.widget().board["frames"][-1] == 40


def test_the_command_line_writes_it(tmp_path: Path) -> None:
    store, output = tmp_path / "runs.db", tmp_path / "run.html"
    name = str(train(store, name="toy").run.id)
    report = ["runs", "report", name[:20], "-o", str(output), "--store", str(store), "--json"]
    answer = CliRunner().invoke(command, report)
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout) == {"run": name, "output": str(output)}
    board = board_in(output.read_text("utf-8"))
    assert board["formula"] == "toy · Sequential, 57 weights · SGD"
    assert board["frames"][-1] == 59


def test_a_loss_explained_has_a_figure_and_a_page() -> None:
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1)
    unused = torch.nn.Linear(1, 1)
    loss = model(torch.randn(4, 3)).square().mean()
    found = steepest.explain(loss, torch.nn.ModuleList([model, unused]))
    figure = found.figure()
    assert figure.title.startswith(f"A loss of {loss.item():.5g} from 2 parameters in ")
    assert figure.title.endswith("; it does not reach 1.weight and 1.bias.")
    assert figure.to_svg().startswith("<svg")
    # What goes back to a parameter in the picture is its gradient.
    (slope,) = torch.autograd.grad(loss, model.bias)
    (node,) = [node for node in figure.data["nodes"] if node["text"] == "0.bias"]
    assert float(node["back"].replace(",", "")) == pytest.approx(slope.item(), rel=1e-3)
    shown = found._repr_mimebundle_()
    assert shown["text/plain"] == str(found)
    assert "The graph of the loss" not in shown["text/plain"]
    assert f"The loss is {loss.item():.6g}" in shown["text/html"]
