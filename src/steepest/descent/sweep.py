"""Many descents side by side in one compiled batch: learning rates, and starts where wanted."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from steepest.descent.batches import Batches
from steepest.descent.loop import (
    Hyper,
    Limits,
    Record,
    Setting,
    State,
    advance,
    chunk,
    hyper_of,
    initial,
    limits_of,
)
from steepest.descent.run import CEILING
from steepest.engine.effort import compiled
from steepest.engine.late import jax, jnp
from steepest.engine.xla import in_float64
from steepest.methods.optimizers import momentum_of
from steepest.objective.kernels import Kernel
from steepest.objective.objective import Objective
from steepest.records.arrays import Steps, Vector
from steepest.records.descent import RateTrial
from steepest.records.problem import Settings

BATCH_ELEMENTS = 4_000_000
"""Rows times descents that are held at once."""


class Field(NamedTuple):
    """Descents side by side: `state` has one leading axis, `lowest` (m,) their lowest losses."""

    state: State
    lowest: Any
    latest: Any


def spread(optimizer: str, positions: Vector, count: int) -> State:
    """The same state `count` times, but for the positions."""
    size = positions.shape[-1]
    one = initial(optimizer, np.zeros(size))
    many = jax.tree.map(lambda leaf: np.broadcast_to(leaf, (count, *np.shape(leaf))), one)
    found: State = many._replace(position=np.broadcast_to(positions, (count, size)))
    return found


def setting_of(objective: Objective) -> Setting:
    """The objective as the compiled loop takes it."""
    unit = objective.unit
    return Setting(
        objective.data,
        {},
        objective.centre / unit,
        objective.lower / unit,
        objective.upper / unit,
    )


def paced(objective: Objective, rates: Vector) -> Vector:
    """The learning rates (m,) of descents side by side, of each weight (m, p) where they differ."""
    one = isinstance(objective.pace, float)
    return rates if one else np.multiply.outer(rates, objective.pace)


AXES = (State(*[0] * len(State._fields)), Hyper(0, None))
"""Of a state and the optimizer's numbers: descents side by side differ in learning rate."""


@compiled("kernel", "optimizer", "length")
def _quiet_chunk(
    kernel: Kernel,
    optimizer: str,
    length: int,
    field: Field,
    setting: Setting,
    hyper: Hyper,
    limits: Limits,
    batches: jax.Array | None,
) -> Field:
    def one(field: Field, batch: jax.Array | None) -> tuple[Field, None]:
        def move(state: State, hyper: Hyper) -> tuple[State, Record]:
            return advance(kernel, optimizer, False, 1, state, setting, hyper, limits, batch)

        state, record = jax.vmap(move, in_axes=AXES)(field.state, hyper)
        finite = jnp.where(jnp.isfinite(record.loss), record.loss, jnp.inf)
        return Field(state, jnp.minimum(field.lowest, finite), record.loss), None

    return jax.lax.scan(one, field, batches, length=length)[0]


@in_float64
def try_rates(
    objective: Objective,
    settings: Settings,
    start: Vector,
    rates: Vector,
    *,
    goal: float,
    steps: int,
    seconds: float,
    scale: float = 1.0,
    on_chunk: Callable[[int], None] | None = None,
) -> list[RateTrial]:
    """Run every learning rate (m,) from `start`, (p,) or (m, p), until `goal` or `steps` steps.

    All in one compiled batch, no trace kept. Stops early when `seconds` are over, compiling not
    counted: `limit` of each trial says how many steps it really had.
    """
    momentum = momentum_of(settings.optimizer, settings.momentum)
    group = max(1, BATCH_ELEMENTS // max(objective.work // 4, 1))
    trials: list[RateTrial] = []
    begun = list(range(0, len(rates), group))
    for place, first in enumerate(begun):
        chosen = rates[first : first + group]
        starts = start if start.ndim == 1 else start[first : first + group]
        share = seconds / (len(begun) - place)
        found, spent = _race(
            objective, settings, momentum, starts, chosen, goal, steps, share, scale, on_chunk
        )
        trials += found
        seconds -= spent
    return trials


def _race(
    objective: Objective,
    settings: Settings,
    momentum: float | None,
    starts: Vector,
    rates: Vector,
    goal: float,
    steps: int,
    seconds: float,
    scale: float,
    on_chunk: Callable[[int], None] | None,
) -> tuple[list[RateTrial], float]:
    """The trials, and the seconds that they took after the first chunk, which may compile."""
    count = len(rates)
    batches = None
    if settings.batch_size is not None and settings.batch_size < objective.rows:
        batches = Batches(objective.rows, settings.batch_size, settings.seed)
    length = _length(objective, count)
    field = Field(
        spread(settings.optimizer, objective.position(starts), count),
        np.full(count, np.inf),
        np.full(count, np.nan),
    )
    limits = limits_of(last=steps, ceiling=CEILING, scale=scale, goal=goal)
    setting = setting_of(objective)
    hyper = hyper_of(paced(objective, rates), momentum)
    done = 0
    began: float | None = None
    spent = 0.0
    while True:
        rows = batches.take(done, length) if batches else None
        field = _quiet_chunk(
            objective.kernel, settings.optimizer, length, field, setting, hyper, limits, rows
        )
        running = np.asarray(field.state.running)
        done += length
        if on_chunk is not None:
            on_chunk(done)
        began = began or time.monotonic()
        spent = time.monotonic() - began
        if not running.any() or spent >= seconds:
            break
    at, latest = np.asarray(field.state.step), np.asarray(field.latest)
    lowest = np.asarray(field.lowest)
    with np.errstate(over="ignore"):
        ceiling = CEILING * np.maximum(np.abs(np.asarray(field.state.first_loss)), scale)
    result = []
    for index, lr in enumerate(rates):
        beyond = not math.isfinite(latest[index]) or abs(latest[index]) > ceiling[index]
        reached = not beyond and latest[index] <= goal
        # While it still runs, the state is one step past the last recorded loss.
        walked = int(at[index]) - int(running[index])
        # One that ended early short of the goal has a gradient that is not finite.
        diverged = beyond or not (reached or running[index] or walked >= steps)
        result.append(
            RateTrial(
                lr=float(lr),
                steps=walked if reached else None,
                limit=walked,
                lowest_loss=float(lowest[index]),
                diverged=bool(diverged),
                measured=True,
            )
        )
    return result, spent


def _length(objective: Objective, count: int) -> int:
    work = 3 * objective.work * count + 2000
    return int(2 ** math.floor(math.log2(max(1.0, min(2e7 / work, 1024)))))


class Paths(NamedTuple):
    """Full traces of many descents: `step` (k,), `loss` (m, k), the rest (m, k, p).

    Where a descent stopped early its last values are repeated.
    """

    step: Steps
    loss: Vector
    weights: Vector
    gradient: Vector


@compiled("kernel", "optimizer", "length")
def _recorded(
    kernel: Kernel,
    optimizer: str,
    length: int,
    state: State,
    setting: Setting,
    hyper: Hyper,
    limits: Limits,
) -> tuple[State, Record]:
    def one(state: State, hyper: Hyper) -> tuple[State, Record]:
        walked: tuple[State, Record] = chunk(
            kernel, optimizer, length, False, 1, state, setting, hyper, limits, None
        )
        return walked

    return jax.vmap(one, in_axes=AXES)(state, hyper)


@in_float64
def paths(
    objective: Objective, settings: Settings, start: Vector, rates: Vector, steps: int
) -> Paths:
    """The whole trace of every learning rate (m,), `steps` steps each, in one compiled batch.

    Memory is m * steps * (2p + 1) numbers. All rows are used in every step.
    """
    momentum = momentum_of(settings.optimizer, settings.momentum)
    # A power of two, so that few lengths are ever compiled.
    length = 2 ** math.ceil(math.log2(steps + 1))
    state = spread(settings.optimizer, objective.position(start), len(rates))
    _, record = _recorded(
        objective.kernel,
        settings.optimizer,
        length,
        state,
        setting_of(objective),
        hyper_of(paced(objective, rates), momentum),
        limits_of(last=steps),
    )
    return Paths(
        np.arange(steps + 1),
        np.asarray(record.loss)[:, : steps + 1],
        np.asarray(record.position)[:, : steps + 1] * objective.unit + objective.centre,
        np.asarray(record.gradient)[:, : steps + 1] / objective.unit,
    )
