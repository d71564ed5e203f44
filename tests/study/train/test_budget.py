"""No part of a training's work takes longer than the training may. The clock here is a counter."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import steepest
from steepest.study.train.budget import Budget, Pace

LOOK = 0.125
"""Seconds that pass whenever someone looks at the clock."""

LIMIT = 1.25

MOST = 8 + 16 + 32 + 64 + 128
"""Steps in ten looks at the clock, two for each stretch, which is twice as long as the last."""


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = itertools.count(1)
    ticking = SimpleNamespace(monotonic=lambda: LOOK * next(looks))
    monkeypatch.setattr("steepest.study.train.budget.time", ticking)


def hidden_classes() -> dict[str, Any]:
    """Classes that are far from easy to tell, by inputs that are not scaled."""
    draws = np.random.default_rng(4)
    x = draws.normal(size=(160, 6))
    y = (x[:, 0] * x[:, 1] > 0) ^ (draws.random(160) < 0.2)
    return {**{f"x{place}": 300 * x[:, place] + 200 for place in range(6)}, "y": y.astype(int)}


@pytest.mark.parametrize("lr", ["auto", 1e-9], ids=["auto", "far too small"])
def test_no_part_outlasts_the_limit(lr: Any) -> None:
    parts: list[tuple[str, int]] = []

    def say(phase: str, done: int, total: int | None, loss: float | None) -> None:
        parts.append((phase, done))

    run = steepest.train(
        hidden_classes(),
        "6-8-relu-2",
        target="y",
        batch_size=16,
        lr=lr,
        steps=100_000,
        time_limit=LIMIT,
        progress=say,
    )
    assert run.learned.stopped == "time limit"
    groups = [
        [phase, *(done for _, done in group)]
        for phase, group in itertools.groupby(parts, key=lambda part: part[0])
    ]
    tried = ("trying learning rates", "running a remedy")
    assert [phase for phase, *_ in groups if phase not in tried] == ["training"]
    for phase, *done in groups:
        # A search begins anew at no step done.
        taken = sum(b - a if b > a else b for a, b in itertools.pairwise([0, *done]))
        assert 0 < taken <= MOST + 8, phase
    assert run.remedies or lr == "auto"
    for remedy in run.remedies:
        options: dict[str, Any] = dict(remedy.options or {})
        assert options["steps"] <= MOST
        offered = steepest.train(hidden_classes(), **options, remedies=False)
        assert offered.loss == remedy.measured_loss
    if lr == "auto":
        assert f"after {max(trial.steps for trial in run.learned.trials)} steps" in (
            run.learned.lr_chosen
        )


def test_a_pace_is_what_fits_into_what_is_left() -> None:
    free = Pace(Budget(), 256)
    assert free.steps == 8
    free.took(8, 1e-6)
    assert free.steps == 16
    free.took(16, 4.0)
    assert free.steps == 4, "as many as a second has"
    pace = Pace(Budget(0.9).begin(), 256)
    assert pace.steps == 8
    pace.took(8, 1e-6)
    assert pace.steps == 16
    pace.took(16, 3.6)
    assert 1 <= pace.steps <= 3
    pace.took(3, 1e9)
    assert pace.steps == 1
