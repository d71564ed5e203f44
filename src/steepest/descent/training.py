"""Training a network in mini-batches: compiled chunks of steps that record what a watch records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.descent.optimizers import transformation
from steepest.engine.effort import compiled
from steepest.methods.losses import LOSS
from steepest.objective.networks import ROW_LOSSES, Network, Weights, compute, scores
from steepest.records.arrays import Matrix, Vector

Places = np.ndarray[Any, np.dtype[np.integer[Any]]]
"""Of rows, (k, b): those that each step uses."""

CHUNK: Final = 64
"""Steps in one call, at most; fewer do not compile anew."""

BLOCK: Final = 8192
"""Rows that are judged at once, so that memory is bounded."""


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
    weight: Matrix
    gradient: Matrix
    update: Matrix
    product: Matrix


@dataclass(frozen=True)
class Way:
    """What a step does, apart from its numbers: what is compiled once."""

    network: Network
    loss: str
    optimizer: str


@dataclass(frozen=True)
class Trainer:
    """One network on one set of rows with one optimizer. Nothing in it changes."""

    way: Way
    momentum: float | None
    inputs: jax.Array
    """(n, inputs)"""
    targets: jax.Array
    """(n,) classes, or (n, outputs)."""

    def begin(self, weights: Weights) -> Stand:
        """The state before the first step."""
        slots = transformation(self.way.optimizer, 0.1, self.momentum or 0.0).init(weights)
        return Stand(weights, slots, jax.tree.map(jnp.zeros_like, weights))

    def steps(self, stand: Stand, batches: Places, rates: Vector) -> tuple[Stand, Written]:
        """Take a step for each row of `batches` (k, b), places of rows, with its rate (k,).

        A rate too large for 32 bits is infinite.
        """
        parts = []
        for first in range(0, len(batches), CHUNK):
            part = batches[first : first + CHUNK]
            fill = ((0, CHUNK - len(part)), (0, 0))
            stand, noted = _chunk(
                self.way,
                self.momentum or 0.0,
                stand,
                self.inputs,
                self.targets,
                jnp.asarray(np.pad(part, fill), jnp.int32),
                _single(np.pad(rates[first : first + CHUNK], fill[0])),
                len(part),
            )
            parts.append([np.asarray(values, np.float64)[: len(part)] for values in noted])
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        return stand, Written(*columns)

    def side_by_side(self, weights: Weights, rates: Vector) -> Stand:
        """The states of as many trainings as there are rates, each at these weights."""

        def many(leaf: jax.Array) -> jax.Array:
            return jnp.asarray(np.broadcast_to(leaf, (len(rates), *leaf.shape)))

        return jax.tree.map(many, self.begin(weights))  # type: ignore[no-any-return]

    def steps_of_many(self, stands: Stand, batches: Places, rates: Matrix) -> tuple[Stand, Matrix]:
        """The same steps for trainings side by side: rates (k, m), losses (k, m) beside it."""
        losses = []
        for first in range(0, len(batches), CHUNK):
            part = batches[first : first + CHUNK]
            fill = ((0, CHUNK - len(part)), (0, 0))
            stands, found = _chunk_of_many(
                self.way,
                self.momentum or 0.0,
                stands,
                self.inputs,
                self.targets,
                jnp.asarray(np.pad(part, fill), jnp.int32),
                _single(np.pad(rates[first : first + CHUNK], fill)),
                len(part),
            )
            losses.append(np.asarray(found, np.float64)[: len(part)])
        return stands, np.concatenate(losses)

    def judge(
        self, weights: Weights, inputs: jax.Array, targets: jax.Array
    ) -> tuple[float, float | None]:
        """The mean loss over rows, and the share whose class was found (None for numbers)."""
        loss = right = 0.0
        for at in range(0, len(inputs), BLOCK):
            found = _judged(self.way, weights, inputs[at : at + BLOCK], targets[at : at + BLOCK])
            loss, right = loss + float(found[0]), right + float(found[1])
        share = right / len(inputs) if LOSS[self.way.loss].of_classes else None
        return loss / len(inputs), share


def outputs_of(
    network: Network, weights: Weights, inputs: jax.Array | np.ndarray[Any, Any]
) -> Matrix:
    """What comes out, (n, outputs), block by block."""
    parts = [
        np.asarray(_outputs(network, weights, jnp.asarray(inputs[at : at + BLOCK])))
        for at in range(0, len(inputs), BLOCK)
    ]
    return np.concatenate(parts).astype(np.float64)


def gradient(
    network: Network, loss: str, weights: Weights, inputs: jax.Array, targets: jax.Array
) -> Weights:
    """The gradient of the mean loss over these rows."""
    found: Weights = _slope(network, loss, weights, inputs, targets)
    return found


def _mean(
    way: Way, weights: Weights, inputs: jax.Array, targets: jax.Array
) -> tuple[jax.Array, jax.Array]:
    outputs = compute(way.network, weights, inputs)
    return ROW_LOSSES[way.loss](outputs, targets).mean(), outputs


@compiled("network", "loss")
def _slope(
    network: Network, loss: str, weights: Weights, inputs: jax.Array, targets: jax.Array
) -> Weights:
    way = Way(network, loss, "")
    found: Weights = jax.grad(lambda w: _mean(way, w, inputs, targets)[0])(weights)
    return found


@compiled("network", seldom=True)
def _outputs(network: Network, weights: Weights, inputs: jax.Array) -> jax.Array:
    return compute(network, weights, inputs)


@compiled("way", seldom=True)
def _judged(
    way: Way, weights: Weights, inputs: jax.Array, targets: jax.Array
) -> tuple[jax.Array, jax.Array]:
    outputs = compute(way.network, weights, inputs)
    return ROW_LOSSES[way.loss](outputs, targets).sum(), _correct(way.loss, outputs, targets)


def _correct(loss: str, outputs: jax.Array, targets: jax.Array) -> jax.Array:
    if not LOSS[loss].of_classes:
        return jnp.zeros((), outputs.dtype)
    return (scores(outputs).argmax(1) == targets).sum().astype(outputs.dtype)


def _single(rates: Vector | Matrix) -> jax.Array:
    with np.errstate(over="ignore"):
        return jnp.asarray(rates.astype(np.float32))


def _lengths(tree: Any) -> jax.Array:
    return jnp.stack([jnp.linalg.norm(leaf.ravel()) for leaf in jax.tree.leaves(tree)])


def _products(one: Any, other: Any) -> jax.Array:
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return jnp.stack([jnp.vdot(a, b) for a, b in pairs])


def _step(
    way: Way, momentum: Any, stand: Stand, x: jax.Array, y: jax.Array, rate: jax.Array
) -> tuple[Stand, Noted]:
    (value, outputs), found = jax.value_and_grad(
        lambda weights: _mean(way, weights, x, y), has_aux=True
    )(stand.weights)
    change, slots = transformation(way.optimizer, rate, momentum).update(
        found, stand.slots, stand.weights
    )
    noted = Noted(
        value,
        _correct(way.loss, outputs, y),
        _lengths(stand.weights),
        _lengths(found),
        _lengths(change),
        _products(found, stand.last),
    )
    return Stand(jax.tree.map(jnp.add, stand.weights, change), slots, found), noted


@compiled("way")
def _chunk(
    way: Way,
    momentum: jax.Array,
    stand: Stand,
    inputs: jax.Array,
    targets: jax.Array,
    batches: jax.Array,
    rates: jax.Array,
    length: jax.Array,
) -> tuple[Stand, Noted]:
    def step(stand: Stand, at: Any) -> tuple[Stand, Noted]:
        batch = batches[at]
        return _step(way, momentum, stand, inputs[batch], targets[batch], rates[at])

    found: tuple[Stand, Noted] = _repeated(step, stand, length)
    return found


@compiled("way")
def _chunk_of_many(
    way: Way,
    momentum: jax.Array,
    stands: Stand,
    inputs: jax.Array,
    targets: jax.Array,
    batches: jax.Array,
    rates: jax.Array,
    length: jax.Array,
) -> tuple[Stand, jax.Array]:
    def step(stands: Stand, at: Any) -> tuple[Stand, jax.Array]:
        x, y = inputs[batches[at]], targets[batches[at]]

        def one(stand: Stand, rate: jax.Array) -> tuple[Stand, jax.Array]:
            new, noted = _step(way, momentum, stand, x, y, rate)
            return new, noted.loss

        return jax.vmap(one)(stands, rates[at])

    found: tuple[Stand, jax.Array] = _repeated(step, stands, length)
    return found


def _repeated(step: Any, begin: Any, length: jax.Array) -> Any:
    """Take `length` steps, CHUNK at most, and write what each says below that of the one before."""
    shapes = jax.eval_shape(step, begin, 0)[1]
    written = jax.tree.map(lambda one: jnp.zeros((CHUNK, *one.shape), one.dtype), shapes)

    def body(at: Any, carried: Any) -> Any:
        stand, written = carried
        stand, noted = step(stand, at)
        return stand, jax.tree.map(lambda all_, one: all_.at[at].set(one), written, noted)

    return jax.lax.fori_loop(0, length, body, (begin, written))
