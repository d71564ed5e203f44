"""A training: loss and learning rate by step, tensors by steps as colours, the steps not taken."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from steepest.show.figures.drawing.axes import (
    label,
    mark,
    nothing,
    numbers,
    reach,
    said,
    span,
)
from steepest.show.figures.drawing.theme import Palette
from steepest.show.figures.figure import Axis, Figure
from steepest.words.wording import count, escaped, number

ROW: Final = 0.2
"""Inches of a row of the heat map."""
FRACTIONS: Final = {0.25: "¼", 0.5: "½"}
DIVERGING: Final = ("#0072b2", "#8fb8d6", "#dcdcdc", "#e8c47a", "#b5700a")
"""From turning back (blue) over no direction in common to going on (ochre)."""


def draw_training(part: Any, figure: Figure, frame: int, palette: Palette) -> None:
    """Loss above, learning rate below, alarms as lines through both."""
    upper, lower = part.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    parts, frames = figure.parts, figure.frames
    if not len(frames):
        lower.set_axis_off()
        nothing(upper, palette)
        return
    step = np.asarray(parts["step"])
    _draw_loss(upper, figure, step, frame, palette)
    _draw_rates(lower, figure, step, palette)
    last = max(float(step[-1]), 1.0)
    lower.set_xlim(-0.01 * last, 1.01 * last)
    row, free = 0, -np.inf
    for alarm in parts["alarms"]:
        error = alarm["severity"] == "error"
        for ax in (upper, lower):
            ax.axvline(alarm["step"], color=palette.ink, linewidth=0.9 if error else 0.5)
        # Labels that would run into each other stand below each other.
        row = row + 1 if alarm["step"] - free < 0.09 * last else 0
        free = alarm["step"]
        right = alarm["step"] > 0.85 * last
        upper.annotate(
            alarm["code"],
            (alarm["step"], 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(-3 if right else 3, -9 - 11 * row),
            textcoords="offset points",
            ha="right" if right else "left",
            fontsize=8,
            color=palette.ink,
            fontweight="bold" if error else "normal",
        )


def _draw_loss(ax: Any, figure: Figure, step: Any, frame: int, palette: Palette) -> None:
    parts, frames = figure.parts, figure.frames
    loss, held_out = np.asarray(parts["loss"]), parts["validation"]
    every = np.concatenate([loss, np.asarray(held_out["loss"])])
    top = parts["top"]
    inside = every if top is None else np.append(every[every <= top], top)
    found = span(inside, positive=figure.y.scale == "log")
    if found is None:
        nothing(ax, palette, "No loss here is a finite number.")
        return
    label(ax, None, figure.y, palette)
    mean = parts["mean"]
    thin = {"linewidth": 0.7, "alpha": 0.45} if mean is not None else {}
    ax.plot(step, loss, color=palette.warm, **thin)
    if mean is not None:
        ax.plot(step, np.asarray(mean), color=palette.warm, label="the loss of batches, its mean")
    if len(held_out["step"]):
        ax.plot(
            held_out["step"],
            held_out["loss"],
            color=palette.ink,
            linewidth=1.1,
            marker="o",
            markersize=2.5,
            label="rows held out",
        )
        ax.legend(labelcolor=palette.ink)
    ax.set_ylim(*reach(*found, figure.y.scale))
    mark(ax, float(frames.step[frame]), float(frames.loss[frame]), palette)


def _draw_rates(ax: Any, figure: Figure, step: Any, palette: Palette) -> None:
    parts = figure.parts
    rates, limits = np.asarray(parts["rates"]), parts["limits"]
    axis = figure.z or Axis("learning rate")
    found = span(rates, limits["lr"], positive=axis.scale == "log")
    if found is None:
        nothing(ax, palette, "No learning rate was recorded.")
        return
    label(ax, figure.x, axis, palette)
    low, high = reach(*found, axis.scale)
    if len(limits["step"]):
        ax.fill_between(
            limits["step"], limits["lr"], high, color=palette.zones["too large"], linewidth=0
        )
        ax.plot(
            limits["step"],
            limits["lr"],
            color=palette.muted,
            linewidth=0.9,
            dashes=(5, 3),
            marker="o",
            markersize=3,
            label="stability limit, measured",
        )
        ax.legend(labelcolor=palette.muted, loc="best")
    for course in rates:
        ax.plot(step, course, color=palette.ink, linewidth=1.4)
    ax.set_ylim(low, high)


def layers_height(figure: Figure) -> float:
    """Inches: a line for each row."""
    return 1.5 + ROW * max(4, len(figure.parts["rows"]))


def draw_layers(part: Any, figure: Figure, frame: int, palette: Palette) -> None:
    """Rows from the first tensor at the top to the last, colours by the size of the number."""
    from matplotlib.colors import LinearSegmentedColormap, ListedColormap, LogNorm, Normalize

    ax = part.subplots()
    parts = figure.parts
    choice = parts["choices"][parts["shown"]]
    grid = np.asarray(choice["values"], dtype=np.float64)
    if not grid.size:
        nothing(ax, palette)
        return
    label(ax, figure.x, None, palette)
    ax.grid(False)
    edges, rows = np.asarray(parts["edges"]), np.arange(len(grid) + 1)
    # What is not painted is what was not measured.
    ax.patch.set(hatch="////", edgecolor=palette.hairline, facecolor=palette.paper)
    log = choice["scale"] == "log"
    low, high = choice["low"], choice["high"]
    norm = LogNorm(low, max(high, low * 1.01)) if log else Normalize(low, high)
    colours = "cividis" if log else LinearSegmentedColormap.from_list("turn", DIVERGING)
    usual = np.isfinite(grid) & ((grid > 0) if log else True)
    mesh = ax.pcolormesh(
        edges,
        rows,
        np.ma.array(np.clip(grid, low, high), mask=~usual),
        norm=norm,
        cmap=colours,
        rasterized=True,
    )
    for where, colour in (
        (np.isfinite(grid) & ~usual, palette.paper),
        (np.isinf(grid), palette.warm),
    ):
        ax.pcolormesh(
            edges,
            rows,
            np.ma.array(np.ones(grid.shape), mask=~where),
            cmap=ListedColormap([colour]),
            rasterized=True,
        )
    ax.set_ylim(len(grid), 0)
    ax.set_yticks(rows[:-1] + 0.5, [escaped(name, 26) for name in parts["rows"]])
    for alarm in parts["alarms"]:
        ax.axvline(alarm["step"], color=palette.ink, linewidth=0.9)
    bar = part.colorbar(mesh, ax=ax, shrink=0.9, aspect=18, pad=0.02)
    bar.outline.set_visible(False)
    bar.set_label(choice["label"], color=palette.muted, fontsize=8)
    numbers(bar.ax.yaxis, "log" if log else "linear")
    bar.ax.tick_params(length=0, which="both")


def draw_fan(part: Any, figure: Figure, frame: int, palette: Palette) -> None:
    """All probes faintly, the one nearest to the frame strongly, with its losses written on."""
    ax = part.subplots()
    parts = figure.parts
    factors, relative = np.asarray(parts["factors"]), np.asarray(parts["relative"])
    chosen = int(parts["probe"][frame]) if len(parts["probe"]) else len(relative) - 1
    found = span(relative, positive=figure.y.scale == "log")
    if found is None:
        nothing(ax, palette)
        return
    label(ax, figure.x, figure.y, palette)
    ax.set_xticks(
        factors, [f"×{FRACTIONS.get(float(factor), f'{factor:g}')}" for factor in factors]
    )
    ax.axhline(parts["level"], color=palette.muted, linewidth=0.9, dashes=(5, 3))
    for probe in relative:
        ax.plot(factors, probe, color=palette.warm, linewidth=0.8, alpha=0.25)
    ax.plot(factors, relative[chosen], color=palette.warm, marker="o", markersize=4)
    for place, loss in enumerate(parts["losses"][chosen]):
        if np.isfinite(loss):
            ax.annotate(
                said(float(loss)),
                (factors[place], relative[chosen][place]),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=7.5,
                color=palette.ink,
            )
    taken = int(np.argmin(np.abs(factors - 1.0)))
    mark(ax, float(factors[taken]), float(relative[chosen][taken]), palette)
    ax.set_ylim(*reach(*found, figure.y.scale))
    rate = parts["lr"][chosen]
    at = f"probe at step {count(int(parts['step'][chosen]))}"
    if np.isfinite(rate):
        at += f", learning rate {number(float(rate), 3)}"
    ax.text(
        1.0,
        1.01,
        at,
        transform=ax.transAxes,
        ha="right",
        va="bottom",
        fontsize=8,
        color=palette.muted,
    )
