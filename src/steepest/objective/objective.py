"""Objective: named weights (and a batch of rows) -> loss. The one noun all floors above share."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from steepest.engine.effort import compiled
from steepest.engine.late import jax, jnp
from steepest.engine.xla import in_float64
from steepest.formula.names import quoted
from steepest.formula.nodes import Call, Column, Formula, Node, size, walk
from steepest.formula.reverse import tape_of
from steepest.methods.losses import MSE, loss_named
from steepest.objective import few_rows
from steepest.objective.kernels import (
    Data,
    FormulaKernel,
    FunctionKernel,
    Kernel,
    RescaledKernel,
    value_and_gradient,
)
from steepest.records.arrays import Mask, Matrix, Steps, Vector
from steepest.words.errors import InputError
from steepest.words.wording import count, escaped

ROUNDING = 2 * float(np.finfo(float).eps)
"""Residuals below this share of prediction and target are rounding, and count as zero."""

_WAVES = frozenset({"sin", "cos", "tan"})
_WAVE_WORK = 40
"""What one of them costs more than a product does: with its slope 26 ns, and of large numbers 170,
where exp takes 4."""


@dataclass(frozen=True)
class Objective:
    """Weights by name, a kernel, and its data.

    A kernel's position times `unit` (p,) plus `centre` (p,) are the weights; `lower` and `upper`
    (p,) are bounds of the weights, infinite where there are none.
    """

    names: tuple[str, ...]
    kernel: Kernel
    data: Data
    rows: int
    centre: Vector
    lower: Vector
    upper: Vector
    work: int
    """Elementary operations of one evaluation, roughly: rows times nodes."""
    unit: Vector | float = 1.0
    """One where every weight is counted as it is."""
    pace: Vector | float = 1.0
    """The learning rate of each weight (p,), as a share of the largest: of the descent's."""

    is_at_hand: ClassVar[bool] = True
    """Whether `data` holds wherever the kernel stands; else it is that of one position."""

    def data_at(self, position: Any) -> Data:
        """What the kernel needs to know of a position (p,)."""
        return self.data

    def position(self, weights: Vector) -> Vector:
        """Weights (p,) -> where a kernel stands."""
        return np.asarray((weights - self.centre) / self.unit)

    def weights_at(self, positions: Matrix) -> Matrix:
        """Where a kernel stood, (k, p) -> weights. One that stood on a bound is exactly there."""
        if isinstance(self.unit, float):
            found = positions + self.centre  # the unit is 1: one pass over long traces, not two
        else:
            found = positions * self.unit + self.centre
        if self.bounded:
            low, high = self.limits
            found = np.where(positions == low, self.lower, found)
            found = np.where(positions == high, self.upper, found)
        return found

    @property
    def limits(self) -> tuple[Vector, Vector]:
        """The bounds as a kernel's positions, (p,) and (p,)."""
        low = self.lower / self.unit - self.centre / self.unit
        high = self.upper / self.unit - self.centre / self.unit
        return low, high

    def pressed(self, weights: Vector, gradient: Vector) -> Mask:
        """Which weights (p,) are on a bound and pressed there by the gradient: no step moves them.

        >>> one = function_objective(lambda w: w[0], ("x",))
        >>> one = replace(one, lower=np.array([2.0]))
        >>> one.pressed(np.array([2.0]), np.array([1.0])).tolist()
        [True]
        >>> one.pressed(np.array([2.0]), np.array([-1.0])).tolist()
        [False]
        """
        found: Mask = ((weights <= self.lower) & (gradient > 0)) | (
            (weights >= self.upper) & (gradient < 0)
        )
        return found

    def by_weights(self, gradients: Matrix) -> Matrix:
        """Derivatives by a kernel's position, (k, p) -> by the weights."""
        if isinstance(self.unit, float):
            return gradients
        found: Matrix = gradients / self.unit
        return found

    def vector(self, weights: Mapping[str, float]) -> Vector:
        """Weights by name -> (p,)."""
        return np.array([weights[name] for name in self.names], dtype=np.float64)

    def named(self, vector: Vector) -> dict[str, float]:
        """(p,) -> weights by name."""
        return dict(zip(self.names, map(float, vector), strict=True))

    @property
    def bounded(self) -> bool:
        """True where some weight has a bound."""
        return bool(np.any(np.isfinite(self.lower)) or np.any(np.isfinite(self.upper)))

    def rescaled(self, unit: Vector) -> Self:
        """The same with each weight counted in a unit (p,) of its own."""
        data = {**self.data, "unit": np.asarray(unit)}
        return replace(self, kernel=RescaledKernel(self.kernel), data=data, unit=np.asarray(unit))

    def paced(self, pace: Vector | float) -> Self:
        """The same with the learning rate of each weight this share (p,) of the descent's."""
        return replace(self, pace=pace)

    @property
    def stride(self) -> Vector | float:
        """The unit (p,) in which plain descent, with one learning rate for all, walks this path.

        A weight with a learning rate r times as large moves as one that is counted in units of √r.
        """
        return self.unit * np.sqrt(self.pace)

    def value(self, weights: Vector) -> float:
        """The loss at weights (p,). One pass over the rows."""
        return float(value_of(self.kernel, self.position(weights), self.data))

    def value_and_gradient(self, weights: Vector) -> tuple[float, Vector]:
        """The loss and its gradient (p,) at weights (p,).

        One pass over the rows where they are many, else two to three.
        """
        kernel, position = self.kernel, self.position(weights)
        if few_rows.serves(kernel, self.data):
            value, gradient = few_rows.value_and_gradient(kernel, position, self.data)
        else:
            value, gradient = _value_and_gradient(kernel, position, self.data)
        return float(value), np.asarray(gradient) / self.unit

    def ordinary(self, start: Vector) -> float:
        """What a loss of ordinary size is: that of `start` (p,), or its slope times its weights.

        1 where the start says nothing of it: the loss is zero and level there, or no number.
        """
        loss, slope = self.value_and_gradient(start)
        with np.errstate(all="ignore"):
            sizes = [abs(loss), *np.abs(slope) * np.maximum(np.abs(start), 1.0)]
        return max((float(size) for size in sizes if np.isfinite(size)), default=0.0) or 1.0

    def hessian(self, weights: Vector) -> Matrix:
        """Second derivatives (p, p) by the kernel's position, at weights (p,).

        Of a `rescaled` objective each weight is counted in its own unit, so entry (i, j) is
        unit[i]*unit[j] times the second derivative by the weights. About 2p gradients.
        """
        found = np.asarray(_hessian(self.kernel, self.position(weights), self.data))
        symmetric: Matrix = (found + found.T) / 2
        return symmetric

    def predictions(self, weights: Vector) -> Vector:
        """The model's value on each row, (n,)."""
        return np.asarray(predictions_of(self.kernel, weights, self.data))

    def jacobian(self, weights: Vector) -> Matrix:
        """Derivative of each row's prediction by each weight, (n, p). p passes over the rows."""
        return np.asarray(jacobian_of(self.kernel, weights, self.data))


def value_of(kernel: Kernel, position: Any, data: Data) -> Any:
    """The loss where a kernel stands, ()."""
    if few_rows.serves(kernel, data):
        return few_rows.value(kernel, position, data)
    return _value(kernel, position, data)


@in_float64
@compiled("kernel", seldom=True)
def _value(kernel: Kernel, position: Any, data: Data) -> jax.Array:
    return kernel.loss(position, data)


@in_float64
@compiled("kernel", seldom=True)
def _value_and_gradient(
    kernel: Kernel, position: jax.Array, data: Data
) -> tuple[jax.Array, jax.Array]:
    return value_and_gradient(kernel, position, data)


@in_float64
@compiled("kernel", seldom=True)
def _hessian(kernel: Kernel, position: jax.Array, data: Data) -> jax.Array:
    found: jax.Array = jax.hessian(kernel.loss)(position, data)
    return found


def _row_values(kernel: FormulaKernel, position: jax.Array, data: Data) -> jax.Array:
    rows = data["rows"]["target"].shape[0]
    return jnp.broadcast_to(kernel.predict(position, data), (rows,))


def rounding_of(slopes: Matrix, predictions: Vector, target: Vector, weights: Vector) -> Vector:
    """What of each row's residual (n,) may be rounding, at weights (p,) with `slopes` (n, p).

    Weights are rounded as well, and each moves the prediction by its share.
    """
    size = np.abs(predictions) + np.abs(target) + np.abs(slopes) @ np.abs(weights)
    return ROUNDING * np.asarray(size)


def predictions_of(kernel: Kernel, position: Any, data: Data) -> Any:
    """The formula's value on each row, (n,)."""
    if few_rows.serves(kernel, data):
        return few_rows.predictions(kernel, position, data)
    return _predictions(*_of_any_loss(kernel, data), position)


def jacobian_of(kernel: Kernel, position: Any, data: Data) -> Any:
    """Its derivative on each row by each weight, (n, p)."""
    if few_rows.serves(kernel, data):
        return few_rows.jacobian(kernel, position, data)
    return _jacobian(*_of_any_loss(kernel, data), position)


def _of_any_loss(kernel: Kernel, data: Data) -> tuple[FormulaKernel, Data]:
    """Without what is of the loss alone, so that one compiled program serves any."""
    if not isinstance(kernel, FormulaKernel):
        raise TypeError("only a formula has a value on each row")
    rows = {**data["rows"], "weight": None}
    return kernel.of_any_loss, {"fixed": data["fixed"], "rows": rows}


@in_float64
@compiled("kernel", seldom=True)
def _predictions(kernel: FormulaKernel, data: Data, position: Any) -> jax.Array:
    return _row_values(kernel, position, data)


@in_float64
@compiled("kernel", seldom=True)
def _jacobian(kernel: FormulaKernel, data: Data, position: Any) -> jax.Array:
    found: jax.Array = jax.jacfwd(lambda at: _row_values(kernel, at, data))(position)
    return found


@in_float64
def formula_objective(
    formula: Formula,
    columns: Mapping[str, Vector],
    *,
    loss: str | None,
    gives: str = "value",
    row_weight: Vector | None = None,
    fixed: Mapping[str, float] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
) -> Objective:
    """The objective of a formula on columns of numbers, each (n,) and finite.

    `fixed` holds weights at a value: they are no longer among the objective's weights.
    Raises InputError where every weight is fixed, or a target does not fit the loss.
    """
    held = dict(fixed or {})
    names = tuple(name for name in formula.weights if name not in held)
    if not names:
        raise InputError(
            "Every weight is held, so there is nothing to descend on.",
            given=", ".join(f"{name}={value:g}" for name, value in held.items()),
            instead="Leave at least one weight free.",
        )
    used = {name: np.asarray(columns[name], dtype=np.float64) for name in formula.columns}
    rows = len(next(iter(columns.values()))) if columns else 0
    handed = _kept if rows <= few_rows.FEW_ROWS else _handed_over
    given = {name: handed(column) for name, column in used.items()}
    data: dict[str, Any] = {"fixed": {k: np.float64(v) for k, v in held.items()}}
    data["rows"] = {"columns": given, "target": None, "weight": None}
    if formula.target is None or loss is None:
        data["rows"]["target"] = handed(np.zeros(rows))
    else:
        target = target_of(formula.target, used, rows)
        check_target(target, loss)
        named = formula.target.name if isinstance(formula.target, Column) else None
        data["rows"]["target"] = handed(target) if named is None else given[named]
        data["rows"]["weight"] = None if row_weight is None else handed(row_weight)
    edges = [(bounds or {}).get(name, (-np.inf, np.inf)) for name in names]
    return Objective(
        names=names,
        kernel=FormulaKernel(formula.model, names, loss, gives),
        data=data,
        rows=rows,
        centre=np.zeros(len(names)),
        lower=np.array([low for low, _ in edges]),
        upper=np.array([high for _, high in edges]),
        work=max(rows, 1) * work_of(formula.model),
    )


def work_of(model: Node) -> int:
    """What one evaluation costs a row, in elementary operations, roughly."""
    waves = sum(isinstance(node, Call) and node.function in _WAVES for node in walk(model))
    return size(model) + _WAVE_WORK * waves


def target_of(target: Node, columns: Mapping[str, Vector], rows: int) -> Vector:
    """What is to be predicted, by the rows' columns: (rows,)."""
    found = np.asarray(tape_of(target).value(columns), dtype=np.float64)
    return np.broadcast_to(found, (rows,))


def _kept(column: Vector) -> Vector:
    """The same memory where nobody can write to it, else a copy."""
    if not column.flags.writeable:
        return column
    found = column.copy()
    found.flags.writeable = False
    return found


def _handed_over(column: Vector) -> jax.Array:
    """The same for JAX: handed over once, not at every call."""
    found: jax.Array = jax.device_put(_kept(column))
    return found


def check_target(target: Vector, loss: str, row_numbers: Steps | None = None) -> None:
    """Raise InputError where the target's values do not fit the loss.

    `row_numbers` (n,) are the rows' places in the data, where they are known.
    """
    if not np.all(np.isfinite(target)):
        row = int(np.argmin(np.isfinite(target)))
        place = f"kept row {row}" if row_numbers is None else f"row {row_numbers[row]:,}"
        raise InputError(
            "The target is not a finite number on every row.",
            given=f"{target[row]} on {place} (counted from 0)",
            instead="Leave such rows out with --where, or write another target.",
        )
    if loss_named(loss).of_classes and (np.min(target) < 0 or np.max(target) > 1):
        wrong = target[(target < 0) | (target > 1)][0]
        raise InputError(
            f"{loss.capitalize()} needs a target between 0 and 1.",
            given=f"a target of {wrong:g}",
            instead=f"Code the two classes as 0 and 1, or choose --loss {MSE.name}.",
        )


def row_weights(sigma: Vector, column: str) -> Vector:
    """1/σ² of each row (n,). Raises InputError where a standard deviation is not positive."""
    if np.any(sigma <= 0):
        raise InputError(
            "The standard deviations of the rows must be positive.",
            given=f"{count(int(np.sum(sigma <= 0)), 'row')} of {count(len(sigma))} in column "
            f"{escaped(column)}, the least {float(np.min(sigma)):g}",
            instead=f"Leave them out with --where {shlex.quote(f'{quoted(column)} > 0')}.",
        )
    return np.asarray(1.0 / sigma**2)


def function_objective(
    function: Callable[[jax.Array], jax.Array], names: tuple[str, ...]
) -> Objective:
    """The objective of a bare JAX function of a vector of weights (p,)."""
    infinite = np.full(len(names), np.inf)
    return Objective(
        names=names,
        kernel=FunctionKernel(function),
        data={"fixed": {}, "rows": {}},
        rows=0,
        centre=np.zeros(len(names)),
        lower=-infinite,
        upper=infinite,
        work=1000,
    )
