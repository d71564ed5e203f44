"""Runs what was proposed, and keeps only what helped, best first."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from steepest.checks.facts import causes, conditioning
from steepest.checks.remedies import (
    BETTER_RATE,
    OWN_RATES,
    QUICK,
    Proposal,
    finishes,
    helps,
    ladder,
    to_last_digit,
)
from steepest.checks.shape import FEW
from steepest.descent import Walked, solve_by
from steepest.descent.arrival import round_steps, stays_until
from steepest.descent.run import descend
from steepest.measure.curvature import stability_limit
from steepest.methods.optimizers import ADAPTIVE, GD, OPTIMIZERS, SOLVERS, optimizer_of
from steepest.problem.command import offered_lines
from steepest.problem.options import Options
from steepest.problem.setup import Setup, standardized, with_own_units, with_rates
from steepest.records.arrays import Vector
from steepest.records.descent import RateTrial
from steepest.records.point import Minimum
from steepest.records.verdict import Measurements, Remedy
from steepest.study.aim import at_most
from steepest.study.auto import good_rate
from steepest.study.limits import limit_at
from steepest.study.measure import INTERRUPTED
from steepest.study.rates import (
    EFFORT,
    GUARD,
    MOST_STEPS,
    affordable,
    best_in_closed_form,
    calmer,
    closed_form_steps,
    has_closed_form,
    rounded_rate,
    run_one,
)
from steepest.study.spectra import spectrum_at
from steepest.words.wording import listed, number

CHOOSE_EFFORT = 6e8
"""What the search for a learning rate of a remedy may cost, in elementary operations."""

CALMER = (1.0, 0.5, 0.25, 0.1)
"""Shares of a learning rate that are tried, one after the other, until a descent stays."""

_FALLS = 1.05
"""So many times smaller at least is a condition number that has fallen."""

_LEAST_MOMENTUM = 0.05
"""With less, momentum is plain descent."""

MOST_CALM = 100_000
"""Steps that a calmer one has at most."""

SOLVER_STEPS = 1000
TRIED_STEPS = 20_000


@dataclass(frozen=True)
class Attempt:
    """A proposal made concrete: the problem it changes and how to descend on it."""

    proposal: Proposal
    setup: Setup
    options: Options
    predicted: int | None


def prove(
    setup: Setup, options: Options, data: str | None, measurements: Measurements
) -> tuple[Remedy, ...]:
    """Climb the ladder; offer what helped, fewest steps to the goal first.

    Interrupted, it returns what was proven by then. A descent that was cut short by the clock or
    by hand gets no remedies: whoever did so wants to be done. Nor may any part of the ladder take
    longer than the time limit.
    """
    cut = measurements.descent.stopped in ("time limit", "interrupted")
    if cut or measurements.not_measured.get("rates") == INTERRUPTED:
        return ()
    found: list[Remedy] = []
    tried: list[str] = []
    # What the dearer ones are tried on top of, and in how many steps it arrives.
    base: dict[str, Any] = {"lr": dict(options.rates)} if options.rates else {}
    fewest = math.inf
    ends = time.monotonic() + at_most(GUARD, options.time_limit)
    quick = False
    try:
        for proposal in ladder(measurements):
            is_solver = proposal.options.get("optimizer") in SOLVERS
            if not is_solver and (time.monotonic() > ends or (quick and not proposal.scales)):
                continue
            if is_solver and _spare(proposal, found, measurements):
                continue
            changes = {**({} if is_solver or proposal.scales else base), **proposal.options}
            if proposal.change == BETTER_RATE:
                changes = {}
            attempt = attempt_of(proposal, changes, setup, options, measurements)
            if attempt is None:
                continue
            if not is_solver:
                tried.append(proposal.change)
            remedy = outcome_of(attempt, setup, data, measurements)
            if remedy is None:
                continue
            builds = not is_solver and not proposal.scales and proposal.change != BETTER_RATE
            if builds and (remedy.measured_steps or 0) >= fewest:
                continue  # slower than what it builds on
            found.append(remedy)
            if proposal.scales and remedy.reached and (remedy.measured_steps or 0) < fewest:
                base, fewest = dict(proposal.options), remedy.measured_steps or 0
            # Quick enough: nothing dearer is tried.
            quick |= not is_solver and remedy.reached and (remedy.measured_steps or 0) <= QUICK
    except KeyboardInterrupt:
        pass  # The descent itself is done and kept.
    return _with_last_word(_best_first(found), tried, measurements)


def _spare(proposal: Proposal, found: list[Remedy], measurements: Measurements) -> bool:
    """Whether what was found leaves nothing to gain from this solver."""
    arrived = [remedy for remedy in found if remedy.reached]
    descents = [r for r in arrived if r.settings and r.settings.optimizer not in SOLVERS]
    exact = to_last_digit(proposal, measurements)
    if proposal.change == "another start":
        return len(arrived) > (len(descents) if exact else 0)
    return not exact and any((remedy.measured_steps or 0) <= QUICK for remedy in descents)


def _best_first(found: list[Remedy]) -> list[Remedy]:
    """Those that arrived, fewest steps first; where none did, the lowest loss first."""
    arrived = [remedy for remedy in found if remedy.reached]
    return sorted(
        arrived or found,
        key=lambda remedy: (not remedy.reached, remedy.measured_steps or 0, remedy.measured_loss),
    )


SCALING = frozenset({OWN_RATES, "standardize", "rescale", *ADAPTIVE})
"""What may help where the curvature is uneven. Before that, nothing is said."""

_TRIED = {
    OWN_RATES: "a learning rate for each weight",
    "standardize": "standardized inputs",
    "rescale": "rescaled weights",
    **{name: optimizer_of(name).title for name in OPTIMIZERS},
}


def _with_last_word(
    found: list[Remedy], tried: list[str], measurements: Measurements
) -> tuple[Remedy, ...]:
    """Say plainly where only a solver, and no descent, gets there."""
    descents = [r for r in found if r.settings and r.settings.optimizer not in SOLVERS]
    arrived = measurements.forecast is not None and measurements.forecast.steps is not None
    if arrived or any(remedy.reached for remedy in descents) or not found or not found[0].reached:
        return tuple(found)
    first = found[0]
    others = ["other learning rates"] if measurements.rates is not None else []
    others += [_TRIED[change] for change in tried if change in _TRIED]
    if not others:
        return tuple(found)
    plain = f"No descent that was tried gets there ({listed(others)})"
    if measurements.rates is not None and measurements.rates.by_luck:
        plain = "From this one descents get there only by jumping out of its valley, which is luck"
    elif first.change == "another start":
        # Not even a solver gets there from this one, so it is the start that is wrong.
        plain = f"From this start no descent that was tried gets there ({listed(others)})"
    elif SCALING.intersection(tried) and measurements.settings.batch_size is None:
        plain += ": gradient descent is the wrong tool here"
    return (replace(first, sentence=f"{first.sentence} {plain}."), *found[1:])


def outcome_of(
    attempt: Attempt, setup: Setup, data: str | None, measurements: Measurements
) -> Remedy | None:
    """The remedy, run; None where it does not help."""
    proposal, goal = attempt.proposal, measurements.goal
    aim = None if goal is None else goal.loss
    attempt, done, there = _settling(
        attempt, aim, measurements.minimum, measurements.settings.time_limit
    )
    descent = done.descent
    if descent.stopped == "diverged" or not math.isfinite(descent.final_loss):
        return None
    if there is not None and _jumps(attempt, there, measurements):
        return None
    if not helps(
        reached=there is not None,
        measured_steps=there,
        measured_loss=descent.final_loss,
        own_steps=measurements.forecast.steps if measurements.forecast else None,
        own_loss=measurements.descent.final_loss,
        own_diverged=measurements.descent.stopped == "diverged",
        finishes=finishes(proposal, measurements),
    ):
        return None
    typed = attempt.options
    if typed.optimizer in SOLVERS:
        typed = typed.changed(steps=Options.steps)
    elif there is not None:
        typed = typed.changed(steps=round_steps(there))
    # What is offered is what its command ends with.
    end = descent.final_step if typed.optimizer in SOLVERS else min(typed.steps, descent.final_step)
    last = done.replay(end, end)
    problem = setup.problem
    command, in_python = offered_lines(problem, data, typed)
    return Remedy(
        change=proposal.change,
        sentence=_sentence(attempt, setup, there, end, float(last.loss[0]), measurements),
        command=command,
        python=in_python,
        predicted_steps=attempt.predicted,
        measured_steps=there,
        measured_loss=float(last.loss[0]),
        reached=there is not None,
        weights=attempt.setup.in_user_units(last.weights[0]),
        settings=typed.settings(),
        options=typed.given(),
    )


def _jumps(attempt: Attempt, there: int, measurements: Measurements) -> bool:
    """Whether it arrives by jumping out of a valley, as the quickest learning rate does."""
    rates, rate = measurements.rates, attempt.options.rate
    if rates is None or not rates.by_luck or rate is None:
        return False
    mine = RateTrial(rate, there, there, rates.goal.loss, diverged=False, measured=True)
    settings = attempt.options.settings()
    calm = calmer(attempt.setup, settings, mine, rates.goal, GUARD)
    return calm is not None and calm.stands_short


def changed_setup(setup: Setup, options: Options) -> Setup | None:
    """The setup that these options ask for, from one without them; None where impossible."""
    changed: Setup | None = setup
    if options.standardize and setup.scaling is None:
        changed = standardized(setup)
    if changed is not None and options.rescale and changed.unit is None:
        changed = with_own_units(changed)
    if changed is not None and options.start and changed.scaling is None:
        given = {**changed.objective.named(changed.start), **options.start}
        changed = replace(changed, start=changed.objective.vector(given))
    return None if changed is None else with_rates(changed, options.rates)


def attempt_of(
    proposal: Proposal,
    changes: Mapping[str, Any],
    setup: Setup,
    options: Options,
    measurements: Measurements,
) -> Attempt | None:
    """Choose what the proposal leaves open: learning rate, momentum, steps."""
    typed = options.changed(
        **{
            "at": None,
            "time_limit": None,
            "tolerance": 0.0,
            "patience": None,
            "momentum": None,
            **changes,
        }
    )
    if typed.optimizer == options.optimizer:
        typed = typed.changed(momentum=options.momentum)
    if changes and not ("lr" in changes and optimizer_of(typed.optimizer).is_linear):
        # Rates of each weight are for these weights, and for steps that nothing else scales.
        typed = typed.changed(lr="auto")
    changed = changed_setup(setup, typed)
    if changed is None:
        return None
    if typed.optimizer in SOLVERS:
        # It has no batches: every step of it uses all rows.
        typed = typed.changed(lr="auto", steps=SOLVER_STEPS, batch_size=None)
        return Attempt(proposal, changed, typed, None)
    found = _rate(changed, typed, measurements, fresh=bool(changes))
    if found is None:
        return None
    typed, predicted = found
    changed = with_rates(changed, typed.rates)
    goal = measurements.goal
    if typed.rates and goal is not None and has_closed_form(changed, typed.settings()):
        # Each rate is rounded by itself.
        predicted = closed_form_steps(changed, typed.rate or 0.0, goal.loss)
    if not changes and typed.rate == measurements.descent.lr:
        return None
    if predicted is not None:
        steps = round_steps(predicted)
    else:
        most = affordable(changed, EFFORT, options.batch_size)
        steps = min(max(options.steps, TRIED_STEPS), most)
    return Attempt(proposal, changed, typed.changed(steps=steps), predicted)


def _settling(
    attempt: Attempt, goal: float | None, minimum: Minimum | None, time_limit: float | None
) -> tuple[Attempt, Walked, int | None]:
    """The attempt, run; and the step from which it is at the goal and stays there.

    Staying is being there over the next tenth of the steps as well: a bold learning rate comes upon
    the goal by luck and is off again. Then calmer ones are tried; and so they are where every step
    overshoots at the minimum, so that it would leave some day.
    """
    tried: list[tuple[Attempt, Walked, int | None]] = []
    bold: tuple[Attempt, Walked, int | None] | None = None
    rate = attempt.options.rate
    for share in CALMER:
        calm = attempt
        if share < 1 and rate is not None:
            # Calmer is slower: about as much as the learning rate is smaller.
            options = at_rate(attempt.options, rounded_rate(rate * share))
            options = options.changed(steps=min(math.ceil(2 * options.steps / share), MOST_CALM))
            setup = with_rates(attempt.setup, options.rates)
            calm = replace(attempt, options=options, setup=setup, predicted=None)
        done = _run(calm, goal, time_limit)
        there = _stays_from(calm, done)
        if there is None and goal is not None and done.descent.final_loss <= goal:
            # There by now, and not yet for long enough.
            calm = replace(calm, options=calm.options.changed(steps=2 * calm.options.steps))
            done = _run(calm, goal, time_limit)
            there = _stays_from(calm, done)
        tried.append((calm, done, there))
        if there is not None and not _overshoots(calm, minimum):
            return tried[-1]
        if there is not None:
            bold = bold or tried[-1]
            continue
        if rate is None or done.descent.goal_step is None:
            break  # A solver; or one that is never there.
    return bold or tried[0]


def _overshoots(attempt: Attempt, minimum: Minimum | None) -> bool:
    """Whether the learning rate is above the stability limit at the minimum."""
    setup, rate = attempt.setup, attempt.options.rate
    if setup.solved is not None or setup.scaling is not None or rate is None or setup.is_passing:
        return False
    limit = limit_at(setup, attempt.options.settings(), minimum)
    return limit is not None and rate > limit > 0


def _stays_from(attempt: Attempt, done: Walked) -> int | None:
    """The step from which the descent stays at the goal, as far as it was walked."""
    descent, options = done.descent, attempt.options
    there = descent.stays_step
    if there is None or options.optimizer in SOLVERS:
        return there
    if has_closed_form(attempt.setup, options.settings()):
        modes = attempt.setup.modes
        if modes is not None and (options.rate or 0.0) * float(modes.eigenvalues[0]) < 2:
            return there  # Below the limit the loss of a quadratic only falls.
    is_long = descent.stopped != "diverged" and stays_until(there) <= descent.final_step
    return there if is_long else None


def _run(attempt: Attempt, goal: float | None, time_limit: float | None) -> Walked:
    settings, setup = attempt.options.settings(), attempt.setup
    settings = replace(settings, time_limit=at_most(GUARD, time_limit))
    if settings.optimizer in SOLVERS:
        return solve_by(setup.objective, settings, setup.start, goal=goal)

    def walk(steps: int) -> Walked:
        longer = replace(settings, steps=steps)
        return descend(setup.moving, longer, setup.start, goal=goal, scale=setup.scale)

    done = walk(stays_until(settings.steps))
    there = done.descent.goal_step
    if there is not None and done.descent.final_step < stays_until(there):
        done = walk(stays_until(there))
    return done


def _rate(
    setup: Setup, typed: Options, measurements: Measurements, *, fresh: bool
) -> tuple[Options, int | None] | None:
    """The options with learning rate (and momentum) filled in, and the predicted steps."""
    goal = measurements.goal
    settings = replace(typed.settings(), lr=None)
    if goal is not None and has_closed_form(setup, settings):
        best = best_in_closed_form(setup, goal.loss)
        if best is None or best[1] > MOST_STEPS:
            return None
        return at_rate(typed, best[0]), best[1]
    rates = measurements.rates
    method = optimizer_of(typed.optimizer)
    if not fresh:
        if rates is None or rates.best is None:
            return None
        # What is promised is to the goal; others may have been compared by where it ended.
        same = goal is not None and rates.goal.to == goal.to
        return at_rate(typed, rates.best.lr), rates.best.steps if same else None
    if method.is_linear and method.has_momentum and goal is not None:
        tuned = _tuned_momentum(setup, typed, measurements, goal.loss)
        if tuned is not None:
            return tuned
    limit = stability_limit(
        settings.optimizer,
        settings.momentum,
        spectrum_at(setup, settings, None, setup.start, "start"),
    )
    seconds = at_most(GUARD, measurements.settings.time_limit)
    found = good_rate(setup, settings, goal, limit, effort=CHOOSE_EFFORT, seconds=seconds)
    return None if found is None else (at_rate(typed, found.lr), found.steps)


def at_rate(typed: Options, lr: float) -> Options:
    """The options with this learning rate; where each weight has its own, the largest is this."""
    if not typed.rates:
        return typed.changed(lr=lr)
    share = lr / max(typed.rates.values())
    return typed.changed(
        lr={name: rounded_rate(rate * share) for name, rate in typed.rates.items()}
    )


def _tuned_momentum(
    setup: Setup, typed: Options, measurements: Measurements, goal: float
) -> tuple[Options, int | None] | None:
    """Momentum and learning rate from the condition number at the minimum, run to be sure.

    With q the root of the condition number: heavy ball β = ((q-1)/(q+1))², η = (2/(√λ₁+√λₚ))²
    (Polyak 1964); Nesterov β = (q-1)/(q+1), η = 1/λ₁. Far from the minimum that can be too bold,
    so shorter steps are tried as well.
    """
    minimum = measurements.minimum
    if minimum is None:
        return None
    at: Vector = setup.objective.vector(minimum.weights)
    if setup.scaling is not None:
        at = setup.scaling.to_scaled(at)
    found = spectrum_at(setup, typed.settings(), None, at, "minimum")
    if found is None or not found.measured or not found.complete:
        return None
    top, low = found.largest, max(found.smallest, found.largest * 1e-14)
    if top <= 0:
        return None
    q = math.sqrt(top / low)
    if not optimizer_of(typed.optimizer).looks_ahead:
        beta, lr = ((q - 1) / (q + 1)) ** 2, (2.0 / (math.sqrt(top) + math.sqrt(low))) ** 2
    else:
        beta, lr = (q - 1) / (q + 1), 1.0 / top
    beta = min(max(float(f"{beta:.4g}"), 0.0), 0.9999)
    if beta < _LEAST_MOMENTUM:
        return None  # that would be plain descent
    best: tuple[Options, int | None] | None = None
    fewest = min(TRIED_STEPS, affordable(setup, CHOOSE_EFFORT, typed.batch_size))
    for share in (1.0, 0.25, 0.06, 0.015):
        tried = at_rate(typed.changed(momentum=beta), rounded_rate(lr * share))
        trial = run_one(setup, tried.settings(), float(tried.rate or 0), goal, fewest, GUARD)
        if trial.steps is not None and (best is None or trial.steps < fewest):
            best, fewest = (tried, trial.steps), trial.steps
    return best


def _sentence(
    attempt: Attempt,
    setup: Setup,
    reached: int | None,
    end: int,
    loss: float,
    measurements: Measurements,
) -> str:
    proposal, options = attempt.proposal, attempt.options
    # Without an intercept, columns can be divided only.
    columns = attempt.setup.problem.standardized.values()
    mean = "mean 0 and " if any(subtracted for subtracted, _ in columns) else ""
    goal = measurements.goal
    rate = _rate_in_words(options)
    beta = "" if options.momentum is None else f" and momentum {number(options.momentum)}"
    scaled = " on standardized inputs" if options.standardize else ""
    scaled = " on rescaled weights" if options.rescale else scaled
    method = optimizer_of(options.optimizer)
    title = f"{method.title[:1].upper()}{method.title[1:]}"
    how = f"{title}{scaled} with {rate}{beta}:"
    if options.optimizer in SOLVERS:
        how = f"{title}, {method.source}:"
    what = {
        BETTER_RATE: f"With {rate}",
        OWN_RATES: f"With {rate}, in inverse proportion to its own curvature,",
        "standardize": f"With every input column scaled to {mean}deviation 1, and the "
        f"{rate.removeprefix('the ')},",
        "rescale": f"With every weight counted in a unit of its own, and {rate},",
        "another start": f"From another start, by {title}:",
    }.get(proposal.change, how)
    if reached is not None and goal is not None:
        left = _left(attempt, setup, measurements)
        if not reached:
            return f"{what} the descent begins {goal.to}.{left}"
        steps = "1 step" if reached == 1 else f"{reached:,} steps"
        return f"{what} the descent is {goal.to} after {steps}.{left}"
    return f"{what} the loss is {number(loss)} after {end:,} steps."


def _rate_in_words(options: Options) -> str:
    """The learning rate, or the learning rate of each weight."""
    if options.rates:
        each = [f"{number(rate, 3)} for {name}" for name, rate in options.rates.items()]
        return f"a learning rate for each weight ({listed(each, 6)})"
    return "" if options.rate is None else f"the learning rate {number(options.rate)}"


def _left(attempt: Attempt, setup: Setup, measurements: Measurements) -> str:
    """What a cure of an uneven curvature leaves of it: both are measured at the minimum."""
    if not attempt.proposal.scales or measurements.minimum is None:
        return ""
    before = _around_minimum(setup, measurements)
    after = _around_minimum(attempt.setup, measurements)
    if before is None or after is None:
        return ""
    (was, _), (left, because) = (
        ((curved := conditioning(m)) and curved[0] / curved[1], causes(m)) for m in (before, after)
    )
    if not was or not left or was < _FALLS * left:
        return ""
    # What learning rates in proportion to each weight's own curvature cannot take away.
    own = (
        not attempt.options.standardize
        and because is not None
        and because.by_scale < FEW <= because.by_correlation
    )
    rest = ", which is correlation's" if own else ""
    return (
        f" At the minimum the condition number falls from {number(was, 3)} to {number(left, 3)}"
        f"{rest}."
    )


def _around_minimum(setup: Setup, measurements: Measurements) -> Measurements | None:
    """The same with the curvature of this problem at the minimum."""
    minimum = measurements.minimum
    if minimum is None:
        return None
    at = setup.objective.vector(minimum.weights)
    if setup.scaling is not None:
        at = setup.scaling.to_scaled(at)
    plain = replace(measurements.settings, optimizer=GD.name)
    found = spectrum_at(setup, plain, None, at, "minimum")
    return None if found is None else replace(measurements, spectrum=found, minimum_spectrum=None)
