"""Optimizers from one start, each at its own best learning rate, each run until it arrives."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from steepest.descent.run import descend
from steepest.jobs.live import Live
from steepest.measure.curvature import stability_limit
from steepest.methods.optimizers import momentum_of
from steepest.problem.setup import Setup
from steepest.records.arrays import Steps, Vector
from steepest.records.descent import Goal, RateStudy, RateTrial
from steepest.records.problem import Settings
from steepest.study.aim import aim_at
from steepest.study.rates import (
    EFFORT,
    GUARD,
    MOST_STEPS,
    best_in_closed_form,
    calmer,
    has_closed_form,
    lowest,
    quickest,
    sweep_rates,
)
from steepest.study.spectra import spectrum_at
from steepest.words.wording import count

SEEN: Final = 81
"""Points of a path."""

EARLY: Final = 1000
"""Steps of a path that are all there to choose from."""

WALKED: Final = 2_000_000
"""Steps of a path that are walked to draw it."""


@dataclass(frozen=True)
class Racer:
    """One optimizer's quickest descent; where none arrives, the one with the lowest loss."""

    optimizer: str
    trial: RateTrial | None
    """None where every learning rate diverges."""
    lucky: bool
    """Whether it arrives by jumping out of a valley that a tenth of its learning rate ends in."""
    steps: Steps
    """(F,) steps at which it is seen."""
    loss: Vector
    """(F,)"""
    weights: Vector
    """(F, p), those of the descent."""

    @property
    def said(self) -> str:
        """What became of it, in words: never more than was run."""
        trial = self.trial
        if trial is None:
            return "diverges at every learning rate that was tried"
        if trial.steps is not None:
            return f"{count(trial.steps, 'step')}{', by luck' if self.lucky else ''}"
        if trial.limit is None:
            return "stands still short of the goal"
        return f"not there in {count(trial.limit, 'step')}, and not run further"


def racer(live: Live, start: Vector, study: RateStudy | None = None) -> Racer:
    """The optimizer of a problem from `start` (p,), as a verdict on it compares learning rates.

    Each optimizer may cost the same; its path is seen up to the goal. `study` is that of a judged
    run, whose quickest is this one's, too, where the goal is the same.
    """
    setup, settings = replace(live.setup, start=start), live.settings
    goal = aim_at(setup, live.minimum).goal
    is_known = study is not None and goal is not None and study.goal.loss == goal.loss
    trial = study.best if study is not None and is_known else None
    trial = trial or _best(setup, settings, goal)
    if trial is None:
        nothing = np.zeros(0)
        none = np.zeros(0, dtype=np.int64)
        return Racer(settings.optimizer, None, False, none, nothing, np.zeros((0, len(start))))
    calm = None if goal is None else calmer(setup, settings, trial, goal, GUARD)
    length = trial.steps if trial.steps is not None else trial.limit or WALKED
    walk = replace(settings, lr=trial.lr, steps=min(length, WALKED), tolerance=0.0)
    walked = descend(setup.moving, walk, start, scale=setup.scale)
    # A trace is thinned evenly, and most of a descent happens at its beginning.
    early = walked.replay(0, min(walked.descent.final_step, EARLY))
    late = walked.trace.step > EARLY
    steps = np.concatenate([early.step, walked.trace.step[late]])
    seen = _spread(steps)
    return Racer(
        optimizer=settings.optimizer,
        trial=trial,
        lucky=calm is not None and calm.stands_short,
        steps=steps[seen],
        loss=np.concatenate([early.loss, walked.trace.loss[late]])[seen],
        weights=np.concatenate([early.weights, walked.trace.weights[late]])[seen],
    )


def _best(setup: Setup, settings: Settings, goal: Goal | None) -> RateTrial | None:
    if goal is not None and has_closed_form(setup, settings):
        found = best_in_closed_form(setup, goal.loss)
        if found is not None and found[1] <= MOST_STEPS:
            lr, steps = found
            return RateTrial(lr, steps, None, goal.loss, diverged=False, measured=False)
    wanted = -math.inf if goal is None else goal.loss
    at_start = spectrum_at(setup, settings, None, setup.start, "start")
    limit = stability_limit(
        settings.optimizer, momentum_of(settings.optimizer, settings.momentum), at_start
    )
    trials = sweep_rates(setup, settings, wanted, limit, None, EFFORT, GUARD)
    return quickest(trials) or lowest(trials)


def _spread(steps: Steps) -> Steps:
    """Places of some of these steps, evenly by their logarithm, with first and last."""
    wanted = np.expm1(np.linspace(0.0, math.log1p(float(steps[-1])), SEEN))
    places = np.searchsorted(steps, np.round(wanted))
    return np.unique(np.clip(places, 0, len(steps) - 1))
