"""Where solvers begin: at the start, where the data say, and at draws of several scales.

Weights that enter a model linearly need no start: for any value of the others they are solved for
exactly (variable projection, Golub and Pereyra 1973). So only the others are drawn, from what the
columns say of their scale: an exponent or a rate is about one over a column's spread, a place is
within its range, a frequency has a period between the spacing and the range.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from steepest.engine.xla import in_float64
from steepest.formula.nodes import Binary, Column, Negate, Node, Number, Weight, names_of, walk
from steepest.formula.structure import is_linear
from steepest.measure.waves import waves
from steepest.methods.losses import loss_named
from steepest.objective.kernels import FormulaKernel
from steepest.objective.objective import Objective, jacobian_of, predictions_of, value_of
from steepest.records.arrays import Vector

DRAWS = 600
"""Points that are looked at once; solvers go on from the lowest of them."""

_BEST = 6

MOST_WORK = 2e8
"""Elementary operations that looking may cost."""

_AS_COLUMN, _AS_RATE = (0, 1), (2, 3)
_MOSTLY = 0.7

APART = 1e-3
"""Points closer than this, relative, are one start."""


def starts(objective: Objective, start: Vector, seed: int) -> Iterator[Vector]:
    """The start (p,), the best of many drawn from the data, then draws at several scales.

    All lie inside the bounds. Of each three of the last, one lies around the start, one around
    zero (with bounds, each weight at one of them or not, by chance), and one has the start's sizes
    with other signs.
    """
    low, high = objective.lower, objective.upper

    def inside(point: Vector) -> Vector:
        return np.clip(point, low, high)

    def on_bounds(point: Vector) -> Vector:
        nearest = np.where(np.abs(point - low) <= np.abs(point - high), low, high)
        chosen = np.isfinite(nearest) & (draw.uniform(size=size) < 0.5)
        return np.where(chosen, nearest, point)

    yield inside(start)
    for point in _from_data(objective, start, seed):
        yield inside(point)
    draw = np.random.default_rng([seed, 1])
    size = len(start)
    spread = np.maximum(np.abs(start), 1e-3)
    for round_ in range(16):
        yield inside(start + spread * draw.normal(size=size) * (1 + round_ / 4))
        around_zero = inside(draw.normal(size=size) * 10.0 ** draw.uniform(-1, 1))
        yield on_bounds(around_zero) if objective.bounded else around_zero
        signs = draw.choice([-1.0, 1.0], size=size)
        yield inside(signs * start * np.exp(draw.normal(size=size)))


def linear_weights(kernel: FormulaKernel) -> list[int]:
    """Places of weights in which the model is linear together, the others held."""
    chosen: list[int] = []
    for place in range(len(kernel.weights)):
        if is_linear(kernel.model, [kernel.weights[each] for each in (*chosen, place)]):
            chosen.append(place)
    return chosen


def _from_data(objective: Objective, start: Vector, seed: int) -> Iterator[Vector]:
    """The lowest of many points (p,) whose scales are those of the columns, lowest first."""
    kernel = objective.kernel
    if not isinstance(kernel, FormulaKernel) or kernel.loss_name is None:
        return
    if loss_named(kernel.loss_name).of_classes:
        return
    found = sorted(_seen(objective, kernel, start, seed), key=lambda each: each[0])
    chosen: list[Vector] = []
    for _, point in found:
        if all(np.any(np.abs(point - one) > APART * np.abs(one)) for one in chosen):
            chosen.append(point)
            yield point
        if len(chosen) == _BEST:
            return


@in_float64
def _seen(
    objective: Objective, kernel: FormulaKernel, start: Vector, seed: int
) -> list[tuple[float, Vector]]:
    """Many points (p,) of the columns' scales, each with its loss."""
    looks = min(DRAWS, int(MOST_WORK / max(objective.work * len(start), 1)))
    linear = linear_weights(kernel)
    others = [place for place in range(len(start)) if place not in linear]
    if looks < _BEST or not others:
        return []
    scales = _Scales(objective)
    beside = _beside_columns(kernel.model)
    kinds = [beside.get(kernel.weights[place], ()) for place in others]
    draw = np.random.default_rng([seed, 2])
    seen: list[tuple[float, Vector]] = []

    def look(point: Vector) -> None:
        found = _solved(objective, kernel, point, linear)
        if found is not None:
            seen.append(found)

    for _ in range(looks):
        point = start.copy()
        point[others] = [
            scales.draw(draw, float(start[place]), kind)
            for place, kind in zip(others, kinds, strict=True)
        ]
        look(point)
    # One frequency after the other, each beside the best that is known of the others.
    best = start
    each_once = list(waves(objective, kernel, linear))
    for wave in each_once * min(len(each_once), 2):
        for value, turn in product(wave.values, wave.turns):
            point = best.copy()
            point[wave.place] = value
            point[list(turn)] = list(turn.values())
            look(point)
        best = min(seen, key=lambda each: each[0])[1] if seen else start
    return seen


def _beside_columns(model: Node) -> dict[str, tuple[int, ...]]:
    """The kinds of `_Scales.draw` that have the unit of a weight, where the model shows it.

    What is added to a column, or divides it, is counted as the column is; what multiplies it, as
    one over it.
    """
    found: dict[str, tuple[int, ...]] = {}
    for node in walk(model):
        if not isinstance(node, Binary):
            continue
        for one, other in ((node.left, node.right), (node.right, node.left)):
            weight = _weight_in(one)
            if weight is None or not names_of(Column, other):
                continue
            if node.op == "*":
                found[weight] = _AS_RATE
            elif node.op == "/" or (node.op in "+-" and not names_of(Weight, other)):
                found[weight] = _AS_COLUMN
    return found


def _weight_in(node: Node) -> str | None:
    """The weight of which a node is a power or a multiple."""
    match node:
        case Weight(name):
            return name
        case Negate(inside) | Binary("**", inside, Number()) | Binary("*", Number(), inside):
            return _weight_in(inside)
    return None


class _Scales:
    """What the columns say of how large a weight may be."""

    def __init__(self, objective: Objective):
        rows = objective.data["rows"]
        self.columns = []
        for column in rows["columns"].values():
            values = np.asarray(column, dtype=np.float64)
            spread = float(np.ptp(values))
            if spread > 0 and np.isfinite(spread):
                self.columns.append((values, spread))

    def draw(self, draw: np.random.Generator, start: float, likely: tuple[int, ...]) -> float:
        """One value: about one over a spread, in the range, a frequency, near one or the start.

        Mostly of one of the kinds that are `likely`.
        """
        kind = int(draw.integers(6) if self.columns else 4 + draw.integers(2))
        if likely and self.columns and draw.uniform() < _MOSTLY:
            kind = likely[draw.integers(len(likely))]
        factor = float(10.0 ** draw.normal(scale=0.5))
        sized = -factor if draw.uniform() < 0.3 else factor
        if kind >= 4:
            return sized * (abs(start) or 1.0) if kind == 4 else sized
        values, spread = self.columns[draw.integers(len(self.columns))]
        if kind == 0:
            return float(values[draw.integers(len(values))])
        if kind == 1:
            return sized * spread / 4
        if kind == 2:
            return float(draw.uniform() ** 2 * np.pi * len(values) / spread)
        return sized * 4 / spread


def _solved(
    objective: Objective, kernel: FormulaKernel, point: Vector, linear: list[int]
) -> tuple[float, Vector] | None:
    """The loss and the point (p,) with the linear weights solved for; None where not finite.

    They are those of least squares, from which those of another loss are not far.
    """
    data = objective.data
    if linear:
        point[linear] = 0.0
        rows = data["rows"]
        root = 1.0 if rows["weight"] is None else np.sqrt(np.asarray(rows["weight"]))
        design = (np.asarray(jacobian_of(kernel, point, data))[:, linear].T * root).T
        aim = root * (np.asarray(rows["target"]) - np.asarray(predictions_of(kernel, point, data)))
        if not (np.all(np.isfinite(design)) and np.all(np.isfinite(aim))):
            return None
        size = np.max(np.abs(design), axis=0)
        size = np.where(size > 0, size, 1.0)
        with np.errstate(over="ignore"):
            point[linear] = np.linalg.lstsq(design / size, aim, rcond=1e-10)[0] / size
        point = np.clip(point, objective.lower, objective.upper)
        if not np.all(np.isfinite(point)):
            return None
    loss = float(value_of(kernel, point, data))
    return (loss, point) if np.isfinite(loss) else None
