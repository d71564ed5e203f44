"""Frequencies: where a weight counts how often a column goes through a sine.

Along such a weight the loss has a valley for each turn more over the rows, and only the one with
the right number of turns leads down to the data. Draws miss it; a grid as fine as the valleys are
wide does not, which is what a periodogram is (Lomb 1976, Scargle 1982).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from steepest.formula.nodes import Call, Column, Node, mentions, names_of, walk
from steepest.objective.kernels import FormulaKernel
from steepest.objective.objective import Objective, jacobian_of
from steepest.records.arrays import Vector

PERIODIC = {"sin", "cos"}

QUARTERS = 4
"""A sine that is a quarter of a turn off still points to where it belongs."""

SPACING = 2
"""Frequencies for each half turn more over the rows."""

MOST_FREQUENCIES = 1200
"""Frequencies that are looked at for one weight."""

_SAME = 1e-9


@dataclass(frozen=True)
class Wave:
    """A weight that is a frequency or a period, with the values to try.

    `turns` holds, for each quarter of a turn, the weights by place that are set with it: phases.
    """

    place: int
    values: Vector
    turns: tuple[dict[int, float], ...]


def waves(objective: Objective, kernel: FormulaKernel, linear: list[int]) -> Iterator[Wave]:
    """The frequencies and periods of a model, outermost first, each weight once."""
    told: set[int] = set()
    for inside in _periodic(kernel.model):
        slopes = _slopes(objective, kernel, inside)
        phases = {
            place: column[0]
            for place, (column, power) in slopes.items()
            if power == 1 and _constant(column)
        }
        for place, (column, power) in slopes.items():
            if place in told or place in linear or _constant(column):
                continue
            told.add(place)
            values = _values(column, bool(phases), two_sided=not (phases or linear))
            values = values if power == 1 else 1 / values
            allowed = (objective.lower[place] <= values) & (values <= objective.upper[place])
            turns = [
                {phase: quarter * np.pi / 2 / slope for phase, slope in phases.items()}
                for quarter in range(QUARTERS if phases else 1)
            ]
            yield Wave(place, values[allowed], tuple(turns))


def _periodic(model: Node) -> list[Node]:
    """What sines and cosines are taken of, where a column is in it."""
    found = [
        node.arguments[0]
        for node in walk(model)
        if isinstance(node, Call) and node.function in PERIODIC
    ]
    return list(dict.fromkeys(node for node in found if names_of(Column, node)))


def _slopes(
    objective: Objective, kernel: FormulaKernel, inside: Node
) -> dict[int, tuple[Vector, int]]:
    """For each weight by place its slope (n,) in `inside`, and the power, 1 or -1, it stands in."""
    argument = FormulaKernel(inside, kernel.weights, None, "value")
    ones = np.ones(len(kernel.weights))
    at_one = np.asarray(jacobian_of(argument, ones, objective.data))
    at_two = np.asarray(jacobian_of(argument, 2 * ones, objective.data))
    found: dict[int, tuple[Vector, int]] = {}
    for place, name in enumerate(kernel.weights):
        one, two = at_one[:, place], at_two[:, place]
        if not mentions(inside, name) or not np.all(np.isfinite(one)) or not np.any(one):
            continue
        for power, expected in ((1, one), (-1, one / 4)):
            if np.allclose(two, expected, rtol=_SAME, atol=0):
                found[place] = one, power
    return found


def _constant(column: Vector) -> bool:
    return bool(np.ptp(column) <= _SAME * np.max(np.abs(column)))


def _values(column: Vector, phased: bool, two_sided: bool) -> Vector:
    """Frequencies up to one turn for every second row, lowest first."""
    reach = float(np.ptp(column) if phased else np.max(np.abs(column)))
    step = np.pi / SPACING / reach
    count = min(SPACING * len(column) * reach / np.ptp(column), MOST_FREQUENCIES)
    values = np.asarray(step * np.arange(1, int(count) + 1))
    return np.concatenate([values, -values]) if two_sided else values
