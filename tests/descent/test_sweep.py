"""Many descents at once against each of them alone, and against numpy."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from tests.autograd import formula_of

from steepest.descent import sweep
from steepest.descent.run import descend
from steepest.descent.sweep import paths, try_rates
from steepest.objective.least_squares import centred, solve
from steepest.objective.objective import Objective, formula_objective, function_objective
from steepest.records.arrays import Vector
from steepest.records.problem import Settings

DRAW = np.random.default_rng(12)
COLUMNS = {"x": DRAW.uniform(-1, 2, 20)}
COLUMNS["y"] = 1.5 * np.exp(-0.4 * COLUMNS["x"]) + 0.1 * DRAW.normal(size=20)
CURVE = formula_objective(formula_of("y ~ a*exp(-b*x)", COLUMNS), COLUMNS, loss="mse")
LINE = formula_objective(formula_of("y ~ a*x + b", COLUMNS), COLUMNS, loss="mse")
START = np.array([0.5, -0.1])
RATES = np.array([1e-3, 0.02, 0.1, 0.4, 0.7, 3.0])

OBJECTIVES: dict[str, Objective] = {
    "curve": CURVE,
    "line": LINE,
    "centred-line": centred(LINE, solve(LINE)),
    "rescaled-curve": CURVE.rescaled(np.array([2.0, 0.5])),
}


@pytest.mark.parametrize(
    ("case", "optimizer"),
    [*((case, "gd") for case in OBJECTIVES), ("curve", "momentum"), ("curve", "adam")],
)
def test_trials_are_single_descents(case: str, optimizer: str) -> None:
    objective = OBJECTIVES[case]
    settings = Settings(optimizer=optimizer, steps=700)
    goal = 0.05
    trials = try_rates(
        objective, settings, START, RATES, goal=goal, steps=700, seconds=30, scale=1.0
    )
    assert [trial.lr for trial in trials] == [*RATES]
    ends = set()
    for trial in trials:
        alone = descend(
            objective,
            Settings(optimizer=optimizer, lr=trial.lr, steps=700),
            START,
            goal=goal,
            stop_at_goal=True,
        ).descent
        of = f"learning rate {trial.lr:g}"
        assert trial.steps == alone.goal_step, of
        assert trial.limit == alone.steps, of
        assert trial.diverged == (alone.stopped == "diverged"), of
        assert trial.lowest_loss == pytest.approx(alone.lowest_loss, rel=1e-9), of
        assert trial.measured
        ends.add(alone.stopped)
    assert len(ends) >= 2, "the rates of this case all end alike"


@pytest.mark.parametrize("steps", [0, 1, 99, 100, 1024, 1025])
def test_step_limit_of_trials(steps: int) -> None:
    (trial,) = try_rates(
        CURVE, Settings(), START, np.array([1e-6]), goal=-1.0, steps=steps, seconds=30
    )
    assert (trial.limit, trial.steps, trial.diverged) == (steps, None, False)


def test_a_trial_whose_gradient_alone_is_not_finite_has_diverged() -> None:
    edge = function_objective(lambda w: jnp.sqrt(jnp.maximum(w[0], 0.0)), ("w",))
    start, rates = np.array([1.0]), np.array([4.0])
    (trial,) = try_rates(edge, Settings(), start, rates, goal=-1.0, steps=50, seconds=30)
    alone = descend(edge, Settings(lr=4.0, steps=50), start).descent
    assert (alone.stopped, alone.final_loss) == ("diverged", 1.0)
    assert (trial.steps, trial.diverged) == (None, True)


def test_goal_met_at_the_start_takes_no_step() -> None:
    trials = try_rates(CURVE, Settings(), START, RATES, goal=1e9, steps=50, seconds=30)
    assert [trial.steps for trial in trials] == [0] * len(RATES)


def test_trials_with_batches_are_single_descents() -> None:
    settings = Settings(batch_size=6, seed=4)
    trials = try_rates(LINE, settings, START, RATES, goal=0.02, steps=300, seconds=30)
    for trial in trials:
        alone = descend(
            LINE,
            Settings(lr=trial.lr, steps=300, batch_size=6, seed=4),
            START,
            goal=0.02,
            stop_at_goal=True,
        ).descent
        assert (trial.steps, trial.limit) == (alone.goal_step, alone.steps), trial.lr


def test_every_trial_may_start_elsewhere() -> None:
    starts = DRAW.normal(size=(len(RATES), 2))
    trials = try_rates(LINE, Settings(), starts, RATES, goal=0.1, steps=400, seconds=30)
    for trial, start in zip(trials, starts, strict=True):
        alone = descend(
            LINE, Settings(lr=trial.lr, steps=400), start, goal=0.1, stop_at_goal=True
        ).descent
        assert (trial.steps, trial.limit) == (alone.goal_step, alone.steps), trial.lr


def test_groups_do_not_change_the_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> list[tuple[float, int | None]]:
        trials = try_rates(LINE, Settings(), START, RATES, goal=0.1, steps=200, seconds=30)
        return [(trial.lr, trial.steps) for trial in trials]

    together = run()
    monkeypatch.setattr(sweep, "BATCH_ELEMENTS", LINE.work // 2)
    assert run() == together


def test_trials_out_of_time_say_how_far_they_came() -> None:
    bowl = function_objective(lambda w: jnp.sum(w * w), ("a", "b"))
    seen: list[int] = []
    trials = try_rates(
        bowl,
        Settings(),
        START,
        np.array([1e-9, 1e-8]),
        goal=0.0,
        steps=10**9,
        seconds=0.05,
        on_chunk=seen.append,
    )
    for trial in trials:
        assert trial.steps is None
        assert trial.limit is not None
        assert 0 < trial.limit < 10**9
        # In so many steps the loss falls by this much, and no further.
        wanted = (START @ START) * (1 - 2 * trial.lr) ** (2 * trial.limit)
        assert trial.lowest_loss == pytest.approx(wanted, rel=1e-9)
    assert seen == sorted(seen)


@pytest.mark.parametrize("case", OBJECTIVES)
def test_paths_are_single_descents(case: str) -> None:
    objective = OBJECTIVES[case]
    rates = np.array([0.001, 0.01, 0.05])
    found = paths(objective, Settings(), START, rates, 75)
    np.testing.assert_array_equal(found.step, np.arange(76))
    for index, lr in enumerate(rates):
        alone = descend(objective, Settings(lr=float(lr), steps=75), START).trace
        for name in ("loss", "weights", "gradient"):
            np.testing.assert_allclose(
                getattr(found, name)[index],
                getattr(alone, name),
                rtol=1e-9,
                atol=1e-12,
                err_msg=f"{name} at learning rate {lr:g}",
            )


@pytest.mark.parametrize("steps", [1, 7, 8, 9])
def test_paths_have_every_step(steps: int) -> None:
    found = paths(LINE, Settings(), START, np.array([0.1, 0.2]), steps)
    assert found.loss.shape == (2, steps + 1)
    assert found.weights.shape == found.gradient.shape == (2, steps + 1, 2)
    at: Vector = START
    x, y = COLUMNS["x"], COLUMNS["y"]
    for step in range(steps + 1):
        np.testing.assert_allclose(found.weights[1, step], at, rtol=1e-12)
        residual = at[0] * x + at[1] - y
        at = at - 0.2 * 2 * np.array([np.mean(residual * x), np.mean(residual)])


def test_a_path_that_breaks_repeats_its_last_values() -> None:
    found = paths(CURVE, Settings(), START, np.array([0.1, 1e4]), 40)
    assert np.all(np.isfinite(found.loss[0]))
    broken = np.flatnonzero(~np.isfinite(found.loss[1]))
    assert len(broken) > 0
    after = found.weights[1, broken[0] :]
    np.testing.assert_array_equal(after, np.broadcast_to(after[0], after.shape))
