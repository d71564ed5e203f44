"""A fit's loss, its slopes and its backward pass where rows are few, in NumPy.

Nothing here takes as long as compiling a program does, and most fits that people make have few
rows. What comes out is what `objective` gives by JAX, to rounding.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeGuard

import numpy as np

from steepest.formula.nodes import varying
from steepest.formula.own import own
from steepest.formula.reverse import Tape, tape_of, times
from steepest.methods.losses import loss_named
from steepest.objective.kernels import FormulaKernel
from steepest.records.arrays import Matrix, Vector

FEW_ROWS: Final = 2000
"""Up to so many rows."""


class Passes(NamedTuple):
    """What went forward through the stages of a loss, and back: the prediction's place is first."""

    values: tuple[Any, ...]
    adjoints: tuple[Any, ...]

    @property
    def loss(self) -> float:
        """The value of the last stage."""
        return float(self.values[-1])


def are_few(data: Mapping[str, Any]) -> bool:
    """Whether these are rows of a fit that are few, and stayed arrays of NumPy."""
    target = data.get("rows", {}).get("target")
    return isinstance(target, np.ndarray) and 0 < len(target) <= FEW_ROWS


def serves(kernel: object, data: Mapping[str, Any]) -> TypeGuard[FormulaKernel]:
    """Whether a kernel on these rows is computed here."""
    return isinstance(kernel, FormulaKernel) and are_few(data)


def predictions(kernel: FormulaKernel, position: Vector, data: Mapping[str, Any]) -> Vector:
    """The formula's value on each row, (n,)."""
    given = kernel.tape.value(_values(kernel, position, data))
    found: Vector = _wide(np.asarray(given, dtype=np.float64), _shape(data))
    return found


def jacobian(kernel: FormulaKernel, position: Vector, data: Mapping[str, Any]) -> Matrix:
    """Its derivative on each row by each weight, (n, p)."""
    return _with_slopes(kernel, position, data)[1]


def value(kernel: FormulaKernel, position: Vector, data: Mapping[str, Any]) -> float:
    """The loss."""
    kernel = kernel.of_logit
    return _through(kernel, predictions(kernel, position, data), data).loss


def values(kernel: FormulaKernel, positions: Matrix, data: Mapping[str, Any]) -> Vector:
    """The loss of each of many positions, (k, p) -> (k,). Takes rows of any number."""
    kernel = kernel.of_logit
    assert kernel.loss_name is not None
    target, weight = np.asarray(data["rows"]["target"]), data["rows"]["weight"]
    prediction = kernel.tape.value(_values(kernel, positions.T[:, :, None], data))
    with np.errstate(all="ignore"):
        given = {"p": prediction, "t": target, "r": prediction - target}
        costs = _cost(kernel.loss_name, kernel.gives).value(given)
        mean = _mean(_wide(costs, (len(positions), *target.shape)), weight)
        found: Vector = np.sqrt(mean) if loss_named(kernel.loss_name).root else mean
    return found


def jacobians(
    kernel: FormulaKernel, positions: Matrix, data: Mapping[str, Any], names: tuple[str, ...]
) -> tuple[Matrix, Any]:
    """The formula's value on each row, and its derivative by each of some weights.

    Of many positions, (k, p) -> (k, n) and (k, n, q). Takes rows of any number.
    """
    tape = kernel.tape
    found = tape.run(_values(kernel, positions.T[:, :, None], data))
    adjoints = tape.adjoints(found, 1.0, names)
    shape = (len(positions), *_shape(data))
    slopes = np.empty((*shape, len(names)))
    for place, name in enumerate(names):
        slopes[..., place] = tape.slope(adjoints, name)
    return _wide(np.asarray(tape.given(found), dtype=np.float64), shape), slopes


def value_and_gradient(
    kernel: FormulaKernel, position: Vector, data: Mapping[str, Any]
) -> tuple[float, Vector]:
    """The loss and its gradient (p,)."""
    kernel = kernel.of_logit
    found, slopes = _with_slopes(kernel, position, data)
    passes = _through(kernel, found, data)
    with np.errstate(all="ignore"):
        gradient = passes.adjoints[0] @ slopes
        if not np.all(np.isfinite(gradient)):
            gradient = np.sum(times(passes.adjoints[0][:, None], slopes), axis=0)
    return passes.loss, gradient


def through_loss(name: str, gives: str, prediction: Any, data: Mapping[str, Any]) -> Passes:
    """Predictions (n,), or one for all rows, through the stages of a loss, and back."""
    target, weight = np.asarray(data["rows"]["target"]), data["rows"]["weight"]
    loss = loss_named(name)
    prediction = _wide(prediction, target.shape)
    by = "p" if loss.of_classes else "r"
    cost = _cost(name, gives)
    with np.errstate(all="ignore"):
        residual = prediction - target
        found = cost.run({"p": prediction, "t": target, "r": residual})
        costs = _wide(cost.given(found), target.shape)
        slope = cost.slope(cost.adjoints(found, 1.0, (by,)), by)
        share = np.full(len(target), 1.0 / len(target)) if weight is None else _shares(weight)
        mean = _mean(costs, weight)
        root = np.sqrt(mean) if loss.root else None
        outer = 1.0
        if root is not None:
            # Of a root that is infinite nothing is known but that it is no minimum.
            outer = np.nan if np.isinf(root) else (0.5 / root if root else 0.0)
        by_cost = outer * share
        by_prediction = _wide(times(by_cost, slope), target.shape)
    values: list[Any] = [prediction]
    adjoints: list[Any] = [by_prediction]
    if not loss.of_classes:
        values.append(residual)
        adjoints.append(by_prediction)
    values += [costs, mean]
    adjoints += [by_cost, np.float64(outer)]
    if root is not None:
        values.append(root)
        adjoints.append(np.float64(1.0))
    return Passes(tuple(values), tuple(adjoints))


def _cost(name: str, gives: str) -> Tape:
    return tape_of(own(loss_named(name).form(gives).safe))


def _shares(weight: Any) -> Vector:
    weight = np.asarray(weight)
    return np.asarray(weight / np.sum(weight))


def _mean(costs: Any, weight: Any) -> Any:
    """The mean over rows, which come last."""
    if weight is None:
        return np.mean(costs, axis=-1)
    # A row of weight 0 must not spoil the mean with 0 * inf.
    return np.sum(_shares(weight) * np.where(np.asarray(weight) > 0, costs, 0.0), axis=-1)


def _through(kernel: FormulaKernel, prediction: Any, data: Mapping[str, Any]) -> Passes:
    assert kernel.loss_name is not None
    return through_loss(kernel.loss_name, kernel.gives, prediction, data)


def backward(kernel: FormulaKernel, position: Vector, data: Mapping[str, Any]) -> Passes:
    """The value and adjoint of every node of the formula, and of the stages of the loss.

    Each row has nodes of its own up to the mean, (n,), so that what goes through each is known.
    Where there is no loss, the formula's own value is the end.
    """
    tape = kernel.tape
    found = tape.run(_values(kernel, position, data))
    shape: tuple[int, ...] = ()
    after = Passes((None,), (1.0,))
    if kernel.loss_name is not None:
        shape = _shape(data)
        after = _through(kernel, tape.given(found), data)
    adjoints = tape.adjoints(found, after.adjoints[0])
    places = [tape.nodes[node].number for node in varying(kernel.model)]
    return Passes(
        (*(_wide(found[one], shape) for one in places), *after.values[1:]),
        (*(_wide(adjoints[one], shape) for one in places), *after.adjoints[1:]),
    )


def _with_slopes(
    kernel: FormulaKernel, position: Vector, data: Mapping[str, Any]
) -> tuple[Vector, Matrix]:
    tape = kernel.tape
    found = tape.run(_values(kernel, position, data))
    adjoints = tape.adjoints(found, 1.0, kernel.weights)
    shape = _shape(data)
    slopes = np.empty((*shape, len(kernel.weights)))
    for place, name in enumerate(kernel.weights):
        slopes[:, place] = tape.slope(adjoints, name)
    # What is so small has lost its digits, and JAX takes it for 0 as well.
    slopes[np.abs(slopes) < sys.float_info.min] = 0.0
    return _wide(np.asarray(tape.given(found), dtype=np.float64), shape), slopes


def _values(kernel: FormulaKernel, position: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """What each name of the formula stands for: each weight (), or (k, 1) of k positions."""
    weights = dict(zip(kernel.weights, position, strict=True))
    columns = {name: np.asarray(column) for name, column in data["rows"]["columns"].items()}
    return {**weights, **data["fixed"], **columns}


def _wide(value: Any, shape: tuple[int, ...]) -> Any:
    return value if np.shape(value) == shape else np.broadcast_to(value, shape)


def _shape(data: Mapping[str, Any]) -> tuple[int, ...]:
    shape: tuple[int, ...] = data["rows"]["target"].shape
    return shape
