"""The loss over two weights: lines of equal loss, and a surface."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from steepest.show.figures.drawing.axes import (
    cross,
    label,
    mark,
    nothing,
    numbers,
    said,
    span,
)
from steepest.show.figures.drawing.theme import Palette
from steepest.show.figures.figure import Figure

MESH = 18
"""Lines of the sheet each way."""

LABELLED = 3
"""One of so many contour lines has its loss written on it."""


def draw_contour(part: Any, figure: Figure, frame: int, palette: Palette) -> None:
    """Contour lines, the path in one warm colour, the minimum as a cross."""
    ax = part.subplots()
    parts = figure.parts
    x, y = np.asarray(parts["grid_x"]), np.asarray(parts["grid_y"])
    grid = np.ma.masked_invalid(np.asarray(parts["grid"]))
    levels = np.asarray(parts["levels"])
    label(ax, figure.x, figure.y, palette)
    ax.grid(False)
    if len(levels):
        tones = _between(palette.muted, palette.hairline, len(levels))
        lines = ax.contour(x, y, grid, levels=levels, colors=tones, linewidths=0.9)
        ax.clabel(lines, levels[::LABELLED], fontsize=7, fmt=said, inline=True, inline_spacing=3)
    path_x, path_y = np.asarray(parts["path_x"]), np.asarray(parts["path_y"])
    step = int(figure.frames.step[frame])
    walked = np.asarray(parts["path_step"]) <= step
    ax.plot(path_x, path_y, color=palette.warm, linewidth=1.0, alpha=0.35)
    ax.plot(
        path_x[walked],
        path_y[walked],
        color=palette.warm,
        linewidth=1.6,
        marker="o" if len(path_x) <= 40 else None,
        markersize=2.5,
    )
    ax.set_xlim(x[0], x[-1])
    ax.set_ylim(y[0], y[-1])
    if parts["minimum"] is not None:
        low_x, low_y = parts["minimum"]
        cross(ax, low_x, low_y, palette)
        note(ax, low_x, low_y, "minimum", palette, x)
    if len(path_x):
        note(ax, path_x[0], path_y[0], "start", palette, x)
    (here_x, here_y), (next_x, next_y) = parts["here"][frame], parts["next"][frame]
    if (here_x, here_y) != (next_x, next_y):
        mark(ax, next_x, next_y, palette, hollow=True)
    mark(ax, here_x, here_y, palette)
    if parts["held"]["text"]:
        ax.text(
            1.0,
            1.01,
            parts["held"]["text"],
            transform=ax.transAxes,
            ha="right",
            fontsize=8,
            color=palette.muted,
        )


def note(ax: Any, x: float, y: float, text: str, palette: Palette, axis: Any) -> None:
    """Words beside a point, on the side where there is room."""
    right = x > 0.5 * (axis[0] + axis[-1])
    ax.annotate(
        text,
        (x, y),
        xytext=(-7 if right else 7, 5),
        textcoords="offset points",
        ha="right" if right else "left",
        fontsize=8,
        color=palette.ink,
        zorder=7,
        bbox={"boxstyle": "square,pad=0.1", "fc": palette.paper, "ec": "none", "alpha": 0.75},
    )


def _between(first: str, last: str, many: int) -> list[Any]:
    from matplotlib.colors import to_rgb

    one, other = np.array(to_rgb(first)), np.array(to_rgb(last))
    return [tuple(one + (other - one) * share) for share in np.linspace(0, 0.75, many)]


def draw_surface(part: Any, figure: Figure, frame: int, palette: Palette) -> None:
    """The surface seen from the side, the path on it."""
    parts = figure.parts
    heights = np.asarray(parts["grid"], dtype=np.float64)
    log = figure.z is not None and figure.z.scale == "log"
    found = span(heights, positive=log)
    if found is None:
        nothing(part.subplots(), palette)
        return
    ax = part.subplots(subplot_kw={"projection": "3d"})

    def up(values: Any) -> Any:
        """Three dimensions know no logarithmic axis in matplotlib."""
        given = np.asarray(values, dtype=np.float64)
        given = np.where(np.isfinite(given), given, np.nan)
        return np.log10(np.maximum(given, found[0])) if log else given

    # A point of the sheet is four numbers in a file: as many as its shape needs.
    across, along = (np.linspace(0, size - 1, MESH).round().astype(int) for size in heights.shape)
    sheet = heights[np.ix_(across, along)]
    x, y = np.meshgrid(np.asarray(parts["grid_x"])[along], np.asarray(parts["grid_y"])[across])
    from matplotlib.colors import LinearSegmentedColormap

    tones = LinearSegmentedColormap.from_list("steepest", [palette.muted, palette.hairline])
    ax.plot_surface(
        x,
        y,
        up(sheet),
        cmap=tones,
        linewidth=0.2,
        edgecolor=palette.paper,
        alpha=0.85,
        rcount=MESH,
        ccount=MESH,
        antialiased=True,
    )
    walked = np.asarray(parts["path_step"]) <= int(figure.frames.step[frame])
    path = np.asarray(parts["path_x"]), np.asarray(parts["path_y"]), up(parts["path_height"])
    ax.plot(*(axis[walked] for axis in path), color=palette.warm, linewidth=1.8, zorder=8)
    here = (*map(float, parts["here"][frame]), float(up(parts["height"][frame])))
    if all(map(math.isfinite, here)) and _inside(here[0], x) and _inside(here[1], y):
        ax.plot(
            *([value] for value in here),
            "o",
            color=palette.warm,
            markeredgecolor=palette.paper,
            markersize=6.5,
            zorder=9,
        )
    if parts["minimum"] is not None:
        low = float(up(parts["minimum_height"]))
        ax.plot(
            *([value] for value in (*parts["minimum"], low)),
            "+",
            color=palette.ink,
            markersize=8,
            markeredgewidth=1.4,
            zorder=9,
        )
    _frame(ax, figure, log, palette)


def _inside(value: float, axis: Any) -> bool:
    return bool(np.min(axis) <= value <= np.max(axis))


def _frame(ax: Any, figure: Figure, log: bool, palette: Palette) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.set_xlabel(figure.x.label)
    ax.set_ylabel(figure.y.label)
    ax.set_zlabel("loss")
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.pane.set_visible(False)
        axis.line.set_color(palette.hairline)
        axis._axinfo["grid"].update(color=palette.hairline, linewidth=0.4)
        numbers(axis, "linear")
        axis.set_major_locator(MaxNLocator(nbins=5, integer=log and axis is ax.zaxis))
    if log:
        ax.zaxis.set_major_formatter(FuncFormatter(lambda value, _: said(10.0**value)))
    ax.set_box_aspect(None, zoom=1.12)
    ax.view_init(elev=28, azim=-58)
