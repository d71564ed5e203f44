"""Columns of a table to samples: all but one are what is known, one is what is to be found."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from steepest.data.samples.classes import check_classes, class_labels, places
from steepest.data.samples.layout import picture_of
from steepest.data.samples.record import NewRows, Samples
from steepest.data.table.columns import Table
from steepest.data.table.condition import rows_where
from steepest.data.table.labels import Labels, in_order
from steepest.data.table.wording import nearest, quoted
from steepest.records.arrays import Vector
from steepest.words.errors import InputError, UsageError
from steepest.words.wording import count, opening, origin
from steepest.words.wording import names as spoken

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

_BLOCK = 256
"""Columns that are read at once: the text of all of a wide table would take much memory."""

_LARGEST = float(np.finfo(np.float32).max)


def read_columns(
    table: Table,
    target: str,
    *,
    inputs: Sequence[str] | None = None,
    numbers: bool = False,
    where: str | None = None,
) -> Samples:
    """Take the samples out of a table: its rows that have a finite value in every column used.

    `target` holds classes, as words or whole numbers; with `numbers` it holds numbers, and targets
    are (n, 1). `inputs` are the columns to learn from, by default every other one. `where` is a
    condition as in `fit`. Raises InputError and FormulaError.
    """
    if target not in table.names:
        raise InputError(
            f"{opening(table.source)} has no column {quoted(target)} to be found.",
            instead=nearest(target, table.names)
            or f"Its columns are {spoken(table.names, most=8)}.",
        )
    names = _input_names(table, target, inputs)
    chosen = _chosen(table, where)
    values = _inputs(table, names, chosen)
    of = f"Column {quoted(target)} of {origin(table.source)}"
    if numbers:
        found = _single(_numbers(table, target)[chosen], target, table, chosen)[:, None]
        complete = _complete(values) & np.isfinite(found[:, 0])
        _check_left(table, [*names, target], chosen, complete)
        classes = None
        targets: NDArray[np.int32] | Floats = found[complete]
    else:
        labels = class_labels(table.labels(target)[chosen], of)
        complete = _complete(values) & _present(labels)
        _check_left(table, [*names, target], chosen, complete, labels)
        classes = in_order(labels[complete].tolist())
        check_classes(classes, of)
        targets = places(labels[complete], classes, of)
    return Samples(
        source=table.source,
        inputs=values if complete.all() else values[complete],
        targets=targets,
        rows=chosen[complete],
        names=names,
        target=target,
        classes=classes,
        picture=picture_of(names),
        left_out=int(np.count_nonzero(~complete)),
    )


def read_like(training: Samples, table: Table, where: str | None = None) -> NewRows:
    """Take rows of the columns that a training learned from; its target may be missing.

    Rows with a missing value among the inputs are left out; one without a target is not, unless
    others have one. Raises InputError and FormulaError.
    """
    lacking = [name for name in training.names if name not in table.names]
    if lacking:
        raise InputError(
            f"{opening(table.source)} has no column {quoted(lacking[0])}, "
            "which the training learned from.",
            given=f"the columns {spoken(table.names, most=8)}",
            instead=nearest(lacking[0], table.names)
            or f"Give the columns {spoken(training.names, most=8)}.",
        )
    chosen = _chosen(table, where)
    values = _inputs(table, training.names, chosen)
    complete = _complete(values)
    targets: NDArray[np.int32] | Floats | None = None
    if training.target in table.names:
        if training.classes is None:
            found = _single(table.numbers(training.target)[chosen], training.target, table, chosen)
            known = np.isfinite(found)
        else:
            of = f"Column {quoted(training.target)} of {origin(table.source)}"
            labels = class_labels(table.labels(training.target)[chosen], of)
            known = _present(labels)
        if known.any():
            complete &= known
            if training.classes is None:
                targets = found[complete][:, None]
            else:
                targets = places(labels[complete], training.classes, of)
    _check_left(table, training.names, chosen, complete)
    return NewRows(
        source=table.source,
        inputs=values[complete],
        rows=chosen[complete],
        targets=targets,
        left_out=int(np.count_nonzero(~complete)),
    )


def _numbers(table: Table, target: str) -> Vector:
    """What is to be found, as numbers. Raises InputError that says what words would need."""
    try:
        return table.numbers(target)
    except InputError as error:
        raise InputError(
            error.problem,
            given=error.given,
            instead="Write numbers in it. Words are classes, which cross-entropy tells apart: "
            "leave --loss out.",
        ) from None


def _input_names(table: Table, target: str, inputs: Sequence[str] | None) -> tuple[str, ...]:
    if inputs is None:
        names = tuple(name for name in table.names if name != target)
        if not names:
            raise InputError(
                f"{opening(table.source)} has no column beside {quoted(target)} to learn from."
            )
        return names
    names = tuple(dict.fromkeys(inputs))
    if not names:
        raise UsageError("No column is named to learn from.", instead="Name at least one.")
    for name in names:
        if name not in table.names:
            raise InputError(
                f"{opening(table.source)} has no column {quoted(name)} to learn from.",
                instead=nearest(name, table.names),
            )
    if target in names:
        raise UsageError(
            f"Column {quoted(target)} is to be found, so nothing can be learned from it.",
            instead="Leave it out of the inputs.",
        )
    return names


def _chosen(table: Table, where: str | None) -> Rows:
    if table.rows == 0:
        raise InputError(f"{opening(table.source)} has columns but no rows.")
    if where is None:
        return np.arange(table.rows, dtype=np.int64)
    chosen = np.flatnonzero(rows_where(table, where)).astype(np.int64)
    if chosen.size == 0:
        raise InputError(
            f"No row of {origin(table.source)} fulfils the condition.",
            given=quoted(where, 80),
            instead="Change it so that it keeps rows.",
        )
    return chosen


def _inputs(table: Table, names: Sequence[str], chosen: Rows) -> Floats:
    values = np.empty((len(chosen), len(names)), dtype=np.float32)
    for start, block in _blocks(names):
        table.load(block)
        for place, name in enumerate(block, start):
            values[:, place] = _single(table.numbers(name)[chosen], name, table, chosen)
    return values


def _blocks(names: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    for start in itertools.count(0, _BLOCK):
        if start >= len(names):
            return
        yield start, names[start : start + _BLOCK]


def _single(values: NDArray[np.float64], name: str, table: Table, chosen: Rows) -> Floats:
    """Round to float32, in which networks compute."""
    too_large = np.flatnonzero(np.isfinite(values) & (np.abs(values) > _LARGEST))
    if too_large.size:
        row = int(too_large[0])
        raise InputError(
            f"Column {quoted(name)} of {origin(table.source)} holds a number beyond 3.4e38, "
            f"the largest that a network computes with, in row {int(chosen[row])}.",
            given=f"{float(values[row]):g}",
            instead="Use a larger unit.",
        )
    return values.astype(np.float32)


def _complete(values: Floats) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(values).all(axis=1), dtype=bool)


def _present(labels: Labels) -> NDArray[np.bool_]:
    return np.array([label is not None for label in labels.tolist()], dtype=bool)


def _check_left(
    table: Table,
    names: Sequence[str],
    chosen: Rows,
    complete: NDArray[np.bool_],
    labels: Labels | None = None,
) -> None:
    """Raise InputError where no row is complete, and say which column has most of the gaps."""
    if complete.any():
        return
    gaps = {
        name: int(np.count_nonzero(~np.isfinite(table.numbers(name)[chosen])))
        for name in (names if labels is None else names[:-1])
    }
    if labels is not None:
        gaps[names[-1]] = int(np.count_nonzero(~_present(labels)))
    worst = max(gaps, key=lambda name: gaps[name])
    raise InputError(
        f"No row of {origin(table.source)} has a finite value in every column: "
        f"of {count(len(chosen), 'row')}, column {quoted(worst)} lacks one in {gaps[worst]}.",
        instead="Fill the column in, or leave it out of the inputs.",
    )
