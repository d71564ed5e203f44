"""The learning rate's three words, and SD101 to SD103."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from steepest.checks.facts import (
    FLAT_FALL,
    arrived,
    broken_at_start,
    diverged,
    endless,
    first_broken,
    goes_to_local_minimum,
    is_finite,
    own_rates,
    plain,
    rate_is,
    rests,
    sentence,
    start_broken,
)
from steepest.methods.contract import TENTH
from steepest.methods.losses import MSE
from steepest.methods.optimizers import ADAPTIVE, GD
from steepest.records.choices import Word
from steepest.records.descent import Goal, RateStudy, RateTrial
from steepest.records.verdict import Finding, Measurements
from steepest.words.wording import count, number, percent, roughly, times

EDGE = 0.02
"""Within this share of the stability limit the learning rate is at the edge."""

SAME = 1e-3
"""Within this share two learning rates are said to be the same."""

ABOUT = 1.5
"""A factor that is the number of rows times or divided by less than this is about as large."""

LEAST_ROWS = 10
"""With fewer rows a factor of about their number may well be chance."""

WORTH_IT = 0.9
"""A tenth fewer steps are worth another learning rate."""

REGAINED = 0.1
"""Having risen again by this share of its fall, the loss is not bouncing near the minimum."""

TURNING = -0.9
"""Cosine between two steps, below which the second undoes most of the first."""


LUCK = (
    "the descent goes to a local minimum, and larger ones that get lower do so by jumping out of "
    "its valley, which is luck"
)
UP_AND_DOWN = (
    "the loss goes up and down and is lower with a calmer learning rate, so a larger one comes "
    "upon the goal by luck"
)
ENDLESS = "the loss has no minimum to get to"
LEAPS = "it got lowest of those tried in the steps at hand, and is above the stability limit"
NO_STEP = "no step was taken"
LEAVES = "run on, it comes upon the goal and does not stay there"
JUMPS = "those that get there jump out of the valley that the descent begins in, which is luck"


@dataclass(frozen=True)
class Rate:
    """The word about the learning rate; `better` is the run that proves it, where one does."""

    word: Word
    better: RateTrial | None = None
    reason: str | None = None
    """Why it was not measured, without a full stop."""


def judge_rate(m: Measurements) -> Rate:
    """Say one of the three words, or that it was not measured.

    Too large: diverged; or above the stability limit with a growing loss; or a smaller learning
    rate that was run reaches the goal in at most a tenth of the steps. Too small: a larger one
    that was run does so. Just right: neither.

    A descent that fell without end, or that could not take its first step, says nothing about its
    learning rate. Neither does a goal that no learning rate reached, or that is reached only by
    jumping out of the valley that the descent begins in.
    """
    if endless(m):
        return Rate("not measured", reason="the loss fell without end")
    if diverged(m) and broken_at_start(m):
        return Rate("not measured", reason=start_broken(m))
    better = _better(m.rates) if m.rates is not None else None
    own = m.rates.own.lr if m.rates is not None else math.nan
    if diverged(m) or grows_above_limit(m):
        return Rate("too large", better if better is not None and better.lr < own else None)
    if m.rates is None:
        return Rate("not measured", reason=_reason(m))
    if m.descent.lr_chosen == "auto" and m.minimum is not None and not m.minimum.exists:
        # For each there is a larger one that is lower, so none could be chosen better.
        return Rate("not measured", reason=ENDLESS)
    if better is not None and better.lr > own and goes_to_local_minimum(m):
        return Rate("not measured", reason=LUCK)
    if overshoots_at_minimum(m):
        if m.descent.lr_chosen == "auto" and m.rates.best is not None:
            limit = number(m.minimum_limit or 0.0, 3)
            return Rate("not measured", reason=f"{LEAPS} {limit} {_PLACES['minimum']}")
        # It never stays, however many steps it is given.
        best = m.rates.best
        better = best if best is not None and best.steps and best.lr < own else better
    if m.rates.by_luck and (better is None or better.lr > own):
        return Rate("not measured", reason=JUMPS)
    if m.hovering is not None and better is not None and better.lr > own:
        return Rate("not measured", reason=UP_AND_DOWN)
    if better is not None and m.rates.own.left and m.descent.lr_chosen == "auto":
        return Rate("not measured", reason=LEAVES)
    if better is not None:
        return Rate("too large" if better.lr < own else "too small", better)
    if m.rates.own.steps == 0 and not m.descent.steps:
        return Rate("not measured", reason=NO_STEP)
    if not _answers(m.rates):
        return Rate("not measured", reason=_reason(m))
    if not anyone_arrives(m.rates):
        return Rate("not measured", reason=_nobody(m.rates))
    if m.rates.own.left and m.rates.own.steps is None:
        return Rate("not measured", reason=LEAVES)
    return Rate("just right")


def jumped(m: Measurements) -> bool:
    """Tell whether the descent arrived by jumping out of the valley that calmer ones end in."""
    if m.rates is None or m.rates.calm is None or not m.rates.by_luck:
        return False
    return m.rates.own.steps is not None and m.rates.own.lr > m.rates.calm.lr


def best_run(m: Measurements) -> RateTrial | None:
    """Return the quickest other learning rate that was run to the goal.

    None where it gets lower by jumping out of a valley, or by leaps as long as to the very kink
    that others leap over, which is luck.
    """
    if m.rates is None or m.rates.by_luck:
        return None
    best, own = m.rates.best, m.rates.own
    if best is None or best.steps is None or best.lr == own.lr:
        return None
    lucky = goes_to_local_minimum(m) or m.hovering is not None
    return None if best.lr > own.lr and lucky else best


def quicker(m: Measurements) -> RateTrial | None:
    """Return the same, where it is worth more than a tenth of the steps."""
    best, own = best_run(m), None if m.rates is None else m.rates.own.steps
    if best is None or best.steps is None:
        return None
    return best if own is None or best.steps < WORTH_IT * own else None


def right_in_words(m: Measurements) -> str:
    """Write how right a learning rate is that is neither too small nor too large."""
    best, own = quicker(m), None if m.rates is None else m.rates.own.steps
    if best is None:
        return "right"
    if own is None:
        return "not the best that was run"
    return f"within {times(own / max(best.steps or 1, 1))} of the best"


def _reason(m: Measurements) -> str:
    given = m.not_measured.get("rates", "").strip().rstrip(".")
    return given or "no other learning rate was run"


def anyone_arrives(study: RateStudy) -> bool:
    """Tell whether any learning rate, this one included, reached the goal."""
    return any(trial.steps is not None for trial in (study.own, *_others(study)))


def _nobody(study: RateStudy) -> str:
    """Write that no learning rate gets there, in the steps that each of them had."""
    alive = [trial for trial in (study.own, *_others(study)) if not trial.diverged]
    limits = [trial.limit for trial in alive if trial.limit is not None]
    within = f" in {roughly(min(limits), 'step')}" if limits else ""
    return f"no learning rate that was tried {getting_to(study.goal)}{within}"


def grows_above_limit(m: Measurements) -> bool:
    """Tell whether the learning rate is above the stability limit and the loss grows for good.

    Where the limit is the same everywhere, growth above it never ends. Elsewhere the limit moves
    with the weights, or with an adaptive optimizer's scaling, which settles at the limit: then the
    loss must have lost a good part of what it had won.
    """
    return above_limit(m) and m.descent.growing and (_constant_limit(m) or _regained(m) >= REGAINED)


def _constant_limit(m: Measurements) -> bool:
    return (
        m.problem.linear_in_weights
        and m.problem.loss == MSE.name
        and m.descent.optimizer not in ADAPTIVE
        and m.settings.batch_size is None
    )


def _regained(m: Measurements) -> float:
    """How much of what the loss had fallen by it has risen again, 1 where it never fell."""
    fallen = m.descent.first_loss - m.descent.lowest_loss
    risen = m.descent.final_loss - m.descent.lowest_loss
    return risen / fallen if fallen > 0 else 1.0


def above_limit(m: Measurements) -> bool:
    """Tell whether the learning rate is above a stability limit that was measured."""
    return is_finite(m.stability_limit) and m.descent.lr > m.stability_limit


def overshoots_at_minimum(m: Measurements) -> bool:
    """Tell whether a descent is not at the minimum, and with this learning rate cannot stay there.

    Above the stability limit at the minimum every step leads away from it, however near it is.
    """
    limit = m.minimum_limit
    stays = arrived(m) or (m.rates is not None and m.rates.own.steps is not None)
    return is_finite(limit) and m.descent.lr > (1 + EDGE) * limit > 0 and not stays


def _is_better(trial: RateTrial, own: RateTrial) -> bool:
    if trial.steps is None or trial.steps < 1 or trial.diverged:
        return False
    if not math.isfinite(trial.lr) or trial.lr == own.lr:
        return False
    if own.left and trial.lr > own.lr:
        return False  # One that does not stay is not too small.
    if own.steps is None and own.diverged:
        return True
    # Where the own rate never arrived, the steps that it was given are what it needs at least.
    # One that does not stay is never there.
    needed = own.steps if own.steps is not None or own.left else own.limit
    return needed is None or trial.steps * TENTH <= needed


def _others(study: RateStudy) -> tuple[RateTrial, ...]:
    return study.trials if study.best is None else (*study.trials, study.best)


def _better(study: RateStudy) -> RateTrial | None:
    """Return the quickest trial that was run and needs at most a tenth of the steps."""
    run = [trial for trial in _others(study) if trial.measured and _is_better(trial, study.own)]
    return min(run, key=lambda trial: trial.steps or 0, default=None)


def _answers(study: RateStudy) -> bool:
    """Tell whether the study is enough to say that no learning rate is much better."""
    if study.own.steps is not None and study.own.steps < TENTH:
        return True  # No descent takes less than a step.
    others = [
        trial for trial in _others(study) if math.isfinite(trial.lr) and trial.lr != study.own.lr
    ]
    # A better one that only the closed form knows was not run, so it proves nothing either way.
    return bool(others) and not any(_is_better(trial, study.own) for trial in others)


def needs(m: Measurements, study: RateStudy, trial: RateTrial) -> str:
    """Write how soon a trial gets there: 3.53982e-05 gets within 1 % of the minimum in 12 steps.

    With all digits: near the limit one more or less is another number of steps. Where each weight
    has a learning rate of its own, all of them were multiplied by the same.
    """
    steps = roughly(trial.steps or 0, "step")
    if own_rates(m):
        factor = number(trial.lr / study.own.lr)
        return f"{factor} times as large they {getting_to(study.goal, many=True)} in {steps}"
    return f"{number(trial.lr)} {getting_to(study.goal)} in {steps}"


def getting_to(goal: Goal, *, many: bool = False) -> str:
    """Write that a descent gets there: gets within 1 % of the minimum."""
    within = goal.to.startswith("within")
    get, reach = ("get", "reach") if many else ("gets", "reaches")
    return f"{get} {goal.to}" if within else f"{reach} {goal.to or number(goal.loss)}"


def own_needs(m: Measurements, own: RateTrial) -> str:
    """Write how soon the learning rate in use gets there."""
    this, many = ("as they are they", True) if own_rates(m) else ("this one", False)
    if own.steps is not None:
        return f"{this} {'need' if many else 'needs'} {roughly(own.steps)}"
    if own.left:
        return f"{this} {'pass' if many else 'passes'} it and {'do' if many else 'does'} not stay"
    if own.diverged:
        return f"{this} {'diverge' if many else 'diverges'}"
    if own.limit is None:
        return f"{this} never {'do' if many else 'does'}"
    return f"{this} did not in {roughly(own.limit, 'step')}"


def _evidence(m: Measurements, rate: Rate) -> dict[str, object]:
    found: dict[str, object] = {
        "lr": plain(m.descent.lr),
        "stability_limit": plain(m.stability_limit),
    }
    if m.rates is not None:
        found["steps"] = m.rates.own.steps
        found["goal"] = plain(m.rates.goal.loss)
        found["to"] = m.rates.goal.to
    if rate.better is not None:
        found["better_lr"] = plain(rate.better.lr)
        found["better_steps"] = rate.better.steps
    return found


_PLACES = {"start": "at the start", "end": "where it ended", "minimum": "at the minimum"}


def limit_in_words(m: Measurements) -> str:
    """Write what the stability limit is; empty where it is unknown or not passed."""
    limit, where = m.stability_limit, limit_place(m)
    if overshoots_at_minimum(m):
        limit, where = m.minimum_limit, f" {_PLACES['minimum']}"
    elif not above_limit(m):
        return ""
    if limit is None:
        return ""
    moving = "every step overshoots" if m.descent.optimizer == GD.name else "the steps grow"
    if own_rates(m):
        return f"from {number(limit / m.descent.lr, 3)} times as large on {moving}{where}"
    return f"above {number(limit)} {moving}{where}"


def limit_place(m: Measurements) -> str:
    """Write where the stability limit was measured, if it is not the same everywhere."""
    constant = m.problem.linear_in_weights and m.problem.loss == MSE.name
    return "" if constant or m.spectrum is None else f" {_PLACES[m.spectrum.at]}"


def growth_in_words(m: Measurements) -> str:
    """Write how the loss went up, or stopped being a number."""
    tenfold, broken = m.descent.tenfold_step, m.descent.non_finite_step
    # A loss that is not a number counts as passed, but nobody saw it grow.
    if tenfold is not None and (broken is None or tenfold < broken):
        return f"the loss passed ten times its start at step {count(tenfold)}"
    if broken is not None or m.breakdown is not None:
        return first_broken(m)
    last, step = number(m.descent.final_loss), count(m.descent.final_step)
    if m.descent.final_loss < m.descent.first_loss and m.descent.lowest_step:
        low = f"{number(m.descent.lowest_loss)} at step {count(m.descent.lowest_step)}"
        return f"the loss has risen from {low} to {last} at step {step}"
    first = number(m.descent.first_loss)
    return f"the loss went from {first} to {last} in {count(m.descent.final_step, 'step')}"


def too_large(m: Measurements) -> Iterator[Finding]:
    """SD101: the descent diverges, or a much smaller learning rate is much quicker."""
    rate = judge_rate(m)
    if rate.word != "too large":
        return
    evidence = _evidence(m, rate)
    if not (diverged(m) or grows_above_limit(m)):
        # Where the weights visibly bounce at the limit, SD103 says it better.
        if m.rates is not None and rate.better is not None and not _at_edge(m):
            proof = f"{needs(m, m.rates, rate.better)}, {own_needs(m, m.rates.own)}."
            cause = ""
            # The other one may overshoot there too, by so little that it is within the goal.
            if overshoots_at_minimum(m) and not rate.better.lr > (m.minimum_limit or math.inf):
                cause = f"{limit_in_words(m)}, so it does not stay there. "
                evidence["minimum_limit"] = m.minimum_limit
                proof = sentence(proof)
            yield Finding("SD101", "warning", f"{rate_is(m)} too large: {cause}{proof}", evidence)
        return
    evidence |= {
        "tenfold_step": m.descent.tenfold_step,
        "non_finite_step": m.descent.non_finite_step,
        "first_loss": plain(m.descent.first_loss),
        "final_loss": plain(m.descent.final_loss),
    }
    text = f"{rate_is(m)} too large: "
    summed = ""
    if above_limit(m) and m.stability_limit is not None:
        ratio = m.descent.lr / m.stability_limit if m.stability_limit > 0 else math.inf
        evidence["ratio"] = ratio
        known = f"{number(m.stability_limit)}{limit_place(m)}"
        their = own_rates(m)
        text += f"{'they are' if their else 'it is'} {times(ratio)} the stability limit"
        text += f"{limit_place(m)}. " if their else f", {known}. "
        text += sentence(growth_in_words(m))
        summed = summed_in_words(m, ratio)
    else:
        text += growth_in_words(m)
    tenfold, broken = m.descent.tenfold_step, m.descent.non_finite_step
    if tenfold is not None and broken is not None and tenfold < broken:
        text += f" and was no longer a finite number at step {count(broken)}"
    yield Finding("SD101", "error", f"{text}.{summed}", evidence)


def too_small(m: Measurements) -> Iterator[Finding]:
    """SD102: a larger learning rate needs at most a tenth of the steps."""
    rate = judge_rate(m)
    if rate.word != "too small" or rate.better is None or m.rates is None:
        return
    text = f"{rate_is(m)} too small: {needs(m, m.rates, rate.better)}, {own_needs(m, m.rates.own)}."
    ratio = rate.better.lr / m.descent.lr if m.descent.lr > 0 else math.inf
    text += summed_in_words(m, ratio)
    yield Finding("SD102", "warning", text, _evidence(m, rate))


def summed_in_words(m: Measurements, ratio: float) -> str:
    """Write what a factor of about the number of rows may come from: a sum in place of a mean."""
    rows = m.problem.rows
    if rows is None or rows < LEAST_ROWS or not 1 / ABOUT <= ratio / rows <= ABOUT:
        return ""
    return (
        f" The factor is about the number of rows, {count(rows)}: a loss that is the sum over the "
        "rows, and not their mean as here, needs a learning rate smaller by as much."
    )


def _at_edge(m: Measurements) -> bool:
    limit, turn = m.stability_limit, m.descent.turn
    return (
        is_finite(limit)
        and limit > 0
        and abs(m.descent.lr / limit - 1) <= EDGE
        and turn is not None
        and turn < TURNING
        and not rests(m)
        and not diverged(m)
        and not grows_above_limit(m)
    )


def bounces(m: Measurements) -> str | None:
    """Write between what the weights bounce; None where they do not, or the loss still falls.

    The next point of plain descent on all rows is known without taking the step: w - lr * g.
    """
    fall = m.descent.recent_fall
    if not _at_edge(m) or arrived(m) or fall is None or not abs(fall) < FLAT_FALL:
        return None
    moves = {
        name: m.descent.rates.get(name, m.descent.lr) * m.final_gradient.get(name, math.nan)
        for name in m.final_weights
    }
    known = m.descent.optimizer == GD.name and m.settings.batch_size is None and moves
    if not known or not all(math.isfinite(move) for move in moves.values()):
        return "the weights bounce to and fro"
    name = max(moves, key=lambda weight: abs(moves[weight]))
    ends = sorted((m.final_weights[name], m.final_weights[name] - moves[name]))
    return f"{name} bounces between {number(ends[0])} and {number(ends[1])}"


def hovers(m: Measurements) -> Iterator[Finding]:
    """SD501: the loss falls no more, because the steps follow the noise of their batches."""
    found = m.hovering
    if found is None or m.minimum is None or found.cause != "batches":
        return
    yield Finding(
        "SD501",
        "warning",
        f"Each step follows {batch_in_words(m)}, and batches differ: from step "
        f"{count(found.since)} on the loss goes up and down between {number(found.low, 3)} and "
        f"{number(found.high, 3)}, {number(found.loss, 3)} on average, where the minimum is "
        f"{number(m.minimum.loss, 3)}. Run on for as many steps again it is "
        f"{number(found.later, 3)} on average; with the learning rate {number(found.lr, 3)}, run "
        f"for {count(found.longer)} times as long, {number(found.calmer, 3)}.",
        {
            "since": found.since,
            "mean": found.loss,
            "low": found.low,
            "high": found.high,
            "run_on": found.later,
            "calmer_lr": found.lr,
            "calmer": found.calmer,
        },
    )


def batch_in_words(m: Measurements) -> str:
    """Write of how many rows a batch is."""
    size = m.settings.batch_size or 0
    return "a single row" if size == 1 else f"a batch of {count(size, 'row')}"


def at_the_edge(m: Measurements) -> Iterator[Finding]:
    """SD103: the learning rate is at the stability limit and the weights jump to and fro."""
    if not _at_edge(m) or m.stability_limit is None:
        return
    rate = judge_rate(m)
    ratio = m.descent.lr / m.stability_limit
    limit = "" if own_rates(m) else f" {number(m.stability_limit)}"
    at = "" if abs(ratio - 1) <= SAME else f"{percent(ratio, 3)} of "
    at = f"{rate_is(m)} {at or 'at '}the stability limit{limit}"
    evidence = _evidence(m, rate) | {
        "ratio": ratio,
        "turn": plain(m.descent.turn),
        "recent_fall": plain(m.descent.recent_fall),
    }
    between = bounces(m)
    undoes = f"{at}, and every step undoes most of the one before"
    if between is not None:
        text = f"{at}: {between}, and the loss neither falls nor grows."
        yield Finding("SD103", "warning", text, evidence)
    elif rate.word == "too large" and rate.better is not None and m.rates is not None:
        quicker = f"{needs(m, m.rates, rate.better)}, {own_needs(m, m.rates.own)}"
        yield Finding("SD103", "warning", f"{undoes}: {quicker}.", evidence)
    elif m.descent.final_loss < m.descent.first_loss:
        text = f"{undoes}. The loss has fallen all the same, so this is normal."
        yield Finding("SD103", "info", text, evidence)
    else:
        text = f"{undoes}, without a lower loss."
        yield Finding("SD103", "warning", text, evidence)
