"""From data, formula and options to an objective with its start: all that can fail on bad input."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from steepest.data.table.categories import formula_over
from steepest.data.table.columns import Table
from steepest.data.table.condition import rows_where
from steepest.data.table.selection import Selection, select
from steepest.data.table.source import read_table
from steepest.formula.names import indicated, indicator
from steepest.formula.nodes import Binary, Column, Constant, Formula, Node, names_of, walk
from steepest.formula.parse import parse_expression
from steepest.formula.partial import form_of
from steepest.formula.render import to_text
from steepest.formula.structure import is_linear
from steepest.methods.losses import loss_named
from steepest.objective.least_squares import check_expression
from steepest.objective.objective import row_weights
from steepest.problem.options import Options, check
from steepest.problem.setup import (
    Setup,
    assemble,
    standardized,
    with_near,
    with_own_units,
    with_rates,
)
from steepest.records.arrays import Steps, Vector
from steepest.records.problem import Problem
from steepest.words.errors import InputError, UsageError
from steepest.words.suggest import suggest
from steepest.words.wording import escaped


def prepare_fit(data: Any, text: str, options: Options) -> Setup:
    """Read the data, parse the formula, build the objective. Raises SteepestError."""
    table = read_table(data)
    return prepared(table, parsed(table, text, options), options)


def prepared(table: Table, formula: Formula, options: Options) -> Setup:
    """Build the objective of rows that are held. Raises SteepestError."""
    # Those without a weight too, so that the columns say what there is.
    table.load(indicator(group.column, one) for group in formula.categories for one in group.known)
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
    setup = replace(setup, start=fine_start(setup, options))
    if options.rescale:
        setup = with_own_units(setup)
    if options.standardize:
        check_scalable(options)
        scaled = standardized(setup)
        if scaled is None:
            raise not_scalable(formula)
        setup = scaled
    setup = replace(setup, spreads=_spreads(table, formula, options, row_numbers))
    return with_rates(with_near(setup, options), options.rates)


SPREADS = re.compile(
    r"(.*[_ ])?(sigma|sig|err|errors?|std|stdev|sd|se|stderr|unc|uncertainty)([_ ].*)?|yerr|dy"
)
"""What columns of standard deviations are called."""

MOST_SPREADS = 3

MOST_SPREAD_ROWS = 20_000


def _spreads(
    table: Table, formula: Formula, options: Options, row_numbers: Steps
) -> dict[str, Vector]:
    """Columns that no part of the problem uses and that look like the rows' deviations."""
    found: dict[str, Vector] = {}
    if options.sigma is not None or table.rows > MOST_SPREAD_ROWS:
        return found
    for name in table.names:
        if name in formula.columns or not SPREADS.fullmatch(name.lower()):
            continue
        try:
            values = table.numbers(name)[row_numbers]
        except InputError:
            continue  # Words stand in it: it is something else.
        if np.all(np.isfinite(values)) and np.all(values > 0) and np.ptp(values) > 0:
            found[name] = values
        if len(found) == MOST_SPREADS:
            break
    return found


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
    loss_named(options.loss)
    return formula_over(table, text, declared(options), options.where)


def declared(options: Options) -> tuple[str, ...]:
    """Names that options say to be weights."""
    return (*options.start, *options.fix, *options.bounds, *options.rates)


def columns_in_use(table: Table, formula: Formula, options: Options) -> tuple[str, ...]:
    """The columns of the formula and of --sigma. Raises InputError where there are none."""
    names = list(formula.columns)
    if options.sigma is not None:
        if options.sigma not in table.names:
            near = suggest(options.sigma, table.names)
            raise InputError(
                "--sigma names a column that is not there.",
                given=escaped(options.sigma),
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
        missing=_by_source(selection.missing),
        non_finite=dict(selection.non_finite),
        excluded_by_where=selection.excluded_by_where,
        doubtful_names=formula.doubtful,
        categories=formula.categories,
        sigma=options.sigma,
        constant=not names_of(Column, formula.model),
        number_e="d" in formula.weights and _has_e(formula.model),
    )


def _has_e(model: Node) -> bool:
    """Whether the number e is added, or multiplies something."""
    return any(
        isinstance(side, Constant) and side.name == "e"
        for node in walk(model)
        if isinstance(node, Binary) and node.op in ("+", "-", "*")
        for side in (node.left, node.right)
    )


def _by_source(missing: Mapping[str, int]) -> dict[str, int]:
    """By the columns of the data: all columns of one's categories miss what it misses."""
    return {(indicated(name) or (name,))[0]: rows for name, rows in missing.items()}


def gives_of(formula: Formula, options: Options) -> Any:
    """What the formula gives: under a loss of classes a logit or a probability."""
    gives: Any = None if options.gives == "auto" else options.gives
    return form_of(formula, loss_named(options.loss), gives)


def _split(
    selection: Selection, options: Options
) -> tuple[dict[str, Vector], Steps, dict[str, Vector] | None]:
    """The columns that the descent learns from, their rows' numbers, and the columns held out."""
    if options.validation is None:
        return selection.columns, selection.row_numbers, None
    count = round(options.validation * selection.rows)
    if not 1 <= count <= selection.rows - 1:
        raise one_sided(options, selection.rows)
    order = np.random.default_rng([options.seed, 2]).permutation(selection.rows)
    learning, held_out = np.sort(order[count:]), np.sort(order[:count])
    columns = {name: column[learning] for name, column in selection.columns.items()}
    apart = {name: column[held_out] for name, column in selection.columns.items()}
    return columns, selection.row_numbers[learning], apart


def one_sided(options: Options, rows: int) -> InputError:
    """That all of the rows are held out, or none."""
    return InputError(
        "This share for validation leaves no rows on one side.",
        given=f"{options.validation:g} of {rows} rows",
        instead="Choose a share that holds out at least one row and keeps two.",
    )


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


MOST_DRAWS = 100
"""Starts that are drawn, one after the other, until the loss is a number at one."""


def draw_start(
    options: Options, names: tuple[str, ...], bounds: Mapping[str, tuple[float, float]]
) -> Vector:
    """Given values, the rest drawn from N(0, 1), one draw a weight in the order of the formula."""
    return next(_starts(options, names, bounds))


def fine_start(setup: Setup, options: Options) -> Vector:
    """The same for a problem, (p,) in the user's own units: the first at which it has a slope.

    A drawn weight may lie where the model is no number, such as b below 0 in log(x + b). Where all
    weights are given, or no draw does better, it is the first.
    """
    names = setup.objective.names
    first = draw_start(options, names, setup.bounds)
    drawn = setup.solved is None and any(name not in options.start for name in names)
    for start in _starts(options, names, setup.bounds) if drawn else ():
        at = start if setup.scaling is None else setup.scaling.to_scaled(start)
        loss, gradient = setup.objective.value_and_gradient(at)
        if np.isfinite(loss) and np.isfinite(gradient).all():
            return start
    return first


def _starts(
    options: Options, names: tuple[str, ...], bounds: Mapping[str, tuple[float, float]]
) -> Iterator[Vector]:
    draw = np.random.default_rng(options.seed)
    for _ in range(MOST_DRAWS):
        drawn = draw.normal(size=len(names))
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
        yield start


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
    formula = parse_expression(text, declared=declared(options))
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
    setup = replace(setup, start=fine_start(setup, options))
    check_expression(setup.objective, setup.start)
    setup = with_own_units(setup) if options.rescale else setup
    return with_rates(setup, options.rates)
