"""Gradient descent on a quadratic, in closed form.

Along the eigenvector of eigenvalue λ the distance to the minimum is multiplied by 1 - ηλ in every
step, so the loss above its floor after k steps is the sum of ½ λ c² (1 - ηλ)^(2k) over the modes.
Nothing here touches the data.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.records.arrays import Matrix, Vector

FAR = 10**15
"""More steps than this count as never."""

_NOTHING = math.log(5e-324) - math.log(2.0)
"""What has a smaller logarithm is rounded to 0."""

_MUCH = 1e300

_UNSURE = 1e-6
"""Singular values so small beside the largest have lost digits."""

_MOST_ROTATED = 200
"""With more weights, rotations take too long."""

_STANDS = 0.1
"""An error of this share leaves a size standing."""


@dataclass(frozen=True)
class Modes:
    """`eigenvalues` (m,) largest first, `vectors` (p, m), and the `floor` of the loss.

    An eigenvalue up to `noise` cannot be told from zero.
    """

    eigenvalues: Vector
    vectors: Matrix
    floor: float
    noise: float = 0.0

    def distances(self, offset: Vector) -> Vector:
        """Signed distance to the minimum along each eigenvector, (m,)."""
        return np.asarray(self.vectors.T @ offset)


def modes_of(root: Matrix, floor: float) -> Modes:
    """The modes of floor + |root @ d|²/2. Singular values keep the digits of small eigenvalues."""
    _, singular, right = np.linalg.svd(root, full_matrices=False)
    vectors = right.T
    below = len(vectors) * 4 * sys.float_info.epsilon
    noise = float((below * singular[0]) ** 2)
    if singular[-1] < _UNSURE * singular[0] and _is_small(root):
        from scipy.linalg.lapack import dgejsv  # A quarter of a second, and seldom needed.

        # Rotations of columns see small values beside large ones, as far as the columns, each
        # brought to length 1, can be told apart (Drmač and Veselić 2008).
        sva, _, among, work, _, failed = dgejsv(root, joba=0, jobu=3, jobv=0, jobr=0, jobt=0)
        if not failed:
            singular, vectors = sva * (work[0] / work[1]), among
            lengths = np.linalg.norm(root, axis=0)
            alike = np.linalg.cond(root / lengths) if np.all(lengths > 0) else np.inf
            noise = 0.0 if alike * below < _STANDS else noise
    return Modes(singular**2, vectors, floor, noise)


def _is_small(root: Matrix) -> bool:
    rows, weights = root.shape
    return bool(rows >= weights and weights <= _MOST_ROTATED)


def excess(modes: Modes, offset: Vector, lr: Any, steps: Any) -> Any:
    """Loss above the floor after `steps` steps from `offset` = start - minimum, (p,).

    `lr` and `steps` are numbers or arrays (m,), and so is what is found.
    """
    start, factor = _decay(modes, offset, lr)
    steps = np.asarray(steps)[..., None]
    with np.errstate(over="ignore", invalid="ignore"):
        # -inf * 0 is a mode that is done at once, seen before any step.
        grown = np.where(steps == 0, start, start + steps * factor)
        return np.sum(np.exp(grown), axis=-1)


def _decay(modes: Modes, offset: Vector, lr: Any) -> tuple[Vector, Matrix]:
    """The logarithm of each mode's share of the loss at the start, and what a step adds to it."""
    with np.errstate(divide="ignore", over="ignore"):
        # Not of the square, which may overflow where the share is a number.
        distances = np.abs(modes.distances(offset))
        start = np.log(0.5 * modes.eigenvalues) + 2.0 * np.log(distances)
        return start, 2.0 * np.log(np.abs(1.0 - np.asarray(lr)[..., None] * modes.eigenvalues))


def steps_to(modes: Modes, offset: Vector, lr: float, goal: float) -> int | None:
    """First step at which the loss is at or below `goal`; None where it never is."""
    return steps_of(modes, offset, np.array([lr]), goal)[0]


def steps_of(modes: Modes, offset: Vector, rates: Vector, goal: float) -> list[int | None]:
    """`steps_to` for many learning rates (m,)."""
    found = _steps_to(modes, offset, rates, goal)
    return [None if steps == np.inf else int(steps) for steps in found.tolist()]


def _steps_to(modes: Modes, offset: Vector, rates: Vector, goal: float) -> Vector:
    """First steps (m,) at which the loss is at or below `goal`; infinite where it never is.

    The logarithm of a sum of exponentials in the number of steps is convex: Newton's tangents lie
    below it, and so come to the first of these steps from the left, without passing it.
    """
    allowed = goal - modes.floor
    if allowed < 0:
        return np.full(len(rates), np.inf)
    wanted = math.log(allowed) if allowed > 0 else _NOTHING
    start, factor = _decay(modes, offset, rates)
    found = np.where(excess(modes, offset, rates, 0) <= allowed, 0.0, 1.0)
    # After one step, modes that are done at once are no more.
    ends = np.where(np.isneginf(factor), -np.inf, start)
    factor = np.where(np.isneginf(factor), 0.0, factor)
    going = found > 0
    while np.any(going):
        logs = ends[going] + found[going, None] * factor[going]
        top = np.maximum(np.max(logs, axis=-1), -_MUCH)
        shares = np.exp(logs - top[:, None])
        total = np.sum(shares, axis=-1)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            above = top + np.log(total) - wanted
            slope = np.sum(shares * factor[going], axis=-1) / total
            step = np.where(slope < 0, np.ceil(-above / slope), np.inf)
        found[going] += np.where(above > 0, step, 0.0)
        found[found > FAR] = np.inf
        going[going] = (above > 0) & np.isfinite(found[going])
    return found


def best_rate(modes: Modes, offset: Vector, goal: float) -> tuple[float, int] | None:
    """The single learning rate that reaches `goal` in the fewest steps, and that number.

    Searched below the limit 2/λ on a grid that is fine at both ends, then refined around the best.
    """
    if not len(modes.eigenvalues) or modes.eigenvalues[0] <= 0:
        return None
    limit = 2.0 / float(modes.eigenvalues[0])
    shares = np.concatenate([np.geomspace(1e-3, 0.9, 60), 1.0 - np.geomspace(0.098, 1e-9, 120)])
    best_share, best_steps = 0.0, np.inf
    for _ in range(5):
        steps = _steps_to(modes, offset, limit * shares, goal)
        fewest = float(np.min(steps))
        if not np.isfinite(fewest):
            return None
        # Of rates that are equally quick, the one that is nearly there a step sooner.
        left = excess(modes, offset, limit * shares, max(fewest - 1, 0.0))
        place = int(np.argmin(np.where(steps == fewest, left, np.inf)))
        if fewest <= best_steps:
            best_share, best_steps = float(shares[place]), fewest
        below, above = shares[max(place - 1, 0)], shares[min(place + 1, len(shares) - 1)]
        shares = np.linspace(below, above, 60)
    return limit * best_share, int(best_steps)


def lowest_after(modes: Modes, offset: Vector, steps: int) -> float:
    """The learning rate below the limit that leaves the lowest loss after `steps` steps."""
    limit = 2.0 / float(modes.eigenvalues[0])
    shares = np.concatenate([np.geomspace(1e-3, 0.9, 60), 1.0 - np.geomspace(0.098, 1e-9, 60)])
    left = excess(modes, offset, limit * shares, steps)
    return limit * float(shares[int(np.argmin(left))])
