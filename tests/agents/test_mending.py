"""Broken fits and scripts, mended by what their JSON says and nothing else, and run again."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from tests import specimens

import steepest
from steepest.cli import steepest as command

TUTORIAL = ["fit", "speed.csv", specimens.FORMULA]
LINE = ["fit", "line.csv", "y ~ a*x + b"]

# What is typed.
MISTYPED: dict[str, list[str]] = {
    "a caret": ["fit", "line.csv", "y ~ a*x^2 + b"],
    "a function": ["fit", "line.csv", "y ~ a*sqr(x) + b"],
    "a column": ["fit", "speed.csv", "speed ~ a*tme + b"],
    "a target": ["fit", "speed.csv", "sped ~ a*time + b"],
    "a file": ["fit", "lin.csv", "y ~ a*x + b"],
    "an option": [*LINE, "--stpes", "5"],
    "a choice": [*LINE, "--optimizer", "adan"],
    "a command": ["minimise", "x**2"],
}
ILL: dict[str, list[str]] = {
    "ill-conditioned": [*TUTORIAL, "--lr", "1e-5", "--steps", "10"],
    "too large": [*LINE, "--lr", "0.1"],
    "too small": [*LINE, "--lr", "1e-6"],
    "not scaled": ["fit", "year.csv", "y ~ a*year + b"],
    "started far": ["fit", "decay.csv", "y ~ a*exp(-k*t) + c", "--start", "a=1,k=1,c=0"],
    "a local minimum": ["minimize", "x**4 - 2*x**2 + 0.3*x", "--start", "x=1", "--lr", "0.05"],
    "a saddle": ["minimize", "x**2 - y**2 + y**4", "--start", "x=1,y=0", "--lr", "0.05"],
    "a curved valley": ["minimize", "(1-x)**2 + 100*(y-x**2)**2", "--start", "x=-1.5,y=2", "--lr",
                        "0.001"],
    "out of its range": ["minimize", "log(x)**2", "--start", "x=5", "--lr", "100"],
}  # fmt: skip

LOOP = """\
import torch
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(3, 8), {middle}, torch.nn.Linear(8, {out}))
rows = torch.randn(64, 3)
{before}
optimizer = torch.optim.SGD({held}, lr=0.05)
watch = steepest.watch(model, optimizer, store=False)
for step in range(60):
    outputs = model(rows)
    loss = {loss}
    watch.loss(loss)
    {order}
watch.close()
"""
RIGHT = {
    "out": "1",
    "middle": "torch.nn.Tanh()",
    "before": "targets = rows.sum(1, keepdim=True)",
    "held": "model.parameters()",
    "loss": "(outputs - targets).square().mean()",
    "order": "optimizer.zero_grad(); loss.backward(); optimizer.step()",
}
CLASSES = {"out": "3", "before": "targets = rows.argmax(1)"}

# Code: what is broken, and what of the page's advice goes in which place.
SCRIPTS: dict[str, tuple[dict[str, str], str, Callable[[str], str]]] = {
    "SD407": (
        {"order": "loss.backward(); optimizer.step()"},
        "order",
        lambda advice: "; ".join(_code(advice).splitlines()),
    ),
    "SD309": (
        {"before": "targets = rows.sum(1)"},
        "before",
        lambda advice: f"targets = rows.sum(1)\ntargets = {_span(advice, 'unsqueeze')}",
    ),
    "SD408": (
        {"held": "model[0].parameters()"},
        "held",
        lambda advice: "model.parameters()" if "No optimizer has it: add it" in advice else "",
    ),
    "SD414": (
        {"before": f"{RIGHT['before']}\nmodel.eval()", "middle": "torch.nn.Dropout(0.1)"},
        "before",
        lambda advice: f"{RIGHT['before']}\n{_span(advice, 'model.train')}",
    ),
    "SD412": (
        {**CLASSES, "loss": "torch.nn.functional.cross_entropy(outputs.softmax(1), targets)"},
        "loss",
        lambda advice: (
            "torch.nn.functional.cross_entropy(outputs, targets)"
            if "Take the softmax out" in advice
            else ""
        ),
    ),
}


def _code(advice: str) -> str:
    return str(re.findall(r"```python\n(.*?)```", advice, re.DOTALL)[0]).strip()


def _span(advice: str, name: str) -> str:
    return next(str(span) for span in re.findall(r"`([^`]+)`", advice) if name in span)


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(1).normal(0, 0.1, 25)

    def write(name: str, column: str, x: Any, y: Any) -> None:
        rows = [f"{a},{b}" for a, b in zip(x, y + noise[: len(x)], strict=True)]
        Path(name).write_text("\n".join([f"{column},y", *rows]), "utf-8")

    Path("speed.csv").write_bytes(Path(specimens.SPEED).read_bytes())
    x, t = np.arange(20), np.arange(0, 1000, 40)
    write("line.csv", "x", x, 2 * x + 1)
    write("year.csv", "year", x + 2001, 0.3 * x + 5)
    write("decay.csv", "t", t, 5 * np.exp(-t / 200) + 1)


def told(line: list[str]) -> tuple[int, dict[str, Any]]:
    answer = CliRunner().invoke(command, [*line, "--json"], prog_name="steepest")
    found: dict[str, Any] = json.loads(answer.stdout)
    return answer.exit_code, found


def corrected(line: list[str], error: dict[str, Any]) -> list[str]:
    """The line with what is wrong replaced by what the error says instead."""
    said = error["message"]
    meant = re.search(r"(?:Did you mean|Write) (\S+?)(?: for a power)?[?.](?:\s|$)", said)
    assert meant, said
    better, place = meant[1].strip("'\""), error["place"]
    if place is not None:
        text, column = place["formula"], place["column"]
        mended = text[:column] + better + text[column + place["length"] :]
        return [mended if word.strip() == text.strip() else word for word in line]
    wrong = [found for found in re.findall(r"['\"](\S+?)['\"]", said) if found in line][-1]
    return [better if word == wrong else word for word in line]


@pytest.mark.parametrize("name", MISTYPED)
def test_what_was_mistyped_is_mended_by_its_error(name: str) -> None:
    few = ["--steps", "3", "--no-remedies", "--no-save"]
    code, document = told([*MISTYPED[name], *few])
    assert code in (1, 2)
    code, document = told(corrected([*MISTYPED[name], *few], document["error"]))
    assert code == 0, document
    assert document["verdict"]["headline"]


@pytest.mark.parametrize("name", ILL)
def test_the_first_remedy_mends_a_fit(name: str) -> None:
    _, before = told([*ILL[name], "--no-save"])
    assert not arrived(before)
    remedy = before["remedies"][0]
    code, after = told([*shlex.split(remedy["command"])[1:], "--no-save", "--no-remedies"])
    assert code == 0
    assert arrived(after)
    assert after["descent"]["final_loss"] == pytest.approx(remedy["measured_loss"], rel=1e-6)
    assert not [one for one in after["verdict"]["findings"] if one["severity"] == "error"]


def arrived(document: dict[str, Any]) -> bool:
    """Within 1 % of the lowest loss known, or of the way to it where that is zero."""
    minimum, first = document["minimum"], document["descent"]["first_loss"]
    bound = max(0.01 * abs(minimum["loss"]), 1e-5 * (first - minimum["loss"]))
    return bool(minimum["gap"] <= bound)


@pytest.mark.parametrize("code", SCRIPTS)
def test_the_page_of_a_finding_mends_a_script(code: str) -> None:
    pytest.importorskip("torch")
    wrong, place, mend = SCRIPTS[code]
    before = watched({**RIGHT, **wrong})
    assert code in {one["code"] for one in before["verdict"]["findings"]}
    advice = told(["explain", code])[1]["to_do"]
    mended = mend(advice)
    assert mended
    after = watched({**RIGHT, **wrong, place: mended})
    assert code not in {one["code"] for one in after["verdict"]["findings"]}
    assert after["losses"]["last"] < 0.7 * after["losses"]["start"]


def watched(parts: dict[str, str]) -> dict[str, Any]:
    space: dict[str, Any] = {"steepest": steepest}
    exec(compile(LOOP.format(**parts), "loop.py", "exec"), space)
    found: dict[str, Any] = space["watch"].run.to_dict()
    return found
