"""The learning rate for --lr auto: the quickest that is just right by its own verdict too."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from steepest.methods.contract import TENTH
from steepest.objective.quadratic import Modes, excess, lowest_after
from steepest.problem.setup import Setup
from steepest.records.arrays import Vector
from steepest.records.descent import Descent, Goal, RateTrial
from steepest.records.problem import Settings
from steepest.study.aim import Aim
from steepest.study.limits import limit_at
from steepest.study.rates import (
    EFFORT,
    GUARD,
    LANES,
    affordable,
    around,
    best_in_closed_form,
    bold_rate,
    closed_form_steps,
    has_closed_form,
    last_losses,
    lowest,
    quickest,
    rate_grid,
    rounded_rate,
    run_lanes,
    run_one,
    study_steps,
    sweep_rates,
    walked,
)

ROUNDS = 4
"""Goals that a learning rate is chosen for, one after the other, until it is right for its own."""

CLEAR = 0.8 * TENTH
"""At most so many times the steps of the quickest: not near another word."""

NEAR = 1.1
"""Within this factor of the fewest steps a learning rate is about as quick as the quickest."""

STAGES = ((200, LANES), (2_000, 24), (20_000, 12))
"""Steps, and how many learning rates get them: those with the lowest loss of the stage before."""

FINER = 16

SMALLER, MOST_SMALLER = 1e-2, 60
"""Where no learning rate that was tried survives, so much smaller ones are tried, so often."""

CALMER, MOST_CALMER = 0.3, 6
"""Where a descent ends above its start, so much smaller ones are tried, so often."""


LEAST_END = 10
"""Steps over which a descent must be low at its end; half of all where they are few."""


@dataclass(frozen=True)
class Choice:
    """A learning rate, with the trials that it was chosen from and what they were run to."""

    lr: float
    trials: tuple[RateTrial, ...] = ()
    goal: Goal | None = None


def choose_rate(
    setup: Setup,
    settings: Settings,
    aim: Aim,
    limit: float | None,
    *,
    effort: float = EFFORT,
    seconds: float = GUARD,
) -> Choice:
    """The learning rate that is quickest to the goal, and stays there.

    Where none gets there in the steps at hand, the one with the lowest loss at the end of them. A
    descent may end far below the goal, and is judged by where it ended: there, too, no other
    learning rate may be ten times as quick. What the search costs is counted in steps; `seconds`
    are a guard.
    """
    if not settings.steps:
        # Without a step all rates are alike: this is the one to begin with.
        settings = replace(settings, steps=Settings.steps)
    known = setup.modes
    if known is not None and has_closed_form(setup, settings):
        for lr, final in _in_closed_form(setup, settings, known, aim):
            if _is_right(setup, lr, aim.judged_by(final)):
                return Choice(lr)
    return _by_running(setup, settings, aim, limit, effort, seconds)


def _in_closed_form(
    setup: Setup, settings: Settings, known: Modes, aim: Aim
) -> Iterator[tuple[float, float]]:
    """Learning rates that may be right, best first, each with the loss that it ends with.

    Where the goal can be reached, one of the three is: the last one ends with the lowest loss that
    there is, so that none is there much sooner unless it stands still, and the second is the
    quickest to the lowest goal that a descent is judged by. Where it cannot, the quickest is.
    """
    offset = setup.from_minimum(setup.start)
    steps = settings.steps
    goal = aim.goal
    goals = [] if goal is None else [goal, aim.judged_by(known.floor) or goal]
    found = [best_in_closed_form(setup, one.loss) for one in goals]
    in_time = [best[0] for best in found if best is not None and (best[1] <= steps or not steps)]
    late = [best[0] for best in found[:1] if best is not None]
    low = []
    if steps and known.eigenvalues[0] > 0:
        low = [rounded_rate(lowest_after(known, offset, steps))]
    for lr in [*in_time, *low, *late]:
        yield lr, known.floor + float(excess(known, offset, lr, steps))


def _is_right(setup: Setup, lr: float, goal: Goal | None) -> bool:
    best = None if goal is None else best_in_closed_form(setup, goal.loss)
    if goal is None or best is None or not best[1]:
        return True
    own = closed_form_steps(setup, lr, goal.loss)
    return own is not None and own <= CLEAR * best[1]


def _by_running(
    setup: Setup,
    settings: Settings,
    aim: Aim,
    limit: float | None,
    effort: float,
    seconds: float,
) -> Choice:
    ends = time.monotonic() + seconds
    goal = first_goal = aim.goal
    trials = sweep_rates(setup, settings, _loss(goal), limit, None, effort, seconds)
    first = trials
    found = _lasting(setup, settings, trials, _loss(goal), ends)
    if found is None and (best := quickest(trials)) is not None:
        # It may swing out once more, and be away just when the steps are over.
        found = _alive(setup, settings, best, ends)
        if found is not None and not _ends_below(setup, settings, found, ends):
            found = None
    if found is None and not all(trial.diverged or trial.left for trial in trials):
        best = _at_hand(setup, settings, aim, trials, effort, ends)
        found = None if best is None else _below(setup, settings, best, ends)
    if found is None:
        limit = limit or limit_at(setup, settings, aim.minimum)
        begin = limit / 2 if limit else bold_rate(setup, settings) / 100
        lr = _harmless(setup, settings, begin, ends)
        return Choice(lr, tuple(trials), goal)
    quick = Choice(found[0].lr, tuple(trials), goal)
    if aim.minimum is not None and aim.minimum.unbounded:
        return quick
    for _ in range(ROUNDS):
        lr, descent = found[0].lr, found[1]
        deeper = aim.judged_by(descent.final_loss)
        if deeper == goal:
            return Choice(lr, tuple(trials), goal)
        left = ends - time.monotonic()
        if left <= 0:
            break
        goal = deeper
        trials = sweep_rates(setup, settings, _loss(goal), limit, lr, effort, left)
        if _is_quick(lr, trials, settings.steps):
            return Choice(lr, tuple(trials), goal)
        # Quicker to where this one ended; else a calmer one, which ends elsewhere.
        calmer = [trial for trial in first if trial.lr < lr]
        found = _lasting(setup, settings, trials, _loss(goal), ends) or _lasting(
            setup, settings, calmer, _loss(first_goal), ends
        )
        if found is None:
            break
    return quick


def _harmless(setup: Setup, settings: Settings, lr: float, ends: float) -> float:
    """The learning rate, or the first of smaller ones with which the descent does not diverge."""
    trial = RateTrial(lr, None, None, math.nan, diverged=False, measured=False)
    for _ in range(MOST_SMALLER):
        if _alive(setup, settings, trial, ends) is not None:
            break
        trial = replace(trial, lr=trial.lr * SMALLER)
    return rounded_rate(trial.lr)


def _loss(goal: Goal | None) -> float:
    return -math.inf if goal is None else goal.loss


def _is_quick(lr: float, trials: list[RateTrial], steps: int) -> bool:
    """Whether none of the trials is much quicker; it is known to arrive in so many `steps`."""
    best = quickest(trials)
    if best is None or not best.steps:
        return True
    own = next((trial.steps for trial in trials if trial.lr == lr), None)
    return (steps if own is None else own) <= CLEAR * best.steps


def _alive(
    setup: Setup, settings: Settings, trial: RateTrial, ends: float
) -> tuple[RateTrial, Descent] | None:
    """The trial with the descent as it will be, or its beginning; None where that diverges."""
    steps = min(settings.steps, affordable(setup, EFFORT, settings.batch_size))
    done = walked(setup, settings, trial.lr, steps, ends - time.monotonic())
    return None if done.stopped == "diverged" else (trial, done)


def _below(
    setup: Setup, settings: Settings, trial: RateTrial, ends: float
) -> tuple[RateTrial, Descent] | None:
    """The trial, or the first of smaller ones with which the descent ends below its start.

    One that jumps to and fro was low on its way, and may be far up when the steps are over. What
    batches make of the last step is chance, and is left as it is.
    """
    first = found = _alive(setup, settings, trial, ends)
    for _ in range(MOST_CALMER):
        if found is None or settings.batch_size is not None:
            break
        if found[1].final_loss < found[1].first_loss:
            return found
        trial = replace(trial, lr=rounded_rate(trial.lr * CALMER))
        found = _alive(setup, settings, trial, ends)
    return first


def _lasting(
    setup: Setup, settings: Settings, trials: list[RateTrial], goal: float, ends: float
) -> tuple[RateTrial, Descent] | None:
    """The quickest that is at the goal at its last step too: bold ones bounce off it again.

    Where all arrive only after the steps at hand, the one that is lowest over the end of these, if
    it is lower than the start: the quickest may be on a detour far up then.
    """
    left = [trial for trial in trials if trial.steps is not None]
    fewest = quickest(left)
    late: list[tuple[float, tuple[RateTrial, Descent]]] = []
    while (best := _quick(left)) is not None and time.monotonic() < ends:
        if fewest is None or _slow(best, fewest):
            break
        found = _alive(setup, settings, best, ends)
        if found is not None and found[1].final_loss <= goal:
            return found
        if found is not None and best.steps is not None and best.steps > settings.steps:
            late.append((_end_of(setup, settings, best.lr, found[1].steps, ends), found))
        left = [trial for trial in left if trial.lr < best.lr]
    below = [(end, found) for end, found in late if end < found[1].first_loss]
    return min(below, key=lambda each: each[0])[1] if below else None


def _ends_below(
    setup: Setup, settings: Settings, found: tuple[RateTrial, Descent], ends: float
) -> bool:
    descent = found[1]
    return _end_of(setup, settings, descent.lr, descent.steps, ends) < descent.first_loss


def _end_of(setup: Setup, settings: Settings, lr: float, steps: int, ends: float) -> float:
    """The highest loss over the last tenth of these steps; infinite where they are not done.

    A bold one that jumps to and fro is low on its way, and at its very last step by chance.
    """
    first = max(0.5 * steps, min(0.9 * steps, steps - LEAST_END))
    last = last_losses(setup, settings, lr, steps, ends - time.monotonic(), first)
    return math.inf if last is None else float(np.max(last))


def _slow(trial: RateTrial, best: RateTrial) -> bool:
    return (trial.steps or 0) > CLEAR * max(best.steps or 0, 1)


def _at_hand(
    setup: Setup,
    settings: Settings,
    aim: Aim,
    trials: list[RateTrial],
    effort: float,
    ends: float,
) -> RateTrial | None:
    """The one with the lowest loss in the steps that the descent will have.

    Where that is above the stability limit at the minimum, it gets so low by leaps, and may end
    where nothing leads on: then one below the limit, if it takes off half as much at least and
    leaves twice as much at most, else the smallest that does.
    """
    first = setup.objective.value(setup.start)
    left = ends - time.monotonic()
    if left <= 0 or lowest(trials) is None:
        return _calmest(trials, first)
    share = max(affordable(setup, effort, settings.batch_size) // (3 * LANES), 1)

    def run(rates: Vector, steps: int) -> list[RateTrial]:
        chosen = rates[np.linspace(0, len(rates) - 1, min(LANES, len(rates))).round().astype(int)]
        return run_lanes(setup, settings, chosen, -math.inf, min(steps, share), left / 3)

    found = run(_living(trials), settings.steps)
    best = lowest(found)
    if best is not None:
        # Among those in between, too, some may grow later on.
        grid = np.unique([trial.lr for trial in trials])
        living = _living(run(around(grid, best.lr), study_steps(settings)))
        found += run(living, settings.steps) if len(living) else []
    if settings.batch_size is not None:
        return _calmest(found, first)  # What batches make of the last step is chance.
    ended = _at_the_end(setup, settings, found, share, ends)
    best = _middle(ended, first)
    edge = limit_at(setup, settings, aim.minimum)
    if best is None or aim.minimum is None or edge is None or best.lr <= edge:
        return best
    low, floor = best.lowest_loss, aim.minimum.loss
    enough = min(low + max(low - floor, 0.0), low + max(first - low, 0.0) / 2)
    good = [trial for trial in ended if trial.lowest_loss <= enough]
    calm = _middle([trial for trial in good if trial.lr <= edge], first)
    return calm or min(good, key=lambda trial: trial.lr)


def _middle(trials: list[RateTrial], first: float) -> RateTrial | None:
    """The one in the middle of the lowest: the smallest of them have only just come so far."""
    near = sorted(_about_lowest(trials, first), key=lambda trial: trial.lr)
    return near[len(near) // 2] if near else None


def _at_the_end(
    setup: Setup, settings: Settings, trials: list[RateTrial], most: int, ends: float
) -> list[RateTrial]:
    """The trials with the loss at the end of the steps at hand in place of the lowest one."""
    found = []
    steps = min(settings.steps, most)
    for trial in {each.lr: each for each in trials if not each.diverged}.values():
        if time.monotonic() >= ends:
            break
        end = _end_of(setup, settings, trial.lr, steps, ends)
        if end < math.inf:
            found.append(replace(trial, lowest_loss=end))
    return found or trials


def _living(trials: list[RateTrial]) -> Vector:
    return np.unique([trial.lr for trial in trials if not trial.diverged])


def good_rate(
    setup: Setup,
    settings: Settings,
    goal: Goal | None,
    limit: float | None,
    *,
    effort: float,
    seconds: float,
) -> RateTrial | None:
    """A learning rate that is about the quickest to the goal; the lowest where none gets there.

    One descent after the other, each no longer than it may still be the quickest: that compiles
    nothing but what walks the chosen one, and tells of the others only that they are slower.
    """
    ends = time.monotonic() + seconds
    wanted = -math.inf if goal is None else goal.loss
    left = affordable(setup, effort, settings.batch_size)
    trials: dict[float, RateTrial] = {}

    def run(rates: Vector, steps: int) -> None:
        nonlocal left
        for lr in map(float, rates):
            best = quickest(list(trials.values()))
            enough = steps if best is None or best.steps is None else math.ceil(NEAR * best.steps)
            seconds = ends - time.monotonic()
            if left <= 0 or seconds <= 0:
                return
            trial = run_one(setup, settings, lr, wanted, min(steps, enough, left), seconds)
            left -= trial.limit or 0
            trials[lr] = trial

    grid = rates = rate_grid(setup, settings, limit, None)
    for steps, count in STAGES:
        alive = [t for lr, t in trials.items() if not t.diverged and t.steps is None]
        if trials:
            lowest_first = sorted(alive, key=lambda trial: trial.lowest_loss)[:count]
            rates = np.array([trial.lr for trial in lowest_first])
        run(rates, steps)
        if quickest(list(trials.values())) is not None:
            break
    best = quickest(list(trials.values()))
    if best is not None and best.steps is not None:
        run(around(grid, best.lr, FINER), best.steps)
    found = list(trials.values())
    return _quick(found) or _calmest(found, setup.objective.value(setup.start))


def _quick(trials: list[RateTrial]) -> RateTrial | None:
    """The smallest learning rate that is about as quick as the quickest: away from the edge."""
    best = quickest(trials)
    if best is None or best.steps is None:
        return best
    enough = NEAR * best.steps
    near = [trial for trial in trials if trial.steps is not None and trial.steps <= enough]
    return min(near, key=lambda trial: trial.lr)


def _calmest(trials: list[RateTrial], first: float) -> RateTrial | None:
    """The smallest learning rate that is about as low as the lowest: away from the edge."""
    return min(_about_lowest(trials, first), key=lambda trial: trial.lr, default=None)


def _about_lowest(trials: list[RateTrial], first: float) -> list[RateTrial]:
    """Those about as low as the lowest: within 1 % of it, and of what it took off the `first`."""
    low = lowest(trials)
    if low is None:
        return []
    allowed = 0.01 * min(abs(low.lowest_loss), abs(first - low.lowest_loss))
    return [t for t in trials if not t.diverged and t.lowest_loss <= low.lowest_loss + allowed]
