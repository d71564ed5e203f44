"""From data, formula and options to an objective with its start: all that can fail on bad input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from steepest.bench.options import Options, check
from steepest.descent import SOLVERS
from steepest.errors import InputError, UsageError
from steepest.formula import (
    Call,
    Column,
    Formula,
    is_linear,
    parse_expression,
    parse_model,
    suggest,
    to_text,
    walk,
)
from steepest.losses import LOSSES, loss_of
from steepest.moments import LeastSquares
from steepest.objective import (
    FormulaKernel,
    Objective,
    centred,
    formula_objective,
    is_quadratic,
    rescaled,
    solve,
)
from steepest.records import Problem, Steps, Vector
from steepest.samples.condition import rows_where
from steepest.scaling import Scaling, find_scaling, scaled_columns
from steepest.streaming.passing import Passing, Totals
from steepest.streaming.survey import DRAWN, Survey, drawn_of
from steepest.table import Selection, Table, read_table, select
from steepest.xla import in_float64

MANY_ROWS = 2 * DRAWN
"""From so many on, what needs many descents is tried on some rows, drawn evenly."""


@dataclass(frozen=True)
class Streamed:
    """What is known of rows that are not at hand.

    `full` is the loss of all of them. `passing` is what a descent runs on, each step a pass; None
    where the model is linear in its weights, and what the rows sum up to is all that it needs.
    """

    survey: Survey
    totals: Totals
    full: Objective
    passing: Passing | None


@dataclass(frozen=True)
class Setup:
    """A problem ready to descend on.

    `objective` is the formula on the rows; `moving` is what the descent runs on: the same, or its
    quadratic where the model is linear in its weights. Weights are those of the scaled columns
    where `scaling` is set.
    """

    problem: Problem
    formula: Formula
    columns: Mapping[str, Vector]
    """As the descent sees them, on the rows that it learns from."""
    plain_columns: Mapping[str, Vector]
    row_numbers: npt.NDArray[np.int64]
    objective: Objective
    moving: Objective
    solved: LeastSquares | None
    held_out: Objective | None
    start: Vector
    reference_loss: float | None
    """A loss of ordinary size: that of the best constant prediction, where it is not zero."""
    fixed: Mapping[str, float]
    bounds: Mapping[str, tuple[float, float]]
    row_weight: Vector | None
    scaling: Scaling | None = None
    unit: Vector | None = None
    """What each weight is counted in, where they were rescaled."""
    held_out_columns: Mapping[str, Vector] | None = None
    streamed: Streamed | None = None
    """Where only some of the rows are at hand: those of `objective`."""
    near: Setup | None = None
    """The same problem on some of the rows, drawn evenly, where there are many."""

    @property
    def full(self) -> Objective:
        """The loss of all rows."""
        return self.objective if self.streamed is None else self.streamed.full

    @property
    def walked(self) -> Objective:
        """What the descent runs on."""
        if self.streamed is None or self.streamed.passing is None:
            return self.moving
        return self.streamed.passing

    @property
    def is_passing(self) -> bool:
        """Whether each evaluation of `full` is a pass over rows that are not at hand."""
        return not self.full.is_at_hand

    @property
    def for_trials(self) -> Setup:
        """Where many descents are affordable: here, unless their steps cost something a row."""
        return self if self.near is None or self.solved is not None else self.near

    @property
    def scale(self) -> float:
        """A loss of ordinary size, against which divergence is judged."""
        return self.reference_loss or 1.0

    def in_user_units(self, weights: Vector) -> dict[str, float]:
        """Weights (p,) of the descent -> weights by name for the columns as they are."""
        back = weights if self.scaling is None else self.scaling.to_user(weights)
        return self.objective.named(back)


def prepare_fit(data: Any, text: str, options: Options) -> Setup:
    """Read the data, parse the formula, build the objective. Raises SteepestError."""
    table = read_table(data)
    formula = parsed(table, text, options)
    keep = None if options.where is None else rows_where(table, options.where)
    selection = select(table, columns_in_use(table, formula, options), keep)
    problem = problem_of(table, formula, options, selection)
    columns, row_numbers, apart = _split(selection, options)
    rows = len(row_numbers)
    sigma = options.sigma
    row_weight = None if sigma is None else row_weights(columns[sigma], sigma)
    fixed, bounds = held(options, formula)
    names = tuple(name for name in formula.weights if name not in fixed)
    start = draw_start(options, names, bounds)
    setup = assemble(
        replace(problem, rows=rows, validation_rows=selection.rows - rows),
        formula,
        columns,
        row_numbers,
        start,
        fixed=fixed,
        bounds=bounds,
        row_weight=row_weight,
        held_out_columns=apart,
        in_batches=options.batch_size is not None and options.batch_size < rows,
    )
    if options.rescale:
        setup = with_own_units(setup)
    if options.standardize:
        check_scalable(options)
        scaled = standardized(setup)
        if scaled is None:
            raise not_scalable(formula)
        setup = scaled
    return _with_near(setup, options)


def _with_near(setup: Setup, options: Options) -> Setup:
    """With some rows drawn for trials, where each of many steps would cost something a row."""
    needs_all = options.batch_size, options.validation, options.bounds or None
    if (
        setup.solved is not None
        or len(setup.row_numbers) < MANY_ROWS
        or options.optimizer in SOLVERS
        or any(given is not None for given in needs_all)
    ):
        return setup
    chosen = np.sort(drawn_of(setup.row_numbers))
    near = assemble(
        replace(setup.problem, rows=len(chosen)),
        setup.formula,
        {name: column[chosen] for name, column in setup.columns.items()},
        setup.row_numbers[chosen],
        setup.start,
        fixed=setup.fixed,
        bounds=setup.bounds,
        row_weight=None if setup.row_weight is None else setup.row_weight[chosen],
        held_out_columns=None,
    )
    plain = {name: column[chosen] for name, column in setup.plain_columns.items()}
    near = replace(near, plain_columns=plain, scaling=setup.scaling)
    if setup.unit is not None:
        near = replace(near, moving=rescaled(near.moving, setup.unit), unit=setup.unit)
    return replace(setup, problem=replace(setup.problem, drawn=len(chosen)), near=near)


def check_scalable(options: Options) -> None:
    """Raise UsageError where --standardize stands beside options of the weights as they are."""
    for name, given in (
        ("--rescale", options.rescale),
        ("--fix", options.fix),
        ("--bounds", options.bounds),
    ):
        if given:
            raise UsageError(
                f"--standardize cannot be used together with {name}, which speaks of the weights "
                "for the columns as they are.",
                given=f"--standardize {name}",
                instead="Leave one of them out.",
            )


def not_scalable(formula: Formula) -> InputError:
    """That --standardize would change the model."""
    return InputError(
        "The columns of this formula cannot be scaled without changing the model.",
        given=formula.text,
        instead="Leave out --standardize, or write the formula so that each scaled column "
        "stands in a part that is linear in its weights, such as a*x + b.",
    )


def parsed(table: Table, text: str, options: Options) -> Formula:
    """The formula, the options having been looked at. Raises SteepestError."""
    check(options)
    if options.loss not in LOSSES:
        near = suggest(options.loss, LOSSES)
        raise UsageError(
            "This loss is not known.",
            given=options.loss,
            instead=f"Write {near[0]}." if near else f"Write one of {', '.join(LOSSES)}.",
        )
    return parse_model(text, table.names, declared=(*options.start, *options.fix))


def columns_in_use(table: Table, formula: Formula, options: Options) -> tuple[str, ...]:
    """The columns of the formula and of --sigma. Raises InputError where there are none."""
    names = list(formula.columns)
    if options.sigma is not None:
        if options.sigma not in table.names:
            near = suggest(options.sigma, table.names)
            raise InputError(
                "--sigma names a column that is not there.",
                given=options.sigma,
                instead=f"Did you mean {near[0]}?" if near else "Name a column of the data.",
            )
        names.append(options.sigma)
    if not names:
        raise InputError(
            "The formula uses no column of the data.",
            given=formula.text,
            instead=f"Use a column: {', '.join(table.names[:8])}.",
        )
    return tuple(dict.fromkeys(names))


def problem_of(table: Table, formula: Formula, options: Options, selection: Selection) -> Problem:
    """What is minimized, in words and numbers."""
    return Problem(
        command="fit",
        formula=formula.text,
        weights=formula.weights,
        linear_in_weights=is_linear(formula.model, formula.weights),
        loss=options.loss,
        gives=gives_of(formula, options),
        target=None if formula.target is None else to_text(formula.target),
        columns=formula.columns,
        source=table.source,
        rows=selection.rows,
        rows_read=table.rows,
        missing=dict(selection.missing),
        non_finite=dict(selection.non_finite),
        excluded_by_where=selection.excluded_by_where,
        doubtful_names=formula.doubtful,
        sigma=options.sigma,
        constant=not any(isinstance(node, Column) for node in walk(formula.model)),
    )


def gives_of(formula: Formula, options: Options) -> Any:
    """What the formula gives: under cross-entropy a logit or a probability, else a value."""
    if options.loss != "cross-entropy":
        return "value"
    if options.gives != "auto":
        return options.gives
    model = formula.model
    return "probability" if isinstance(model, Call) and model.function == "sigmoid" else "logit"


def _split(
    selection: Selection, options: Options
) -> tuple[dict[str, Vector], Steps, dict[str, Vector] | None]:
    """The columns that the descent learns from, their rows' numbers, and the columns held out."""
    if options.validation is None:
        return selection.columns, selection.row_numbers, None
    count = round(options.validation * selection.rows)
    if not 1 <= count <= selection.rows - 1:
        raise InputError(
            "This share for validation leaves no rows on one side.",
            given=f"{options.validation:g} of {selection.rows} rows",
            instead="Choose a share that holds out at least one row and keeps two.",
        )
    order = np.random.default_rng([options.seed, 2]).permutation(selection.rows)
    learning, held_out = np.sort(order[count:]), np.sort(order[:count])
    columns = {name: column[learning] for name, column in selection.columns.items()}
    apart = {name: column[held_out] for name, column in selection.columns.items()}
    return columns, selection.row_numbers[learning], apart


def row_weights(sigma: Vector, column: str) -> Vector:
    """1/σ² of each row (n,). Raises InputError where a standard deviation is not positive."""
    if np.any(sigma <= 0):
        raise InputError(
            "The standard deviations of the rows must be positive.",
            given=f"{float(np.min(sigma)):g} in column {column}",
            instead="Leave such rows out with --where.",
        )
    return np.asarray(1.0 / sigma**2)


def _known(names: Mapping[str, Any], formula: Formula, option: str) -> None:
    for name in names:
        if name not in formula.weights:
            near = suggest(name, formula.weights)
            raise InputError(
                f"{option} names a weight that is not in the formula.",
                given=name,
                instead=f"Did you mean {near[0]}?"
                if near
                else f"The weights are {', '.join(formula.weights)}.",
            )


def held(
    options: Options, formula: Formula
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Weights that are held at a value, and those that have bounds. Raises InputError."""
    _known(options.start, formula, "--start")
    _known(options.fix, formula, "--fix")
    _known(options.bounds, formula, "--bounds")
    for name, value in (*options.start.items(), *options.fix.items()):
        if not np.isfinite(value):
            raise InputError(
                f"The value of {name} is not a finite number.",
                given=f"{value}",
                instead="Write a number such as 0.5.",
            )
    for name, value in options.fix.items():
        start = options.start.get(name, value)
        low, high = options.bounds.get(name, (-np.inf, np.inf))
        if start != value or not low <= value <= high:
            other = f"start {start:g}" if start != value else f"bounds {low:g} to {high:g}"
            raise InputError(
                f"The weight {name} is held at a value that does not agree with its other options.",
                given=f"{name} held at {value:g}, {other}",
                instead="Leave one of the two out.",
            )
    return dict(options.fix), dict(options.bounds)


def draw_start(
    options: Options, names: tuple[str, ...], bounds: Mapping[str, tuple[float, float]]
) -> Vector:
    """Given values, the rest drawn from N(0, 1), one draw a weight in the order of the formula."""
    drawn = np.random.default_rng(options.seed).normal(size=len(names))
    given = [options.start.get(n, v) for n, v in zip(names, drawn, strict=True)]
    start = np.array(given, dtype=np.float64)
    for index, name in enumerate(names):
        low, high = bounds.get(name, (-np.inf, np.inf))
        if low <= start[index] <= high:
            continue
        if name in options.start:
            raise InputError(
                f"The start of {name} lies outside its bounds.",
                given=f"{name}={start[index]:g} with bounds {low:g} to {high:g}",
                instead="Choose a start inside, or widen the bounds.",
            )
        inside = [edge for edge in (low, high) if np.isfinite(edge)]
        start[index] = sum(inside) / len(inside)
    return start


def assemble(
    problem: Problem,
    formula: Formula,
    columns: Mapping[str, Vector],
    row_numbers: npt.NDArray[np.int64],
    start: Vector,
    *,
    fixed: Mapping[str, float],
    bounds: Mapping[str, tuple[float, float]],
    row_weight: Vector | None,
    held_out_columns: Mapping[str, Vector] | None,
    in_batches: bool = False,
) -> Setup:
    """Build the objective, and its quadratic where there is one."""
    loss, gives = problem.loss, problem.gives
    objective = formula_objective(
        formula,
        columns,
        loss=loss,
        gives=gives,
        row_weight=row_weight,
        fixed=fixed,
        bounds=bounds,
    )
    held_out = None
    if held_out_columns is not None:
        held_out = formula_objective(formula, held_out_columns, loss=loss, gives=gives, fixed=fixed)
    solved = None
    moving = objective
    if is_quadratic(objective):
        solved = solve(objective)
        if not in_batches and held_out is None:
            moving = centred(objective, solved)
    return Setup(
        problem=replace(problem, weights=objective.names),
        formula=formula,
        columns=columns,
        plain_columns=columns,
        row_numbers=row_numbers,
        objective=objective,
        moving=moving,
        solved=solved,
        held_out=held_out,
        start=start,
        reference_loss=constant_loss(objective, problem),
        fixed=fixed,
        bounds=bounds,
        row_weight=row_weight,
        held_out_columns=held_out_columns,
    )


@in_float64
def constant_loss(objective: Objective, problem: Problem) -> float | None:
    """Loss of the best constant prediction: the mean, or the median under mae.

    Where that is zero, the target being constant, the loss of a prediction of zero; None where
    that is zero as well.
    """
    if problem.loss is None:
        return None
    rows = objective.data["rows"]
    target, weight = np.asarray(rows["target"]), rows["weight"]
    middle = (
        float(np.median(target))
        if problem.loss in ("mae", "huber")
        else float(np.average(target, weights=None if weight is None else np.asarray(weight)))
    )
    gives = problem.gives
    if problem.loss == "cross-entropy":
        gives = "probability"
        middle = min(max(middle, 1e-12), 1 - 1e-12)
    elif np.ptp(target) == 0:
        middle = 0.0
    return float(_loss_of_constant(problem.loss, gives, middle, rows["target"], weight)) or None


@partial(jax.jit, static_argnames=("loss", "gives"))
def _loss_of_constant(
    loss: str, gives: str, constant: float, target: jax.Array, weight: jax.Array | None
) -> jax.Array:
    # Compiled as a whole, so that nothing as long as the rows is kept in between.
    whole = jnp.broadcast_to(constant, target.shape)
    found: jax.Array = loss_of(loss, gives, whole, target, weight)
    return found


def standardized(setup: Setup) -> Setup | None:
    """The same problem with its columns scaled, starting at the same model; None if impossible."""
    if setup.scaling is not None or setup.unit is not None or setup.fixed or setup.bounds:
        return None
    scaling = find_scaling(setup.formula, setup.columns, setup.objective.names)
    if scaling is None:
        return None
    return scaled_by(setup, scaling)


def scaled_by(setup: Setup, scaling: Scaling) -> Setup:
    """The same problem with its columns scaled so, starting at the same model."""
    columns = scaled_columns(setup.columns, scaling.columns)
    apart = setup.held_out_columns
    scaled = assemble(
        replace(setup.problem, standardized=dict(scaling.columns)),
        setup.formula,
        columns,
        setup.row_numbers,
        scaling.to_scaled(setup.start),
        fixed=setup.fixed,
        bounds=setup.bounds,
        row_weight=setup.row_weight,
        held_out_columns=None if apart is None else scaled_columns(apart, scaling.columns),
        in_batches=isinstance(setup.moving.kernel, FormulaKernel),
    )
    return replace(scaled, plain_columns=setup.columns, scaling=scaling)


def with_own_units(setup: Setup) -> Setup:
    """The same problem with each weight counted in a unit of its own.

    The unit is one over the root of the curvature along that weight at the start: for squared
    losses that of the predictions (JᵀJ), else of the Hessian's diagonal. Where there is none, it
    is the size of the start. So a weight of 1e4 and one of 1e-4 can share a learning rate.
    """
    size = np.abs(setup.start)
    fallback = np.where(size > 0, size, 1.0)
    if setup.problem.loss is not None:
        curvature = np.mean(setup.objective.jacobian(setup.start) ** 2, axis=0)
    else:
        curvature = np.abs(np.diag(setup.objective.hessian(setup.start)))
    usable = np.isfinite(curvature) & (curvature > 0)
    unit = np.where(usable, 1.0 / np.sqrt(np.where(usable, curvature, 1.0)), fallback)
    return replace(
        setup,
        problem=replace(setup.problem, rescaled=setup.objective.named(unit)),
        moving=rescaled(setup.moving, unit),
        held_out=None if setup.held_out is None else rescaled(setup.held_out, unit),
        unit=unit,
    )


def prepare_minimize(text: str, options: Options) -> Setup:
    """Parse an expression and build its objective. Raises SteepestError."""
    check(options)
    for name, value in (
        ("--batch-size", options.batch_size),
        ("--validation", options.validation),
        ("--where", options.where),
        ("--sigma", options.sigma),
        ("--standardize", options.standardize or None),
    ):
        if value is not None:
            raise UsageError(
                f"{name} needs rows of data, and an expression has none.",
                given=f"{name} {value}" if value is not True else name,
                instead="Leave it out, or use steepest fit.",
            )
    formula = parse_expression(text, declared=(*options.start, *options.fix))
    fixed, bounds = held(options, formula)
    names = tuple(name for name in formula.weights if name not in fixed)
    problem = Problem(
        command="minimize",
        formula=formula.text,
        weights=names,
        linear_in_weights=is_linear(formula.model, formula.weights),
    )
    start = draw_start(options, names, bounds)
    setup = assemble(
        problem,
        formula,
        {},
        np.zeros(0, dtype=np.int64),
        start,
        fixed=fixed,
        bounds=bounds,
        row_weight=None,
        held_out_columns=None,
    )
    return with_own_units(setup) if options.rescale else setup
