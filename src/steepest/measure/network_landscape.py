"""The loss of a network on a plane through its last weights, with its path projected on it."""

from __future__ import annotations

from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from steepest.engine.effort import compiled
from steepest.measure.network_probe import Point, losses_at
from steepest.objective.networks import ROW_LOSSES, Network, Weights, compute
from steepest.records.arrays import Matrix, Steps, Vector
from steepest.records.training import LossPlane

SIDE: Final = 31
"""Places along each direction."""

MARGIN: Final = 0.25
"""Of the path's extent, beyond it on each side."""

LEAST: Final = 0.25
"""Half of what a direction shows at least, in lengths of the units."""


def loss_plane(point: Point, path: Matrix, steps: Steps) -> LossPlane | None:
    """The plane in which the path (k, p) was longest, through its last weights.

    The point's weights are the last of the path, and its rows are those that the loss is taken
    over. None where the path has fewer than three places, is not finite, or does not move.
    """
    if len(path) < 3 or not np.isfinite(path).all():
        return None
    end = np.asarray(path[-1], np.float64)
    away = np.asarray(path, np.float64) - end
    if not away.any():
        return None
    _, _, main = np.linalg.svd(away, full_matrices=False)
    directions = np.stack([_filter_normalized(point, end, one) for one in main[:2]])
    places, *_ = np.linalg.lstsq(directions.T, away.T, rcond=None)
    projected = (directions.T @ places).T
    share = float(np.square(projected).sum() / np.square(away).sum())
    first, second = (_axis(column) for column in places)
    grid = np.stack(np.meshgrid(first, second), axis=-1).reshape(-1, 2)
    losses = _losses(*point.given, jnp.asarray(directions, jnp.float32), _single(grid))
    truly = losses_at(point, (_weights(point, one) for one in np.asarray(path, np.float32)))
    return LossPlane(
        first=first,
        second=second,
        losses=np.asarray(losses, np.float64).reshape(len(second), len(first)),
        steps=steps,
        path=np.asarray(places.T, np.float64),
        path_losses=truly,
        share=share,
        rows=len(point.inputs),
    )


def _single(values: Matrix) -> jax.Array:
    return jnp.asarray(values, jnp.float32)


def _axis(places: Vector) -> Vector:
    """Evenly spaced places that contain those of the path, and the end at 0."""
    low, high = min(float(places.min()), 0.0), max(float(places.max()), 0.0)
    room = max(LEAST, MARGIN * (high - low))
    return np.linspace(low - room, high + room, SIDE)


def _weights(point: Point, flat: Any) -> Any:
    """The weights and biases of each layer, of all in one row."""
    found, at = [], 0
    for layer in point.network.layers:
        size = layer.outputs * layer.inputs
        bias = at + size
        found.append(
            (flat[at:bias].reshape(layer.outputs, layer.inputs), flat[bias : bias + layer.outputs])
        )
        at = bias + layer.outputs
    return tuple(found)


def _filter_normalized(point: Point, end: Vector, direction: Vector) -> Vector:
    """For each unit, its weights and bias, as long as the unit's own weights are."""
    parts = []
    for layers in zip(_weights(point, end), _weights(point, direction), strict=True):
        own, along = (np.concatenate([matrix, bias[:, None]], axis=1) for matrix, bias in layers)
        lengths = np.linalg.norm(along, axis=1, keepdims=True)
        scale = np.linalg.norm(own, axis=1, keepdims=True) / np.where(lengths > 0, lengths, 1.0)
        normal = along * scale
        parts += [normal[:, :-1].ravel(), normal[:, -1]]
    return np.concatenate(parts)


@compiled("network", "loss", seldom=True)
def _losses(
    network: Network,
    loss: str,
    weights: Weights,
    inputs: jax.Array,
    targets: jax.Array,
    directions: jax.Array,
    places: jax.Array,
) -> jax.Array:
    """At the weights plus each of the places (m, d) along the directions (d, p)."""
    flat, back = ravel_pytree(weights)

    def one(place: jax.Array) -> jax.Array:
        moved = back(flat + place @ directions)
        return ROW_LOSSES[loss](compute(network, moved, inputs), targets).mean()

    found: jax.Array = jax.lax.map(one, places)
    return found
