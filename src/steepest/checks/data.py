"""The data: SD301 to SD304."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from steepest.checks.facts import ILL, arrived, conditioning
from steepest.records.choices import Severity
from steepest.records.problem import Problem
from steepest.records.verdict import ColumnFacts, Finding, Measurements, RowShare
from steepest.words.wording import count, listed, names, number, percent, times

MOST_NAMED = 3
"""So many columns are named in a sentence; the rest are counted."""

FEW = 0.05
"""A few rows: one, or this share of them."""

_MOST = 0.4
"""Most of the gradient. Near a minimum the pulls cancel, so one row can hold half and no more."""

UNFAIR = 10
"""So many times their even share the few rows must make: in twenty rows one always makes much."""

LEAST_ROWS = 10
"""With fewer rows each one must carry much."""

OFFSET = 3.0
"""A mean this many deviations from zero makes a column act like a second intercept."""

SCALES = 100.0
"""Deviations this many times apart."""

LARGE = 10.0
"""A value from which powers and products of a column grow far beyond 1."""


def left_out(m: Measurements) -> Iterator[Finding]:
    """SD301: rows with missing or non-finite values were left out."""
    problem = m.problem
    parts = [
        *_gaps(problem.missing, "has no", "have no", ""),
        *_gaps(problem.non_finite, "has no finite", "have no finite", ""),
    ]
    if not parts:
        return
    rows = _rows_left_out(problem)
    evidence: dict[str, object] = {
        "rows_left_out": rows,
        "rows_read": problem.rows_read,
        "rows": problem.rows,
        "missing": {name: int(many) for name, many in problem.missing.items() if many > 0},
        "non_finite": {name: int(many) for name, many in problem.non_finite.items() if many > 0},
    }
    if rows is None:
        start = "Rows were left out"
    elif rows == 1:
        start = f"1 of {count(problem.rows_read or 1, 'row')} was left out"
    else:
        start = f"{count(rows)} of {count(problem.rows_read or rows, 'row')} were left out"
    yield Finding("SD301", "warning", f"{start}: {listed(parts, 4)}.", evidence)


def _gaps(counts: Mapping[str, int], one: str, many: str, what: str) -> list[str]:
    entries = sorted(counts.items(), key=lambda entry: -entry[1])
    return [
        f"{count(rows)} {one if rows == 1 else many} {names([name])}{what}"
        for name, rows in entries
        if rows > 0
    ]


def _rows_left_out(problem: Problem) -> int | None:
    if problem.rows is None or problem.rows_read is None:
        return None
    rows = problem.rows_read - problem.rows - problem.excluded_by_where - problem.validation_rows
    return rows if rows > 0 else None


def _used(m: Measurements) -> list[ColumnFacts]:
    """Columns that the formula uses, the target included."""
    used = {*m.problem.columns, m.problem.target}
    return [column for column in m.columns if column.name in used or not m.problem.columns]


def _inputs(m: Measurements) -> list[ColumnFacts]:
    return [column for column in _used(m) if column.name != m.problem.target]


def says_nothing(m: Measurements) -> Iterator[Finding]:
    """SD302: a column is constant, or holds the values of another."""
    constant = [column for column in _used(m) if _is_constant(column)]
    if constant:
        shown = [f"{names([c.name])} (always {number(c.mean)})" for c in constant]
        one = len(constant) == 1
        sentence = (
            f"{'Column' if one else 'Columns'} {listed(shown, MOST_NAMED)} "
            f"{'is' if one else 'are'} constant, so no weight can be learned from "
            f"{'it' if one else 'them'} that a plain number would not give."
        )
        listing: dict[str, object] = {"columns": [column.name for column in constant]}
        yield Finding("SD302", "warning", sentence, listing)
    twins = {c.name: c.duplicate_of for c in _used(m) if c.duplicate_of is not None}
    if twins:
        pairs = [f"{names([name])} repeats {names([twin])}" for name, twin in twins.items()]
        sentence = (
            f"A column holds the same values as another: {listed(pairs, MOST_NAMED)}. "
            "The data cannot tell their weights apart."
        )
        yield Finding("SD302", "warning", sentence, {"duplicates": twins})


def _is_constant(column: ColumnFacts) -> bool:
    # The mean of equal numbers may be off by a rounding, and then so is the deviation.
    return column.deviation <= 1e-15 * abs(column.mean)


def few_rows(m: Measurements) -> Iterator[Finding]:
    """SD303: a few rows make most of the gradient."""
    rows = m.problem.rows
    if rows is None or rows < LEAST_ROWS:
        return
    ranked = sorted(
        (row for row in m.row_shares if math.isfinite(row.share)), key=lambda row: -row.share
    )
    chosen, total = _heaviest(ranked, rows)
    if not chosen:
        return
    numbers = [count(taken.row) for taken in chosen]
    who = f"Row {numbers[0]} makes" if len(chosen) == 1 else f"Rows {listed(numbers, 5)} make"
    share = f"{percent(total)} of the gradient at the start"
    sentence = f"{who} {share}, out of {count(rows)} rows (counted from 0)"
    ties = [row for row in chosen if row.leverage is not None and row.leverage > 0.5]
    if ties:
        top = max(ties, key=lambda row: row.leverage or 0.0)
        sentence += (
            f"; its inputs are so unlike the others' that the fit leans on it (leverage "
            f"{number(top.leverage or 0.0, 2)} of at most 1)"
            if len(chosen) == 1
            else f"; the fit leans hardest on row {count(top.row)} (leverage "
            f"{number(top.leverage or 0.0, 2)} of at most 1)"
        )
    evidence = {
        "rows": [row.row for row in chosen],
        "shares": [float(row.share) for row in chosen],
        "leverages": [None if row.leverage is None else float(row.leverage) for row in chosen],
        "of_rows": rows,
    }
    yield Finding("SD303", "warning", f"{sentence}.", evidence)


def _heaviest(ranked: list[RowShare], rows: int) -> tuple[list[RowShare], float]:
    """Return the fewest rows that together make most of the gradient, if they are few."""
    total = 0.0
    for many, row in enumerate(ranked[: max(1, math.floor(FEW * rows))], start=1):
        total += row.share
        if total > _MOST and total >= UNFAIR * many / rows:
            return ranked[:many], total
    return [], 0.0


def not_scaled(m: Measurements) -> Iterator[Finding]:
    """SD304: inputs far from mean 0 and deviation 1, and curvatures far apart."""
    curved = conditioning(m)
    if curved is None or m.problem.command != "fit":
        return
    condition = curved[0] / curved[1]
    if condition < ILL:
        return
    inputs = [
        column
        for column in _inputs(m)
        if column.name not in m.problem.standardized
        and math.isfinite(column.mean)
        and 0 < column.deviation < math.inf
        and not _is_constant(column)
    ]
    if not inputs:
        return
    offset = [column for column in inputs if abs(column.mean) > OFFSET * column.deviation]
    widest = max(inputs, key=lambda column: column.deviation)
    narrowest = min(inputs, key=lambda column: column.deviation)
    spread = widest.deviation / narrowest.deviation
    large = [column for column in inputs if abs(column.largest) > LARGE]
    if spread > SCALES:
        why = (
            f"the deviation of {names([widest.name])} is {times(spread)} that of "
            f"{names([narrowest.name])}"
        )
    elif offset:
        why = listed([_shape(c) for c in offset], MOST_NAMED)
    elif large and not arrived(m):
        reach = [f"{_shape(c)}, and reaches {number(c.largest, 4)}" for c in large]
        why = listed(reach, MOST_NAMED)
    else:
        return
    cure = (
        "Scaled to mean 0 and deviation 1 (--standardize), one learning rate may suit all weights."
        if m.scalable
        else "One learning rate can hardly suit all weights, and --standardize cannot scale the "
        "columns here without changing what the weights mean."
    )
    sentence = f"The inputs are not scaled: {why}. {cure}"
    evidence = {
        "condition": float(condition),
        "columns": {
            column.name: {"mean": float(column.mean), "deviation": float(column.deviation)}
            for column in inputs[:100]
        },
        "ratio_of_deviations": float(spread),
    }
    firm = spread > SCALES or bool(offset)
    severity: Severity = "warning" if firm and not arrived(m) else "info"
    yield Finding("SD304", severity, sentence, evidence)


def _shape(column: ColumnFacts) -> str:
    # As many digits as tell the mean from another one half a deviation away.
    digits = max(5, 2 + math.ceil(math.log10(max(abs(column.mean) / column.deviation, 1))))
    mean, deviation = number(column.mean, digits), number(column.deviation, 3)
    return f"{names([column.name])} has mean {mean} and deviation {deviation}"
