"""Remedies for classes that can be told apart: where to stop, and softer targets."""

from __future__ import annotations

from dataclasses import replace

from steepest.checks.facts import place_of
from steepest.checks.remedies import SOFTER, STOP, Proposal
from steepest.descent.run import descend
from steepest.measure.refits import PARTS
from steepest.problem.command import offered_lines
from steepest.problem.options import Options
from steepest.problem.setup import Setup, with_rates
from steepest.records.verdict import Measurements, Remedy
from steepest.study.aim import aim_at, known_minimum
from steepest.study.apart import softened
from steepest.study.prove import attempt_of, outcome_of
from steepest.words.wording import count, together

_ROWS = f"rows held out in turn ({PARTS} parts, each once)"


def told_apart(
    setup: Setup, options: Options, data: str | None, measurements: Measurements
) -> tuple[Remedy, ...]:
    """What does better on rows held out than the descent does where it ended, best first."""
    seen = measurements.apart
    if seen is None:
        return ()
    found: list[Remedy | None] = []
    if seen.stopping_helps:
        found.append(_stop(setup, options, data, measurements, seen.step, (seen.best, seen.end)))
    if seen.softening_helps:
        found.append(_soften(setup, options, data, measurements, (seen.soft, seen.end)))
    proven = [one for one in found if one is not None]
    return tuple(sorted(proven, key=lambda one: one.held_out or (0.0, 0.0)))


def _stop(
    setup: Setup,
    options: Options,
    data: str | None,
    m: Measurements,
    step: int,
    held: tuple[float, float],
) -> Remedy:
    typed = options.changed(
        steps=step, lr=m.descent.lr if not options.rates else dict(options.rates)
    )
    moving = with_rates(setup, options.rates).moving
    done = descend(moving, typed.settings(), setup.start, scale=setup.scale)
    here, end = together(*held)
    command, in_python = offered_lines(setup.problem, data, typed)
    return Remedy(
        change=STOP,
        sentence=f"After {count(step, 'step')} {_ROWS} have a cross-entropy of {here}, and {end} "
        f"where this descent ended.",
        command=command,
        python=in_python,
        predicted_steps=None,
        measured_steps=None,
        measured_loss=done.descent.final_loss,
        reached=False,
        weights=setup.in_user_units(done.final_weights),
        settings=typed.settings(),
        options=typed.given(),
        held_out=held,
    )


def _soften(
    setup: Setup, options: Options, data: str | None, m: Measurements, held: tuple[float, float]
) -> Remedy | None:
    soft = softened(setup)
    aim = aim_at(soft, known_minimum(soft, options.seed, options.time_limit))
    if aim.minimum is None or aim.goal is None:
        return None
    measured = replace(m, goal=aim.goal, minimum=aim.minimum)
    attempt = attempt_of(Proposal(SOFTER), {"lr": "auto"}, soft, options, measured)
    found = None if attempt is None else outcome_of(attempt, soft, data, measured)
    if found is None or not found.reached:
        return None
    here, end = together(*held)
    where = place_of(soft.in_user_units(soft.objective.vector(aim.minimum.weights)))
    sentence = (
        f"With {soft.problem.target} as the target there is a minimum{where and f' at {where}'}: "
        f"{_ROWS} have a cross-entropy of {here} there, and {end} where this descent ended. "
        f"{found.sentence}"
    )
    return replace(found, sentence=sentence, held_out=held)
