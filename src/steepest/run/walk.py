"""The path of a run: what it was walked on, and any of its steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steepest.records.descent import Trace
from steepest.records.point import Explanation
from steepest.records.run import RunRecord

if TYPE_CHECKING:
    from steepest.data.table.columns import Table
    from steepest.descent import Walked
    from steepest.problem.setup import Setup

Span = tuple[float, float] | None
"""The lowest and the highest value of a weight; None contains the path and the minimum."""


@dataclass(frozen=True)
class Moment:
    """One step of a descent, exactly as it was: the loss and the gradient before the move."""

    step: int
    loss: float
    weights: Mapping[str, float]
    gradient: Mapping[str, float]


@dataclass(frozen=True)
class Walk:
    """The problem of a run, and its path, of which any part can be walked again."""

    setup: Setup
    descended: Walked
    table: Table | None = None
    """The data; None for an expression."""


@dataclass(frozen=True)
class Past:
    """A run that is over: its record, and its trace and its path, each read when it is asked for.

    What stands under a Run takes this, so that none of it needs to know the Run.
    """

    record: RunRecord
    read_trace: Callable[[], Trace]
    read_walk: Callable[[], Walk]

    @property
    def trace(self) -> Trace:
        """The recorded steps."""
        return self.read_trace()

    @property
    def walk(self) -> Walk:
        """The problem and the path. Raises SteepestError where a store has lost what it takes."""
        return self.read_walk()

    def at(self, step: int) -> Moment:
        """One step exactly. Raises UsageError for a step that was not done."""
        found = self.walk.descended.replay(step, step)
        return Moment(
            step=int(found.step[0]),
            loss=float(found.loss[0]),
            weights=dict(zip(found.names, map(float, found.weights[0]), strict=True)),
            gradient=dict(zip(found.names, map(float, found.gradient[0]), strict=True)),
        )


def explanation_at(setup: Setup, descended: Walked, step: int) -> Explanation:
    """The explanation at one step, with the move that the optimizer made (or would make) there."""
    from steepest.study.explain import explain

    weights = descended.replay(step, step).weights[0]
    return explain(setup, step, np.asarray(weights), descended.move_from(step))
