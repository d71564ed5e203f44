"""A PyTorch loss as a graph: each operation with what came out of it, and its adjoint."""

from __future__ import annotations

from typing import Final, TypedDict

import numpy as np

from steepest.records.autograd import AutogradGraph, AutogradNode, Numbers
from steepest.show.figures.backward import NodeData
from steepest.show.figures.figure import Axis, Figure, Frames
from steepest.words.wording import count, escaped, listed, number


class SaidNodeData(NodeData):
    """An operation with what came out of it and what goes back to it, in words."""

    forward: str
    back: str


class AutogradData(TypedDict):
    """What `autograd` draws."""

    nodes: list[SaidNodeData]
    adjoints: bool


MOST_NODES: Final = 60
LONGEST: Final = 40
"""Characters of a name."""


def autograd_figure(graph: AutogradGraph) -> Figure:
    """The operations nearest to the loss, up to MOST_NODES; its cursor has one frame."""
    kept = _nearest(graph)
    places = {place: shown for shown, place in enumerate(kept)}
    leaves = [place for place in kept if graph.nodes[place].leaf]
    depth: list[int] = []
    nodes = []
    for shown, place in enumerate(kept):
        node = graph.nodes[place]
        inputs = [places[inner] for inner in node.inputs if inner in places]
        depth.append(1 + max((depth[inner] for inner in inputs), default=-1))
        nodes.append(
            {
                "id": shown,
                "text": escaped(node.name, LONGEST),
                "inputs": inputs,
                "depth": depth[-1],
                "weight": leaves.index(place) if node.leaf else None,
                "forward": _forward(node),
                "back": _back(node),
            }
        )
    title = _title(graph)
    chain = "; ".join(
        f"{node['text']}: {node['forward']}" + (f", adjoint {node['back']}" if node["back"] else "")
        for node in reversed(nodes)
    )
    nothing = np.zeros((1, 0))
    frames = Frames((), np.zeros(1, dtype=np.int64), nothing, nothing, np.array([graph.loss]))
    notes = [f"The {what} were not measured: {why}." for what, why in graph.not_measured.items()]
    if len(kept) < len(graph.nodes):
        notes.append(
            f"Drawn are the {len(kept)} operations nearest to the loss, of "
            f"{count(len(graph.nodes))}."
        )
    return Figure(
        kind="autograd",
        title=title,
        text=f"{title} From the loss back: {chain}.",
        x=Axis("from the parameters to the loss"),
        y=Axis(""),
        frames=frames,
        data={"nodes": nodes, "adjoints": any(node["back"] for node in nodes)},
        notes=tuple(notes),
    )


def _nearest(graph: AutogradGraph) -> list[int]:
    """The places of the nodes nearest to the loss, in the order of the graph."""
    found = [len(graph.nodes) - 1] if graph.nodes else []
    seen = set(found)
    for place in found:
        for inner in graph.nodes[place].inputs:
            if inner not in seen and len(found) < MOST_NODES:
                seen.add(inner)
                found.append(inner)
    return sorted(found)


def _title(graph: AutogradGraph) -> str:
    reached = [parameter for parameter in graph.parameters if parameter.reached]
    said = (
        f"A loss of {number(graph.loss, 5)} from {count(len(reached), 'parameter')} in "
        f"{count(sum(not node.leaf for node in graph.nodes), 'operation')}"
    )
    known = [parameter for parameter in reached if parameter.norm is not None]
    if known:
        longest = max(known, key=lambda parameter: parameter.norm or 0.0)
        said += f"; the longest gradient is that of {escaped(longest.name, LONGEST)}, "
        said += number(longest.norm or 0.0, 4)
    missed = [escaped(p.name, LONGEST) for p in graph.parameters if not p.reached]
    if missed:
        said += f"; it does not reach {listed(missed, most=3)}"
    return f"{said}."


def _forward(node: AutogradNode) -> str:
    shape = "×".join(str(size) for size in node.shape)
    if node.value is None:
        return shape or "one number"
    return f"{shape}: {_numbers(node.value)}" if shape else _numbers(node.value)


def _back(node: AutogradNode) -> str:
    if node.adjoint is not None:
        return _numbers(node.adjoint)
    return "" if node.adjoint_norm is None else f"length {number(node.adjoint_norm, 4)}"


def _numbers(values: Numbers) -> str:
    flat = np.ravel(values)
    if not values.shape or len(flat) == 1:
        return number(float(flat[0]), 4)
    texts = [number(float(value), 3) for value in flat[:2]]
    return f"[{', '.join(texts)}{', …' if len(flat) > 2 else ''}]"
