"""The path of a run: what it was walked on, and any of its steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from steepest.data.table import Table
from steepest.descent import Walked
from steepest.problem.setup import Setup
from steepest.records import Explanation
from steepest.study.explain import explain

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


def explanation_at(setup: Setup, descended: Walked, step: int) -> Explanation:
    """The explanation at one step, with the move that the optimizer made (or would make) there."""
    weights = descended.replay(step, step).weights[0]
    return explain(setup, step, np.asarray(weights), descended.move_from(step))
