"""Runs that a store keeps: listed, opened again, walked again exactly, and gone on with."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from steepest.data.table.columns import Table
from steepest.data.table.selection import was_passed
from steepest.data.table.source import read_table
from steepest.descent import Descended, Solved, Walked
from steepest.descent.run import Checkpoint, Checkpoints, machine_for
from steepest.descent.standing import Standing, recorder_from, state_from
from steepest.methods.optimizers import SOLVERS
from steepest.objective.objective import Objective
from steepest.objective.passes.team import ALONE, Team
from steepest.problem.options import Options, read_call
from steepest.problem.prepare import prepare_minimize
from steepest.problem.setup import Setup
from steepest.problem.streamed import Reading, announce, fingerprint_of_passed, prepare
from steepest.records.problem import Settings
from steepest.records.run import RunRecord
from steepest.records.summary import RunSummary
from steepest.run.data import changed_data, compare_data, data_changed, data_of
from steepest.run.saving import COMPUTED_WITH, Saver, versions
from steepest.run.walk import Walk
from steepest.store.kept import Snapshot
from steepest.store.store import Store
from steepest.words.errors import StoreError, StoreWarning, UsageError
from steepest.words.wording import count, escaped

_MAY_CHANGE: Final = ("steps", "time_limit", "remedies", "at", "memory")
"""Options of a run that may change when it is gone on with: the path stays the same."""


def _prepared(
    store: Store,
    run: str,
    command: str,
    formula: str,
    options: Options,
    team: Team = ALONE,
    reading: Reading | None = None,
) -> tuple[Setup, Table | None]:
    if command == "minimize":
        return prepare_minimize(formula, options), None
    kept = store.data(run)
    if kept is None:
        raise StoreError(f"The data of the run {run} was not kept: it ended before that.")
    passed = was_passed(kept.fingerprint)
    if team.size > 1 and not passed:
        raise UsageError(
            f"The run {run} had its rows in memory.",
            given=f"{team.size} processes",
            instead="Go on with it in one process, or begin a new run.",
        )
    table = read_table(kept.path) if passed and kept.path else data_of(store, run)
    assert table is not None
    if team.size > 1:
        announce(team, kept.path or "", formula, options)
    # As it was then, whatever room there is now: along the same path.
    setup = prepare(table, formula, options, team, reading, passing=passed)
    if passed and kept.fingerprint != fingerprint_of_passed(setup):
        raise data_changed(run, table.source)
    return setup, table


def walk_of(store: Store, run: str, record: RunRecord, options: Options) -> Walk:
    """The problem of a run and its path. Raises SteepestError."""
    _mind_versions(store, run)
    setup, table = _prepared(store, run, record.command, record.problem.formula, options)
    trace = store.trace(run)
    descended: Walked
    if record.settings.optimizer in SOLVERS:
        descended = Solved(record.descent, trace)
    else:
        kept = _checkpoints(store, run, record.settings, setup.moving)
        if not kept:
            raise StoreError(f"The run {run} has no states from which it could be walked again.")
        descended = Descended(
            record.descent,
            trace,
            machine_for(setup.moving, record.settings, setup.held_out),
            Checkpoints(kept),
            kept[-1].state,
        )
    return Walk(setup, descended, table)


def _checkpoints(
    store: Store, run: str, settings: Settings, objective: Objective
) -> list[Checkpoint]:
    weights = len(objective.names)
    try:
        return [
            Checkpoint(step, state_from(arrays, settings.optimizer, weights))
            for step, arrays in store.states(run).items()
        ]
    except ValueError as error:
        raise _other_states(run) from error


def _other_states(run: str) -> StoreError:
    return StoreError(
        f"The states of the run {run} are not those of its problem.",
        instead="Versions of what it was computed with may differ: begin a new run.",
    )


def _mind_versions(store: Store, run: str) -> None:
    then, now = store.versions(run), versions()
    other = [name for name in COMPUTED_WITH if then.get(name, now[name]) != now[name]]
    if other:
        name = other[0]
        warnings.warn(
            f"The run {run} was computed with {name} {then[name]}, and here is {now[name]}: "
            "steps walked again may differ in their last digits.",
            StoreWarning,
            stacklevel=4,
        )


@dataclass(frozen=True)
class Going:
    """A run from a store, ready to go on."""

    setup: Setup
    options: Options
    data: str | None
    table: Table | None
    saver: Saver
    standing: Standing | None
    """None where it begins again, along the same path."""
    checkpoints: Checkpoints | None
    lr: float | None
    """The learning rate that it had; None where it is still to be chosen."""
    lr_chosen: str


def check_command(summary: RunSummary, command: str) -> None:
    """Raise UsageError where this command cannot go on with the run."""
    if summary.command == "watch":
        raise UsageError(
            f"The run {summary.id} is a training that was watched.",
            instead="The loop that trained it is yours: only it can go on.",
        )
    if summary.command == "judge":
        raise UsageError(f"The run {summary.id} is a log that was judged: nothing goes on with it.")
    if summary.command != command:
        raise UsageError(
            f"The run {summary.id} is one of steepest {summary.command}.",
            instead=f"steepest {summary.command} --resume {summary.id} goes on with it.",
        )


def go_on(
    store: Store,
    run: str,
    command: str,
    data: Any,
    formula: str | None,
    changes: Mapping[str, Any],
    team: Team = ALONE,
    reading: Reading | None = None,
) -> Going:
    """Take over a run that was killed, interrupted or limited by its steps or its time.

    `data` and `formula` may be None; where they are given they must be those of the run.
    """
    summary = store.summary(run)
    run = summary.id
    check_command(summary, command)
    if formula is not None and formula != summary.formula:
        raise UsageError(
            f"The run {run} has another formula.",
            given=escaped(formula, 80),
            instead="Leave the formula out, or begin a new run.",
        )
    call = store.options(run)
    before = read_call(call)
    options = _changed(run, before, changes)
    if summary.status in ("finished", "interrupted"):
        _check_unfinished(summary, options)
    known = store.data(run)
    if data is not None and known is not None and not was_passed(known.fingerprint):
        compare_data(known, read_table(data), run)
    elif note := changed_data(store, run):
        warnings.warn(note, StoreWarning, stacklevel=4)
    stood = _as_it_stood(store, summary, options, team, reading)
    recording = store.go_on(run, options.steps, {"data": stood.data, **options.given()})
    steps = [] if stood.checkpoints is None else [p.step for p in stood.checkpoints.kept[1:]]
    return replace(stood, saver=Saver(recording, steps))


def as_it_stood(store: Store, run: str) -> Going:
    """A run that is not being written, where it was last kept. Raises SteepestError.

    StoreError for one that still is, and for one that nothing was kept of but that it was begun.
    """
    summary = store.summary(run)
    snapshot = store.snapshot(run)
    if summary.status == "running" or snapshot is None or not snapshot.step:
        store.record(run)
    return _as_it_stood(store, summary, read_call(store.options(run)))


def _as_it_stood(
    store: Store,
    summary: RunSummary,
    options: Options,
    team: Team = ALONE,
    reading: Reading | None = None,
) -> Going:
    run, call = summary.id, store.options(summary.id)
    setup, table = _prepared(store, run, summary.command, summary.formula, options, team, reading)
    _mind_versions(store, run)
    snapshot = store.snapshot(run)
    standing, checkpoints = None, None
    lr, chosen = summary.lr, "given" if options.rate is not None else "auto"
    if snapshot is not None:
        settings = options.settings()
        if settings.steps < snapshot.step:
            raise UsageError(
                f"The run {run} has already done {count(snapshot.step, 'step')}.",
                given=f"--steps {settings.steps:,}",
                instead="Give more, or leave --steps out.",
            )
        standing = _standing(store, run, snapshot, settings, setup.moving)
        kept = _checkpoints(store, run, settings, setup.moving)
        lr, chosen = snapshot.facts["lr"], snapshot.facts["lr_chosen"]
        first = _first(replace(settings, lr=lr), setup)
        checkpoints = Checkpoints([first, *(c for c in kept if 0 < c.step < snapshot.step)])
    source = call.get("data")
    return Going(
        setup=setup,
        options=options,
        data=None if source is None else str(source),
        table=table,
        saver=Saver(None),
        standing=standing,
        checkpoints=checkpoints,
        lr=lr if lr is None or np.isfinite(lr) else None,
        lr_chosen=chosen,
    )


def _first(settings: Settings, setup: Setup) -> Checkpoint:
    machine = machine_for(setup.moving, settings, setup.held_out)
    return Checkpoint(0, machine.begun(setup.start))


def _standing(
    store: Store, run: str, snapshot: Snapshot, settings: Settings, objective: Objective
) -> Standing:
    try:
        state = state_from(snapshot.state, settings.optimizer, len(objective.names))
    except ValueError as error:
        raise _other_states(run) from error
    trace = store.trace(run, last=snapshot.step - 1)
    recorder = recorder_from(trace, snapshot.facts, snapshot.arrays)
    return Standing(state, recorder, float(snapshot.facts["seconds"]))


def _changed(run: str, options: Options, changes: Mapping[str, Any]) -> Options:
    changed = {}
    for name, value in changes.items():
        if value is None or value == getattr(options, name):
            continue
        if name not in _MAY_CHANGE:
            raise UsageError(
                f"--{name.replace('_', '-')} cannot change in a run that goes on.",
                given=escaped(str(value)),
                instead=f"Leave it out, or begin a new run. The run {run} keeps what it had.",
            )
        changed[name] = value
    return options.changed(**changed)


def _check_unfinished(summary: RunSummary, options: Options) -> None:
    run, done = summary.id, summary.steps or 0
    if summary.stopped in ("converged", "diverged", "patience"):
        raise UsageError(
            f"The run {run} ended by itself ({summary.stopped}), and would end there again.",
            instead="Begin a new run with other options.",
        )
    if done >= options.steps:
        raise UsageError(
            f"The run {run} has done its {done:,} steps.",
            given=f"--steps {options.steps}",
            instead=f"Ask for more, for example --steps {max(2 * done, 1)}.",
        )
