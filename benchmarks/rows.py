"""A model that is linear in its weights, under mse: rows cost one pass, then nothing."""

from __future__ import annotations

import numpy as np

from benchmarks.baselines import by_hand
from benchmarks.problem import Walked, demand_same, walked
from benchmarks.registry import DifferentWorkError, Effort, Samples, benchmark
from benchmarks.timing import compare
from steepest.descent.run import Descended, descend
from steepest.problem.options import Options
from steepest.problem.prepare import prepare_fit
from steepest.problem.setup import Setup
from steepest.records.arrays import Matrix, Vector
from steepest.records.problem import Settings

FEW = 20
MANY = 1_000_000
STEPS = 200_000
LR = 2e-4
START = {"a": 0.5, "b": -1.0, "c": 4.0}


def _data(rows: int) -> tuple[Vector, Vector]:
    random = np.random.default_rng(rows)
    x = random.uniform(0.0, 10.0, rows)
    return x, 0.3 * x**2 - 2.0 * x + 7.0 + random.normal(0.0, 1.0, rows)


def _prepared(rows: int) -> Setup:
    x, y = _data(rows)
    return prepare_fit({"x": x, "y": y}, "y ~ a*x**2 + b*x + c", Options(start=START, lr=LR))


def _descended(setup: Setup) -> Descended:
    settings = Settings(lr=LR, steps=STEPS)
    return descend(setup.moving, settings, setup.start, scale=setup.scale)


def _direct(steps: int) -> Walked:
    """The path on all rows, without any short cut."""
    x, y = _data(MANY)
    design: Matrix = np.stack([x**2, x, np.ones_like(x)], axis=1)
    found = by_hand(design, y, np.array(list(START.values())), np.array([LR]), steps)
    return Walked(*(values[:, 0] for values in found))


@benchmark(
    "rows",
    f"a recorded step with {MANY:,} rows after the first pass, against one with {FEW} rows",
    bound=1.2,
)
def measure(effort: Effort) -> Samples:
    many, few = _prepared(MANY), _prepared(FEW)
    demand_same(walked(_descended(many), 0, effort.direct_steps), _direct(effort.direct_steps))

    def check(ours: Descended, theirs: Descended) -> None:
        if not ours.descent.steps == theirs.descent.steps == STEPS:
            raise DifferentWorkError(f"{ours.descent.steps:,} and {theirs.descent.steps:,} steps")

    return compare(
        lambda: _descended(many),
        lambda: _descended(few),
        check,
        rounds=3 * effort.rounds,
        ours_steps=STEPS,
        theirs_steps=STEPS,
    )
