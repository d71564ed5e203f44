"""The losses, each with its convention. All are means over rows; there is no hidden one half.

Predictions, targets and weights of rows are (n,). `row_weight` None means that every row counts
the same; otherwise the mean is sum(row_weight * x) / sum(row_weight), which also leaves out rows
of weight 0. Each loss is a chain of stages, so that the backward pass can be shown as it happens,
and costs one pass over the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from typing import Final, NamedTuple

import jax
import jax.numpy as jnp

from steepest.words.errors import UsageError

Loss = Callable[[jax.Array, jax.Array, jax.Array | None], jax.Array]


class Stage(NamedTuple):
    """One operation between the prediction and the loss."""

    operation: str
    text: str
    apply: Loss
    """(value, target, row_weight) -> value of the next stage."""


def mean(values: jax.Array, row_weight: jax.Array | None) -> jax.Array:
    """Mean over rows, weighted where weights are given."""
    if row_weight is None:
        return jnp.mean(values)
    # A row of weight 0 must not spoil the mean with 0 * inf.
    counted = jnp.where(row_weight > 0, values, 0.0)
    return jnp.sum(row_weight * counted) / jnp.sum(row_weight)


def _root(square: jax.Array) -> jax.Array:
    perfect = square == 0
    return jnp.where(perfect, 0.0, jnp.sqrt(jnp.where(perfect, 1.0, square)))


def _size(residual: jax.Array) -> jax.Array:
    # |residual| with slope 0 at 0; that of jnp.abs is 1 there.
    return residual * jnp.sign(residual)


def _huber(residual: jax.Array) -> jax.Array:
    size = _size(residual)
    # Both pieces must stay finite for an infinite residual, or the slope is NaN.
    inside = jnp.where(size <= 1.0, residual, 0.0)
    return jnp.where(size <= 1.0, 0.5 * inside**2, size - 0.5)


# The two below have slopes of their own, by the prediction alone: JAX's would take logarithms for
# the slope by the target, which is data. That is a third of the time of a whole descent.


@jax.custom_jvp
def _of_probability(p: jax.Array, target: jax.Array) -> jax.Array:
    # A class that the target leaves out must not spoil the cost with 0 * -inf.
    one = jnp.where(target != 0, target * jnp.log(p), 0.0)
    other = jnp.where(target != 1, (1.0 - target) * jnp.log1p(-p), 0.0)
    return -(one + other)


@_of_probability.defjvp
def _of_probability_slope(
    at: tuple[jax.Array, jax.Array], along: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array]:
    p, target = at
    return _of_probability(p, target), along[0] * ((1.0 - target) / (1.0 - p) - target / p)


@jax.custom_jvp
def _of_logit(logit: jax.Array, target: jax.Array) -> jax.Array:
    # log(1 + exp(z)) without overflow.
    soft = jnp.maximum(logit, 0.0) + jnp.log1p(jnp.exp(-jnp.abs(logit)))
    return soft - target * logit


@_of_logit.defjvp
def _of_logit_slope(
    at: tuple[jax.Array, jax.Array], along: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array]:
    logit, target = at
    return _of_logit(logit, target), along[0] * (jax.nn.sigmoid(logit) - target)


_RESIDUAL: Final = Stage("subtract", "prediction - target", lambda x, y, w: x - y)
_SQUARE: Final = Stage("power", "residual**2", lambda x, y, w: x**2)
_MEAN: Final = Stage("mean", "mean over rows", lambda x, y, w: mean(x, w))

MSE: Final = (_RESIDUAL, _SQUARE, _MEAN)
"""Mean squared error: mean((prediction - target)**2). Smooth everywhere."""

MAE: Final = (_RESIDUAL, Stage("abs", "|residual|", lambda x, y, w: _size(x)), _MEAN)
"""Mean absolute error: mean(|prediction - target|).

Kink where a residual is 0: the subgradient taken there is 0, as in PyTorch.
"""

RMSE: Final = (
    _RESIDUAL,
    _SQUARE,
    _MEAN,
    Stage("sqrt", "square root", lambda x, y, w: _root(x)),
)
"""Root mean squared error: sqrt(mse).

Kink where all residuals are 0: the subgradient taken there is 0 (PyTorch gives NaN).
"""

HUBER: Final = (_RESIDUAL, Stage("huber", "huber(residual)", lambda x, y, w: _huber(x)), _MEAN)
"""Huber loss with delta 1, as torch.nn.HuberLoss defines it.

A residual r costs r**2 / 2 while |r| <= 1 and |r| - 1/2 beyond: the one half belongs to the
standard definition and makes the slope continuous at |r| = 1, so there is no kink.
"""

CROSS_ENTROPY_OF_LOGIT: Final = (
    Stage(
        "cross-entropy",
        "log(1 + exp(logit)) - target*logit",
        lambda x, y, w: _of_logit(x, y),
    ),
    _MEAN,
)
"""Binary cross-entropy in nats where the formula gives a logit z.

The probability of target 1 is sigmoid(z); a row costs log(1 + exp(z)) - target * z, which does
not overflow. Targets lie between 0 and 1. Smooth everywhere.
"""

CROSS_ENTROPY_OF_PROBABILITY: Final = (
    Stage(
        "cross-entropy",
        "-(target*log(p) + (1 - target)*log(1 - p))",
        lambda x, y, w: _of_probability(x, y),
    ),
    _MEAN,
)
"""Binary cross-entropy in nats where the formula gives the probability p of target 1.

A row costs -(target * log(p) + (1 - target) * log(1 - p)). Infinite at a prediction of 0 or 1
that is wrong, NaN outside 0 to 1. Smooth in between.
"""

LOSSES: Final = ("mse", "mae", "rmse", "huber", "cross-entropy")
SQUARED: Final = ("mse", "rmse")

_BY_NAME: Final[dict[str, tuple[Stage, ...]]] = {
    "mse": MSE,
    "mae": MAE,
    "rmse": RMSE,
    "huber": HUBER,
}
_CROSS_ENTROPY: Final[dict[str, tuple[Stage, ...]]] = {
    "logit": CROSS_ENTROPY_OF_LOGIT,
    "probability": CROSS_ENTROPY_OF_PROBABILITY,
}


def stages(name: str, gives: str) -> tuple[Stage, ...]:
    """The stages of a loss, for a formula that gives a value, a logit or a probability.

    Raises UsageError for a name that is not in LOSSES.
    """
    if name not in LOSSES:
        raise UsageError(
            "This loss is not known.", given=name, instead=f"Write one of {', '.join(LOSSES)}."
        )
    return _CROSS_ENTROPY[gives] if name == "cross-entropy" else _BY_NAME[name]


def cost_of(
    name: str, gives: str, prediction: jax.Array, target: jax.Array, row_weight: jax.Array | None
) -> jax.Array:
    """What each row adds to the mean that a loss takes, times its weight, (n,)."""
    chain = stages(name, gives)
    before = chain[: chain.index(_MEAN)]
    cost = reduce(lambda value, stage: stage.apply(value, target, None), before, prediction)
    return cost if row_weight is None else row_weight * jnp.where(row_weight > 0, cost, 0.0)


def of_mean(name: str, gives: str, mean_cost: jax.Array) -> jax.Array:
    """The loss, from the mean over rows of what `cost_of` says."""
    chain = stages(name, gives)
    after = chain[chain.index(_MEAN) + 1 :]
    return reduce(lambda value, stage: stage.apply(value, value, None), after, mean_cost)


@partial(jax.jit, static_argnames=("name", "gives"))
def loss_of(
    name: str,
    gives: str,
    prediction: jax.Array,
    target: jax.Array,
    row_weight: jax.Array | None,
) -> jax.Array:
    """The loss of predictions, ().

    >>> import jax.numpy as jnp
    >>> float(loss_of("mse", "value", jnp.array([1.0, 2.0]), jnp.array([1.0, 4.0]), None))
    2.0
    """
    return reduce(
        lambda value, stage: stage.apply(value, target, row_weight),
        stages(name, gives),
        prediction,
    )
