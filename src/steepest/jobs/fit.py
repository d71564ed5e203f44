"""The whole job: prepare, choose a learning rate, descend, measure, judge, prove."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Unpack

from steepest.checks import judge
from steepest.checks.remedies import SOFTER
from steepest.data.table.columns import Table
from steepest.data.table.source import read_table
from steepest.descent import Walked, solve_by
from steepest.descent.run import Checkpoints, as_it_stands, check_settings, descend
from steepest.jobs.ending import broken_off, is_told
from steepest.measure.curvature import stability_limit
from steepest.methods.optimizers import SOLVERS, momentum_of
from steepest.methods.option import options_of
from steepest.methods.options import FitGiven, FitOptions, MinimizeGiven
from steepest.objective.passes.team import ALONE, Team
from steepest.problem.functions import as_formula, minimized
from steepest.problem.options import Options, read_options
from steepest.problem.prepare import prepare_minimize
from steepest.problem.setup import Setup
from steepest.problem.spelled import spelled_out
from steepest.problem.start import check_order, placed, weights_of
from steepest.problem.streamed import Reading, announce, prepare, refined
from steepest.problem.values import own_names
from steepest.records.choices import Command
from steepest.records.descent import Goal
from steepest.records.problem import Settings
from steepest.records.run import RunRecord
from steepest.records.verdict import Measurements, Remedy
from steepest.run.keeping import recording_for
from steepest.run.place import Place, store_at
from steepest.run.run import Run
from steepest.run.saving import Saver, kept_data, opening_of
from steepest.run.stored import Going, as_it_stood, go_on
from steepest.run.walk import Walk, explanation_at
from steepest.store.store import Store
from steepest.study.aim import Aim, aim_at, at_most, known_minimum
from steepest.study.apart import softened
from steepest.study.auto import Choice, choose_rate
from steepest.study.measure import measure
from steepest.study.prove import changed_setup, prove
from steepest.study.rates import GUARD
from steepest.study.spectra import spectrum_at
from steepest.study.told_apart import told_apart
from steepest.words.errors import LostProcessError, UsageError
from steepest.words.gate import gated
from steepest.words.version import version

Progress = Callable[[str, int, int | None, float | None], None]
"""(phase, done, total or None, loss or None)"""


@spelled_out(options_of(FitOptions), FitGiven)
@gated
def fit(
    data: Any = None,
    formula: Any = None,
    y: Any = None,
    *,
    save: bool | None = None,
    store: Place = None,
    name: str | None = None,
    resume: str | None = None,
    progress: Progress | None = None,
    **options: Unpack[FitGiven],
) -> Run:
    """Fit a formula to data by descent; explain, judge and prove it.

    `data` is a path, a data frame of any library that narwhals knows, or a mapping of arrays;
    `options` are those of the command line with underscores. Raises SteepestError.

    `fit(function, x, y)` fits a Python function as scipy's curve_fit takes it: its first argument
    is x, those behind it are weights. It is read as a formula, so that all else is the same.

    With `save` the run is kept in `store` (None: the default one), under `name` if one is given;
    without it, where a store is named. What cannot be kept is a StoreWarning and stands in
    `.unsaved`: the run itself is not lost.

    `resume` goes on with the run of that id, along the path that an unbroken run takes. Data and
    formula are those of the run and may be left out; `steps`, `time_limit`, `remedies` and `at`
    may change.
    """
    if resume is not None:
        return go_on_with("fit", resume, data, formula, options, store, progress)
    given: Mapping[str, Any] = own_names(options_of(FitOptions), options)
    if callable(data) or callable(formula) or y is not None:
        data, formula, given = as_formula(data, formula, y, given)
    return begin(data, formula, save, store, name, progress, given)


def begin(
    data: Any,
    formula: str | None,
    save: bool | None,
    store: Place,
    name: str | None,
    progress: Progress | None,
    options: Mapping[str, Any],
    team: Team = ALONE,
) -> Run:
    """A new fit, with rows that the processes of a team share."""
    if data is None or formula is None:
        raise UsageError(
            "fit needs data and a formula.", instead='For example "data.csv" and "y ~ a*x + b".'
        )
    check_order(data, formula)
    table = read_table(data)
    asked = read_options(placed(options, lambda: weights_of(formula, table, options.get("where"))))
    source = os.fsdecode(data) if isinstance(data, str | os.PathLike) else None
    if team.size > 1:
        announce(team, source or "", formula, asked)
    setup = prepare(table, formula, asked, team, reading_of(progress))
    saver = _saver(setup, asked, source, save, store, name, table)
    return _run(setup, asked, source, progress, table=table, saver=saver)


def reading_of(progress: Progress | None) -> Reading | None:
    """How passes over rows are told of."""
    if progress is None:
        return None
    return lambda done, rows: progress("reading rows", done, rows, None)


@spelled_out(options_of(FitOptions), MinimizeGiven)
@gated
def minimize(
    expression: Any = None,
    x0: Any = None,
    *,
    save: bool | None = None,
    store: Place = None,
    name: str | None = None,
    resume: str | None = None,
    progress: Progress | None = None,
    **options: Unpack[MinimizeGiven],
) -> Run:
    """Minimize an expression of its variables by descent; explain, judge and prove it.

    The expression is text or a Python function, whose arguments are the variables. `x0` is
    the start too, by scipy's name: a dict by variable, or numbers in their order.

    `save`, `store`, `name` and `resume` are as in `fit`.
    """
    given: Mapping[str, Any] = own_names(options_of(FitOptions), options)
    if x0 is not None:
        given = own_names(options_of(FitOptions), {**given, "x0": x0})
    if resume is not None:
        return go_on_with("minimize", resume, None, expression, given, store, progress)
    if expression is None:
        raise UsageError("minimize needs an expression.", instead='For example "x**2".')
    if callable(expression):
        said = minimized(expression, given.get("start"))
        expression, given = said.formula, {**given, "start": said.start}
    asked = read_options(placed(given, lambda: weights_of(expression)))
    setup = prepare_minimize(expression, asked)
    return _run(setup, asked, None, progress, saver=_saver(setup, asked, None, save, store, name))


def _saver(
    setup: Setup,
    options: Options,
    data: str | None,
    save: bool | None,
    store: Place,
    name: str | None,
    table: Table | None = None,
) -> Saver:
    """What keeps the run. Raises StoreError where the file is no store, or a damaged one."""
    opening = opening_of(setup.problem, options, data, name)
    recording, unsaved = recording_for(opening, save, store)
    if recording is not None and table is not None:
        recording.data(kept_data(table, setup))
    return Saver(recording, unsaved=unsaved)


def go_on_with(
    command: Command,
    run: str,
    data: Any,
    formula: str | None,
    given: Mapping[str, Any],
    store: Place,
    progress: Progress | None,
    team: Team = ALONE,
) -> Run:
    """A fit or a minimization from a store, gone on with."""
    given = own_names(options_of(FitOptions), given)
    read_options(given)
    reading = reading_of(progress)
    going = go_on(store_at(store), run, command, data, formula, given, team, reading)
    return _run(
        going.setup,
        going.options,
        going.data,
        progress,
        table=going.table,
        saver=going.saver,
        going=going,
    )


def so_far(store: Store, run: str) -> Run:
    """A run that ended before its verdict, measured and judged as far as it was kept.

    Raises StoreError for one that is still being written, or of which no step was kept.
    """
    going = as_it_stood(store, run)
    options = going.options.changed(remedies=False, at=None)
    record, descended = _job(
        going.setup, options, going.data, None, Saver(None), going, is_over=True
    )
    call = {"data": going.data, **going.options.given()}
    walk = Walk(going.setup, descended, going.table)
    record = replace(record, run=store.summary(run).id, call=call)
    return Run(record, going.options, lambda: walk, rerun)


def rerun(parent: Run, remedy: Remedy) -> Run:
    """A remedy as a Run of its own: the same data, the changed options, no further remedies."""
    if remedy.options is None:
        raise ValueError("this remedy does not say how it was run")
    options = read_options(remedy.options).changed(remedies=False)
    same = softened(parent._setup) if remedy.change == SOFTER else parent._setup
    setup = changed_setup(same, options)
    if setup is None:
        raise ValueError("this problem cannot be changed so")
    return _run(setup, options, None, None, saver=Saver(None))


def _run(
    setup: Setup,
    options: Options,
    data: str | None,
    progress: Progress | None,
    *,
    table: Table | None = None,
    saver: Saver,
    going: Going | None = None,
) -> Run:
    try:
        record, descended = _job(setup, options, data, progress, saver, going)
    except BaseException as error:
        saver.stop(error)
        if isinstance(error, LostProcessError) and saver.run and saver.snapshot is not None:
            raise _lost(error, saver) from None
        if isinstance(error, KeyboardInterrupt):
            done = 0 if saver.snapshot is None else saver.snapshot.step
            raise broken_off(error, setup.problem.command, saver.run, done) from None
        raise
    unsaved = saver.finish(record, descended)
    record = replace(record, run=saver.run if unsaved is None else None)
    walk = Walk(setup, descended, table)
    return Run(record, options, lambda: walk, rerun, snapshot=saver.snapshot, unsaved=unsaved)


def _job(
    setup: Setup,
    options: Options,
    data: str | None,
    progress: Progress | None,
    saver: Saver,
    going: Going | None,
    *,
    is_over: bool = False,
) -> tuple[RunRecord, Walked]:
    began = time.monotonic()
    settings = options.settings()
    check_settings(settings, setup.objective)
    _say(progress, "looking for the minimum")
    near = setup.for_trials
    near_minimum = known_minimum(near, options.seed, options.time_limit)
    aim = aim_at(setup, refined(setup, near_minimum, options.time_limit))
    # Where each evaluation is a pass, rates are compared on rows that were drawn.
    near_aim = aim if near is setup else aim_at(near, near_minimum)
    chosen = "given"
    choice: Choice | None = None
    if going is not None and going.lr is not None:
        settings = replace(settings, lr=going.lr)
        chosen = going.lr_chosen
    if settings.lr is None and settings.optimizer not in SOLVERS:
        _say(progress, "choosing a learning rate")
        choice = _auto_rate(near, settings, near_aim)
        settings = replace(settings, lr=choice.lr)
        chosen = "auto"

    if is_over and going is not None:
        descended = _as_kept(setup, settings, chosen, going)
    else:
        descended = _descend(setup, settings, chosen, aim.goal, progress, saver, going)
    if descended.descent.stopped == "interrupted":
        # Whoever broke it off may not wait for what is measured.
        saver.hold()
    _say(progress, "measuring")
    step = descended.descent.final_step if options.at is None else options.at
    if not 0 <= step <= descended.descent.steps:
        raise UsageError(
            "--at asks for a step that was not done.",
            given=f"{step}",
            instead=f"Ask for a step from 0 to {descended.descent.steps}.",
        )
    beginning = explanation_at(setup, descended, 0)
    explanation = beginning if step == 0 else explanation_at(setup, descended, step)
    measurements = measure(setup, settings, descended, aim, near_aim, choice)
    verdict = judge(measurements)
    remedies: tuple[Remedy, ...] = ()
    if options.remedies and not is_told():
        # The descent is done and judged: whoever does not wait for remedies keeps it.
        with suppress(KeyboardInterrupt):
            _say(progress, "trying remedies")
            remedies = _remedies(setup, options, data, measurements, near_aim)
    record = RunRecord(
        version=version(),
        command=setup.problem.command,
        problem=setup.problem,
        settings=settings,
        start=setup.objective.named(setup.start),
        descent=descended.descent,
        trace=descended.trace,
        beginning=beginning,
        explanation=explanation,
        measurements=measurements,
        verdict=verdict,
        remedies=remedies,
        seconds=time.monotonic() - began,
        call={"data": data, **options.given()},
        user_units=_user_units(setup, descended.final_weights),
    )
    return record, descended


def _descend(
    setup: Setup,
    settings: Settings,
    chosen: str,
    goal: Goal | None,
    progress: Progress | None,
    saver: Saver,
    going: Going | None,
) -> Walked:
    """The descent itself, kept while it goes on."""
    wanted = None if goal is None else goal.loss
    if settings.optimizer in SOLVERS:
        return solve_by(
            setup.objective, settings, setup.start, goal=wanted, held_out=setup.held_out
        )

    def between(step: int, loss: float) -> None:
        if progress is not None:
            progress("descending", step, settings.steps, loss)

    saver.descending(settings, chosen)
    return descend(
        setup.moving,
        settings,
        setup.start,
        lr_chosen=chosen,
        goal=wanted,
        scale=setup.scale,
        held_out=setup.held_out,
        progress=between,
        sink=saver if saver.run else None,
        standing=None if going is None else going.standing,
        checkpoints=None if going is None else going.checkpoints,
    )


def _as_kept(setup: Setup, settings: Settings, chosen: str, going: Going) -> Walked:
    """The descent as far as a store kept it."""
    assert going.standing is not None
    return as_it_stands(
        setup.moving,
        settings,
        going.standing,
        going.checkpoints or Checkpoints(),
        lr_chosen=chosen,
        scale=setup.scale,
        held_out=setup.held_out,
    )


def _remedies(
    setup: Setup,
    options: Options,
    data: str | None,
    measurements: Measurements,
    aim: Aim,
) -> tuple[Remedy, ...]:
    """What was tried and helped; of rows that are not at hand, on those that were drawn."""
    near = setup.near
    if near is None:
        proven = prove(setup, options, data, measurements)
        return proven or told_apart(setup, options, data, measurements)
    if near is not setup.for_trials:
        aim = aim_at(near, known_minimum(near, options.seed, options.time_limit))
    measured = replace(measurements, goal=aim.goal, minimum=aim.minimum)
    found = prove(near, options, data, measured)
    if setup.streamed is None:
        return found
    # Solvers need all rows at hand.
    return tuple(one for one in found if one.settings and one.settings.optimizer not in SOLVERS)


def _lost(error: LostProcessError, kept: Saver) -> LostProcessError:
    """The same, with how to go on."""
    done = 0 if kept.snapshot is None else kept.snapshot.step
    return LostProcessError(
        f"{error.problem} The run {kept.run} is kept up to step {done:,}.",
        given=error.given,
        instead=f"steepest fit --resume {kept.run} goes on with it, with any number of processes.",
    )


def _say(progress: Progress | None, phase: str) -> None:
    if progress is not None:
        progress(phase, 0, None, None)


def _auto_rate(setup: Setup, settings: Settings, aim: Aim) -> Choice:
    momentum = momentum_of(settings.optimizer, settings.momentum)
    at_start = spectrum_at(setup, settings, None, setup.start, "start")
    limit = stability_limit(settings.optimizer, momentum, at_start)
    seconds = at_most(GUARD, settings.time_limit)
    return choose_rate(setup, settings, aim, limit, seconds=seconds)


def _user_units(setup: Setup, final: Any) -> dict[str, tuple[float, float]] | None:
    if setup.scaling is None:
        return None
    start, value = setup.in_user_units(setup.start), setup.in_user_units(final)
    return {name: (start[name], value[name]) for name in start}
