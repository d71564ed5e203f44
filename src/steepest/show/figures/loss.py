"""The loss by step, with the minimum and the forecast drawn in."""

from __future__ import annotations

import math
from typing import TypedDict

import numpy as np

from steepest.records.arrays import Matrix, Steps, Vector
from steepest.records.descent import Descent, Forecast, Goal, Trace
from steepest.records.point import Minimum
from steepest.show.figures.figure import Axis, Figure, Frames, Scale, finite
from steepest.words.wording import count, number, roughly, together


class ForecastData(TypedDict):
    """When the goal is expected to be reached."""

    step: float
    low: float
    high: float
    basis: str


class LossData(TypedDict):
    """What `loss` draws."""

    step: Steps
    loss: Vector
    minimum: float | None
    goal: float | None
    forecast: ForecastData | None
    validation: Vector | None


LINEAR_STEPS = 100
"""Up to this many steps their axis is linear."""

LOG_RATIO = 20.0
"""From this ratio of the largest to the smallest loss on, their axis is logarithmic."""

STAYS = 0.01
"""Within this share of its whole change the loss has arrived where it ends."""

NEAR = 0.1
"""And within this share of the loss there: a tenth of a small loss is still a fall."""

SAME = 1e-6
"""Relative changes of the loss below this are said to be none."""

WIDE = 1e4
"""From this ratio of the largest to the median loss on, a shape is drawn logarithmically."""

BOUNCING = 0.2
"""From this share of rising steps on, a fall is said to bounce."""


def loss_figure(
    frames: Frames,
    trace: Trace,
    descent: Descent,
    *,
    minimum: Minimum | None = None,
    goal: Goal | None = None,
    forecast: Forecast | None = None,
    notes: tuple[str, ...] = (),
) -> Figure:
    """The loss of every step in `trace`, at most 1,001 of them, in ascending order."""
    low = None if minimum is None or minimum.unbounded or minimum.separable else minimum.loss
    low = finite(low)
    title = loss_title(trace, descent, low, goal)
    return Figure(
        kind="loss",
        title=title,
        text=_text(title, trace, descent, low, goal, forecast),
        x=Axis("step", "linear" if _last(trace) <= LINEAR_STEPS else "symlog"),
        y=Axis("loss", loss_scale(trace.loss, low)),
        frames=frames,
        data={
            "step": trace.step,
            "loss": trace.loss,
            "minimum": low,
            "goal": None if goal is None else finite(goal.loss),
            "forecast": None
            if forecast is None or forecast.steps is None
            else {
                "step": forecast.steps,
                "low": forecast.low,
                "high": forecast.high,
                "basis": forecast.basis,
            },
            "validation": trace.validation,
        },
        notes=notes,
    )


def loss_scale(losses: Vector, minimum: float | None = None) -> Scale:
    """Logarithmic where the losses are positive and far apart, symlog where some are negative."""
    known = losses[np.isfinite(losses)]
    if minimum is not None:
        known = np.append(known, minimum)
    if not len(known):
        return "linear"
    low, high = float(np.min(known)), float(np.max(known))
    above = known[known > 0]
    if low >= 0 and len(above):
        return "log" if high > LOG_RATIO * float(np.min(above)) else "linear"
    return "symlog" if max(abs(low), abs(high)) > 1e4 else "linear"


def shape_scale(losses: Matrix) -> Scale:
    """Linear, for a bowl is known by its shape, unless that hides all but the highest losses."""
    known = np.abs(losses[np.isfinite(losses)])
    if not len(known) or np.max(known) <= WIDE * max(1e-9, float(np.median(known))):
        return "linear"
    return loss_scale(losses)


def loss_title(
    trace: Trace, descent: Descent, minimum: float | None, goal: Goal | None = None
) -> str:
    """Say how the loss went."""
    known = np.isfinite(trace.loss)
    if not len(trace) or not known.any():
        return "The loss is not a finite number at any step."
    first, last = descent.first_loss, descent.final_loss
    steps = descent.final_step
    away = "" if minimum is None else _beside(last, minimum, goal)
    if descent.steps == 0 or steps == 0:
        broken = descent.non_finite_step
        if broken is not None and descent.steps > 0:
            return f"The loss is {number(last)} at the start, and not finite from step {broken} on."
        return f"The loss is {number(last)} at the start, and no step was taken{away}."
    before, after = together(first, last)
    done = count(steps, "step")
    if not math.isfinite(first):
        return f"The loss is {number(first)} at the start, and {number(last)} after {done}."
    if descent.non_finite_step is not None:
        went = _word(first, last)
        return (
            f"The loss {went} from {before} to {after} in {done}, "
            f"and is not finite from step {count(descent.non_finite_step)} on."
        )
    if descent.stopped == "diverged":
        if last < first:
            return f"The loss falls without end: from {before} to {after} in {done}."
        return f"The loss grows from {before} to {after} in {done}."
    change = last - first
    if abs(change) <= SAME * max(abs(first), abs(last)):
        least, most = float(np.min(trace.loss[known])), float(np.max(trace.loss[known]))
        if most - least <= SAME * max(abs(first), abs(last)):
            return f"The loss stays at {number(last)} for {done}{away}."
        return (
            f"The loss goes between {number(least, 4)} and {number(most, 4)}, "
            f"and after {done} is back at {number(last, 4)}{away}."
        )
    lowest = descent.lowest_loss
    dipped = first - lowest
    if lowest < last and last - lowest > STAYS * max(abs(change), dipped):
        if descent.lowest_step == 0:
            return f"The loss grows from {before} to {after} in {done}{away}."
        return (
            f"The loss falls from {before} to {number(lowest, 5)} at step "
            f"{count(descent.lowest_step)}, then grows to {after} by step {count(steps)}."
        )
    rises = int(np.sum(np.diff(trace.loss[known]) > 0))
    if rises > BOUNCING * max(1, int(np.sum(known)) - 1):
        return (
            f"The loss falls from {before} to {after} in {done}, but not steadily: it rises in "
            f"{count(rises)} of {count(int(np.sum(known)) - 1)} recorded intervals{away}."
        )
    settled = _settled(trace, last, change)
    if settled is not None and 2 * settled <= steps:
        quick = count(settled, "step")
        return f"The loss falls from {before} to {after} in {quick}, then stays{away}."
    return f"The loss falls from {before} to {after} in {done}{away}."


def _word(first: float, last: float) -> str:
    return "falls" if last < first else "grows" if last > first else "stays,"


def _beside(last: float, minimum: float, goal: Goal | None) -> str:
    """The minimum, or that the loss is there."""
    if goal is not None and last <= goal.loss:
        return f", {goal.to}"
    return f"; the minimum is {number(minimum, 3)}" if last > minimum else ""


def _settled(trace: Trace, last: float, change: float) -> int | None:
    """The first recorded step from which on the loss is about where it ends."""
    near = np.abs(trace.loss - last) <= min(STAYS * abs(change), NEAR * abs(last))
    away = np.flatnonzero(~near & np.isfinite(trace.loss))
    after = int(away[-1]) + 1 if len(away) else 0
    return int(trace.step[after]) if after < len(trace) else None


def _last(trace: Trace) -> int:
    return int(trace.step[-1]) if len(trace) else 0


def _text(
    title: str,
    trace: Trace,
    descent: Descent,
    minimum: float | None,
    goal: Goal | None,
    forecast: Forecast | None,
) -> str:
    said = [
        title,
        f"A line of {count(len(trace), 'point')}, the loss against the step "
        f"from 0 to {count(_last(trace))}.",
    ]
    if math.isfinite(descent.lowest_loss):
        said.append(f"Lowest: {number(descent.lowest_loss)} at step {count(descent.lowest_step)}.")
    if minimum is not None:
        said.append(f"The known minimum is {number(minimum)}.")
    if goal is not None and forecast is not None:
        if forecast.steps is None:
            said.append(forecast.basis)
        else:
            there = roughly(forecast.steps, "step")
            said.append(f"To get {goal.to} takes {there}, {forecast.basis}.")
    if trace.validation is not None and np.isfinite(trace.validation).any():
        ended = trace.validation[np.isfinite(trace.validation)][-1]
        said.append(f"The loss on the rows held out ends at {number(float(ended))}.")
    return " ".join(said)
