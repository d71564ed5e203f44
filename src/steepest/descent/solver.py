"""scipy's L-BFGS and Levenberg-Marquardt as descents: each point they moved to is a step."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np

from steepest.descent.run import last_facts
from steepest.errors import UsageError
from steepest.minimum import least_squares_path, quasi_newton_path, squared
from steepest.objective import Objective
from steepest.records import Descent, Settings, Trace, Vector

FOREVER = 3600.0


@dataclass(frozen=True)
class Solved:
    """What a solver did. Every point is kept, so that nothing must be walked again."""

    descent: Descent
    trace: Trace

    def replay(self, first: int, last: int) -> Trace:
        """The steps from `first` to `last`, both included."""
        if not 0 <= first <= last <= self.descent.steps:
            raise UsageError(
                "There is no such step in this descent.",
                given=f"{first}" if first == last else f"{first} to {last}",
                instead=f"Ask for steps 0 to {self.descent.steps}.",
            )
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
) -> Solved:
    """Run a solver from `start` (p,): one step for every point that it moved to.

    Raises UsageError where the solver does not fit the loss.
    """
    ends = time.monotonic() + (settings.time_limit or FOREVER)
    if settings.optimizer == "lm" and not squared(objective):
        raise UsageError(
            "Levenberg-Marquardt needs a squared loss.",
            given="--optimizer lm",
            instead="Use --loss mse, or --optimizer lbfgs.",
        )
    began = time.monotonic()
    method = least_squares_path if settings.optimizer == "lm" else quasi_newton_path
    points = _downhill(objective, method(objective, start, ends, max(settings.steps, 1)))
    points = points[: settings.steps + 1]
    both = [objective.value_and_gradient(point) for point in points]
    trace = Trace(
        objective.names,
        np.arange(len(points)),
        np.array([value for value, _ in both]),
        np.stack(points),
        np.stack([gradient for _, gradient in both]),
    )
    limited = len(points) > settings.steps
    last = len(points) - 1
    reached = np.flatnonzero(trace.loss <= (-np.inf if goal is None else goal))
    growing, turn, recent_fall = last_facts(trace.loss, trace.weights)
    descent = Descent(
        optimizer=settings.optimizer,
        lr=math.nan,
        lr_chosen="auto",
        momentum=None,
        steps=last,
        stopped="step limit" if limited else "converged",
        stopped_why=f"The limit of {settings.steps:,} steps was reached."
        if limited
        else f"After {last:,} {'step' if last == 1 else 'steps'} the solver found nothing lower.",
        seconds=time.monotonic() - began,
        final_loss=float(trace.loss[-1]),
        final_step=last,
        first_loss=float(trace.loss[0]),
        lowest_loss=float(np.min(trace.loss)),
        lowest_step=int(np.argmin(trace.loss)),
        goal_step=int(reached[0]) if len(reached) else None,
        growing=growing,
        turn=turn,
        recent_fall=recent_fall,
    )
    return Solved(descent, trace)


def _downhill(objective: Objective, points: list[Vector]) -> list[Vector]:
    """The points without those that the solver only tried: each lower than the one before."""
    kept = [points[0]]
    lowest = objective.value(points[0])
    for point in points[1:]:
        value = objective.value(point)
        if value < lowest or (not math.isfinite(lowest) and math.isfinite(value)):
            kept.append(point)
            lowest = value
    return kept
