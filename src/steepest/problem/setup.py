"""A problem ready to descend on, and the same problem in other coordinates or on fewer rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt

from steepest.engine.xla import in_float64
from steepest.formula.nodes import Formula, Node
from steepest.formula.partial import partial
from steepest.formula.render import to_latex, to_text
from steepest.formula.reverse import tape_of
from steepest.methods.losses import PROBABILITY, loss_named
from steepest.methods.optimizers import SOLVERS
from steepest.objective.few_rows import are_few, through_loss
from steepest.objective.kernels import FormulaKernel
from steepest.objective.least_squares import centred, check_squares, is_quadratic, solve
from steepest.objective.losses import loss_of_constant
from steepest.objective.moments import LeastSquares
from steepest.objective.objective import Objective, formula_objective
from steepest.objective.passes.passing import InBatches, Totals
from steepest.objective.passes.survey import DRAWN, Survey, drawn_of
from steepest.objective.quadratic import Modes, best_rate, modes_of
from steepest.objective.scaling import Scaling, find_scaling, scaled_columns
from steepest.problem.options import Options
from steepest.records.arrays import Vector
from steepest.records.problem import Problem
from steepest.words.errors import InputError
from steepest.words.suggest import suggest
from steepest.words.wording import listed

MANY_ROWS = 2 * DRAWN
"""From so many on, what needs many descents is tried on some rows, drawn evenly."""


@dataclass(frozen=True)
class Streamed:
    """What is known of rows that are not at hand.

    `full` is the loss of all of them: each evaluation is a pass over them, unless the model is
    linear in its weights, and what they sum up to is all that it takes.
    """

    survey: Survey
    totals: Totals
    full: Objective


@dataclass(frozen=True)
class Setup:
    """A problem ready to descend on.

    `objective` is the formula on the rows at hand; `full` is the loss of all rows; `moving` is
    what the descent runs on: the loss of all rows, or its quadratic where the model is linear in
    its weights. Weights are those of the scaled columns where `scaling` is set.
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
    spreads: Mapping[str, Vector] = field(default_factory=dict)
    """Columns (n,) that the formula does not use and that are called as standard deviations are."""

    @property
    def full(self) -> Objective:
        """The loss of all rows."""
        return self.objective if self.streamed is None else self.streamed.full

    @cached_property
    def partials(self) -> Mapping[str, tuple[str | None, str | None]]:
        """Each weight's partial derivative as text and in LaTeX; None where it is too long."""
        return {
            name: (None, None) if node is None else (to_text(node), to_latex(node))
            for name in self.objective.names
            for node in [self.partial(name)]
        }

    def partial(self, weight: str) -> Node | None:
        """The partial derivative by one weight, as it is on the rows at hand."""
        columns = self.objective.data["rows"].get("columns", {})

        def holds(condition: Node) -> bool:
            return bool(np.all(tape_of(condition).value(columns)))

        return partial(self.formula, weight, self.problem.loss, self.problem.gives, holds)

    @cached_property
    def modes(self) -> Modes | None:
        """The closed form of gradient descent here, where there is one."""
        if self.solved is None:
            return None
        return modes_of(self.solved.root * self.moving.stride, self.solved.floor)

    def from_minimum(self, weights: Vector) -> Vector:
        """How far weights (p,) are from the minimum, as the modes count it."""
        assert self.solved is not None
        return np.asarray((weights - self.solved.solution) / self.moving.stride)

    @cached_property
    def quickest_to(self) -> Callable[[float], tuple[float, int] | None]:
        """The learning rate that is quickest from the start to a loss, and in how many steps.

        Of gradient descent in closed form; None where there is none. Each loss is sought once.
        """

        def sought(goal: float) -> tuple[float, int] | None:
            if self.modes is None:
                return None
            return best_rate(self.modes, self.from_minimum(self.start), goal)

        return cache(sought)

    @property
    def is_passing(self) -> bool:
        """Whether each evaluation of `full` is a pass over rows that are not at hand."""
        return not self.full.is_at_hand

    @property
    def in_batches(self) -> bool:
        """Whether the descent takes batches of rows that are not at hand."""
        return isinstance(self.moving, InBatches)

    @property
    def reads_on(self) -> bool:
        """Whether the descent goes on reading rows that are not at hand."""
        return self.streamed is not None and (self.is_passing or self.in_batches)

    @property
    def at_hand(self) -> Setup:
        """Where a look at the loss is no pass: here, or on rows that were drawn."""
        return self.near if self.is_passing and self.near is not None else self

    @property
    def for_trials(self) -> Setup:
        """Where many descents are affordable: here, unless their steps cost something a row."""
        if self.near is None or (self.solved is not None and not self.in_batches):
            return self
        return self.near

    @cached_property
    def scale(self) -> float:
        """A loss of ordinary size, against which divergence is judged."""
        return self.reference_loss or self.objective.ordinary(self.start)

    def in_user_units(self, weights: Vector) -> dict[str, float]:
        """Weights (p,) of the descent -> weights by name for the columns as they are."""
        back = weights if self.scaling is None else self.scaling.to_user(weights)
        return self.objective.named(back)


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
    check_squares(objective, loss)
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
    """Loss of the best constant prediction: the mean, or the median under a robust loss.

    Where that is zero, the target being constant, the loss of a prediction of zero; None where
    that is zero as well.
    """
    if problem.loss is None:
        return None
    rows = objective.data["rows"]
    target, weight = np.asarray(rows["target"]), rows["weight"]
    middle = (
        float(np.median(target))
        if loss_named(problem.loss).robust
        else float(np.average(target, weights=None if weight is None else np.asarray(weight)))
    )
    gives = problem.gives
    if loss_named(problem.loss).of_classes:
        gives = PROBABILITY
        middle = min(max(middle, 1e-12), 1 - 1e-12)
    elif np.ptp(target) == 0:
        middle = 0.0
    if are_few(objective.data):
        return through_loss(problem.loss, gives, middle, objective.data).loss or None
    return float(loss_of_constant(problem.loss, gives, middle, rows["target"], weight)) or None


def is_scalable(setup: Setup) -> bool:
    """Whether its columns can be scaled without changing the model."""
    if setup.streamed is not None or setup.scaling is not None or not setup.columns:
        return True
    if setup.unit is not None or setup.fixed or setup.bounds:
        return False
    return find_scaling(setup.formula, setup.columns, setup.objective.names) is not None


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
        moving=setup.moving.rescaled(unit),
        held_out=None if setup.held_out is None else setup.held_out.rescaled(unit),
        unit=unit,
    )


def with_rates(setup: Setup, rates: Mapping[str, float]) -> Setup:
    """The same problem with a learning rate for each weight; with one for all where none are given.

    Raises InputError where they are not exactly the weights that move.
    """
    names = setup.objective.names
    if rates:
        check_names(rates, names, setup.fixed)
    largest = max(rates.values(), default=1.0)
    pace = np.array([rates[name] / largest for name in names]) if rates else 1.0
    near = None if setup.near is None else with_rates(setup.near, rates)
    return replace(setup, moving=setup.moving.paced(pace), near=near)


def check_names(
    rates: Mapping[str, float], names: tuple[str, ...], fixed: Mapping[str, float]
) -> None:
    """Raise InputError unless each weight that moves has a learning rate, and nothing else has."""
    known = f"The weights are {', '.join(names)}."
    for name in rates:
        if name in fixed:
            raise InputError(
                f"{name} is held by --fix, so it has no learning rate.",
                given=f"--lr {name}={rates[name]:g}",
                instead="Leave one of the two out.",
            )
        if name not in names:
            near = suggest(name, names)
            raise InputError(
                "--lr names a weight that is not in the formula.",
                given=name,
                instead=f"Did you mean {near[0]}?" if near else known,
            )
    if missing := [name for name in names if name not in rates]:
        raise InputError(
            f"--lr gives a learning rate to some weights, and none to {listed(missing)}.",
            given=",".join(f"{name}={rate:g}" for name, rate in rates.items()),
            instead="Give one to each weight, or one number for all.",
        )


def with_near(setup: Setup, options: Options) -> Setup:
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
        near = replace(near, moving=near.moving.rescaled(setup.unit), unit=setup.unit)
    return replace(setup, problem=replace(setup.problem, drawn=len(chosen)), near=near)
