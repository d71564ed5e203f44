"""What is said of a learning rate is counted in steps: a busy machine says the same."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import steepest
from steepest.records.document import document

SEARCHES = ("study.rates", "study.auto", "jobs.sweep", "descent.run", "descent.sweep")
"""Where descents are run and timed."""

QUICK, SLOW = 1e-6, 0.02
"""Seconds that pass whenever someone looks at the clock."""

TIME = np.linspace(0, 6, 30)
DECAY = {"t": TIME, "y": 2.5 * np.exp(-0.7 * TIME) + 0.4 + 0.05 * np.sin(9 * TIME)}
VALLEY = "(1 - x)**2 + 100*(y - x**2)**2"


def clock(monkeypatch: pytest.MonkeyPatch, passing: float) -> None:
    for module in SEARCHES:
        monkeypatch.setattr(f"steepest.{module}.time", ticking(passing))
    # Solvers look for the minimum beforehand, and may take their time.
    monkeypatch.setattr("steepest.measure.deadline.time", ticking(0.0))


def ticking(passing: float) -> SimpleNamespace:
    now = 0.0

    def monotonic() -> float:
        nonlocal now
        now += passing
        return now

    return SimpleNamespace(monotonic=monotonic, process_time=monotonic)


def valley() -> dict[str, Any]:
    run = steepest.minimize(VALLEY, start={"x": -1.5, "y": 2}, lr=2e-6, steps=50, remedies=False)
    return document(run.record)


def decay() -> dict[str, Any]:
    start = {"A": 1.0, "k": 3.0, "c": 0.0}
    run = steepest.fit(DECAY, "y ~ A*exp(-k*t) + c", start=start, steps=20, remedies=False)
    return document(run.record)


def swept() -> dict[str, Any]:
    start = {"A": 1.0, "k": 3.0, "c": 0.0}
    formula = "y ~ A*exp(-k*t) + c"
    return steepest.sweep(DECAY, formula, (1e-4, 10.0, 9), start=start).to_dict()


@pytest.mark.parametrize("make", [valley, decay, swept])
def test_a_busy_machine_says_the_same(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    for passing in (QUICK, SLOW):
        with monkeypatch.context() as patch:
            clock(patch, passing)
            found = make()
        del found["seconds"]
        for part in ("descent", "statistics"):
            found.pop(part, None)
        said.append(found)
    assert said[0] == said[1]
