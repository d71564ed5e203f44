"""Classes that can be told apart: what rows held out say, and remedies that hold there."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.optimize
from click.testing import CliRunner

import steepest
from steepest.cli import steepest as command
from steepest.study.apart import _parts

FORMULA = "y ~ sigmoid(u*x + v*z + w*q + b)"
OPTIONS: dict[str, Any] = {
    "loss": "cross-entropy", "lr": 3.0, "steps": 400, "start": dict.fromkeys("uvwb", 0.0),
}  # fmt: skip


def made() -> dict[str, np.ndarray]:
    random = np.random.default_rng(41)
    x, z, q = random.normal(size=(3, 16))
    y = (2 * x + 1.5 * random.normal(size=16) > 0).astype(float)
    return {"x": x, "z": z, "q": q, "y": y}


def cross_entropy(design: np.ndarray, target: np.ndarray, at: np.ndarray) -> float:
    logit = design @ at
    return float(np.mean(np.logaddexp(0, logit) - target * logit))


def test_what_is_offered_holds_on_rows_held_out(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    data = made()
    lines = [
        ",".join(data),
        *(",".join(map(repr, map(float, row))) for row in zip(*data.values(), strict=True)),
    ]
    Path("data.csv").write_text("\n".join(lines), encoding="utf-8")
    run = steepest.fit("data.csv", FORMULA, **OPTIONS)
    seen = run.measurements.apart
    assert seen is not None

    # The same by numpy and scipy: plain descent without each part, and Platt's targets.
    design = np.column_stack([data["x"], data["z"], data["q"], np.ones(16)])
    target = data["y"]
    walked, soft = [], []
    for held in _parts(run._setup):
        keep = np.setdiff1d(np.arange(16), held)
        at, losses = np.zeros(4), []
        for _ in range(401):
            losses.append(cross_entropy(design[held], target[held], at))
            chance = 1 / (1 + np.exp(-design[keep] @ at))
            at = at - 3.0 * design[keep].T @ (chance - target[keep]) / len(keep)
        walked.append(losses)
        ones = np.sum(target[keep])
        low, high = 1 / (len(keep) - ones + 2), (ones + 1) / (ones + 2)
        softer = float(f"{low:.3g}") + float(f"{high - low:.3g}") * target
        best = scipy.optimize.minimize(
            lambda at, keep=keep, softer=softer: cross_entropy(design[keep], softer[keep], at),
            np.zeros(4),
            tol=1e-12,
        )
        soft.append(cross_entropy(design[held], target[held], best.x))
    mean = np.mean(walked, axis=0)
    assert seen.end == pytest.approx(mean[-1], rel=1e-6)
    assert seen.step == 1 + int(np.argmin(mean[1:]))
    assert seen.best == pytest.approx(np.min(mean[1:]), rel=1e-6)
    assert seen.soft == pytest.approx(np.mean(soft), rel=1e-3)

    finding = next(one for one in run.verdict.findings if one.code == "SD307")
    assert "all 16 rows can be told apart" in finding.sentence
    offered = {remedy.change: remedy for remedy in run.remedies}
    assert set(offered) == {"stop early", "softer targets"}
    for remedy in offered.values():
        typed = CliRunner().invoke(
            command, [*shlex.split(remedy.command)[1:], "--json", "--no-save", "--no-remedies"]
        )
        assert typed.exit_code == 0, typed.output[-300:]
        document = json.loads(typed.stdout)
        assert document["descent"]["final_loss"] == remedy.measured_loss == remedy.run.loss
        there = (remedy.change == "softer targets") == remedy.reached
        assert there
        assert document["verdict"]["headline"].startswith("At the minimum") == remedy.reached
    assert "Run, rows held out in turn have a loss of" in " ".join(str(run).split())


def test_growing_that_does_no_harm_is_said_so() -> None:
    x = np.concatenate([np.linspace(-3, -1, 8), np.linspace(1, 3, 8)])
    data = {"x": x, "y": (x > 0).astype(float)}
    run = steepest.fit(data, "y ~ sigmoid(u*x + b)", **{**OPTIONS, "start": {"u": 0, "b": 0}})
    finding = next(one for one in run.verdict.findings if one.code == "SD307")
    assert "so far growing does no harm" in finding.sentence
    assert run.remedies == ()


def test_classes_that_overlap_are_left_alone() -> None:
    data = {"x": np.linspace(-2, 2, 20), "y": np.tile([0.0, 1.0], 10)}
    run = steepest.fit(data, "y ~ sigmoid(u*x + b)", loss="cross-entropy", steps=50, remedies=False)
    assert run.measurements.apart is None
    assert "SD307" not in {one.code for one in run.verdict.findings}
