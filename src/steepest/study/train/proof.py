"""An offered command is run before it is offered: the same steps, the same figures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from steepest.methods.schedules import CONSTANT
from steepest.records.training import Trial
from steepest.study.train.budget import Budget
from steepest.study.train.course import Course
from steepest.study.train.measure import Judged, judged
from steepest.study.train.plan import Plan, Progress
from steepest.study.train.rates import end_of, is_calm, reached_at, running_means, window

LOOKS: Final = 4
"""At the loss over all rows in an epoch, at most."""


@dataclass(frozen=True, eq=False)
class Proof:
    """What a training does that was run alone, as its command runs it.

    Side by side the sums are rounded in another order, and far above the stability limit that soon
    leads to another path.
    """

    trial: Trial
    lasting: float
    """The loss at the end: over all rows with batches, else the mean of the last ones."""
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

    looks = [(0, plan.whole_loss(plan.first_weights()))] if plan.in_batches else []

    def look(course: Course) -> None:
        """The loss over all rows, some times in an epoch, where the training stops for a moment."""
        if course.step >= looks[-1][0] + max(1, plan.per_epoch // LOOKS):
            looks.append((course.step, plan.whole_loss(course.stand.weights)))

    course.run(say, look if plan.in_batches else lambda _: None, budget)
    if course.stopped == "interrupted":
        raise KeyboardInterrupt
    losses, width = course.every_loss, window(plan, steps)
    if plan.in_batches:
        lasting = end = plan.whole_loss(course.stand.weights)
        reached = _first_to_stay([*looks[1:], (len(losses), end)], goal)
    else:
        lasting, end = sum(losses[-width:]) / min(width, len(losses)), end_of(losses)
        reached = reached_at(np.array(losses), goal, width)
    return Proof(
        Trial(lr, len(losses), end, reached),
        lasting,
        is_calm([*(loss for _, loss in looks), *running_means(np.array(losses), plan.per_epoch)]),
        None if course.stopped == "diverged" else judged(course, alone.split),
    )


def _first_to_stay(looks: list[tuple[int, float]], goal: float | None) -> int | None:
    """The first of these steps from which on the loss was no higher than the goal."""
    first = None
    for step, loss in reversed(looks):
        if goal is None or not loss <= goal:
            break
        first = step
    return first
