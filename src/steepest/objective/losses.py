"""The losses, each with its convention. All are means over rows; there is no hidden one half.

Predictions, targets and weights of rows are (n,). `row_weight` None means that every row counts
the same; otherwise the mean is sum(row_weight * x) / sum(row_weight), which also leaves out rows
of weight 0. Each loss is a chain of stages, so that the backward pass can be shown as it happens,
and costs one pass over the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, reduce
from typing import Final, NamedTuple, TypeAlias

from steepest.engine.effort import compiled
from steepest.engine.late import jax, jnp, with_slope
from steepest.engine.operations import OPERATIONS
from steepest.formula.evaluate import evaluate
from steepest.formula.own import own
from steepest.methods.losses import OF_HUBER, OF_LOGIT, OF_PROBABILITY, Form, loss_named

Loss: TypeAlias = "Callable[[jax.Array, jax.Array, jax.Array | None], jax.Array]"


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


def _huber(residual: jax.Array) -> jax.Array:
    size = residual * jnp.sign(residual)  # with slope 0 at 0
    # Both pieces must stay finite for an infinite residual, or the slope is NaN.
    inside = jnp.where(size <= 1.0, residual, 0.0)
    return jnp.where(size <= 1.0, 0.5 * inside**2, size - 0.5)


# The two below have slopes of their own, by the prediction alone: JAX's would take logarithms for
# the slope by the target, which is data. That is a third of the time of a whole descent.


def _of_probability_slope(
    at: tuple[jax.Array, jax.Array], along: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array]:
    p, target = at
    return _of_probability(p, target), along[0] * ((1.0 - target) / (1.0 - p) - target / p)


@with_slope(_of_probability_slope)
def _of_probability(p: jax.Array, target: jax.Array) -> jax.Array:
    # A class that the target leaves out must not spoil the cost with 0 * -inf.
    one = jnp.where(target != 0, target * jnp.log(p), 0.0)
    other = jnp.where(target != 1, (1.0 - target) * jnp.log1p(-p), 0.0)
    return -(one + other)


def _of_logit_slope(
    at: tuple[jax.Array, jax.Array], along: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array]:
    return _of_logit(*at), along[0] * parts_of_logit(*at)[2]


@with_slope(_of_logit_slope)
def _of_logit(logit: jax.Array, target: jax.Array) -> jax.Array:
    # log(1 + exp(z)) without overflow. Where a row is nearly certain, the first two are alike.
    rest = jnp.maximum(logit, 0.0) - target * logit
    return rest + jnp.log1p(jnp.exp(-jnp.abs(logit)))


def parts_of_logit(logit: jax.Array, target: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """A factor from 1 to 2 whose logarithm, and a rest, are a row's cross-entropy; and its slope.

    One exponential serves all three. The slope is sigmoid(logit) - target, of which nothing
    cancels where a row is nearly certain.
    """
    is_above, small = logit >= 0.0, jnp.exp(-jnp.abs(logit))
    factor = 1.0 + small
    one, other = jnp.where(is_above, 1.0, small), jnp.where(is_above, small, 1.0)
    slope = ((1.0 - target) * one - target * other) / factor
    return factor, jnp.maximum(logit, 0.0) - target * logit, slope


_RESIDUAL: Final = Stage("subtract", "prediction - target", lambda x, y, w: x - y)
_MEAN: Final = Stage("mean", "mean over rows", lambda x, y, w: mean(x, w))
_ROOT: Final = Stage("sqrt", "square root", lambda x, y, w: _root(x))

_TUNED: Final[Mapping[Form, Loss]] = {
    OF_HUBER: lambda x, y, w: _huber(x),
    OF_LOGIT: lambda x, y, w: _of_logit(x, y),
    OF_PROBABILITY: lambda x, y, w: _of_probability(x, y),
}
"""Forms that are computed otherwise than by their formula, for the reasons said above."""


@cache
def row_cost(form: Form) -> Loss:
    """What one row costs, from its residual; from its prediction where it is of classes."""

    def cost(value: jax.Array, target: jax.Array, row_weight: jax.Array | None) -> jax.Array:
        given = {"r": value, "p": value, "t": target}
        found: jax.Array = evaluate(own(form.safe), given, OPERATIONS)
        return found

    return _TUNED.get(form, cost)


@cache
def stages(name: str, gives: str) -> tuple[Stage, ...]:
    """The stages of a loss, for a formula that gives a value, a logit or a probability.

    Raises UsageError for a name that is not one of `methods.losses`.
    """
    loss = loss_named(name)
    form = loss.form(gives)
    cost = Stage(form.operation, form.text, row_cost(form))
    chain = (cost, _MEAN) if loss.of_classes else (_RESIDUAL, cost, _MEAN)
    return (*chain, _ROOT) if loss.root else chain


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


@compiled("name", "gives")
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


@compiled("loss", "gives", seldom=True)
def loss_of_constant(
    loss: str, gives: str, constant: float, target: jax.Array, weight: jax.Array | None
) -> jax.Array:
    """The loss, (), of one prediction for every row."""
    # Compiled as a whole, so that nothing as long as the rows is kept in between.
    whole = jnp.broadcast_to(constant, target.shape)
    found: jax.Array = loss_of(loss, gives, whole, target, weight)
    return found
