"""Learning rates tried side by side: from one start, on the same batches, in one computation."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import jax
import numpy as np

from steepest.descent.training import CHUNK, Places, Stand
from steepest.measure.network_probe import Point, extremes
from steepest.methods.contract import TENTH
from steepest.methods.optimizers import ADAPTIVE, stability_factor
from steepest.objective.networks import Weights
from steepest.records.arrays import Vector
from steepest.records.choices import Word
from steepest.records.training import Trial
from steepest.study.train.budget import NO_LIMIT, Budget, Pace
from steepest.study.train.course import CURVED
from steepest.study.train.plan import Plan, Progress
from steepest.words.wording import count

RUNGS: Final = ((1 / 8, 5), (1 / 2, 2))
"""At these shares of the steps only so many go on, because the others lag behind."""

FALLS: Final = 0.98
"""A loss below this share of its start has fallen."""

RISES: Final = 10.0
"""A loss above so many times its start has risen far. Where it falls again is nearly by chance."""

NEAR: Final = 0.05
"""A loss is nearly as low as the lowest where so much of the way down, at most, is left."""

FAIR: Final = 20
"""Steps that each takes at least."""

MANY: Final = 16
"""Learning rates that are tried where one is to be chosen."""

BELOW, ABOVE = 1e-3, 10.0
"""Of the stability limit at the start: from where to where they lie."""

WHERE_UNKNOWN: Final = (1e-4, 10.0)
WHERE_ADAPTIVE: Final = (1e-5, 1.0)

UPWARDS: Final = (3.0, 10.0, 30.0, 100.0)
"""Times the largest that was tried, where that was the best."""
FURTHER: Final = 2
"""So often it is gone on upwards."""

SHARE: Final = 0.2
"""Of the training's steps, that the trials take where a learning rate is to be chosen."""

LEAST, MOST = 64, 2000
"""Steps that they take at least, where the training has so many, and at most."""


OTHERS: Final = (0.01, 0.03, 0.1, 0.3, 3.0, 10.0, 30.0, 100.0)
"""Times the learning rate of the training, where it is to be judged."""

MOST_NUMBERS: Final = 200_000_000
"""Weights of all trials together."""


@dataclass(frozen=True)
class Choice:
    """A learning rate, why it is that one, and what it was chosen from."""

    lr: float
    why: str
    order: tuple[float, ...]
    """Those that went furthest without losing the loss, best first."""
    steps: int
    """That these took."""
    trials: tuple[Trial, ...]


def choose_rate(plan: Plan, progress: Progress, budget: Budget = NO_LIMIT) -> Choice:
    """The learning rate with the lowest loss after some steps.

    One with which the loss rose far above its start on the way is not chosen where another one gets
    nearly as low, and one with which the loss is lost never. Where the budget is spent before, the
    steps are fewer.
    """
    low, high = rate_span(plan, first_limit(plan, budget.left / 2))
    number = max(2, min(MANY, MOST_NUMBERS // plan.network.size))
    rates = np.array([_rounded(rate) for rate in np.geomspace(low, high, number)])
    steps = min(plan.steps, MOST, max(LEAST, round(SHARE * plan.steps)))
    beside = _side_by_side(plan, rates, steps, progress, stops=True, budget=budget)
    trials = _trials(plan, rates, beside)
    for _ in range(FURTHER):
        # Where time is short, it is for the training itself.
        if not _may_lie_beyond(trials, beside.start(0)) or budget.limit is not None:
            break
        more = np.array([_rounded(high * times) for times in UPWARDS])
        high = float(more[-1])
        above = _side_by_side(plan, more, steps, progress, stops=True, budget=budget)
        rates, beside = np.concatenate([rates, more]), _together(beside, above)
        trials = _trials(plan, rates, beside)
    calm = [beside.is_calm(place) for place in range(len(rates))]
    order = order_of(trials, calm, beside.start(0))
    furthest = max(trial.steps for trial in trials)
    best, lr = lowest(trials), order[0] if order else trials[0].lr
    tried, after = f"{len(rates)} from {low:.2g} to {rates.max():.2g}", count(furthest, "step")
    why = f"the one with the lowest loss of {tried}, after {after}"
    if best is not None and lr != best.lr:
        why = (
            f"of {tried} the one with the lowest loss after {after}, leaving out those whose loss "
            f"rose to {RISES:g} times its start on the way"
        )
    return Choice(lr, why, order, furthest, trials)


def _may_lie_beyond(trials: Sequence[Trial], start: float) -> bool:
    """Whether the largest learning rate is the best, or nearly, so that larger ones may be."""
    best, largest = lowest(trials), max(trials, key=lambda trial: trial.lr)
    if best is None or largest.steps < best.steps or not math.isfinite(largest.loss):
        return False
    return largest.loss <= best.loss + NEAR * max(0.0, start - best.loss)


def _together(first: Beside, second: Beside) -> Beside:
    """Both, as if they had been run at once; who is left is known of the second only."""
    looks = {
        step: np.concatenate([look, second.looks[step]])
        for step, look in first.looks.items()
        if step in second.looks
    }
    curves = [*first.curves, *second.curves]
    return Beside(curves, looks, second.stands, first.per_epoch)


def is_calm(losses: Sequence[float] | Vector) -> bool:
    """Whether the loss never rose far above its start."""
    return bool(np.max(losses) <= losses[0] + (RISES - 1) * abs(losses[0]))


def running_means(losses: Vector, width: int) -> Vector:
    """The means of so many losses in a row, or of all where they are fewer; (k,)."""
    width = max(1, min(width, len(losses)))
    with np.errstate(all="ignore"):
        return np.convolve(losses, np.full(width, 1 / width), "valid") if len(losses) else losses


def order_of(trials: Sequence[Trial], calm: Sequence[bool], start: float) -> tuple[float, ...]:
    """The learning rates of those that went furthest and did not lose the loss, best first.

    Of those that are nearly as low as the best, measured from the loss at the start, calm ones.
    """
    best = lowest(trials)
    if best is None:
        return ()
    near = best.loss + NEAR * max(0.0, start - best.loss)
    places = [
        place
        for place, trial in enumerate(trials)
        if trial.steps == best.steps and math.isfinite(trial.loss)
    ]
    places.sort(
        key=lambda place: (not (calm[place] and trials[place].loss <= near), trials[place].loss)
    )
    return tuple(trials[place].lr for place in places)


def lowest(trials: Sequence[Trial]) -> Trial | None:
    """Of those that went furthest, the one with the lowest loss; None where each lost it."""
    finite = [trial for trial in trials if math.isfinite(trial.loss)]
    return min(finite, key=lambda trial: (-trial.steps, trial.loss), default=None)


def compare_rates(
    plan: Plan, goal: float, progress: Progress, budget: Budget = NO_LIMIT
) -> tuple[Trial, ...]:
    """Smaller and larger rates for a tenth of the steps: whether one gets to the goal in these.

    None where the budget was spent before that was known.
    """
    steps = plan.steps // TENTH
    if steps < TENTH or plan.network.size * len(OTHERS) > MOST_NUMBERS:
        return ()
    found: tuple[Trial, ...] = ()
    factors: tuple[float, ...] = OTHERS
    for _ in range(FURTHER + 1):
        rates = np.array([_rounded(plan.lr * times) for times in factors])
        found += _compared(plan, rates, steps, goal, progress, budget)
        best = lowest(found)
        if best is None or best.lr < max(trial.lr for trial in found) or budget.limit is not None:
            break
        factors = tuple(factors[-1] * times for times in UPWARDS)
    known = any(trial.steps == steps or trial.reached_at is not None for trial in found)
    return found if known else ()


def _compared(
    plan: Plan, rates: Vector, steps: int, goal: float, progress: Progress, budget: Budget
) -> tuple[Trial, ...]:
    """These rates for so many steps, and whether each gets to the goal."""
    beside = _side_by_side(plan, rates, steps, progress, stops=False, budget=budget)
    trials = _trials(plan, rates, beside, goal, window(plan, steps))
    if plan.in_batches:
        # The losses of a few rows may be anywhere; what counts is that of all.
        ends = [plan.whole_loss(_one_of(beside.stands, place)) for place in range(len(rates))]
        trials = tuple(
            replace(
                trial,
                loss=end if math.isfinite(end) else math.inf,
                reached_at=trial.steps if end <= goal else None,
            )
            for trial, end in zip(trials, ends, strict=True)
        )
    return trials


def try_rates(
    plan: Plan,
    rates: Sequence[float] | Vector,
    steps: int,
    progress: Progress,
    *,
    goal: float | None = None,
    stops: bool = True,
    budget: Budget = NO_LIMIT,
) -> tuple[Trial, ...]:
    """Train with each rate for so many steps; those that lag behind may be stopped early.

    They start at the plan's first weights and take the plan's batches, with constant rates. All
    take at least a few steps, and none goes on when the budget is spent.
    """
    given = np.asarray(rates, dtype=np.float64)
    beside = _side_by_side(plan, given, steps, progress, stops=stops, budget=budget)
    return _trials(plan, given, beside, goal, window(plan, steps))


class Beside(NamedTuple):
    """Trainings side by side."""

    curves: list[Vector]
    """The losses of each, step by step, as far as it came."""
    looks: Mapping[int, Vector]
    """With batches, after some steps the loss of each over many rows, (m,); NaN of one left."""
    stands: Stand
    """Of those that are left."""
    per_epoch: int
    """Steps in an epoch."""

    def start(self, place: int) -> float:
        """The loss before the first step."""
        return float(self.looks[0][place] if self.looks else self.curves[place][0])

    def is_calm(self, place: int) -> bool:
        """Whether the loss never rose far above its start."""
        curve = self.curves[place]
        return is_calm([self.start(place), *running_means(curve, self.per_epoch)])

    def end(self, place: int) -> float:
        """The loss at the end; infinite where it was lost."""
        found = self.looks.get(len(self.curves[place]))
        if found is None:
            return end_of(self.curves[place])
        loss = float(found[place])
        return loss if math.isfinite(loss) else math.inf

    def reached(self, place: int, goal: float, steps: int, width: int) -> bool:
        """Whether a training was at the goal after so many steps, and is there at its end."""
        if not self.end(place) <= goal:
            return False
        if self.looks:
            found = self.looks.get(steps)
            return found is not None and bool(found[place] <= goal)
        return reached_at(self.curves[place][:steps], goal, width) is not None


def _side_by_side(
    plan: Plan,
    rates: Vector,
    steps: int,
    progress: Progress,
    *,
    stops: bool,
    budget: Budget,
) -> Beside:
    """The losses of each, as far as it came; with `stops` those that lag behind are left."""
    alive = np.arange(len(rates))
    stands = plan.trainer.side_by_side(plan.first_weights(), rates)
    curves: list[list[float]] = [[] for _ in rates]
    rungs = {max(FAIR, round(share * steps)): left for share, left in RUNGS} if stops else {}
    ends = [*rungs, steps] if plan.in_batches else []
    places = {place for end in ends for place in (end, end // TENTH)}
    looks = {}
    if plan.in_batches:
        looks[0] = np.full(len(rates), plan.sampled_loss(plan.first_weights()))
    done, pace = 0, Pace(budget, 4 * CHUNK)
    while done < steps and len(alive) and not (done and budget.is_spent):
        stop = min([steps, done + pace.steps, *(one for one in {*rungs, *places} if one > done)])
        began = time.perf_counter()
        batches = plan.batches.take(done, stop - done)
        every = np.broadcast_to(rates[alive], (stop - done, len(alive)))
        stands, losses = plan.trainer.steps_of_many(stands, batches, every)
        for place, column in zip(alive, losses.T, strict=True):
            curves[place].extend(column)
        budget.begin()  # the first steps compile: the clock is for those that follow
        pace.took(stop - done, time.perf_counter() - began)
        done = stop
        progress("trying learning rates", done, steps, None)
        if done in places or (looks and budget.is_spent):
            looks[done] = _look(plan, stands, alive, len(rates))
        if len(alive) > rungs.get(done, len(alive)):
            left = [np.array(curves[place]) for place in alive]
            seen = {step: look[alive] for step, look in looks.items()}
            kept = leading(Beside(left, seen, stands, plan.per_epoch), rungs[done])
            alive, stands = alive[kept], _taken(stands, kept)
    return Beside([np.array(curve) for curve in curves], looks, stands, plan.per_epoch)


def _look(plan: Plan, stands: Stand, alive: Places, many: int) -> Vector:
    """The loss over many rows of each that is `alive`, (m,); of the others NaN."""
    found = np.full(many, math.nan)
    for number, place in enumerate(alive):
        found[place] = plan.sampled_loss(_one_of(stands, number))
    return found


def _one_of(stands: Stand, place: int) -> Weights:
    found: Weights = jax.tree.map(lambda leaf: leaf[place], stands.weights)
    return found


def leading(beside: Beside, most: int) -> Places:
    """The places of so many with the lowest losses, a calm one among them if there is one."""
    ends = [beside.end(place) for place in range(len(beside.curves))]
    order = np.argsort(ends, kind="stable")
    calm = [place for place in order if beside.is_calm(place) and math.isfinite(ends[place])]
    kept = order[:most].copy()
    if calm and calm[0] not in kept:
        kept[-1] = calm[0]
    return np.sort(kept)


def _trials(
    plan: Plan,
    rates: Vector,
    beside: Beside,
    goal: float | None = None,
    width: int = 1,
) -> tuple[Trial, ...]:
    return tuple(
        Trial(
            float(lr),
            len(curve),
            beside.end(place),
            reached_at(curve, goal, width),
            _word(place, rates, beside),
        )
        for place, (lr, curve) in enumerate(zip(rates, beside.curves, strict=True))
    )


def _word(place: int, rates: Vector, beside: Beside) -> Word:
    """The word about one learning rate beside the others."""
    own = beside.curves[place]
    if not len(own):
        return "not measured"
    end = beside.end(place)
    start = float(beside.looks[0][place] if beside.looks else own[: len(own) // 8 + 1].mean())
    if not math.isfinite(end) or end > start + abs(start):
        return "too large"
    tenth = len(own) // TENTH
    if not tenth or (beside.looks and tenth not in beside.looks):
        return "not measured"
    width = max(1, min(beside.per_epoch, tenth // 2))
    for other in map(int, np.argsort(-rates)):  # a larger rate's word counts first
        learned = beside.end(other) < FALLS * start  # else any loss is soon reached
        if other != place and learned and beside.reached(other, end, tenth, width):
            return "too small" if rates[other] > rates[place] else "too large"
    return "just right" if end < FALLS * start else "not measured"


def window(plan: Plan, steps: int) -> int:
    """So many losses are averaged, because single batches differ."""
    return max(1, min(max(5, plan.per_epoch), steps // 4))


def reached_at(losses: Vector, goal: float | None, width: int) -> int | None:
    """The step by which the mean of so many losses is no higher than the goal; None: never."""
    if goal is None or len(losses) < width:
        return None
    there = np.flatnonzero(running_means(losses, width) <= goal)
    return int(there[0]) + width if len(there) else None


def end_of(curve: Sequence[float] | Vector) -> float:
    """The mean of the last eighth; infinite where the loss was lost."""
    last = np.array(curve[-max(5, len(curve) // 8) :])
    return float(last.mean()) if len(last) and np.isfinite(last).all() else math.inf


def _taken(stands: Stand, kept: Places) -> Stand:
    taken: Stand = jax.tree.map(lambda leaf: np.asarray(leaf)[kept], stands)
    return taken


def rate_span(plan: Plan, limit: float | None) -> tuple[float, float]:
    """From where to where a learning rate is looked for; `limit` is the first one."""
    if plan.optimizer in ADAPTIVE:
        return WHERE_ADAPTIVE
    return WHERE_UNKNOWN if limit is None else (BELOW * limit, ABOVE * limit)


def first_limit(plan: Plan, seconds: float = math.inf) -> float | None:
    """The stability limit at the first weights, on the first batch.

    None where there is none, and where it is not known in so many seconds.
    """
    factor = stability_factor(plan.optimizer, plan.momentum)
    if factor is None or plan.optimizer in ADAPTIVE or plan.network.size > CURVED:
        return None
    batch = plan.batches.take(0, 1)[0]
    rows = plan.split.learned
    found = extremes(
        Point(
            plan.network, plan.loss, plan.first_weights(), rows.inputs[batch], rows.targets[batch]
        ),
        seconds=seconds,
    )
    return factor / found.largest if found.largest > 0 else None


def _rounded(rate: float) -> float:
    """With two digits: a number that can be read, and typed."""
    return float(f"{rate:.2g}")
