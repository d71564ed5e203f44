"""A network by epoch, its mistakes, and the learning rates that were tried."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from steepest.show.figures.drawing.axes import (
    closer,
    label,
    nothing,
    reach,
    span,
)
from steepest.show.figures.drawing.theme import Palette
from steepest.show.figures.figure import Axis, Figure
from steepest.words.wording import escaped, number, percent

CELL: Final = 0.27
"""Inches of a row of the table."""
WORDS: Final = {"too small": 1, "just right": 2}
"""Their places among the colours of weights; too large has that of the descent."""


def epochs_height(figure: Figure) -> float:
    """Inches: less without accuracies."""
    return 3.9 if figure.parts["accuracy"] is None else 5.2


def draw_epochs(part: Any, figure: Figure, frame: int, palette: Palette) -> None:
    """The losses above, the shares of right rows below, a line through both at the best epoch."""
    parts = figure.parts
    epoch = np.asarray(parts["epoch"])
    if parts["accuracy"] is None:
        upper, lower = part.subplots(), None
    else:
        upper, lower = part.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    losses = [parts["loss"], *([] if parts["held_out"] is None else [parts["held_out"]])]
    found = span(*losses, positive=figure.y.scale == "log")
    if found is None:
        nothing(upper, palette)
    else:
        label(upper, figure.x if lower is None else None, figure.y, palette)
        upper.set_ylim(*reach(*found, figure.y.scale))
        closer(upper, figure.y)
        _courses(upper, epoch, parts["loss"], parts["held_out"], palette)
        upper.legend(labelcolor=palette.ink)
    if lower is not None:
        label(lower, figure.x, figure.z or Axis("right"), palette)
        held_out = parts["held_out_accuracy"]
        _courses(lower, epoch, parts["accuracy"], held_out, palette)
        seen = span(parts["accuracy"], [] if held_out is None else held_out) or (0.0, 1.0)
        lower.set_ylim(*reach(seen[0], 1.0, "linear"))
        lower.yaxis.set_major_formatter(lambda value, _: percent(value, 3))
    _best(upper, lower, parts["best"], epoch, palette)


def _courses(ax: Any, epoch: Any, learned: Any, held_out: Any, palette: Palette) -> None:
    marker = "o" if len(epoch) <= 60 else None
    ax.plot(epoch, learned, color=palette.warm, label="rows learned from")
    if held_out is not None:
        ax.plot(
            epoch,
            held_out,
            color=palette.ink,
            linewidth=1.1,
            marker=marker,
            markersize=2.5,
            label="rows held out",
        )


def _best(upper: Any, lower: Any, best: int | None, epoch: Any, palette: Palette) -> None:
    if best is None:
        return
    for ax in (upper, lower):
        if ax is not None:
            ax.axvline(best, color=palette.muted, linewidth=0.9, dashes=(5, 3))
    left = best > 0.6 * float(np.max(epoch))
    upper.annotate(
        f"best: epoch {best:,}",
        (best, 0.0),
        xycoords=("data", "axes fraction"),
        xytext=(-4 if left else 4, 4),
        textcoords="offset points",
        ha="right" if left else "left",
        fontsize=8,
        color=palette.muted,
    )


def confusion_height(figure: Figure) -> float:
    """Inches: a line for each class."""
    return 1.5 + CELL * max(4, len(figure.parts["classes"]))


def draw_confusion(part: Any, figure: Figure, frame: int, palette: Palette) -> None:
    """Mistakes in the warm colour, the darker the more; what is right in gray; zeros blank."""
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    ax = part.subplots()
    counts, names = np.asarray(figure.parts["counts"]), figure.parts["classes"]
    totals = np.asarray(figure.parts["totals"], dtype=np.float64)
    if not len(counts):
        nothing(ax, palette)
        return
    off = counts - np.diag(np.diag(counts))
    worst = max(1, int(off.max()))
    for (row, column), many in np.ndenumerate(counts):
        if not many:
            continue
        right = row == column
        share = many / totals[row] if right else many / worst
        colour = palette.muted if right else palette.warm
        strength = 0.08 + 0.17 * share if right else 0.15 + 0.4 * share
        corner = (column - 0.5, row - 0.5)
        face = to_rgba(colour, float(strength))
        ax.add_patch(Rectangle(corner, 1, 1, facecolor=face, edgecolor=palette.paper))
        ax.text(
            column,
            row,
            f"{int(many):,}",
            ha="center",
            va="center",
            fontsize=8,
            color=palette.muted if right else palette.ink,
            fontweight="normal" if right else "bold",
        )
    shown = [escaped(name, 18) for name in names]
    long = max(map(len, shown)) > 3
    place = np.arange(len(shown))
    ax.set_xticks(place, shown, rotation=45 if long else 0, ha="right" if long else "center")
    ax.set_yticks(place, shown)
    ax.set_xlim(-0.5, len(shown) - 0.5)
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.set_xlabel(figure.x.label)
    ax.set_ylabel(figure.y.label)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)


def draw_trials(part: Any, figure: Figure, frame: int, palette: Palette) -> None:
    """A dot for each learning rate in the colour of its word, hollow where it was stopped early."""
    ax = part.subplots()
    parts = figure.parts
    lr, loss = np.asarray(parts["lr"]), np.asarray(parts["loss"])
    found = span(loss, positive=figure.y.scale == "log")
    label(ax, figure.x, figure.y, palette)
    limit = parts["limit"]
    edges = [lr[0], lr[-1], *([] if limit is None else [limit])]
    ax.set_xlim(*reach(float(min(edges)), float(max(edges)), "log"))
    low, high = reach(*(found or (1.0, 10.0)), figure.y.scale)
    top = high * (high / low) ** 0.14 if figure.y.scale == "log" else high + 0.14 * (high - low)
    ax.set_ylim(low, top)
    closer(ax, figure.y)
    steps = np.asarray(parts["steps"])
    for many in np.unique(steps):
        same = np.where(steps == many, loss, np.nan)
        ax.plot(lr, same, color=palette.hairline, linewidth=1.2, zorder=1)
    for rate, height, word, early in zip(lr, loss, parts["words"], parts["early"], strict=True):
        colour = _colour(word, palette)
        if not np.isfinite(height):
            ax.plot([rate], [0.985], "|", color=colour, transform=ax.get_xaxis_transform())
            continue
        ax.plot(
            [rate],
            [height],
            "o",
            markersize=6,
            color=palette.paper if early else colour,
            markeredgecolor=colour,
            markeredgewidth=1.4,
        )
    _zones(ax, parts["zones"], palette)
    if limit is not None:
        ax.axvline(limit, color=palette.muted, linewidth=0.9, dashes=(5, 3))
        left = limit > float(np.sqrt(lr[0] * lr[-1]))
        ax.annotate(
            f"{parts['limit_said']}: {number(limit, 3)}",
            (limit, 0.0),
            xycoords=("data", "axes fraction"),
            xytext=(-4 if left else 4, 4),
            textcoords="offset points",
            ha="right" if left else "left",
            fontsize=8,
            color=palette.muted,
        )


def _colour(word: str, palette: Palette) -> str:
    if word == "too large":
        return palette.warm
    return palette.weight(WORDS[word]) if word in WORDS else palette.muted


def _zones(ax: Any, zones: Any, palette: Palette) -> None:
    left, right = ax.get_xlim()
    for zone in zones:
        wide = zone["high"] > zone["low"]
        if not wide or np.log(zone["high"] / zone["low"]) < 0.13 * np.log(right / left):
            continue
        ax.annotate(
            "" if zone["word"] == "not measured" else zone["word"],
            (float(np.sqrt(zone["low"] * zone["high"])), 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, -10),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=palette.muted,
        )
