"""The prediction over the data, with the model of every frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, TypedDict

from steepest.records.arrays import Matrix, Steps, Vector
from steepest.show.figures.figure import Axis, Figure, Frames, curve
from steepest.words.wording import count, number, together


class RowsData(TypedDict):
    """Rows with the model beside them: a curve over one column, or the target by its prediction."""

    mode: Literal["curve", "predicted"]
    row: Steps
    data_x: Vector
    data_y: Vector
    predicted: Matrix
    curve_x: NotRequired[Vector]
    curve_y: NotRequired[Matrix]


class FitData(RowsData):
    """What `fit` draws."""

    best_y: NotRequired[Vector | None]


SAME = 1e-3
"""Within this share two root mean squares are about the same."""


@dataclass(frozen=True)
class Rows:
    """Rows of the data (R,), those that are drawn: their numbers, targets and one column."""

    number: Steps
    x: Vector
    """The only column of the model, else the target; the row's number where neither says much."""
    target: Vector
    x_label: str
    target_label: str
    of: int
    """How many rows there are in all."""

    @property
    def note(self) -> tuple[str, ...]:
        """What a figure says where it does not draw all rows."""
        drawn = len(self.number)
        if drawn == self.of:
            return ()
        return (f"Drawn are {count(drawn)} of {count(self.of, 'row')}, evenly chosen.",)


@dataclass(frozen=True)
class Curve:
    """The model over its only column: `y` (F, C) at `x` (C,), `best` (C,) at the minimum."""

    x: Vector
    y: Matrix
    best: Vector | None


@dataclass(frozen=True)
class Quality:
    """How good the predictions are on all rows: at the start, where the figure opens, at best.

    `right` counts rows that are told right (classes); else they are root mean squares of target
    minus prediction.
    """

    start: float
    here: float
    best: float | None
    right: bool = False


def fit_figure(
    frames: Frames,
    rows: Rows,
    predicted: Matrix,
    quality: Quality,
    *,
    model: Curve | None = None,
    notes: tuple[str, ...] = (),
) -> Figure:
    """The data with the prediction (F, R) at each frame, as a curve where there is one column."""
    title = _title(frames, rows, quality)
    left = rows.x if model is not None else predicted[frames.opens]
    shared = rows_data(rows, left, predicted, model)
    target = rows.target_label
    if model is None:
        return Figure(
            kind="fit",
            title=title,
            text=f"{title} {count(len(rows.number), 'point')}: the target {target} against its "
            "prediction. Where the prediction is right they lie on the line of equal values.",
            x=Axis("prediction"),
            y=Axis(target),
            frames=frames,
            data=shared,
            notes=(*rows.note, *notes),
        )
    text = (
        f"{title} {count(len(rows.number), 'point')} of {target} against {rows.x_label}, and the "
        f"model as a curve from {number(model.y[frames.opens, 0], 4)} at {rows.x_label} = "
        f"{number(model.x[0], 4)} to {number(model.y[frames.opens, -1], 4)} at {rows.x_label} = "
        f"{number(model.x[-1], 4)}."
    )
    return Figure(
        kind="fit",
        title=title,
        text=text,
        x=Axis(rows.x_label),
        y=Axis(target),
        frames=frames,
        data={
            **shared,
            "best_y": None if model.best is None else curve(model.best),
        },
        notes=(*rows.note, *notes),
    )


def rows_data(rows: Rows, left: Vector, predicted: Matrix, model: Curve | None) -> dict[str, Any]:
    """The rows as `RowsData`, `left` (R,) being where they lie from left to right."""
    found: dict[str, Any] = {
        "mode": "predicted" if model is None else "curve",
        "row": rows.number,
        "data_x": curve(left),
        "data_y": curve(rows.target),
        "predicted": curve(predicted),
    }
    if model is not None:
        found |= {"curve_x": curve(model.x), "curve_y": curve(model.y)}
    return found


def _title(frames: Frames, rows: Rows, quality: Quality) -> str:
    steps = int(frames.step[frames.opens])
    when = f"After {count(steps, 'step')}" if steps else "At the start"
    if quality.right:
        best = "" if quality.best is None else f"; at the minimum {count(round(quality.best))}"
        return (
            f"{when} the model tells {count(round(quality.here))} of {count(rows.of, 'row')} "
            f"right{best}."
        )
    if not math.isfinite(quality.here):
        return f"{when} the predictions are not finite numbers."
    if quality.best is None:
        first, here = together(quality.start, quality.here)
        since = f"; at the start by {first}" if steps and math.isfinite(quality.start) else ""
        return f"{when} the model misses the data by {here} (root mean square){since}."
    if math.isclose(quality.here, quality.best, rel_tol=SAME):
        here = number(quality.here, 3)
        return f"{when} the model misses the data by {here} (root mean square), as at the minimum."
    here, best = together(quality.here, quality.best)
    return (
        f"{when} the model misses the data by {here} (root mean square); at the minimum by {best}."
    )
