"""Whether a descent that ended at its goal is off it again, shown by running it on."""

from __future__ import annotations

import numpy as np

from steepest.descent.arrival import stays_until
from steepest.methods.contract import TENTH
from steepest.methods.optimizers import SOLVERS
from steepest.problem.setup import Setup
from steepest.records.descent import Descent, Goal, RateTrial
from steepest.records.problem import Settings
from steepest.records.verdict import Leaving
from steepest.study.rates import (
    GUARD,
    OWN_EFFORT,
    affordable,
    has_closed_form,
    last_losses,
    run_past,
)


def leaving(
    setup: Setup, settings: Settings, descent: Descent, goal: Goal | None
) -> Leaving | None:
    """Where it leaves, and whether it comes back to stay; None where it stays, or that costs much.

    One with momentum swings through the minimum, one in batches comes upon it by chance.
    """
    since = descent.stays_step
    if goal is None or since is None or descent.optimizer in SOLVERS or setup.is_passing:
        return None
    if descent.stopped not in ("step limit", "patience", "time limit"):
        return None
    if setup.in_batches or has_closed_form(setup, settings):
        return None
    steps = stays_until(since)
    if not descent.final_step < steps <= affordable(setup, OWN_EFFORT, settings.batch_size):
        return None
    after = descent.final_step + 1
    losses = last_losses(setup, settings, descent.lr, steps, GUARD, after)
    out = np.flatnonzero(~(losses <= goal.loss)) if losses is not None else np.array([])
    if not len(out):
        return None
    there = RateTrial(descent.lr, since, since, goal.loss, diverged=False, measured=True)
    later = run_past(setup, settings, there, goal.loss, 2 * steps, TENTH * steps, GUARD)
    return Leaving(after + int(out[0]), later.steps, later.limit or steps)
