"""A function of one variable: the curve, the point on it, its tangent and the next step."""

from __future__ import annotations

import math

import numpy as np

from steepest.records.arrays import Vector
from steepest.show.figures.figure import Axis, Figure, Frames, curve
from steepest.show.figures.loss import shape_scale
from steepest.show.figures.slice import AlongData, at_frames, curve_in_words
from steepest.words.wording import count, number


class FunctionData(AlongData):
    """What `function` draws."""

    values: Vector
    losses: Vector
    minimum: float | None


def function_figure(
    frames: Frames,
    values: Vector,
    losses: Vector,
    next_loss: Vector,
    *,
    minimum: float | None = None,
    notes: tuple[str, ...] = (),
) -> Figure:
    """The function (C,) at `values` (C,) of its only variable; `next_loss` is (F,)."""
    (name,) = frames.weights
    title = _title(frames, minimum)
    return Figure(
        kind="function",
        title=title,
        text=f"{title} {curve_in_words(name, values, losses)}",
        x=Axis(name),
        y=Axis("loss", shape_scale(losses)),
        frames=frames,
        data={
            "values": curve(values),
            "losses": curve(losses),
            **at_frames(frames, 0, next_loss),
            "minimum": minimum,
        },
        notes=notes,
    )


def _title(frames: Frames, minimum: float | None) -> str:
    (name,) = frames.weights
    points = frames.values[:, 0]
    first, place = float(points[0]), frames.opens
    last, steps = float(points[place]), int(frames.step[place])
    best = ""
    if minimum is not None:
        there = math.isfinite(last) and math.isclose(last, minimum, rel_tol=1e-3, abs_tol=1e-3)
        best = ", the minimum" if there else f"; the minimum is at {number(minimum, 4)}"
    if steps == 0 and len(frames) > 1:
        lost = float(points[1])
        return (
            f"{name} starts at {number(first, 4)}; the first step leads to {number(lost, 4)}, "
            f"where the function is {number(float(frames.loss[1]), 4)}."
        )
    if steps == 0:
        return f"{name} starts at {number(first, 4)}{best}."
    turns = _turns(points[: place + 1])
    jumps = (
        f", jumping to and fro in {count(turns)} of them" if turns > 1 and 2 * turns > steps else ""
    )
    return (
        f"In {count(steps, 'step')} {name} goes from {number(first, 4)} to "
        f"{number(last, 4)}{jumps}{best}."
    )


def _turns(points: Vector) -> int:
    with np.errstate(all="ignore"):
        moves = np.sign(np.diff(points))
    return int(np.sum(moves[1:] * moves[:-1] < 0))
