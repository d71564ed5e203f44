"""The curvature of a loss written in JAX, and the steps not taken, where its parameters are."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from steepest.measure.network_probe import ends_of
from steepest.measure.other_steps import FACTORS, critical
from steepest.records.arrays import Vector
from steepest.records.training import Probe


def probed(
    step: int,
    loss: Callable[[Any], Any],
    params: Any,
    gradient: Any,
    moves: Any,
    factor: float | None,
) -> Probe:
    """Measure the curvature, and the losses that other steps than `moves` would lead to.

    `factor` is the optimizer's stability limit times the largest eigenvalue; where it is None the
    length is looked for at which its step would leave the loss where it was. Curvature is that of
    products with the Hessian, each a derivative (`jax.jvp`) of the gradient.
    """
    flat, back = ravel_pytree(params)
    change, _ = ravel_pytree(moves)

    def at(factor: float) -> float:
        return float(value(flat + factor * change))

    value = jax.jit(lambda place: jnp.asarray(loss(back(place))))
    bent = jax.jit(lambda place, along: jax.jvp(jax.grad(value), (place,), (along,))[1])

    def times(vector: Vector) -> Vector:
        return np.asarray(bent(flat, jnp.asarray(vector, flat.dtype)), np.float64)

    losses = {factor: at(factor) for factor in FACTORS}
    slope = np.asarray(ravel_pytree(gradient)[0], np.float64)
    length = float(slope @ slope)
    ends = ends_of(times, flat.size)
    largest = ends.largest
    known = factor is not None and math.isfinite(largest) and largest > 0
    return Probe(
        step=step,
        loss=losses[0.0],
        largest=largest,
        largest_residual=ends.largest_residual,
        most_negative=ends.most_negative,
        most_negative_residual=ends.most_negative_residual,
        sharpness=float(slope @ times(slope)) / length if 0 < length < math.inf else math.nan,
        limit=factor / largest if factor is not None and known else None,
        critical=critical(losses, at if factor is None else None),
        factors=FACTORS,
        losses=tuple(losses.values()),
    )
