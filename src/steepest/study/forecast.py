"""How many steps it takes to the goal: counted, computed, or extrapolated with a range."""

from __future__ import annotations

import math

import numpy as np

from steepest.descent.run import Descended
from steepest.measure.deadline import Deadline
from steepest.measure.solvers import polished
from steepest.methods.optimizers import GD, optimizer_of
from steepest.objective.quadratic import FAR, Modes, steps_to
from steepest.problem.setup import Setup
from steepest.records.arrays import Vector
from steepest.records.descent import Descent, Forecast, Goal, RateStudy
from steepest.records.point import Spectrum
from steepest.records.problem import Settings
from steepest.records.verdict import Leaving
from steepest.study.aim import at_most
from steepest.study.rates import (
    closed_form_steps,
    has_closed_form,
)
from steepest.study.spectra import spectrum_at

LEADING_SECONDS = 2.0
"""What a solver may take to lead on from there; mostly it takes a few hundredths."""

FEWEST_STEPS = 40
"""From fewer the fall of the loss cannot be read."""

WIDER = 1.5
"""A range is widened by this factor on both sides, for what is not a quadratic yet."""

AGREES = 2.0
"""The quadratic at the minimum holds where its loss is that of the descent within this factor."""


def forecast_of(
    setup: Setup,
    settings: Settings,
    descent: Descent,
    arrival: Goal | None,
    rates: RateStudy | None,
    further: Descended | None,
    leaving: Leaving | None,
) -> Forecast | None:
    """Steps to within 1 % of the minimum: counted, from the spectrum, or by running on.

    `further` is the descent run on for the study of `rates`, not there yet; `leaving` what became
    of one that ended at the goal.
    """
    if arrival is None:
        return None
    if leaving is not None and leaving.stays is None:
        basis = f"Run on to step {leaving.walked:,}, the descent leaves the goal and does not stay."
        return Forecast(arrival.to, None, basis)
    if leaving is not None:
        return Forecast(arrival.to, leaving.stays, "counted by running on")
    if descent.stays_step is not None:
        return Forecast(arrival.to, descent.stays_step, "counted in this run")
    if has_closed_form(setup, settings):
        steps = closed_form_steps(setup, descent.lr, arrival.loss)
        if steps is None:
            return Forecast(arrival.to, None, f"With {_these(settings)} the loss never gets there.")
        return Forecast(arrival.to, steps, "computed from the eigenvalues of the Hessian")
    if descent.non_finite_step == 0:
        what = "number" if not math.isfinite(descent.first_loss) else "gradient"
        return Forecast(arrival.to, None, f"The start itself gives no finite {what}.")
    if descent.stopped == "diverged":
        return Forecast(arrival.to, None, f"With {_these(settings)} the descent diverges.")
    if rates is None or rates.goal.loss != arrival.loss:
        return Forecast(arrival.to, None, "It was not run on.")
    own = rates.own
    if own.steps is not None:
        return Forecast(arrival.to, own.steps, "counted by running on")
    if own.diverged:
        return Forecast(arrival.to, None, "Run on, the descent diverges.")
    if own.left:
        basis = f"By step {own.limit:,} the descent has passed the goal, and did not stay."
        return Forecast(arrival.to, None, basis)
    if own.limit is None:
        return Forecast(arrival.to, None, "Run on, the descent comes to a standstill.")
    found = None if further is None else extrapolated(setup, settings, further, arrival)
    if found is not None:
        return found
    not_there = f"Run on to step {own.limit:,}, the descent is not there."
    return Forecast(arrival.to, None, not_there, low=own.limit + 1)


def _these(settings: Settings) -> str:
    return "these learning rates" if settings.rates else "this learning rate"


def extrapolated(
    setup: Setup, settings: Settings, walked: Descended, arrival: Goal
) -> Forecast | None:
    """How a descent goes on that is not at the goal yet; None where that cannot be said.

    The loss above the minimum falls like a sum of exponentials near it. How quickly it falls by now
    is measured; how quickly in the end, the smallest curvature at the minimum says. The number of
    steps lies between what the two give: that is the range. The minimum is the one of the basin
    that this descent is in: where a solver leads from where it stands.
    """
    done = walked.descent
    if done.stopped == "diverged" or done.steps < FEWEST_STEPS or settings.batch_size is not None:
        return None
    seconds = Deadline(at_most(LEADING_SECONDS, settings.time_limit))
    at = polished(setup.objective, walked.final_weights, seconds)
    floor = setup.objective.value(at)
    if not floor < arrival.loss:
        return None  # It goes down to somewhere else.
    left, allowed = done.final_loss - floor, arrival.loss - floor
    by_now = _falling(walked, floor)
    spectrum = spectrum_at(setup, settings, None, at, "minimum")
    in_the_end = None if spectrum is None else slowest(spectrum, settings, done)
    if by_now is None or in_the_end is None or not left > allowed:
        return None
    folds = math.log(left / allowed)
    few, many = sorted((folds / by_now, folds / in_the_end))
    if not many < FAR:
        return None
    middle = _on_the_quadratic(setup, spectrum, walked, at, settings, floor, arrival)
    expected = math.sqrt(few * many) if middle is None else float(middle)
    low, high = min(few / WIDER, expected), max(many * WIDER, expected)
    return Forecast(
        arrival.to,
        done.steps + round(expected),
        f"run on to step {done.steps:,}, and from there by the curvature at the minimum",
        low=done.steps + math.floor(low),
        high=done.steps + math.ceil(high),
    )


def _falling(walked: Descended, floor: float) -> float | None:
    """By how much the logarithm of the loss above `floor` falls a step, over the last quarter."""
    trace = walked.trace
    last = int(trace.step[-1])
    before = int(np.searchsorted(trace.step, last - last // 4))
    over = trace.loss[[before, -1]] - floor
    steps = last - int(trace.step[before])
    if not np.all(over > 0) or steps < 1 or not over[0] > over[1]:
        return None
    return float(np.log(over[0] / over[1])) / steps


def slowest(spectrum: Spectrum, settings: Settings, done: Descent) -> float | None:
    """By how much the logarithm of the loss falls in a step along the least curved direction.

    None where that is not known: where a curvature cannot be told from zero, and for optimizers
    whose scaling changes as they go.
    """
    if not spectrum.measured or not spectrum.complete or spectrum.smallest <= spectrum.noise:
        return None
    factors = [_factor(settings.optimizer, done, curvature) for curvature in spectrum.values]
    worst = max((factor for factor in factors if factor is not None), default=None)
    if worst is None or None in factors or not 0 < worst < 1:
        return None
    return -2 * math.log(worst)


def _factor(optimizer: str, done: Descent, curvature: float) -> float | None:
    """By what the distance to the minimum is multiplied in a step, at length."""
    rate, beta = done.lr * float(curvature), done.momentum or 0.0
    method = optimizer_of(optimizer)
    if not method.is_linear:
        return None
    ahead = rate if method.looks_ahead else 0.0
    roots = np.roots([1.0, -(1 + beta - rate - beta * ahead), beta * (1 - ahead)])
    return float(np.max(np.abs(roots)))


def _on_the_quadratic(
    setup: Setup,
    spectrum: Spectrum | None,
    walked: Descended,
    at: Vector,
    settings: Settings,
    floor: float,
    arrival: Goal,
) -> int | None:
    """Steps from where the descent stands on the quadratic at the minimum, where that holds."""
    if spectrum is None or settings.optimizer != GD.name:
        return None
    modes = Modes(spectrum.values, spectrum.vectors, floor)
    offset = (walked.final_weights - at) / setup.moving.stride
    supposed = float(np.sum(0.5 * modes.eigenvalues * modes.distances(offset) ** 2))
    actual = walked.descent.final_loss - floor
    if not actual / AGREES <= supposed <= actual * AGREES:
        return None
    return steps_to(modes, offset, walked.descent.lr, arrival.loss)
