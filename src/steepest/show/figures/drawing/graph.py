"""The backward pass: a line for each node, the loss on top, arcs to its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from steepest.show.figures.drawing.theme import Palette
from steepest.show.figures.figure import Figure
from steepest.words.wording import escaped, number

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
    value = [number(float(one), 4) for one in np.asarray(figure.parts["value"])[frame]]
    adjoint = [number(float(one), 4) for one in np.asarray(figure.parts["adjoint"])[frame]]
    row = figure.parts["row"]
    _draw(part, figure, value, adjoint, "value" if row is None else f"value on row {row}", palette)


def draw_autograd(part: Any, figure: Figure, frame: int, palette: Palette) -> None:
    """The same of a PyTorch loss: operation, shape with value, adjoint."""
    nodes = figure.parts["nodes"]
    value, adjoint = [node["forward"] for node in nodes], [node["back"] for node in nodes]
    _draw(part, figure, value, adjoint, "shape and value", palette)


def _draw(
    part: Any,
    figure: Figure,
    value: Sequence[str],
    adjoint: Sequence[str],
    heading: str,
    palette: Palette,
) -> None:
    ax = part.subplots()
    nodes = figure.parts["nodes"][-MOST_NODES:]
    top = len(figure.parts["nodes"]) - 1
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    ax.set_ylim(-len(nodes) + 0.4, 1.2)
    longest = max((node["id"] - place for node in nodes for place in node["inputs"]), default=1)
    middle = 0.78 if figure.kind == "backward" else 0.74
    for x, text, side in (
        (ARCS + 0.02, "node", "left"),
        (middle, heading, "right"),
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
            middle,
            y,
            value[node["id"]],
            ha="right",
            va="center",
            fontsize=8.5,
            color=palette.ink,
        )
        ax.text(
            1.0,
            y,
            adjoint[node["id"]],
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
