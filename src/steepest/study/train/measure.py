"""What a trained network can do, and what its gradient says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np

from steepest.descent.training import outputs_of
from steepest.measure.far_target import far_target
from steepest.measure.network_landscape import SIDE, loss_plane
from steepest.measure.network_probe import Point, backward_values, row_gradients, row_losses
from steepest.methods.losses import LOSS, MAE, RMSE
from steepest.objective.networks import Weights, scores
from steepest.records.arrays import Matrix, Steps, Vector
from steepest.records.training import (
    GradientExplained,
    InputFacts,
    LayerGradient,
    LossPlane,
    Reach,
    RowPull,
)
from steepest.study.train.course import Course
from steepest.study.train.rows import Split

MOST_WRONG: Final = 100
MOST_SHOWN: Final = 24
MOST_PULLS: Final = 10
MOST_UNITS: Final = 8
MOST_ON_PLANE: Final = 1000
"""Rows over which the loss on a plane is taken."""

WORK_ON_PLANE: Final = 10**11
"""Weights times rows times places, at most: a few seconds."""

MOST_EXPLAINED: Final = 2048
"""Rows of the batch whose gradient is explained."""


@dataclass(frozen=True, eq=False)
class Judged:
    """How well weights do on rows."""

    metrics: Mapping[str, float]
    confusion: Steps | None
    wrong: Steps | None
    wrong_inputs: Matrix | None


def judged(course: Course, split: Split) -> Judged:
    """Judge the weights on the rows held out, else on those that were learned from."""
    rows, trainer = split.judged, course.plan.trainer
    loss, share = trainer.judge(course.weights, jnp.asarray(rows.inputs), jnp.asarray(rows.targets))
    outputs = outputs_of(course.plan.network, course.weights, rows.inputs)
    if rows.classes is None or share is None:
        return Judged({"loss": loss, **_of_numbers(outputs, rows.targets)}, None, None, None)
    found = np.asarray(scores(outputs).argmax(1))
    table = np.zeros((len(rows.classes), len(rows.classes)), dtype=np.int64)
    np.add.at(table, (rows.targets.astype(np.int64), found), 1)
    missed = np.flatnonzero(found != rows.targets)[:MOST_WRONG]
    wrong = np.stack([rows.rows[missed], rows.targets[missed], found[missed]], axis=1)
    return Judged(
        {"loss": loss, "accuracy": share},
        table,
        wrong.astype(np.int64),
        _as_given(split, rows.inputs[missed[:MOST_SHOWN]]),
    )


def reach_of(course: Course) -> Reach | None:
    """What comes out where it stands for the rows learned from, beside targets that are numbers."""
    plan, rows = course.plan, course.plan.split.learned
    if rows.classes is not None or LOSS[plan.loss].of_classes:
        return None
    outputs = outputs_of(plan.network, course.stand.weights, rows.inputs)
    targets = np.asarray(rows.targets, np.float64)
    far = far_target(np.ravel(targets))
    return Reach(
        output_mean=float(outputs.mean()),
        output_deviation=float(outputs.std()),
        target_mean=float(targets.mean()),
        target_deviation=float(targets.std()),
        r_squared=_of_numbers(outputs, targets)["r_squared"],
        far=None if far is None else far[1:],
    )


def _as_given(split: Split, inputs: Any) -> Matrix:
    """Inputs as the data has them, from those that the network takes."""
    return np.asarray(inputs * split.scale + split.shift, dtype=np.float64)


def _of_numbers(outputs: Matrix, targets: Any) -> dict[str, float]:
    """Over all outputs; r² against the mean of each."""
    off = outputs - targets
    spread = float(np.square(targets - targets.mean(0, dtype=np.float64)).sum())
    with np.errstate(all="ignore"):
        return {
            RMSE.name: float(np.sqrt(np.square(off).mean())),
            MAE.name: float(np.abs(off).mean()),
            "r_squared": 1 - float(np.square(off).sum()) / spread if spread > 0 else math.nan,
        }


def input_facts(split: Split, course: Course) -> InputFacts:
    """What comes into the network, over all rows that are learned from."""
    inputs = split.learned.inputs
    means = np.abs(inputs.mean(axis=0, dtype=np.float64))
    deviations = inputs.std(axis=0, dtype=np.float64)
    constant = inputs.min(axis=0) == inputs.max(axis=0)  # a deviation may be off by a rounding
    vary = deviations[~constant]
    plan = course.plan
    rows = len(split.learned)
    whole = rows % plan.batch_rows == 0
    return InputFacts(
        rows=plan.batch_rows,
        features=inputs.shape[1],
        largest_mean=float(means.max()),
        largest_deviation=float(deviations.max()),
        smallest_deviation=float(vary.min()) if len(vary) else None,
        constant=tuple(int(place) for place in np.flatnonzero(constant)),
        period=plan.per_epoch if whole and not plan.shuffle else None,
    )


def explained(course: Course, split: Split) -> GradientExplained | None:
    """The gradient of the next batch where the training ended, tensor by tensor and row by row.

    None where it has entries that are not finite.
    """
    plan, learned = course.plan, split.learned
    batch = plan.batches.take(course.step, 1)[0][:MOST_EXPLAINED]
    stand = course.stand
    point = Point(
        plan.network,
        plan.loss,
        stand.weights,
        learned.inputs[batch],
        learned.targets[batch],
    )
    rates = plan.rates(max(0, course.step - 1), max(1, course.step))
    moved, written = plan.trainer.steps(stand, batch[None, :], rates)
    slopes = moved.last
    if not np.isfinite(written.gradient).all():
        return None
    outputs = outputs_of(plan.network, stand.weights, learned.inputs[batch])
    losses = row_losses(point)
    squares, along, length = row_gradients(point)
    order = np.argsort(-np.abs(along), kind="stable")[:MOST_PULLS]
    units, weights, gradients = _units(stand.weights, slopes)
    return GradientExplained(
        step=course.step,
        loss=float(written.loss[0]),
        rows=len(batch),
        tensors=tuple(
            LayerGradient(name, shape, float(w), float(g), float(u))
            for name, shape, w, g, u in zip(
                plan.network.names,
                plan.network.shapes,
                written.weight[0],
                written.gradient[0],
                written.update[0],
                strict=True,
            )
        ),
        passes=_passes(point, learned.inputs[batch], losses),
        pulls=tuple(
            RowPull(
                row=int(learned.rows[batch[place]]),
                target=float(np.ravel(learned.targets[batch[place]])[0]),
                output=_said(outputs[place], plan.loss),
                loss=float(losses[place]),
                pull=float(along[place]) / math.sqrt(length) if length > 0 else math.nan,
                length=math.sqrt(float(squares[place])),
            )
            for place in order
        ),
        units=units,
        unit_weights=weights,
        unit_gradients=gradients,
        pictures=_as_given(split, learned.inputs[batch[order]]),
    )


def plane(course: Course, split: Split) -> LossPlane | None:
    """The loss on the plane in which the path was longest; None where the path was not noted."""
    plan, learned = course.plan, split.learned
    if not course.path or not np.isfinite(course.trace.loss[-1:]).all():
        return None
    rows = min(MOST_ON_PLANE, WORK_ON_PLANE // (SIDE**2 * plan.network.size))
    leaves = jax.tree.leaves(course.stand.weights)
    path = {**course.path, course.step: np.concatenate([np.ravel(leaf) for leaf in leaves])}
    point = Point(
        plan.network,
        plan.loss,
        course.stand.weights,
        learned.inputs[:rows],
        learned.targets[:rows],
    )
    return loss_plane(point, np.stack(list(path.values())), np.array(list(path)))


def _said(outputs: Vector, loss: str) -> float:
    return float(scores(outputs[None]).argmax() if LOSS[loss].of_classes else outputs[0])


def _units(weights: Weights, slopes: Weights) -> tuple[tuple[int, ...], Matrix, Matrix]:
    """The units of the first layer with the longest gradients, those first."""
    matrix, slope = np.asarray(weights[0][0], np.float64), np.asarray(slopes[0][0], np.float64)
    order = np.argsort(-np.linalg.norm(slope, axis=1), kind="stable")[:MOST_UNITS]
    return tuple(int(place) for place in order), matrix[order], slope[order]


def _passes(
    point: Point, inputs: Any, losses: Vector
) -> tuple[tuple[str, tuple[int, ...], float, float], ...]:
    values, adjoints = backward_values(point)
    length = float(np.linalg.norm(inputs.astype(np.float64)))
    found = [("inputs", tuple(inputs.shape), length, math.nan)]
    for place, (value, adjoint) in enumerate(zip(values, adjoints, strict=True), start=1):
        layer = point.network.layers[place - 1]
        what = f"layer {place}: {layer.inputs} to {layer.outputs}"
        if layer.activation is not None:
            what += f", {layer.activation}"
        back = float(np.linalg.norm(adjoint))
        found.append((what, tuple(value.shape), float(np.linalg.norm(value)), back))
    found.append((f"loss: {point.loss}", (), float(losses.mean()), 1.0))
    return tuple(found)


def arrays(weights: Weights) -> tuple[Any, ...]:
    """The tensors in order, as they are kept."""
    return tuple(np.asarray(leaf) for leaf in jax.tree.leaves(weights))
