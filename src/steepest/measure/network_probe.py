"""Measuring one point of a network's loss: curvature, noise, and steps that were not taken."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigsh

from steepest.engine.effort import compiled
from steepest.measure.other_steps import FACTORS
from steepest.objective.networks import ROW_LOSSES, Network, Weights, activate, compute, linear
from steepest.records.arrays import Matrix, Vector
from steepest.records.training import Probe

TOLERANCE: Final = 1e-3
"""Relative, of an eigenvalue."""

MOST_PRODUCTS: Final = 300
"""Of the Hessian and a vector, for one end of the spectrum."""

LEAST: Final = 3
"""Weights, from which on an iterative method finds eigenvalues."""


Rows = jax.Array | np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Point:
    """A network with its weights on rows: where something is measured."""

    network: Network
    loss: str
    weights: Weights
    inputs: Rows
    targets: Rows

    @property
    def given(self) -> tuple[Network, str, Weights, jax.Array, jax.Array]:
        """All of it, as what is compiled takes it."""
        rows = jnp.asarray(self.inputs), jnp.asarray(self.targets)
        return self.network, self.loss, self.weights, *rows


def probe(
    point: Point,
    step: int,
    change: Weights,
    scaling: Vector | None,
    factor: float | None,
    *,
    curved: bool = True,
    seconds: float = math.inf,
) -> Probe:
    """Measure the curvature, the noise and the steps not taken.

    `change` is what the optimizer would add to the weights. `scaling` (p,) is the diagonal by
    which an adaptive optimizer divides its steps; `factor` is its stability limit times the
    largest eigenvalue, None where it has no such number. The curvature is measured where it is
    `curved`, and in so many `seconds`.
    """
    losses = [_moved(*point.given, change, times) for times in FACTORS]
    found = extremes(point, scaling, seconds) if curved else Extremes()
    largest = found.largest
    limit = factor / largest if factor and math.isfinite(largest) and largest > 0 else None
    squares, _, length = row_gradients(point)
    return Probe(
        step=step,
        loss=float(losses[0]),
        largest=largest,
        largest_residual=found.largest_residual,
        most_negative=found.most_negative,
        most_negative_residual=found.most_negative_residual,
        preconditioned=scaling is not None,
        sharpness=_sharpness(point) if curved else math.nan,
        limit=limit,
        noise_scale=noise_scale(squares, length),
        factors=FACTORS,
        losses=tuple(float(loss) for loss in losses),
    )


@dataclass(frozen=True)
class Extremes:
    """Both ends of a spectrum, with |Hv - λv| / |λ|; NaN where they were not found."""

    largest: float = math.nan
    largest_residual: float = math.nan
    most_negative: float = math.nan
    most_negative_residual: float = math.nan


class _OutOfTimeError(Exception):
    """Raised out of Lanczos' method, to end it."""


def extremes(point: Point, scaling: Vector | None = None, seconds: float = math.inf) -> Extremes:
    """The ends of the Hessian's spectrum. With `scaling` (p,) they are those of P⁻¹H."""
    root = np.ones(point.network.size) if scaling is None else 1.0 / np.sqrt(scaling)

    def times(vector: Vector) -> Vector:
        found = _times(*point.given, jnp.asarray(root * vector, point.given[3].dtype))
        return root * np.asarray(found, np.float64)

    return ends_of(times, point.network.size, seconds)


def ends_of(times: Callable[[Vector], Vector], size: int, seconds: float = math.inf) -> Extremes:
    """The ends of a symmetric matrix's spectrum, from its products, by ARPACK's Lanczos method.

    An end that was not found in so many `seconds`, not counting what the first product takes to
    compile, is NaN.
    """
    if size < LEAST:
        matrix = np.stack([times(column) for column in np.eye(size)])
        if not np.isfinite(matrix).all():
            return Extremes()
        values = np.linalg.eigvalsh((matrix + matrix.T) / 2)
        return Extremes(float(values[-1]), 0.0, float(values[0]), 0.0)
    begin = np.random.default_rng(0).normal(size=size)
    if not np.isfinite(times(begin)).all():
        return Extremes()
    ends_at = time.monotonic() + seconds

    def timed(vector: Any) -> Vector:
        if time.monotonic() > ends_at:
            raise _OutOfTimeError
        return times(np.ravel(vector))

    operator = LinearOperator((size, size), matvec=timed, dtype=np.float64)
    ends = [_end(operator, which, begin) for which in ("LA", "SA")]
    return Extremes(*ends[0], *ends[1])


def _end(operator: Any, which: str, begin: Vector) -> tuple[float, float]:
    size = operator.shape[0]
    width = min(size, 20)
    try:
        value, vectors = eigsh(
            operator,
            k=1,
            which=which,
            v0=begin,
            tol=TOLERANCE,
            ncv=width,
            maxiter=max(1, MOST_PRODUCTS // width),
        )
        vector = vectors[:, 0]
        residual = float(np.linalg.norm(operator.matvec(vector) - value[0] * vector))
    except (ArpackError, ArpackNoConvergence, _OutOfTimeError):
        return math.nan, math.nan
    return float(value[0]), residual / max(abs(float(value[0])), 1e-300)


def row_gradients(point: Point) -> tuple[Vector, Vector, float]:
    """The gradient of each row's own loss, without holding it.

    Returns the squares of their lengths (n,), their products with the gradient of the mean (n,),
    and the square of that one's length. A layer's gradient of one row is the outer product of what
    came in and what came back, so both follow from these alone.
    """
    found = _rows(*point.given)
    squares, along, length = (np.asarray(part, np.float64) for part in found)
    return squares, along, float(length)


def noise_scale(squares: Vector, length: float) -> float | None:
    """Tr Σ / |G|² of the rows' gradients, both without bias; None for one row.

    `squares` (n,) are the rows' squared lengths, `length` that of their mean (McCandlish et al.,
    arXiv 1812.06162, appendix A).
    """
    rows = len(squares)
    if rows < 2 or not np.isfinite(squares).all():
        return None
    spread = (float(squares.mean()) - length) * rows / (rows - 1)
    true = length - spread / rows
    return spread / true if true > 0 else math.inf


def row_losses(point: Point) -> Vector:
    """The loss of each row (n,)."""
    return np.asarray(_row_losses(*point.given), np.float64)


def losses_at(point: Point, many: Iterable[Weights]) -> Vector:
    """The mean loss of the rows with each of these weights, however many there are."""
    network, loss, _, *rows = point.given
    return np.array(
        [np.asarray(_row_losses(network, loss, one, *rows), np.float64).mean() for one in many]
    )


def backward_values(point: Point) -> tuple[list[Matrix], list[Matrix]]:
    """What comes out of each layer, and the adjoint of what stood before its activation.

    Each is (n, units), in order from the first layer. An adjoint is the derivative of the mean
    loss with respect to a value.
    """
    values, adjoints = _passes(*point.given)
    return (
        [np.asarray(value, np.float64) for value in values],
        [np.asarray(adjoint, np.float64) for adjoint in adjoints],
    )


@compiled("network", "loss", seldom=True)
def _row_losses(
    network: Network, loss: str, weights: Weights, inputs: jax.Array, targets: jax.Array
) -> jax.Array:
    return ROW_LOSSES[loss](compute(network, weights, inputs), targets)


@compiled("network", "loss", seldom=True)
def _moved(
    network: Network,
    loss: str,
    weights: Weights,
    inputs: jax.Array,
    targets: jax.Array,
    change: Weights,
    factor: float,
) -> jax.Array:
    moved = jax.tree.map(lambda w, c: w + factor * c, weights, change)
    return ROW_LOSSES[loss](compute(network, moved, inputs), targets).mean()


@compiled("network", "loss", seldom=True)
def _times(
    network: Network,
    loss: str,
    weights: Weights,
    inputs: jax.Array,
    targets: jax.Array,
    vector: jax.Array,
) -> jax.Array:
    flat, back = ravel_pytree(weights)

    def slope(flat: jax.Array) -> jax.Array:
        found: jax.Array = jax.grad(
            lambda f: ROW_LOSSES[loss](compute(network, back(f), inputs), targets).mean()
        )(flat)
        return found

    bent: jax.Array = jax.jvp(slope, (flat,), (vector,))[1]
    return bent


def _sharpness(point: Point) -> float:
    slope = _slope(*point.given)
    length = float(slope @ slope)
    if not length > 0 or not math.isfinite(length):
        return math.nan
    bent = _times(*point.given, slope)
    return float(slope @ bent) / length


@compiled("network", "loss", seldom=True)
def _slope(
    network: Network, loss: str, weights: Weights, inputs: jax.Array, targets: jax.Array
) -> jax.Array:
    found: Weights = jax.grad(
        lambda w: ROW_LOSSES[loss](compute(network, w, inputs), targets).mean()
    )(weights)
    flat: jax.Array = ravel_pytree(found)[0]
    return flat


def _with_bends(
    network: Network, weights: Weights, inputs: jax.Array, bends: list[jax.Array]
) -> tuple[jax.Array, list[jax.Array]]:
    """What comes out, and what goes into each layer, with `bends` added before activations."""
    values, came = inputs, []
    for place, (layer, pair) in enumerate(zip(network.layers, weights, strict=True)):
        came.append(values)
        values = activate(layer, linear(pair, values) + bends[place])
    return values, came


def _bends(network: Network, inputs: jax.Array) -> list[jax.Array]:
    return [jnp.zeros((len(inputs), layer.outputs), inputs.dtype) for layer in network.layers]


@compiled("network", "loss", seldom=True)
def _rows(
    network: Network, loss: str, weights: Weights, inputs: jax.Array, targets: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    def total(bends: list[jax.Array]) -> tuple[jax.Array, list[jax.Array]]:
        outputs, came = _with_bends(network, weights, inputs, bends)
        return ROW_LOSSES[loss](outputs, targets).sum(), came

    # The derivative before an activation is what comes back for each row.
    back, came = jax.grad(total, has_aux=True)(_bends(network, inputs))
    squares = along = jnp.zeros(len(inputs), inputs.dtype)
    length = jnp.zeros((), inputs.dtype)
    for delta, x in zip(back, came, strict=True):
        matrix, bias = delta.T @ x / len(x), delta.mean(0)
        squares += jnp.square(delta).sum(1) * (jnp.square(x).sum(1) + 1)
        along += ((delta @ matrix) * x).sum(1) + delta @ bias
        length += jnp.square(matrix).sum() + jnp.square(bias).sum()
    return squares, along, length


@compiled("network", "loss", seldom=True)
def _passes(
    network: Network, loss: str, weights: Weights, inputs: jax.Array, targets: jax.Array
) -> tuple[list[jax.Array], list[jax.Array]]:
    def before(bends: list[jax.Array]) -> tuple[jax.Array, list[jax.Array]]:
        outputs, came = _with_bends(network, weights, inputs, bends)
        return ROW_LOSSES[loss](outputs, targets).mean(), [*came[1:], outputs]

    back, after = jax.grad(before, has_aux=True)(_bends(network, inputs))
    return after, back
