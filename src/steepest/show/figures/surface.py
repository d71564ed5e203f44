"""The same plane as a contour shows, as a surface to look at from the side."""

from __future__ import annotations

import math

from steepest.records.arrays import Vector
from steepest.show.figures.contour import ContourData, Plane, in_words, parts_of, weights_of
from steepest.show.figures.figure import Axis, Figure, Frames, curve
from steepest.show.figures.loss import shape_scale
from steepest.words.wording import count, number, together


class SurfaceData(ContourData):
    """What `surface` draws."""

    path_height: Vector
    height: Vector
    minimum_height: float | None


def surface_figure(
    frames: Frames,
    plane: Plane,
    path_height: Vector,
    height: Vector,
    minimum_height: float | None,
    notes: tuple[str, ...] = (),
) -> Figure:
    """The surface with the path on it: `path_height` (P,) and `height` (F,) are losses on it."""
    names = weights_of(frames, plane)
    title = _title(frames, plane, height, minimum_height)
    return Figure(
        kind="surface",
        title=title,
        text=f"{title} {in_words(names, plane)}",
        x=Axis(names[0]),
        y=Axis(names[1]),
        z=Axis("loss", shape_scale(plane.loss)),
        frames=frames,
        data={
            **parts_of(frames, plane),
            "path_height": curve(path_height),
            "height": curve(height),
            "minimum_height": minimum_height,
        },
        notes=notes,
    )


def _title(frames: Frames, plane: Plane, height: Vector, minimum: float | None) -> str:
    place = frames.opens
    steps = int(frames.step[place])
    first, here = float(height[0]), float(height[place])
    surface = f"the surface with {plane.held}" if plane.held else "the surface of the loss"
    best = "" if minimum is None else f"; its lowest point is {number(minimum, 3)}"
    if steps == 0:
        return f"The descent starts on {surface} at a height of {number(here, 4)}{best}."
    done = count(steps, "step")
    if not (math.isfinite(first) and math.isfinite(here)):
        return (
            f"On {surface}, the path begins at {number(first, 4)}, and after {done} is "
            f"{number(here, 4)}{best}."
        )
    one, other = together(first, here)
    way = "down" if here < first else "up" if here > first else "level"
    if way == "level":
        return f"On {surface}, {done} {_verb('stay', steps)} at a height of {other}{best}."
    return f"On {surface}, {done} {_verb('lead', steps)} {way} from {one} to {other}{best}."


def _verb(verb: str, steps: int) -> str:
    return f"{verb}s" if steps == 1 else verb
