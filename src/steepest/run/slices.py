"""Slices of the loss around a run's path."""

from __future__ import annotations

import math

import numpy as np

from steepest.measure.landscape import along, over, span_around
from steepest.records.arrays import Vector
from steepest.records.document import thinned
from steepest.records.point import Landscape, Slice
from steepest.records.run import RunRecord
from steepest.run.walk import Past, Span
from steepest.words.errors import UsageError
from steepest.words.suggest import no_such

_MOST_POINTS = 1000
"""Along one axis."""


def slice_of(past: Past, weight: str, step: int | None, span: Span, points: int) -> Slice:
    """The loss along one weight. Raises UsageError."""
    place = place_of(past.record, weight)
    here = past.at(past.record.descent.final_step if step is None else step)
    trace = past.trace
    kept = thinned(trace)
    path, low = trace.weights[:, place], minimum_of(past.record, weight)
    values = _axis(past, weight, span, points, here.weights[weight], path, low)
    objective = past.walk.setup.at_hand.moving
    return Slice(
        weight=weight,
        values=values,
        loss=along(objective, objective.vector(here.weights), place, values),
        step=here.step,
        here=here.weights,
        loss_here=here.loss,
        slope=here.gradient[weight],
        path_step=trace.step[kept],
        path=path[kept],
        path_loss=trace.loss[kept],
        minimum=low,
    )


def landscape_of(
    past: Past,
    weights: tuple[str, str],
    step: int | None,
    spans: tuple[Span, Span],
    points: int,
) -> Landscape:
    """The loss over two weights. Raises UsageError."""
    places = place_of(past.record, weights[0]), place_of(past.record, weights[1])
    if places[0] == places[1]:
        raise UsageError(
            "A landscape needs two different weights.",
            given=f"{weights[0]} twice",
            instead=f"For one weight there is run.slice({weights[0]!r}).",
        )
    here = past.at(past.record.descent.final_step if step is None else step)
    trace = past.trace
    kept = thinned(trace)
    lows = [minimum_of(past.record, weight) for weight in weights]
    x, y = (
        _axis(past, weight, span, points, here.weights[weight], trace.weights[:, place], low)
        for weight, span, place, low in zip(weights, spans, places, lows, strict=True)
    )
    objective = past.walk.setup.at_hand.moving
    return Landscape(
        weights=weights,
        x=x,
        y=y,
        loss=over(objective, objective.vector(here.weights), places, x, y),
        step=here.step,
        here=here.weights,
        loss_here=here.loss,
        path_step=trace.step[kept],
        path=trace.weights[kept][:, list(places)],
        path_loss=trace.loss[kept],
        minimum=None if lows[0] is None or lows[1] is None else (lows[0], lows[1]),
    )


def place_of(record: RunRecord, weight: str) -> int:
    """The number of a weight. Raises UsageError where there is none of that name."""
    names = record.problem.weights
    if weight not in names:
        raise no_such("weight", weight, names)
    return names.index(weight)


def minimum_of(record: RunRecord, weight: str) -> float | None:
    """The weight at the known minimum; None where there is none."""
    minimum = record.measurements.minimum
    if minimum is None or not minimum.exists:
        return None
    found = minimum.weights.get(weight)
    return found if found is not None and math.isfinite(found) else None


def _axis(
    past: Past,
    weight: str,
    span: Span,
    points: int,
    here: float,
    path: Vector,
    minimum: float | None,
) -> Vector:
    if not 2 <= points <= _MOST_POINTS:
        raise UsageError(
            f"The number of points must be between 2 and {_MOST_POINTS:,}.", given=f"{points}"
        )
    if span is None:
        until = past.trace.step <= past.record.descent.final_step
        low, high = span_around([*path[until], here, *([] if minimum is None else [minimum])])
    else:
        low, high = span
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UsageError(
            f"The span of {weight} must have a lowest value below its highest.",
            given=f"{low:g} to {high:g}",
        )
    return np.linspace(low, high, points)
