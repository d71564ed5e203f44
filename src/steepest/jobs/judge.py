"""Judging a training that is over, from its log."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

import numpy as np

from steepest.checks.log import cannot_be_known
from steepest.checks.training import judge_training, not_judged
from steepest.data.logs import LogColumn, LogTable, chosen_columns, read_log, state_of
from steepest.data.logs.columns import Role, words_of
from steepest.descent.training_recorder import Recorder, Rows
from steepest.measure.along_gradient import along_gradient
from steepest.records.arrays import Steps, Vector
from steepest.records.log import AlongGradient, HiddenLoss, LogFacts
from steepest.records.training import (
    LossFacts,
    Probe,
    TrainingRecord,
    TrainingTrace,
    Validation,
    no_steps,
)
from steepest.run.place import Place
from steepest.run.training import TrainingRun, kept_whole
from steepest.store.kept import Opening
from steepest.words.errors import InputError
from steepest.words.gate import gated
from steepest.words.version import version
from steepest.words.wording import escaped

_MOST = 4000
"""Points of the trace; of more rows they are spread evenly."""

_PAUSE, _REST = 0.5, 4.0
"""Seconds between two looks at a log that grows, and times of what the last one took."""

_MOST_OTHERS, _LONGEST_NAME = 20, 120


@gated
def judge(
    log: str | os.PathLike[str],
    *,
    loss: str | None = None,
    step: str | None = None,
    lr: str | None = None,
    grad_norm: str | None = None,
    validation: str | None = None,
    name: str | None = None,
    store: Place = None,
    save: bool | None = None,
) -> TrainingRun:
    """Judge a training that is over from its log, by the checks of a training that is watched.

    Args:
        log: A CSV or TSV with a loss, JSON lines, Hugging Face's trainer_state.json, a TensorBoard
            event file, or a folder with one of them.
        loss: The loss's column; guessed from the names where it is not given, as those below.
        step: The column that counts steps or epochs.
        lr: The learning rate's column.
        grad_norm: The column of the gradient's norm, of all parameters together.
        validation: The column of the loss on held-out rows.
        name: What to call the run.
        store: Where to keep the run; None with `save` for the default store.
        save: Whether to keep it; None keeps it where `store` is given.

    Returns:
        A TrainingRun, whose `record.log` says what was read, and `record.not_measured` what
        cannot be known from this log.

    Raises InputError for a log that cannot be read, UsageError where no column is the loss.
    """
    named: Mapping[Role, str | None] = {
        "loss": loss, "step": step, "lr": lr, "grad_norm": grad_norm, "validation": validation,
    }  # fmt: skip
    return keep_judged(replace(_judged(log, named), name=name), store, save)


def judged_as_it_grows(
    log: str | os.PathLike[str], columns: Mapping[Role, str | None]
) -> Iterator[TrainingRecord]:
    """The record of a log, whenever it has grown, without an end. Nothing is kept.

    A log that is not there yet, or has fewer than two losses, is waited for. Raises UsageError
    where no column is the loss.
    """
    seen: object = None
    while True:
        began = time.monotonic()
        state = state_of(log)
        if state != seen:
            seen = state
            with suppress(InputError):
                yield _judged(log, columns, growing=True)
        # A long log is not judged all the time.
        time.sleep(max(_PAUSE, _REST * (time.monotonic() - began)))


def _judged(
    log: str | os.PathLike[str], columns: Mapping[Role, str | None], *, growing: bool = False
) -> TrainingRecord:
    began = time.monotonic()
    table = read_log(log, growing=growing)
    # A log may hold any number: where sums of them overflow, nothing follows from these.
    with np.errstate(all="ignore"):
        record = _record(table, columns)
        assert record.log is not None
        facts = replace(record.log, not_judged=not_judged(record))
        record = replace(record, log=facts, not_measured=cannot_be_known(record))
        record = replace(record, seconds=time.monotonic() - began)
        return replace(record, verdict=judge_training(record))


def keep_judged(record: TrainingRecord, store: Place, save: bool | None) -> TrainingRun:
    """The run of a judged log, kept as it was asked."""
    return kept_whole(record, _opening(record), store, save)


def _opening(record: TrainingRecord) -> Opening:
    assert record.log is not None
    return Opening(
        command="judge",
        formula=record.model,
        weights=(),
        optimizer="not known",
        step_limit=0,
        options={"columns": dict(record.log.columns)},
        versions={"steepest": record.version, "numpy": np.__version__},
        name=record.name,
        source=record.log.source,
    )


def _record(table: LogTable, named: Mapping[Role, str | None]) -> TrainingRecord:
    """What the log holds, as the record of a training. Raises InputError without a loss."""
    found = chosen_columns(table, named)
    step, counts, notes = _steps(table, found.columns.get("step"))
    column = table.columns[found.columns["loss"]]
    told = column.told
    at, values = step[told], column.values[told]
    if len(at) < 2:
        raise InputError("The log has fewer than two losses.", given=table.source)
    lr = _beside(table, found.columns.get("lr"), step, told, lasting=True)
    norm = _beside(table, found.columns.get("grad_norm"), step, told)
    lr_values, norm_values = lr.values, norm.values
    hidden = _hidden(at, values, norm)
    # A loss of exactly 0 beside a gradient that is no number is what a filter has left of it.
    values = np.where((values == 0) & norm.told & ~np.isfinite(norm_values), np.nan, values)
    along = _along(at, values, column.unit[told], lr_values, norm, counts)
    kept = np.unique(np.linspace(0, len(at) - 1, min(_MOST, len(at))).astype(int))
    read = {str(role): column for role, column in found.columns.items()}
    rest = [name for name in table.columns if name not in read.values()]
    facts = LogFacts(
        source=table.source,
        kind=table.kind,
        rows=table.rows,
        columns=read,
        guessed=tuple(found.guessed),
        others=tuple(escaped(name, _LONGEST_NAME) for name in rest[:_MOST_OTHERS]),
        others_count=len(rest),
        gradient_norm=norm_values[kept],
        counts=counts,
        hidden=hidden,
        along=along if isinstance(along, AlongGradient) else None,
        not_along=along if isinstance(along, str) else None,
        notes=(*table.notes, *notes),
    )
    first = int(at[0])
    every = int(np.median(np.diff(at))) if len(at) > 1 else 1
    return TrainingRecord(
        version=version(),
        model=f"log {escaped(os.path.basename(table.source) or table.source, _LONGEST_NAME)}",
        tensors=(),
        groups=(),
        trace=_trace(at[kept], values[kept], lr_values[kept]),
        facts=(),
        steps=int(at[-1]) + (1 if first == 0 else 0),
        every=max(1, every),
        losses=_losses(at, values, lr_values),
        losses_given=len(at),
        probes=_probes(facts, at, values),
        validations=_validations(table, found.columns.get("validation"), step),
        ended="closed",
        log=facts,
    )


def _steps(table: LogTable, name: str | None) -> tuple[Steps, str, tuple[str, ...]]:
    """(rows,) the step of each row, what a step is, and what to say of it."""
    rows = np.arange(table.rows)
    if name is None:
        return rows, "row", ()
    column = table.columns[name]
    known = column.told & np.isfinite(column.values) & (np.abs(column.values) < 2**53)
    values = np.round(column.values[known])
    counts = "epoch" if "epoch" in words_of(name) else "step"
    if not len(values) or (np.diff(values) < 0).any():
        why = f"the column {escaped(name, 40)} goes back, so rows are counted in its place"
        return rows, "row", (why,)
    # A row without a step of its own belongs to the one before.
    last = np.maximum.accumulate(np.where(known, rows, -1))
    filled = np.where(last >= 0, np.round(column.values[np.maximum(last, 0)]), values[0])
    return filled.astype(np.int64), counts, ()


def _beside(
    table: LogTable, name: str | None, step: Steps, told: np.ndarray, *, lasting: bool = False
) -> LogColumn:
    """A column at the rows that have a loss: of the same row, or of another of the same step.

    `lasting`: where none has it, the one before holds on.
    """
    at = step[told]
    nothing = np.full(len(at), np.nan)
    if name is None:
        return LogColumn(nothing, np.zeros(len(at), dtype=bool), np.zeros(len(at)))
    column = table.columns[name]
    values, known, unit = column.values[told], column.told[told], column.unit[told]
    places = np.flatnonzero(column.told)
    found = np.searchsorted(step[places], at, side="right") - 1
    source = places[np.maximum(found, 0)]
    take = ~known & (found >= 0) & (lasting | (step[source] == at))
    return LogColumn(
        np.where(take, column.values[source], values),
        known | take,
        np.where(take, column.unit[source], unit),
    )


def _along(
    at: Steps, loss: Vector, unit: Vector, lr: Vector, norm: LogColumn, counts: str
) -> AlongGradient | str | None:
    """The curvature along the gradient, or why it does not follow; None where a column lacks."""
    if not norm.told.any() or not np.isfinite(lr).any():
        return None
    if counts != "step":
        return f"a row of the log is one {counts}, and not known to be one step"
    return along_gradient(at, loss, lr, norm.values, (unit, norm.unit))


def _hidden(at: Steps, loss: Vector, norm: LogColumn) -> HiddenLoss | None:
    both = norm.told & np.isfinite(loss)
    bad = both & ~np.isfinite(norm.values)
    if not bad.any():
        return None
    first = int(np.argmax(bad))
    return HiddenLoss(
        step=int(at[first]),
        rows=int(np.count_nonzero(bad)),
        beside=int(np.count_nonzero(both)),
        loss=float(loss[first]),
        last=float(loss[np.flatnonzero(bad)[-1]]),
        lasting=bool((bad | ~both)[first:].all()),
    )


def _trace(at: Steps, loss: Vector, lr: Vector) -> TrainingTrace:
    nothing = np.full(len(at), np.nan)
    wide = np.zeros((len(at), 0))
    return replace(
        no_steps(0), step=at, loss=loss, lr=lr[:, None], weight=wide, gradient=wide, update=wide,
        turn=wide, overall_turn=nothing, own_gradient=nothing, seconds=nothing, cost=nothing,
    )  # fmt: skip


def _losses(at: Steps, loss: Vector, lr: Vector) -> LossFacts:
    """What was seen of the loss, as the recorder of a training sees it."""
    trace = _trace(at, loss, lr)
    wide = np.zeros((len(at), 0))
    recorder = Recorder(0, 1)
    given = np.ones(len(at), dtype=bool)
    recorder.add(Rows(**vars(trace), absent=wide > 0, measured=wide == 0, error=wide, given=given))
    return recorder.losses()


def _probes(facts: LogFacts, at: Steps, loss: Vector) -> tuple[Probe, ...]:
    along = facts.along
    if along is None:
        return ()
    place = int(np.searchsorted(at, along.step))
    value = float(loss[place])
    return (Probe(along.step, value, sharpness=along.largest, limit=along.limit),)


def _validations(table: LogTable, name: str | None, step: Steps) -> tuple[Validation, ...]:
    if name is None:
        return ()
    column = table.columns[name]
    return tuple(
        Validation(int(at), float(value))
        for at, value in zip(step[column.told], column.values[column.told], strict=True)
    )
