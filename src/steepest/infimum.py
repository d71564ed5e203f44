"""Whether there is a minimum at all, or a loss that falls for ever while weights go to infinity.

For classes under cross-entropy linear programming decides. For any other loss the weight along
which it is flattest is held further and further out and the others are minimized: where the loss
only falls, no minimum exists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.optimize

from steepest.formula import is_linear
from steepest.objective import FormulaKernel, Objective
from steepest.records import Matrix, Minimum, Vector
from steepest.solvers import FEW_EVALUATIONS, polished

PERFECT = 1e-6
"""A cross-entropy this small, in nats, counts as no error at all."""

MOST_SEPARATED = 1_000_000
"""Rows times weights up to which classes are told apart by linear programming."""

CLEAR = 1e-6
"""A margin above this, with columns of unit size and no weight above 1, is no rounding."""

MOST_WEIGHTS = 50
"""With more of them it is not tried whether the loss falls for ever."""

OUTWARD = (1.0, 9.0, 99.0, 999.0)
"""How far out a weight is held, in units of its size."""

LEVEL = 1e-6
"""A loss that rises by less than this share of itself has not risen."""

Outward = Callable[[Vector, float], Vector]
"""From a point (p,) on a way to the one that is so far out."""

SLOWING = 0.5
"""Where ten times as far takes off less than this share of what the ten times before took, the
loss nears a limit."""


def separated(objective: Objective, start: Vector, ends: float) -> Minimum | None:
    """No minimum, where a logistic model can tell classes apart; None where it cannot.

    If the logit is linear in the weights, there is no minimum exactly if some direction of the
    weights lowers the cross-entropy of a row and raises that of none (Albert and Anderson 1984).
    """
    logit = _linear_logit(objective)
    target = np.asarray(objective.data["rows"].get("target", ()))
    if logit is None or not np.all((target == 0) | (target == 1)):
        return None
    size = len(objective.names)
    ways = logit * np.where(target == 1, 1.0, -1.0)[:, None]
    scale = np.max(np.abs(ways), axis=0)
    ways = ways / np.where(scale > 0, scale, 1.0)
    # No way out along a weight that has a bound there.
    edges = [
        (0.0 if np.isfinite(low) else -1.0, 0.0 if np.isfinite(high) else 1.0)
        for low, high in zip(objective.lower, objective.upper, strict=True)
    ]
    some = scipy.optimize.linprog(
        -np.mean(ways, axis=0), A_ub=-ways, b_ub=np.zeros(len(ways)), bounds=edges, method="highs"
    )
    if some.x is None or -some.fun <= CLEAR:
        return None
    least = scipy.optimize.linprog(
        np.append(np.zeros(size), -1.0),
        A_ub=np.column_stack([-ways, np.ones(len(ways))]),
        b_ub=np.zeros(len(ways)),
        bounds=[*edges, (None, None)],
        method="highs",
    )
    at = polished(objective, start, ends)
    if least.x is not None and -least.fun > CLEAR:
        how = "linear programming: a line tells all rows apart"
        return Minimum(0.0, objective.named(at), how, separable=True)
    how = "linear programming: a line tells a part of the rows apart"
    return Minimum(objective.value(at), objective.named(at), how, separable=True)


def _linear_logit(objective: Objective) -> Matrix | None:
    """The derivative (n, p) of each row's logit by each weight, where that is constant."""
    kernel = objective.kernel
    if not isinstance(kernel, FormulaKernel) or kernel.loss_name != "cross-entropy":
        return None
    size = len(objective.names)
    if objective.rows * size > MOST_SEPARATED:
        return None
    if kernel.gives == "logit":
        found = (
            objective.jacobian(np.zeros(size)) if is_linear(kernel.model, kernel.weights) else None
        )
        return found if found is not None and np.all(np.isfinite(found)) else None
    # However the sigmoid was written: its logit must go as its slope at zero says.
    with np.errstate(all="ignore"):
        share = objective.predictions(np.zeros(size))
        found = objective.jacobian(np.zeros(size)) / (share * (1 - share))[:, None]
        reach = np.max(np.abs(found), axis=0)
        draw = np.random.default_rng(0)
        for _ in range(3):
            at = draw.uniform(-3, 3, size=size) / np.where(reach > 0, reach, 1.0) / size
            there = objective.predictions(at)
            moved = np.log(there / (1 - there)) - np.log(share / (1 - share))
            if not np.all(np.abs(moved - found @ at) <= 1e-9):
                return None
    return found


def without_error(objective: Objective, weights: Vector, loss: float, start: Vector) -> bool:
    """Whether a cross-entropy goes to 0 with growing weights, as for classes without an overlap."""
    kernel = objective.kernel
    if not isinstance(kernel, FormulaKernel) or kernel.loss_name != "cross-entropy":
        return False
    grown = np.linalg.norm(weights) > 3 * max(float(np.linalg.norm(start)), 1.0)
    return bool(0 <= loss <= PERFECT and grown)


@dataclass(frozen=True)
class Fall:
    """A loss that falls for ever."""

    growing: tuple[str, ...]
    """The weights that go to infinity."""
    infimum: float
    """What it nears; minus infinity where it falls without end."""


def endless_fall(
    objective: Objective, at: Vector, lowest: float, start: Vector, ends: float
) -> Fall | None:
    """Whether the loss goes on falling from where a solver stopped; None where it does not.

    `lowest` is the lowest loss known: a fall that ends above it says nothing.
    """
    if len(at) > MOST_WEIGHTS:
        return None
    loss, slope = objective.value_and_gradient(at)
    first = objective.value(start)
    fallen = abs(first - loss) if np.isfinite(first) else 0.0
    size = np.maximum(np.abs(at), np.abs(at - start))
    size = np.where(size > 0, size, 1.0)
    clear = loss + LEVEL * abs(loss) + 1e-9 * fallen
    for outward, before in _ways(objective, at, start, slope, size, ends):
        points = list(_falling(objective, at, outward))
        losses = [loss, *map(objective.value, points)]
        if len(points) < len(OUTWARD) or not min(losses) < loss:
            continue
        # Along a flat combination of weights the loss was as low before.
        if not objective.value(before()) > clear:
            continue
        infimum = _limit(losses, fallen)
        if infimum > lowest + LEVEL * abs(lowest):
            continue
        far = np.abs(points[-1] - at) > 30 * size
        names = tuple(name for name, is_far in zip(objective.names, far, strict=True) if is_far)
        return Fall(names, infimum)
    return None


def nothing_left(objective: Objective, at: Vector) -> bool:
    """Whether the loss is the same all around, as where an exponential has become zero."""
    loss, slope = objective.value_and_gradient(at)
    around = [objective.value(at * factor) for factor in (0.9, 1.1)]
    return not np.any(slope) and all(value == loss for value in around)


def _flattest(objective: Objective, at: Vector, slope: Vector, size: Vector) -> Iterator[int]:
    """The weights that lead along the two least curved directions, and down the slope."""
    seen: set[int] = set()
    rows = []
    for index in range(len(at)):
        step = np.zeros(len(at))
        step[index] = 1e-4 * size[index]
        rows.append(
            objective.value_and_gradient(at + step)[1] - objective.value_and_gradient(at - step)[1]
        )
    curved = np.array(rows) * size
    leading = [int(np.argmax(np.abs(slope * size)))]
    if np.all(np.isfinite(curved)):
        vectors = np.linalg.eigh((curved + curved.T) / 2)[1]
        leading += [int(np.argmax(np.abs(vectors[:, column]))) for column in range(len(at))[:2]]
    for index in leading:
        if index not in seen:
            seen.add(index)
            yield index


def _ways(
    objective: Objective, at: Vector, start: Vector, slope: Vector, size: Vector, ends: float
) -> Iterator[tuple[Outward, Callable[[], Vector]]]:
    """Ways to infinity, each with a point where the descent along it may have begun."""
    moved = at - start
    came = np.abs(moved) > 1e-6 * size
    if np.any(came):
        yield lambda point, far: at + far * moved, lambda: start
    for index in _flattest(objective, at, slope, size):
        sign = np.sign(moved[index]) if came[index] else -np.sign(slope[index])
        if sign == 0:
            continue
        step = sign * size[index]
        back = start[index] if came[index] else at[index] - step / 2
        yield (
            lambda point, far, i=index, by=step: _held(objective, point, i, at[i] + far * by, ends),
            lambda i=index, value=back: _held(objective, at, i, value, ends),
        )


def _falling(objective: Objective, at: Vector, outward: Outward) -> Iterator[Vector]:
    """Points further and further out, as long as the loss falls and the bounds allow it."""
    point, loss = at, objective.value(at)
    for far in OUTWARD:
        point = outward(point, far)
        there = objective.value(point)
        inside = np.all((point >= objective.lower) & (point <= objective.upper))
        if not inside or not there <= loss + LEVEL * abs(loss):
            return
        loss = there
        yield point


def _held(objective: Objective, at: Vector, index: int, value: float, ends: float) -> Vector:
    """The lowest point near `at` (p,) at which one weight has the given value."""
    begin = at.copy()
    begin[index] = value
    free = np.arange(len(at)) != index
    return polished(objective, begin, ends, FEW_EVALUATIONS, free)


def _limit(losses: list[float], fallen: float) -> float:
    """What the losses near: the last three are each ten times as far out as the one before."""
    near, middle, far = losses[-3:]
    earlier, later = near - middle, middle - far
    if later > SLOWING * earlier and later > LEVEL * abs(far):
        return -np.inf
    limit = far - later**2 / (earlier - later) if earlier > later > 0 else far
    return 0.0 if abs(limit) <= 1e-9 * fallen else limit
