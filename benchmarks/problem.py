"""The tutorial's problem, prepared as `steepest fit` does, and how two paths are compared."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.registry import DifferentWorkError
from steepest.descent.run import Descended, descend
from steepest.objective.objective import Objective
from steepest.problem.options import Options
from steepest.problem.prepare import prepare_fit
from steepest.problem.setup import Setup
from steepest.records.arrays import Matrix, Vector
from steepest.records.problem import Settings

ROOT = Path(__file__).parent.parent
DATA = ROOT / "examples" / "speed.csv"
FORMULA = "speed ~ a*time**2 + b*time + c"
START = {"a": 0.0121, "b": -0.6397, "c": 0.6416}
LR = 1e-5

TOLERANCE = 1e-9
"""Largest difference between two paths that did the same work, relative."""

ENGINES = ("quadratic", "formula")
"""What `steepest fit` runs where the model is linear in its weights, and what it runs elsewhere."""


class Walked(NamedTuple):
    """Consecutive steps of a descent: `loss` (k,), `weights` and `gradient` (k, p)."""

    loss: Vector
    weights: Matrix
    gradient: Matrix


@cache
def prepared() -> Setup:
    """The tutorial's problem."""
    return prepare_fit(DATA, FORMULA, Options(start=START, lr=LR))


def objective(engine: str) -> Objective:
    """The tutorial's objective as one of the ENGINES takes it."""
    setup = prepared()
    return setup.moving if engine == "quadratic" else setup.objective


def columns() -> tuple[Vector, Vector]:
    """The tutorial's `time` and `speed`, read without Steepest, (20,) each."""
    table = np.loadtxt(DATA, delimiter=",", skiprows=1)
    return table[:, 0].copy(), table[:, 1].copy()


def start() -> Vector:
    """The tutorial's start, (3,)."""
    return np.array(list(START.values()))


def descended(engine: str, steps: int) -> Descended:
    """One recorded descent by Steepest, all of it: compiled code is looked up, not the result."""
    return descend(objective(engine), Settings(lr=LR, steps=steps), start(), scale=prepared().scale)


def walked(run: Descended, first: int, last: int) -> Walked:
    """Some steps of a descent, walked again where the trace was thinned."""
    found = run.replay(first, last)
    return Walked(found.loss, found.weights, found.gradient)


def demand_same(ours: Walked, theirs: Walked) -> None:
    """Raise DifferentWorkError unless both walked the same path, to TOLERANCE at every step."""
    for name, mine, other in zip(Walked._fields, ours, theirs, strict=True):
        if mine.shape != other.shape:
            raise DifferentWorkError(f"{name}: {mine.shape} recorded here, {other.shape} there")
        size = np.abs(other) if other.ndim == 1 else np.linalg.norm(other, axis=1)[:, None]
        difference = float(np.max(np.abs(mine - other) / size))
        if not difference <= TOLERANCE:
            raise DifferentWorkError(f"{name}: the paths differ by {difference:.1e}, relative")
