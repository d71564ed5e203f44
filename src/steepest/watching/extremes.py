"""Both ends of the spectrum of a symmetric matrix that can only be multiplied with vectors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from steepest.records.arrays import Matrix, Vector

VECTORS: Final = 16
"""Directions that are kept at a time, each with its product, where they are short enough."""

ENTRIES: Final = 200_000_000
"""So many numbers may they have together, as long as four can be kept."""

FEW: Final = 6

SYMMETRIC: Final = 0.01
"""Of the matrix's largest entry so much may two of its entries differ that should be the same."""


class NotSymmetricError(ArithmeticError):
    """The products are not those of a symmetric matrix."""


Product = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Extremes:
    """The two ends of a spectrum, the largest first."""

    values: tuple[float, float]
    residuals: tuple[float, float]
    """|Hv - λv| / |λ|."""
    along: float
    """The curvature along the first of the vectors that were given; NaN where that was zero."""
    top: torch.Tensor
    """The direction of the largest, of length 1."""


def extremes(
    product: Product,
    starts: Sequence[torch.Tensor],
    *,
    most: int,
    good: float,
    exact: bool = True,
) -> Extremes | None:
    """Find both ends by Rayleigh's and Ritz's method, with at most `most` products.

    From the span of `starts` on, the space grows by the residual of the end that is known worse;
    from one start this is Lanczos' method. Where the space gets too large, it begins anew from the
    best of what it has. It stops where both relative residuals are at most `good`. None where a
    product is not finite, or all starts are zero.

    Raises NotSymmetricError where `exact` products show that the matrix is not symmetric.
    """
    space = _Space(product, exact=exact)
    waiting = list(starts)
    along = math.nan
    for place in range(most):
        direction = None
        while direction is None and waiting:
            direction = space.outside(waiting.pop(0))
        if direction is None and space.basis:
            values, mixtures = np.linalg.eigh(space.T)
            sizes = np.maximum(np.abs(values[[-1, 0]]), 1e-3 * np.abs(values).max())
            left = [space.residual(values[end], mixtures[:, end]) for end in (-1, 0)]
            far = [
                float(torch.linalg.vector_norm(r)) / (s or 1)
                for r, s in zip(left, sizes, strict=True)
            ]
            if max(far) <= good:
                break
            direction = space.outside(left[int(np.argmax(far))])
            space.shrink(mixtures)
        if direction is None:
            break
        if not space.grow(direction):
            return None
        if not place and bool(starts[0].any()):
            along = float(space.T[0, 0])
    if not space.basis:
        return None
    values, mixtures = np.linalg.eigh(space.T)
    top, bottom = (
        float(torch.linalg.vector_norm(space.residual(values[end], mixtures[:, end])))
        for end in (-1, 0)
    )
    high, low = float(values[-1]), float(values[0])
    return Extremes(
        values=(high, low),
        residuals=(top / abs(high) if high else 0.0, bottom / abs(low) if low else 0.0),
        along=along,
        top=_mixed(space.basis, mixtures[:, -1]),
    )


class _Space:
    """An orthonormal basis, the products with its vectors, and the matrix as it is seen in it."""

    def __init__(self, product: Product, *, exact: bool):
        self._product = product
        self._exact = exact
        self.basis: list[torch.Tensor] = []
        self.images: list[torch.Tensor] = []
        self.T: Matrix = np.zeros((0, 0))

    def outside(self, vector: torch.Tensor) -> torch.Tensor | None:
        """The direction of what is left of a vector outside the space; None where it is nothing."""
        length = torch.linalg.vector_norm(vector)
        if not bool(length > 0):
            return None
        vector = vector / length
        # Once would be enough without rounding.
        for _ in range(2):
            for known in self.basis:
                vector = vector - (vector @ known) * known
        left = torch.linalg.vector_norm(vector)
        return vector / left if bool(left > 1e-5) else None

    def grow(self, direction: torch.Tensor) -> bool:
        """Take in a direction; False where its product is not finite."""
        image = self._product(direction)
        self.basis.append(direction)
        self.images.append(image)
        column = np.array([float(known @ image) for known in self.basis])
        row = [float(direction @ before) for before in self.images]
        size = max(np.abs(self.T).max(initial=0), np.abs(column).max())
        if self._exact and np.abs(column - row).max() > SYMMETRIC * size:
            raise NotSymmetricError
        self.T = np.pad(self.T, (0, 1))
        self.T[-1, :] = self.T[:, -1] = column
        return bool(np.isfinite(column).all())

    def residual(self, value: float, mixture: Vector) -> torch.Tensor:
        """How far a vector of the space is from an eigenvector."""
        return _mixed(self.images, mixture) - value * _mixed(self.basis, mixture)

    def shrink(self, mixtures: Matrix) -> None:
        """Where the space is full, keep its ends only."""
        room = max(4, min(VECTORS, ENTRIES // (2 * len(self.basis[0]))))
        if len(self.basis) < room:
            return
        ends = (-1, -2, 1, 0) if room > FEW else (-1, 0)
        self.basis, self.images = (
            [_mixed(vectors, mixtures[:, end]) for end in ends]
            for vectors in (self.basis, self.images)
        )
        kept = mixtures[:, ends]
        self.T = kept.T @ self.T @ kept


def _mixed(vectors: Sequence[torch.Tensor], mixture: Vector) -> torch.Tensor:
    mixed = torch.zeros_like(vectors[0])
    for share, vector in zip(mixture.tolist(), vectors, strict=True):
        mixed.add_(vector, alpha=share)
    return mixed
