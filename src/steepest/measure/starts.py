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

from steepest.formula.nodes import Binary, Column, Negate, Node, Number, Weight, names_of, walk
from steepest.formula.structure import is_linear
from steepest.measure.waves import waves
from steepest.methods.losses import loss_named
from steepest.objective import few_rows
from steepest.objective.kernels import FormulaKernel
from steepest.objective.objective import Objective
from steepest.records.arrays import Matrix, Vector

DRAWS = 600
"""Points that are looked at once; solvers go on from the lowest of them."""

_BEST = 6

_AT_ONCE = 20_000
"""Numbers of an array in which many points are looked at: as many as stay in the cache."""

_RANK = 1e-10
"""Singular values below this share of the largest are taken for 0."""

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
    losses, points = _seen(objective, kernel, start, seed)
    order = np.argsort(losses, kind="stable")
    chosen: list[Vector] = []
    for point in points[order][np.isfinite(losses[order])]:
        if all(np.any(np.abs(point - one) > APART * np.abs(one)) for one in chosen):
            chosen.append(point)
            yield point
        if len(chosen) == _BEST:
            return


def _seen(
    objective: Objective, kernel: FormulaKernel, start: Vector, seed: int
) -> tuple[Vector, Matrix]:
    """Losses (k,) of many points (k, p) of the columns' scales: infinite where not finite."""
    looks = min(DRAWS, int(MOST_WORK / max(objective.work * len(start), 1)))
    linear = linear_weights(kernel)
    others = [place for place in range(len(start)) if place not in linear]
    if looks < _BEST or not others:
        return np.empty(0), np.empty((0, len(start)))
    scales = _Scales(objective)
    beside = _beside_columns(kernel.model)
    draw = np.random.default_rng([seed, 2])
    points = np.tile(start, (looks, 1))
    for place in others:
        likely = beside.get(kernel.weights[place], ())
        points[:, place] = scales.draw(draw, looks, float(start[place]), likely)
    losses, points = _solved(objective, kernel, points, linear)
    # One frequency after the other, each beside the best that is known of the others.
    best = start
    each_once = list(waves(objective, kernel, linear))
    for wave in each_once * min(len(each_once), 2):
        tried = np.tile(best, (len(wave.values) * len(wave.turns), 1))
        for number, (value, turn) in enumerate(product(wave.values, wave.turns)):
            tried[number, wave.place] = value
            tried[number, list(turn)] = list(turn.values())
        found, tried = _solved(objective, kernel, tried, linear)
        losses, points = np.concatenate([losses, found]), np.concatenate([points, tried])
        lowest = int(np.argmin(losses))
        best = points[lowest] if losses[lowest] < np.inf else start
    return losses, points


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
                found.setdefault(weight, _AS_RATE)
            elif node.op == "/" or (
                node.op in "+-" and (_is_place(other) or not names_of(Weight, other))
            ):
                found[weight] = _AS_COLUMN
    return found


def _is_place(node: Node) -> bool:
    """Whether it is a column less a weight, or a power of that: then it has the column's unit."""
    match node:
        case Binary("+" | "-", Column(), Weight()) | Binary("+" | "-", Weight(), Column()):
            return True
        case Binary("**", base, Number()):
            return _is_place(base)
    return False


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

    def draw(
        self, draw: np.random.Generator, n: int, start: float, likely: tuple[int, ...]
    ) -> Vector:
        """Values (n,): about one over a spread, in the range, a frequency, near one or the start.

        Mostly of one of the kinds that are `likely`.
        """
        kind = draw.integers(0 if self.columns else 4, 6, n)
        if likely and self.columns:
            chosen = np.array(likely)[draw.integers(len(likely), size=n)]
            kind = np.where(draw.uniform(size=n) < _MOSTLY, chosen, kind)
        factor = 10.0 ** draw.normal(scale=0.5, size=n)
        sized = np.where(draw.uniform(size=n) < 0.3, -factor, factor)
        found = np.where(kind == 4, sized * (abs(start) or 1.0), sized)
        if self.columns:
            which = draw.integers(len(self.columns), size=n)
            spread = np.array([spread for _, spread in self.columns])[which]
            rows = len(self.columns[0][0])
            row = draw.integers(rows, size=n)
            values = [self.columns[one][0][place] for one, place in zip(which, row, strict=True)]
            frequency = draw.uniform(size=n) ** 2 * np.pi * rows / spread
            of_columns = [np.array(values), sized * spread / 4, frequency, sized * 4 / spread]
            found = np.choose(np.minimum(kind, 4), [*of_columns, found])
        return np.asarray(found)


def _solved(
    objective: Objective, kernel: FormulaKernel, points: Matrix, linear: list[int]
) -> tuple[Vector, Matrix]:
    """Points (k, p) with the linear weights solved for, and their losses (k,): infinite where none.

    They are those of least squares, from which those of another loss are not far.
    """
    found = np.array(points)
    losses = np.full(len(points), np.inf)
    strip = max(1, _AT_ONCE // max(objective.rows, 1))
    for first in range(0, len(points), strip):
        part = slice(first, first + strip)
        if linear:
            found[part] = _with_linear(objective, kernel, points[part], linear)
        some = np.flatnonzero(np.all(np.isfinite(found[part]), axis=1)) + first
        if len(some):
            losses[some] = few_rows.values(kernel, found[some], objective.data)
    return np.where(np.isfinite(losses), losses, np.inf), found


def _with_linear(
    objective: Objective, kernel: FormulaKernel, points: Matrix, linear: list[int]
) -> Matrix:
    """Points (k, p) with the linear weights solved for; not finite where that is not possible."""
    rows = objective.data["rows"]
    points = np.array(points)
    points[:, linear] = 0.0
    names = tuple(kernel.weights[place] for place in linear)
    predicted, design = few_rows.jacobians(kernel, points, objective.data, names)
    aim = np.asarray(rows["target"]) - predicted
    if rows["weight"] is not None:
        root = np.sqrt(np.asarray(rows["weight"]))
        with np.errstate(all="ignore"):
            design, aim = design * root[:, None], aim * root
    points[:, linear] = np.nan
    sound = np.all(np.isfinite(design), axis=(1, 2)) & np.all(np.isfinite(aim), axis=1)
    if not np.any(sound):
        return points
    design, aim = design[sound], aim[sound]
    size = np.max(np.abs(design), axis=1, keepdims=True)
    size = np.where(size > 0, size, 1.0)
    # Least squares of the least length by QR and the singular values of R, of many at once.
    across, triangle = np.linalg.qr(design / size)
    left, values, right = np.linalg.svd(triangle, full_matrices=False)
    kept = values > _RANK * values[:, :1]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        along = np.einsum("kij,ki->kj", left, np.einsum("kni,kn->ki", across, aim))
        along = np.where(kept, along / values, 0.0)
        solved = np.einsum("kij,ki->kj", right, along) / size[:, 0]
    points[np.ix_(sound, linear)] = solved
    return np.clip(points, objective.lower, objective.upper)
