"""The data with the model over it, what is left over, and what the rows pull."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.show.figures.drawing.axes import (
    label,
    nothing,
    numbers,
    reach,
    span,
)
from steepest.show.figures.drawing.theme import Palette
from steepest.show.figures.figure import Figure
from steepest.words.wording import count, number

GHOSTS = 5
MOST_PANELS = 6
FEW_DOTS = 400


def draw_fit(part: Any, figure: Figure, frame: int, palette: Palette) -> None:
    """The data as dots, the model as a line; or target against prediction."""
    ax = part.subplots()
    parts = figure.parts
    y = np.asarray(parts["data_y"])
    predicted = np.asarray(parts["predicted"])[frame]
    label(ax, figure.x, figure.y, palette)
    size = 18 if len(y) <= FEW_DOTS else 6
    if parts["mode"] == "predicted":
        found = span(predicted)
        if found is None:
            nothing(ax, palette)
            return
        low, high = span(predicted, y) or found
        few = len(np.unique(y)) <= 2
        ax.plot(
            [low, high],
            [low, high],
            color=palette.muted,
            linewidth=0.9,
            dashes=(5, 3),
            label="prediction = target",
        )
        ax.scatter(
            predicted, y, s=size, color=palette.ink, linewidths=0, alpha=0.5 if few else 0.85
        )
        ax.set_ylim(*reach(*(span(y) or (low, high)), "linear"))
        ax.legend(labelcolor=palette.ink)
        return
    x, line = np.asarray(parts["data_x"]), np.asarray(parts["curve_x"])
    curves = np.asarray(parts["curve_y"])
    best = parts["best_y"]
    for ghost in np.unique(np.linspace(0, frame, GHOSTS).round().astype(int))[:-1]:
        ax.plot(line, curves[ghost], color=palette.warm, linewidth=0.8, alpha=0.3)
    for column, value, guess in zip(x, y, predicted, strict=True):
        if len(y) <= 60:
            ax.plot([column, column], [value, guess], color=palette.hairline, linewidth=0.8)
    if best is not None:
        ax.plot(
            line, best, color=palette.muted, linewidth=1.1, dashes=(5, 3), label="at the minimum"
        )
    step = int(figure.frames.step[frame])
    ax.plot(
        line,
        curves[frame],
        color=palette.warm,
        linewidth=1.8,
        label=f"after {count(step, 'step')}" if step else "at the start",
    )
    ax.scatter(
        x,
        y,
        s=size,
        color=palette.ink,
        linewidths=0,
        zorder=4,
        alpha=0.9 if len(y) <= FEW_DOTS else 0.5,
    )
    shown = [y, curves[0], [] if best is None else best]
    # A model far away must not flatten the data.
    near = span(y)
    found = span(*shown, curves[frame])
    if near is not None and found is not None:
        size_ = max(near[1] - near[0], 1e-300)
        ax.set_ylim(
            *reach(max(found[0], near[0] - size_), min(found[1], near[1] + size_), "linear")
        )
    ax.legend(labelcolor=palette.ink)


def draw_residuals(part: Any, figure: Figure, frame: int, palette: Palette) -> None:
    """Dots around zero, each with its distance."""
    ax = part.subplots()
    x = np.asarray(figure.parts["data_x"])
    residual = np.asarray(figure.parts["residual"])[frame]
    found = span(residual, [0.0])
    if span(residual) is None or found is None:
        nothing(ax, palette)
        return
    label(ax, figure.x, figure.y, palette)
    ax.axhline(0.0, color=palette.muted, linewidth=0.9)
    if len(x) <= FEW_DOTS:
        ax.vlines(x, 0.0, residual, color=palette.warm, linewidth=1.0, alpha=0.6)
    ax.scatter(
        x,
        residual,
        s=18 if len(x) <= FEW_DOTS else 6,
        color=palette.ink,
        linewidths=0,
        zorder=4,
        alpha=0.9 if len(x) <= FEW_DOTS else 0.5,
    )
    ax.set_ylim(*reach(*found, "linear"))


def pulls_height(figure: Figure) -> float:
    """Inches: a panel for each weight."""
    return 1.3 + 1.1 * min(len(figure.parts["weights"]), MOST_PANELS)


def draw_pulls(part: Any, figure: Figure, frame: int, palette: Palette) -> None:
    """A panel for each weight: a bar for each row, one for all others together."""
    names = figure.parts["weights"][:MOST_PANELS]
    amount = np.asarray(figure.parts["amount"])[frame]
    rest = np.asarray(figure.parts["rest"])[frame]
    rows = [str(row) for row in figure.parts["row"]]
    others = bool(np.any(np.asarray(figure.parts["rest"]) != 0))
    panels = np.atleast_1d(part.subplots(len(names), 1, sharex=True))
    place = np.arange(len(rows))
    for index, (name, ax) in enumerate(zip(names, panels, strict=True)):
        bars = amount[index]
        if span(bars) is None:
            nothing(ax, palette)
            continue
        ax.bar(place, bars, width=0.72, color=palette.weight(index), linewidth=0)
        if others:
            ax.bar([len(rows) + 0.4], [rest[index]], width=0.72, color=palette.muted, linewidth=0)
        ax.axhline(0.0, color=palette.muted, linewidth=0.7)
        total = _partial(figure, frame, index, float(np.sum(bars) + rest[index]), bars)
        ax.set_title(
            f"{name}: partial {number(total, 4)}",
            loc="left",
            fontsize=8,
            color=palette.weight(index),
            pad=3,
        )
        ax.tick_params(length=0)
        ax.grid(True, axis="y", color=palette.hairline, linewidth=0.5, alpha=0.6)
        numbers(ax.yaxis, "linear")
        ax.locator_params(axis="y", nbins=3)
        ax.spines["bottom"].set_visible(False)
        drawn = span(bars, [0.0], [rest[index]] if others else [])
        if drawn is not None:
            ax.set_ylim(*reach(*drawn, "linear"))
    every = max(1, len(rows) // 20)
    ticks = [*place[::every], *([len(rows) + 0.4] if others else [])]
    panels[-1].set_xticks(ticks, [*rows[::every], *(["others"] if others else [])])
    panels[-1].set_xlabel("row")


def _partial(figure: Figure, frame: int, index: int, total: float, bars: Any) -> float:
    """The sum of a weight's pulls: the partial itself, unless that is one of a batch of rows."""
    exact = float(figure.frames.gradient[frame, index])
    return exact if abs(exact - total) <= 1e-3 * float(np.sum(np.abs(bars))) else total
