"""The loss on a plane through the last weights of a network, with its path projected on it."""

from __future__ import annotations

import math
from typing import TypedDict

import numpy as np

from steepest.records.arrays import Matrix, Vector
from steepest.records.training import LossPlane, TrainingRecord
from steepest.show.figures.contour import levels_of
from steepest.show.figures.figure import Axis, Figure, Frames, curve
from steepest.words.wording import count, number, percent, together


class PlaneData(TypedDict):
    """What `plane` draws; `here` and `place` are, by frame, the noted place nearest to it."""

    grid_x: Vector
    grid_y: Vector
    grid: Matrix
    levels: Vector
    path_x: Vector
    path_y: Vector
    path_step: list[int]
    path_loss: Vector
    here: list[tuple[float, float]]
    place: list[int]


def plane_figure(frames: Frames, record: TrainingRecord) -> Figure | str:
    """Areas of about the same loss, and the path; why not, where no plane was measured.

    `here` is for each frame the noted place of the path nearest to its step.
    """
    plane = None if record.learned is None else record.learned.plane
    if plane is None or not len(plane.path):
        return "The loss on a plane was not measured."
    steps = np.asarray(plane.steps)
    nearest = [int(np.argmin(np.abs(steps - step))) for step in frames.step.tolist()]
    title = _title(plane)
    return Figure(
        kind="plane",
        title=title,
        text=_text(title, plane),
        x=Axis("first direction of the path"),
        y=Axis("second direction"),
        frames=frames,
        data={
            "grid_x": curve(plane.first),
            "grid_y": curve(plane.second),
            "grid": curve(plane.losses, 4),
            "levels": levels_of(plane.losses),
            "path_x": curve(plane.path[:, 0]),
            "path_y": curve(plane.path[:, 1]),
            "path_step": steps,
            "path_loss": curve(plane.path_losses),
            "here": curve(plane.path[nearest]) if nearest else np.zeros((0, 2)),
            "place": nearest,
        },
        notes=(
            f"A projection: {percent(plane.share, 3)} of the path's length (squared) lies in this "
            "plane, the rest beside it, so where the path seems to be the loss is another one. "
            "1 on an axis changes each unit by the length of its own weights. The loss is the mean "
            f"over {count(plane.rows, 'row')}.",
        ),
    )


def _title(plane: LossPlane) -> str:
    first, last = float(plane.path_losses[0]), float(plane.path_losses[-1])
    share = percent(plane.share, 2)
    if not (math.isfinite(first) and math.isfinite(last)):
        return f"The path, projected on the plane that holds {share} of it."
    before, after = together(first, last)
    word = "down" if last < first else "up"
    return (
        f"The path leads {word} from a loss of {before} to {after}, projected on the plane that "
        f"holds {share} of it."
    )


def _text(title: str, plane: LossPlane) -> str:
    said = [title]
    known = np.isfinite(plane.losses)
    if known.any():
        low = np.unravel_index(np.argmin(np.where(known, plane.losses, np.inf)), plane.losses.shape)
        here, there = number(plane.first[low[1]], 3), number(plane.second[low[0]], 3)
        said.append(
            f"On the plane the loss is lowest at {here} and {there}, {number(plane.losses[low], 4)}"
            f", and at most {number(float(plane.losses[known].max()), 4)}; the training ended at 0 "
            "and 0."
        )
    start = plane.path[0]
    said.append(
        f"The path starts at {number(start[0], 3)} and {number(start[1], 3)} and has "
        f"{count(len(plane.path), 'place')}."
    )
    return " ".join(said)
