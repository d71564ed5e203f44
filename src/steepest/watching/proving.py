"""Changes to a training, each run on its first steps again: what it would have come to."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from steepest.records.arrays import Vector
from steepest.records.training import Replay, TrainingProof
from steepest.watching.changes import others, rate, rate_of, structural
from steepest.watching.kept_steps import KeptSteps
from steepest.watching.replay import PLAIN_LOOP, Change, can_replay, losses_at, replay

_SAME: Final = 1e-3
"""Two losses of the same batch and weights differ by a smaller share, whatever adds them up."""

_UP: Final = (10.0, 100.0, 1000.0)
_DOWN: Final = (0.1, 0.01)

_MOST_GROUPS: Final = 4
"""Groups, of those with the largest rates, whose own are tried."""

_LEAST_STEPS: Final = 10
_WINDOW: Final = 10
"""One in so many of the steps is averaged at the end, and so many at least, up to half of all."""


class _Course:
    """The losses of the loop, and how a change compares with them."""

    def __init__(self, own: Vector, steps: int):
        self.own = own
        self.steps = steps
        self.window = min(max(_WINDOW, steps // _WINDOW), steps // 2)
        self._first = min(_WINDOW, self.window)

    @property
    def end(self) -> float:
        """The mean of its last losses."""
        return float(np.mean(self.own[-self.window :]))

    @property
    def start(self) -> float:
        """The mean of its first losses, or the first one where that is lower; NaN without any.

        They are no more than are needed: what falls soon has fallen within a tenth of the steps.
        """
        first = self.own[: self._first]
        known = first[np.isfinite(first)]
        return float(min(known.mean(), known[0])) if len(known) else math.nan

    @property
    def lowest(self) -> float:
        """The lowest mean of as many losses in a row, or the first loss where that is lower."""
        means = np.convolve(self.own, np.full(self.window, 1 / self.window), "valid")
        known = [value for value in (*means, self.own[0]) if math.isfinite(value)]
        return float(min(known, default=math.nan))

    @property
    def scatter(self) -> float:
        """The standard error of the difference between the mean of the first and the last."""
        parts = self.own[: self._first], self.own[-self.window :]
        with np.errstate(all="ignore"):  # of a loss that was lost it is not known
            return math.sqrt(sum(float(np.var(part)) / len(part) for part in parts))

    def is_behind(self, losses: Sequence[float]) -> bool:
        """Whether half the steps left no hope of getting where the loop got."""
        if len(losses) < self.steps // 4 or len(losses) < self.window:
            return False
        here = float(np.mean(losses[-self.window :]))
        beside = float(np.mean(self.own[max(0, len(losses) - self.window) : len(losses)]))
        return math.isfinite(beside) and here - self.end > 2 * abs(beside - self.end) + abs(beside)

    def compared(self, change: Change, losses: Sequence[float], *, late: bool) -> Replay:
        """The change beside the loop."""
        found = np.array(losses)
        lost = not np.isfinite(found[-self.window :]).all()
        whole = len(found) == self.steps and not lost
        with np.errstate(all="ignore"):  # the loop's own may be lost
            apart = (
                self.own[-self.window :] - found[-self.window :] if whole else np.array([math.nan])
            )
            chance = float(np.std(apart) / math.sqrt(self.window)) if whole else math.nan
        return Replay(
            change=change.name,
            kind=change.kind,
            lines=change.lines,
            factor=change.factor,
            steps=len(found),
            loss=float(np.mean(found[-self.window :])) if whole else math.nan,
            chance=chance,
            lower=float(np.mean(apart > 0)) if whole else math.nan,
            reached_at=self._reached(found),
            ended="all steps" if whole else "lost" if lost else "time" if late else "behind",
            group=change.group,
        )

    def _reached(self, losses: Vector) -> int | None:
        """After how many steps the mean of as many losses is that of the loop's end."""
        if len(losses) < self.window or not math.isfinite(self.end):
            return None
        known = np.where(np.isfinite(losses), losses, math.inf)
        means = np.convolve(known, np.full(self.window, 1 / self.window), "valid")
        there = np.flatnonzero(means <= self.end)
        return int(there[0]) + self.window if len(there) else None


def prove(kept: KeptSteps, seconds: float) -> TrainingProof | str:
    """Run the kept steps again with changes, for so many seconds; or say why that cannot be."""
    refused = can_replay(kept)
    if refused is not None:
        return refused
    steps = len(kept.kept)
    if steps < _LEAST_STEPS:
        return f"only {steps} steps were kept, and {_LEAST_STEPS} are needed to tell two apart"
    doubt = _unlike(kept)
    if doubt is not None:
        return doubt
    return _Trials(kept, steps, seconds).run()


def _unlike(kept: KeptSteps) -> str | None:
    """Why a closure is no stand-in for the loop's own loss; None where it gives the same."""
    for standing in filter(None, (kept.start, kept.later)):
        if standing.step >= len(kept.kept):
            continue
        found, own = losses_at(kept, standing)
        if own is not None and not _same(found, own):
            return (
                f"called again, the closure of step {standing.step} gives {found:.6g}, and the "
                f"loop's loss there was {own:.6g}: it draws random numbers of its own, reads "
                "something that the loop has changed, or is another loss"
            )
    return None


def _same(first: float, second: float) -> bool:
    if not math.isfinite(first) or not math.isfinite(second):
        return math.isfinite(first) == math.isfinite(second)
    return abs(first - second) <= _SAME * max(abs(first), abs(second), 1e-6)


class _Trials:
    """Changes run one after another, from the likeliest on, for as long as there is time."""

    def __init__(self, kept: KeptSteps, steps: int, seconds: float):
        self._kept = kept
        self._steps = steps
        self._until = time.perf_counter() + seconds
        self._began = time.perf_counter()
        self._replays: list[Replay] = []
        self._failed: list[str] = []
        self._course = _Course(np.full(steps, math.nan), steps)

    @property
    def _late(self) -> bool:
        return time.perf_counter() > self._until

    def _try(self, change: Change) -> Replay | None:
        """Run one; None where there is no time left."""
        if self._late:
            return None
        try:
            losses = replay(
                self._kept,
                change,
                self._steps,
                lambda losses: self._late or self._course.is_behind(losses),
            )
        except Exception:
            # Not every change suits every model, as one of the outputs where they are several.
            self._failed.append(change.name)
            return None
        found = self._course.compared(change, losses, late=self._late)
        self._replays.append(found)
        return found

    def run(self) -> TrainingProof | str:
        """Run the plain loop, other rates, and other changes."""
        plain = replay(self._kept, PLAIN_LOOP, self._steps, lambda losses: self._late)
        if self._late:
            return f"{len(plain)} of {self._steps} steps were run again when the time was over"
        told = [float(self._kept.losses.get(step, math.nan)) for step in range(self._steps)]
        missing = [step for step in range(self._steps) if step not in self._kept.losses]
        padded = np.array([*plain, *[math.nan] * (self._steps - len(plain))])
        own = padded if missing else np.array(told)
        apart = [] if missing else [k for k in range(self._steps) if not _same(padded[k], own[k])]
        self._course = _Course(own, self._steps)
        self._replays.append(self._course.compared(PLAIN_LOOP, plain, late=False))
        best = self._rates()
        self._rates_of_groups()
        for factor in dict.fromkeys((1.0, best)):
            for change in structural(self._kept, factor):
                self._try(change)
        for change in others(self._kept, best, self._steps):
            self._try(change)
        return TrainingProof(
            steps=self._steps,
            window=self._course.window,
            start=self._course.start,
            own=self._course.end,
            lowest=self._course.lowest,
            scatter=self._course.scatter,
            lr=float(self._kept.kept[0].groups[0].get("lr", math.nan)),
            differs_at=apart[0] if apart else None,
            told=not missing,
            replays=tuple(self._replays),
            seconds=time.perf_counter() - self._began,
            failed=tuple(self._failed),
        )

    def _rates(self) -> float:
        """Try other rates; the factor of the one that ended lowest."""
        ends = {1.0: self._replays[0].loss}
        for factors in (_DOWN, _UP):
            before, rises = ends[1.0], 0
            for factor in factors:
                found = self._try(rate(factor))
                if found is None:
                    break
                ends[factor] = found.loss
                # Further on it is worse still, unless the rate was far too large before, or one
                # is by chance.
                rises = (
                    0 if found.loss < before or (factor < 1 and math.isnan(before)) else rises + 1
                )
                if rises == 2:
                    break
                before = found.loss
        best = _lowest(ends)
        # Whether a rate is right within a factor of two needs others as near.
        for near in (best * 3, best / 3, 2.0, 0.5):
            self._near(near, ends)
        # So it does about one that is sooner there, and not yet in half the steps.
        soon = [found for found in self._replays if found.reached_at and found.factor != 1]
        first = min(soon, key=lambda found: found.reached_at or 0, default=None)
        if first is not None and 4 * (first.reached_at or 0) < 3 * self._steps:
            for near in (first.factor * 1.8, first.factor / 1.8):
                self._near(near, ends)
        return _lowest(ends)

    def _near(self, factor: float, ends: dict[float, float]) -> None:
        """Try a rate that was not tried, and note where it ends."""
        factor = float(f"{factor:.2g}")
        found = None if factor in ends else self._try(rate(factor))
        if found is not None:
            ends[found.factor] = found.loss

    def _rates_of_groups(self) -> None:
        """Where groups have rates of their own: others for one at a time."""
        groups = self._kept.kept[0].groups
        given = {place: float(group.get("lr", math.nan)) for place, group in enumerate(groups)}
        if len(set(given.values())) < 2:
            return
        for place in sorted(given, key=lambda place: -given[place])[:_MOST_GROUPS]:
            for factor in (*_DOWN, _UP[0]):
                self._try(rate_of(place, factor))


def _lowest(ends: dict[float, float]) -> float:
    known = {factor: loss for factor, loss in ends.items() if math.isfinite(loss)}
    return min(known, key=lambda factor: known[factor], default=1.0)
