"""After a descent: everything that the checks may want to look at, each with its reason if not."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace

import numpy as np

from steepest.checks.facts import combination, off_to_infinity
from steepest.descent import Walked
from steepest.descent.arrival import stays_until
from steepest.descent.run import Descended
from steepest.formula.derivative import derivative
from steepest.formula.nodes import Column, Number, names_of
from steepest.measure.curvature import Place, spectrum, stability_limit
from steepest.measure.deadline import Deadline
from steepest.measure.flat import flat_directions
from steepest.measure.gradient import backward_pass, pull_amounts, row_shares
from steepest.measure.minimum import lower_of
from steepest.measure.solvers import polished
from steepest.measure.statistics import (
    Tangent,
    distance,
    leverages,
    statistics,
    tangent,
    tangent_of_sums,
)
from steepest.methods.losses import CROSS_ENTROPY, MAE, RMSE, SQUARED
from steepest.methods.optimizers import SOLVERS, optimizer_of
from steepest.objective.passes.survey import Survey
from steepest.problem.room import MOST_ENTRIES
from steepest.problem.setup import Setup, Streamed, is_scalable
from steepest.records.arrays import Vector
from steepest.records.descent import Descent, Forecast, Goal, RateStudy
from steepest.records.point import BatchLimit, Breakdown, Escape, Minimum, Spectrum
from steepest.records.problem import Settings
from steepest.records.verdict import ColumnFacts, Leaving, Measurements, RowShare, Statistics
from steepest.study.aim import Aim, aim_at, at_most
from steepest.study.apart import apart_at
from steepest.study.auto import Choice
from steepest.study.batch_limit import batch_limit, in_batches
from steepest.study.fitted import doubts
from steepest.study.forecast import forecast_of
from steepest.study.hovering import hovering
from steepest.study.leaving import leaving
from steepest.study.limits import limit_at
from steepest.study.rates import GUARD, stays_step, study
from steepest.study.spectra import held_at, spectrum_at
from steepest.study.still import still_weights
from steepest.words.wording import number

STUDY_SECONDS = GUARD
MOST_LEVERAGE_WEIGHTS = 200
SHARED_ROWS = 10

POLISH_SECONDS = 0.5
FLAT_SECONDS = 0.5

INTERRUPTED = "It was interrupted."

SETTLED = 1e-3
"""A gradient this small beside the first one is nearly zero."""

STANDSTILL = 1e-7
"""A step that changes no weight by more than this, relative to its size, is tiny."""

ESCAPES = tuple(0.1 * 0.25**power for power in range(12))
"""Steps off a saddle to try, in units of the weights' size, the longest first."""

EPSILON = 16 * float(np.finfo(float).eps)
"""Rounding of a number that took a few operations, relative to its size."""

FAR_OFF = 0.1
"""A point whose weights are off by so many standard errors is no minimum to take them at."""


def measure(
    setup: Setup,
    settings: Settings,
    descended: Walked,
    aim: Aim,
    near_aim: Aim,
    choice: Choice | None = None,
) -> Measurements:
    """Measure the point where the descent ended, and what other learning rates would have done.

    `aim` is what was known before the descent, `near_aim` that of `setup.for_trials`.
    """
    descent, weights = descended.descent, descended.final_weights
    plain, limit, missing = _curvature(setup, settings, descended)
    batched, limit = _in_batches(setup, settings, weights, limit, missing)
    minimum = _with_run(setup, aim.minimum, descent, weights)
    if minimum is not aim.minimum:
        supposed, aim = aim.goal, aim_at(setup, minimum, descent.first_loss)
        if not _same(supposed, aim.goal):
            # A lower minimum than was known: what was counted to the goal, was to another one.
            choice = None
            first = None if aim.goal is None else _first_at_goal(descended, aim.goal)
            stays = None if aim.goal is None else _stays(descended, aim.goal)
            descent = replace(descent, goal_step=first, stays_step=stays)
    minimum = _in_user_units(setup, _with_flat(setup, minimum))
    if why := _why_no_minimum(minimum):
        missing["minimum"] = why
    near_aim = aim if setup.for_trials is setup else near_aim
    there = _at_minimum(setup, settings, plain, minimum)
    edge = _edge(setup, settings, descent, minimum, there)
    ahead = _ahead(setup, settings, descended, descent, aim, near_aim, choice, limit, edge, missing)
    stated, why = statistics_at(setup, minimum)
    if stated is None:
        missing["statistics"] = why
    doubted = doubts(setup, why if stated is None else tangent_at(setup, minimum))
    if doubted.missing and stated is not None:
        missing["residuals"] = doubted.missing
    return Measurements(
        problem=setup.problem,
        settings=settings,
        descent=descent,
        final_gradient=setup.objective.named(descended.final_gradient),
        first_gradient=setup.objective.named(descended.trace.gradient[0]),
        final_weights=setup.objective.named(weights),
        spectrum=plain,
        stability_limit=limit,
        batch_limit=batched,
        minimum=minimum,
        goal=aim.goal,
        forecast=ahead.forecast,
        rates=ahead.rates,
        columns=column_facts(setup),
        scalable=is_scalable(setup),
        row_shares=shares(setup, setup.start),
        breakdown=breakdown(setup, descended),
        reference_loss=setup.reference_loss,
        lower_minimum=ahead.lower,
        heading=ahead.heading,
        not_measured=missing,
        statistics=stated,
        escape=_escape(setup, plain, weights),
        rounding=rounding_at(setup, minimum),
        minimum_spectrum=there,
        minimum_limit=edge,
        deciding=doubted.deciding,
        misfit=doubted.misfit,
        start=setup.objective.named(setup.start),
        still=still_weights(setup, descended, minimum),
        apart=apart_at(setup, settings, descent, minimum),
        hovering=hovering(setup.for_trials, settings, descended, near_aim, limit),
        leaving=ahead.leaving,
    )


@dataclass(frozen=True)
class _Ahead:
    """What becomes of the descent, and of others, when they are run on."""

    rates: RateStudy | None
    lower: Minimum | None
    heading: float | None
    leaving: Leaving | None
    forecast: Forecast | None


def _ahead(
    setup: Setup,
    settings: Settings,
    descended: Walked,
    descent: Descent,
    aim: Aim,
    near_aim: Aim,
    choice: Choice | None,
    limit: float | None,
    edge: float | None,
    missing: dict[str, str],
) -> _Ahead:
    """Run on; why something was not seen goes to `missing`."""
    near = setup.for_trials
    rates, further = _rates(setup, settings, descended, aim, near_aim, choice, limit, edge, missing)
    lower, heading = _lower_elsewhere(near, descended, near_aim), None
    if lower is not None and near is not setup:
        lower = aim.minimum
    if lower is None and further is not None:
        heading = _heading(near, further, near_aim)
    left = leaving(setup, settings, descent, aim.goal) if near is setup else None
    if left is not None and rates is not None and rates.own.steps is not None:
        own = replace(rates.own, steps=left.stays, limit=left.walked, left=left.stays is None)
        if left.stays is None or (aim.goal is not None and _same(rates.goal, aim.goal)):
            rates = replace(rates, own=own)
    forecast = forecast_of(near, settings, descent, near_aim.goal, rates, further, left)
    if forecast is None:
        missing["forecast"] = missing.get("minimum", "No minimum is known.")
    elif forecast.steps is None:
        if lower is not None:
            basis = "It goes down to a local minimum, above that."
            forecast = Forecast(forecast.to, None, basis)
        elif heading is not None:
            basis = f"Run on, it goes down to a local minimum of {number(heading)}, above that."
            forecast = Forecast(forecast.to, None, basis)
        missing["forecast"] = forecast.basis
    return _Ahead(rates, lower, heading, left, forecast)


def _in_user_units(setup: Setup, minimum: Minimum | None) -> Minimum | None:
    """The minimum with its weights for the columns as they are, where those were scaled."""
    if minimum is None or setup.scaling is None:
        return minimum
    at = setup.objective.vector(minimum.weights)
    return replace(minimum, user_weights=setup.in_user_units(at))


def _curvature(
    setup: Setup, settings: Settings, descended: Walked
) -> tuple[Spectrum | None, float | None, dict[str, str]]:
    """The spectrum and the stability limit where the descent ended, and why one is missing."""
    weights, descent = descended.final_weights, descended.descent
    missing: dict[str, str] = {}
    place: Place = "end"
    if descent.stopped == "diverged" and setup.solved is None:
        # Where it got to before it died says nothing of the problem.
        place, weights = "start", setup.start
    plain = scaled = spectrum_at(setup, settings, None, weights, place)
    if descended.preconditioner is not None:
        scaled = spectrum_at(setup, settings, descended, weights, place)
    if plain is None or not plain.measured:
        held = held_at(setup, weights)
        missing["curvature"] = (
            "Every weight is at its bound, and the gradient presses it there."
            if held is not None and np.all(held)
            else "The second derivatives are not finite where the descent "
            + ("began." if place == "start" else "ended.")
        )
        plain = None
    limit = stability_limit(descent.optimizer, descent.momentum, scaled)
    if descended.preconditioner is not None and not descent.steps:
        limit, missing["stability_limit"] = None, "No step was taken yet that says how they scale."
    elif limit is None:
        missing["stability_limit"] = _why_no_limit(descent, plain)
    return plain, limit, missing


def _in_batches(
    setup: Setup,
    settings: Settings,
    weights: Vector,
    limit: float | None,
    missing: dict[str, str],
) -> tuple[BatchLimit | None, float | None]:
    """The limit of a descent in batches in place of that of all rows."""
    if not in_batches(setup, settings):
        return None, limit
    found = batch_limit(setup, settings, weights)
    if isinstance(found, str):
        missing["stability_limit"] = found
        return None, None
    missing.pop("stability_limit", None)
    if found.stays is None:
        missing["stability_limit"] = "With these batches it grows at every learning rate tried."
    return found, found.stays


def _why_no_minimum(minimum: Minimum | None) -> str | None:
    if minimum is None:
        return "No solver found a point with a finite loss."
    if minimum.unbounded:
        return "The loss falls without end, so there is no minimum."
    if minimum.separable:
        return "The classes can be told apart, so the weights grow for ever and no minimum exists."
    if minimum.growing:
        return f"The loss falls for ever while {off_to_infinity(minimum)}: no minimum exists."
    return None


def _rates(
    setup: Setup,
    settings: Settings,
    descended: Walked,
    aim: Aim,
    near_aim: Aim,
    choice: Choice | None,
    limit: float | None,
    edge: float | None,
    missing: dict[str, str],
) -> tuple[RateStudy | None, Descended | None]:
    """What other learning rates would have done, and the descent run on; else why not."""
    descent, near = descended.descent, setup.for_trials
    loss = descent.final_loss
    if near is not setup:
        loss = near.objective.value(descended.final_weights)
    goal = near_aim.judged_by(loss)
    if descent.optimizer in SOLVERS:
        missing["rates"] = f"{descent.optimizer} chooses the length of its steps by itself."
    elif descent.stopped == "interrupted":
        missing["rates"] = INTERRUPTED
    elif goal is None or (aim.minimum is not None and aim.minimum.unbounded):
        missing["rates"] = missing.get("minimum", "There is no goal to compare by.")
    elif descent.stopped != "diverged" or aim.goal is not None:
        step = _stays(descended, goal) if near is setup else None
        if step and np.any(descended.trace.loss[descended.trace.step < step] <= goal.loss):
            # It was there before, and of others the first stay counts.
            step = stays_step(setup, settings, descent, goal)
        if near is not setup and loss <= goal.loss:
            # Of all rows that is the step; of the near ones it is about the same.
            step = stays_step(near, settings, descent, goal)
        known = choice.trials if choice is not None and _same(goal, choice.goal) else ()
        seconds = at_most(STUDY_SECONDS, settings.time_limit)
        try:
            rates, further = study(
                near, settings, descent.lr, goal, limit, edge, step, seconds, known
            )
        except KeyboardInterrupt:
            missing["rates"] = INTERRUPTED
            return None, None
        was = rates.own.steps if step is None and near is setup else None
        if was is not None and stays_until(was) <= descent.final_step:
            # It was there, and was not at its end.
            own = replace(rates.own, steps=None, limit=descent.final_step, left=True)
            rates = replace(rates, own=own)
        if rates.best is None and rates.own.steps is None:
            missing["rates"] = (
                f"No learning rate that was tried reached a loss of {goal.loss:.6g}"
                f"{_in_steps(rates)}."
            )
        return rates, further
    return None, None


def rounding_at(setup: Setup, minimum: Minimum | None) -> float:
    """The size of a loss that is zero to within rounding; 0 where no loss is.

    With rows: the loss of residuals that are rounding of predictions and targets. Of an expression:
    what rounding of its parts makes of the loss at the minimum, and what rounding of the weights
    does, at the size that they had at the start.
    """
    objective, problem = setup.objective, setup.problem
    if minimum is None or not minimum.exists or not math.isfinite(minimum.loss):
        return 0.0
    at = objective.vector(minimum.weights)
    if problem.command == "minimize":
        nodes = backward_pass(objective, at)
        with np.errstate(all="ignore"):
            parts = EPSILON * sum(float(np.sum(np.abs(n.value * n.adjoint))) for n in nodes[:-1])
            size = EPSILON * np.maximum(np.abs(at), np.abs(setup.start))
            here, *near = (objective.value(at + size * sign) for sign in (0.0, 1.0, -1.0))
        moved = (abs(loss - here) for loss in near)
        return max(part if math.isfinite(part) else 0.0 for part in (parts, *moved))
    if problem.loss == CROSS_ENTROPY.name:
        return 0.0
    target = np.asarray(objective.data["rows"]["target"])
    size = np.abs(objective.predictions(at)) + np.abs(target)
    if problem.linear_in_weights and target.size * len(at) <= MOST_ENTRIES:
        # Terms that all but cancel are each rounded.
        size = size + np.abs(objective.jacobian(at)) @ np.abs(at)
    residual = EPSILON * size
    weight = objective.data["rows"]["weight"]
    power = 1 if problem.loss == MAE.name else 2
    mean = float(
        np.average(residual**power, weights=None if weight is None else np.asarray(weight))
    )
    return math.sqrt(mean) if problem.loss == RMSE.name else mean


def _at_minimum(
    setup: Setup, settings: Settings, ended: Spectrum | None, minimum: Minimum | None
) -> Spectrum | None:
    if ended is None or ended.most_negative is None or minimum is None or not minimum.exists:
        return None
    at = setup.objective.vector(minimum.weights)
    return spectrum_at(setup, settings, None, at, "minimum")


def _edge(
    setup: Setup,
    settings: Settings,
    descent: Descent,
    minimum: Minimum | None,
    there: Spectrum | None,
) -> float | None:
    """The stability limit at the minimum, where the descent is not and the limit is another one."""
    if descent.stopped == "diverged" or descent.stays_step is not None:
        return None
    return None if setup.solved is not None else limit_at(setup, settings, minimum, there)


def _same(one: Goal | None, other: Goal | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one.loss, other.loss, rel_tol=1e-9)


def _with_run(
    setup: Setup, minimum: Minimum | None, descent: Descent, weights: Vector
) -> Minimum | None:
    if not math.isfinite(descent.final_loss) or descent.stopped == "diverged":
        if descent.final_loss < -1e9 * max(setup.scale, abs(descent.first_loss)):
            named = setup.objective.named(weights)
            return Minimum(-math.inf, named, "this descent", unbounded=True)
        return minimum
    if minimum is not None and not minimum.exists:
        return minimum
    if minimum is not None and minimum.proven:
        return minimum  # a lower loss is rounding
    ended = lower_of(minimum, descent.final_loss, setup.objective.named(weights), "this descent")
    if ended is minimum or setup.is_passing:
        return ended
    # No solver has been as low, so nothing says yet that it is a minimum: one goes on from here.
    at = polished(setup.objective, weights, Deadline(POLISH_SECONDS))
    loss = setup.objective.value(at)
    if not math.isfinite(loss):
        return ended
    how = "a solver of scipy.optimize from where this descent ended"
    return lower_of(ended, loss, setup.objective.named(at), how)


def _with_flat(setup: Setup, minimum: Minimum | None) -> Minimum | None:
    """The minimum of a curved model, with the directions along which it stays as low."""
    if minimum is None or not minimum.exists or minimum.flat or setup.solved is not None:
        return minimum
    if setup.is_passing or not math.isfinite(minimum.loss):
        return minimum
    conditional = {
        name for name in setup.objective.names if derivative(setup.formula.model, name) == Number(0)
    }
    found = [
        one
        for one in flat_directions(
            setup.objective, setup.objective.vector(minimum.weights), FLAT_SECONDS
        )
        if not conditional.issuperset(combination(one.direction))
    ]
    return replace(
        minimum,
        flat=tuple(one.direction for one in found),
        elsewhere=tuple(one.elsewhere for one in found),
    )


_STANDS = 1e-6
"""At a minimum a Newton step changes the loss by less than this share of what it is above the goal.
"""


def _lower_elsewhere(setup: Setup, descended: Walked, aim: Aim) -> Minimum | None:
    """The known minimum, where the descent has settled in a higher one.

    A trusted solver goes on from where the descent ended. If that leads no lower, to a point from
    which the loss rises to all sides, no descent from here gets there either.
    """
    return None if _heading(setup, descended, aim) is None else aim.minimum


def _heading(setup: Setup, descended: Walked, aim: Aim) -> float | None:
    """The loss of the local minimum in which the descent has settled, above the goal."""
    descent, goal = descended.descent, aim.goal
    if goal is None or descent.stopped == "diverged":
        return None
    if not descent.final_loss > goal.loss or not _has_settled(setup, descended):
        return None
    # Where it is at rest already, a solver may leap out of the valley. A quadratic has but one.
    if setup.solved is None and _rises_all_round(setup, descended.final_weights, goal.loss):
        return descent.final_loss
    ends = Deadline(POLISH_SECONDS)
    at = polished(setup.objective, descended.final_weights, ends)
    if ends.passed:
        return None  # Out of time it may have been on its way down.
    return setup.objective.value(at) if _rises_all_round(setup, at, goal.loss) else None


def _rises_all_round(setup: Setup, at: Vector, goal: float) -> bool:
    """Whether weights (p,) are at a minimum above the goal, as far as curvature tells."""
    loss = setup.objective.value(at)
    if not loss > goal:
        return False
    around = spectrum(setup.objective, at, "minimum", held=held_at(setup, at))
    # A direction whose curvature cannot be told from zero may lead down.
    if around is None or not around.measured or not around.smallest > around.noise:
        return False
    # So may one that is hardly curved, where a solver gave up.
    along = around.vectors.T @ setup.objective.value_and_gradient(at)[1]
    with np.errstate(all="ignore"):
        reach = float(np.sum(along**2 / around.values))
    return reach <= _STANDS * (loss - goal)


def _has_settled(setup: Setup, descended: Walked) -> bool:
    first, last = descended.trace.gradient[0], descended.final_gradient
    last = np.where(setup.objective.pressed(descended.final_weights, last), 0.0, last)
    with np.errstate(all="ignore"):
        if np.linalg.norm(last) <= SETTLED * np.linalg.norm(first):
            return True
    move = descended.move_from(descended.descent.final_step)
    if move is None:
        return True  # A solver that found nothing lower.
    size = np.maximum(np.abs(descended.final_weights), 1e-3)
    return bool(np.all(np.abs(move) <= STANDSTILL * size))


def _escape(setup: Setup, found: Spectrum | None, weights: Vector) -> Escape | None:
    """The longest of a few steps along the most negative curvature that lowers the loss."""
    if found is None or found.most_negative is None or len(found.vectors) != len(weights):
        return None
    if found.at != "end":
        return None
    way = found.vectors[:, -1]
    # A sign for the reader: along the weight that moves most it goes up.
    way = way * np.sign(way[int(np.argmax(np.abs(way)))])
    here = setup.objective.value(weights)
    size = max(float(np.linalg.norm(weights)), 1.0)
    for share in ESCAPES:
        tried = []
        for by in (share * size, -share * size):
            there = weights + by * way
            if np.any(there < setup.objective.lower) or np.any(there > setup.objective.upper):
                continue
            tried.append((setup.objective.value(there) - here, by))
        change, by = min(tried, default=(math.inf, 0.0))
        if change < 0:
            return Escape(setup.objective.named(way), by, change)
    return None


def _why_no_limit(descent: Descent, plain: Spectrum | None) -> str:
    if descent.optimizer in SOLVERS:
        return f"{descent.optimizer} chooses the length of its steps by itself."
    method = optimizer_of(descent.optimizer)
    if method.factor is None:
        return f"{method.title} has no fixed limit: {method.source}."
    if plain is None:
        return "The curvature was not measured."
    return "The loss does not curve upward in any direction here, so the curvature sets none."


def _in_steps(rates: RateStudy) -> str:
    """In how many steps: as many as each of them had that did not diverge."""
    alive = [trial for trial in (rates.own, *rates.trials) if not trial.diverged]
    limits = [trial.limit for trial in alive if trial.limit is not None]
    return f" in {min(limits):,} steps" if limits else ""


def _first_at_goal(descended: Walked, goal: Goal) -> int | None:
    """First step of this run at or below the goal, exactly."""
    descent = descended.descent
    if descent.lowest_loss > goal.loss:
        return None
    trace = descended.trace
    at = int(np.argmax(trace.loss <= goal.loss)) if np.any(trace.loss <= goal.loss) else -1
    if at == 0:
        return 0
    upper = int(trace.step[at]) if at > 0 else descent.lowest_step
    lower = int(trace.step[at - 1]) if at > 0 else 0
    if upper - lower <= 1:
        return upper
    walked = descended.replay(lower, upper)
    return int(walked.step[int(np.argmax(walked.loss <= goal.loss))])


def _stays(descended: Walked, goal: Goal) -> int | None:
    """The step from which on this run was at the goal to its end; None where it ended above."""
    trace = descended.trace
    if not trace.loss[-1] <= goal.loss:
        return None
    above = np.flatnonzero(~(trace.loss <= goal.loss))
    if not len(above):
        return 0
    lower, upper = int(trace.step[above[-1]]), int(trace.step[above[-1] + 1])
    if upper - lower > 1:
        walked = descended.replay(lower, upper)
        lower = int(walked.step[np.flatnonzero(~(walked.loss <= goal.loss))[-1]])
    return lower + 1


def column_facts(setup: Setup) -> tuple[ColumnFacts, ...]:
    """Mean, deviation and largest size of each input column in use, and which are the same."""
    if setup.streamed is not None:
        return _surveyed_facts(setup, setup.streamed)
    facts: list[ColumnFacts] = []
    seen: dict[bytes, str] = {}
    for name in names_of(Column, setup.formula.model):
        column = setup.columns[name]
        # Of the bytes where they are, so that no column is held twice.
        key = hashlib.blake2b(np.ascontiguousarray(column).data).digest()
        facts.append(
            ColumnFacts(
                name=name,
                mean=float(np.mean(column)),
                # The squares of numbers below 1e-162 are zero.
                deviation=float(np.std(column)) or float(np.ptp(column)),
                largest=float(np.max(np.abs(column))),
                duplicate_of=seen.get(key),
            )
        )
        seen.setdefault(key, name)
    return tuple(facts)


def _surveyed_facts(setup: Setup, streamed: Streamed) -> tuple[ColumnFacts, ...]:
    """The same of rows that were passed over; scaled columns as they are after scaling."""
    survey = streamed.survey
    facts: list[ColumnFacts] = []
    seen: dict[int, str] = {}
    inputs = names_of(Column, setup.formula.model)
    for place, name in enumerate(streamed.totals.rows.wanted.columns):
        if name not in inputs:
            continue
        subtracted, divided = setup.problem.standardized.get(name, (0.0, 1.0))
        ends = (np.array([survey.low[place], survey.high[place]]) - subtracted) / divided
        deviation = math.sqrt(survey.squares[place] / survey.rows) / divided
        checksum = int(survey.checksum[place])
        facts.append(
            ColumnFacts(
                name=name,
                mean=float((survey.mean[place] - subtracted) / divided),
                deviation=deviation or float(ends[1] - ends[0]),
                largest=float(np.max(np.abs(ends))),
                duplicate_of=seen.get(checksum),
            )
        )
        seen.setdefault(checksum, name)
    return tuple(facts)


def shares(setup: Setup, weights: Vector) -> tuple[RowShare, ...]:
    """The rows that make most of the gradient at weights (p,)."""
    if not setup.problem.rows or setup.problem.loss is None:
        return ()
    amounts = pull_amounts(setup.objective, weights)
    measurable = len(weights) <= MOST_LEVERAGE_WEIGHTS and amounts.size <= MOST_ENTRIES
    leverage = leverages(setup.objective, weights) if measurable else None
    return row_shares(amounts, setup.row_numbers, leverage, SHARED_ROWS)


def statistics_at(setup: Setup, minimum: Minimum | None) -> tuple[Statistics | None, str]:
    """How sure the fit is of its weights at the known minimum, else why that was not measured."""
    streamed = setup.streamed
    summed = streamed is not None and setup.solved is not None and not setup.in_batches
    if streamed is not None and summed and setup.problem.loss in SQUARED:
        found = statistics(
            _tangent_of(setup, streamed),
            setup.row_numbers,
            scaling=setup.scaling,
            sigma=setup.problem.sigma,
        )
        return found, ""
    at = _tangent_of_passed(setup, minimum) or tangent_at(setup, minimum)
    if isinstance(at, str):
        return None, at
    off = distance(at)
    if off > FAR_OFF:
        return None, (
            "The lowest point known is not a minimum yet: the weights would still move by "
            f"{number(off, 2)} of their standard errors."
        )
    found = statistics(at, setup.row_numbers, scaling=setup.scaling, sigma=setup.problem.sigma)
    return found, ""


def _tangent_of(setup: Setup, streamed: Streamed) -> Tangent:
    """The least-squares fit of a linear model to rows that were passed over, at its minimum."""
    assert setup.solved is not None
    survey, solved = streamed.survey, setup.solved
    return tangent_of_sums(
        setup.objective.names,
        solved.solution,
        solved.root * math.sqrt(survey.weight / 2),
        survey.rows,
        solved.floor * survey.weight,
        _variation(setup, survey),
    )


def _tangent_of_passed(setup: Setup, minimum: Minimum | None) -> Tangent | None:
    """The same of a curved model at its known minimum, by one pass; None where there is none."""
    if setup.streamed is None or not setup.is_passing or setup.problem.loss not in SQUARED:
        return None
    if minimum is None or not minimum.exists or not math.isfinite(minimum.loss):
        return None
    survey, weights = setup.streamed.survey, setup.objective.vector(minimum.weights)
    found = setup.streamed.totals.first_order(weights)
    if not np.all(np.isfinite(found.triangle)):
        return None
    design, turned = found.triangle[:, :-1], found.triangle[:, -1]
    left = float(turned @ turned)
    return tangent_of_sums(
        setup.objective.names,
        weights,
        design,
        survey.rows,
        0.0 if left <= found.noise else left,
        _variation(setup, survey),
        turned,
    )


def _variation(setup: Setup, survey: Survey) -> float | None:
    """Σ w (target - mean)² over all rows; None where that is rounding."""
    target = survey.triangle[:, -1]
    total = float(survey.squares[-1]) if setup.problem.sigma is None else float(target @ target)
    flat = survey.high[-1] - survey.low[-1] <= EPSILON * abs(survey.high[-1])
    return None if flat or not total else total


def tangent_at(setup: Setup, minimum: Minimum | None) -> Tangent | str:
    """The least-squares fit to first order at the known minimum, or why there is none."""
    problem = setup.problem
    if setup.streamed is not None and not (setup.in_batches and problem.drawn == problem.rows):
        return "This needs the rows at hand, and they are passed over."
    if problem.command == "minimize" or not problem.rows:
        return "An expression has no rows, so its weights have no standard errors."
    if problem.loss not in SQUARED:
        return f"Standard errors are those of squared errors (mse or rmse); this is {problem.loss}."
    if minimum is not None and not minimum.exists:
        return "No minimum exists."
    if minimum is None or not math.isfinite(minimum.loss):
        return "No minimum is known."
    if problem.rows * len(setup.objective.names) > MOST_ENTRIES:
        return f"Rows times weights are more than {MOST_ENTRIES:,}."
    found = tangent(setup.objective, setup.objective.vector(minimum.weights))
    return found or "The derivatives of the predictions are not finite at the minimum."


def breakdown(setup: Setup, descended: Walked) -> Breakdown | None:
    """Where a value stopped being finite: the step, the part of the formula, weight and row."""
    step = descended.descent.non_finite_step
    if step is None:
        return None
    weights = descended.trace.weights[-1]
    bad = np.flatnonzero(~np.isfinite(weights))
    if len(bad):
        name = setup.objective.names[int(bad[0])]
        return Breakdown(step, f"the weight {name} itself", name, None)
    for node in backward_pass(setup.objective, weights):
        where = np.flatnonzero(~np.isfinite(np.atleast_1d(node.value)))
        if len(where):
            row = int(setup.row_numbers[where[0]]) if node.value.ndim else None
            return Breakdown(step, node.text, None, row)
    gradient = descended.trace.gradient[-1]
    bad = np.flatnonzero(~np.isfinite(gradient))
    weight = setup.objective.names[int(bad[0])] if len(bad) else None
    row = None
    if setup.problem.rows and setup.problem.loss is not None and len(bad):
        amounts = pull_amounts(setup.objective, weights)[:, bad[0]]
        rows = np.flatnonzero(~np.isfinite(amounts))
        row = int(setup.row_numbers[rows[0]]) if len(rows) else None
    return Breakdown(step, "the gradient" if len(bad) else "the loss", weight, row)
