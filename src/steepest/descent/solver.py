"""scipy's L-BFGS and Levenberg-Marquardt as descents: each point they moved to is a step."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from steepest.descent.run import check_steps, last_facts
from steepest.measure.deadline import Deadline
from steepest.measure.solvers import EnoughError, least_squares_path, quasi_newton_path, squared
from steepest.methods.optimizers import LBFGS, LM
from steepest.objective.objective import Objective
from steepest.records.arrays import Vector
from steepest.records.choices import Stopped
from steepest.records.descent import Descent, Trace
from steepest.records.problem import Settings
from steepest.words.errors import UsageError
from steepest.words.wording import count

FOREVER = 3600.0

LEAST_EVALUATIONS = 2000
"""A solver may need several to make one step."""


@dataclass(frozen=True)
class Solved:
    """What a solver did. Every point is kept, so that nothing must be walked again."""

    descent: Descent
    trace: Trace

    def replay(self, first: int, last: int) -> Trace:
        """The steps from `first` to `last`, both included."""
        check_steps(self.descent, first, last)
        chosen = slice(first, last + 1)
        trace = self.trace
        return Trace(
            trace.names,
            trace.step[chosen],
            trace.loss[chosen],
            trace.weights[chosen],
            trace.gradient[chosen],
        )

    def move_from(self, step: int) -> Vector | None:
        """The change of the weights (p,) at `step`; None at the end, where it stopped."""
        if step >= self.descent.steps:
            return None
        return np.asarray(self.trace.weights[step + 1] - self.trace.weights[step])

    @property
    def preconditioner(self) -> Vector | None:
        """There is no fixed one."""
        return None

    @property
    def final_weights(self) -> Vector:
        """Weights (p,) at the end."""
        return np.asarray(self.trace.weights[-1])

    @property
    def final_gradient(self) -> Vector:
        """Gradient (p,) there."""
        return np.asarray(self.trace.gradient[-1])


def solve_by(
    objective: Objective,
    settings: Settings,
    start: Vector,
    *,
    goal: float | None = None,
    held_out: Objective | None = None,
) -> Solved:
    """Run a solver from `start` (p,): one step for every point that it moved to.

    Every step uses all rows, so each ends an epoch, and what is `held_out` is judged after it.
    Raises UsageError where the solver does not fit the loss.
    """
    ends = Deadline(settings.time_limit or FOREVER, longest=1.0)
    if settings.optimizer == LM.name and not squared(objective):
        raise UsageError(
            f"{LM.title} needs a squared loss.",
            given=f"--optimizer {LM.name}",
            instead=f"Use --loss mse, or --optimizer {LBFGS.name}.",
        )
    began = time.monotonic()
    way = _Way(objective, settings, held_out)
    with suppress(EnoughError):
        way.to(start)
    method = least_squares_path if settings.optimizer == LM.name else quasi_newton_path
    stopped: Stopped = "converged"
    if way.ended is None:
        try:
            method(objective, start, ends, max(settings.steps, LEAST_EVALUATIONS), way.to)
        except KeyboardInterrupt:
            stopped = "interrupted"
        else:
            if ends.passed:
                stopped = "time limit"
    stopped = way.ended or stopped
    seconds = time.monotonic() - began
    trace, last = way.trace(), way.last
    reached = np.flatnonzero(trace.loss <= (-np.inf if goal is None else goal))
    growing, turn, recent_fall = last_facts(trace.loss, trace.weights)
    descent = Descent(
        optimizer=settings.optimizer,
        lr=math.nan,
        lr_chosen="auto",
        momentum=None,
        steps=last,
        stopped=stopped,
        stopped_why=_sentence(stopped, settings, way),
        seconds=seconds,
        final_loss=float(trace.loss[-1]),
        final_step=last,
        first_loss=float(trace.loss[0]),
        lowest_loss=float(np.min(trace.loss)),
        lowest_step=int(np.argmin(trace.loss)),
        goal_step=int(reached[0]) if len(reached) else None,
        stays_step=int(reached[0]) if len(reached) else None,
        growing=growing,
        turn=turn,
        validation_lowest_step=way.validation_lowest_step,
        recent_fall=recent_fall,
    )
    return Solved(descent, trace)


class _Way:
    """The points that a solver moved to, without those that it only tried: each lower."""

    def __init__(self, objective: Objective, settings: Settings, held_out: Objective | None):
        self.objective = objective
        self.settings = settings
        self.held_out = held_out
        self.points: list[Vector] = []
        self.losses: list[float] = []
        self.gradients: list[Vector] = []
        self.validations: list[float] = []
        self.ended: Stopped | None = None
        """The rule that ended it; None where the solver stopped by itself."""

    @property
    def last(self) -> int:
        """Steps so far."""
        return len(self.points) - 1

    @property
    def validation_lowest_step(self) -> int | None:
        """The first step with the lowest validation loss; None where none was measured."""
        if not np.any(np.isfinite(self.validations)):
            return None
        return int(np.nanargmin(self.validations))

    def to(self, point: Vector) -> None:
        """Note a point; raise EnoughError once a rule says that it is the last."""
        value, gradient = self.objective.value_and_gradient(point)
        lowest = self.losses[-1] if self.losses else math.nan
        if not self.points or value < lowest or (math.isfinite(value) > math.isfinite(lowest)):
            apart = None if self.held_out is None else self.held_out.value(point)
            self.points.append(np.array(point))
            self.losses.append(value)
            self.gradients.append(gradient)
            self.validations += [] if apart is None else [apart]
            self.ended = self._rule()
        if self.ended is not None:
            raise EnoughError

    def _rule(self) -> Stopped | None:
        """The rule by which the last point is the end, in a descent's order."""
        settings, patience = self.settings, self.settings.patience
        with np.errstate(over="ignore", invalid="ignore"):
            lengths = [float(slope @ slope) for slope in (self.gradients[0], self.gradients[-1])]
        if lengths[1] < settings.tolerance * settings.tolerance * lengths[0]:
            return "converged"
        if patience is not None and self.last - (self.validation_lowest_step or 0) >= patience:
            return "patience"
        return "step limit" if self.last >= settings.steps else None

    def trace(self) -> Trace:
        """All of it."""
        return Trace(
            self.objective.names,
            np.arange(len(self.points)),
            np.array(self.losses),
            np.stack(self.points),
            np.stack(self.gradients),
            np.array(self.validations) if self.validations else None,
        )


def _sentence(stopped: Stopped, settings: Settings, way: _Way) -> str:
    after = count(way.last, "step")
    if stopped == "step limit":
        return f"The limit of {settings.steps:,} steps was reached."
    if stopped == "time limit":
        return f"The time limit of {settings.time_limit:g} s was reached after {after}."
    if stopped == "interrupted":
        return f"Interrupted after {after}; what was done is kept."
    if stopped == "patience":
        return (
            f"The validation loss had not fallen for {count(settings.patience or 0, 'step')}; "
            f"it was lowest at step {way.validation_lowest_step or 0:,}."
        )
    if way.ended == "converged":
        return (
            f"After {after} the gradient was shorter than {settings.tolerance:g} "
            "of its first length."
        )
    return f"After {after} the solver found nothing lower."
