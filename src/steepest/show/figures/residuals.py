"""What the predictions leave over, row by row."""

from __future__ import annotations

import math
from typing import TypedDict

import numpy as np

from steepest.records.arrays import Matrix, Steps, Vector
from steepest.show.figures.figure import Axis, Figure, Frames, curve
from steepest.show.figures.fit import Rows
from steepest.words.wording import count, number, together


class ResidualsData(TypedDict):
    """What `residuals` draws."""

    row: Steps
    data_x: Vector
    residual: Matrix


def residuals_figure(
    frames: Frames,
    rows: Rows,
    residual: Matrix,
    *,
    reach: tuple[float, float],
    notes: tuple[str, ...] = (),
) -> Figure:
    """Target minus prediction (F, R); `reach` is the lowest and the highest of all rows.

    It is taken where the figure opens.
    """
    title = _title(frames, rows, reach)
    above = int(np.sum(residual[frames.opens] > 0))
    return Figure(
        kind="residuals",
        title=title,
        text=f"{title} {count(len(rows.number), 'point')}, the residual against {rows.x_label}: "
        f"{count(above)} above zero.",
        x=Axis(rows.x_label),
        y=Axis(f"{rows.target_label} − prediction"),
        frames=frames,
        data={"row": rows.number, "data_x": curve(rows.x), "residual": curve(residual)},
        notes=(*rows.note, *notes),
    )


def _title(frames: Frames, rows: Rows, reach: tuple[float, float]) -> str:
    steps = int(frames.step[frames.opens])
    when = f"After {count(steps, 'step')}" if steps else "At the start"
    low, high = reach
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{when} the residuals are not finite numbers."
    if low == high:
        return f"{when} every residual is {number(low, 3)}."
    one, other = together(low, high)
    if low >= 0:
        return f"{when} the model lies below every row, by {one} to {other}."
    if high <= 0:
        below, most = together(-high, -low)
        return f"{when} the model lies above every row, by {below} to {most}."
    return f"{when} the residuals reach from {one} to {other}."
