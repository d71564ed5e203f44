"""Learning rates tried side by side are the trainings that each would be alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import steepest
from steepest.problem.options import read_train_options
from steepest.records.training import Trial
from steepest.study.train.budget import NO_LIMIT
from steepest.study.train.plan import plan_of
from steepest.study.train.proof import run_alone
from steepest.study.train.rates import (
    Beside,
    choose_rate,
    is_calm,
    leading,
    order_of,
    reached_at,
    try_rates,
)
from steepest.study.train.rows import read_rows


def two_moons(scale: float = 1.0) -> dict[str, Any]:
    """Two half circles that interlock, with noise."""
    draws = np.random.default_rng(0)
    angles, upper = draws.uniform(0, np.pi, 200), np.arange(200) % 2
    x = np.where(upper, np.cos(angles), 1 - np.cos(angles))
    y = np.where(upper, np.sin(angles), 0.5 - np.sin(angles))
    noise = 0.1 * draws.normal(size=(2, 200))
    return {"x": scale * (x + noise[0]), "y": scale * (y + noise[1]), "moon": upper.astype(int)}


GIVEN: dict[str, Any] = {"target": "moon", "batch_size": 20, "remedies": False}


def plan_for(data: Any, **options: Any) -> Any:
    asked = read_train_options({"network": "2-16-tanh-2", **GIVEN, **options})
    return plan_of(asked, read_rows(data, asked))


def silent(*_: Any) -> None:
    """Say nothing."""


@pytest.mark.parametrize("optimizer", ["gd", "nesterov", "adam"])
def test_trials_are_single_trainings(optimizer: str) -> None:
    rates = [0.003, 0.02, 0.1]
    trials = try_rates(
        plan_for(two_moons(), optimizer=optimizer), rates, 96, silent, goal=0.5, stops=False
    )
    for trial, rate in zip(trials, rates, strict=True):
        run = steepest.train(
            two_moons(), "2-16-tanh-2", optimizer=optimizer, lr=rate, steps=96, **GIVEN
        )
        losses = run.trace.loss
        assert (trial.lr, trial.steps) == (rate, 96)
        # With batches it is that of all rows.
        assert run.learned.whole is not None
        assert trial.loss == pytest.approx(run.learned.whole[1], rel=1e-4)
        means = np.convolve(losses, np.full(10, 0.1), "valid")
        there = np.flatnonzero(means <= 0.5)
        assert trial.reached_at == (int(there[0]) + 10 if len(there) else None)


@pytest.mark.parametrize(
    ("optimizer", "loss", "scale"),
    [("gd", "cross-entropy", 1.0), ("momentum", "cross-entropy", 1e3), ("gd", "mse", 1e4)],
    ids=["usual", "inputs a thousand times as large", "squared errors of large inputs"],
)
def test_a_rate_that_loses_the_loss_is_never_chosen(
    optimizer: str, loss: str, scale: float
) -> None:
    network = "2-16-relu-2" if loss == "cross-entropy" else "2-16-relu-1"
    plan = plan_for(two_moons(scale), optimizer=optimizer, loss=loss, network=network, steps=300)
    choice = choose_rate(plan, silent)
    lr, why, trials = choice.lr, choice.why, choice.trials
    (chosen,) = [trial for trial in trials if trial.lr == lr]
    assert math.isfinite(chosen.loss)
    furthest = [trial for trial in trials if trial.steps == chosen.steps]
    assert chosen.loss == min(trial.loss for trial in furthest)
    assert f"{len(trials)} from" in why
    # Of those that are tried the largest is too large, else larger ones should have been.
    assert max(trials, key=lambda trial: trial.lr).loss > chosen.loss
    run = steepest.train(
        two_moons(scale), network, optimizer=optimizer, loss=loss, steps=300, **GIVEN
    )
    assert run.learned.stopped == "step limit"
    assert run.record.losses.last < run.record.losses.start


def test_a_rate_is_chosen_for_any_number_of_steps() -> None:
    """A training of a billion steps with a time limit is not tried for 200 million."""
    trials = choose_rate(plan_for(two_moons(), steps=10**9), silent).trials
    assert max(trial.steps for trial in trials) <= 2000


@pytest.mark.parametrize(
    ("curves", "order"),
    [
        ({1.0: [2, 1.5, 0.5], 2.0: [2, 1, 0.1]}, (2.0, 1.0)),
        ({1.0: [2, 1, 0.15], 2.0: [2, 21, 0.1]}, (1.0, 2.0)),
        ({1.0: [2, 1, 0.5], 2.0: [2, 21, 0.1]}, (2.0, 1.0)),
        ({1.0: [2, 1, 0.15], 2.0: [2, 1, 0.14], 3.0: [2, 21, 0.1]}, (2.0, 1.0, 3.0)),
        ({1.0: [2, 1], 2.0: [2, math.inf, math.nan], 3.0: [2, 21, 1]}, (3.0,)),
        ({1.0: [2, math.inf]}, ()),
    ],
    ids=["lowest", "calm", "none calm near", "lowest of the calm", "furthest", "each lost"],
)
def test_a_calm_path_goes_before_a_wild_one(
    curves: dict[float, list[float]], order: tuple[float, ...]
) -> None:
    trials = [
        Trial(lr, len(losses), losses[-1] if math.isfinite(losses[-1]) else math.inf)
        for lr, losses in curves.items()
    ]
    calm = [is_calm(np.array(losses)) for losses in curves.values()]
    assert order_of(trials, calm, next(iter(curves.values()))[0]) == order


def test_a_calm_rate_is_kept_beside_bold_ones() -> None:
    """Of four that are lower by a path that rises tenfold, one makes room for it."""
    bold = [np.array([2.0, 21.0, *[end] * 8]) for end in (0.1, 0.2, 0.3, 0.4)]
    calm = np.array([2.0, 1.9, *[1.5] * 8])
    found = Beside([*bold, calm], {}, plan_for(two_moons()).trainer.begin([]), 1)
    assert leading(found, 2).tolist() == [0, 4]
    looks = {0: np.full(5, 2.0), 10: np.array([0.1, 0.2, 0.3, 0.4, 1.5])}
    assert leading(found._replace(looks=looks), 3).tolist() == [0, 1, 4]


def test_the_chosen_rate_takes_a_calm_path_alone() -> None:
    """With RMSprop a rate ten times as large gets lowest, by a path that rises a hundredfold."""
    draws = np.random.default_rng(0)
    x = draws.normal(size=(160, 4))
    data = {**{f"x{place}": 10 * x[:, place] for place in range(4)}, "moon": x[:, 0] + x[:, 1] > 0}
    data["moon"] = data["moon"].astype(int)
    plan = plan_for(data, network="4-8-relu-2", optimizer="rmsprop", steps=1000, batch_size=64)
    choice = choose_rate(plan, silent)
    alone = run_alone(plan, choice.lr, choice.steps, None, silent, NO_LIMIT)
    assert alone.calm
    (chosen,) = [trial for trial in choice.trials if trial.lr == choice.lr]
    # Of all rows, beside the mean of the last batches.
    assert alone.trial.loss == pytest.approx(chosen.loss, rel=0.5)


@pytest.mark.parametrize(
    ("losses", "goal", "width", "step"),
    [
        ([4, 3, 2, 1], 2, 1, 3),
        ([4, 3, 2, 1], 1.5, 2, 4),
        ([4, 3, 2, 1], 0.5, 1, None),
        ([4, float("nan"), 0, 0], 1, 2, 4),
        ([4], 5, 2, None),
        ([4, 3], None, 1, None),
    ],
    ids=["there", "mean of two", "never", "past a lost one", "too few", "no goal"],
)
def test_when_a_goal_is_reached(
    losses: list[float], goal: float | None, width: int, step: int | None
) -> None:
    assert reached_at(np.array(losses, dtype=float), goal, width) == step
