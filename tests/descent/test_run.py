"""Oracles: descents written out in numpy, and whole records against what is walked again."""

from __future__ import annotations

import itertools
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.autograd import formula_of

from steepest.descent import recorder as recorder_module
from steepest.descent import run as run_module
from steepest.descent.batches import Batches
from steepest.descent.run import Descended, descend
from steepest.descent.standing import arrays_of_state
from steepest.formula.parse import parse_expression
from steepest.objective.least_squares import centred, solve
from steepest.objective.objective import Objective, formula_objective, function_objective
from steepest.records.arrays import Vector
from steepest.records.problem import Settings
from steepest.words.errors import InputError, UsageError

LAMBDA = np.array([4.0, 1.0, 0.1])
START = np.array([1.0, -2.0, 3.0])
BOWL = function_objective(
    lambda w: jnp.sum(0.5 * jnp.array([4.0, 1.0, 0.1]) * w * w), ("a", "b", "c")
)
"""½(4a² + b² + c²/10): every step is known in closed form."""


def bowl_path(lr: float, steps: int, start: Vector = START) -> tuple[Vector, Vector]:
    """Weights and losses at steps 0 to `steps`."""
    weights = [start]
    for _ in range(steps):
        weights.append(weights[-1] - lr * LAMBDA * weights[-1])
    path = np.array(weights)
    return path, np.sum(0.5 * LAMBDA * path**2, axis=1)


@pytest.fixture
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen steps a chunk, so that boundaries are near."""
    monkeypatch.setattr(run_module, "LONGEST_CHUNK", 16)


# The path


def test_path_is_plain_descent() -> None:
    done = descend(BOWL, Settings(lr=0.3, steps=200), START)
    weights, losses = bowl_path(0.3, 200)
    np.testing.assert_allclose(done.trace.weights, weights, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(done.trace.loss, losses, rtol=1e-12)
    np.testing.assert_allclose(done.trace.gradient, LAMBDA * weights, rtol=1e-12, atol=1e-300)
    assert done.descent.final_loss == done.trace.loss[-1]
    np.testing.assert_array_equal(done.final_weights, done.trace.weights[-1])
    np.testing.assert_array_equal(done.final_gradient, done.trace.gradient[-1])


@pytest.mark.usefixtures("short_chunks")
@pytest.mark.parametrize("steps", [0, 1, 14, 15, 16, 17, 31, 32, 33])
def test_step_limit_holds_at_every_chunk_boundary(steps: int) -> None:
    done = descend(BOWL, Settings(lr=0.1, steps=steps), START)
    np.testing.assert_array_equal(done.trace.step, np.arange(steps + 1))
    np.testing.assert_allclose(done.trace.loss, bowl_path(0.1, steps)[1], rtol=1e-13)
    assert (done.descent.stopped, done.descent.steps) == ("step limit", steps)


@pytest.mark.parametrize("optimizer", ["gd", "momentum", "nesterov", "adam"])
def test_chunks_do_not_change_the_path(optimizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(optimizer=optimizer, lr=0.05, steps=100)
    whole = descend(BOWL, settings, START).trace
    monkeypatch.setattr(run_module, "LONGEST_CHUNK", 8)
    pieces = descend(BOWL, settings, START).trace
    np.testing.assert_allclose(pieces.weights, whole.weights, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("optimizer", ["gd", "adam"])
def test_bounds_are_kept(optimizer: str) -> None:
    objective = replace(
        BOWL, lower=np.array([0.25, -np.inf, -np.inf]), upper=np.array([np.inf, np.inf, 2.5])
    )
    trace = descend(objective, Settings(optimizer=optimizer, lr=0.1, steps=100), START).trace
    assert np.all(trace.weights[1:, 0] >= 0.25)
    assert np.all(trace.weights[1:, 2] <= 2.5)
    assert trace.weights[-1, 0] == 0.25
    if optimizer == "gd":
        at = START
        for step in range(100):
            np.testing.assert_allclose(trace.weights[step], at, rtol=1e-12)
            at = np.clip(at - 0.1 * LAMBDA * at, objective.lower, objective.upper)


def test_rescaled_weights_walk_with_a_learning_rate_each() -> None:
    """In units u a step is -lr·u²·gradient in the user's weights."""
    unit = np.array([0.5, 1.0, 3.0])
    trace = descend(BOWL.rescaled(unit), Settings(lr=0.2, steps=50), START).trace
    at = START
    for step in range(51):
        np.testing.assert_allclose(trace.weights[step], at, rtol=1e-12)
        np.testing.assert_allclose(trace.gradient[step], LAMBDA * at, rtol=1e-12)
        at = at - 0.2 * unit**2 * LAMBDA * at


# The quadratic, counted from its minimum


def quadratic_pair(draw: np.random.Generator, rows: int, condition: float) -> Objective:
    """A line through columns whose design has this condition number."""
    design = np.linalg.qr(draw.normal(size=(rows, 3)))[0] * np.sqrt(rows)
    design = design * np.geomspace(1, condition**-0.5, 3)
    names = ("u", "v", "w")
    columns = dict(zip(names, design.T, strict=True))
    columns["y"] = design @ [1.0, -2.0, 0.5] + draw.normal(size=rows)
    return formula_objective(formula_of("y ~ a*u + b*v + c*w", columns), columns, loss="mse")


@pytest.mark.parametrize("condition", [2.0, 1e3, 1e7], ids="condition-{:g}".format)
@pytest.mark.parametrize(
    ("optimizer", "lr"), [("gd", 0.4), ("momentum", 0.1), ("nesterov", 0.1), ("adam", 0.02)]
)
def test_path_counted_from_the_minimum_is_the_direct_one(
    optimizer: str, lr: float, condition: float
) -> None:
    draw = np.random.default_rng(int(condition))
    direct = quadratic_pair(draw, 40, condition)
    settings = Settings(optimizer=optimizer, lr=lr, steps=300)
    start = draw.normal(size=3)
    wanted = descend(direct, settings, start).trace
    found = descend(centred(direct, solve(direct)), settings, start).trace
    np.testing.assert_allclose(found.loss, wanted.loss, rtol=1e-9)
    np.testing.assert_allclose(found.weights, wanted.weights, rtol=1e-9, atol=1e-12)
    size = np.max(np.abs(wanted.gradient))
    np.testing.assert_allclose(found.gradient, wanted.gradient, rtol=1e-9, atol=1e-12 * size)


def test_a_million_rows_walk_the_same_path() -> None:
    direct = quadratic_pair(np.random.default_rng(0), 1_000_000, 50.0)
    settings = Settings(lr=0.3, steps=25)
    wanted = descend(direct, settings, START).trace
    found = descend(centred(direct, solve(direct)), settings, START).trace
    np.testing.assert_allclose(found.loss, wanted.loss, rtol=1e-9)
    np.testing.assert_allclose(found.weights, wanted.weights, rtol=1e-9)


def test_loss_keeps_its_digits_near_the_minimum() -> None:
    """Direct residuals leave 16 digits of the loss; here the excess has them."""
    objective = quadratic_pair(np.random.default_rng(1), 30, 10.0)
    solved = solve(objective)
    start = solved.solution + 1e-12
    moving = centred(replace(objective), replace(solved, floor=0.0))
    offset = start - solved.solution
    wanted = 0.5 * float(np.sum((solved.root @ offset) ** 2))
    trace = descend(moving, Settings(lr=0.1, steps=1), start).trace
    assert trace.loss[0] == pytest.approx(wanted, rel=1e-12)


# Stop rules


@pytest.mark.usefixtures("short_chunks")
@pytest.mark.parametrize("tolerance", [0.9, 0.1, 1e-3, 1e-6])
def test_tolerance_stops_at_the_first_step_below_it(tolerance: float) -> None:
    done = descend(BOWL, Settings(lr=0.4, steps=10_000, tolerance=tolerance), START)
    norm = np.linalg.norm(LAMBDA * bowl_path(0.4, 2000)[0], axis=1)
    wanted = int(np.argmax(norm < tolerance * norm[0]))
    assert (done.descent.stopped, done.descent.steps) == ("converged", wanted)
    assert f"{wanted:,} steps" in done.descent.stopped_why


@pytest.mark.usefixtures("short_chunks")
@pytest.mark.parametrize("lr", [0.51, 0.7, 2.0, 50.0, 1e200])
def test_divergence_stops_above_ten_billion_times_the_start(lr: float) -> None:
    done = descend(BOWL, Settings(lr=lr, steps=100_000), START)
    with np.errstate(all="ignore"):
        losses = bowl_path(lr, 2000)[1]
        wanted = int(np.argmax(~(losses <= 1e10 * losses[0])))
        tenfold = int(np.argmax(~(losses <= 10 * losses[0])))
    assert (done.descent.stopped, done.descent.steps) == ("diverged", wanted)
    assert done.descent.tenfold_step == tenfold
    assert done.descent.lowest_loss == pytest.approx(np.nanmin(losses[: wanted + 1]), rel=1e-12)


def test_bouncing_is_not_divergence() -> None:
    objective = formula_objective(parse_expression("x**2"), {}, loss=None)
    done = descend(objective, Settings(lr=1.0, steps=99), np.array([-1.5]))
    np.testing.assert_array_equal(done.trace.weights[:, 0], [-1.5, 1.5] * 50)
    assert done.descent.stopped == "step limit"
    assert done.descent.turn == -1.0
    assert done.descent.recent_fall == 0.0
    assert not done.descent.growing


def test_growth_that_runs_out_of_steps_is_called_divergence_once_it_is_tenfold() -> None:
    grown = descend(BOWL, Settings(lr=0.51, steps=60), START).descent
    assert (grown.stopped, grown.growing) == ("diverged", True)
    early = descend(BOWL, Settings(lr=0.51, steps=30), START).descent
    assert early.tenfold_step is None
    assert (early.stopped, early.growing) == ("step limit", True)


def test_falling_without_end_is_divergence() -> None:
    objective = formula_objective(parse_expression("x**2 - y**2"), {}, loss=None)
    done = descend(objective, Settings(lr=0.1, steps=10_000), np.array([1.0, 1e-3]))
    assert done.descent.stopped == "diverged"
    assert "fell without end" in done.descent.stopped_why
    assert done.descent.final_loss < -1e9


@pytest.mark.parametrize(
    ("text", "start", "lr"),
    [("log(x)", 1.0, 0.3), ("-sqrt(x)", 0.5, 0.0), ("exp(-x)", -800.0, 1.0)],
    ids=["leaves-the-domain", "never-moves", "overflows-at-the-start"],
)
def test_last_finite_step_is_kept(text: str, start: float, lr: float) -> None:
    objective = formula_objective(parse_expression(text), {}, loss=None)
    if lr == 0:
        with pytest.raises(InputError, match="positive finite"):
            descend(objective, Settings(lr=lr, steps=10), np.array([start]))
        return
    done = descend(objective, Settings(lr=lr, steps=10_000), np.array([start]))
    assert done.descent.stopped == "diverged"
    assert done.descent.non_finite_step is not None
    if text == "exp(-x)":
        assert (done.descent.steps, done.descent.non_finite_step) == (0, 0)
        return
    at, step = start, 0
    while at > 0:
        at, step = at - lr / at, step + 1
    assert done.descent.non_finite_step == step
    assert done.descent.final_step == step - 1
    assert np.isfinite(done.descent.final_loss)
    assert done.final_weights[0] > 0
    assert f"step {step}" in done.descent.stopped_why


@pytest.mark.usefixtures("short_chunks")
@pytest.mark.parametrize("goal", [1e3, 5.0, 1e-3, 1e-9])
def test_goal_is_noted_and_stops_where_asked(goal: float) -> None:
    losses = bowl_path(0.4, 1000)[1]
    wanted = int(np.argmax(losses <= goal))
    settings = Settings(lr=0.4, steps=1000)
    noted = descend(BOWL, settings, START, goal=goal).descent
    assert (noted.goal_step, noted.stopped, noted.steps) == (wanted, "step limit", 1000)
    stopped = descend(BOWL, settings, START, goal=goal, stop_at_goal=True).descent
    assert (stopped.goal_step, stopped.stopped, stopped.steps) == (wanted, "goal", wanted)


@pytest.mark.parametrize(("batch_size", "patience"), [(None, 1), (None, 5), (4, 3)])
def test_patience_counts_epochs_without_improvement(batch_size: int | None, patience: int) -> None:
    """The held-out rows want another line: their loss falls, then rises."""
    draw = np.random.default_rng(6)
    x = draw.normal(size=10)
    columns = {"x": x, "y": 3 * x + draw.normal(size=10)}
    apart = {"x": x[:5], "y": 1.5 * x[:5]}
    formula = formula_of("y ~ a*x", columns)
    objective = formula_objective(formula, columns, loss="mse")
    held_out = formula_objective(formula, apart, loss="mse")
    settings = Settings(lr=0.02, steps=5000, batch_size=batch_size, patience=patience, seed=2)
    done = descend(objective, settings, np.zeros(1), held_out=held_out)

    batches = Batches(10, batch_size or 10, 2)
    per_epoch = batches.per_epoch
    a, best, best_step, stale, step = 0.0, np.inf, 0, 0, 0
    while True:
        if step % per_epoch == 0:
            validation = float(np.mean((a * apart["x"] - apart["y"]) ** 2))
            if validation < best:
                best, best_step, stale = validation, step, 0
            else:
                stale += 1
        if stale >= patience:
            break
        rows = batches.take(step, 1)[0] if batch_size else np.arange(10)
        a -= 0.02 * float(np.mean(2 * (a * x[rows] - columns["y"][rows]) * x[rows]))
        step += 1
    assert (done.descent.stopped, done.descent.steps) == ("patience", step)
    assert done.descent.validation_lowest_step == best_step
    assert f"{patience} epochs" in done.descent.stopped_why
    assert done.final_weights[0] == pytest.approx(a, rel=1e-12)


def test_time_limit_holds_to_within_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = itertools.count()
    # A second passes whenever someone looks at the clock: once at first, and once a chunk.
    monkeypatch.setattr(run_module, "time", SimpleNamespace(monotonic=lambda: float(next(looks))))
    chunks: list[int] = []
    done = descend(
        BOWL,
        Settings(lr=1e-9, steps=10**12, time_limit=2.5),
        START,
        progress=lambda step, loss: chunks.append(step),
    )
    assert done.descent.stopped == "time limit"
    assert len(chunks) == 3
    assert done.descent.steps == chunks[-1]
    assert done.descent.seconds == 4.0


def test_time_limit_is_kept_on_a_real_clock() -> None:
    done = descend(BOWL, Settings(lr=1e-9, steps=10**12, time_limit=0.15), START)
    assert done.descent.stopped == "time limit"
    assert done.descent.seconds >= 0.15
    assert done.descent.steps > 1000
    last = done.replay(done.descent.steps, done.descent.steps)
    np.testing.assert_array_equal(last.weights[0], done.trace.weights[-1])


@pytest.mark.usefixtures("short_chunks")
@pytest.mark.parametrize("calls", [1, 2, 5])
def test_interrupting_keeps_what_was_done(calls: int) -> None:
    seen: list[tuple[int, float]] = []

    def progress(step: int, loss: float) -> None:
        seen.append((step, loss))
        if len(seen) == calls:
            raise KeyboardInterrupt

    done = descend(BOWL, Settings(lr=0.1, steps=10**9), START, progress=progress)
    steps = 16 * calls - 1
    assert (done.descent.stopped, done.descent.steps) == ("interrupted", steps)
    weights, losses = bowl_path(0.1, steps)
    np.testing.assert_allclose(done.trace.weights, weights, rtol=1e-12)
    assert [step for step, _ in seen] == [16 * call - 1 for call in range(1, calls + 1)]
    np.testing.assert_allclose([loss for _, loss in seen], losses[15::16], rtol=1e-12)
    again = done.replay(0, steps)
    np.testing.assert_array_equal(again.weights, done.trace.weights)


def test_interrupting_before_anything_was_done_is_passed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module.Checkpoints, "add", interrupted)
    with pytest.raises(KeyboardInterrupt):
        descend(BOWL, Settings(lr=0.1, steps=10), START)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (Settings(lr=0.0), "learning rate"),
        (Settings(lr=-1.0), "learning rate"),
        (Settings(lr=float("nan")), "learning rate"),
        (Settings(lr=float("inf")), "learning rate"),
        (Settings(lr=0.1, batch_size=0), "batch size"),
        (Settings(lr=0.1, batch_size=2), "batch size"),
        (Settings(lr=0.1, tolerance=-1.0), "tolerance"),
        (Settings(lr=0.1, tolerance=float("nan")), "tolerance"),
        (Settings(lr=0.1, time_limit=0.0), "time limit"),
        (Settings(lr=0.1, patience=0), "[Pp]atience"),
        (Settings(lr=0.1, optimizer="sgd"), "optimizer"),
    ],
    ids=lambda value: "" if isinstance(value, Settings) else str(value),
)
def test_settings_that_cannot_be_used(settings: Settings, says: str) -> None:
    with pytest.raises((InputError, UsageError), match=says):
        descend(BOWL, settings, START)


# Walking again


LONG = 300_000


@pytest.fixture(scope="module")
def long_descent() -> Descended:
    return descend(BOWL, Settings(optimizer="momentum", lr=1e-6, steps=LONG), START)


@pytest.fixture(scope="module")
def whole() -> Iterator[Descended]:
    """The same descent with nothing thinned away."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder_module, "MOST_POINTS", 10**9)
        patch.setattr(recorder_module, "MOST_BYTES", 10**12)
        yield descend(BOWL, Settings(optimizer="momentum", lr=1e-6, steps=LONG), START)


RANGES = [
    (0, 0),
    (0, 10),
    (8191, 8193),
    (8192, 8192),
    (99_990, 100_010),
    (123_456, 140_000),
    (LONG - 20, LONG),
    (LONG, LONG),
]


@pytest.mark.parametrize(("first", "last"), RANGES, ids=[f"{a}-to-{b}" for a, b in RANGES])
def test_replay_is_bit_for_bit(
    first: int, last: int, long_descent: Descended, whole: Descended
) -> None:
    assert len(whole.trace) == LONG + 1
    found = long_descent.replay(first, last)
    part = slice(first, last + 1)
    np.testing.assert_array_equal(found.step, np.arange(first, last + 1))
    np.testing.assert_array_equal(found.loss, whole.trace.loss[part])
    np.testing.assert_array_equal(found.weights, whole.trace.weights[part])
    np.testing.assert_array_equal(found.gradient, whole.trace.gradient[part])


def test_thinned_trace_is_a_part_of_the_whole(long_descent: Descended, whole: Descended) -> None:
    trace = long_descent.trace
    assert 1000 < len(trace) <= recorder_module.MOST_POINTS + 1
    assert (trace.step[0], trace.step[-1]) == (0, LONG)
    np.testing.assert_array_equal(trace.weights, whole.trace.weights[trace.step])
    np.testing.assert_array_equal(trace.loss, whole.trace.loss[trace.step])


@pytest.mark.parametrize("steps", [(-1, 0), (5, 4), (0, LONG + 1)])
def test_steps_that_are_not_there(steps: tuple[int, int], long_descent: Descended) -> None:
    with pytest.raises(UsageError, match="no such step"):
        long_descent.replay(*steps)


@pytest.mark.usefixtures("short_chunks")
@pytest.mark.parametrize("optimizer", ["gd", "adam"])
def test_replay_with_batches_is_bit_for_bit(optimizer: str) -> None:
    draw = np.random.default_rng(7)
    columns = {"x": draw.normal(size=50), "y": draw.normal(size=50)}
    objective = formula_objective(formula_of("y ~ a*x + b", columns), columns, loss="mse")
    settings = Settings(optimizer=optimizer, lr=0.02, steps=1500, batch_size=7, seed=5)
    done = descend(objective, settings, np.array([0.3, -0.2]))
    for first, last in [(0, 40), (15, 17), (701, 1300), (1500, 1500)]:
        found = done.replay(first, last)
        np.testing.assert_array_equal(found.weights, done.trace.weights[first : last + 1])
        np.testing.assert_array_equal(found.gradient, done.trace.gradient[first : last + 1])
    if optimizer == "gd":
        at = np.array([0.3, -0.2])
        for step, rows in enumerate(Batches(50, 7, 5).take(0, 200)):
            np.testing.assert_allclose(done.trace.weights[step], at, rtol=1e-10)
            x, y = columns["x"][rows], columns["y"][rows]
            residual = at[0] * x + at[1] - y
            at = at - 0.02 * 2 * np.array([np.mean(residual * x), np.mean(residual)])


@pytest.mark.parametrize("step", [0, 7, 59, 60])
def test_move_from_is_the_next_step(step: int) -> None:
    """At the last step too, where it was not taken."""
    done = descend(BOWL, Settings(lr=0.3, steps=60), START)
    weights, _ = bowl_path(0.3, 61)
    np.testing.assert_allclose(
        done.move_from(step), weights[step + 1] - weights[step], rtol=1e-10, atol=1e-18
    )


@pytest.mark.usefixtures("short_chunks")
@pytest.mark.parametrize("bound", ["in number", "in bytes"])
def test_checkpoints_are_bounded_and_still_reach_every_step(
    bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if bound == "in number":
        monkeypatch.setattr(run_module, "MOST_CHECKPOINTS", 8)
    else:
        state = descend(BOWL, Settings(lr=0.01, steps=1), START).state
        size = sum(leaf.nbytes for leaf in arrays_of_state(state).values())
        monkeypatch.setattr(run_module, "CHECKPOINT_BYTES", 8 * size)
        monkeypatch.setattr(run_module, "LEAST_CHECKPOINTS", 2)
    done = descend(BOWL, Settings(lr=0.01, steps=2000), START)
    kept = done.checkpoints.kept
    assert len(kept) <= 8
    assert kept[0].step == 0
    gaps = np.diff([checkpoint.step for checkpoint in kept])
    assert len(set(gaps)) == 1, "not evenly spread"
    for step in (0, 1, 999, 1999, 2000):
        found = done.replay(step, step)
        np.testing.assert_array_equal(found.weights[0], done.trace.weights[step])


# Nothing is compiled anew


@pytest.fixture
def compiled(caplog: pytest.LogCaptureFixture) -> Callable[[Callable[[], object]], list[str]]:
    """What JAX compiles while something runs."""

    def watch(work: Callable[[], object]) -> list[str]:
        caplog.clear()
        with caplog.at_level(logging.WARNING), jax.log_compiles():
            work()
        return [r.getMessage() for r in caplog.records if "ompil" in r.getMessage()]

    return watch


@pytest.mark.parametrize("optimizer", ["gd", "adam"])
def test_nothing_is_compiled_anew(
    optimizer: str, compiled: Callable[[Callable[[], object]], list[str]]
) -> None:
    draw = np.random.default_rng(0)

    def objective(seed: int) -> Objective:
        rows = np.random.default_rng(seed)
        columns = {"x": rows.normal(size=33), "y": rows.normal(size=33)}
        return formula_objective(formula_of("y ~ a*x + b*sin(x)", columns), columns, loss="mse")

    def run(seed: int = 0, start: Vector | None = None, **changes: object) -> Descended:
        settings = Settings(optimizer=optimizer, lr=0.01, steps=10)
        where = np.zeros(2) if start is None else start
        return descend(objective(seed), replace(settings, **changes), where)  # type: ignore[arg-type]

    assert compiled(run), "the first run compiles, and the watch sees it"
    assert compiled(lambda: run(steps=20_000)) == [], "more steps"
    assert compiled(lambda: run(lr=0.123)) == [], "another learning rate"
    assert compiled(lambda: run(lr=1)) == [], "a whole number as learning rate"
    assert compiled(lambda: run(start=draw.normal(size=2))) == [], "another start"
    assert compiled(lambda: run(seed=1)) == [], "new data of the same shape"
    assert compiled(lambda: run(tolerance=1e-3)) == [], "a tolerance"
    assert compiled(lambda: run(time_limit=5.0)) == [], "a time limit"
    assert compiled(lambda: run().replay(3, 7)) == [], "walking a part of it again"
    if optimizer == "adam":
        assert compiled(lambda: run(momentum=0.5)) == [], "another momentum"


# Memory

MEASURE = """
import jax.numpy as jnp, numpy as np
from benchmarks.growth.works import peak
from steepest.descent.run import descend
from steepest.objective.objective import function_objective
from steepest.records.problem import Settings
bowl = function_objective(lambda w: jnp.sum(0.5 * w * w), ("a", "b", "c"))
for steps in (10, 10_000_000):
    done = descend(bowl, Settings(lr=1e-7, steps=steps), np.ones(3))
    assert done.descent.steps == steps, done.descent
    print(peak())
"""


def test_ten_million_steps_need_no_more_than_200_megabytes_above_ten() -> None:
    """Of one process: its peak after the ten, and then after the ten million."""
    command = [sys.executable, "-c", MEASURE]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    few, many = (float(line) / 2**20 for line in done.stdout.split())
    assert many - few <= 200, f"{many - few:.0f} MB above the {few:.0f} MB of ten steps"
