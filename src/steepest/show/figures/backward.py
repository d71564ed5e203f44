"""The backward pass as a graph: every node with its value and its adjoint, at every frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypedDict

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
    """What `backward` draws.

    `value` and `adjoint` are those of one `row`, so that along every link the adjoint is that of
    the node before times the link's slope. `slopes` has a number for each input of each node, in
    their order. Of all `of` rows there are the means of the values and the sums of the adjoints,
    None where there are no rows.
    """

    row: int | None
    of: int
    nodes: list[NodeData]
    value: Matrix
    adjoint: Matrix
    slopes: Matrix
    value_mean: Matrix | None
    adjoint_sum: Matrix | None


class Passed(NamedTuple):
    """What flows through the nodes of a graph, (F, nodes) each: forward, and back."""

    value: Matrix
    adjoint: Matrix


LONGEST = 60
"""Characters of a node's text."""


_ROWS = (
    "Row {row} alone: along every link what goes back is multiplied by the number on the link, and "
    "where links meet the products are added, so a weight ends with what row {row} adds to its "
    "partial derivative. All {rows}: the means of the values, and the sums of what goes back, at a "
    "weight its partial derivative. Means and sums over rows do not multiply along the links."
)


def backward_figure(
    frames: Frames,
    nodes: Sequence[BackwardNode],
    *,
    row: int | None,
    of: int,
    one: Passed,
    slopes: Matrix,
    every: Passed,
    notes: tuple[str, ...] = (),
) -> Figure:
    """The backward pass through `one` row, or where there are none through the expression.

    `slopes` (F, links) are by node and different input; `every` has the values' means and the
    adjoints' sums over all rows. The nodes come in the order in which their values are computed,
    the loss last.
    """
    depth: list[int] = []
    for node in nodes:
        depth.append(1 + max((depth[place] for place in node.inputs), default=-1))
    title = _title(frames, nodes, one, every, row)
    shown = f" Values are those of row {row}." if row is not None else ""
    if row is not None:
        notes = (*notes, _ROWS.format(row=row, rows=count(of, "row")))
    last = frames.opens
    chain = "; ".join(
        f"{escaped(node.text, LONGEST)} is {number(one.value[last, i], 4)} with adjoint "
        f"{number(one.adjoint[last, i], 4)}"
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
            "of": of,
            "nodes": [
                {
                    "id": place,
                    "text": escaped(node.text, LONGEST),
                    "inputs": list(dict.fromkeys(node.inputs)),
                    "depth": depth[place],
                    "weight": frames.weights.index(node.text)
                    if node.operation == "weight" and node.text in frames.weights
                    else None,
                }
                for place, node in enumerate(nodes)
            ],
            "value": curve(one.value),
            "adjoint": curve(one.adjoint),
            "slopes": curve(slopes),
            "value_mean": None if row is None else curve(every.value),
            "adjoint_sum": None if row is None else curve(every.adjoint),
        },
        notes=notes,
    )


def _title(
    frames: Frames, nodes: Sequence[BackwardNode], one: Passed, every: Passed, row: int | None
) -> str:
    at = frames.opens
    weights = [
        (place, node.text)
        for place, node in enumerate(nodes)
        if node.operation == "weight" and node.text in frames.weights
    ]

    def listed(told: list[str]) -> str:
        few = told[:4] + ([f"{count(len(told) - 4)} more"] if len(told) > 4 else [])
        return f"{', '.join(few[:-1])} and {few[-1]}" if len(few) > 1 else few[0]

    step = f"At step {count(int(frames.step[at]))}"
    ends = listed([f"{number(float(one.adjoint[at, i]), 4)} for {name}" for i, name in weights])
    if row is None:
        return f"{step} the backward pass, from an adjoint of 1 at the loss, ends with {ends}."
    sums = listed([number(float(every.adjoint[at, i]), 4) for i, _ in weights])
    return (
        f"{step} the backward pass through row {row} ends with {ends}; all rows add up to {sums}."
    )
