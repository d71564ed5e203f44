"""The Hessian, its eigenvalues with residuals, and the stability limit that follows from them.

Conventions: λ are eigenvalues of the Hessian of the loss as it is (a mean over rows, no hidden one
half); eigenvalues come largest first; a residual is |Hv - λv| / |λ_max|.
"""

from __future__ import annotations

import sys
from typing import Literal

import numpy as np

from steepest.engine.effort import compiled
from steepest.engine.late import jax
from steepest.engine.xla import in_float64
from steepest.methods.optimizers import stability_factor
from steepest.objective.kernels import Data, Kernel
from steepest.objective.objective import Objective
from steepest.objective.quadratic import Modes
from steepest.records.arrays import Mask, Matrix, Vector
from steepest.records.point import Spectrum

_GRADED = 1e8
"""Below this condition number the usual way keeps what digits are needed."""

_HELD = 1e-140
"""Curvatures that are farther apart, or smaller, are not turned."""

_ROTATED = 40
"""More weights than these are not turned pair by pair."""

_TOLD = 1e-10
"""A smallest eigenvalue without the scale, as a share of the largest, that is no rounding."""

_SWEEPS, _STRAIGHT = 30, 1e-15
"""Times that all pairs are turned at most, and the cosine between columns that is none."""

DENSE = 400
"""Up to this many weights the Hessian is built as a matrix."""

Place = Literal["start", "end", "minimum"]


@compiled("kernel", seldom=True)
def _times(kernel: Kernel, position: jax.Array, vector: jax.Array, data: Data) -> jax.Array:
    def slope(at: jax.Array) -> jax.Array:
        gradient: jax.Array = jax.grad(kernel.loss)(at, data)
        return gradient

    product: jax.Array = jax.jvp(slope, (position,), (vector,))[1]
    return product


@in_float64
def hessian_times(objective: Objective, weights: Vector, vector: Vector) -> Vector:
    """Hessian times a vector (p,), without the Hessian, in the coordinates of `Objective.hessian`.

    About two gradients.
    """
    position = objective.position(weights)
    return np.asarray(_times(objective.kernel, position, vector, objective.data))


def spectrum(
    objective: Objective,
    weights: Vector,
    at: Place,
    *,
    scaling: Vector | None = None,
    preconditioned: str | None = None,
    held: Mask | None = None,
) -> Spectrum | None:
    """Eigenvalues of the Hessian at weights (p,), or None where it is not finite there.

    With `scaling` (p,), the diagonal of an adaptive optimizer's P, they are those of P⁻¹H.
    All of them up to DENSE weights; beyond, the largest and the smallest by Lanczos. Weights that
    are `held` (p,) do not move: the rows and columns of the others are what counts, and vectors
    (p, m) are zero along those. None where all are held.
    """
    free = np.ones(len(weights), dtype=bool) if held is None else ~held
    if not np.any(free):
        return None
    names = tuple(name for name, moves in zip(objective.names, free, strict=True) if not moves)
    root = np.ones(len(weights)) if scaling is None else 1.0 / np.sqrt(scaling)
    if np.sum(free) <= DENSE:
        matrix = (root[:, None] * objective.hessian(weights) * root[None, :])[np.ix_(free, free)]
        if not np.all(np.isfinite(matrix)):
            return None
        values, among, known_to = eigenvalues_of(matrix)
        residuals = np.linalg.norm(matrix @ among - among * values, axis=0)
        complete = True
    else:
        from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

        size = int(np.sum(free))

        def times(vector: Vector) -> Vector:
            whole = np.zeros(len(weights))
            whole[free] = np.ravel(vector)
            return np.asarray((root * hessian_times(objective, weights, root * whole))[free])

        operator = LinearOperator((size, size), matvec=times, dtype=np.float64)
        try:
            low, low_vectors = eigsh(operator, k=1, which="SA", v0=np.ones(size))
            top, top_vectors = eigsh(operator, k=3, which="LA", v0=np.ones(size))
        except ArpackError:
            return None
        values = np.concatenate([top[::-1], low])
        among = np.concatenate([top_vectors[:, ::-1], low_vectors], axis=1)
        products = np.stack([operator.matvec(v) for v in among.T], axis=1)
        residuals = np.linalg.norm(products - among * values, axis=0)
        complete, known_to = False, None
    vectors = np.zeros((len(weights), len(values)))
    vectors[free] = among
    scale = max(float(np.max(np.abs(values))), 1e-300)
    return Spectrum(
        at,
        values,
        vectors,
        residuals / scale,
        complete,
        preconditioned,
        held=names,
        known_to=known_to,
    )


def eigenvalues_of(matrix: Matrix) -> tuple[Vector, Matrix, float | None]:
    """Eigenvalues, the largest first, eigenvectors, and down to where the former are known.

    Where what is uneven is scale, small ones have their digits too, however large the largest is
    (Demmel and Veselić 1992): the matrix is D C D with a diagonal D and a well-conditioned C, and
    one-sided Jacobi rotations of the columns of C's root times D keep them. None: as is usual.
    """
    values, vectors = np.linalg.eigh(matrix)
    usual = values[::-1], vectors[:, ::-1], None
    own, size = np.diagonal(matrix), len(matrix)
    if size > _ROTATED or not np.all(own > 0) or values[-1] < _GRADED * abs(values[0]):
        return usual
    largest = float(np.max(own))
    if not np.min(own) > _HELD * largest or not _HELD < largest < 1 / _HELD:
        return usual  # beyond, the squares of lengths are no numbers
    scale = np.sqrt(own / largest)
    alike = matrix / largest / scale[:, None] / scale
    among = np.linalg.eigvalsh(alike)
    if not among[0] > _TOLD * among[-1]:
        return usual
    columns = np.asarray(np.linalg.cholesky(alike).T * scale, dtype=np.float64)
    turned = np.eye(size)
    for _ in range(_SWEEPS):
        off = 0.0
        for one in range(size - 1):
            for other in range(one + 1, size):
                off = max(off, _rotate(columns, turned, one, other))
        if off < _STRAIGHT:
            break
    found = largest * np.sum(columns**2, axis=0)
    order = np.argsort(-found)
    found = found[order]
    known_to = float(found[-1]) * 4 * size * sys.float_info.epsilon * float(among[-1] / among[0])
    return found, turned[:, order], known_to


def _rotate(columns: Matrix, turned: Matrix, one: int, other: int) -> float:
    """Make two columns orthogonal, and do the same to `turned`. Returns the cosine there was."""
    first, second = columns[:, one], columns[:, other]
    lengths = float(first @ first), float(second @ second)
    product = float(first @ second)
    cosine = abs(product) / np.sqrt(lengths[0] * lengths[1])
    if cosine < _STRAIGHT:
        return 0.0
    tau = (lengths[1] - lengths[0]) / (2 * product)
    tangent = np.copysign(1.0, tau) / (abs(tau) + np.hypot(1.0, tau))
    cos = 1 / np.hypot(1.0, tangent)
    turn = np.array([[cos, cos * tangent], [-cos * tangent, cos]])
    for held in (columns, turned):
        held[:, [one, other]] = held[:, [one, other]] @ turn
    return float(cosine)


def spectrum_of_modes(modes: Modes, at: Place = "end") -> Spectrum:
    """The spectrum of a quadratic, from the singular values of its root.

    It keeps the digits of small eigenvalues that squaring would lose; residuals are those of the
    decomposition of the Hessian.
    """
    matrix = (modes.vectors * modes.eigenvalues) @ modes.vectors.T
    residuals = np.linalg.norm(matrix @ modes.vectors - modes.vectors * modes.eigenvalues, axis=0)
    scale = max(float(modes.eigenvalues[0]), 1e-300)
    complete = modes.vectors.shape[0] == modes.vectors.shape[1]
    return Spectrum(
        at,
        modes.eigenvalues,
        modes.vectors,
        residuals / scale,
        complete,
        known_to=modes.noise,
    )


def stability_limit(optimizer: str, momentum: float | None, found: Spectrum | None) -> float | None:
    """The largest learning rate that does not grow, from a spectrum; None if not measured.

    For adaptive optimizers the spectrum must be the preconditioned one.
    """
    factor = stability_factor(optimizer, momentum)
    if found is None or factor is None or not found.measured or found.largest <= 0:
        return None
    return factor / found.largest
