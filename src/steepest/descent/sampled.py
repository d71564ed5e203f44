"""Many descents side by side in one compiled call, each seen at a few steps only.

Where thousands of steps are drawn as some forty points, recording all of them would cost more than
walking them. Between two steps that are seen the loop holds nothing but the state of the descents.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from steepest.descent.arrival import LEAST_STAY
from steepest.descent.batches import Batches
from steepest.descent.loop import (
    Hyper,
    Limits,
    Record,
    Setting,
    State,
    advance,
    hyper_of,
    limits_of,
)
from steepest.descent.run import CEILING
from steepest.descent.sweep import AXES, paced, setting_of, spread
from steepest.engine.effort import compiled
from steepest.engine.late import jax, jnp
from steepest.engine.xla import in_float64
from steepest.methods.optimizers import momentum_of
from steepest.objective.kernels import Kernel
from steepest.objective.objective import Objective
from steepest.records.arrays import Mask, Steps, Vector
from steepest.records.problem import Settings

STILL, SHORT = 1e-6, 1e-3
"""A descent stands still where half of its steps changed the loss by no more of itself, and the
gradient is no longer than so much of the first one."""

MOST_SEEN = 41
"""Steps at which descents are seen: always as many, so that they are compiled once."""


class Sampled(NamedTuple):
    """Descents (m,) at the steps `seen` (F,): `loss` (m, F), `weights` (m, F, p).

    A descent that diverged stands where it was last finite or below the ceiling.
    """

    seen: Steps
    loss: Vector
    weights: Vector
    arrived: Steps
    """The first step at or below the goal, -1 where there was none."""
    stays: Mask
    """Whether it is at the goal at its last step too: a bold one may have left it again."""
    passes: Mask
    """Whether it left the goal within a tenth of its steps after it had arrived."""
    still: Mask
    """Whether the second half of its steps changed nothing, and its gradient is short."""
    walked: Steps
    """How many steps it really had: all, unless it diverged."""
    lowest: Vector
    diverged: Mask


class _Field(NamedTuple):
    """Descents side by side, and what is known of each: the arrays are (m,)."""

    state: State
    arrived: Any
    lowest: Any
    latest: Any
    left: Any
    """Whether it was above the goal soon after it had arrived."""
    slope: Any
    """The squared length of the gradient."""
    halfway: Any
    """The loss after half of the steps."""


@compiled("kernel", "optimizer")
def _walk(
    kernel: Kernel,
    optimizer: str,
    field: _Field,
    lengths: jax.Array,
    half: jax.Array,
    goal: jax.Array,
    setting: Setting,
    hyper: Hyper,
    limits: Limits,
    batches: jax.Array | None,
) -> tuple[_Field, tuple[jax.Array, jax.Array]]:
    """See all descents, walk the first of `lengths` (F,) steps, see them again, and so on."""

    def step(place: jax.Array, field: _Field) -> _Field:
        batch = None if batches is None else batches[place]

        def move(state: State, hyper: Hyper) -> tuple[State, Record]:
            return advance(kernel, optimizer, False, 1, state, setting, hyper, limits, batch)

        state, record = jax.vmap(move, in_axes=AXES)(field.state, hyper)
        is_there = (field.arrived < 0) & (record.loss <= goal)
        soon = field.state.step <= field.arrived + field.arrived // 10 + LEAST_STAY
        is_gone = (field.arrived >= 0) & soon & (record.loss > goal)
        finite = jnp.where(jnp.isfinite(record.loss), record.loss, jnp.inf)
        return _Field(
            state,
            jnp.where(is_there, field.state.step, field.arrived),
            jnp.minimum(field.lowest, finite),
            record.loss,
            field.left | is_gone,
            jnp.sum(record.gradient * record.gradient, axis=-1),
            jnp.where(place == half, record.loss, field.halfway),
        )

    def leg(
        carry: tuple[jax.Array, _Field], length: jax.Array
    ) -> tuple[tuple[jax.Array, _Field], tuple[jax.Array, jax.Array]]:
        done, field = carry
        position = field.state.position
        loss = jax.vmap(lambda at: kernel.loss(at, setting.data))(position)
        after = jax.lax.fori_loop(done, done + length, step, field)
        return (done + length, after), (loss, position)

    (_, last), seen = jax.lax.scan(leg, (jnp.int64(0), field), lengths)
    return last, seen


@in_float64
def sampled(
    objective: Objective,
    settings: Settings,
    start: Vector,
    rates: Vector,
    *,
    seen: Steps,
    steps: int,
    goal: float,
    scale: float = 1.0,
) -> Sampled:
    """Walk every learning rate (m,) from `start` (p,) for `steps` steps, and past the goal.

    `seen` are at most MOST_SEEN steps, ascending from 0, none above `steps`. m * steps
    evaluations, which nothing can stop on the way: bound them.
    """
    momentum = momentum_of(settings.optimizer, settings.momentum)
    count = len(rates)
    batches = None
    if settings.batch_size is not None and settings.batch_size < objective.rows:
        # One more, because the last loss is recorded by a step that does not move.
        drawn = Batches(objective.rows, settings.batch_size, settings.seed)
        batches = drawn.take(0, steps + 1)
    filled = np.concatenate([seen, np.full(MOST_SEEN - len(seen), seen[-1])])
    field = _Field(
        spread(settings.optimizer, objective.position(start), count),
        np.full(count, -1, dtype=np.int64),
        np.full(count, np.inf),
        np.full(count, np.nan),
        np.zeros(count, dtype=np.bool_),
        np.full(count, np.nan),
        np.full(count, np.nan),
    )
    last, (loss, position) = _walk(
        objective.kernel,
        settings.optimizer,
        field,
        np.diff(np.append(filled, steps + 1)),
        np.int64(steps // 2),
        np.float64(goal),
        setting_of(objective),
        hyper_of(paced(objective, rates), momentum),
        limits_of(last=steps, ceiling=CEILING, scale=scale),
        batches,
    )
    latest, walked = np.asarray(last.latest), np.asarray(last.state.step)
    arrived, halfway = np.asarray(last.arrived), np.asarray(last.halfway)
    short = np.asarray(last.slope) <= SHORT**2 * np.asarray(last.state.first_norm)
    with np.errstate(invalid="ignore"):  # what diverged
        still = short & (np.abs(latest - halfway) <= STILL * np.abs(latest))
    with np.errstate(over="ignore"):
        ceiling = CEILING * np.maximum(np.abs(np.asarray(last.state.first_loss)), scale)
    beyond = ~np.isfinite(latest) | (np.abs(latest) > ceiling)
    weights = objective.weights_at(np.asarray(position)[: len(seen)])
    return Sampled(
        seen=seen,
        loss=np.asarray(loss)[: len(seen)].T,
        weights=np.swapaxes(weights, 0, 1),
        arrived=arrived,
        stays=(arrived >= 0) & (latest <= goal),
        passes=np.asarray(last.left),
        still=still,
        walked=walked,
        lowest=np.asarray(last.lowest),
        # One that ended early with a finite loss has a gradient that is not finite.
        diverged=beyond | (walked < steps),
    )
