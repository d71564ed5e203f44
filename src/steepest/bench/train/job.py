"""The whole job: read, choose a learning rate, train, measure, judge, keep."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from typing import Any, Final

import numpy as np

from steepest.bench.place import Place, store_at
from steepest.bench.saving import versions
from steepest.bench.train.course import Course, Plan, Progress
from steepest.bench.train.measure import arrays, explained, input_facts, judged, plane
from steepest.bench.train.options import STEPS, TrainOptions, read_train_options
from steepest.bench.train.rates import choose_rate, compare_rates, window
from steepest.bench.train.remedies import rate_remedy, standardize_remedy
from steepest.bench.train.rows import Split, check_ends, read_rows
from steepest.bench.train.run import NetworkRun
from steepest.checks.training import judge_training
from steepest.descent.optimizers import momentum_of
from steepest.errors import InputError, StoreError, StoreWarning, UsageError
from steepest.networks import parse_network
from steepest.records import Remedy
from steepest.store import Opening, Recording
from steepest.training import (
    Group,
    Learned,
    Tensor,
    TrainingRecord,
    Trial,
)

KEEP_SECONDS: Final = 5.0
"""Between two times that a training is kept while it goes on."""

WRITING_SHARE: Final = 0.05
"""Of the time that writing may take."""

AGAIN: Final = 3
"""Times that a chosen learning rate is divided by three because the loss was lost with it."""

MAY_CHANGE: Final = ("steps", "epochs", "time_limit", "remedies", "patience")
"""Options that may change when a training is gone on with."""


def train(
    data: Any = None,
    network: Any = None,
    *,
    save: bool | None = None,
    store: Place = None,
    name: str | None = None,
    resume: str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> NetworkRun:
    """Train a network on rows in mini-batches; measure, judge and explain it.

    `data` is a path to a table, a folder of IDX files or of pictures in folders by class, a data
    frame or a mapping of arrays. `network` is text such as "64-32-relu-10" or a list. `options`
    are those of the command line with underscores; `target` names the column to be found. Raises
    SteepestError.

    With `save` the run is kept in `store` (None: the default one), under `name` if one is given;
    without it, where a store is named. `resume` goes on with the run of that id, along the path
    that an unbroken run takes; `steps`, `epochs`, `time_limit`, `patience` and `remedies` may
    change.
    """
    say = progress or no_progress
    if resume is not None:
        return _resumed(resume, data, network, options, store, say)
    if data is None or network is None:
        raise UsageError(
            "train needs data and a network.",
            instead='For example "digits.csv", network="64-32-relu-10", target="digit".',
        )
    asked = read_train_options({**options, "network": network})
    split = read_rows(data, asked)
    plan = plan_of(asked, split)
    with _keeper(asked, data, plan, save, store, name) as keeper:
        return _trained(plan, asked, data, keeper, say)


def plan_of(asked: TrainOptions, split: Split) -> Plan:
    """What is to be done. Raises UsageError where the network does not fit the rows."""
    network = parse_network(asked.network)
    check_ends(network, split.learned)
    rows = len(split.learned)
    plan = Plan(
        network=network,
        loss=asked.loss,
        optimizer=asked.optimizer,
        momentum=momentum_of(asked.optimizer, asked.momentum),
        lr=asked.rate or math.nan,
        schedule=asked.schedule,
        steps=0,
        batch_rows=min(asked.batch_size, rows),
        shuffle=asked.shuffle,
        seed=asked.seed,
        patience=asked.patience,
        split=split,
    )
    limits = [
        *([] if asked.epochs is None else [plan.epoch_end(asked.epochs)]),
        *([] if asked.steps is None else [asked.steps]),
    ]
    return replace(plan, steps=min(limits, default=STEPS))


def _trained(
    plan: Plan, asked: TrainOptions, data: Any, keeper: Keeper, say: Progress
) -> NetworkRun:
    """A new training from its first step to its record."""
    began = time.perf_counter()
    why = "given"
    trials: tuple[Trial, ...] = ()
    if asked.rate is None:
        lr, why, trials = choose_rate(plan, say)
        plan = replace(plan, lr=lr)
    fingerprint = plan.split.fingerprint()
    for attempt in range(AGAIN + 1):
        course = Course.begin(plan)
        teller = _Teller(course, asked, data, why, trials, fingerprint)
        course.run(say, keeper.taking(teller), asked.time_limit)
        if asked.rate is not None or course.stopped != "diverged" or attempt == AGAIN:
            break
        plan = replace(plan, lr=float(f"{plan.lr / 3:.2g}"))
        why += ", divided by three because the loss was lost"
    return _finished(teller, keeper, began, say)


def _finished(teller: _Teller, keeper: Keeper, began: float, say: Progress) -> NetworkRun:
    """Measure, judge, try remedies, and keep it all."""
    course, asked = teller.course, teller.asked
    trials, remedies = teller.trials, tuple[Remedy, ...]()
    if asked.remedies and course.stopped != "interrupted":
        with suppress(KeyboardInterrupt):  # the training itself is whole
            trials, remedies = _helped(teller, say)
    record = teller.record(trials=trials, remedies=remedies, final=True)
    record = replace(record, seconds=time.perf_counter() - began)
    record = replace(record, verdict=judge_training(record))
    return NetworkRun(*keeper.end(record))


def _helped(teller: _Teller, say: Progress) -> tuple[tuple[Trial, ...], tuple[Remedy, ...]]:
    """Try other learning rates where one was given, and standardized inputs where they are not."""
    course, asked = teller.course, teller.asked
    # Measured against the steps that were taken, not those that were asked for.
    plan = replace(course.plan, steps=course.step)
    trials: tuple[Trial, ...] = teller.trials
    data = _path(teller.data)
    width = window(plan, max(1, course.step))
    ending = course.trace.loss[-width:]
    goal = float(ending.mean()) if len(ending) else math.nan
    remedies = []
    if course.stopped == "diverged":
        _, _, trials = choose_rate(course.plan, say)
        remedies.append(rate_remedy(plan, asked, trials, None, data))
    elif math.isfinite(goal):
        if asked.rate is not None:
            trials = compare_rates(plan, goal, say)
            remedies.append(rate_remedy(plan, asked, trials, goal, data))
        record = teller.record(trials=trials)
        unscaled = any(f.code == "SD304" for f in judge_training(record).findings)
        if unscaled and not asked.standardize:
            remedies.append(standardize_remedy(plan, asked, goal, data, say))
    return trials, tuple(remedy for remedy in remedies if remedy is not None)


class _Teller:
    """Makes the record of a course, at any time."""

    def __init__(
        self,
        course: Course,
        asked: TrainOptions,
        data: Any,
        why: str,
        trials: tuple[Trial, ...],
        fingerprint: str,
    ):
        self.course, self.asked, self.data = course, asked, data
        self.why, self.trials, self.fingerprint = why, trials, fingerprint

    def record(
        self,
        trials: tuple[Trial, ...] | None = None,
        remedies: tuple[Remedy, ...] = (),
        *,
        final: bool = False,
    ) -> TrainingRecord:
        """Everything known; where it is `final`, measured on the rows too."""
        course, plan = self.course, self.course.plan
        recorder, network = course.recorder, plan.network
        momentum = plan.momentum
        return TrainingRecord(
            version=version("steepest"),
            model=network.text,
            tensors=tuple(
                Tensor(tensor, f"layer {tensor[1:]}", "Linear", shape, group=0)
                for tensor, shape in zip(network.names, network.shapes, strict=True)
            ),
            groups=(Group(plan.optimizer, plan.optimizer, momentum),),
            trace=course.trace,
            facts=recorder.facts(),
            steps=course.step,
            every=1,
            losses=recorder.losses(),
            inputs=input_facts(plan.split, course),
            noise=recorder.noise,
            activations=tuple(course.activations),
            probes=tuple(course.probes),
            validations=tuple(course.validations),
            ended="closed" if final else "still running",
            seconds=course.seconds,
            cost=course.probing,
            versions=versions(),
            learned=self._learned(self.trials if trials is None else trials, final),
            remedies=remedies,
            standstill=course.standstill(self.fingerprint),
        )

    def _learned(self, trials: tuple[Trial, ...], final: bool) -> Learned:
        course, plan = self.course, self.course.plan
        split, rows = plan.split, plan.split.learned
        best = course.best_epoch
        found = judged(course, split) if final else None
        data = _path(self.data)
        return Learned(
            network=plan.network.text,
            loss=plan.loss,
            optimizer=plan.optimizer,
            momentum=plan.momentum,
            lr=plan.lr,
            lr_chosen=self.why,
            schedule=plan.schedule,
            batch_rows=plan.batch_rows,
            seed=plan.seed,
            source=rows.source,
            target=rows.target,
            inputs=rows.names,
            rows=len(rows),
            held_out=0 if split.held is None else len(split.held),
            left_out=rows.left_out,
            classes=rows.classes,
            picture=rows.picture,
            channels=rows.channels,
            kind=rows.kind,
            stopped=course.stopped,
            stopped_why=course.stopped_why,
            epochs=tuple(course.epochs),
            weights=arrays(course.weights),
            shift=split.shift,
            scale=split.scale,
            best=None if best is None else best.number,
            metrics={} if found is None else found.metrics,
            confusion=None if found is None else found.confusion,
            wrong=None if found is None else found.wrong,
            wrong_inputs=None if found is None else found.wrong_inputs,
            trials=trials,
            explained=explained(course, split) if final else None,
            plane=plane(course, split) if final else None,
            call={**({} if data is None else {"data": data}), **self.asked.given()},
        )


class Keeper:
    """Keeps a training in a store while it goes on; trouble with the store never stops it."""

    def __init__(self, recording: Recording | None, unsaved: StoreError | None = None):
        self._recording, self._unsaved = recording, unsaved
        self._writing: Future[None] | None = None
        self._next = time.monotonic() + KEEP_SECONDS

    def __enter__(self) -> Keeper:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """A training that is broken off is kept as far as it came."""
        if kind is not None and self._recording is not None:
            self._recording.close()

    def taking(self, teller: _Teller) -> Any:
        """What a course calls between its steps."""

        def take(_: Course) -> None:
            if self._recording is None or time.monotonic() < self._next:
                return
            if self._writing is not None and not self._writing.done():
                return
            began = time.monotonic()
            self._writing = self._recording.training(teller.record())
            took = time.monotonic() - began
            self._next = time.monotonic() + max(KEEP_SECONDS, took / WRITING_SHARE)

        return take

    def end(self, record: TrainingRecord) -> tuple[TrainingRecord, StoreError | None]:
        """Keep the whole record; beside it why it could not be kept."""
        if self._recording is None:
            return record, self._unsaved
        record = replace(record, run=self._recording.run)
        written = self._recording.training(record)
        self._recording.close()
        error = written.exception()
        if error is None:
            return record, None
        unsaved = error if isinstance(error, StoreError) else StoreError(str(error))
        warnings.warn(f"The run was not kept: {unsaved}", StoreWarning, stacklevel=5)
        return replace(record, run=None), unsaved


def _keeper(
    asked: TrainOptions, data: Any, plan: Plan, save: bool | None, store: Place, name: str | None
) -> Keeper:
    if save is False or (save is None and store is None):
        return Keeper(None)
    path = _path(data)
    opening = Opening(
        command="train",
        formula=plan.network.text,
        weights=plan.network.names,
        optimizer=plan.optimizer,
        step_limit=plan.steps,
        options=asked.given(),
        versions={**versions(), "numpy": np.__version__},
        name=name,
        source=plan.split.learned.source,
        path=None if path is None else os.path.abspath(path),
    )
    try:
        return Keeper(store_at(store).begin(opening))
    except StoreError as error:
        if error.is_of_the_file:
            raise
        warnings.warn(f"The run is not kept: {error}", StoreWarning, stacklevel=4)
        return Keeper(None, error)


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
    record = kept.any_record(run)
    if not isinstance(record, TrainingRecord) or record.learned is None:
        raise UsageError(
            f"The run {run} is no training of a network.",
            instead="steepest fit --resume goes on with a fit.",
        )
    learned, standstill = record.learned, record.standstill
    if standstill is None:
        raise StoreError(f"The run {run} was kept without what is needed to go on.")
    before = {name: value for name, value in learned.call.items() if name != "data"}
    if network is not None:
        changes = {**changes, "network": network}
    for name, value in changes.items():
        if value is not None and name not in MAY_CHANGE and before.get(name) != value:
            raise UsageError(
                f"{name} is that of the run, and stays as it is while it goes on.",
                instead="Leave it out, or start a new training.",
            )
    asked = read_train_options({**before, **{k: v for k, v in changes.items() if v is not None}})
    given = learned.call.get("data") if data is None else data
    if given is None:
        raise UsageError(
            f"The data of the run {run} came from no file.", instead="Give the same data again."
        )
    split = read_rows(given, asked)
    plan = replace(plan_of(asked, split), lr=learned.lr)
    if split.fingerprint() != standstill.fingerprint:
        raise InputError(f"The data of the run {run} has changed, so its path cannot go on.")
    _check_steps(plan, standstill.steps, standstill.step, asked)
    course = Course.begin(plan)
    course.go_on(standstill)
    course.epochs, course.validations = list(learned.epochs), list(record.validations)
    course.probes, course.activations = list(record.probes), list(record.activations)
    recording = kept.go_on(record.run or run, plan.steps, asked.given())
    keeper = Keeper(recording)
    teller = _Teller(
        course, asked, given, learned.lr_chosen, learned.trials, standstill.fingerprint
    )
    with keeper:
        course.run(say, keeper.taking(teller), asked.time_limit)
        return _finished(teller, keeper, began, say)


def _check_steps(plan: Plan, before: int, done: int, asked: TrainOptions) -> None:
    if plan.steps < done:
        raise UsageError(
            f"The run has taken {done:,} steps already.",
            given=f"{plan.steps:,} steps",
            instead="Give more.",
        )
    if plan.schedule != "constant" and plan.steps != before:
        raise UsageError(
            f"The schedule {plan.schedule} was laid out for {before:,} steps.",
            given=f"{plan.steps:,} steps",
            instead="Leave --steps and --epochs out.",
        )


def _path(data: Any) -> str | None:
    return os.fsdecode(data) if isinstance(data, str | os.PathLike) else None


def no_progress(phase: str, done: int, total: int | None, loss: float | None) -> None:
    """Say nothing."""
