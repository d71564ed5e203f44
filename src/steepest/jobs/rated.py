"""Learning rates with their words: one judgement for slider, title, zones and headline.

Before a run is judged its words are those of descents side by side; from then on the run's own
verdict holds, and the learning rates that were run for it stand among the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Final

from steepest.jobs.live import Live, View
from steepest.records.arrays import Vector
from steepest.records.choices import Word
from steepest.records.descent import Goal, RateStudy, RateTrial, SweptRate
from steepest.study.zones import is_lucky, judged, quickest
from steepest.words.wording import count, number

_SLOW: Final = 10_000
"""Where the quickest needs so many steps, no learning rate is the problem."""


@dataclass(frozen=True)
class Zone:
    """Neighbouring learning rates with one word, and what the page calls them."""

    word: Word
    label: str
    low: float
    high: float


@dataclass(frozen=True)
class Rated:
    """Learning rates, ascending, each with its word; the `best` arrives and stays."""

    rates: tuple[SweptRate, ...]
    best: SweptRate | None
    lucky: bool
    """Whether the best arrives by jumping out of a valley that calmer ones end in."""
    goal: Goal | None

    def label(self, rate: SweptRate) -> str:
        """What a zone of such learning rates is called."""
        if self.lucky and not rate.diverged and rate.zone == "not measured":
            return "by luck" if rate.steps is not None else "another valley"
        if rate.zone == "just right" and rate.middle.left:
            return "comes and goes"
        if rate.zone == "just right" and self.best is not None and (self.best.steps or 0) >= _SLOW:
            return "stable, but slow"
        return rate.zone

    def said(self, rate: SweptRate) -> str:
        """What stands over the slider, and is said aloud: the learning rate and what it does."""
        label = self.label(rate)
        word = "" if label in ("not measured", "another valley") else f", {label}"
        return f"Learning rate {number(rate.lr, 4)}{word}: {self._does(rate.middle)}"

    def _does(self, trial: RateTrial) -> str:
        to = "the goal" if self.goal is None or self.goal.to.startswith("within") else self.goal.to
        if trial.diverged:
            return "the descent diverges"
        if self.goal is None:
            return "no minimum is known to get to"
        if trial.steps is not None:
            off = ", and off it again later" if trial.left else ""
            return f"{count(trial.steps, 'step')} to {to}{off}"
        if trial.stands_short:
            return "it ends in another valley" if self.lucky else f"it stands still short of {to}"
        if trial.limit is None:
            return f"it never gets to {to}"
        return f"not at {to} in {count(trial.limit, 'step')}, and not run further"

    def zones(self) -> list[Zone]:
        """Neighbours with one label together; they meet in the middle, by the logarithm."""
        groups = [list(group) for _, group in groupby(self.rates, self.label)]
        if not groups:
            return []
        inner = [math.sqrt(a[-1].lr) * math.sqrt(b[0].lr) for a, b in pairwise(groups)]
        edges = [groups[0][0].lr, *inner, groups[-1][-1].lr]
        return [
            Zone(group[0].zone, self.label(group[0]), low, high)
            for group, (low, high) in zip(groups, pairwise(edges), strict=True)
        ]


def rated(view: View) -> Rated:
    """Descents side by side, judged by the quickest of them."""
    return Rated(view.swept, view.staying, view.lucky, view.goal)


def rated_with(live: Live, start: Vector, lr: float, study: RateStudy | None, word: Word) -> Rated:
    """The same learning rates beside those that a judged run was compared with, in its own words.

    Where one of the two does not know whether a learning rate arrives, and the other knows more of
    its nearest, that one is left out.
    """
    goal = None if study is None else study.goal
    seen = rated(live.view(start, live.rates(lr), 1, contour=False, goal=goal))
    own = next((rate for rate in seen.rates if rate.lr == lr), None)
    if study is None:
        told = [replace(rate, zone=word) if rate is own else rate for rate in seen.rates]
        return replace(seen, rates=tuple(told))
    run = {trial.lr: trial for trial in (*study.trials, study.best) if trial}
    mine = SweptRate(lr, word, (study.own,))
    if not _is_known(mine) and own is not None and not own.measured:
        mine = own  # A closed form knows how long it would have taken.
    low, high = seen.rates[0].lr, seen.rates[-1].lr
    inside = [one for one in sorted(run) if one != lr and low <= one <= high]
    ran = [SweptRate(one, "not measured", (run[one],)) for one in inside]
    swept = [rate for rate in seen.rates if rate.lr not in run and rate.lr != lr]
    both = sorted([mine, *_known(swept, ran), *_known(ran, swept)], key=lambda rate: rate.lr)
    best = quickest(
        [*([seen.best] if seen.best else []), *(rate for rate in ran if rate.middle == study.best)]
    )
    lucky = study.by_luck or (live.setup.solved is None and is_lucky(both, best))
    found = judged(both, best, lucky=lucky)
    found = tuple(replace(rate, zone=word) if rate.lr == lr else rate for rate in found)
    return Rated(found, best, lucky, study.goal)


def _known(rates: Sequence[SweptRate], others: Sequence[SweptRate]) -> list[SweptRate]:
    """Without those of whose neighbourhood the others know more."""

    def known_near(lr: float) -> float:
        near = min(others, key=lambda rate: abs(math.log(rate.lr / lr)), default=None)
        return 0 if near is None else _known_to(near)

    return [rate for rate in rates if _is_known(rate) or _known_to(rate) > known_near(rate.lr)]


def _known_to(rate: SweptRate) -> float:
    """Up to which step it is known what a learning rate does."""
    return math.inf if _is_known(rate) else float(rate.middle.limit or 0)


def _is_known(rate: SweptRate) -> bool:
    return rate.diverged or rate.steps is not None or rate.middle.limit is None
