"""Steps to the goal against the learning rate: measured, or in closed form where there is one."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from decimal import ROUND_DOWN, Context
from typing import Final

import numpy as np

from steepest.descent.arrival import stays_until
from steepest.descent.run import Descended, descend
from steepest.descent.sampled import STILL
from steepest.descent.sweep import try_rates
from steepest.descent.trial import trial_of, try_rate
from steepest.methods.contract import TENTH
from steepest.methods.optimizers import ADAPTIVE, GD, optimizer_of
from steepest.objective.quadratic import steps_of, steps_to
from steepest.problem.setup import Setup
from steepest.records.arrays import Vector
from steepest.records.descent import Descent, Goal, RateStudy, RateTrial, Trace
from steepest.records.problem import Settings

GRID = 49
LANES = GRID + 7
"""Learning rates that are run side by side, always as many, so that they are compiled once."""

MOST_STEPS = 20_000_000
"""A closed-form answer beyond this is not run to be confirmed."""

LONG = 20_000
"""Steps in which most descents show what they do."""

PROMISING = 6

MOST_SHIFTS, SHIFT = 8, 1e-6
"""Where all learning rates of a grid diverge, so much smaller ones are tried, so often."""

DOWN = 1e-4
"""The same where the smallest of a grid is the best of it."""

LEAST_RATE = 1e-250

FAR_FROM_ONE = 1e-4
"""Weights so much smaller than 1, or as much larger, are no more about 1 in size."""

VANISHED = 1e-14
"""Of its first length, the gradient is rounding, and the descent stands still."""

EFFORT = 2e9
"""What a search may cost, in elementary operations: about a second. Counted and not timed, so that
a busy machine finds the same."""

OWN_EFFORT = 1e9
"""What running on one slow learning rate may cost, beyond what its word needs."""

STEP_WORK = 400
"""What a step costs besides the rows, in elementary operations."""

SHUFFLE_WORK, SHUFFLED_ROW_WORK = 100_000, 10
"""What the shuffle of an epoch costs beside its steps, in elementary operations."""

ABOVE = (1.05, 1.5, 3.0, 8.0)
"""Shares of the stability limit that are run for a picture where nobody above it was."""
ABOVE_STEPS = 1000
ABOVE_SECONDS = 0.5

GUARD = 60.0
"""Seconds after which a search is given up all the same."""


def affordable(setup: Setup, effort: float, batch_size: int | None) -> int:
    """How many steps of single descents so many elementary operations pay for, 1 at least."""
    step: float = setup.moving.work + STEP_WORK
    rows = setup.objective.rows or 0
    if batch_size is not None and batch_size < rows:
        step += (SHUFFLE_WORK + SHUFFLED_ROW_WORK * rows) * batch_size / rows
    return max(1, int(effort / step))


def has_closed_form(setup: Setup, settings: Settings) -> bool:
    """Plain gradient descent on all rows of a quadratic without bounds."""
    return settings.optimizer == GD.name and is_recurrence(setup, settings)


def is_recurrence(setup: Setup, settings: Settings) -> bool:
    """Whether each step is the same linear map: all rows of a quadratic, without bounds."""
    return (
        setup.solved is not None
        and optimizer_of(settings.optimizer).is_linear
        and (settings.batch_size is None or settings.batch_size >= setup.objective.rows)
        and not setup.objective.bounded
    )


_LEAST_RATE: Final = 1e-290
_MOST_RATE: Final = 1e290

_SIX_DIGITS: Final = Context(prec=6, rounding=ROUND_DOWN)


def rounded_rate(lr: float) -> float:
    """A learning rate of six digits, never above the given one (it may be just below a limit).

    >>> rounded_rate(3.5398629e-05), rounded_rate(1e-310)
    (3.53986e-05, 1e-310)
    """
    return float(_SIX_DIGITS.create_decimal(repr(float(lr))))


def best_in_closed_form(setup: Setup, goal: float) -> tuple[float, int] | None:
    """(learning rate, steps) of the quickest gradient descent from the start to `goal`."""
    found = setup.quickest_to(goal)
    if found is None:
        return None
    lr = rounded_rate(found[0])
    steps = closed_form_steps(setup, lr, goal)
    return None if steps is None else (lr, steps)


def closed_form_steps(setup: Setup, lr: float, goal: float) -> int | None:
    """Steps of gradient descent from the start to `goal`; None where it never gets there."""
    if setup.modes is None:
        return None
    return steps_to(setup.modes, setup.from_minimum(setup.start), lr, goal)


def around(grid: Vector, lr: float, count: int = GRID) -> Vector:
    """A finer grid (count,) between the neighbours of a learning rate."""
    below, above = grid[grid < lr], grid[grid > lr]
    low = below[-1] if len(below) else lr
    high = above[0] if len(above) else lr
    return np.array([rounded_rate(rate) for rate in np.geomspace(low, high, count)])


def study_steps(settings: Settings) -> int:
    """Steps after which a learning rate that did not arrive is slow: ten times those at hand."""
    return max(LONG, TENTH * settings.steps)


def quickest(trials: list[RateTrial]) -> RateTrial | None:
    """The trial that reached the goal in the fewest steps."""
    reached = [trial for trial in trials if trial.steps is not None]
    return min(reached, key=lambda trial: (trial.steps, trial.lr)) if reached else None


def lowest(trials: list[RateTrial]) -> RateTrial | None:
    """The trial with the lowest loss among those that did not diverge."""
    alive = [trial for trial in trials if not trial.diverged and math.isfinite(trial.lowest_loss)]
    return min(alive, key=lambda trial: trial.lowest_loss) if alive else None


def run_lanes(
    setup: Setup, settings: Settings, rates: Vector, goal: float, steps: int, seconds: float
) -> list[RateTrial]:
    """Run at most LANES learning rates (m,) side by side, compiled before the clock starts."""
    filled = np.concatenate([rates, np.full(LANES - len(rates), rates[-1])])
    found = try_rates(
        setup.moving,
        settings,
        setup.start,
        filled,
        goal=goal,
        steps=steps,
        seconds=seconds,
        scale=setup.scale,
    )
    return found[: len(rates)]


def sweep_rates(
    setup: Setup,
    settings: Settings,
    goal: float,
    limit: float | None,
    own: float | None,
    effort: float = EFFORT,
    seconds: float = GUARD,
) -> list[RateTrial]:
    """Run a logarithmic grid of learning rates, then a finer one around the best.

    Where none reached the goal, the most promising are run on before, ten times as long each time.
    What all of it may cost is counted in steps; `seconds` are a guard. A bold one that comes upon
    the goal by luck and leaves it again does not count as there.
    """
    ends = time.monotonic() + seconds
    most = affordable(setup, effort, settings.batch_size)
    steps = min(study_steps(settings), max(most // (3 * LANES), 1))
    grid = rate_grid(setup, settings, limit, own)
    trials = run_lanes(setup, settings, grid, goal, steps, seconds)
    for _ in range(MOST_SHIFTS):
        # At a start that is flat by chance the limit says nothing of the slope further on.
        if not all(trial.diverged for trial in trials) or own is not None or grid[0] < LEAST_RATE:
            break
        grid = np.array([rounded_rate(float(rate)) for rate in grid * SHIFT])
        trials = run_lanes(setup, settings, grid, goal, steps, seconds)
    for _ in range(MOST_SHIFTS):
        # Where the start is far flatter than the minimum, its limit is far too large for that.
        best = lowest(trials)
        if quickest(trials) is not None or own is not None or best is None or grid[0] < LEAST_RATE:
            break
        if best.lr > grid[0]:
            break
        grid = np.array([rounded_rate(float(rate)) for rate in grid * DOWN])
        trials += run_lanes(setup, settings, grid, goal, steps, seconds)
    if quickest(trials) is None and np.isfinite(goal):
        trials = _run_on(setup, settings, goal, trials, steps, most - steps * LANES, ends)
    best = quickest(trials)
    left = ends - time.monotonic()
    if best is not None and best.steps is not None and best.steps <= steps and left > 0:
        finer = np.setdiff1d(around(grid, best.lr), grid)
        trials += run_lanes(setup, settings, finer, goal, steps, left)
    return sorted(_staying(setup, settings, goal, trials, ends), key=lambda trial: trial.lr)


def _staying(
    setup: Setup, settings: Settings, goal: float, trials: list[RateTrial], ends: float
) -> list[RateTrial]:
    """The trials with their quickest at the goal still when one ten times as slow arrives there.

    Its steps are those from which on it stays.
    """
    known: set[float] = set()
    while (best := quickest(trials)) is not None and best.lr not in known:
        left = ends - time.monotonic()
        if left <= 0:
            break
        long = past(settings, best.steps or 0)
        stays = run_past(setup, settings, best, goal, long, long, left)
        trials = [stays if trial is best else trial for trial in trials]
        known.add(best.lr)
    return trials


def past(settings: Settings, there: int) -> int:
    """Steps after which one that came to the goal after so many is there to stay, if it is."""
    return max(min(settings.steps, LONG), TENTH * there)


def run_past(
    setup: Setup,
    settings: Settings,
    trial: RateTrial,
    goal: float,
    least: int,
    most: int,
    seconds: float,
) -> RateTrial:
    """One that arrived, run past the goal: with the step from which on it stays there.

    None where it does not: off the goal again, or there by chance, after `least` to `most` steps,
    as far as they can be afforded.
    """
    ends = time.monotonic() + seconds
    needed = stays_until(trial.steps or 0)
    affords = max(affordable(setup, OWN_EFFORT, settings.batch_size), needed)
    steps, most = (min(max(count, needed), affords) for count in (least, most))
    while True:
        walk = _walk(setup, settings, trial.lr, steps, ends - time.monotonic(), False, goal)
        done = walk.descent
        if done.stopped == "time limit":
            return trial
        if done.stopped == "diverged":
            return replace(trial, steps=None, limit=done.steps, diverged=True)
        stays = done.stays_step
        if stays is None and (last := _mostly_within(walk.trace, goal)) is not None:
            stays = _walk(setup, settings, trial.lr, last, GUARD, False, goal).descent.stays_step
        if stays is not None and stays_until(stays) <= done.steps:
            return replace(trial, steps=stays, limit=stays)
        if steps >= most:
            return replace(trial, steps=None, limit=done.steps, left=True)
        steps = min(2 * steps, most)


def _mostly_within(trace: Trace, goal: float) -> int | None:
    """The last step kept at the goal, where most of the last tenth is; else None.

    One that hovers about the goal may be off it at the very last step, by rounding.
    """
    ending = trace.step >= 0.9 * trace.step[-1]
    within = trace.loss <= goal
    if 2 * np.sum(within[ending]) <= np.sum(ending):
        return None
    return int(trace.step[within][-1])


def stays_step(setup: Setup, settings: Settings, descent: Descent, goal: Goal) -> int | None:
    """The step from which on such a descent of this problem is at the goal, to its end."""
    walk = _walk(setup, settings, descent.lr, descent.steps, GUARD, traced=False, goal=goal.loss)
    return walk.descent.stays_step


def walked(setup: Setup, settings: Settings, lr: float, steps: int, seconds: float) -> Descent:
    """A descent with this learning rate that nothing stops but its steps."""
    return _walk(setup, settings, lr, steps, seconds, traced=False).descent


def last_losses(
    setup: Setup, settings: Settings, lr: float, steps: int, seconds: float, first: float
) -> Vector | None:
    """The losses of such a descent from step `first` on; None where it did not get to its end."""
    found = _walk(setup, settings, lr, steps, seconds, traced=True)
    if found.descent.stopped != "step limit":
        return None
    return np.asarray(found.trace.loss[found.trace.step >= first])


def _walk(
    setup: Setup,
    settings: Settings,
    lr: float,
    steps: int,
    seconds: float,
    traced: bool,
    goal: float | None = None,
) -> Descended:
    walk = replace(
        settings, lr=lr, steps=steps, tolerance=0.0, patience=None, time_limit=max(seconds, 1e-3)
    )
    return descend(setup.moving, walk, setup.start, goal=goal, scale=setup.scale, traced=traced)


def evenly(low: float, high: float, count: int) -> Vector:
    """Learning rates (count,) spaced evenly in the logarithm, within what floats can tell apart."""
    first, last = (min(max(end, _LEAST_RATE), _MOST_RATE) for end in (low, high))
    return np.geomspace(first, last, count)


def bold_rate(setup: Setup, settings: Settings) -> float:
    """A learning rate whose first step is a tenth of the weights' size, where no limit is known.

    An adaptive optimizer takes steps as long as the learning rate: there it is 0.1.
    """
    if settings.optimizer in ADAPTIVE:
        return 0.1
    loss, slopes = setup.objective.value_and_gradient(setup.start)
    slope = np.float64(np.linalg.norm(slopes))
    size, usual = float(np.linalg.norm(setup.start)), 1.0
    with np.errstate(all="ignore"):
        if setup.problem.command == "fit" and not FAR_FROM_ONE < loss / slope < 1 / FAR_FROM_ONE:
            # A straight slope is at a loss of 0 there: the target has a unit far from 1.
            usual = loss / slope
        found = 0.1 * max(size, usual) / slope
    return float(found) if np.isfinite(found) and found > 0 else 0.1


def rate_grid(setup: Setup, settings: Settings, limit: float | None, own: float | None) -> Vector:
    """Learning rates to try: a logarithmic grid, near the limit some more, and the `own` one."""
    middle = limit or own or bold_rate(setup, settings)
    low = min(middle * 1e-5, (own or middle) * 1e-2)
    high = max(middle * 10, (own or middle) * 1e2)
    if settings.optimizer in ADAPTIVE:
        # Adaptive steps are about as long as the learning rate, whatever the gradient.
        size = max(float(np.max(np.abs(setup.start), initial=0.0)), 1.0)
        low, high = min(low, 1e-5), max(high, size)
    near = [] if limit is None else [limit * share for share in (0.25, 0.5, 0.75, 0.9, 0.97, 0.99)]
    grid = np.concatenate([evenly(low, high, GRID), near])
    rates = [rounded_rate(lr) for lr in grid]
    return np.unique(rates if own is None else [*rates, own])


def _run_on(
    setup: Setup,
    settings: Settings,
    goal: float,
    trials: list[RateTrial],
    steps: int,
    left: int,
    ends: float,
) -> list[RateTrial]:
    """Run the lowest on, one by one, until one arrives or the `left` steps are spent."""
    alive = [t for t in trials if not t.diverged and math.isfinite(t.lowest_loss)]
    promising = sorted(alive, key=lambda trial: trial.lowest_loss)[:PROMISING]
    most = steps * 1000
    while promising and steps < most:
        steps *= 10
        for trial in promising:
            seconds = ends - time.monotonic()
            if left < steps or seconds <= 0:
                return trials
            again = run_one(setup, settings, trial.lr, goal, steps, seconds)
            left -= again.limit or 0
            trials = [again if t.lr == again.lr else t for t in trials]
            if again.steps is not None:
                # Nobody slower is of interest any more.
                steps = most = min(most, again.steps)
        promising = [t for t in trials if any(t.lr == p.lr for p in promising) and not t.diverged]
        if quickest(trials) is not None:
            break
    return trials


def run_one(
    setup: Setup,
    settings: Settings,
    lr: float,
    goal: float,
    steps: int,
    seconds: float,
    tolerance: float = 0.0,
) -> RateTrial:
    """One learning rate, run until the goal."""
    chosen = _one(settings, lr, steps, seconds, tolerance)
    return try_rate(setup.moving, chosen, setup.start, goal=goal, scale=setup.scale)


def _one(settings: Settings, lr: float, steps: int, seconds: float, tolerance: float) -> Settings:
    return replace(
        settings, lr=lr, steps=steps, time_limit=seconds, tolerance=tolerance, patience=None
    )


def rates_above(setup: Setup, settings: Settings, limit: float, goal: float) -> list[RateTrial]:
    """What learning rates above the stability limit do, in a few steps."""
    return try_rates(
        setup.at_hand.moving,
        replace(settings, patience=None, tolerance=0.0),
        setup.start,
        np.array([float(f"{limit * share:.6g}") for share in ABOVE]),
        goal=goal,
        steps=ABOVE_STEPS,
        seconds=ABOVE_SECONDS,
        scale=setup.scale,
    )


def study(
    setup: Setup,
    settings: Settings,
    own: float,
    goal: Goal,
    limit: float | None,
    edge: float | None,
    there: int | None,
    seconds: float = GUARD,
    known: tuple[RateTrial, ...] = (),
) -> tuple[RateStudy, Descended | None]:
    """How this learning rate compares with every other fixed one, up to the goal.

    `there` is the step at which the descent itself was at the goal, if it ended there; else it is
    run on, and that descent is given too, where it is not there yet. `limit` is the stability limit
    where it ended, `edge` that at the minimum. `known` are trials up to the same goal. `seconds`
    are a guard.
    """
    if has_closed_form(setup, settings):
        return _study_in_closed_form(setup, settings, own, goal, there, seconds), None
    trials = list(known) or sweep_rates(setup, settings, goal.loss, limit, own, EFFORT, seconds)
    best = quickest(trials)
    mine, further = RateTrial(own, there, there, goal.loss, diverged=False, measured=True), None
    if there is None:
        mine, further = _run_on_own(setup, settings, own, goal.loss, best, seconds)
    if mine.left:
        # Only a calmer one can be better, and it must stay.
        ends = time.monotonic() + seconds
        calm_ones = [trial for trial in trials if trial.lr < own]
        bold_ones = [trial for trial in trials if trial.lr >= own]
        trials = [*_staying(setup, settings, goal.loss, calm_ones, ends), *bold_ones]
    if best is None and mine.steps is None and edge is not None and edge < own:
        # Above it nobody stays at the minimum, and calm ones below are slow.
        trials.append(_below(setup, settings, rounded_rate(edge / 2), goal.loss, seconds))
        best = quickest(trials)
    trials = sorted(trials, key=lambda trial: trial.lr)
    return RateStudy(
        goal, mine, tuple(trials), best, calmer(setup, settings, best, goal, seconds)
    ), further


def _run_on_own(
    setup: Setup,
    settings: Settings,
    lr: float,
    goal: float,
    best: RateTrial | None,
    seconds: float,
) -> tuple[RateTrial, Descended | None]:
    """The learning rate of a descent that did not end at the goal, and the descent run on.

    The latter where it is not there yet.
    """
    # Ten times the best is all that must be known of a learning rate that is slower; for the
    # forecast it is run on while that is cheap.
    enough = TENTH * best.steps + 1 if best and best.steps else study_steps(settings)
    enough = min(max(enough, 1000), affordable(setup, EFFORT, settings.batch_size))
    cheap = min(affordable(setup, OWN_EFFORT, settings.batch_size), MOST_STEPS)
    done = descend(
        setup.moving,
        _one(settings, lr, max(enough, cheap), seconds, VANISHED),
        setup.start,
        goal=goal,
        stop_at_goal=True,
        scale=setup.scale,
        traced=False,
    )
    mine = trial_of(done.descent)
    if mine.steps is None:
        return mine, done
    # One whose steps do not shrink may stay for long, and not in the end.
    steady = optimizer_of(settings.optimizer).is_linear and settings.batch_size is None
    least = settings.steps if steady else past(settings, mine.steps)
    most = TENTH * max(least, mine.steps)
    return run_past(setup, settings, mine, goal, least, most, seconds), None


def _below(setup: Setup, settings: Settings, lr: float, goal: float, seconds: float) -> RateTrial:
    """A learning rate below the limit at the minimum, run until it is there."""
    steps = affordable(setup, OWN_EFFORT, settings.batch_size)
    found = run_one(setup, settings, lr, goal, steps, seconds)
    if found.steps is None:
        return found
    return run_past(setup, settings, found, goal, settings.steps, TENTH * settings.steps, seconds)


def calmer(
    setup: Setup, settings: Settings, best: RateTrial | None, goal: Goal, seconds: float
) -> RateTrial | None:
    """A tenth of the quickest learning rate, run until it arrives or stands still.

    Where that stands still short of the goal, the quickest came there by jumping out of the valley
    that it began in. None where that cannot be: a quadratic has one valley.
    """
    if best is None or not best.steps or setup.solved is not None:
        return None
    most = affordable(setup, OWN_EFFORT, settings.batch_size)
    steps = min(max(LONG, TENTH * TENTH * best.steps), most)
    calm = run_one(setup, settings, best.lr / TENTH, goal.loss, steps, seconds, VANISHED)
    if calm.steps is None and calm.limit is not None and not calm.diverged:
        # Where weights decay, the gradient is not zero where a descent stands still.
        less = walked(setup, settings, calm.lr, calm.limit // 2, seconds).final_loss
        more = walked(setup, settings, calm.lr, calm.limit, seconds).final_loss
        calm = replace(calm, limit=None) if abs(more - less) <= STILL * abs(less) else calm
    return calm


def _study_in_closed_form(
    setup: Setup,
    settings: Settings,
    own: float,
    goal: Goal,
    there: int | None,
    seconds: float,
) -> RateStudy:
    steps = closed_form_steps(setup, own, goal.loss) if there is None else there
    mine = RateTrial(own, steps, None, goal.loss, diverged=False, measured=there is not None)
    found = best_in_closed_form(setup, goal.loss)
    best = None
    if found is not None and found[1] <= MOST_STEPS:
        best = run_one(setup, settings, found[0], goal.loss, 2 * found[1] + 10, seconds)
    known = setup.modes
    trials: list[RateTrial] = []
    if known is not None and known.eigenvalues[0] > 0:
        edge = 2.0 / float(known.eigenvalues[0])
        below = evenly(edge * 1e-5, edge * 0.9, 33)
        rates = np.concatenate([below, edge * (1 - np.geomspace(0.08, 1e-6, 15))])
        reached = steps_of(known, setup.from_minimum(setup.start), rates, goal.loss)
        trials = [
            RateTrial(lr, there, None, goal.loss, diverged=False, measured=False)
            for lr, there in zip(rates.tolist(), reached, strict=True)
        ]
    if best is not None:
        trials.append(best)
    return RateStudy(goal, mine, tuple(sorted(trials, key=lambda t: t.lr)), best)
