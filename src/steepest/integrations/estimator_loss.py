"""What a fitted estimator of scikit-learn minimizes, as a function of all its weights.

Losses and penalties are those of scikit-learn's documentation (sections 1.5 and 1.17 of its user
guide). Where a loss has corners, `softness` rounds them off, so that a smooth minimizer gets close.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize

from steepest.engine.xla import in_float64
from steepest.records.arrays import Matrix, Vector

_SOFTENED: Final = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
_MOST_ITERATIONS: Final = 2000
_WIDEST: Final = 200
"""Weights of which the curvature is measured whole."""

_Objective = Callable[[Any, Any], Any]
"""Parameters (k,) and softness, and from it a number."""


@dataclass(frozen=True)
class EstimatorLoss:
    """The objective of one fit: the mean loss of the rows, and with a penalty.

    Parameters are those of columns brought to mean 0 and deviation 1 where the model is linear:
    the same function, in coordinates in which a minimizer gets on.
    """

    what: str
    """The mean loss, in words."""
    unit: float
    """What the mean loss is multiplied by where it is shown: 2 for half a squared error."""
    data: _Objective
    penalized: _Objective
    fitted: Vector
    convex: bool
    corners: bool
    own: Matrix | None = None
    """(k, k) from these parameters to the estimator's own, where the model is linear."""
    names: tuple[str, ...] = ()
    """Of the estimator's own weights."""

    def shown(self, parameters: Vector) -> float:
        """The mean loss of the rows."""
        return self.unit * float(_value(self.data, parameters, 0.0))

    def total(self, parameters: Vector) -> float:
        """The mean loss with the penalty: what is minimized."""
        return float(_value(self.penalized, parameters, 0.0))

    def of_zero(self) -> Vector:
        """The parameters where all of the estimator's own weights are 0."""
        return np.zeros_like(self.fitted)

    def gradient(self) -> Vector:
        """At the fitted weights, by the estimator's own weights where the model is linear."""
        slope = _slope(self.penalized, self.fitted, 0.0)[1]
        return slope if self.own is None else np.linalg.solve(self.own.T, slope)

    def lowest(self) -> Vector:
        """The parameters with the lowest objective that L-BFGS found from the fitted weights."""
        best = np.nan_to_num(self.fitted, nan=0.0, posinf=0.0, neginf=0.0)
        starts = [best, np.zeros_like(best)] if self.convex else [best]
        slope = jax.jit(jax.value_and_grad(self.penalized))  # One program for every softness.
        for start in starts:
            for softness in _SOFTENED if self.corners else (0.0,):
                # From where the last softness came to.
                start = _descended(slope, start, softness)
                if not self.total(best) <= self.total(start):
                    best = start
        return best

    def conditions(self, at: Vector) -> tuple[float, float] | None:
        """Condition number of the curvature by the own weights, and what scaling each leaves."""
        if self.own is None or len(at) > _WIDEST or self.corners:
            return None
        inverse = np.linalg.inv(self.own)
        hessian = inverse.T @ _curvature(self.penalized, at) @ inverse
        scale = np.sqrt(np.diag(hessian))
        if not np.all(scale > 0):
            return None
        both = np.linalg.cond(hessian), np.linalg.cond(hessian / np.outer(scale, scale))
        return (float(both[0]), float(both[1])) if np.all(np.isfinite(both)) else None


@in_float64
def _value(loss: _Objective, parameters: Vector, softness: float) -> Any:
    return loss(jnp.asarray(parameters), softness)


@in_float64
def _slope(loss: _Objective, parameters: Vector, softness: float) -> tuple[float, Vector]:
    value, slope = jax.value_and_grad(loss)(jnp.asarray(parameters), softness)
    return float(value), np.asarray(slope, dtype=np.float64)


@in_float64
def _curvature(loss: _Objective, parameters: Vector) -> Matrix:
    return np.asarray(jax.hessian(loss)(jnp.asarray(parameters), 0.0))


@in_float64
def _descended(both: _Objective, start: Vector, softness: float) -> Vector:
    def of(parameters: Vector) -> tuple[float, Vector]:
        value, slope = both(parameters, softness)
        return float(value), np.asarray(slope, dtype=np.float64)

    options = {"maxiter": _MOST_ITERATIONS, "maxfun": 2 * _MOST_ITERATIONS, "ftol": 0, "gtol": 0}
    found = minimize(of, start, jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x, dtype=np.float64)


def _soft(over: Any, softness: Any) -> Any:
    """max(0, over), its corner rounded off."""
    rounded = jnp.maximum(softness, 1e-300)
    return jnp.where(
        softness > 0, rounded * jax.nn.softplus(over / rounded), jnp.maximum(over, 0.0)
    )


def _soft_size(value: Any, softness: Any) -> Any:
    """|value|, its corner rounded off."""
    rounded = jnp.maximum(softness, 1e-300)
    return jnp.where(softness > 0, jnp.sqrt(value**2 + rounded**2), jnp.abs(value))


def _row_loss(name: str, epsilon: float) -> Callable[[Any, Any, Any], Any]:
    """A row's loss of its score, its target and the softness."""

    def huber(score: Any, target: Any, softness: Any) -> Any:
        off = jnp.abs(score - target)
        return jnp.where(off <= epsilon, 0.5 * off**2, epsilon * off - 0.5 * epsilon**2)

    def beyond(score: Any, target: Any, softness: Any) -> Any:
        off = score - target
        return _soft(off - epsilon, softness) + _soft(-off - epsilon, softness)

    def modified_huber(score: Any, target: Any, softness: Any) -> Any:
        margin = score * target
        return jnp.where(margin >= -1, jnp.maximum(0.0, 1 - margin) ** 2, -4 * margin)

    known: dict[str, Callable[[Any, Any, Any], Any]] = {
        "squared_error": lambda score, target, softness: 0.5 * (score - target) ** 2,
        "huber": huber,
        "epsilon_insensitive": beyond,
        "squared_epsilon_insensitive": lambda score, target, softness: (
            beyond(score, target, 0.0) ** 2
        ),
        "log_loss": lambda score, target, softness: jax.nn.softplus(-score * target),
        "hinge": lambda score, target, softness: _soft(1 - score * target, softness),
        "squared_hinge": lambda score, target, softness: jnp.maximum(0.0, 1 - score * target) ** 2,
        "modified_huber": modified_huber,
    }
    return known[name]


_CORNERED: Final = ("hinge", "epsilon_insensitive")


def _words_of_loss(name: str) -> str:
    """What the mean of a loss is called."""
    said = {"squared_error": "mean squared error", "log_loss": "mean log loss"}
    return said.get(name, f"mean {name.replace('_', ' ')} loss")


def linear_loss(
    rows: Matrix,
    target: Vector,
    weight: Vector,
    coefficients: Vector,
    intercept: float | None,
    *,
    loss: str,
    epsilon: float,
    squares: float,
    sizes: float,
    names: tuple[str, ...],
) -> EstimatorLoss:
    """Of a linear model: `squares` and `sizes` are the factors of |w|²/2 and of |w|₁.

    `weight` (n,) are the rows' weights, which need not sum to 1.
    """
    free = intercept is not None
    centre = rows.mean(axis=0) if free else np.zeros(rows.shape[1])
    scale = rows.std(axis=0) if free else np.sqrt(np.mean(rows**2, axis=0))
    scale = np.where(scale > 0, scale, 1.0)
    scaled, shares = (rows - centre) / scale, weight / weight.sum()
    of_row = _row_loss(loss, epsilon)
    # Own weights are u/scale, and the own intercept is u₀ - centre·(u/scale).
    own = np.diag(1 / scale)
    if free:
        own = np.block([[own, np.zeros((len(scale), 1))], [-centre / scale, np.ones(1)]])

    def data(parameters: Any, softness: Any) -> Any:
        score = scaled @ parameters[: len(scale)] + (parameters[-1] if free else 0.0)
        return shares @ of_row(score, target, softness)

    def penalized(parameters: Any, softness: Any) -> Any:
        slopes = parameters[: len(scale)] / scale
        penalty = 0.5 * squares * slopes @ slopes
        if sizes:
            penalty += sizes * jnp.sum(_soft_size(slopes, softness))
        return data(parameters, softness) + penalty

    fitted = coefficients * scale
    if intercept is not None:
        fitted = np.append(fitted, intercept + centre @ coefficients)
    return EstimatorLoss(
        what=_words_of_loss(loss),
        unit=2.0 if loss == "squared_error" else 1.0,
        data=data,
        penalized=penalized,
        fitted=fitted,
        convex=True,
        corners=loss in _CORNERED or bool(sizes),
        own=own,
        names=(*names, *(("the intercept",) if free else ())),
    )


def network_loss(
    rows: Matrix,
    target: Matrix,
    layers: list[tuple[Matrix, Vector]],
    *,
    loss: str,
    activation: str,
    out: str,
    squares: float,
) -> EstimatorLoss:
    """Of a multilayer perceptron. `target` (n, outputs); `out` is the activation of the outputs."""
    shapes = [(matrix.shape, bias.shape) for matrix, bias in layers]
    bend = {
        "identity": lambda value: value,
        "logistic": jax.nn.sigmoid,
        "tanh": jnp.tanh,
        "relu": jax.nn.relu,
    }[activation]

    def unpacked(parameters: Any) -> list[tuple[Any, Any]]:
        found, at = [], 0
        for matrix, bias in shapes:
            size = matrix[0] * matrix[1]
            weights = parameters[at : at + size].reshape(matrix)
            found.append((weights, parameters[at + size : at + size + bias[0]]))
            at += size + bias[0]
        return found

    def data(parameters: Any, softness: Any) -> Any:
        value: Any = jnp.asarray(rows)
        *hidden, (last, bias) = unpacked(parameters)
        for weights, shift in hidden:
            value = bend(value @ weights + shift)
        return partial(_OUTPUTS[loss, out], target)(value @ last + bias)

    def penalized(parameters: Any, softness: Any) -> Any:
        sizes = sum(jnp.sum(weights**2) for weights, _ in unpacked(parameters))
        return data(parameters, softness) + 0.5 * squares * sizes / len(rows)

    return EstimatorLoss(
        what=_words_of_loss("log_loss" if loss == "binary_log_loss" else loss),
        unit=2.0 if loss == "squared_error" else 1.0,
        data=data,
        penalized=penalized,
        fitted=np.concatenate([np.concatenate([w.ravel(), b]) for w, b in layers]),
        convex=False,
        corners=False,
    )


_OUTPUTS: Final[dict[tuple[str, str], Callable[[Any, Any], Any]]] = {
    ("squared_error", "identity"): lambda target, score: 0.5 * jnp.mean((score - target) ** 2),
    ("binary_log_loss", "logistic"): lambda target, score: jnp.mean(
        jnp.sum(jax.nn.softplus(score) - target * score, axis=1)
    ),
    ("log_loss", "softmax"): lambda target, score: (
        -jnp.mean(jnp.sum(target * jax.nn.log_softmax(score), axis=1))
    ),
}
"""The mean loss of outputs (n, outputs), by the loss and the activation of the outputs."""
