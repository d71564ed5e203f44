"""Scaling the columns, and carrying weights between the scaled problem and the user's own units.

A column x becomes z = (x - subtracted) / divided. The same model then has other weights: in
`a*x + b` the slope grows by the deviation and the intercept takes the mean. Which weights, is
solved for each maximal part of the formula that is linear in its weights: they must reproduce the
part's values on every row. Where no weights can (in `a*x` no intercept can take the mean) the
column is only divided, and where that fails as well it is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from steepest.engine.xla import in_float64
from steepest.formula.nodes import Column, Formula, Node, mentions, names_of
from steepest.formula.structure import linear_parts
from steepest.objective.objective import formula_objective
from steepest.records.arrays import Matrix, Vector

CLOSE = 1e-8
"""Largest difference of predictions, relative to their size, that counts as the same model."""

Shifts = Mapping[str, tuple[float, float]]
"""Column -> (subtracted, divided by)."""


@dataclass(frozen=True)
class Scaling:
    """`scaled = forward @ weights + forward_shift`, and back. Matrices are (p, p)."""

    columns: Shifts
    forward: Matrix
    forward_shift: Vector
    back: Matrix
    back_shift: Vector

    def to_scaled(self, weights: Vector) -> Vector:
        """Weights for the columns as they are -> weights for the scaled columns."""
        return np.asarray(self.forward @ weights + self.forward_shift)

    def to_user(self, scaled: Vector) -> Vector:
        """Weights for the scaled columns -> weights for the columns as they are."""
        return np.asarray(self.back @ scaled + self.back_shift)


def scaled_columns(columns: Mapping[str, Vector], shifts: Shifts) -> dict[str, Vector]:
    """The columns, scaled where `shifts` says so."""
    result = dict(columns)
    for name, (subtracted, divided) in shifts.items():
        result[name] = (columns[name] - subtracted) / divided
    return result


def moments(
    columns: Mapping[str, Vector], names: tuple[str, ...]
) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation (over n) of each column that is not constant."""
    result = {}
    for name in names:
        mean, deviation = float(np.mean(columns[name])), float(np.std(columns[name]))
        if deviation > 1e-12 * max(abs(mean), 1e-300):
            result[name] = (mean, deviation)
    return result


def find_scaling(
    formula: Formula,
    columns: Mapping[str, Vector],
    names: tuple[str, ...],
    known: Shifts | None = None,
) -> Scaling | None:
    """The scaling of the model's columns to mean 0 and deviation 1, as far as the model allows.

    `names` are the free weights. `known` are the mean and the deviation of each column that is not
    constant, where `columns` are some of the rows only. None where no column can be scaled without
    changing the model.
    """
    # A target that is also an input must stay what it is.
    target = set() if formula.target is None else set(names_of(Column, formula.target))
    used = tuple(name for name in names_of(Column, formula.model) if name not in target)
    standard = moments(columns, used)
    if known is not None:
        standard = {name: known[name] for name in used if name in known}
    best: Scaling | None = None
    shifts: dict[str, tuple[float, float]] = {}
    # First all at once, which is what nearly always works; else column by column.
    found = _solve(formula, columns, names, standard) if standard else None
    if found is not None:
        return found
    for name, (mean, deviation) in standard.items():
        for option in ((mean, deviation), (0.0, deviation)):
            found = _solve(formula, columns, names, {**shifts, name: option})
            if found is not None:
                shifts[name] = option
                best = found
                break
    return best


@in_float64
def _solve(
    formula: Formula, columns: Mapping[str, Vector], names: tuple[str, ...], shifts: Shifts
) -> Scaling | None:
    scaled = scaled_columns(columns, shifts)
    size = len(names)
    forward, back = np.eye(size), np.eye(size)
    forward_shift, back_shift = np.zeros(size), np.zeros(size)
    taken: set[str] = set()
    for part in linear_parts(formula.model):
        mine = tuple(name for name in names if mentions(part, name))
        if not mine or taken & set(mine):
            return None
        taken |= set(mine)
        place = [names.index(name) for name in mine]
        there = _design(formula, part, mine, columns)
        here = _design(formula, part, mine, scaled)
        for source, wanted, matrix, shift in (
            (here, there, forward, forward_shift),
            (there, here, back, back_shift),
        ):
            solved = _reproduce(source, wanted)
            if solved is None:
                return None
            matrix[np.ix_(place, place)] = solved[0]
            shift[place] = solved[1]
    result = Scaling(dict(shifts), forward, forward_shift, back, back_shift)
    return result if _same_model(formula, columns, scaled, names, result) else None


Part = tuple[Matrix, Vector]


def _design(
    formula: Formula, part: Node, names: tuple[str, ...], columns: Mapping[str, Vector]
) -> Part:
    """The part's derivative by its weights (n, k), and its value where they are all zero (n,)."""
    alone = Formula(formula.text, None, part, names, tuple(columns))
    objective = formula_objective(alone, columns, loss=None)
    zero = np.zeros(len(names))
    return objective.jacobian(zero), objective.predictions(zero)


def _reproduce(source: Part, wanted: Part) -> tuple[Matrix, Vector] | None:
    """Matrix and shift that make the source part give the wanted part's values, if any do."""
    design, offset = source
    if not all(np.all(np.isfinite(array)) for array in (*source, *wanted)):
        return None
    lengths = np.linalg.norm(design, axis=0)
    lengths[lengths == 0] = 1.0
    right = np.column_stack([wanted[0], wanted[1] - offset])
    solution = np.linalg.lstsq(design / lengths, right, rcond=1e-12)[0] / lengths[:, None]
    missed = np.abs(design @ solution - right)
    scale = np.max(np.abs(right), axis=0)
    if np.any(np.max(missed, axis=0) > CLOSE * np.maximum(scale, 1e-300)):
        return None
    # What is left of an exact zero after rounding would only blur the weights' names.
    solution[np.abs(solution) < 1e-13 * np.max(np.abs(solution))] = 0.0
    return solution[:, :-1], solution[:, -1]


def _same_model(
    formula: Formula,
    columns: Mapping[str, Vector],
    scaled: Mapping[str, Vector],
    names: tuple[str, ...],
    scaling: Scaling,
) -> bool:
    """Try the carried weights at three random places: the predictions must agree."""
    if set(names) != set(formula.weights):
        return False
    draw = np.random.default_rng(0)
    alone = replace(formula, target=None)
    plain = formula_objective(alone, columns, loss=None)
    other = formula_objective(alone, scaled, loss=None)
    for _ in range(3):
        weights = draw.normal(size=len(names))
        before = plain.predictions(weights)
        after = other.predictions(scaling.to_scaled(weights))
        both = np.isfinite(before) & np.isfinite(after)
        size = float(np.max(np.abs(before[both]), initial=1e-300))
        if np.any(np.isfinite(before) != np.isfinite(after)):
            return False
        if np.any(np.abs(before[both] - after[both]) > CLOSE * 100 * size):
            return False
    return True
