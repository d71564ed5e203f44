"""The recorded steps of a run as a table for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from steepest.records.arrays import Steps, Vector
from steepest.records.descent import Trace
from steepest.records.training import TrainingRecord

Columns = Mapping[str, np.ndarray[Any, Any]]
"""By name, (k,) each; masked where nothing was recorded."""


def table_of(trace: Trace) -> Columns:
    """Columns by name, (k,) each: step, loss and validation, then those of each weight.

    `weight.NAME` is its value, `gradient.NAME` its entry of the gradient.
    """
    columns: dict[str, Steps | Vector] = {"step": trace.step, "loss": trace.loss}
    if trace.validation is not None:
        columns["validation"] = trace.validation
    for place, name in enumerate(trace.names):
        columns[f"weight.{name}"] = trace.weights[:, place]
    for place, name in enumerate(trace.names):
        columns[f"gradient.{name}"] = trace.gradient[:, place]
    return columns


def training_table(record: TrainingRecord) -> Columns:
    """A row for each recorded step, and for those before which an epoch ended or a check was made.

    Columns: step; epoch (of a network that was trained here, counted from 1); loss, of the step's
    batch; lr, or `lr.GROUP` with several groups; validation; epoch.loss, epoch.accuracy and
    validation.accuracy; gradient_norm (of a log that has it); of each tensor the lengths
    `weight.NAME`, `gradient.NAME` and `update.NAME`, and `turn.NAME`, the cosine between its
    gradient and the one before.
    """
    trace, checks = record.trace, record.validations
    epochs = () if record.learned is None else record.learned.epochs
    ends = np.array([epoch.step for epoch in epochs], dtype=np.int64)
    looks = np.array([check.step for check in checks], dtype=np.int64)
    steps = np.unique(np.concatenate([trace.step, ends, looks]))
    columns: dict[str, np.ndarray[Any, Any]] = {"step": steps}

    def add(name: str, at: Steps, values: Any) -> None:
        known = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        column = np.ma.array(np.zeros(len(steps)), mask=True)
        column[np.searchsorted(steps, at)] = known
        columns[name] = column if column.mask.any() else column.data

    if len(ends):
        columns["epoch"] = np.searchsorted(ends, steps, side="right") + 1
    add("loss", trace.step, trace.loss)
    groups = range(trace.lr.shape[1])
    for group in groups:
        add("lr" if len(groups) == 1 else f"lr.{group}", trace.step, trace.lr[:, group])
    if len(looks):
        add("validation", looks, [check.loss for check in checks])
    for name, values in (
        ("epoch.loss", [epoch.loss for epoch in epochs]),
        ("epoch.accuracy", [epoch.accuracy for epoch in epochs]),
        ("validation.accuracy", [epoch.validation_accuracy for epoch in epochs]),
    ):
        if any(value is not None for value in values):
            add(name, ends, values)
    if record.log is not None and "grad_norm" in record.log.columns:
        add("gradient_norm", trace.step, record.log.gradient_norm)
    for kind in ("weight", "gradient", "update", "turn"):
        for place, tensor in enumerate(record.tensors):
            add(f"{kind}.{tensor.name}", trace.step, getattr(trace, kind)[:, place])
    return columns


def to_csv(columns: Columns) -> str:
    """The table as CSV. Every number reads back as the same one; NaN is nan, infinity is inf.

    A cell is empty where nothing was recorded.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    cells = (
        ["" if value is None else repr(value) for value in column.tolist()]
        for column in columns.values()
    )
    writer.writerows(zip(*cells, strict=True))
    return stream.getvalue()


def to_parquet(columns: Columns) -> bytes:
    """The table as Parquet: int64 and float64 columns, null where nothing was recorded."""
    import polars as pl

    stream = io.BytesIO()
    parts = {
        name: part.tolist() if np.ma.isMaskedArray(part) else np.ascontiguousarray(part)
        for name, part in columns.items()
    }
    pl.DataFrame(parts).write_parquet(stream)
    return stream.getvalue()
