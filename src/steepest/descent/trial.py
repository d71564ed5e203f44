"""One learning rate tried: a descent of which nothing is kept but how far it came."""

from __future__ import annotations

import time

import numpy as np

from steepest.descent.loop import Began, limits_of
from steepest.descent.recorder import TAIL
from steepest.descent.run import CEILING, descend, grown, machine_for, why_stopped
from steepest.objective.objective import Objective
from steepest.records.arrays import Vector
from steepest.records.choices import Stopped
from steepest.records.descent import Descent, RateTrial
from steepest.records.problem import Settings


def try_rate(
    objective: Objective, settings: Settings, start: Vector, *, goal: float, scale: float
) -> RateTrial:
    """Run the learning rate of these settings from `start` (p,) until `goal`, as `descend` would.

    Of a descent of some hundred steps over few rows that takes 0.6 of the time.
    """
    machine = machine_for(objective, settings, None)
    state = machine.begun(start)
    if isinstance(state.slots, Began):
        # Of a quadratic whole stretches are skipped there.
        found = descend(
            objective, settings, start, goal=goal, stop_at_goal=True, scale=scale, traced=False
        )
        return trial_of(found.descent)
    stops = limits_of(
        last=settings.steps, tolerance=settings.tolerance, ceiling=CEILING, scale=scale, goal=goal
    )
    machine.make_ready(state)
    began, first, lowest = time.monotonic(), None, np.inf
    tail: Vector = np.empty(0)
    ended: Stopped | None = None
    while ended is None:
        state, block = machine.chunk(state, last=settings.steps, stops=stops)
        loss, fine = block.loss, block.fine
        first = float(loss[0]) if first is None else first
        finite = loss if fine is None else loss[fine]
        lowest = float(np.min(finite, initial=lowest))
        tail = np.concatenate([tail, finite])[-TAIL:]
        if not bool(state.running):
            ended = why_stopped(state, block[-1:], stops)
        elif settings.time_limit is not None and time.monotonic() - began >= settings.time_limit:
            ended = "time limit"
    steps = int(block.step[-1])
    diverged = ended == "diverged" or (ended == "step limit" and grown(tail, first or 0.0, scale))
    return RateTrial(
        lr=machine.lr,
        steps=steps if loss[-1] <= goal else None,
        limit=None if ended == "converged" else steps,
        lowest_loss=lowest,
        diverged=diverged,
        measured=True,
    )


def trial_of(done: Descent) -> RateTrial:
    """A descent until its goal, as a trial of its learning rate."""
    return RateTrial(
        lr=done.lr,
        steps=done.goal_step,
        limit=None if done.stopped == "converged" else done.steps,
        lowest_loss=done.lowest_loss,
        diverged=done.stopped == "diverged",
        measured=True,
    )
