"""Oracle: the whole descent, of which `try_rate` keeps nothing, and a descent in NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.autograd import formula_of

from steepest.descent import run as run_module
from steepest.descent.run import descend
from steepest.descent.trial import trial_of, try_rate
from steepest.methods.optimizers import OPTIMIZERS, SOLVERS
from steepest.objective.objective import Objective, formula_objective
from steepest.records.problem import Settings

RATES = [float(rate) for rate in 10.0 ** np.arange(-5, 3)]


def decay(seed: int) -> Objective:
    draw = np.random.default_rng(seed)
    x = np.sort(draw.uniform(0, 4, 12))
    columns = {"x": x, "y": 3 * np.exp(-0.7 * x) + 0.1 * draw.normal(size=12)}
    return formula_objective(formula_of("y ~ a*exp(-b*x)", columns), columns, loss="mse")


@pytest.mark.parametrize("optimizer", [name for name in OPTIMIZERS if name not in SOLVERS])
@pytest.mark.parametrize("tolerance", [0.0, 1e-3])
def test_it_says_what_the_whole_descent_says(
    optimizer: str, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "LONGEST_CHUNK", 64)
    one, start = decay(seed=3), np.array([1.0, 0.2])
    ends = set()
    for lr in RATES:
        settings = Settings(optimizer=optimizer, lr=lr, steps=300, tolerance=tolerance)
        for goal in (-math.inf, 0.05):
            whole = descend(
                one, settings, start, goal=goal, stop_at_goal=True, scale=1.0, traced=False
            ).descent
            assert try_rate(one, settings, start, goal=goal, scale=1.0) == trial_of(whole)
            ends.add(whole.stopped)
    assert {"goal", "step limit"} <= ends


def test_the_steps_to_the_goal_are_those_of_a_loop() -> None:
    one, at = decay(seed=4), np.array([1.0, 0.2])
    found = try_rate(one, Settings(lr=0.05, steps=500), at, goal=0.1, scale=1.0)
    rows = one.data["rows"]
    x, y = np.asarray(rows["columns"]["x"]), np.asarray(rows["target"])
    steps, losses = 0, []
    while True:
        shape = np.exp(-at[1] * x)
        off = at[0] * shape - y
        losses.append(float(np.mean(off**2)))
        if losses[-1] <= 0.1:
            break
        at = at - 0.05 * np.array([np.mean(2 * off * shape), np.mean(-2 * off * at[0] * x * shape)])
        steps += 1
    assert found.steps == found.limit == steps > 3
    assert found.lowest_loss == pytest.approx(min(losses), rel=1e-12)


def test_no_time_is_said_to_be_no_arrival() -> None:
    found = try_rate(
        decay(seed=5),
        Settings(lr=1e-9, steps=10**9, time_limit=1e-9),
        np.ones(2),
        goal=0,
        scale=1.0,
    )
    assert found.steps is None
    assert not found.diverged
    assert found.limit is not None
    assert found.limit < 10**6
