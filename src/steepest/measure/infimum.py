"""Whether there is a minimum at all, or a loss that falls for ever while weights go to infinity.

For classes under cross-entropy linear programming decides. For any other loss the weight along
which it is flattest is held further and further out and the others are minimized: where the loss
only falls, no minimum exists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from steepest.engine.xla import in_float64
from steepest.formula.structure import is_linear
from steepest.measure.deadline import Deadline
from steepest.measure.solvers import FEW_EVALUATIONS, polished
from steepest.methods.losses import CROSS_ENTROPY
from steepest.objective.kernels import FormulaKernel
from steepest.objective.losses import loss_of_constant
from steepest.objective.objective import Objective
from steepest.records.arrays import Matrix, Vector
from steepest.records.point import Minimum

PERFECT = 1e-6
"""A cross-entropy this small, in nats, counts as no error at all."""

MOST_SEPARATED = 1_000_000
"""Rows times weights up to which classes are told apart by linear programming."""

CLEAR = 1e-6
"""A margin above this, with columns of unit size and no weight above 1, is no rounding."""

MOST_WEIGHTS = 50
"""With more of them it is not tried whether the loss falls for ever."""

DECADE = 10
DOUBLE = 3
"""So many steps are ten times and twice as far."""

OUTWARD = tuple(10 ** (step / DECADE) - 1 for step in range(1, 3 * DECADE + 1))
"""How much further out a weight is held, in units of its size: up to a thousand times as far, in
steps that are small enough for the other weights to follow."""

LEVEL = 1e-6
"""A loss that rises by less than this share of itself has not risen."""

ROUNDING = 1e-10
"""Of how much the loss differs around where it is lowest, this share may be rounding."""

LEVELLED = (1e-7, 1e-10, 1e-13)
"""With the last of these shares of its fall left, a loss is level to within rounding."""

GRADUAL = 0.6
"""Where the last of three such falls takes this part of the way of the one before, the loss came
to its level gradually: an exponential takes as long for each."""

_TENTHS = 9
"""So many tenths of the way that is left to an edge are gone."""

_BESIDE = 1024.0 * 4.0 ** np.arange(14)
"""How far away from a pole it is looked at, in units of the rounding of where it is."""

_STEADY = 0.02
"""Near a pole the logarithm of the loss grows by the same with each, to this share of it."""

_SLOWED = 0.1
"""A fall that is smaller than the one before by this share has slowed."""

SLOWING = 0.5
"""Where ten times as far takes off less than this share of what the ten times before took, the
loss nears a limit."""


def separated(objective: Objective, start: Vector, ends: Deadline) -> Minimum | None:
    """No minimum, where a logistic model can tell classes apart; None where it cannot.

    If the logit is linear in the weights, there is no minimum exactly if some direction of the
    weights lowers the cross-entropy of a row and raises that of none (Albert and Anderson 1984).
    """
    logit = _linear_logit(objective)
    target = np.asarray(objective.data["rows"].get("target", ()))
    if logit is None or not np.all((target == 0) | (target == 1)):
        return None
    from scipy.optimize import linprog

    size = len(objective.names)
    ways = logit * np.where(target == 1, 1.0, -1.0)[:, None]
    scale = np.max(np.abs(ways), axis=0)
    ways = ways / np.where(scale > 0, scale, 1.0)
    # No way out along a weight that has a bound there.
    edges = [
        (0.0 if np.isfinite(low) else -1.0, 0.0 if np.isfinite(high) else 1.0)
        for low, high in zip(objective.lower, objective.upper, strict=True)
    ]
    some = linprog(
        -np.mean(ways, axis=0), A_ub=-ways, b_ub=np.zeros(len(ways)), bounds=edges, method="highs"
    )
    if some.x is None or -some.fun <= CLEAR:
        return None
    least = linprog(
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
    if not isinstance(kernel, FormulaKernel) or kernel.loss_name != CROSS_ENTROPY.name:
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
    if not isinstance(kernel, FormulaKernel) or kernel.loss_name != CROSS_ENTROPY.name:
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


@dataclass(frozen=True)
class Way:
    """A way to infinity."""

    outward: Callable[[Vector, float], Vector]
    """From a point (p,) on it to the one that is so far out."""
    before: Callable[[], Vector]
    """The lowest point (p,) where it may have begun."""
    behind: Vector
    """A point (p,) straight back."""


def falls_at_edge(objective: Objective, at: Vector) -> bool:
    """Whether the loss falls for ever towards the edge of where it is defined, as log(x) does at 0.

    Downhill from where a solver stopped, nearer and nearer to the edge: with each tenth of the
    way that is left the loss falls by as much as with the one before, or by more.
    """
    _, slope = objective.value_and_gradient(at)
    length = float(np.linalg.norm(slope))
    if not np.isfinite(length) or length == 0 or objective.bounded:
        return False
    # In powers of ten: the step down that is still defined, and one that is not.
    inside, beyond = -30.0, 30.0
    way = -slope / length * max(float(np.linalg.norm(at)), 1e-300)

    def value(step: float) -> float:
        return objective.value(at + step * way)

    if np.isfinite(value(10.0**beyond)):
        return False
    for _ in range(100):
        middle = (inside + beyond) / 2
        inside, beyond = (middle, beyond) if np.isfinite(value(10.0**middle)) else (inside, middle)
    edge = 10.0**inside
    losses = [value(edge * (1 - 0.1**tenth)) for tenth in range(_TENTHS)]
    falls = -np.diff(losses)
    return bool(
        np.all(np.isfinite(falls))
        and np.all(falls[1:] >= (1 - _SLOWED) * falls[1:2])
        and falls[1] > LEVEL * abs(losses[0])
    )


def falls_into_pole(objective: Objective, at: Vector) -> bool:
    """Whether a pole is so near that only rounding makes the loss a number, as tan's at π/2.

    Along some weight the loss is minus a power of the distance with a negative exponent, at
    distances from 1024 roundings on to 4**13 times as far: so it has no lowest value.
    """
    if len(at) > MOST_WEIGHTS or not objective.value(at) < 0:
        return False
    for index in range(len(at)):
        for side in (1.0, -1.0):
            steps = np.zeros((len(_BESIDE), len(at)))
            steps[:, index] = side * np.spacing(max(abs(at[index]), 1e-200)) * _BESIDE
            losses = np.array([objective.value(at + step) for step in steps])
            if not np.all((losses < 0) & np.isfinite(losses)):
                continue
            falls = -np.diff(np.log(-losses))
            steady = np.abs(falls - falls[-1]) <= _STEADY * falls[-1]
            if falls[-1] > _SLOWED and np.all(steady):
                return True
    return False


def endless_fall(objective: Objective, at: Vector, start: Vector, ends: Deadline) -> Fall | None:
    """Whether the loss goes on falling from where a solver stopped; None where it does not."""
    if len(at) > MOST_WEIGHTS:
        return None
    loss, slope = objective.value_and_gradient(at)
    size = np.maximum(np.abs(at), np.abs(at - start))
    size = np.where(size > 0, size, 1.0)
    tiny = LEVEL * abs(loss) + ROUNDING * _ordinary(objective, at, start, loss, size)
    for way in _ways(objective, at, start, slope, size, ends):
        points = list(_falling(objective, at, way.outward, loss + tiny))
        losses = [loss, *map(objective.value, points)]
        if len(points) < len(OUTWARD):
            continue
        # Along a flat combination of weights the loss was as low before.
        if not objective.value(way.before()) > loss + 10 * tiny:
            continue
        if not losses[-1] < loss and not _vanishes(objective, way.behind, at):
            continue
        far = np.abs(points[-1] - at) > 30 * size
        names = tuple(name for name, is_far in zip(objective.names, far, strict=True) if is_far)
        return Fall(names, _limit(losses, tiny))
    return None


@in_float64
def _ordinary(objective: Objective, at: Vector, start: Vector, loss: float, size: Vector) -> float:
    """How much the loss differs by, of an ordinary size: however bad the start was.

    The least of: what it fell from the start; what the best constant prediction is above it; and
    the most that moving a weight by its size makes of it, on the side where that is less.
    """
    heights = [abs(objective.value(start) - loss)]
    kernel = objective.kernel
    if isinstance(kernel, FormulaKernel) and kernel.loss_name not in (None, CROSS_ENTROPY.name):
        rows = objective.data["rows"]
        target, weight = rows["target"], rows["weight"]
        middle = float(np.average(target, weights=weight))
        constant = loss_of_constant(kernel.loss_name, kernel.gives, middle, target, weight)
        heights.append(abs(float(constant) - loss))
    elif objective.rows == 0:
        sides = [
            min(abs(objective.value(at + step) - loss), abs(objective.value(at - step) - loss))
            for step in np.diag(size)
        ]
        heights.append(max(sides))
    return min((height for height in heights if np.isfinite(height)), default=0.0)


def _vanishes(objective: Objective, began: Vector, at: Vector) -> bool:
    """Whether the loss came to a standstill gradually, as an exponential does, and not at an edge.

    Only rounding makes it level then. To an edge, where a loss such as |x| + x becomes level, the
    last falls take next to none of the way.
    """
    floor = objective.value(at)

    def fallen(most: float) -> float:
        """The share of the way from `began` after which no more than this is left."""
        low, high = 1e-18, 1.0
        for _ in range(60):
            middle = float(np.sqrt(low * high))
            left = objective.value(began + middle * (at - began)) - floor
            low, high = (low, middle) if left <= most else (middle, high)
        return high

    whole = objective.value(began) - floor
    if not np.isfinite(whole):
        # From where it is a number at all.
        began = began + fallen(float(np.finfo(float).max)) * (at - began)
        whole = objective.value(began) - floor
    first, second, third = (fallen(share * whole) for share in LEVELLED)
    return third - second >= GRADUAL * (second - first)


def _flattest(objective: Objective, at: Vector, slope: Vector, size: Vector) -> Iterator[int]:
    """The weights that lead along the two least curved directions, and down the slope."""
    seen: set[int] = set()
    rows = []
    for index in range(len(at)):
        step = np.zeros(len(at))
        step[index] = 1e-4 * size[index]
        ahead, behind = (objective.value_and_gradient(at + side * step)[1] for side in (1, -1))
        with np.errstate(invalid="ignore"):
            rows.append(ahead - behind)
    with np.errstate(all="ignore"):
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
    objective: Objective, at: Vector, start: Vector, slope: Vector, size: Vector, ends: Deadline
) -> Iterator[Way]:
    """Straight on from the start, and with one weight held further and further out."""
    moved = at - start
    came = np.abs(moved) > 1e-6 * size
    if np.any(came):
        yield Way(lambda point, far: at + far * moved, lambda: start, start)
    for index in _flattest(objective, at, slope, size):
        sign = np.sign(moved[index]) if came[index] else -np.sign(slope[index])
        # Of a start that is level itself, either side may be that of the fall.
        for side in (sign,) if sign else (1.0, -1.0):
            step = side * size[index]
            back = start[index] if came[index] else at[index] - step / 2 * (1 if sign else 4)
            behind = at.copy()
            behind[index] = back
            yield Way(
                partial(_held_further, objective, at, index, step, ends),
                partial(_held, objective, at, index, back, ends),
                behind,
            )


def _falling(
    objective: Objective, at: Vector, outward: Callable[[Vector, float], Vector], highest: float
) -> Iterator[Vector]:
    """Points further and further out, as long as the loss stays below `highest`.

    It is looked at each time that it is twice as far: on the way, a solver may miss a little.
    """
    point = at
    for place, far in enumerate(OUTWARD):
        point = outward(point, far)
        if np.any((point < objective.lower) | (point > objective.upper)):
            return
        if place % DOUBLE == DOUBLE - 1 and not objective.value(point) <= highest:
            return
        yield point


def _held_further(
    objective: Objective,
    at: Vector,
    index: int,
    step: float,
    ends: Deadline,
    point: Vector,
    far: float,
) -> Vector:
    return _held(objective, point, index, float(at[index]) + far * step, ends)


def _held(objective: Objective, at: Vector, index: int, value: float, ends: Deadline) -> Vector:
    """The lowest point near `at` (p,) at which one weight has the given value."""
    begin = at.copy()
    begin[index] = value
    free = np.arange(len(at)) != index
    return polished(objective, begin, ends, FEW_EVALUATIONS, free)


def _limit(losses: list[float], tiny: float) -> float:
    """What the losses near, from the last, the one at a tenth of its way and at a hundredth."""
    near, middle, far = losses[-1 - 2 * DECADE], losses[-1 - DECADE], losses[-1]
    earlier, later = near - middle, middle - far
    if later > SLOWING * earlier and later > tiny:
        return -np.inf
    limit = far - later**2 / (earlier - later) if earlier > later > 0 else far
    return 0.0 if abs(limit) <= tiny else limit
