"""The loss along one weight, with the tangent and the next step."""

from __future__ import annotations

import math
from typing import TypedDict

import numpy as np

from steepest.records.arrays import Matrix, Vector
from steepest.show.figures.figure import Axis, Figure, Frames, curve
from steepest.show.figures.loss import shape_scale
from steepest.words.wording import count, number


class AlongData(TypedDict):
    """What is drawn at each frame on a curve of the loss."""

    here: Vector
    loss_here: Vector
    slope: Vector
    next: Vector
    next_loss: Vector


class SliceData(AlongData):
    """What `slice` draws."""

    weight: str
    index: int
    values: Vector
    losses: Matrix
    minimum: float | None


LEVEL = 1e-9
"""A slope that is this small beside the steepest one is none."""


def slice_figure(
    frames: Frames,
    index: int,
    values: Vector,
    losses: Matrix,
    next_loss: Vector,
    *,
    minimum: float | None = None,
    notes: tuple[str, ...] = (),
) -> Figure:
    """The loss (F, C) at `values` (C,) of weight number `index`, the others as at each frame.

    `next_loss` (F,) is the loss with this weight alone moved to where the next step brings it.
    """
    weight = frames.weights[index]
    title = slope_title(frames, index, minimum)
    return Figure(
        kind="slice",
        title=title,
        text=f"{title} {curve_in_words(weight, values, losses[frames.opens])}",
        x=Axis(weight),
        y=Axis("loss", shape_scale(losses[: frames.opens + 1])),
        frames=frames,
        data={
            "weight": weight,
            "index": index,
            "values": curve(values),
            "losses": curve(losses),
            **at_frames(frames, index, next_loss),
            "minimum": minimum,
        },
        notes=notes,
    )


def at_frames(frames: Frames, index: int, next_loss: Vector) -> dict[str, Vector]:
    """What a slice shows at each frame: the point, its tangent and the next one."""
    following = frames.values if frames.following is None else frames.following
    return {
        "here": frames.values[:, index],
        "loss_here": frames.loss,
        "slope": frames.gradient[:, index],
        "next": following[:, index],
        "next_loss": next_loss,
    }


def slope_title(frames: Frames, index: int, minimum: float | None) -> str:
    """Say which way the loss falls where the figure opens, and how far the minimum is."""
    weight, place = frames.weights[index], frames.opens
    here, slope = float(frames.values[place, index]), float(frames.gradient[place, index])
    when = f"At step {count(int(frames.step[place]))}"
    if not math.isfinite(here):
        return f"{when} {weight} is {number(here)}, so the loss has no slope along it."
    if not math.isfinite(slope):
        return f"{when} the slope along {weight} is {number(slope)}."
    at = f"{weight} is {number(here, 4)}"
    best = "" if minimum is None else _best(here, minimum)
    steep = np.abs(frames.gradient[: place + 1, index])
    if abs(slope) <= LEVEL * np.max(steep, initial=0.0, where=np.isfinite(steep)):
        return f"{when} {at} and the loss is level along it{best}."
    way = "raising" if slope < 0 else "lowering"
    return f"{when} {at} and the slope {number(slope, 3)}: {way} it lowers the loss{best}."


def _best(here: float, minimum: float) -> str:
    if math.isclose(here, minimum, rel_tol=1e-3, abs_tol=1e-9):
        return ", and it is at the minimum"
    return f"; at the minimum it is {number(minimum, 4)}"


def curve_in_words(weight: str, values: Vector, losses: Vector) -> str:
    """Write the course of a curve, for who cannot see it."""
    known = np.isfinite(losses)
    if not known.any():
        return (
            f"Along {weight} from {number(values[0], 4)} to {number(values[-1], 4)} the loss is "
            "nowhere a finite number."
        )
    low = int(np.nanargmin(np.where(known, losses, np.nan)))
    return (
        f"Along {weight} from {number(values[0], 4)} to {number(values[-1], 4)} the loss goes from "
        f"{number(losses[0], 4)} to {number(losses[-1], 4)}; lowest is {number(losses[low], 4)} "
        f"at {number(values[low], 4)}."
    )
