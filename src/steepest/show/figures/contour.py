"""The loss over two weights, with the path of the descent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from steepest.records.arrays import Matrix, Steps, Vector
from steepest.show.figures.figure import Axis, Figure, Frames, curve
from steepest.words.wording import count, number, percent


class HeldData(TypedDict):
    """Where the other weights are held."""

    text: str


class ContourData(TypedDict):
    """What `contour` draws."""

    weights: tuple[str, str]
    grid_x: Vector
    grid_y: Vector
    grid: Matrix
    held: HeldData | None
    levels: Vector
    path_x: Vector
    path_y: Vector
    path_step: Steps
    here: list[tuple[float, float]]
    next: list[tuple[float, float]]
    minimum: tuple[float, float] | None


LEVELS = (0.01, 0.03, 0.07, 0.13, 0.2, 0.3, 0.4, 0.5, 0.62, 0.74, 0.86, 0.95)
"""Shares of the plane that lie below each contour line: they are spread whatever the loss does."""

INSIDE = 0.4
"""Share of the points below a contour line that have no neighbour above it, at least."""

WAY = " of the way to the minimum"


@dataclass(frozen=True)
class Plane:
    """The loss over two weights: `loss` (n, m) at `x` (m,) and `y` (n,), the path over it (P, 2).

    `places` are the weights' numbers; `held` says in words where the others are held.
    """

    places: tuple[int, int]
    x: Vector
    y: Vector
    loss: Matrix
    held: str
    path: Matrix
    path_step: Steps
    minimum: tuple[float, float] | None


def contour_figure(frames: Frames, plane: Plane, notes: tuple[str, ...] = ()) -> Figure:
    """Lines of equal loss over two weights."""
    names = weights_of(frames, plane)
    title = _title(frames, plane)
    return Figure(
        kind="contour",
        title=title,
        text=f"{title} {in_words(names, plane)}",
        x=Axis(names[0]),
        y=Axis(names[1]),
        frames=frames,
        data=parts_of(frames, plane),
        notes=notes,
    )


def weights_of(frames: Frames, plane: Plane) -> tuple[str, str]:
    """The two weights by name."""
    return frames.weights[plane.places[0]], frames.weights[plane.places[1]]


def parts_of(frames: Frames, plane: Plane) -> dict[str, Any]:
    """What a contour and a surface have in common."""
    chosen = list(plane.places)
    following = frames.values if frames.following is None else frames.following
    return {
        "weights": weights_of(frames, plane),
        "grid_x": curve(plane.x),
        "grid_y": curve(plane.y),
        "grid": curve(plane.loss),
        "held": {"text": plane.held},
        "levels": levels_of(plane.loss),
        "path_x": curve(plane.path[:, 0]),
        "path_y": curve(plane.path[:, 1]),
        "path_step": plane.path_step,
        "here": frames.values[:, chosen],
        "next": following[:, chosen],
        "minimum": plane.minimum,
    }


def levels_of(losses: Matrix) -> Vector:
    """Losses of the contour lines, ascending, each with three digits at least.

    >>> levels_of(np.arange(101.0).reshape(1, -1))[[0, 1, -1]].tolist()
    [1.0, 3.0, 95.0]
    """
    known = losses[np.isfinite(losses)]
    if not len(known) or float(np.min(known)) == float(np.max(known)):
        return np.zeros(0)
    exact = np.unique([level for level in np.quantile(known, LEVELS) if _is_drawn(losses, level)])
    for digits in (3, 4, 6, 9):
        short = np.unique([float(f"{level:.{digits}g}") for level in exact.tolist()])
        if len(short) == len(exact):
            return short
    return exact


def _is_drawn(losses: Matrix, level: float) -> bool:
    """Whether the grid is fine enough for what lies below a level: no valley of single points."""
    below = losses <= level
    around = np.pad(below, 1, constant_values=True)
    inside = below & around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return bool(np.sum(inside) >= INSIDE * np.sum(below))


def in_words(names: tuple[str, str], plane: Plane) -> str:
    """Write what the plane shows, for who cannot see it."""
    known = np.isfinite(plane.loss)
    if not known.any():
        return "The loss is nowhere a finite number here."
    low = np.unravel_index(np.argmin(np.where(known, plane.loss, np.inf)), plane.loss.shape)
    held = f", {plane.held}" if plane.held else ""
    return (
        f"The loss over {names[0]} from {number(plane.x[0], 3)} to {number(plane.x[-1], 3)} and "
        f"{names[1]} from {number(plane.y[0], 3)} to {number(plane.y[-1], 3)}{held}: from "
        f"{number(plane.loss[low], 4)} near {names[0]} = {number(plane.x[low[1]], 3)}, "
        f"{names[1]} = {number(plane.y[low[0]], 3)} up to "
        f"{number(float(np.max(plane.loss[known])), 4)}. The path has "
        f"{count(len(plane.path), 'point')}."
    )


def _title(frames: Frames, plane: Plane) -> str:
    names = weights_of(frames, plane)
    place = frames.opens
    steps = count(int(frames.step[place]), "step")
    chosen = list(plane.places)
    first, last = frames.values[0, chosen], frames.values[place, chosen]
    if int(frames.step[place]) == 0:
        start = f"The descent starts at {_point(names, first)}"
        best = (
            "" if plane.minimum is None else f"; the minimum is at {_point(names, plane.minimum)}"
        )
        return f"{start}{best}."
    if plane.minimum is not None and np.all(np.isfinite(last)):
        with np.errstate(all="ignore"):
            shares = (last - first) / (np.asarray(plane.minimum) - first)
        if np.all(np.isfinite(shares)):
            one, other = (_way(float(share)) for share in shares)
            if one == other:
                return f"In {steps} {names[0]} and {names[1]} {one.replace('goes', 'go', 1)}."
            if one.endswith(WAY) and other.endswith(WAY):
                other = other.removeprefix("goes ").removesuffix(WAY)
            return f"In {steps} {names[0]} {one}, and {names[1]} {other}."
        return (
            f"After {steps} the path is at {_point(names, last)}; the minimum is at "
            f"{_point(names, plane.minimum)}."
        )
    return f"In {steps} the path goes from {_point(names, first)} to {_point(names, last)}."


def _way(share: float) -> str:
    """How far a weight has gone to where it is at the minimum."""
    if share < 0:
        return "goes away from the minimum"
    if share > 1.0005:
        return "goes past the minimum"
    if share >= 0.9995:
        return f"goes all{WAY}"
    return f"goes {percent(share, 2 if share < 0.99 else 3)}{WAY}"


def _point(names: tuple[str, str], at: Any) -> str:
    pairs = [
        f"{name} = {number(float(value), 3)}"
        if math.isfinite(float(value))
        else f"{name} that is {number(float(value))}"
        for name, value in zip(names, at, strict=True)
    ]
    return ", ".join(pairs)
