"""The largest learning rate that is stable in mean square, with batches, for least squares.

With batches of B rows drawn from n the gradient is H_B e at the distance e from the minimum, and
H_B differs from step to step. The second moment S of the distance (and of the optimizer's memory)
then goes on by a linear map, and its growth is what decides (Mulayoff and Michaeli, Exact mean
square linear stability analysis for SGD, COLT 2024, arXiv 2306.07850). Batches are taken as drawn
anew at each step, B different rows out of n; those of an epoch have no row twice, which leaves
the limit where it is to within what the docs show.

In the eigenvectors of H the mean part of the map is diagonal, so what is left to ask is whether
the noise of the batches, S -> F(S), passed through it, grows: the largest eigenvalue of
S_ij -> g_ij F(S)_ij is below 1 exactly where all is stable, because both maps keep a second moment
positive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steepest.methods.optimizers import optimizer_of, stability_factor
from steepest.records.arrays import Matrix, Vector

MOST_ROW_PRODUCTS = 2e6
"""Rows times the square of the weights, up to which the limit is computed."""

SLOW = 1e-5
"""A direction that curves by less than the square of this share of the largest decides nothing."""

HALVINGS = 30
TURNS = 200
_CLOSE = 1e-6


@dataclass(frozen=True)
class BatchedRows:
    """Rows (n, p) of a least-squares problem in the eigenvectors of H, the mean of 2 x xᵀ."""

    inputs: Matrix
    curvatures: Vector
    """(p,), all positive."""
    size: int
    """Rows in a batch."""

    @property
    def noise(self) -> float:
        """How much of the rows' own scatter is left in a batch: (n - B)/(B (n - 1))."""
        rows = len(self.inputs)
        return (rows - self.size) / (self.size * (rows - 1))

    def scatter(self, moment: Matrix) -> Matrix:
        """F(S) = E (H_B - H) S (H_B - H), (p, p)."""
        along = np.sum((self.inputs @ moment) * self.inputs, axis=1)
        whole = 4 * (self.inputs * along[:, None]).T @ self.inputs / len(self.inputs)
        mean = self.curvatures[:, None] * moment * self.curvatures[None, :]
        return np.asarray(self.noise * (whole - mean))


def rows_of(design: Matrix, size: int) -> BatchedRows:
    """The rows of a design (n, p), in the directions that the loss curves along."""
    _, singular, right = np.linalg.svd(design, full_matrices=False)
    kept = singular > SLOW * np.max(singular, initial=0.0)
    curvatures = 2 * singular[kept] ** 2 / len(design)
    return BatchedRows(design @ right[kept].T, curvatures, size)


def mean_square_limit(rows: BatchedRows, optimizer: str, momentum: float | None) -> float | None:
    """The largest stable learning rate; None for an optimizer whose steps are not linear."""
    factor = stability_factor(optimizer, momentum)
    method = optimizer_of(optimizer)
    if factor is None or not method.is_linear or not len(rows.curvatures):
        return None
    beta = momentum or 0.0
    low, high = 0.0, factor / float(rows.curvatures[0])
    if not rows.noise:
        return high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _grows(rows, middle, beta, method.looks_ahead):
            high = middle
        else:
            low = middle
        if high - low <= _CLOSE * high:
            break
    return low


def _grows(rows: BatchedRows, lr: float, beta: float, looks_ahead: bool) -> bool:
    passed = _passed_on(rows.curvatures, lr, beta, looks_ahead)
    moment = np.diag(1.0 / rows.curvatures)
    before = 0.0
    for _ in range(TURNS):
        moment = moment / np.linalg.norm(moment)
        moment = passed * rows.scatter(moment)
        growth = float(np.linalg.norm(moment))
        if not np.isfinite(growth):
            return True
        if abs(growth - before) <= _CLOSE * growth:
            break
        before = growth
    return growth > 1.0


def _passed_on(curvatures: Vector, lr: float, beta: float, looks_ahead: bool) -> Matrix:
    """The g (p, p): the second moment of the distances that noise of size 1 keeps up."""
    # One step of (distance, memory): v ← β v + g; e ← e - η v, or e - η (g + β v).
    kick = np.array([-lr * (1 + beta if looks_ahead else 1), 1.0])
    modes = np.empty((len(curvatures), 2, 2))
    modes[:, 0, 0] = 1 + kick[0] * curvatures
    modes[:, 0, 1] = -lr * beta * (beta if looks_ahead else 1)
    modes[:, 1, 0] = curvatures
    modes[:, 1, 1] = beta
    pairs = np.einsum("iab,jcd->ijacbd", modes, modes).reshape(*[len(curvatures)] * 2, 4, 4)
    forced = np.kron(kick, kick)
    solved = np.linalg.solve(
        np.eye(4) - pairs, np.broadcast_to(forced[:, None], (*pairs.shape[:2], 4, 1))
    )
    return np.asarray(solved[..., 0, 0])
