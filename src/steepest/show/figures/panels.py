"""The predictions at steps of choice, side by side, as a course draws them."""

from __future__ import annotations

import numpy as np

from steepest.records.arrays import Matrix, Steps, Vector
from steepest.show.figures.figure import Axis, Figure, Frames
from steepest.show.figures.fit import Curve, Rows, RowsData, rows_data
from steepest.words.wording import count, listed, number, together

Range = tuple[float, float]


class PanelsData(RowsData):
    """What `panels` draws, at each step."""

    step: Steps
    range: Vector | None
    """Of the vertical axis; None: as far as the data and the model reach."""


def panels_figure(
    frames: Frames,
    rows: Rows,
    predicted: Matrix,
    *,
    model: Curve | None = None,
    ylim: Range | None = None,
    notes: tuple[str, ...] = (),
) -> Figure:
    """The data with the prediction (F, R), a panel a frame; a curve where there is one column."""
    steps = [count(step) for step in frames.step.tolist()]
    first, last = float(frames.loss[0]), float(frames.loss[-1])
    before, after = together(first, last)
    title = f"From step {steps[0]} to {steps[-1]} the loss goes from {before} to {after}."
    if len(steps) == 1:
        title = f"At step {steps[0]} the loss is {number(first, 3)}."
    against = "its prediction" if model is None else rows.x_label
    losses = listed([number(float(loss), 4) for loss in frames.loss])
    points = count(len(rows.number), "point")
    return Figure(
        kind="panels",
        title=title,
        text=f"{title} A panel for each, with {points} of {rows.target_label} against "
        f"{against}{'' if model is None else ' and the model as a curve'}. Their losses are "
        f"{losses}.",
        x=Axis("prediction" if model is None else rows.x_label),
        y=Axis(rows.target_label),
        frames=frames,
        data={
            **rows_data(rows, rows.x, predicted, model),
            "step": frames.step,
            "range": None if ylim is None else np.array(ylim, dtype=np.float64),
        },
        notes=(*rows.note, *_outside(rows.target, predicted, model, ylim), *notes),
    )


def _outside(
    target: Vector, predicted: Matrix, model: Curve | None, ylim: Range | None
) -> tuple[str, ...]:
    """What a range that was asked for leaves out."""
    if ylim is None:
        return ()
    low, high = ylim
    out = int(np.sum(~((target >= low) & (target <= high))))
    said = int(np.sum(~((predicted >= low) & (predicted <= high)))) if model is not None else 0
    parts = [count(out, "target")] * bool(out) + [count(said, "prediction")] * bool(said)
    if not parts:
        return ()
    lie = "lies" if out + said == 1 else "lie"
    return (f"{listed(parts)} {lie} outside of {number(low, 4)} to {number(high, 4)}.",)
