"""Training a network in mini-batches: compiled chunks of steps that record what a watch records."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.descent.optimizers import transformation
from steepest.networks import ROW_LOSSES, Network, Weights, compute
from steepest.records import Matrix, Steps, Vector

CHUNK: Final = 64
"""Steps in one call. An epoch's last chunk is filled up with steps that change nothing."""


class Stand(NamedTuple):
    """Where a training stands between two steps."""

    weights: Weights
    slots: Any
    """The optimizer's memory."""
    last: Weights
    """The gradient of the step before; zeros before the first."""


class Noted(NamedTuple):
    """What a step says of itself; of the tensors in order, lengths."""

    loss: jax.Array
    correct: jax.Array
    """Rows of the batch whose class was found, before the step."""
    weight: jax.Array
    gradient: jax.Array
    update: jax.Array
    product: jax.Array
    """Of this gradient with the one before."""


@dataclass(frozen=True)
class Written:
    """The same of many steps, as arrays."""

    loss: Vector
    correct: Vector
    rows: Steps
    weight: Matrix
    gradient: Matrix
    update: Matrix
    product: Matrix


@dataclass(frozen=True)
class Trainer:
    """One network on one set of rows with one optimizer. Nothing in it changes."""

    network: Network
    loss: str
    optimizer: str
    momentum: float | None
    inputs: jax.Array
    """(n, inputs)"""
    targets: jax.Array
    """(n,) classes, or (n, outputs)."""

    def begin(self, weights: Weights) -> Stand:
        """The state before the first step."""
        slots = transformation(self.optimizer, 0.1, self.momentum or 0.0).init(weights)
        return Stand(weights, slots, jax.tree.map(jnp.zeros_like, weights))

    def steps(self, stand: Stand, batches: Steps, rates: Vector) -> tuple[Stand, Written]:
        """Take a step for each row of `batches` (k, b), with its learning rate (k,).

        A batch holds places of rows; -1 stands for none, so that batches may have any length up
        to b.
        """
        parts = []
        rows = (batches >= 0).sum(1)
        for first in range(0, len(batches), CHUNK):
            part = batches[first : first + CHUNK]
            fill = ((0, CHUNK - len(part)), (0, 0))
            stand, noted = _chunk(
                self.network,
                self.loss,
                self.optimizer,
                self.momentum or 0.0,
                stand,
                self.inputs,
                self.targets,
                jnp.asarray(np.pad(part, fill, constant_values=-1), jnp.int32),
                jnp.asarray(np.pad(rates[first : first + CHUNK], fill[0]), jnp.float32),
            )
            parts.append([np.asarray(values, np.float64)[: len(part)] for values in noted])
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        loss, correct, weight, gradient, update, product = columns
        return stand, Written(loss, correct, rows, weight, gradient, update, product)

    def judge(self, weights: Weights, inputs: jax.Array, targets: jax.Array) -> tuple[float, float]:
        """The mean loss over rows, and the share whose class was found (NaN for numbers)."""
        loss, right = _judged(self.network, self.loss, weights, inputs, targets)
        return float(loss), float(right) if self.loss == "cross-entropy" else float("nan")


def gradient(
    network: Network, loss: str, weights: Weights, inputs: jax.Array, targets: jax.Array
) -> Weights:
    """The gradient of the mean loss over these rows."""
    found: Weights = _slope(network, loss, weights, inputs, targets)
    return found


def _mean(
    network: Network,
    loss: str,
    weights: Weights,
    inputs: jax.Array,
    targets: jax.Array,
    part: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """The loss, each row counting with its `part` of it; beside it what came out."""
    outputs = compute(network, weights, inputs)
    return (ROW_LOSSES[loss](outputs, targets) * part).sum(), outputs


@partial(jax.jit, static_argnums=(0, 1))
def _slope(
    network: Network, loss: str, weights: Weights, inputs: jax.Array, targets: jax.Array
) -> Weights:
    part = jnp.full(len(inputs), 1 / len(inputs), inputs.dtype)
    found: Weights = jax.grad(lambda w: _mean(network, loss, w, inputs, targets, part)[0])(weights)
    return found


@partial(jax.jit, static_argnums=(0, 1))
def _judged(
    network: Network, loss: str, weights: Weights, inputs: jax.Array, targets: jax.Array
) -> tuple[jax.Array, jax.Array]:
    outputs = compute(network, weights, inputs)
    right = _correct(loss, outputs, targets).mean() if loss == "cross-entropy" else jnp.nan
    return ROW_LOSSES[loss](outputs, targets).mean(), jnp.asarray(right)


def _correct(loss: str, outputs: jax.Array, targets: jax.Array) -> jax.Array:
    if loss != "cross-entropy":
        return jnp.zeros(len(outputs))
    return (outputs.argmax(1) == targets).astype(outputs.dtype)


def _lengths(tree: Any) -> jax.Array:
    return jnp.stack([jnp.linalg.norm(leaf.ravel()) for leaf in jax.tree.leaves(tree)])


@partial(jax.jit, static_argnums=(0, 1, 2))
def _chunk(
    network: Network,
    loss: str,
    optimizer: str,
    momentum: float,
    stand: Stand,
    inputs: jax.Array,
    targets: jax.Array,
    batches: jax.Array,
    rates: jax.Array,
) -> tuple[Stand, Noted]:
    slope = jax.value_and_grad(
        lambda w, x, y, part: _mean(network, loss, w, x, y, part), has_aux=True
    )

    def step(stand: Stand, given: tuple[jax.Array, jax.Array]) -> tuple[Stand, Noted]:
        batch, rate = given
        there = batch >= 0
        rows = jnp.maximum(there.sum(), 1)
        x, y = inputs[batch], targets[batch]
        part = there.astype(inputs.dtype) / rows
        (value, outputs), found = slope(stand.weights, x, y, part)
        change, slots = transformation(optimizer, rate, momentum).update(
            found, stand.slots, stand.weights
        )
        moved = jax.tree.map(jnp.add, stand.weights, change)
        noted = Noted(
            value,
            (_correct(loss, outputs, y) * there).sum(),
            _lengths(stand.weights),
            _lengths(found),
            _lengths(change),
            jnp.stack(
                [
                    jnp.vdot(one, other)
                    for one, other in zip(
                        jax.tree.leaves(found), jax.tree.leaves(stand.last), strict=True
                    )
                ]
            ),
        )
        new = Stand(moved, slots, found)
        # A batch of no rows fills up a chunk and changes nothing.
        empty = ~there.any()
        return jax.tree.map(lambda old, now: jnp.where(empty, old, now), stand, new), noted

    return jax.lax.scan(step, stand, (batches, rates))
