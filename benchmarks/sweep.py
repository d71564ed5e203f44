"""Many learning rates with full traces, against a single eager loop."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.baselines import by_hand, eager
from benchmarks.problem import ENGINES, LR, Walked, columns, demand_same, objective, start
from benchmarks.registry import Effort, Samples, benchmark
from benchmarks.timing import compare
from steepest.descent.sweep import Paths, paths
from steepest.records.arrays import Vector
from steepest.records.problem import Settings

COUNT = 121
STEPS = 2_000


def rates() -> Vector:
    """Below the stability limit of 3.54e-5, so that none stops early; the eager loop's is one."""
    spread = np.geomspace(1e-8, 3.5e-5, COUNT)
    spread[np.argmin(np.abs(spread - LR))] = LR
    return spread


def _one(found: Paths, which: int) -> Walked:
    return Walked(found.loss[which], found.weights[which], found.gradient[which])


def _register(engine: str) -> None:
    @benchmark(
        f"sweep-{engine}",
        f"{COUNT} learning rates of {STEPS:,} steps on the {engine}, every step recorded, against "
        f"ONE eager PyTorch loop of {STEPS:,} steps with one thread",
        bound=1 / 8,
    )
    def measure(effort: Effort) -> Samples:
        chosen = rates()
        which = int(np.flatnonzero(chosen == LR)[0])
        time, speed = columns()
        design = np.stack([time**2, time, np.ones_like(time)], axis=1)
        expected = by_hand(design, speed, start(), chosen, STEPS)

        def check(ours: Paths, theirs: Walked) -> None:
            demand_same(_one(ours, which), theirs)
            for place in range(COUNT):
                demand_same(_one(ours, place), Walked(*(value[:, place] for value in expected)))

        default = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return compare(
                lambda: paths(objective(engine), Settings(), start(), chosen, STEPS),
                lambda: eager(time, speed, start(), LR, STEPS),
                check,
                rounds=effort.rounds,
                per="round",
            )
        finally:
            torch.set_num_threads(default)


for _engine in ENGINES:
    _register(_engine)
