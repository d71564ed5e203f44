"""The backward pass as a graph: every node with its value and its adjoint, at every frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from steepest.records.arrays import Matrix
from steepest.records.point import BackwardNode
from steepest.show.figures.figure import Axis, Figure, Frames, curve
from steepest.words.wording import count, escaped, number


class NodeData(TypedDict):
    """An operation of a graph."""

    id: int
    text: str
    inputs: list[int]
    depth: int
    weight: int | None


class BackwardData(TypedDict):
    """What `backward` draws."""

    row: int | None
    nodes: list[NodeData]
    value: Matrix
    adjoint: Matrix


LONGEST = 60
"""Characters of a node's text."""


_ONE_ROW = (
    "Between the loss and the weights stand the numbers of row {row} alone. The loss is the mean "
    "over all rows, and a weight's partial derivative the sum over all of them: row {row} makes a "
    "part of it."
)


def backward_figure(
    frames: Frames,
    nodes: Sequence[BackwardNode],
    value: Matrix,
    adjoint: Matrix,
    *,
    row: int | None,
    notes: tuple[str, ...] = (),
) -> Figure:
    """`value` and `adjoint` (F, nodes) on one `row`, or the only ones where all rows have the same.

    The nodes come in the order in which their values are computed, the loss last.
    """
    depth: list[int] = []
    for node in nodes:
        depth.append(1 + max((depth[place] for place in node.inputs), default=-1))
    title = _title(frames, nodes, adjoint)
    shown = f" Values are those of row {row}." if row is not None else ""
    if row is not None:
        notes = (*notes, _ONE_ROW.format(row=row))
    last = frames.opens
    chain = "; ".join(
        f"{escaped(node.text, LONGEST)} is {number(value[last, i], 4)} with adjoint "
        f"{number(adjoint[last, i], 4)}"
        for i, node in reversed(list(enumerate(nodes)))
    )
    return Figure(
        kind="backward",
        title=title,
        text=f"{title}{shown} From the loss back: {chain}.",
        x=Axis("from the weights to the loss"),
        y=Axis(""),
        frames=frames,
        data={
            "row": row,
            "nodes": [
                {
                    "id": place,
                    "text": escaped(node.text, LONGEST),
                    "inputs": node.inputs,
                    "depth": depth[place],
                    "weight": frames.weights.index(node.text)
                    if node.operation == "weight" and node.text in frames.weights
                    else None,
                }
                for place, node in enumerate(nodes)
            ],
            "value": curve(value),
            "adjoint": curve(adjoint),
        },
        notes=notes,
    )


def _title(frames: Frames, nodes: Sequence[BackwardNode], adjoint: Matrix) -> str:
    place = frames.opens
    partials = [
        f"{number(float(adjoint[place, i]), 4)} for {node.text}"
        for i, node in enumerate(nodes)
        if node.operation == "weight" and node.text in frames.weights
    ]
    few = partials[:4]
    if len(partials) > 4:
        few.append(f"{count(len(partials) - 4)} more")
    ended = f"{', '.join(few[:-1])} and {few[-1]}" if len(few) > 1 else few[0]
    return (
        f"At step {count(int(frames.step[place]))} the backward pass, from an adjoint of 1 at the "
        f"loss, ends with {ended}."
    )


def on_rows(nodes: Sequence[BackwardNode], row: int) -> tuple[np.ndarray, np.ndarray]:
    """Values and adjoints (nodes,) on the row at a place; those that do not differ are the same."""
    value = [node.value[row] if node.value.ndim else node.value for node in nodes]
    adjoint = [node.adjoint[row] if node.adjoint.ndim else node.adjoint for node in nodes]
    return np.array(value, dtype=np.float64), np.array(adjoint, dtype=np.float64)
