"""Steps by learning rate, and the curvatures that set the limit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from steepest.show.figures.drawing.axes import (
    label,
    nothing,
    reach,
    said,
    span,
)
from steepest.show.figures.drawing.theme import Palette
from steepest.show.figures.figure import Figure
from steepest.words.wording import number

DECADES = 100.0
"""The axis of the steps covers a factor of this at least."""


def draw_sweep(part: Any, figure: Figure, frame: int, palette: Palette) -> None:
    """The zones as tinted bands, a dot for each learning rate, the run's own as a ball."""
    ax = part.subplots()
    parts = figure.parts
    lr = np.asarray(parts["lr"], dtype=np.float64)
    steps = np.asarray(parts["steps"], dtype=np.float64)
    if not len(lr):
        nothing(ax, palette)
        return
    label(ax, figure.x, figure.y, palette)
    ax.set_xlim(*reach(float(lr[0]), float(lr[-1]), "log"))
    found = span(steps, positive=figure.y.scale == "log") or (1.0, 10.0)
    low, high = reach(*found, figure.y.scale)
    if figure.y.scale == "log" and high < DECADES * low:
        middle = math.sqrt(low * high)
        low, high = middle / math.sqrt(DECADES), middle * math.sqrt(DECADES)
    top = high * (high / low) ** 0.16 if figure.y.scale == "log" else high * 1.2
    ax.set_ylim(low, top)
    _zones(ax, parts["zones"], palette)
    ax.plot(lr, steps, color=palette.ink, marker="o", markersize=2.6, linewidth=1.1)
    lost = np.isnan(steps)
    # Above the numbers, those that have none.
    height = high * (high / low) ** 0.06 if figure.y.scale == "log" else high * 1.08
    for word, sign in (("diverged", "x"), ("not yet", "^"), ("never", "_")):
        chosen = lost & np.array([outcome == word for outcome in parts["outcome"]])
        if chosen.any():
            ax.plot(
                lr[chosen],
                np.full(int(np.sum(chosen)), height),
                sign,
                markersize=4,
                color=palette.muted,
                label=word,
                linestyle="none",
            )
    if parts["limit"] is not None:
        ax.axvline(parts["limit"], color=palette.muted, linewidth=0.9, dashes=(5, 3))
        ax.annotate(
            f"limit {number(parts['limit'], 3)}",
            (parts["limit"], 0.0),
            xycoords=("data", "axes fraction"),
            xytext=(3, 4),
            textcoords="offset points",
            fontsize=8,
            color=palette.muted,
        )
    here = parts["here"]
    if here is not None:
        at = here["steps"] if here["steps"] is not None else height
        ax.plot(
            [here["lr"]],
            [at],
            "o",
            color=palette.warm,
            markersize=7,
            markeredgecolor=palette.paper,
            zorder=6,
        )
        ax.annotate(
            "this run",
            (here["lr"], at),
            xytext=(0, 8 if here["steps"] is not None else -16),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=palette.warm,
            bbox={"boxstyle": "square,pad=0.1", "fc": palette.paper, "ec": "none", "alpha": 0.7},
        )
    if lost.any():
        ax.legend(loc="lower left", labelcolor=palette.muted, handletextpad=0.2)


def _zones(ax: Any, zones: Any, palette: Palette) -> None:
    left, right = ax.get_xlim()
    for place, zone in enumerate(zones):
        low = left if place == 0 else zone["low"]
        high = right if place == len(zones) - 1 else zone["high"]
        ax.axvspan(
            low, high, color=palette.zones.get(zone["word"], palette.paper), linewidth=0, zorder=0
        )
        if math.log(high / low) > 0.12 * math.log(right / left):
            ax.annotate(
                zone["word"],
                (math.sqrt(low * high), 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(0, -10),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                color=palette.muted,
            )


def spectrum_height(figure: Figure) -> float:
    """Inches: a line for each curvature."""
    return 1.6 + 0.3 * max(2, min(len(figure.parts["eigenvalues"]), 16))


def draw_spectrum(part: Any, figure: Figure, frame: int, palette: Palette) -> None:
    """A dot for each curvature, smallest at the bottom, and the bound as a line."""
    ax = part.subplots()
    values = np.asarray(figure.parts["eigenvalues"])
    vectors = np.abs(np.asarray(figure.parts["vectors"]))
    bound = figure.parts["bound"]
    label(ax, figure.x, None, palette)
    ax.grid(False, axis="y")
    place = np.arange(len(values))
    log = figure.x.scale == "log"
    found = span(values, [] if bound is None else [bound], positive=log)
    if found is None:
        nothing(ax, palette)
        return
    low, high = reach(*found, figure.x.scale)
    if log:
        low, high = low / 2, high * 2
    ax.set_xlim(low, high)
    leading = [int(np.argmax(vector)) for vector in vectors]
    few = len(values) <= 16
    for y, value, weight in zip(place, values, leading, strict=True):
        ax.plot([low if log else 0.0, value], [y, y], color=palette.hairline, linewidth=1.0)
        ax.plot([value], [y], "o", color=palette.weight(weight), markersize=6.5 if few else 3.5)
        if few:
            ax.annotate(
                number(float(value), 4),
                (value, y),
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                color=palette.ink,
            )
    if bound is not None:
        ax.axvline(bound, color=palette.warm, linewidth=1.2, dashes=(5, 3))
        ax.annotate(
            f"allowed: {said(bound)}",
            (bound, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(-4, -2),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=8,
            color=palette.warm,
        )
    ax.set_ylim(-0.6, len(values) - 0.3)
    names = figure.frames.weights
    ax.set_yticks(place if few else [], [_along(names, w) for w in leading] if few else [])
    ax.spines["left"].set_visible(False)


def _along(names: tuple[str, ...], weight: int) -> str:
    return f"mostly {names[weight]}" if len(names) > 1 else names[weight]
