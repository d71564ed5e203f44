"""What the runs of a sweep say: a word for each learning rate, the edge, one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from steepest.methods.contract import TENTH
from steepest.records.choices import Word
from steepest.records.descent import Goal, RateTrial, SweptRate
from steepest.words.wording import count, number, roughly


def judged(
    rates: Sequence[SweptRate], best: SweptRate | None = None, *, lucky: bool = False
) -> tuple[SweptRate, ...]:
    """The same learning rates with their words; the `best` is the reference, else the quickest.

    Too large: it diverged, or the quickest is smaller and needs at most a tenth of its steps. Too
    small: the quickest is larger and needs at most a tenth. Not measured: it had not arrived after
    fewer than ten times the steps of the quickest, or nobody arrived; or the quickest is `lucky`,
    because it arrives by jumping out of a valley: that is none that another one should be like.
    """
    best = best or quickest(rates)
    return tuple(replace(rate, zone=_word(rate, best, lucky)) for rate in rates)


def _word(rate: SweptRate, best: SweptRate | None, lucky: bool) -> Word:
    if rate.diverged:
        return "too large"
    if best is None or best.steps is None or (lucky and rate.lr <= best.lr):
        return "not measured"
    if best.steps >= 1 and TENTH * best.steps <= rate.needed:
        return "too small" if rate.lr < best.lr else "too large"
    return "not measured" if rate.steps is None or lucky else "just right"


def is_lucky(rates: Sequence[SweptRate], best: SweptRate | None) -> bool:
    """Whether a calmer learning rate than the best was run until it stood still elsewhere."""
    return best is not None and any(r.lr < best.lr and r.middle.stands_short for r in rates)


def quickest(rates: Sequence[SweptRate]) -> SweptRate | None:
    """The learning rate that reached the goal in the fewest steps."""
    reached = [rate for rate in rates if rate.steps is not None]
    return min(reached, key=lambda rate: (rate.needed, rate.lr), default=None)


def lowest(rates: Sequence[SweptRate]) -> SweptRate | None:
    """The learning rate with the lowest loss among those that did not diverge."""
    alive = [r for r in rates if not r.diverged and math.isfinite(r.middle.lowest_loss)]
    return min(alive, key=lambda rate: rate.middle.lowest_loss, default=None)


def edge(rates: Sequence[SweptRate]) -> tuple[float | None, float | None]:
    """The smallest learning rate that diverged, and the largest one below it that did not."""
    diverging = min((rate.lr for rate in rates if rate.diverged), default=None)
    stable = [r.lr for r in rates if not r.diverged and (diverging is None or r.lr < diverging)]
    return max(stable, default=None), diverging


def why_no_word(
    rates: Sequence[SweptRate], goal: Goal | None, steps: int, calm: RateTrial | None = None
) -> str | None:
    """Why some learning rate has no word; None where all have one.

    A `calm` one that ended in another valley shows that the quickest arrives by luck.
    """
    if all(rate.zone != "not measured" for rate in rates):
        return None
    if goal is None:
        return "No minimum is known, so there is no goal to compare by."
    if calm is not None:
        return "Those that get there jump out of the valley that they begin in, which is luck."
    run = _run(rates, steps)
    if quickest(rates) is None:
        return f"No learning rate of the sweep was {goal.to} in {count(run, 'step')}."
    return (
        f"Some had not arrived after {count(run, 'step')}, and that is fewer than "
        f"{TENTH} times what the quickest needs."
    )


def headline_of(
    rates: Sequence[SweptRate],
    goal: Goal | None,
    limit: float | None,
    steps: int,
    calm: RateTrial | None = None,
) -> str:
    """One sentence: the quickest learning rate, and where the descent begins to diverge."""
    stable, diverging = edge(rates)
    if stable is None and all(rate.diverged for rate in rates):
        who = f"All {count(len(rates))} learning rates diverge"
        text = who if len(rates) > 1 else f"{number(rates[0].lr)} diverges"
        return f"{text}." if limit is None else f"{text}; the predicted limit is {number(limit)}."
    best = quickest(rates)
    if best is not None and best.steps is not None:
        several = len(best.trials)
        where = f" from the middle one of {several} starts" if several > 1 else ""
        how = "" if best.measured else " (computed)"
        text = f"Quickest: {number(best.lr)} with {roughly(best.steps, 'step')}{how}{where}"
        if calm is not None:
            text += (
                ", by jumping out of the valley it began in, which is luck: "
                f"{number(calm.lr, 3)} ends at {number(calm.lowest_loss, 3)}"
            )
    else:
        text = _nobody(rates, goal, _run(rates, steps))
    return f"{text}; {_where_it_ends(rates, best, stable, diverging, limit)}."


def _nobody(rates: Sequence[SweptRate], goal: Goal | None, steps: int) -> str:
    low = lowest(rates)
    text = (
        "No minimum is known to get to"
        if goal is None
        else f"In {count(steps, 'step')} no learning rate got {goal.to}"
    )
    if goal is not None and any(trial.left for rate in rates for trial in rate.trials):
        text += " to stay there"
    if low is None:
        return text
    return f"{text}; the lowest loss, {number(low.middle.lowest_loss)}, is with {number(low.lr)}"


def _where_it_ends(
    rates: Sequence[SweptRate],
    best: SweptRate | None,
    stable: float | None,
    diverging: float | None,
    limit: float | None,
) -> str:
    if diverging is None:
        if best is not None and len(rates) > 1 and best.lr == rates[-1].lr:
            return "none diverges, and a larger one may be quicker"
        return "none diverges" if len(rates) > 1 else "it does not diverge"
    if limit is not None and stable is not None and stable <= limit <= diverging:
        return f"above {number(limit)} it diverges"
    return f"at {number(diverging)} it diverges"


def _run(rates: Sequence[SweptRate], steps: int) -> int:
    """How many steps those had that did not arrive; fewer than the limit where time ran out."""
    limits = [
        trial.limit
        for rate in rates
        for trial in rate.trials
        if trial.steps is None and not trial.diverged and trial.limit is not None
    ]
    return max(limits, default=steps)
