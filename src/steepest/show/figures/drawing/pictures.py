"""Rows as pictures, and units of the first layer as pictures of their weights."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from steepest.show.figures.drawing.theme import Palette
from steepest.show.figures.figure import Figure
from steepest.words.wording import (
    count,
    escaped,
    number,
    percent,
)

COLUMNS: Final = 6
LINE: Final = 1.25
"""Inches of a row of pictures, with its words."""
SIGNED: Final = 100


def pictures_height(figure: Figure) -> float:
    """Inches."""
    rows, missed = (-(-len(figure.parts[name]) // COLUMNS) for name in ("rows", "missed"))
    return 1.2 + LINE * (rows + 2 + missed)


def draw_pictures(part: Any, figure: Figure, frame: int, palette: Palette) -> None:
    """The rows, the units' weights and below each minus its gradient, and rows told wrong."""
    from matplotlib.colors import LinearSegmentedColormap

    parts = figure.parts
    rows, units = parts["rows"], parts["units"]
    lines = -(-len(rows) // COLUMNS)
    missed = parts["missed"]
    axes = part.subplots(lines + 2 - (-len(missed) // COLUMNS), COLUMNS, squeeze=False)
    for ax in axes.ravel():
        ax.set_axis_off()
    size = (parts["height"], parts["width"])
    ends = [palette.paper, palette.ink] if parts["inked"] else ["#000000", "#ffffff"]
    ink = LinearSegmentedColormap.from_list("ink", ends)
    for first, shown in ((0, rows), (lines + 2, missed)):
        for place, row in enumerate(shown):
            ax = axes[first + place // COLUMNS, place % COLUMNS]
            levels = np.array(row["pixels"], dtype=np.uint8)
            colours = parts["channels"] > 1
            dots = levels.reshape(*size, parts["channels"]) if colours else levels.reshape(size)
            _show(ax, dots, palette, cmap=None if colours else ink, low=0, high=255)
            share = row.get("share")
            pull = "" if share is None else f"  {percent(share)}"
            _say(ax, f"row {count(row['row'])}{pull}", palette.muted)
            _verdict(ax, row, palette)
    if missed:
        axes[lines + 2, 0].set_ylabel("told wrong", fontsize=7.5)
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


def _verdict(ax: Any, row: dict[str, Any], palette: Palette) -> None:
    wrong = row.get("wrong", True)
    ax.text(
        0.5,
        -0.04,
        f"{escaped(row['is'], 12)}, said {escaped(row['said'], 12)}",
        transform=ax.transAxes,
        ha="center",
        va="top",
        fontsize=7.5,
        color=palette.warm if wrong else palette.ink,
        fontweight="bold" if wrong else "normal",
    )


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
