"""An offered command is run before it is offered: the same steps, the same figures."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from steepest.methods.schedules import CONSTANT
from steepest.records.training import Trial
from steepest.study.train.budget import Budget
from steepest.study.train.course import Course
from steepest.study.train.measure import Judged, judged
from steepest.study.train.plan import Plan, Progress
from steepest.study.train.rates import end_of, is_calm, reached_at, window


@dataclass(frozen=True, eq=False)
class Proof:
    """What a training does that was run alone, as its command runs it.

    Side by side the sums are rounded in another order, and far above the stability limit that soon
    leads to another path.
    """

    trial: Trial
    lasting: float
    """The mean of the last losses, as many as the goal is a mean of."""
    calm: bool
    """Whether the loss never rose far above its start."""
    end: Judged | None
    """What its command ends with; None where the loss was lost."""


def run_alone(
    plan: Plan, lr: float, steps: int, goal: float | None, progress: Progress, budget: Budget
) -> Proof:
    """Train with this constant learning rate for so many steps, or for as many as there is time.

    However many it took, the command with as many takes the same ones. Raises KeyboardInterrupt.
    """
    alone = replace(plan, lr=lr, schedule=CONSTANT.name, steps=steps, patience=None)
    course = Course.begin(alone, bare=True)

    def say(phase: str, done: int, total: int | None, loss: float | None) -> None:
        progress("running a remedy", done, total, loss)

    course.run(say, lambda _: None, budget)
    if course.stopped == "interrupted":
        raise KeyboardInterrupt
    losses, width = course.every_loss, window(plan, steps)
    return Proof(
        Trial(lr, len(losses), end_of(losses), reached_at(np.array(losses), goal, width)),
        sum(losses[-width:]) / min(width, len(losses)),
        is_calm(losses),
        None if course.stopped == "diverged" else judged(course, alone.split),
    )
