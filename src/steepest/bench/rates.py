"""Steps to the goal against the learning rate: measured, or in closed form where there is one."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import numpy as np

from steepest.bench.prepare import Setup
from steepest.descent.run import descend
from steepest.descent.sweep import try_rates
from steepest.quadratic import Modes, best_rate, lowest_after, modes_of, steps_to
from steepest.records import Goal, Minimum, RateStudy, RateTrial, Settings, Vector

GRID = 49
MOST_STEPS = 50_000_000
"""A closed-form answer beyond this is not run to be confirmed."""

PROMISING = 12

VANISHED = 1e-14
"""Of its first length, the gradient is rounding, and the descent stands still."""

FORECAST = 0.4
"""Share of the time for the study in which a slow learning rate is run on."""

SURE_FACTOR = 10
"""The contract's words need one learning rate to be ten times as quick as another."""


def modes(setup: Setup) -> Modes | None:
    """The closed form of gradient descent on this problem, where there is one."""
    if setup.solved is None:
        return None
    return modes_of(setup.solved.root * setup.moving.unit, setup.solved.floor)


def has_closed_form(setup: Setup, settings: Settings) -> bool:
    """Plain gradient descent on all rows of a quadratic without bounds."""
    return (
        setup.solved is not None
        and settings.optimizer == "gd"
        and (settings.batch_size is None or settings.batch_size >= setup.objective.rows)
        and not setup.objective.bounded
    )


def one_percent_goal(setup: Setup, minimum: Minimum | None, first_loss: float) -> Goal | None:
    """Within 1 % of the minimum, as the contract defines it; None if no minimum is known."""
    if minimum is None or minimum.separable or not math.isfinite(minimum.loss):
        return None
    if setup.reference_loss is not None:
        tiny = 1e-10 * setup.reference_loss
    else:
        tiny = 1e-6 * max(first_loss - minimum.loss, 0.0) if math.isfinite(first_loss) else 0.0
    allowed = max(0.01 * abs(minimum.loss), tiny)
    return Goal(minimum.loss + allowed, "within 1 % of the minimum")


def study_goal(arrival: Goal | None, minimum: Minimum | None, final_loss: float) -> Goal | None:
    """The goal of the three words: 1 % above the minimum, or where this run ended if lower.

    Not closer to the minimum than a ten-thousandth of the 1 %: there, rounding decides.
    """
    if not math.isfinite(final_loss):
        return arrival
    if arrival is None or minimum is None:
        return Goal(final_loss, "the loss this run ended with")
    floor = minimum.loss + 1e-4 * (arrival.loss - minimum.loss)
    if final_loss < arrival.loss:
        return Goal(max(final_loss, floor), "the loss this run ended with")
    return arrival


def rounded_rate(lr: float) -> float:
    """A learning rate of six digits, never above the given one (it may be just below a limit).

    >>> rounded_rate(3.5398629e-05)
    3.53986e-05
    """
    digits = 5 - math.floor(math.log10(lr))
    return float(f"{math.floor(lr * 10.0**digits) / 10.0**digits:.6g}")


def best_in_closed_form(setup: Setup, start: Vector, goal: float) -> tuple[float, int] | None:
    """(learning rate, steps) of the quickest gradient descent to `goal`."""
    known = modes(setup)
    if known is None or setup.solved is None:
        return None
    offset = (start - setup.solved.solution) / setup.moving.unit
    found = best_rate(known, offset, goal)
    if found is None:
        return None
    lr = rounded_rate(found[0])
    steps = steps_to(known, offset, lr, goal)
    return None if steps is None else (lr, steps)


def closed_form_steps(setup: Setup, lr: float, goal: float) -> int | None:
    """Steps of gradient descent from the start to `goal`; None where it never gets there."""
    known = modes(setup)
    if known is None or setup.solved is None:
        return None
    return steps_to(known, (setup.start - setup.solved.solution) / setup.moving.unit, lr, goal)


@dataclass(frozen=True)
class Choice:
    """A learning rate for --lr auto, with the trials that it was chosen from."""

    lr: float
    trials: tuple[RateTrial, ...] = ()


def choose_rate(
    setup: Setup, settings: Settings, goal: Goal | None, limit: float | None, seconds: float
) -> Choice:
    """The learning rate that is quickest to the goal, and stays there.

    Where none gets there in the steps at hand, the one with the lowest loss at the end of them.
    """
    known = modes(setup)
    if known is not None and setup.solved is not None and has_closed_form(setup, settings):
        found = None if goal is None else best_in_closed_form(setup, setup.start, goal.loss)
        if found is not None and (found[1] <= settings.steps or not settings.steps):
            return Choice(found[0])
        if known.eigenvalues[0] > 0:
            offset = (setup.start - setup.solved.solution) / setup.moving.unit
            return Choice(rounded_rate(lowest_after(known, offset, settings.steps)))
    wanted = -np.inf if goal is None else goal.loss
    trials = sweep_rates(setup, settings, wanted, limit, None, _study_steps(settings), seconds)
    best = _quick(_lasting(setup, settings, trials, wanted, seconds))
    if best is None:
        first = setup.objective.value(setup.start)
        best = _calmest(_at_hand(setup, settings, trials, seconds), first)
    if best is None:
        return Choice(limit / 2 if limit else 1e-3, tuple(trials))
    return Choice(best.lr, tuple(trials))


def _lasting(
    setup: Setup, settings: Settings, trials: list[RateTrial], goal: float, seconds: float
) -> list[RateTrial]:
    """Those that reach the goal, without the bold ones that bounce off it again.

    Each is walked to its last step, from the quickest on, until one is there at the end.
    """
    ends = time.monotonic() + seconds
    left = [trial for trial in trials if trial.steps is not None]
    while (best := _quick(left)) is not None and time.monotonic() < ends:
        walk = replace(settings, lr=best.lr, tolerance=0.0, patience=None, time_limit=seconds)
        done = descend(setup.moving, walk, setup.start, scale=setup.scale).descent
        arriving = best.steps is not None and best.steps > settings.steps
        if done.stopped != "diverged" and (done.final_loss <= goal or arriving):
            break
        left = [trial for trial in left if trial.lr < best.lr]
    return left


def _at_hand(
    setup: Setup, settings: Settings, trials: list[RateTrial], seconds: float
) -> list[RateTrial]:
    """The same learning rates in the steps that the descent will have, and more around the best."""
    alive = np.unique([trial.lr for trial in trials if not trial.diverged])
    if not len(alive):
        return trials

    def run(rates: Vector) -> list[RateTrial]:
        return try_rates(
            setup.moving,
            settings,
            setup.start,
            rates,
            goal=-np.inf,
            steps=settings.steps,
            seconds=seconds / 4,
            scale=setup.scale,
        )

    # As many as a finer grid has, so that nothing is compiled again.
    alive = alive[np.linspace(0, len(alive) - 1, GRID).round().astype(int)]
    found = run(alive)
    best = lowest(found)
    return found if best is None else found + run(_around(alive, best.lr))


def _around(grid: Vector, lr: float) -> Vector:
    """A finer grid between the neighbours of a learning rate."""
    below, above = grid[grid < lr], grid[grid > lr]
    low = below[-1] if len(below) else lr
    high = above[0] if len(above) else lr
    return np.array([rounded_rate(rate) for rate in np.geomspace(low, high, GRID)])


def _study_steps(settings: Settings) -> int:
    return max(20_000, SURE_FACTOR * settings.steps)


def quickest(trials: list[RateTrial]) -> RateTrial | None:
    """The trial that reached the goal in the fewest steps."""
    reached = [trial for trial in trials if trial.steps is not None]
    return min(reached, key=lambda trial: (trial.steps, trial.lr)) if reached else None


def _quick(trials: list[RateTrial]) -> RateTrial | None:
    """The smallest learning rate that is about as quick as the quickest: away from the edge."""
    best = quickest(trials)
    if best is None or best.steps is None:
        return best
    enough = 1.1 * best.steps
    near = [trial for trial in trials if trial.steps is not None and trial.steps <= enough]
    return min(near, key=lambda trial: trial.lr)


def lowest(trials: list[RateTrial]) -> RateTrial | None:
    """The trial with the lowest loss among those that did not diverge."""
    alive = [trial for trial in trials if not trial.diverged and math.isfinite(trial.lowest_loss)]
    return min(alive, key=lambda trial: trial.lowest_loss) if alive else None


def _calmest(trials: list[RateTrial], first: float) -> RateTrial | None:
    """The smallest learning rate that is about as low as the lowest: away from the edge.

    About: within 1 % of the lowest loss, and of what the lowest took off the `first`.
    """
    low = lowest(trials)
    if low is None:
        return None
    allowed = 0.01 * min(abs(low.lowest_loss), abs(first - low.lowest_loss))
    near = [t for t in trials if not t.diverged and t.lowest_loss <= low.lowest_loss + allowed]
    return min(near, key=lambda trial: trial.lr)


def sweep_rates(
    setup: Setup,
    settings: Settings,
    goal: float,
    limit: float | None,
    own: float | None,
    steps: int,
    seconds: float,
) -> list[RateTrial]:
    """Run a logarithmic grid of learning rates, then a finer one around the best.

    Where none reached the goal, the most promising are run on, ten times as long each time.
    """
    ends = time.monotonic() + seconds
    grid = rate_grid(setup, settings, limit, own)

    def run(rates: Vector, share: float) -> list[RateTrial]:
        found = try_rates(
            setup.moving,
            settings,
            setup.start,
            rates,
            goal=goal,
            steps=steps,
            seconds=max(share * (ends - time.monotonic()), 0.05),
            scale=setup.scale,
        )
        return [_rounded(trial) for trial in found]

    trials = run(grid, 0.5)
    best = quickest(trials) or lowest(trials)
    if best is not None:
        trials += run(np.unique(_around(grid, best.lr)), 0.7)
    if quickest(trials) is None and np.isfinite(goal):
        trials = _run_on(setup, settings, goal, trials, steps, ends)
    return sorted(trials, key=lambda trial: trial.lr)


def rate_grid(setup: Setup, settings: Settings, limit: float | None, own: float | None) -> Vector:
    """Learning rates to try: a logarithmic grid, and what theory recommends near the limit."""
    middle = limit or own or 0.1
    low = min(middle * 1e-5, (own or middle) * 1e-2)
    high = max(middle * 10, (own or middle) * 1e2)
    if settings.optimizer not in ("gd", "momentum", "nesterov"):
        # Adaptive steps are about as long as the learning rate, whatever the gradient.
        size = max(float(np.max(np.abs(setup.start), initial=0.0)), 1.0)
        low, high = min(low, 1e-5), max(high, size)
    near = [] if limit is None else [limit * share for share in (0.25, 0.5, 0.75, 0.9, 0.97, 0.99)]
    grid = np.concatenate([np.geomspace(low, high, GRID), near])
    return np.unique(np.array([rounded_rate(lr) for lr in grid]))


def _rounded(trial: RateTrial) -> RateTrial:
    return replace(trial, lr=float(f"{trial.lr:.6g}"))


def _run_on(
    setup: Setup,
    settings: Settings,
    goal: float,
    trials: list[RateTrial],
    steps: int,
    ends: float,
) -> list[RateTrial]:
    """Run the lowest twelve on, one by one, until one arrives or the time is over."""
    alive = [t for t in trials if not t.diverged and math.isfinite(t.lowest_loss)]
    promising = sorted(alive, key=lambda trial: trial.lowest_loss)[:PROMISING]
    most = steps * 1000
    while promising and steps < most and time.monotonic() < ends:
        steps *= 10
        for trial in promising:
            left = ends - time.monotonic()
            if left <= 0:
                break
            again = run_one(setup, settings, trial.lr, goal, steps, left)
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
    done = descend(
        setup.moving,
        replace(
            settings, lr=lr, steps=steps, time_limit=seconds, tolerance=tolerance, patience=None
        ),
        setup.start,
        goal=goal,
        stop_at_goal=True,
        scale=setup.scale,
    ).descent
    return RateTrial(
        lr=lr,
        steps=done.goal_step,
        limit=None if done.stopped == "converged" else done.steps,
        lowest_loss=done.lowest_loss,
        diverged=done.stopped == "diverged",
        measured=True,
    )


def study(
    setup: Setup,
    settings: Settings,
    own: float,
    goal: Goal,
    limit: float | None,
    goal_step: int | None,
    seconds: float,
    known: tuple[RateTrial, ...] = (),
) -> RateStudy:
    """How this learning rate compares with every other fixed one, up to the goal."""
    if has_closed_form(setup, settings):
        return _study_in_closed_form(setup, settings, own, goal, goal_step, seconds)
    steps = _study_steps(settings)
    trials = list(known)
    if quickest(trials) is None:
        trials = sweep_rates(setup, settings, goal.loss, limit, own, steps, seconds * 0.6)
    best = quickest(trials)
    if goal_step is not None:
        mine = RateTrial(own, goal_step, goal_step, goal.loss, diverged=False, measured=True)
    else:
        # Ten times the best is all that must be known of a learning rate that is slower.
        enough = SURE_FACTOR * best.steps + 1 if best and best.steps else steps
        enough = max(enough, 1000)
        mine = run_one(setup, settings, own, goal.loss, enough, seconds, VANISHED)
        if mine.steps is None and not mine.diverged and (mine.limit or 0) >= enough:
            # The word is known by now; for the forecast it is run on while that is cheap.
            mine = run_one(
                setup, settings, own, goal.loss, MOST_STEPS, FORECAST * seconds, VANISHED
            )
            if mine.steps is None and mine.limit is not None:
                mine = replace(mine, limit=max(mine.limit, enough))
    return RateStudy(goal, mine, tuple(trials), best)


def _study_in_closed_form(
    setup: Setup,
    settings: Settings,
    own: float,
    goal: Goal,
    goal_step: int | None,
    seconds: float,
) -> RateStudy:
    steps = closed_form_steps(setup, own, goal.loss) if goal_step is None else goal_step
    mine = RateTrial(own, steps, None, goal.loss, diverged=False, measured=goal_step is not None)
    found = best_in_closed_form(setup, setup.start, goal.loss)
    best = None
    if found is not None and found[1] <= MOST_STEPS:
        best = run_one(setup, settings, found[0], goal.loss, 2 * found[1] + 10, seconds)
    known = modes(setup)
    trials: list[RateTrial] = []
    if known is not None and setup.solved is not None and known.eigenvalues[0] > 0:
        offset = (setup.start - setup.solved.solution) / setup.moving.unit
        edge = 2.0 / float(known.eigenvalues[0])
        below = np.geomspace(edge * 1e-5, edge * 0.9, 33)
        near = edge * (1 - np.geomspace(0.08, 1e-6, 15))
        for lr in np.concatenate([below, near]):
            reached = steps_to(known, offset, float(lr), goal.loss)
            trials.append(
                RateTrial(float(lr), reached, None, goal.loss, diverged=False, measured=False)
            )
    if best is not None:
        trials.append(best)
    return RateStudy(goal, mine, tuple(sorted(trials, key=lambda t: t.lr)), best)
