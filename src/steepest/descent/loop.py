"""The compiled loop: a chunk of steps, each recorded.

One evaluation a step: loss and gradient at the position are recorded, then the position moves.
A chunk has a fixed length, so neither the number of steps nor the learning rate, the start or
new data of the same shape compiles anything anew. Once a stop rule holds the rest of the chunk
stands still, and the position is exactly the one that was last recorded.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from steepest.descent.optimizers import transformation
from steepest.engine.effort import compiled
from steepest.engine.late import jax, jnp
from steepest.engine.xla import in_float64
from steepest.objective.kernels import Data, Kernel, value_and_gradient
from steepest.records.arrays import Vector


class State(NamedTuple):
    """All that a descent needs to go on. `position` is (p,), counted from the centre."""

    position: Any
    slots: Any
    """The optimizer's own memory."""
    step: Any
    running: Any
    first_loss: Any
    first_norm: Any
    """Squared norm of the gradient at step 0."""
    best_validation: Any
    stale: Any
    """Epochs since the validation loss was lowest."""


class Began(NamedTuple):
    """The memory of a descent each step of which follows from where it began: that, (1, p)."""

    position: Any


class Limits(NamedTuple):
    """When to stop. Infinite or zero where a rule is off."""

    last: Any
    tolerance: Any
    """Of the gradient's norm relative to its first."""
    ceiling: Any
    """Loss above this times max(|first loss|, scale) is divergence."""
    scale: Any
    goal: Any
    patience: Any


class Hyper(NamedTuple):
    """Everything about the optimizer that may change without compiling anew."""

    lr: Any
    momentum: Any


class Setting(NamedTuple):
    """The objective's arrays; centre and bounds in the kernel's units."""

    data: Data
    held_out: Data
    centre: Any
    lower: Any
    upper: Any


class Record(NamedTuple):
    """What was recorded, `length` of each; `validation` is None where nothing is held out."""

    loss: jax.Array
    position: jax.Array
    gradient: jax.Array
    validation: jax.Array | None


def initial(optimizer: str, position: Any) -> State:
    """The state before any step. Types are fixed, so that a stored state compiles nothing anew."""
    start = np.asarray(position, dtype=np.float64)
    shapes = _slots_of(optimizer, start.shape)
    # Every optimizer of the contract begins with an empty memory.
    return begun_at(start, jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes))


def begun_at(position: Vector, slots: Any) -> State:
    """The state before any step, with this memory."""
    return State(
        position=position,
        slots=slots,
        step=np.int64(0),
        running=np.bool_(True),
        first_loss=np.float64(0.0),
        first_norm=np.float64(0.0),
        best_validation=np.float64(np.inf),
        stale=np.int64(0),
    )


def at_hand(state: State) -> State:
    """The same as arrays of NumPy."""
    if isinstance(state.slots, Began):
        return state
    found: State = jax.device_get(state)
    return found


def leaves_of(state: State) -> list[Vector]:
    """Its arrays, in the order of its fields."""
    if isinstance(state.slots, Began):
        return [np.asarray(leaf) for leaf in (state.position, *state.slots, *state[2:])]
    return [np.asarray(leaf) for leaf in jax.tree.leaves(at_hand(state))]


def like(state: State, leaves: list[Vector]) -> State:
    """A state with the arrays that `leaves_of` gave of it."""
    if isinstance(state.slots, Began):
        return State(leaves[0], Began(leaves[1]), *leaves[2:])
    found: State = jax.tree.unflatten(jax.tree.structure(state), leaves)
    return found


@cache
@in_float64
def _slots_of(optimizer: str, shape: tuple[int, ...]) -> Any:
    """Shapes of the optimizer's memory. Kept, because tracing them costs more than a short run."""
    return jax.eval_shape(transformation(optimizer, 0.0, 0.0).init, np.zeros(shape))


def limits_of(
    *,
    last: int,
    tolerance: float = 0.0,
    ceiling: float = np.inf,
    scale: float = 1.0,
    goal: float = -np.inf,
    patience: int | None = None,
) -> Limits:
    """Limits of fixed types, so that no value compiles anything anew. All but `last` are off."""
    forever = np.iinfo(np.int64).max
    return Limits(
        np.int64(last),
        np.float64(tolerance),
        np.float64(ceiling),
        np.float64(scale),
        np.float64(goal),
        np.int64(forever if patience is None else min(patience, forever)),
    )


def hyper_of(lr: Any, momentum: float | None) -> Hyper:
    """The optimizer's numbers, of fixed types. `lr` may be a vector of them."""
    return Hyper(np.asarray(lr, dtype=np.float64), np.float64(momentum or 0.0))


def rows_of(data: Data, chosen: jax.Array) -> Data:
    """The data with only the chosen rows."""
    return {**data, "rows": jax.tree.map(lambda column: column[chosen], data["rows"])}


def _slope_of(kernel: Kernel, position: Any, data: Data, batch: Any) -> jax.Array:
    """The gradient (p,) of a batch: places of rows that are at hand, rows, or itself."""
    if isinstance(batch, dict):
        if "gradient" in batch:
            known: jax.Array = batch["gradient"]
            return known
        data = {**data, "rows": batch}
    else:
        data = rows_of(data, batch)
    found: jax.Array = jax.grad(kernel.loss)(position, data)
    return found


def advance(
    kernel: Kernel,
    optimizer: str,
    validating: bool,
    per_epoch: int,
    state: State,
    setting: Setting,
    hyper: Hyper,
    limits: Limits,
    batch: Any,
) -> tuple[State, Record]:
    """Record where the descent stands and take one step, unless a stop rule holds."""
    if batch is None:
        loss, gradient = value_and_gradient(kernel, state.position, setting.data)
    else:
        # The step follows the batch; the loss that is recorded and judged is that of all rows.
        loss = kernel.loss(state.position, setting.data)
        gradient = _slope_of(kernel, state.position, setting.data, batch)
    norm = jnp.sum(gradient * gradient)
    is_first = state.step == 0
    first_loss = jnp.where(is_first, loss, state.first_loss)
    first_norm = jnp.where(is_first, norm, state.first_norm)

    best, stale = state.best_validation, state.stale
    validation: jax.Array | None = None
    if validating:
        epoch_ends = state.step % per_epoch == 0
        validation = jax.lax.cond(
            epoch_ends,
            lambda: kernel.loss(state.position, setting.held_out),
            lambda: jnp.asarray(jnp.nan),
        )
        improved = validation < best
        best = jnp.where(improved, validation, best)
        stale = jnp.where(improved, 0, stale + epoch_ends)

    ceiling = limits.ceiling * jnp.maximum(jnp.abs(first_loss), limits.scale)
    converged = norm < limits.tolerance**2 * first_norm
    go_on = (
        state.running
        & (state.step < limits.last)
        & jnp.isfinite(loss)
        & jnp.all(jnp.isfinite(gradient))
        & (jnp.abs(loss) <= ceiling)
        & ~converged
        & (loss > limits.goal)
        & (stale < limits.patience)
    )
    method = transformation(optimizer, hyper.lr, hyper.momentum)
    update, slots = method.update(gradient, state.slots, state.position + setting.centre)
    moved = jnp.clip(
        state.position + update, setting.lower - setting.centre, setting.upper - setting.centre
    )
    after = State(
        position=jnp.where(go_on, moved, state.position),
        slots=jax.tree.map(lambda new, old: jnp.where(go_on, new, old), slots, state.slots),
        step=state.step + go_on,
        running=go_on,
        first_loss=first_loss,
        first_norm=first_norm,
        best_validation=best,
        stale=stale,
    )
    return after, Record(loss, state.position, gradient, validation)


@compiled("kernel", "optimizer", "length", "validating", "per_epoch")
def chunk(
    kernel: Kernel,
    optimizer: str,
    length: int,
    validating: bool,
    per_epoch: int,
    state: State,
    setting: Setting,
    hyper: Hyper,
    limits: Limits,
    batches: jax.Array | None,
) -> tuple[State, Record]:
    """Up to `length` evaluations from `state`. `batches` is (length, rows a step) or None."""

    def one(state: State, batch: jax.Array | None) -> tuple[State, Record]:
        return advance(
            kernel, optimizer, validating, per_epoch, state, setting, hyper, limits, batch
        )

    return jax.lax.scan(one, state, batches, length=length)


@compiled("kernel", "optimizer", "length", "validating", "per_epoch")
def walk(
    kernel: Kernel,
    optimizer: str,
    length: int,
    validating: bool,
    per_epoch: int,
    state: State,
    setting: Setting,
    hyper: Hyper,
    limits: Limits,
    batches: Any,
) -> tuple[State, Record, jax.Array]:
    """As `chunk`, but it ends where a stop rule holds, and says how many steps it recorded.

    A chunk is for descents side by side, which must take equally many steps.
    """

    def evaluate(state: State, batch: Any) -> tuple[State, Record]:
        return advance(
            kernel, optimizer, validating, per_epoch, state, setting, hyper, limits, batch
        )

    def one(carry: tuple[jax.Array, State, Record]) -> tuple[jax.Array, State, Record]:
        place, state, record = carry
        state, seen = evaluate(state, jax.tree.map(lambda rows: rows[place], batches))
        kept: Record = jax.tree.map(lambda all_, new: all_.at[place].set(new), record, seen)
        return place + 1, state, kept

    def going(carry: tuple[jax.Array, State, Record]) -> jax.Array:
        on: jax.Array = (carry[0] < length) & carry[1].running
        return on

    vectors = jnp.zeros((length, *state.position.shape))
    numbers = jnp.zeros(length)
    empty = Record(numbers, vectors, vectors, numbers if validating else None)
    place, state, record = jax.lax.while_loop(going, one, (jnp.int64(0), state, empty))
    return state, record, place
