"""A fit of rows that are not held: too many for memory, or shared among processes."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np

from steepest.data.table.columns import Table
from steepest.data.table.selection import PASSED_OVER, Selection, check_selection
from steepest.data.table.source import read_table
from steepest.formula.nodes import Formula
from steepest.formula.structure import is_linear
from steepest.methods.losses import MSE, RMSE, SQUARED
from steepest.methods.optimizers import SOLVERS
from steepest.objective.kernels import FormulaKernel
from steepest.objective.least_squares import centred, is_quadratic_kernel
from steepest.objective.moments import least_squares
from steepest.objective.objective import Objective, row_weights
from steepest.objective.passes.passing import GivenKernel, InBatches, Passing, Totals
from steepest.objective.passes.rows import Rows, RowSplit, Wanted, share_of
from steepest.objective.passes.survey import Survey
from steepest.objective.passes.team import ALONE, Team
from steepest.objective.scaling import find_scaling
from steepest.problem.options import Options
from steepest.problem.prepare import (
    check_scalable,
    columns_in_use,
    draw_start,
    gives_of,
    held,
    not_scalable,
    one_sided,
    parsed,
    prepared,
    problem_of,
)
from steepest.problem.room import SHARE, free, needed, read_size
from steepest.problem.setup import (
    Setup,
    Streamed,
    assemble,
    constant_loss,
    scaled_by,
    with_own_units,
    with_rates,
)
from steepest.records.arrays import Vector
from steepest.records.point import Minimum
from steepest.words.errors import UsageError
from steepest.words.wording import count

Reading = Callable[[int, int], None]
"""(rows read in this pass, rows in all)"""

NEWTON_STEPS = 8
CLOSE = 1e-12
"""A Newton step that would take off less of the loss than this, relative to it, ends the search."""


def prepare(
    data: Any,
    text: str,
    options: Options,
    team: Team = ALONE,
    reading: Reading | None = None,
    *,
    passing: bool | None = None,
) -> Setup:
    """Prepare a fit: in memory where it has room there, else from what passes over the rows give.

    `passing` says which, where it is not None. Raises SteepestError.
    """
    table = read_table(data)
    formula = parsed(table, text, options)
    if options.memory is not None:
        read_size(options.memory)
    if passing is None:
        passing = team.size > 1 or _is_too_large(table, formula, options)
    if not passing:
        return prepared(table, formula, options)
    return _streamed(table, formula, options, team, reading)


def announce(team: Team, path: str, formula: str, options: Options) -> None:
    """Tell the other processes what is fitted: process 0, before it prepares it as they do."""
    call = {"data": os.path.abspath(os.path.expanduser(path)), "formula": formula}
    team.from_leader(json.dumps({**call, "options": options.given()}).encode())


def room_of(options: Options) -> float:
    """Bytes that the rows may take."""
    if options.memory is not None:
        return read_size(options.memory)
    left = free()
    return math.inf if left is None else SHARE * left


def _is_too_large(table: Table, formula: Formula, options: Options) -> bool:
    if not table.has_parts:
        return False
    size = needed(
        table.rows,
        len(formula.columns),
        len(formula.weights),
        is_linear=options.loss == MSE.name and is_linear(formula.model, formula.weights),
    )
    return size > room_of(options)


def _streamed(
    table: Table, formula: Formula, options: Options, team: Team, reading: Reading | None
) -> Setup:
    _refuse(table, options, team)
    used = columns_in_use(table, formula, options)
    fixed, bounds = held(options, formula)
    names = tuple(name for name in formula.weights if name not in fixed)
    start = draw_start(options, names, bounds)
    gives = gives_of(formula, options)
    kernel = FormulaKernel(formula.model, names, options.loss, gives)
    wanted = Wanted(formula, used, options.loss, options.where, options.sigma)
    if options.validation is not None:
        split = RowSplit(options.validation, options.seed, held_out=False)
        wanted = replace(wanted, split=split)
    first, last = share_of(table.rows, team.index, team.size)
    batched = options.batch_size is not None
    keep = not batched and needed(last - first, len(used), 0) <= room_of(options) / 2
    rows = Rows(table, wanted, first, last, wanted.part_rows(len(names)), keep=keep)
    is_quadratic = is_quadratic_kernel(kernel) and not batched
    totals = _totals(rows, kernel, fixed, team, reading)
    survey = totals.survey(is_linear=is_quadratic)
    apart = None
    if wanted.split is not None:
        aside = rows.wanting(replace(wanted, split=replace(wanted.split, held_out=True)))
        apart = _totals(aside, kernel, fixed, team, reading).survey(is_linear=False)
    selection = _selection(survey, used)
    _check_rows(selection, table.source, survey, apart, options)
    problem = replace(
        problem_of(table, formula, options, selection),
        drawn=len(survey.numbers),
        processes=team.size,
        validation_rows=0 if apart is None else apart.rows,
    )
    drawn = dict(selection.columns)
    sigma = options.sigma
    near = assemble(
        replace(problem, rows=len(survey.numbers)),
        formula,
        drawn,
        survey.numbers,
        start,
        fixed=fixed,
        bounds=bounds,
        row_weight=None if sigma is None else row_weights(drawn[sigma], sigma),
        held_out_columns=None if apart is None else _selection(apart, used).columns,
        in_batches=batched,
    )
    if options.standardize:
        check_scalable(options)
        near = _standardized(near, survey, used)
        counts = totals.counts
        totals = _totals(rows.scaled(near.problem.standardized), kernel, fixed, team, reading)
        totals.counts = counts
        if is_quadratic:
            survey = replace(totals.survey(is_linear=True), drawn=survey.drawn)
    setup = replace(
        near,
        problem=replace(near.problem, rows=survey.rows),
        reference_loss=_reference(near, survey),
    )
    full: Objective
    if batched:
        full = near.objective
        setup = replace(setup, moving=_in_batches(near.objective, totals, survey.rows))
    elif is_quadratic:
        team.leave()  # No row is asked for again.
        solved = least_squares(survey.moments)
        full = centred(setup.objective, solved)
        setup = replace(setup, solved=solved, moving=full)
    else:
        full = _passing(setup.objective, totals, survey.rows)
        setup = replace(setup, moving=full)
    if options.rescale:
        near = with_own_units(near)
        setup = with_own_units(setup)
    setup = replace(setup, streamed=Streamed(survey, totals, full), near=near)
    return with_rates(setup, options.rates)


def _totals(
    rows: Rows, kernel: FormulaKernel, fixed: dict[str, float], team: Team, reading: Reading | None
) -> Totals:
    totals = Totals(rows, kernel, fixed, team)
    if reading is not None:
        totals.seen = lambda done: reading(done, rows.last - rows.first)
    return totals


def _refuse(table: Table, options: Options, team: Team) -> None:
    """Raise UsageError for what needs all rows at hand."""
    batched = options.batch_size is not None
    why = (
        f"The rows are shared among {team.size} processes"
        if team.size > 1
        else f"{count(table.rows, 'row')} have no room in memory, so they are passed over"
    )
    for option, given in (
        (f"--validation {options.validation}", options.validation is not None and not batched),
        ("--bounds", options.bounds and not batched),
        (f"--optimizer {options.optimizer}", options.optimizer in SOLVERS),
    ):
        if given:
            solves = options.optimizer in SOLVERS
            raise UsageError(
                f"{why}, and {option.split()[0]} needs them at hand"
                f"{'.' if solves else ', or --batch-size.'}",
                given=option,
                instead="Leave it out, or fit fewer rows with --where."
                if team.size > 1
                else "Leave it out, fit fewer rows with --where, or say with --memory that there "
                "is more room.",
            )


def _check_rows(
    selection: Selection,
    source: str,
    survey: Survey,
    apart: Survey | None,
    options: Options,
) -> None:
    """Raise InputError where too few rows are left to learn from, or none is held out."""
    held_out = 0 if apart is None else apart.rows
    if apart is not None and not (held_out and survey.rows > 1):
        raise one_sided(options, survey.rows + held_out)
    check_selection(selection, source, survey.rows_read, minimum_rows=2)
    size, drawn = options.batch_size, len(survey.numbers)
    if size is not None and drawn < survey.rows and drawn <= size <= survey.rows:
        raise UsageError(
            f"Where rows are passed over, a batch has fewer than the {drawn:,} that are drawn.",
            given=f"--batch-size {size}",
            instead="Give a smaller size, or leave it out to use all rows in every step.",
        )


def _selection(survey: Survey, used: tuple[str, ...]) -> Selection:
    """The drawn rows, and the counts of all."""
    return Selection(
        columns={name: survey.drawn[:, place].copy() for place, name in enumerate(used)},
        row_numbers=survey.numbers,
        rows=survey.rows,
        left_out=survey.left_out,
        missing=dict(zip(used, survey.missing.tolist(), strict=True)),
        non_finite=dict(zip(used, survey.non_finite.tolist(), strict=True)),
        excluded_by_where=survey.excluded,
    )


def _standardized(near: Setup, survey: Survey, used: tuple[str, ...]) -> Setup:
    """The drawn rows with their columns scaled by the mean and the deviation of all rows."""
    mean, deviation = survey.mean[:-1], np.sqrt(survey.squares[:-1] / survey.rows)
    known = {
        name: (float(mean[place]), float(deviation[place]))
        for place, name in enumerate(used)
        if deviation[place] > 1e-12 * max(abs(mean[place]), 1e-300)
    }
    scaling = find_scaling(near.formula, near.columns, near.objective.names, known)
    if scaling is None:
        raise not_scalable(near.formula)
    return scaled_by(near, scaling)


def _reference(near: Setup, survey: Survey) -> float | None:
    """As `constant_loss`, of all rows where it is that of their mean."""
    if near.problem.loss not in SQUARED:
        return constant_loss(near.objective, near.problem)
    target = survey.triangle[:, -1]
    found = float(target @ target) / survey.weight
    if survey.low[-1] == survey.high[-1]:
        found = float(survey.high[-1]) ** 2
    return (math.sqrt(found) if near.problem.loss == RMSE.name else found) or None


def _in_batches(objective: Objective, totals: Totals, rows: int) -> InBatches:
    """The same objective, descended on in batches of all rows."""
    known = {each.name: getattr(objective, each.name) for each in fields(Objective) if each.init}
    return InBatches(**{**known, "rows": rows}, totals=totals)


def _passing(objective: Objective, totals: Totals, rows: int) -> Passing:
    """The same objective over all rows."""
    return Passing(
        names=objective.names,
        kernel=GivenKernel(),
        data={},
        rows=rows,
        centre=objective.centre,
        lower=objective.lower,
        upper=objective.upper,
        work=objective.work * max(1, rows // max(objective.rows, 1)),
        totals=totals,
    )


def refined(setup: Setup, minimum: Minimum | None, seconds: float | None = None) -> Minimum | None:
    """The minimum over all rows, by Newton's method from that of the drawn rows.

    Each step is a pass, and none begins after so many seconds. Where it does not get lower, or the
    loss has no second derivative to speak of, the lowest point that was seen.
    """
    if setup.for_trials is setup or setup.in_batches:
        return minimum
    if minimum is None or not minimum.exists or not math.isfinite(minimum.loss):
        return minimum
    ends = math.inf if seconds is None else time.monotonic() + seconds
    full = setup.full
    at = full.vector(minimum.weights)
    curvature = full.hessian(at)  # The pass that knows the rest too.
    loss, gradient = full.value_and_gradient(at)
    for _ in range(NEWTON_STEPS):
        step = _newton_step(curvature, gradient)
        falls = step is not None and -float(gradient @ step) > CLOSE * abs(loss)
        if step is None or not falls or time.monotonic() > ends:
            break
        there = at + step
        curvature = full.hessian(there)
        lower, slope = full.value_and_gradient(there)
        if not lower < loss:
            break
        at, loss, gradient = there, lower, slope
    how = f"{minimum.found_by}, on drawn rows, and then Newton's method on all rows"
    return replace(minimum, loss=loss, weights=full.named(at), found_by=how)


def _newton_step(curvature: Any, gradient: Vector) -> Vector | None:
    """-H⁻¹g where every curvature is positive, else None."""
    if not np.all(np.isfinite(curvature)) or not np.all(np.isfinite(gradient)):
        return None
    # Each weight in a unit of its own, so that scales of 1e-4 beside 1e4 lose nothing.
    unit = 1.0 / np.sqrt(np.maximum(np.diag(curvature), 1e-300))
    values, vectors = np.linalg.eigh(curvature * np.outer(unit, unit))
    if not values[0] > 1e-12 * values[-1]:
        return None
    found: Vector = -unit * (vectors @ ((vectors.T @ (unit * gradient)) / values))
    return found


def fingerprint_of_passed(setup: Setup) -> str:
    """Of the rows in use, of a setup that is streamed: equal data, equal fingerprint."""
    assert setup.streamed is not None
    survey, wanted = setup.streamed.survey, setup.streamed.totals.rows.wanted
    digest = hashlib.sha256(f"{survey.rows_read} {survey.rows}".encode())
    for name, checksum in sorted(zip(wanted.columns, survey.checksum.tolist(), strict=True)):
        digest.update(f"\n{name!a} {checksum:x}".encode())
    return f"{PASSED_OVER}{digest.hexdigest()}"
