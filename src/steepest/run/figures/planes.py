"""The loss around the frames of a run: along one weight, and over two."""

from __future__ import annotations

import numpy as np

from steepest.records.arrays import Matrix, Steps, Vector
from steepest.records.document import thinned
from steepest.run.figures.scene import Scene, pairs_of
from steepest.show.figures import (
    Figure,
    Plane,
    contour_figure,
    function_figure,
    slice_figure,
    surface_figure,
)
from steepest.words.wording import count, names

MOST_SLICES = 12
SLICE_NUMBERS = 12_000
"""Losses in all slices of a board."""
_CURVE = 121
_SIDE = 48
_FINE = 60
"""Of the only plane."""
COARSE = 24
"""Where a loss costs much."""
_MOST_PAIRS = 3
MOST_PATH = 240


def slices(scene: Scene, weight: str | None = None) -> list[Figure]:
    """A slice of each weight, of the twelve most telling, or of the one that is asked for."""
    shown = scene.frames.weights
    chosen = sorted(scene.telling[:MOST_SLICES]) if weight is None else [shown.index(weight)]
    frames, best = scene.frames, scene.minimum
    length = scene.points(
        int(np.clip(SLICE_NUMBERS // (len(frames) * len(chosen)), 31, _CURVE)),
        21,
        len(frames) * len(chosen),
    )
    axes = [np.linspace(*scene.span(scene.shown[index]), length) for index in chosen]
    points, notes = [], (*scene.beyond, *scene.notes)
    for index, axis in zip(chosen, axes, strict=True):
        place = scene.shown[index]
        curves = np.repeat(scene.values, length, axis=0)
        curves[:, place] = np.tile(axis, len(frames))
        after = scene.values.copy()
        after[:, place] = scene.following[:, place]
        points += [curves, after]
    # One call: many curves are compiled and walked together.
    found = np.split(scene.losses(np.concatenate(points)), len(chosen))
    figures = []
    for index, axis, part in zip(chosen, axes, found, strict=True):
        split = len(frames) * length
        figures.append(
            slice_figure(
                frames,
                index,
                axis,
                part[:split].reshape(len(frames), length),
                part[split:],
                minimum=None if best is None else float(best[scene.shown[index]]),
                notes=notes,
            )
        )
    return figures


def function(scene: Scene) -> Figure | str:
    """The function itself, where it has one variable."""
    if scene.record.command != "minimize" or len(scene.values[0]) != 1:
        return "It is for an expression of one variable."
    frames, best = scene.frames, scene.minimum
    axis = np.linspace(*scene.span(0), scene.points(2 * _CURVE, 41, 1))
    found = scene.losses(np.concatenate([axis[:, None], scene.following]))
    return function_figure(
        frames,
        axis,
        found[: len(axis)],
        found[len(axis) :],
        minimum=None if best is None else float(best[0]),
        notes=(*scene.beyond, *scene.notes),
    )


def planes(scene: Scene, pair: tuple[int, int] | None = None) -> list[tuple[Plane, Vector]]:
    """The loss over the most telling pairs of weights, or over one, each with heights.

    The heights are those of the path (P,), then of the frames (F,), then of the minimum (1,) where
    one is known, on the plane.
    """
    wanted = [pair] if pair is not None else pairs_of(scene.telling, _MOST_PAIRS)
    if not wanted:
        return []
    cost = len(wanted) * max(scene.setup.at_hand.moving.work, 1)
    side = _FINE if len(wanted) == 1 else _SIDE
    if cost * side**2 > 2e9:
        side = COARSE
    path, path_step = _path(scene)
    best = scene.minimum
    held = best if best is not None else scene.values[scene.frames.opens]
    extra = [path, scene.values] + ([] if best is None else [best[None, :]])
    blocks, axes = [], []
    for first, second in wanted:
        one, two = scene.shown[first], scene.shown[second]
        x, y = np.linspace(*scene.span(one), side), np.linspace(*scene.span(two), side)
        grid = np.tile(held, (side * side, 1))
        grid[:, one], grid[:, two] = np.tile(x, side), np.repeat(y, side)
        blocks += [grid, *(_on_plane(points, held, (one, two)) for points in extra)]
        axes.append((one, two, x, y))
    found = np.split(scene.losses(np.concatenate(blocks)), len(wanted))
    result = []
    for pair_, (one, two, x, y), part in zip(wanted, axes, found, strict=True):
        plane = Plane(
            places=pair_,
            x=x,
            y=y,
            loss=part[: side * side].reshape(side, side),
            held=_held(scene, pair_),
            path=path[:, [one, two]],
            path_step=path_step,
            minimum=None if best is None else (float(best[one]), float(best[two])),
        )
        result.append((plane, part[side * side :]))
    return result


def contours(scene: Scene, found: list[tuple[Plane, Vector]]) -> list[Figure]:
    """A contour of each plane."""
    return [contour_figure(scene.frames, plane, _notes(scene)) for plane, _ in found]


def surface(scene: Scene, found: tuple[Plane, Vector]) -> Figure:
    """A plane as a surface, with the path on it."""
    plane, heights = found
    path, frames = len(plane.path), len(scene.frames)
    return surface_figure(
        scene.frames,
        plane,
        path_height=heights[:path],
        height=heights[path : path + frames],
        minimum_height=None if plane.minimum is None else float(heights[-1]),
        notes=_notes(scene),
    )


def _path(scene: Scene) -> tuple[Matrix, Steps]:
    """The path as it is drawn: the recorded points thinned, and the frames."""
    seen = scene.near(scene.frames.loss, scene.frames.step)
    inside = np.flatnonzero(scene.seen)
    trace = scene.trace
    part = type(trace)(
        trace.names,
        trace.step[inside],
        trace.loss[inside],
        trace.weights[inside],
        trace.gradient[inside],
    )
    kept = inside[thinned(part, MOST_PATH - len(scene.frames))]
    step = np.concatenate([trace.step[kept], scene.frames.step[seen]])
    points = np.concatenate([trace.weights[kept], scene.values[seen]])
    step, first = np.unique(step, return_index=True)
    return points[first], step


def _on_plane(points: Matrix, held: Vector, places: tuple[int, int]) -> Matrix:
    moved = np.tile(held, (len(points), 1))
    moved[:, list(places)] = points[:, list(places)]
    return moved


def _held(scene: Scene, pair: tuple[int, int]) -> str:
    everybody = scene.setup.objective.names
    inside = {scene.frames.weights[place] for place in pair}
    others = [name for name in everybody if name not in inside]
    if not others:
        return ""
    who = names(others) if len(others) <= 3 else f"the other {count(len(others), 'weight')}"
    if scene.minimum is not None:
        return f"{who} as at the minimum"
    return f"{who} as at step {count(int(scene.frames.step[scene.frames.opens]))}"


def _notes(scene: Scene) -> tuple[str, ...]:
    moved: tuple[str, ...] = ()
    if len(scene.setup.objective.names) > 2:
        moved = ("The other weights move too, so the path need not go straight down here.",)
    return (*moved, *scene.beyond, *scene.notes)
