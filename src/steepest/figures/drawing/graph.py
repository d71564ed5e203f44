"""The backward pass: a line for each node, the loss on top, arcs to its inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.figures.drawing.theme import Palette
from steepest.figures.figure import Figure
from steepest.wording import escaped, number

LINE = 0.24
"""Inches."""
ARCS = 0.24
"""Share of the width that the arcs have."""
MOST_NODES = 60


def backward_height(figure: Figure) -> float:
    """Inches."""
    return 1.4 + LINE * min(len(figure.parts["nodes"]), MOST_NODES)


def draw_backward(part: Any, figure: Figure, frame: int, palette: Palette) -> None:
    """Node, value and adjoint; read it downward as the chain rule does."""
    ax = part.subplots()
    nodes = figure.parts["nodes"][-MOST_NODES:]
    top = len(figure.parts["nodes"]) - 1
    value = np.asarray(figure.parts["value"])[frame]
    adjoint = np.asarray(figure.parts["adjoint"])[frame]
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    ax.set_ylim(-len(nodes) + 0.4, 1.2)
    longest = max((node["id"] - place for node in nodes for place in node["inputs"]), default=1)
    row = figure.parts["row"]
    on = "" if row is None else f" on row {row}"
    for x, text, side in (
        (ARCS + 0.02, "node", "left"),
        (0.78, f"value{on}", "right"),
        (1.0, "adjoint", "right"),
    ):
        ax.text(x, 0.75, text, ha=side, va="center", fontsize=8, color=palette.muted)
    for node in nodes:
        y = -(top - node["id"])
        index = node["weight"]
        colour = palette.ink if index is None else palette.weight(index)
        weight = "normal" if index is None else "bold"
        ax.text(
            ARCS + 0.02,
            y,
            escaped(node["text"], 44),
            va="center",
            fontsize=8.5,
            color=colour,
            fontweight=weight,
        )
        ax.text(
            0.78,
            y,
            number(float(value[node["id"]]), 4),
            ha="right",
            va="center",
            fontsize=8.5,
            color=palette.ink,
        )
        ax.text(
            1.0,
            y,
            number(float(adjoint[node["id"]]), 4),
            ha="right",
            va="center",
            fontsize=8.5,
            color=colour,
            fontweight=weight,
        )
        ax.plot([ARCS], [y], "o", markersize=3.5, color=colour)
        for place in node["inputs"]:
            below = -(top - place)
            if below < -len(nodes) + 1:
                continue
            reach = 0.9 * ARCS * ((node["id"] - place) / longest) ** 0.7
            turn = np.linspace(0, np.pi, 25)
            ax.plot(
                ARCS - reach * np.sin(turn),
                (y + below) / 2 + (y - below) / 2 * np.cos(turn),
                color=palette.muted,
                linewidth=0.8,
                alpha=0.7,
                zorder=0,
            )
