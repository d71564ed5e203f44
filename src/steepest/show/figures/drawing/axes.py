"""Axes: their scales, numbers and reach."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from steepest.show.figures.drawing.theme import Palette
from steepest.show.figures.figure import Axis
from steepest.words.wording import number

MARGIN = 0.05
WHOLE = ("step", "row")
"""Axes of whole numbers."""


def label(ax: Any, x: Axis | None, y: Axis | None, palette: Palette) -> None:
    """Scale and name the axes, write their numbers as everywhere, and draw quiet lines."""
    for axis, name in ((x, "x"), (y, "y")):
        if axis is None:
            continue
        if axis.scale == "symlog":
            getattr(ax, f"set_{name}scale")("symlog", linthresh=1.0)
        else:
            getattr(ax, f"set_{name}scale")(axis.scale)
        getattr(ax, f"set_{name}label")(axis.label)
        numbers(getattr(ax, f"{name}axis"), axis.scale, whole=axis.label in WHOLE)
    ax.grid(True, color=palette.hairline, linewidth=0.5, alpha=0.6)
    ax.tick_params(length=0, which="both")


def numbers(axis: Any, scale: str, *, whole: bool = False) -> None:
    """Write the numbers of an axis in full where they are short, else as powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    axis.set_major_formatter(FuncFormatter(lambda value, _: said(value)))
    if scale == "linear":
        axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10], integer=whole))
    else:
        if scale == "log":
            axis.set_major_locator(LogLocator(base=10, numticks=7))
        axis.set_minor_locator(NullLocator())


def closer(ax: Any, y: Axis) -> None:
    """Between powers of ten too, where a logarithmic axis has room for few of them."""
    from matplotlib.ticker import LogLocator

    low, high = ax.get_ylim()
    if y.scale == "log" and high < 1000 * low:
        ax.yaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 3.0), numticks=9))


def said(value: float) -> str:
    """A number as it stands on an axis.

    >>> said(0.1 + 0.2), said(1e-05), said(2.5e6), said(-40.0)
    ('0.3', '1e-05', '2.5e+06', '-40')
    """
    text = number(float(f"{value:.6g}"), 4)
    return number(value, 3) if len(text) < 8 else f"{value:.3g}"


def reach(low: float, high: float, scale: str) -> tuple[float, float]:
    """Limits around a span, with a margin; on a logarithmic axis both are above zero."""
    if scale == "log" and low > 0:
        margin = MARGIN * math.log(high / low) if high > low else 0.5
        return low * math.exp(-margin), high * math.exp(margin)
    if scale == "symlog":
        return low - MARGIN * max(abs(low), 0.0 if low >= 0 else 1.0), high * 1.5 + 0.1
    margin = MARGIN * (high - low) if high > low else 0.5 * abs(high) or 1.0
    return low - margin, high + margin


def span(*parts: Any, positive: bool = False) -> tuple[float, float] | None:
    """The lowest and the highest finite number in arrays; None where there is none."""
    every = np.concatenate(
        [np.atleast_1d(np.asarray(part, dtype=np.float64)).ravel() for part in parts]
    )
    known = every[np.isfinite(every)]
    if positive:
        known = known[known > 0]
    return (float(np.min(known)), float(np.max(known))) if len(known) else None


def mark(ax: Any, x: float, y: float, palette: Palette, *, hollow: bool = False) -> None:
    """A ball where the descent stands, hollow where it would go next."""
    if not (math.isfinite(x) and math.isfinite(y)):
        return
    ax.plot(
        [x],
        [y],
        "o",
        markersize=6.5,
        color=palette.paper if hollow else palette.warm,
        markeredgecolor=palette.warm if hollow else palette.paper,
        markeredgewidth=1.2,
        zorder=6,
        clip_on=True,
    )


def cross(ax: Any, x: float, y: float, palette: Palette) -> None:
    """The minimum: a small cross."""
    ax.plot([x], [y], "+", markersize=8, markeredgewidth=1.4, color=palette.ink, zorder=5)


def nothing(ax: Any, palette: Palette, why: str = "There are no finite numbers to draw.") -> None:
    """Say that there is nothing to draw."""
    ax.set_axis_off()
    place = {"ha": "center", "va": "center", "transform": ax.transAxes}
    ax.text(0.5, 0.5, why, color=palette.muted, **place)
