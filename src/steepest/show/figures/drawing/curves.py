"""The loss by step, and along one variable."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from steepest.show.figures.drawing.axes import (
    label,
    mark,
    nothing,
    reach,
    span,
)
from steepest.show.figures.drawing.theme import Palette
from steepest.show.figures.figure import Figure
from steepest.words.wording import number, roughly


def draw_loss(part: Any, figure: Figure, frame: int, palette: Palette) -> None:
    """The loss of every step, the minimum and the goal as lines, the frame as a ball."""
    ax = part.subplots()
    parts, frames = figure.parts, figure.frames
    step, loss = np.asarray(parts["step"]), np.asarray(parts["loss"])
    log = figure.y.scale == "log"
    held_out, low = parts["validation"], parts["minimum"]
    lines = [loss, [] if held_out is None else held_out]
    if low is not None and (low > 0 or not log):
        lines.append([low])
    found = span(*lines, positive=log)
    if found is None:
        nothing(ax, palette)
        return
    label(ax, figure.x, figure.y, palette)
    dots = "o" if len(step) <= 40 else None
    if held_out is not None:
        known = np.isfinite(held_out)
        ax.plot(
            step[known],
            np.asarray(held_out)[known],
            color=palette.muted,
            linewidth=1.2,
            label="rows held out",
        )
    ax.plot(
        step,
        loss,
        color=palette.warm,
        marker=dots,
        markersize=2.5,
        label="rows learned from" if held_out is not None else None,
    )
    ax.set_ylim(*reach(*found, figure.y.scale))
    last = max(float(step[-1]), 1.0)
    ax.set_xlim(-0.02 * last if figure.x.scale == "linear" else 0, last * 1.02)
    if low is not None and (low > 0 or not log):
        _level(ax, low, f"minimum {number(low, 4)}", palette)
    mark(ax, float(frames.step[frame]), float(frames.loss[frame]), palette)
    _lost(ax, step[~np.isfinite(loss)], palette)
    forecast = parts["forecast"]
    if forecast is not None and forecast["step"] > last:
        ax.text(
            0.995,
            0.97,
            f"to the goal: {roughly(forecast['step'], 'step')}",
            transform=ax.transAxes,
            ha="right",
            va="top",
            fontsize=8,
            color=palette.muted,
        )
    if held_out is not None:
        ax.legend(labelcolor=palette.ink)


def _lost(ax: Any, steps: Any, palette: Palette) -> None:
    """Where the loss is not a finite number, a cross at the top."""
    if len(steps):
        top = ax.get_xaxis_transform()
        ax.plot(
            steps,
            np.full(len(steps), 0.97),
            "x",
            color=palette.warm,
            markersize=5,
            transform=top,
            clip_on=False,
        )
        ax.text(
            steps[0],
            0.92,
            "not finite",
            color=palette.warm,
            fontsize=8,
            ha="center",
            va="top",
            transform=top,
        )


def _level(ax: Any, height: float, text: str, palette: Palette) -> None:
    ax.axhline(height, color=palette.muted, linewidth=0.9, dashes=(5, 3))
    ax.annotate(
        text,
        (1.0, height),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 3),
        textcoords="offset points",
        ha="right",
        fontsize=8,
        color=palette.muted,
    )


def draw_curve(part: Any, figure: Figure, frame: int, palette: Palette) -> None:
    """A slice or a function: the curve, the ball with its tangent, and the next point."""
    ax = part.subplots()
    parts = figure.parts
    values, losses = np.asarray(parts["values"]), np.asarray(parts["losses"])
    curve = losses if losses.ndim == 1 else losses[frame]
    here, slope = float(parts["here"][frame]), float(parts["slope"][frame])
    height = float(parts["loss_here"][frame])
    after, after_height = float(parts["next"][frame]), float(parts["next_loss"][frame])
    inside = values[0] <= here <= values[-1]
    found = span(curve, [height] if inside else [], positive=figure.y.scale == "log")
    if found is None or not inside:
        nothing(
            ax, palette, f"Here {figure.x.label} is {number(here, 4)}, outside of this picture."
        )
        return
    label(ax, figure.x, figure.y, palette)
    colour = palette.weight(parts.get("index", 0))
    low = parts["minimum"]
    if low is not None and values[0] <= low <= values[-1]:
        ax.axvline(low, color=palette.muted, linewidth=0.9, dashes=(5, 3))
        right = low > 0.5 * (values[0] + values[-1])
        ax.annotate(
            "minimum",
            (low, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(-3 if right else 3, -8),
            textcoords="offset points",
            ha="right" if right else "left",
            fontsize=8,
            color=palette.muted,
        )
    ax.plot(values, curve, color=colour)
    limits = reach(*found, figure.y.scale)
    ax.set_ylim(*limits)
    ax.set_xlim(values[0], values[-1])
    if math.isfinite(slope) and math.isfinite(height):
        # Beyond the picture a straight line is no number to draw.
        wide = 0.18 * (values[-1] - values[0])
        line = np.linspace(here - wide, here + wide, 61)
        tangent = height + slope * (line - here)
        seen = (tangent >= limits[0]) & (tangent <= limits[1])
        ax.plot(line[seen], tangent[seen], color=palette.ink, linewidth=1.0)
    if figure.kind == "function":
        ax.plot(
            parts["here"][:frame],
            parts["loss_here"][:frame],
            "o",
            markersize=4,
            color=palette.warm,
            alpha=0.4,
            linestyle="none",
        )
    if after != here:
        mark(ax, after, after_height, palette, hollow=True)
    mark(ax, here, height, palette)
