"""The trace of a run as a table for other programs."""

from __future__ import annotations

import csv
import io

import numpy as np

from steepest.records.arrays import Steps, Vector
from steepest.records.descent import Trace


def table_of(trace: Trace) -> dict[str, Steps | Vector]:
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


def to_csv(trace: Trace) -> str:
    """The trace as CSV. Every number reads back as the same one; NaN is nan, infinity is inf."""
    columns = table_of(trace)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(map(repr, column.tolist()) for column in columns.values()), strict=True))
    return stream.getvalue()


def to_parquet(trace: Trace) -> bytes:
    """The trace as Parquet: int64 and float64 columns."""
    import polars as pl

    stream = io.BytesIO()
    columns = {name: np.ascontiguousarray(part) for name, part in table_of(trace).items()}
    pl.DataFrame(columns).write_parquet(stream)
    return stream.getvalue()
