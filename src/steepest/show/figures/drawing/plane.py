"""The loss of a network on a plane, as filled areas, with the path projected on it."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.show.figures.drawing.axes import (
    cross,
    label,
    mark,
    nothing,
    said,
)
from steepest.show.figures.drawing.planes import note
from steepest.show.figures.drawing.theme import Palette
from steepest.show.figures.figure import Figure


def draw_plane(part: Any, figure: Figure, frame: int, palette: Palette) -> None:
    """The darker an area, the higher the loss; the path in the warm colour, its end a cross."""
    from matplotlib.colors import LinearSegmentedColormap

    ax = part.subplots()
    parts = figure.parts
    x, y = np.asarray(parts["grid_x"]), np.asarray(parts["grid_y"])
    grid = np.ma.masked_invalid(np.asarray(parts["grid"]))
    levels = np.asarray(parts["levels"])
    if not grid.count() or not len(levels):
        nothing(ax, palette)
        return
    label(ax, figure.x, figure.y, palette)
    ax.grid(False)
    tones = LinearSegmentedColormap.from_list("heights", [palette.paper, palette.muted])
    shades = tones(np.linspace(0.0, 0.85, len(levels) + 1))
    lowest, highest = float(grid.min()), float(grid.max())
    edges = np.unique([min(lowest, levels[0]), *levels, max(highest, levels[-1])])
    ax.contourf(x, y, grid, levels=edges, colors=list(shades[-len(edges) + 1 :]))
    lines = ax.contour(x, y, grid, levels=levels, colors=[palette.hairline], linewidths=0.6)
    texts = ax.clabel(lines, levels[::3], fontsize=7, fmt=said, inline=False)
    for text in texts:
        text.set(color=palette.ink)
    path_x, path_y = np.asarray(parts["path_x"]), np.asarray(parts["path_y"])
    ax.plot(path_x, path_y, color=palette.warm, linewidth=1.6, marker="o", markersize=2.5)
    ax.set_xlim(x[0], x[-1])
    ax.set_ylim(y[0], y[-1])
    note(ax, path_x[0], path_y[0], "start", palette, x)
    cross(ax, path_x[-1], path_y[-1], palette)
    note(ax, path_x[-1], path_y[-1], "end", palette, x)
    if len(parts["here"]):
        here_x, here_y = parts["here"][frame]
        mark(ax, float(here_x), float(here_y), palette)
