"""What is measured, at one size: `python -P works.py WORK SIZE` prints what it cost as JSON.

As a process of its own it imports Steepest and nothing of the other benchmarks, so that its peak
memory is that of the work.
"""

from __future__ import annotations

import json
import math
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from steepest.descent.recorder import Recorder
from steepest.descent.run import Descended, descend
from steepest.descent.sweep import Paths, paths, try_rates
from steepest.descent.training import Trainer, Way, Written
from steepest.formula.parse import parse_model
from steepest.objective.networks import first_weights, parse_network
from steepest.objective.objective import Objective, formula_objective, function_objective
from steepest.problem.options import Options
from steepest.problem.prepare import prepare_fit
from steepest.problem.setup import Setup
from steepest.records.arrays import Matrix, Vector
from steepest.records.descent import RateTrial
from steepest.records.problem import Settings

NUMBER = 8
"""Bytes of a number in 64 bits."""

ENOUGH_SECONDS = 0.4
ENOUGH_REPEATS = 3
MOST_REPEATS = 2_000
LONG_SECONDS = 4.0
"""Work that takes longer is repeated once."""


class WrongResultError(Exception):
    """The work did not give what it must give, so that its cost says nothing."""


@dataclass(frozen=True)
class Ready:
    """Work that is ready to be timed, and what it must at least do on any machine."""

    size: int
    """As it came to be: a network has not any number of weights."""
    run: Callable[[], Any]
    check: Callable[[Any], None]
    """Raises WrongResultError."""
    per: int = 1
    """Steps of one run, where the cost of one is wanted."""
    moved: float = 0.0
    """Bytes that such a step must read and write, however it is programmed."""
    held: float = 0.0
    """Bytes that must be in memory at the end."""


@dataclass(frozen=True)
class Cost:
    """What one size cost, in seconds and bytes."""

    size: int
    first: float
    """With compiling: of the whole work, which is `per` steps."""
    seconds: float
    """Without, of one step: the shortest of the repeats, which others' work disturbs least."""
    per: int
    repeats: int
    before: int
    """Peak memory of the process before there were any data."""
    peak: int
    """The same after the work was done once."""
    moved: float
    held: float


def measure(work: str, size: int) -> Cost:
    """Do the work once with compiling, and again until its time is known. Checks both ends."""
    before = peak()
    ready = WORKS[work](size)
    first, found = _timed(ready.run)
    # A peak does not fall. Its reading may: Linux counts pages by processor, and adds up later.
    highest = max(before, peak())
    ready.check(found)
    del found
    taken: list[float] = []
    while True:
        seconds, found = _timed(ready.run)
        taken.append(seconds)
        total = math.fsum(taken)
        enough = total >= ENOUGH_SECONDS and len(taken) >= ENOUGH_REPEATS
        if enough or total >= LONG_SECONDS or len(taken) >= MOST_REPEATS:
            break
        del found
    ready.check(found)
    return Cost(
        size=ready.size,
        first=first,
        seconds=min(taken) / ready.per,
        per=ready.per,
        repeats=len(taken),
        before=before,
        peak=highest,
        moved=ready.moved,
        held=ready.held,
    )


def _timed(run: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    found = run()
    return time.perf_counter() - began, found


def peak() -> int:
    """The most memory that this process had so far, in bytes."""
    try:
        # getrusage tells that of whoever started it, where that is larger.
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def demand(what: str, found: Any, expected: Any, tolerance: float) -> None:
    """Raise WrongResultError unless both agree to `tolerance`, relative to the largest number."""
    mine, other = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if mine.shape != other.shape:
        raise WrongResultError(f"{what}: {mine.shape} instead of {other.shape}")
    far = float(np.max(np.abs(mine - other))) / max(float(np.max(np.abs(other))), 1e-300)
    if not far <= tolerance:
        raise WrongResultError(f"{what} differs by {far:.1e}, relative")


# Rows.

BLOCK = 1 << 20
LINE = "y ~ a*x + b"
LINE_START = {"a": 0.0, "b": 0.0}
LINE_LR = 0.5
LINE_STEPS = 200_000
LINE_BYTES = 2 * NUMBER
"""A row has two numbers, x and y."""


@dataclass(frozen=True)
class Line:
    """Rows near a line, and their sums, made block by block so that nothing else is held."""

    x: Vector
    y: Vector
    gram: Matrix
    """Of the columns x and 1, the mean over the rows, (2, 2)."""
    moment: Vector
    """Of the same with y, (2,)."""
    square: float
    """The mean of y squared."""

    @classmethod
    def of(cls, rows: int) -> Line:
        random = np.random.default_rng(rows)
        x, y = np.empty(rows), np.empty(rows)
        sums: list[tuple[float, ...]] = []
        for first in range(0, rows, BLOCK):
            u, v = x[first : first + BLOCK], y[first : first + BLOCK]
            random.random(out=u)
            random.standard_normal(out=v)
            v *= 0.1
            v += 3.0 * u - 2.0
            sums.append(tuple(map(float, (u @ u, u.sum(), u @ v, v.sum(), v @ v))))
        xx, x1, xy, y1, yy = (math.fsum(part) / rows for part in zip(*sums, strict=True))
        return cls(x, y, np.array([[xx, x1], [x1, 1.0]]), np.array([xy, y1]), yy)

    @property
    def columns(self) -> dict[str, Vector]:
        return {"x": self.x, "y": self.y}

    @property
    def solution(self) -> Vector:
        return np.asarray(np.linalg.solve(self.gram, self.moment))

    def loss(self, weights: Vector) -> float:
        return float(weights @ self.gram @ weights - 2 * weights @ self.moment + self.square)

    def gradient(self, weights: Vector) -> Vector:
        return np.asarray(2 * (self.gram @ weights - self.moment))

    def prepared(self) -> Setup:
        return prepare_fit(self.columns, LINE, Options(start=LINE_START, lr=LINE_LR))


def preparing(rows: int) -> Ready:
    """From columns to a descent that is ready to start: checks, objective, exact solution."""
    line = Line.of(rows)

    def check(found: Setup) -> None:
        if found.solved is None:
            raise WrongResultError("the model was not seen to be linear in its weights")
        demand("the solution", found.solved.solution, line.solution, 1e-9)

    return Ready(
        rows, line.prepared, check, moved=float(LINE_BYTES * rows), held=float(LINE_BYTES * rows)
    )


def full_gradient(rows: int) -> Ready:
    """The loss and its gradient on all rows, as a formula that is not known to be linear costs."""
    line = Line.of(rows)
    objective = formula_objective(parse_model(LINE, ("x", "y")), line.columns, loss="mse")
    at = np.array([1.0, 1.0])

    def check(found: tuple[float, Vector]) -> None:
        demand("the loss", found[0], line.loss(at), 1e-9)
        demand("the gradient", found[1], line.gradient(at), 1e-9)

    return Ready(
        rows,
        lambda: objective.value_and_gradient(at),
        check,
        moved=float(LINE_BYTES * rows),
        held=float(LINE_BYTES * rows),
    )


def later_step(rows: int) -> Ready:
    """A recorded step after the first pass over the rows."""
    line = Line.of(rows)
    setup = line.prepared()
    settings = Settings(lr=LINE_LR, steps=LINE_STEPS)

    def check(found: Descended) -> None:
        demand("the number of steps", found.descent.steps, LINE_STEPS, 0.0)
        demand("the loss", found.descent.final_loss, line.loss(line.solution), 1e-6)

    return Ready(
        rows,
        lambda: descend(setup.moving, settings, setup.start, scale=setup.scale),
        check,
        per=LINE_STEPS,
    )


# Weights.

MANY_STEPS = 100
WEIGHT_LR = 0.1
FLAT, STEEP = 1.0, 3.0

INPUTS, CLASSES, BATCH, EXAMPLES = 64, 10, 32, 1024
TRAINED_STEPS = 64
SINGLE = 4
"""Bytes of a number in 32 bits."""


def many_weights(weights: int) -> Ready:
    """Recorded steps on a function whose curvatures go from FLAT to STEEP."""
    slope = (STEEP - FLAT) / weights

    def bowl(at: Any) -> Any:
        return 0.5 * jnp.sum((FLAT + slope * jnp.arange(weights)) * at * at)

    objective = function_objective(bowl, tuple(f"w{place}" for place in range(weights)))
    start = np.ones(weights)

    def check(found: Descended) -> None:
        demand("the number of steps", found.descent.steps, MANY_STEPS, 0.0)
        curvature = FLAT + slope * np.arange(weights)
        expected = (1 - WEIGHT_LR * curvature) ** MANY_STEPS
        demand("the last weights", found.final_weights, expected, 1e-9)

    return Ready(
        weights,
        lambda: descend(objective, Settings(lr=WEIGHT_LR, steps=MANY_STEPS), start),
        check,
        # The start is a step that is recorded too.
        per=MANY_STEPS + 1,
        # The weights are read and written; they and the gradient are recorded.
        moved=4.0 * NUMBER * weights,
        # Of very many weights not every step is kept.
        held=2.0 * NUMBER * weights * min(MANY_STEPS + 1, Recorder(objective.names).capacity),
    )


def network(weights: int) -> Ready:
    """Training steps of a network with one hidden layer on batches of rows."""
    hidden = max(1, round((weights - CLASSES) / (INPUTS + CLASSES + 1)))
    shape = parse_network([INPUTS, hidden, "relu", CLASSES])
    random = np.random.default_rng(hidden)
    inputs = random.standard_normal((EXAMPLES, INPUTS)).astype(np.float32)
    # Classes that can be learned: the largest of as many sums of the inputs.
    classes = np.argmax(inputs @ random.standard_normal((INPUTS, CLASSES)), axis=1)
    trainer = Trainer(
        Way(shape, "cross-entropy", "gd"),
        None,
        jnp.asarray(inputs),
        jnp.asarray(classes.astype(np.int32)),
    )
    first = first_weights(shape, 0)
    batches = np.tile(
        np.arange(EXAMPLES).reshape(-1, BATCH), (TRAINED_STEPS * BATCH // EXAMPLES, 1)
    )
    rates = np.full(TRAINED_STEPS, 0.05)

    def run() -> Written:
        return trainer.steps(trainer.begin(first), batches, rates)[1]

    def check(found: Written) -> None:
        demand("the first loss", found.loss[0], _by_hand(first, inputs, classes), 1e-5)
        if not np.mean(found.loss[-BATCH:]) < np.mean(found.loss[:BATCH]):
            raise WrongResultError("the network did not learn")

    return Ready(
        shape.size,
        run,
        check,
        per=TRAINED_STEPS,
        # The weights are read and written, and their gradient is kept for the next step.
        moved=3.0 * SINGLE * shape.size,
        held=2.0 * SINGLE * shape.size,
    )


def _by_hand(weights: Any, inputs: Any, classes: Any) -> float:
    """The mean cross-entropy of the first batch, in NumPy."""
    (W1, b1), (W2, b2) = ((np.asarray(W, np.float64), np.asarray(b)) for W, b in weights)
    outputs = np.maximum(inputs[:BATCH] @ W1.T + b1, 0) @ W2.T + b2
    logs = outputs - np.log(np.sum(np.exp(outputs), axis=1, keepdims=True))
    return float(-np.mean(logs[np.arange(BATCH), classes[:BATCH]]))


# Steps, and learning rates side by side: the tutorial's problem.

DATA = Path(__file__).parents[2] / "examples" / "speed.csv"
FORMULA = "speed ~ a*time**2 + b*time + c"
START = {"a": 0.0121, "b": -0.6397, "c": 0.6416}
LR = 1e-5
RECORDED = NUMBER * (1 + 2 * len(START))
"""Bytes of a recorded step: the loss, the weights and the gradient."""

RACE_STEPS = 1_000
TRACE_STEPS = 255
SLOWEST, FASTEST = 1e-8, 3.5e-5
"""The stability limit is 3.54e-5: below it no descent ends early."""


def tutorial() -> Setup:
    """The tutorial's problem."""
    return prepare_fit(DATA, FORMULA, Options(start=START, lr=LR))


def losses_after(steps: int, rates: Vector) -> Vector:
    """The loss after `steps` steps at each learning rate (m,), from the closed form, (m,)."""
    table = np.loadtxt(DATA, delimiter=",", skiprows=1)
    time, speed = table[:, 0], table[:, 1]
    design = np.stack([time**2, time, np.ones_like(time)], axis=1)
    curvature, directions = np.linalg.eigh(2 * design.T @ design / len(time))
    solution = np.linalg.lstsq(design, speed)[0]
    floor = float(np.mean((design @ solution - speed) ** 2))
    away = directions.T @ (np.array(list(START.values())) - solution)
    left = (1 - rates[:, None] * curvature) ** steps * away
    return np.asarray(floor + 0.5 * np.sum(curvature * left**2, axis=1))


def _walking(steps: int, objective: Objective, setup: Setup) -> Ready:
    def check(found: Descended) -> None:
        demand("the number of steps", found.descent.steps, steps, 0.0)
        demand("the loss", found.descent.final_loss, losses_after(steps, np.array([LR]))[0], 1e-6)

    settings = Settings(lr=LR, steps=steps)
    return Ready(
        steps,
        lambda: descend(objective, settings, setup.start, scale=setup.scale),
        check,
        moved=float(RECORDED * (steps + 1)),
    )


def quadratic_steps(steps: int) -> Ready:
    """A recorded descent on the quadratic, which `fit` runs where a model is linear."""
    setup = tutorial()
    return _walking(steps, setup.moving, setup)


def formula_steps(steps: int) -> Ready:
    """A recorded descent on the formula with its 20 rows, which `fit` runs elsewhere."""
    setup = tutorial()
    return _walking(steps, setup.objective, setup)


def _rates(count: int) -> Vector:
    return np.geomspace(SLOWEST, FASTEST, count)


def _racing(count: int, objective: Objective, setup: Setup) -> Ready:
    rates = _rates(count)

    def run() -> list[RateTrial]:
        return try_rates(
            objective,
            Settings(),
            setup.start,
            rates,
            goal=-math.inf,
            steps=RACE_STEPS,
            seconds=math.inf,
            scale=setup.scale,
        )

    def check(found: list[RateTrial]) -> None:
        demand("the steps", [trial.limit for trial in found], [RACE_STEPS] * count, 0.0)
        lowest = [trial.lowest_loss for trial in found]
        demand("the lowest losses", lowest, losses_after(RACE_STEPS, rates), 1e-9)

    return Ready(count, run, check, per=RACE_STEPS)


def quadratic_race(count: int) -> Ready:
    """As a sweep tries learning rates: only how each ends is kept."""
    setup = tutorial()
    return _racing(count, setup.moving, setup)


def formula_race(count: int) -> Ready:
    """The same on the formula with its 20 rows."""
    setup = tutorial()
    return _racing(count, setup.objective, setup)


def full_traces(count: int) -> Ready:
    """Every step of every descent is recorded."""
    setup, rates = tutorial(), _rates(count)

    def check(found: Paths) -> None:
        demand("the last losses", found.loss[:, -1], losses_after(TRACE_STEPS, rates), 1e-9)

    return Ready(
        count,
        lambda: paths(setup.moving, Settings(), setup.start, rates, TRACE_STEPS),
        check,
        per=TRACE_STEPS + 1,
        moved=float(RECORDED * count),
        held=float(RECORDED * count * (TRACE_STEPS + 1)),
    )


WORKS: dict[str, Callable[[int], Ready]] = {
    work.__name__: work
    for work in (
        preparing,
        full_gradient,
        later_step,
        many_weights,
        network,
        quadratic_steps,
        formula_steps,
        quadratic_race,
        formula_race,
        full_traces,
    )
}


if __name__ == "__main__":
    print(json.dumps(asdict(measure(sys.argv[1], int(sys.argv[2])))))
