"""Whether noise or a kink keeps a loss up, shown by running the descent on, and a calmer one.

A step that follows some of the rows misses the way down by chance, and one towards a kink, where
the slope does not shrink, leaps over it; the farther the larger the learning rate. Near the minimum
the loss falls no more then, and goes up and down around a level.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from steepest.descent import Walked
from steepest.formula.nodes import Call, walk
from steepest.methods.losses import loss_named
from steepest.methods.optimizers import ADAPTIVE, SOLVERS
from steepest.problem.setup import Setup
from steepest.records.problem import Settings
from steepest.records.verdict import Hovering
from steepest.study.aim import Aim
from steepest.study.batch_limit import in_batches
from steepest.study.rates import GUARD, OWN_EFFORT, affordable, last_losses

FEWEST: Final = 40
"""Steps: of fewer there is no level."""

TIMES_CALMER: Final = 4
"""A quarter of the learning rate is tried, for as much longer."""

_CALM: Final = 0.9
"""Of the stability limit: nearer to it, steps jump to and fro by themselves."""

NO_LOWER: Final = 0.5
"""Of what it is above the minimum. More is left of a loss that hovers, if it is run on; less, with
a calmer learning rate, where it is noise or a kink that keeps it up."""

_KINKED: Final = frozenset({"abs", "sign", "relu", "minimum", "maximum", "where"})


def _cause(
    setup: Setup, settings: Settings, lr: float, limit: float | None
) -> Literal["batches", "kink"] | None:
    """What may keep the loss up."""
    if in_batches(setup, settings):
        return "batches"
    loss = setup.problem.loss
    kinked = loss is not None and loss_named(loss).kink != "none"
    kinked |= any(isinstance(n, Call) and n.function in _KINKED for n in walk(setup.formula.model))
    calm = limit is None or lr < _CALM * limit
    # An adaptive optimizer takes steps of one length everywhere.
    return "kink" if kinked and calm and settings.optimizer not in ADAPTIVE else None


def hovering(
    setup: Setup, settings: Settings, descended: Walked, aim: Aim, limit: float | None
) -> Hovering | None:
    """The level that the loss hovers about, above the goal; None where it does not, by running.

    What is run has ten times the steps of the descent; nothing is, where they cost too much.
    """
    descent, trace, minimum, goal = descended.descent, descended.trace, aim.minimum, aim.goal
    steps = descent.steps
    ended = descent.stopped in ("step limit", "patience") and descent.optimizer not in SOLVERS
    cause = _cause(setup, settings, descent.lr, limit) if ended else None
    if cause is None or setup.is_passing or setup.in_batches:
        return None
    if minimum is None or not minimum.exists or goal is None or descent.final_loss <= goal.loss:
        return None
    most = affordable(setup, OWN_EFFORT, settings.batch_size)
    if not FEWEST <= steps <= most // (2 * (1 + TIMES_CALMER)):
        return None
    here = trace.loss[trace.step > steps // 2]
    level = float(np.mean(here))
    above = level - minimum.loss
    if not above > 0 or level <= goal.loss:
        return None
    later = _level(setup, settings, descent.lr, 2 * steps)
    if later is None or later - minimum.loss < NO_LOWER * above:
        return None
    lr = float(f"{descent.lr / TIMES_CALMER:.3g}")
    calmer = _level(setup, settings, lr, 2 * TIMES_CALMER * steps)
    if calmer is None or calmer - minimum.loss > NO_LOWER * (later - minimum.loss):
        return None
    low, high = float(np.min(here)), float(np.max(here))
    return Hovering(steps // 2 + 1, level, low, high, later, lr, calmer, TIMES_CALMER, cause)


def _level(setup: Setup, settings: Settings, lr: float, steps: int) -> float | None:
    """The mean loss over the second half of a descent; None where it does not get there."""
    losses = last_losses(setup, settings, lr, steps, GUARD, steps // 2 + 1)
    return None if losses is None else float(np.mean(losses))
