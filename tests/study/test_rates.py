"""`--lr auto` where no closed form knows: judged by descents in plain NumPy."""

from collections.abc import Callable

import jax
import numpy as np
import pytest

from steepest.problem.options import Options
from steepest.problem.prepare import prepare_minimize
from steepest.records.arrays import Matrix, Vector
from steepest.records.descent import Goal
from steepest.records.point import Minimum
from steepest.study.aim import Aim
from steepest.study.auto import choose_rate
from steepest.study.rates import LANES, sweep_rates

Two = tuple[Vector, Vector]
BOWL = "x**2 + 25*y**2"
VALLEY = "(1 - x)**2 + 100*(y - x**2)**2"


def bowl(x: Vector, y: Vector) -> tuple[Vector, Two]:
    return x**2 + 25 * y**2, (2 * x, 50 * y)


def valley(x: Vector, y: Vector) -> tuple[Vector, Two]:
    off = y - x**2
    return (1 - x) ** 2 + 100 * off**2, (-2 * (1 - x) - 400 * x * off, 200 * off)


def losses(
    function: Callable[[Vector, Vector], tuple[Vector, Two]], start: Two, rates: Vector, steps: int
) -> Matrix:
    """(steps + 1, m): a descent for each learning rate; infinite where it left the numbers."""
    x, y = (np.full_like(rates, at) for at in start)
    found = []
    with np.errstate(all="ignore"):
        for _ in range(steps + 1):
            loss, (dx, dy) = function(x, y)
            found.append(np.where(np.isfinite(loss), loss, np.inf))
            x, y = x - rates * dx, y - rates * dy
    return np.array(found)


def chosen(expression: str, start: dict[str, float], steps: int, goal: Goal | None) -> float:
    options = Options(start=start, steps=steps)
    setup = prepare_minimize(expression, options)
    minimum = None if goal is None else Minimum(0.0, dict(start), "by hand")
    return choose_rate(setup, options.settings(), Aim(minimum, goal), None).lr


def test_of_the_quick_ones_the_smallest_is_taken() -> None:
    goal = Goal(1e-6, "within 1 % of the minimum")
    lr = chosen(BOWL, {"x": 1.0, "y": 1.0}, 1000, goal)
    rates = np.append(np.linspace(0.03, 0.0399, 400), lr)
    start = (np.array(1.0), np.array(1.0))
    # Below the limit the loss falls in every step.
    steps = np.sum(losses(bowl, start, rates, 1000) > goal.loss, axis=0)
    assert steps[-1] <= 1.15 * np.min(steps)
    # The quickest is 2/52, next to the limit 0.04: this one is on the safe side.
    assert lr < 2 / 52


@pytest.mark.parametrize("steps", [3, 30, 300])
def test_where_none_arrives_it_is_as_low_as_any_in_the_steps_at_hand(steps: int) -> None:
    lr = chosen(VALLEY, {"x": -1.5, "y": 2.0}, steps, None)
    rates = np.append(np.geomspace(1e-6, 0.01, 200), lr)
    walked = losses(valley, (np.array(-1.5), np.array(2.0)), rates, 2000)
    # One that diverges later may have been the lowest for a moment, by luck.
    lowest = np.min(walked[: steps + 1, np.isfinite(walked[-1])], axis=0)
    first = walked[0, 0]
    assert first - lowest[-1] >= 0.95 * (first - np.min(lowest))


def test_a_sweep_compiles_two_programs() -> None:
    # A formula of its own, so that nothing of it was compiled before.
    options = Options(start={"u": 2.0, "v": -1.0})
    setup = prepare_minimize("cosh(u - v) + 3*u**2 + 0.731*v**2", options)
    compiled: list[str] = []

    def note(event: str, duration_secs: float, **details: str | int) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        trials = sweep_rates(setup, options.settings(), 1.0001, None, None)
    finally:
        jax.monitoring.unregister_event_duration_listener(note)
    assert any(trial.steps is not None for trial in trials)
    assert len(trials) > LANES
    # Many side by side, and one alone to see whether it stays.
    assert len(compiled) == 2
