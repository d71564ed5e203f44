"""Sweeps of the tutorial's rows against numpy's own descents, the closed form and each other."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import steepest
from steepest.descent.arrival import stays_until
from steepest.jobs.sweep import (
    MOST_DESCENTS,
    Sweep,
    rates_between,
    sweep,
)
from steepest.problem.options import Options
from steepest.problem.prepare import prepare_fit
from steepest.records.document import to_json
from steepest.words.errors import InputError, SteepestError, UsageError

SPEED = "examples/speed.csv"
CURVE = "speed ~ a*time**2 + b*time + c"
LINE = "speed ~ b*time + c"
START = {"a": 0.0121, "b": -0.6397, "c": 0.6416}
LIMIT = 3.539863e-05
"""2 over the largest eigenvalue of the curve's Hessian."""

Array = npt.NDArray[np.float64]
Move = Callable[[Array, Array, int], Array]
"""(state, gradient, step from 1) -> change of the weights; the state may be written to."""

TIME, SPEEDS = np.loadtxt(SPEED, delimiter=",", skiprows=1).T


def brute(design: Array, start: Array, move: Move, most: int) -> int | None:
    """Steps until it stays within 1 % of the least loss, one after the other in plain numpy."""
    within: list[bool] = []
    least = np.linalg.lstsq(design, SPEEDS, rcond=None)[1][0] / len(SPEEDS)
    weights, state = start.astype(float), np.zeros((2, len(start)))
    for step in range(most + 1):
        residual = design @ weights - SPEEDS
        within.append(bool(residual @ residual / len(SPEEDS) <= 1.01 * least))
        if not np.all(np.isfinite(residual)) or np.max(np.abs(residual)) > 1e100:
            return None
        gradient = 2 * design.T @ residual / len(SPEEDS)
        weights = weights + move(state, gradient, step + 1)
    stays = (step for step in range(most) if all(within[step : stays_until(step) + 1]))
    return next(stays, None)


def descent(lr: float) -> Move:
    return lambda state, gradient, step: -lr * gradient


def heavy_ball(lr: float) -> Move:
    def move(state: Array, gradient: Array, step: int) -> Array:
        state[0] = 0.9 * state[0] + gradient
        return np.asarray(-lr * state[0])

    return move


def adam(lr: float) -> Move:
    def move(state: Array, gradient: Array, step: int) -> Array:
        state[0] = 0.9 * state[0] + 0.1 * gradient
        state[1] = 0.999 * state[1] + 0.001 * gradient**2
        mean, square = state[0] / (1 - 0.9**step), state[1] / (1 - 0.999**step)
        return np.asarray(-lr * mean / (np.sqrt(square) + 1e-8))

    return move


WALKS: dict[str, tuple[Callable[[float], Move], list[float]]] = {
    "gd": (descent, [1e-5, 2e-4, 1e-3, 5e-3, 7e-3, 8e-3, 9e-3, 0.1]),
    "momentum": (heavy_ball, [1e-5, 1e-4, 1e-3, 5e-3, 1e-2, 1.4e-2, 1.6e-2]),
    "adam": (adam, [1e-4, 1e-3, 0.05, 0.3, 1.0, 3.0, 30.0]),
}


def words(steps: list[int | None], limit: int, diverged: list[bool]) -> list[str]:
    """The contract's words by comparing every learning rate with every other one."""
    found = []
    for place, own in enumerate(steps):
        needed = math.inf if diverged[place] else limit + 1 if own is None else own
        smaller, larger = (
            min((s for s in part if s is not None), default=math.inf)
            for part in (steps[:place], steps[place + 1 :])
        )
        if diverged[place] or 10 * smaller <= needed:
            found.append("too large")
        else:
            found.append("too small" if 10 * larger <= needed else "just right")
    return found


@pytest.mark.parametrize(("make", "rates"), WALKS.values(), ids=WALKS)
def test_steps_and_words_are_those_of_plain_descents(
    make: Callable[[float], Move], rates: list[float], request: pytest.FixtureRequest
) -> None:
    limit = 4000
    found = sweep(
        *(SPEED, LINE, rates),
        optimizer=request.node.callspec.id,
        start={"b": -0.6397, "c": 0.6416},
        steps=limit,
    )
    design = np.stack([TIME, np.ones_like(TIME)], axis=1)
    walked = [brute(design, np.array([-0.6397, 0.6416]), make(lr), 2 * limit) for lr in rates]
    walked = [None if steps is None or steps > limit else steps for steps in walked]
    run = [rate.steps if rate.measured else None for rate in found.rates]
    assert run == walked
    assert None in walked
    assert sum(steps is not None for steps in walked) >= 3
    # The limit is ten times what the quickest needs, so that all have a word.
    assert list(found.zones.values()) == words(
        [rate.steps for rate in found.rates], limit, [rate.diverged for rate in found.rates]
    )
    assert set(found.zones.values()) >= {"too small", "just right"}


def power_form(lr: float, start: Mapping[str, float], steps: int) -> float:
    """Loss after so many steps of gradient descent on the curve, by a power of a matrix."""
    design = np.stack([TIME**2, TIME, np.ones_like(TIME)], axis=1)
    least = np.linalg.lstsq(design, SPEEDS, rcond=None)[0]
    values, vectors = np.linalg.eigh(2 * design.T @ design / len(TIME))
    along = vectors.T @ (np.array(list(start.values())) - least) * (1 - lr * values) ** steps
    residual = design @ (least + vectors @ along) - SPEEDS
    return float(residual @ residual / len(SPEEDS))


@pytest.fixture(scope="module")
def tutorial() -> Sweep:
    rates = [1e-8, 1e-6, 1e-5, 2e-5, 3.5e-5, 3.5395e-5, 3.53986e-5, 3.53987e-5, 3.6e-5, 1e-4]
    return sweep(SPEED, CURVE, rates, start=START)


def test_beyond_the_step_limit_the_closed_form_counts_exactly(tutorial: Sweep) -> None:
    assert tutorial.record.goal is not None
    goal = tutorial.record.goal.loss
    computed = [rate for rate in tutorial.rates if rate.steps is not None]
    assert [rate.lr for rate in computed] == [1e-8, 1e-6, 1e-5, 2e-5, 3.5e-5, 3.5395e-5, 3.53986e-5]
    assert not any(rate.measured for rate in computed)
    for rate in computed:
        assert rate.steps is not None
        assert power_form(rate.lr, START, rate.steps) <= goal * (1 + 1e-12)
        assert power_form(rate.lr, START, rate.steps - 1) > goal * (1 - 1e-12)
    assert next(rate.steps for rate in computed if rate.lr == 1e-5) == 1_971_722


def test_the_edge_brackets_the_limit_that_was_predicted(tutorial: Sweep) -> None:
    record = tutorial.record
    assert tutorial.limit == pytest.approx(LIMIT, rel=1e-6)
    assert record.stability_limit_at == "minimum"
    assert (record.largest_stable, record.smallest_diverging) == (3.53986e-5, 3.53987e-5)
    near = next(rate for rate in tutorial.rates if rate.lr == 3.53987e-5)
    assert near.diverged
    assert not near.measured  # 1,000 steps are too few to see it.


def test_the_tutorial_reads_as_it_should(tutorial: Sweep) -> None:
    best = tutorial.best
    assert best is not None
    assert best.lr == 3.5395e-5
    assert tutorial.record.headline == (
        "Quickest: 3.5395e-05 with 557,061 steps (computed); above 3.53986e-05 it diverges."
    )
    assert (
        list(tutorial.zones.values())
        == [*["too small"] * 2, *["just right"] * 5] + ["too large"] * 3
    )
    assert repr(tutorial) == (
        "<steepest.Sweep 'speed ~ a*time**2 + b*time + c': 10 learning rates from 1e-08 to "
        f"0.0001. {tutorial.record.headline}>"
    )


def test_without_learning_rates_all_three_zones_are_found() -> None:
    found = sweep(SPEED, CURVE, start=START)
    assert set(found.zones.values()) == {"too small", "just right", "too large"}
    assert found.record.largest_stable is not None
    assert found.record.smallest_diverging is not None
    assert found.record.largest_stable <= LIMIT < found.record.smallest_diverging
    best = found.best
    assert best is not None
    assert best.steps is not None
    assert 557_000 <= best.steps < 560_000
    assert len(found.rates) == len(found.trials) == 49


def test_without_a_step_limit_it_is_raised_until_the_words_are_known() -> None:
    given: dict[str, Any] = {"optimizer": "momentum", "start": START}
    found = sweep(SPEED, CURVE, (1e-6, 1e-4, 9), **given)
    best = found.best
    assert best is not None
    assert best.steps is not None
    assert best.measured
    assert best.steps > 10_000
    assert found.record.settings.steps == 10 * best.steps + 1
    assert "not measured" not in found.zones.values()
    short = sweep(SPEED, CURVE, (1e-6, 1e-4, 9), steps=best.steps, **given)
    assert short.best == best
    assert short.zones[1e-6] == "not measured"
    assert "fewer than 10 times" in short.record.not_measured["zones"]


def test_a_batch_is_its_descents_one_by_one() -> None:
    rates = [1e-4, 3e-3, 1e-2]
    given: dict[str, Any] = {"optimizer": "nesterov", "loss": "huber", "steps": 3000}
    together = sweep(SPEED, LINE, rates, **given)
    alone = [sweep(SPEED, LINE, lr, **given).trials[0] for lr in rates]
    assert [(t.lr, t.steps, t.diverged, t.limit) for t in together.trials] == [
        (t.lr, t.steps, t.diverged, t.limit) for t in alone
    ]
    assert [t.lowest_loss for t in together.trials] == pytest.approx(
        [t.lowest_loss for t in alone], rel=1e-9
    )
    assert any(trial.steps for trial in alone)


@pytest.mark.parametrize("more", [{}, {"standardize": True}], ids=["plain", "standardized"])
def test_several_starts_are_what_the_next_seeds_draw(more: dict[str, Any]) -> None:
    rates = [1e-3, 5e-3, 8e-3]
    found = sweep(SPEED, LINE, rates, starts=3, seed=4, start={"c": 2.0}, **more)
    alone = [sweep(SPEED, LINE, rates, seed=4 + k, start={"c": 2.0}, **more) for k in range(3)]
    assert found.trials == tuple(trial for one in alone for trial in one.trials)
    starts = [one.record.starts[0] for one in alone]
    assert list(found.record.starts) == starts
    assert len({start["b"] for start in starts}) == 3
    assert all(start["c"] == pytest.approx(2.0) for start in starts)
    for seed, start in enumerate(starts, 4):
        plain = prepare_fit(SPEED, LINE, Options(seed=seed, start={"c": 2.0}))
        assert start == pytest.approx(plain.objective.named(plain.start))


def test_a_model_that_is_not_linear_is_run() -> None:
    rows = {"x": np.linspace(0, 2, 21)}
    rows["y"] = 1.5 * np.exp(0.7 * rows["x"]) + 0.05 * np.cos(9 * rows["x"])
    found = sweep(rows, "y ~ a*exp(b*x)", start={"a": 1.0, "b": 0.5})
    best = found.best
    assert best is not None
    assert best.measured
    assert set(found.zones.values()) == {"too small", "just right", "too large"}
    assert all(rate.measured for rate in found.rates)
    # Jᵀ J is the Hessian but for a term that the residuals make small.
    tall = np.exp(0.7 * rows["x"])
    jacobian = np.stack([tall, 1.5 * rows["x"] * tall], axis=1)
    predicted = 2 / np.linalg.eigvalsh(2 * jacobian.T @ jacobian / 21)[-1]
    assert found.limit == pytest.approx(predicted, rel=0.02)
    low, high = found.record.largest_stable, found.record.smallest_diverging
    assert low is not None
    assert high is not None
    assert low >= 0.9 * predicted
    assert high > predicted


def test_where_the_loss_falls_for_ever_there_is_no_goal() -> None:
    rows = {"x": [-2.0, -1.0, 1.0, 2.0], "y": [0.0, 0.0, 1.0, 1.0]}
    found = sweep(rows, "y ~ a*x", [0.01, 0.1], loss="cross-entropy", start={"a": 0.0}, steps=50)
    assert found.record.goal is None
    assert set(found.zones.values()) == {"not measured"}
    assert found.record.not_measured.keys() >= {"goal", "zones"}
    assert found.best is not None
    assert found.best.lr == 0.1
    assert found.record.headline.startswith("No minimum is known to get to; the lowest loss, ")


def test_a_time_limit_ends_it() -> None:
    found = sweep(
        *(SPEED, "speed ~ a*exp(b*time) + c", (1e-9, 1e-7, 5)),
        steps=10**9,
        time_limit=0.2,
    )
    assert found.record.seconds < 30
    assert all(trial.limit is not None and trial.limit < 10**9 for trial in found.trials)
    assert set(found.zones.values()) == {"not measured"}


def test_the_document_is_json_whatever_is_in_it() -> None:
    found = sweep(SPEED, LINE, [1e-3, 1e30, 1e300], starts=2, batch_size=5, steps=20)
    document = found.to_dict()
    to_json(document)
    assert document["command"] == "sweep"
    assert [rate["diverged"] for rate in document["rates"]] == [False, True, True]
    assert [len(rate["trials"]) for rate in document["rates"]] == [2, 2, 2]
    assert len(document["starts"]) == 2


def test_progress_is_told() -> None:
    told: list[tuple[str, int, int | None]] = []
    sweep(
        *(SPEED, LINE, [1e-3, 5e-3]),
        steps=2000,
        progress=lambda phase, done, total, loss: told.append((phase, done, total)),
    )
    assert told[0] == ("looking for the minimum", 0, None)
    assert {phase for phase, _, _ in told[1:]} == {"running 2 descents"}
    assert all(total == 2000 and 0 < done <= 2000 for _, done, total in told[1:])


def test_it_is_a_public_name() -> None:
    assert steepest.sweep is sweep
    assert steepest.Sweep is Sweep
    assert {"sweep", "Sweep"} <= set(steepest.__all__)


# Learning rates as they are given


@pytest.mark.parametrize(
    ("given", "rates"),
    [
        pytest.param((1e-3, 1e-1, 3), [1e-3, 1e-2, 1e-1], id="powers"),
        pytest.param((1.0, 2.0, 3), [1.0, 1.41421, 2.0], id="six digits"),
        pytest.param((0.123456789, 0.9876543210, 2), [0.123456789, 0.987654321], id="the ends"),
        pytest.param((0.1, 0.1, 1), [0.1], id="one"),
        pytest.param((1.0, 1.0000003, 4), [1.0, 1.0000001, 1.0000002, 1.0000003], id="close"),
    ],
)
def test_rates_between(given: tuple[float, float, int], rates: list[float]) -> None:
    assert rates_between(*given).tolist() == rates


def test_a_list_is_sorted_and_nothing_is_tried_twice() -> None:
    found = sweep(SPEED, LINE, np.array([5e-3, 1e-3, 5e-3]), steps=10)
    assert list(found.zones) == [1e-3, 5e-3]


BAD: dict[str, tuple[dict[str, Any], type[SteepestError], str]] = {
    "count 0": ({"lr": (1e-3, 1.0, 0)}, UsageError, "whole number, 1 at least. Given: 0."),
    "count 2.5": ({"lr": (1e-3, 1.0, 2.5)}, UsageError, "whole number"),
    "count True": ({"lr": (1e-3, 1.0, True)}, UsageError, "whole number"),
    "one of two": ({"lr": (1e-3, 1.0, 1)}, UsageError, "unless there is only one"),
    "two of one": ({"lr": (1.0, 1.0, 2)}, UsageError, "below the highest"),
    "turned round": ({"lr": (1.0, 1e-3, 9)}, UsageError, "below the highest"),
    "text": ({"lr": ("a", "b", 9)}, UsageError, "must be numbers"),
    "zero": ({"lr": (0.0, 1.0, 9)}, InputError, "positive finite number. Given: 0."),
    "negative": ({"lr": [-1.0, 1.0]}, InputError, "positive finite number. Given: -1."),
    "infinite": ({"lr": (1.0, math.inf, 9)}, InputError, "positive finite number"),
    "not a number": ({"lr": [math.nan]}, InputError, "positive finite number"),
    "empty": ({"lr": []}, UsageError, "list of numbers"),
    "a word": ({"lr": "fast"}, UsageError, "list of numbers"),
    "a table": ({"lr": np.ones((2, 2))}, UsageError, "list of numbers"),
    "a tuple of two": ({"lr": (0.1, 0.2)}, UsageError, "give a list or an array"),
    "far too many": ({"lr": (1e-3, 1.0, MOST_DESCENTS + 1)}, UsageError, "at most 100,000"),
    "far too many starts": (
        {"lr": (1e-3, 1.0, 1000), "starts": 101},
        UsageError,
        "1,000 learning rates times 101 starts",
    ),
    "no starts": ({"starts": 0}, UsageError, "The number of starts"),
    "half a start": ({"starts": 1.5}, UsageError, "starts must be a whole number"),
    "nothing to draw": (
        {"starts": 2, "start": {"b": 1.0, "c": 1.0}},
        UsageError,
        "all starts would be the same",
    ),
    "an option of fit": (
        {"patience": 3},
        UsageError,
        "A sweep has no such option. Given: patience",
    ),
    "no option": ({"optimiser": "gd"}, UsageError, "Write optimizer."),
    "a solver": ({"optimizer": "lm"}, UsageError, "no learning rate to sweep"),
    "no optimizer": ({"optimizer": "newton"}, UsageError, "optimizer is not known"),
    "negative steps": ({"steps": -1}, UsageError, "--steps"),
    "no time": ({"time_limit": 0.0}, UsageError, "time limit"),
    "no such weight": ({"start": {"z": 1.0}}, InputError, "not in the formula"),
}


@pytest.mark.parametrize(("given", "kind", "told"), BAD.values(), ids=BAD)
def test_what_cannot_be_swept(given: dict[str, Any], kind: type[SteepestError], told: str) -> None:
    with pytest.raises(kind) as caught:
        sweep(SPEED, LINE, **given)
    assert told in caught.value.message


def test_a_quickest_that_jumps_out_of_its_valley_is_luck() -> None:
    """The valley at a = 1.13 ends at a loss of 24, and only leaps come to the other one."""
    data = {"x": np.linspace(0.9, 1.1, 8), "y": np.full(8, -6.0) + 0.01 * np.arange(8)}
    found = steepest.sweep(data, "y ~ (a**4 - 3*a**2 + a)*x", start={"a": 2.0})
    assert found.record.best is not None
    losses, a = [], 2.0
    for _ in range(20_000):
        off = (a**4 - 3 * a**2 + a) * data["x"] - data["y"]
        a -= (
            found.record.best.lr / 10 * float(np.mean(2 * off * data["x"])) * (4 * a**3 - 6 * a + 1)
        )
        losses.append(float(np.mean(off**2)))
    assert losses[-1] == pytest.approx(24.0, rel=0.01)
    assert "jumping out of the valley it began in, which is luck" in found.record.headline
    assert "ends at 24" in found.record.headline
    assert not {rate.zone for rate in found.record.rates} & {"just right", "too small"}
    assert "luck" in found.record.not_measured["zones"]


@pytest.mark.parametrize("optimizer", ["gd", "momentum"])
def test_who_comes_upon_the_goal_and_leaves_it_is_not_just_right(optimizer: str) -> None:
    """log-cosh curves most at the minimum: above the limit there a descent bounces about it."""
    x = np.linspace(-2, 2, 21)
    beta = 0.9 if optimizer == "momentum" else 0.0
    limit = 2 * (1 + beta) / np.mean(x**2)
    rates = limit * np.geomspace(0.05, 30, 12)
    swept = steepest.sweep(
        {"x": x, "y": 3 * x}, "y ~ a*x", lr=rates, loss="log-cosh", optimizer=optimizer,
        start={"a": -4.0},
    )  # fmt: skip
    assert swept.limit == pytest.approx(limit, rel=1e-6)
    assert swept.record.goal is not None
    for rate in swept.rates:
        a, velocity, found = -4.0, 0.0, []
        for _ in range(2000):
            off = (a - 3) * x
            found.append(np.mean(np.logaddexp(off, -off) - np.log(2)))
            velocity = float(beta * velocity + np.mean(np.tanh(off) * x))
            a -= rate.lr * velocity
        within = np.array(found) <= swept.record.goal.loss
        if rate.steps is not None:
            assert within[rate.steps : rate.steps + 10].all(), rate.lr
        if rate.lr > 1.02 * limit:
            assert not within[-200:].all(), "this is no specimen"
            assert rate.steps is None, rate.lr
            assert rate.zone in ("too large", "not measured"), rate.lr
