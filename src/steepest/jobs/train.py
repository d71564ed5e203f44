"""The whole job: read, choose a learning rate, train, measure, judge, keep."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, Unpack

from steepest.checks.training import judge_training
from steepest.engine.xla import plainly
from steepest.methods.option import options_of
from steepest.methods.options import TrainGiven, TrainOptions
from steepest.methods.schedules import CONSTANT
from steepest.problem.options import read_train_options
from steepest.problem.spelled import spelled_out
from steepest.problem.values import own_names
from steepest.records.training import TrainingRecord, Trial
from steepest.records.verdict import Remedy
from steepest.run import keeping
from steepest.run.keeping import Keeper, recording_for
from steepest.run.network import NetworkRun
from steepest.run.place import Place, store_at
from steepest.run.saving import versions
from steepest.run.stored import check_command
from steepest.run.teller import Teller, path_of
from steepest.store.kept import Opening
from steepest.study.train.budget import Budget
from steepest.study.train.course import Course
from steepest.study.train.measure import judged
from steepest.study.train.plan import Plan, Progress, no_progress, plan_of, with_network
from steepest.study.train.rates import FALLS, choose_rate, compare_rates, window
from steepest.study.train.remedies import (
    TRYING,
    Ended,
    learning_remedy,
    rate_remedy,
    standardize_remedy,
)
from steepest.study.train.rows import read_rows
from steepest.words.errors import InputError, StoreError, UsageError
from steepest.words.gate import gated
from steepest.words.wording import number

AGAIN: Final = 3
"""Times that a chosen learning rate is divided by three because the loss was lost with it."""

_MAY_CHANGE: Final = ("steps", "epochs", "time_limit", "remedies", "patience")
"""Options that may change when a training is gone on with."""


@spelled_out(options_of(TrainOptions), TrainGiven)
@gated
@plainly()
def train(
    data: Any = None,
    network: Any = None,
    *,
    save: bool | None = None,
    store: Place = None,
    name: str | None = None,
    resume: str | None = None,
    progress: Progress | None = None,
    **options: Unpack[TrainGiven],
) -> NetworkRun:
    """Train a network on rows in mini-batches; measure, judge and explain it.

    `data` is a path to a table, a folder of IDX files or of pictures in folders by class, a data
    frame or a mapping of arrays. `network` is text such as "64-32-relu-10" or a list; without
    one there is one hidden layer of 32 units, and a warning says so. `options`
    are those of the command line with underscores; `target` names the column to be found. Raises
    SteepestError.

    With `save` the run is kept in `store` (None: the default one), under `name` if one is given;
    without it, where a store is named. `resume` goes on with the run of that id, along the path
    that an unbroken run takes; `steps`, `epochs`, `time_limit`, `patience` and `remedies` may
    change.
    """
    say = progress or no_progress
    if resume is not None:
        changes = own_names(options_of(TrainOptions), options)
        return _resumed(resume, data, network, changes, store, say)
    if data is None:
        raise UsageError(
            "train needs data.",
            instead='For example "digits.csv", network="64-32-relu-10", target="digit".',
        )
    asked = read_train_options({**options, "network": network})
    split = read_rows(data, asked)
    asked = with_network(asked, split)
    plan = plan_of(asked, split)
    recording, unsaved = recording_for(_opening(asked, data, plan, name), save, store)
    with Keeper(recording, keeping.KEEP_SECONDS, keeping.WRITING_SHARE, unsaved=unsaved) as keeper:
        return _trained(plan, asked, data, keeper, say)


def _trained(
    plan: Plan, asked: TrainOptions, data: Any, keeper: Keeper, say: Progress
) -> NetworkRun:
    """A new training from its first step to its record."""
    began = time.perf_counter()
    why = "given"
    trials: tuple[Trial, ...] = ()
    if asked.rate is None:
        choice = choose_rate(plan, say, Budget(asked.time_limit))
        why, trials = choice.why, choice.trials
        plan = replace(plan, lr=choice.lr)
    chosen = f"{number(plan.lr)}, {why}"
    fingerprint = plan.split.fingerprint()
    budget = Budget(asked.time_limit)
    for attempt in range(AGAIN + 1):
        course = Course.begin(plan)
        teller = Teller(course, asked, data, why, trials, fingerprint)
        course.run(say, _keeping(teller, keeper), budget)
        if asked.rate is not None or course.stopped != "diverged" or attempt == AGAIN:
            break
        plan = replace(plan, lr=float(f"{plan.lr / 3:.2g}"))
        why = f"{chosen}, divided by {3 ** (attempt + 1)} because the loss was lost"
    return _finished(teller, keeper, began, say)


def _finished(teller: Teller, keeper: Keeper, began: float, say: Progress) -> NetworkRun:
    """Measure, judge, try remedies, and keep it all."""
    course, asked = teller.course, teller.asked
    trials, remedies = teller.trials, tuple[Remedy, ...]()
    # What follows takes its time, and may be broken off.
    keeper.keep_now(lambda recording: recording.training(teller.record()))
    if asked.remedies and course.stopped != "interrupted":
        with suppress(KeyboardInterrupt):  # the training itself is whole
            trials, remedies = _helped(teller, say)
    record = teller.record(trials=trials, remedies=remedies, final=True)
    record = replace(record, seconds=time.perf_counter() - began)
    record = replace(record, verdict=judge_training(record))
    unsaved = keeper.end_saying(lambda recording: recording.training(record))
    return NetworkRun(replace(record, run=None if unsaved else keeper.run), unsaved)


def _keeping(teller: Teller, keeper: Keeper) -> Callable[[Course], None]:
    """What a course calls between its steps."""

    def take(_: Course) -> None:
        if keeper.is_due:
            keeper.keep(lambda recording: recording.training(teller.record()))

    return take


def _opening(asked: TrainOptions, data: Any, plan: Plan, name: str | None) -> Opening:
    path = path_of(data)
    return Opening(
        command="train",
        formula=plan.network.text,
        weights=plan.network.names,
        optimizer=plan.optimizer,
        step_limit=plan.steps,
        options=_kept_call(asked, data),
        versions=versions(),
        name=name,
        source=plan.split.learned.source,
        path=None if path is None else os.path.abspath(path),
    )


def _kept_call(asked: TrainOptions, data: Any) -> dict[str, Any]:
    """How the training was asked for; the path as any later process finds it."""
    path = path_of(data)
    return {**({} if path is None else {"data": os.path.abspath(path)}), **asked.given()}


def _helped(teller: Teller, say: Progress) -> tuple[tuple[Trial, ...], tuple[Remedy, ...]]:
    """Try other learning rates where one was given, and standardized inputs where they are not.

    All of it together takes no longer than the training may, and what is offered was run as its
    command runs it.
    """
    budget = Budget(teller.asked.time_limit)
    course, asked = teller.course, teller.asked
    # Measured against the steps that were taken, not those that were asked for.
    diverged = course.stopped == "diverged"
    plan = course.plan if diverged else replace(course.plan, steps=course.step)
    trials: tuple[Trial, ...] = teller.trials
    # Of all rows: a single batch may well be above or below the others.
    start, end = teller.whole
    goal = end
    if not plan.in_batches:
        ending = course.trace.loss[-window(plan, max(1, course.step)) :]
        goal = float(ending.mean()) if len(ending) else math.nan
    if not course.step or not math.isfinite(start):
        return trials, ()
    # To where nothing was learned any rate gets: then the question is whether one learns.
    learned = end < FALLS * start
    ended = Ended(
        plan=plan,
        options=asked,
        data=path_of(teller.data),
        goal=goal if learned else FALLS * start,
        end=end,
        learned=learned,
        own=None if diverged else judged(course, plan.split),
        progress=say,
        budget=budget,
    )
    remedies: list[Remedy | None] = []
    if asked.rate is not None and not diverged:
        tried = compare_rates(plan, ended.goal, say, budget.first(TRYING))
        remedy, trials = rate_remedy(ended, tried)
        remedies.append(remedy)
    if not learned and not any(remedies) and not budget.is_spent:
        choice = choose_rate(course.plan, say, budget.first(TRYING))
        if all(trial.reached_at is None for trial in trials):
            trials = choice.trials
        remedies.append(learning_remedy(ended, choice, start))
    record = teller.record(trials=trials)
    unscaled = any(f.code == "SD304" for f in judge_training(record).findings)
    if unscaled and not asked.standardize and not budget.is_spent:
        remedies.append(standardize_remedy(ended))
    return trials, tuple(remedy for remedy in remedies if remedy is not None)


def _resumed(
    run: str,
    data: Any,
    network: Any,
    changes: Mapping[str, Any],
    store: Place,
    say: Progress,
) -> NetworkRun:
    """Go on with a kept training."""
    began = time.perf_counter()
    kept = store_at(store)
    summary = kept.summary(run)
    run = summary.id
    check_command(summary, "train")
    changes = changes if network is None else {**changes, "network": network}
    if not kept.has_record(run):
        asked, given = _asked_again(run, kept.options(run), data, changes)
        split = read_rows(given, asked)
        plan = plan_of(asked, split)
        recording = kept.go_on(run, plan.steps, _kept_call(asked, given))
        with Keeper(recording, keeping.KEEP_SECONDS, keeping.WRITING_SHARE) as keeper:
            return _trained(plan, asked, given, keeper, say)
    record = kept.any_record(run)
    assert isinstance(record, TrainingRecord)
    assert record.learned is not None
    learned, standstill = record.learned, record.standstill
    if standstill is None:
        raise StoreError(f"The run {run} was kept without what is needed to go on.")
    asked, given = _asked_again(run, learned.call, data, changes)
    split = read_rows(given, asked)
    plan = replace(plan_of(asked, split), lr=learned.lr)
    if split.fingerprint() != standstill.fingerprint:
        raise InputError(f"The data of the run {run} has changed, so its path cannot go on.")
    _check_steps(plan, standstill.steps, standstill.step, asked)
    course = Course.begin(plan)
    course.go_on(standstill)
    course.epochs, course.validations = list(learned.epochs), list(record.validations)
    course.probes, course.activations = list(record.probes), list(record.activations)
    recording = kept.go_on(run, plan.steps, _kept_call(asked, given))
    keeper = Keeper(recording, keeping.KEEP_SECONDS, keeping.WRITING_SHARE)
    teller = Teller(course, asked, given, learned.lr_chosen, learned.trials, standstill.fingerprint)
    with keeper:
        course.run(say, _keeping(teller, keeper), Budget(asked.time_limit, used=course.seconds))
        return _finished(teller, keeper, began, say)


def _asked_again(
    run: str, call: Mapping[str, Any], data: Any, changes: Mapping[str, Any]
) -> tuple[TrainOptions, Any]:
    """The options and the data of a kept run, with what may change. Raises UsageError."""
    before = {name: value for name, value in call.items() if name != "data"}
    for name, value in changes.items():
        if value is not None and name not in _MAY_CHANGE and before.get(name) != value:
            raise UsageError(
                f"{name} is that of the run, and stays as it is while it goes on.",
                instead="Leave it out, or start a new training.",
            )
    asked = read_train_options({**before, **{k: v for k, v in changes.items() if v is not None}})
    given = call.get("data") if data is None else data
    if given is None:
        raise UsageError(
            f"The data of the run {run} came from no file.", instead="Give the same data again."
        )
    return asked, given


def _check_steps(plan: Plan, before: int, done: int, asked: TrainOptions) -> None:
    if plan.steps < done:
        raise UsageError(
            f"The run has taken {done:,} steps already.",
            given=f"{plan.steps:,} steps",
            instead="Give more.",
        )
    if plan.schedule != CONSTANT.name and plan.steps != before:
        raise UsageError(
            f"The schedule {plan.schedule} was laid out for {before:,} steps.",
            given=f"{plan.steps:,} steps",
            instead="Leave --steps and --epochs out.",
        )
