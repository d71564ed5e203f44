"""What single rows add to each partial."""

from __future__ import annotations

import math
from typing import TypedDict

import numpy as np

from steepest.records.arrays import Cube, Matrix, Steps, Vector
from steepest.show.figures.figure import Axis, Figure, Frames, curve
from steepest.words.wording import count, number, percent


class PullsData(TypedDict):
    """What `pulls` draws: what each row adds, by frame, weight and row; and the others together."""

    row: Steps
    weights: list[str]
    amount: Cube
    rest: Matrix


def pulls_figure(
    frames: Frames,
    rows: Steps,
    amount: Vector,
    rest: Vector,
    *,
    of: int,
    notes: tuple[str, ...] = (),
) -> Figure:
    """`amount` (F, W, R) of the rows (R,) that pull hardest, `rest` (F, W) of all the others.

    `of` is the number of all rows.
    """
    title = _title(frames, rows, amount, rest)
    drawn = len(rows)
    few = (f"Drawn are the {count(drawn)} of {count(of, 'row')} that pull hardest.",)
    return Figure(
        kind="pulls",
        title=title,
        text=_text(title, frames, rows, amount),
        x=Axis("row"),
        y=Axis("part of the partial"),
        frames=frames,
        data={
            "row": rows,
            "weights": frames.weights,
            "amount": curve(amount),
            "rest": curve(rest),
        },
        notes=(*(few if drawn < of else ()), *notes),
    )


def _title(frames: Frames, rows: Steps, amount: Vector, rest: Vector) -> str:
    place = frames.opens
    here = amount[place]
    when = f"At step {count(int(frames.step[place]))}"
    if not len(rows) or not np.isfinite(here).all():
        return f"{when} the pulls are not finite numbers."
    size = np.max(np.abs(here), axis=1, keepdims=True)
    if not np.any(size > 0):
        return f"{when} no row pulls at any weight."
    share = np.abs(here) / np.where(size > 0, size, 1.0)
    row = int(np.argmax(np.sum(share, axis=0)))
    weight = int(np.argmax(np.abs(here[:, row]) / np.where(size[:, 0] > 0, size[:, 0], 1.0)))
    total = float(np.sum(here[weight]) + rest[place, weight])
    mine, name = float(here[weight, row]), frames.weights[weight]
    part = mine / total if total else math.inf
    lead = f"{when} row {rows[row]} pulls hardest"
    if 0 < part <= 1:
        return f"{lead}: it makes {percent(part)} of the partial of {name}, {number(total, 4)}."
    return (
        f"{lead}: at {name} with {number(mine, 3)}, while all rows together make "
        f"{number(total, 3)}."
    )


def _text(title: str, frames: Frames, rows: Steps, amount: Vector) -> str:
    said = [title]
    for place, name in enumerate(frames.weights):
        here = amount[frames.opens, place]
        order = np.argsort(-np.abs(here), kind="stable")[:3]
        pairs = ", ".join(f"row {rows[i]} with {number(here[i], 3)}" for i in order)
        said.append(f"At {name} pull hardest: {pairs}.")
    return " ".join(said)
