"""Rows as pictures, and units of the first layer as pictures of their weights."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from steepest.figures.drawing.theme import Palette
from steepest.figures.figure import Figure
from steepest.wording import count, escaped, number, percent

COLUMNS: Final = 6
LINE: Final = 1.25
"""Inches of a row of pictures, with its words."""
SIGNED: Final = 100


def pictures_height(figure: Figure) -> float:
    """Inches."""
    rows = -(-len(figure.parts["rows"]) // COLUMNS)
    return 1.2 + LINE * (rows + 2)


def draw_pictures(part: Any, figure: Figure, frame: int, palette: Palette) -> None:
    """The rows, then a row of the units' weights, and below each minus its gradient."""
    from matplotlib.colors import LinearSegmentedColormap

    parts = figure.parts
    rows, units = parts["rows"], parts["units"]
    lines = -(-len(rows) // COLUMNS)
    axes = part.subplots(lines + 2, COLUMNS, squeeze=False)
    for ax in axes.ravel():
        ax.set_axis_off()
    size = (parts["height"], parts["width"])
    ends = [palette.paper, palette.ink] if parts["inked"] else ["#000000", "#ffffff"]
    ink = LinearSegmentedColormap.from_list("ink", ends)
    for place, row in enumerate(rows):
        ax = axes[place // COLUMNS, place % COLUMNS]
        levels = np.array(row["pixels"], dtype=np.uint8)
        colours = parts["channels"] > 1
        shown = levels.reshape(*size, parts["channels"]) if colours else levels.reshape(size)
        _show(ax, shown, palette, cmap=None if colours else ink, low=0, high=255)
        share = "" if row["share"] is None else f"  {percent(row['share'])}"
        _say(ax, f"row {count(row['row'])}{share}", palette.muted)
        verdict = f"{escaped(row['is'], 12)}, said {escaped(row['said'], 12)}"
        ax.text(
            0.5,
            -0.04,
            verdict,
            transform=ax.transAxes,
            ha="center",
            va="top",
            fontsize=7.5,
            color=palette.warm if row["wrong"] else palette.ink,
            fontweight="bold" if row["wrong"] else "normal",
        )
    middle = palette.paper
    blue, ochre = palette.weight(3), palette.weight(0)
    sides = LinearSegmentedColormap.from_list("sides", [blue, middle, ochre])
    for place, unit in enumerate(units[:COLUMNS]):
        above, below = axes[lines, place], axes[lines + 1, place]
        for ax, name in ((above, "weights"), (below, "asked")):
            levels = np.array(unit[name]).reshape(size)
            _show(ax, levels, palette, cmap=sides, low=-SIGNED, high=SIGNED)
        _say(above, f"unit {count(unit['unit'])}", palette.muted)
        _say(below, "" if unit["length"] is None else number(unit["length"], 2), palette.muted)
        if place == 0:
            above.set_ylabel("weights", fontsize=7.5)
            below.set_ylabel("minus gradient", fontsize=7.5)


def _show(ax: Any, shown: Any, palette: Palette, *, cmap: Any, low: int, high: int) -> None:
    # "none": the file has the dots themselves, and they stay square at any size.
    ax.imshow(shown, cmap=cmap, vmin=low, vmax=high, interpolation="none")
    ax.set_axis_on()
    ax.set_xticks([])
    ax.set_yticks([])
    for side in ax.spines.values():
        side.set_visible(True)
        side.set_color(palette.hairline)
        side.set_linewidth(0.6)


def _say(ax: Any, text: str, colour: str) -> None:
    ax.set_title(text, fontsize=7, color=colour, pad=3)
