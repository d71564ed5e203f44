"""One pass over all rows: what they sum up to, and some of them, drawn evenly."""

from __future__ import annotations

import io
from dataclasses import dataclass, fields, replace
from functools import reduce
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from steepest.objective.moments import Moments, merged, moments_of, no_moments
from steepest.objective.passes.rows import Part, mixed
from steepest.records.arrays import Matrix, Steps, Vector

DRAWN: Final = 100_000
"""Rows that are drawn where there are more."""

Bits = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Survey:
    """Of k columns in use and the target, over the rows of one part or of all.

    `missing`, `non_finite` and `checksum` are (k,); `mean`, `squares` (summed squared deviations),
    `low` and `high` are (k + 1,), the target last, unweighted. The checksum of a column depends on
    every value and its row, and not on how the rows were divided into parts. Drawn rows are those
    with the smallest `keys`, which depend on the row's number alone: `numbers` (m,) and `drawn`
    (m, k). `weight`, `centre`, `centre_low` and `triangle` are the moments of the design and the
    target of a model that is linear in its weights; else the design has no columns.
    """

    rows_read: int
    rows: int
    left_out: int
    excluded: int
    missing: Steps
    non_finite: Steps
    checksum: Bits
    mean: Vector
    squares: Vector
    low: Vector
    high: Vector
    keys: Bits
    numbers: Steps
    drawn: Matrix
    weight: float
    centre: Vector
    centre_low: Vector
    triangle: Matrix

    @property
    def moments(self) -> Moments:
        """Those of the design and the target."""
        return Moments(self.weight, self.centre, self.centre_low, self.triangle)


def survey_of(part: Part, design: Matrix, offset: Vector) -> Survey:
    """Of one part. `design` (n, p) and `offset` (n,): prediction = design @ weights + offset."""
    selection = part.selection
    columns = [np.ascontiguousarray(column) for column in selection.columns.values()]
    # Column by column, and each in one piece: sums along rows would take three times as long.
    table = np.empty((part.rows, design.shape[1] + 1), order="F")
    table[:, :-1] = design
    np.subtract(part.target, offset, out=table[:, -1])
    found = moments_of(table, part.row_weight)
    numbers = selection.row_numbers.astype(np.uint64)
    keys = _keys(numbers)
    chosen = _smallest(keys)
    odd = numbers * np.uint64(2) + np.uint64(1)
    spread = np.array([_spread(column) for column in (*columns, part.target)])
    return Survey(
        rows_read=part.read,
        rows=part.rows,
        left_out=selection.left_out,
        excluded=selection.excluded_by_where,
        missing=np.array([*selection.missing.values()], dtype=np.int64),
        non_finite=np.array([*selection.non_finite.values()], dtype=np.int64),
        # Sums and products modulo 2**64, whose order does not matter.
        checksum=np.array([np.sum(mixed(c.view(np.uint64)) * odd) for c in columns], np.uint64),
        mean=spread[:, 0],
        squares=spread[:, 1],
        low=spread[:, 2],
        high=spread[:, 3],
        keys=keys[chosen],
        numbers=selection.row_numbers[chosen],
        drawn=np.column_stack([column[chosen] for column in columns]),
        weight=found.weight,
        centre=found.mean,
        centre_low=found.low,
        triangle=found.triangle,
    )


def _spread(values: Vector) -> tuple[float, float, float, float]:
    """Mean, summed squared deviations, lowest and highest of values (n,)."""
    if not len(values):
        return 0.0, 0.0, np.inf, -np.inf
    mean = float(np.mean(values))
    deviation = values - mean
    # Not a dot product: threads that wait for each other would take longer than the sum.
    return mean, float(np.sum(deviation * deviation)), float(np.min(values)), float(np.max(values))


def no_survey(columns: int, weights: int) -> Survey:
    """Of no rows."""
    nothing = no_moments(weights + 1)
    none = np.zeros(columns, dtype=np.int64)
    return Survey(
        rows_read=0,
        rows=0,
        left_out=0,
        excluded=0,
        missing=none,
        non_finite=none,
        checksum=none.astype(np.uint64),
        mean=np.zeros(columns + 1),
        squares=np.zeros(columns + 1),
        low=np.full(columns + 1, np.inf),
        high=np.full(columns + 1, -np.inf),
        keys=np.zeros(0, dtype=np.uint64),
        numbers=np.zeros(0, dtype=np.int64),
        drawn=np.zeros((0, columns)),
        weight=nothing.weight,
        centre=nothing.mean,
        centre_low=nothing.low,
        triangle=nothing.triangle,
    )


def both(one: Survey, other: Survey) -> Survey:
    """Of the rows of both."""
    rows = one.rows + other.rows
    share = other.rows / rows if rows else 0.0
    apart = other.mean - one.mean if one.rows else other.mean
    # Of many rows hardly any is drawn once there are enough.
    worst = np.max(one.keys) if len(one.keys) == DRAWN else np.uint64(2**64 - 1)
    near = np.flatnonzero(other.keys <= worst)
    keys = np.concatenate([one.keys, other.keys[near]])
    chosen = _smallest(keys)
    sums = merged(one.moments, other.moments)
    return Survey(
        rows_read=one.rows_read + other.rows_read,
        rows=rows,
        left_out=one.left_out + other.left_out,
        excluded=one.excluded + other.excluded,
        missing=one.missing + other.missing,
        non_finite=one.non_finite + other.non_finite,
        checksum=one.checksum + other.checksum,
        mean=one.mean + share * apart,
        squares=one.squares + other.squares + one.rows * share * apart**2,
        low=np.minimum(one.low, other.low),
        high=np.maximum(one.high, other.high),
        keys=keys[chosen],
        numbers=np.concatenate([one.numbers, other.numbers[near]])[chosen],
        drawn=np.concatenate([one.drawn, other.drawn[near]])[chosen],
        weight=sums.weight,
        centre=sums.mean,
        centre_low=sums.low,
        triangle=sums.triangle,
    )


def all_of(surveys: list[Survey]) -> Survey:
    """Of the rows of all, with the drawn rows in the order of the data."""
    found = reduce(both, surveys)
    order = np.argsort(found.numbers)
    return replace(
        found, keys=found.keys[order], numbers=found.numbers[order], drawn=found.drawn[order]
    )


def to_bytes(survey: Survey) -> bytes:
    """A survey on its way to another process."""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {field.name: getattr(survey, field.name) for field in fields(Survey)}
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def from_bytes(content: bytes) -> Survey:
    """A survey that came from another process."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    return Survey(**{name: v if v.ndim else v.item() for name, v in found.items()})


def _smallest(keys: Bits) -> Steps:
    """Places of the DRAWN smallest keys, in no order."""
    if len(keys) <= DRAWN:
        return np.arange(len(keys))
    return np.argpartition(keys, DRAWN)[:DRAWN]


def drawn_of(numbers: Steps) -> Steps:
    """Places of DRAWN of the rows with these numbers (n,), evenly drawn, in no order."""
    return _smallest(_keys(numbers.astype(np.uint64)))


def _keys(numbers: Bits) -> Bits:
    return mixed(numbers + np.uint64(0x9E3779B97F4A7C15))
