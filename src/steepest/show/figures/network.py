"""The backward pass of a network: layers with the shapes and lengths of what flows through them."""

from __future__ import annotations

import math
from typing import Any, Final, TypedDict

from steepest.records.training import GradientExplained, LayerGradient, TrainingRecord
from steepest.show.figures.autograd import SaidNodeData
from steepest.show.figures.figure import Axis, Figure, Frames
from steepest.words.wording import count, number, times


class NetworkData(TypedDict):
    """What `network` draws: layers and tensors, as the graph of a loss has its operations."""

    nodes: list[SaidNodeData]
    adjoints: bool


ROWS_FIRST: Final = "×"
FLAT: Final = 2.0
"""Up to this ratio of the longest to the shortest adjoint they are about the same."""


def network_figure(frames: Frames, record: TrainingRecord) -> Figure | str:
    """A node for each layer and each tensor, from the inputs to the loss.

    Why not, where no gradient was explained. A layer's node has the shape and the norm of what
    comes out of it, and the norm of the derivative of the loss with respect to that; a tensor's
    has its shape and norm, and the norm of its gradient.
    """
    found = None if record.learned is None else record.learned.explained
    if found is None or len(found.passes) < 2:
        return "Only a training by steepest.train that took a step has one."
    nodes = _nodes(found)
    title = _title(found)
    chain = "; ".join(
        f"{node['text']}: {node['forward']}" + (f", back {node['back']}" if node["back"] else "")
        for node in reversed(nodes)
    )
    return Figure(
        kind="network",
        title=title,
        text=f"{title} From the loss back: {chain}.",
        x=Axis("from the inputs to the loss"),
        y=Axis(""),
        frames=frames,
        data={"nodes": nodes, "adjoints": True},
        notes=(
            f"Of a batch of {count(found.rows, 'row')} at step {count(found.step)}. Numbers after "
            "a colon are lengths (Euclidean norms).",
        ),
    )


def _nodes(found: GradientExplained) -> list[dict[str, Any]]:
    """Inputs, then for each layer its tensors and itself, then the loss."""
    nodes: list[dict[str, Any]] = []

    def add(text: str, inputs: list[int], weight: int | None, forward: str, back: str) -> int:
        depth = 1 + max((nodes[place]["depth"] for place in inputs), default=-1)
        place = len(nodes)
        nodes.append(
            {
                "id": place,
                "text": text,
                "inputs": inputs,
                "depth": depth,
                "weight": weight,
                "forward": forward,
                "back": back,
            }
        )
        return place

    what, shape, value, _ = found.passes[0]
    before = add(what, [], None, _sized(shape, value), "")
    # Each layer has two tensors: its matrix and its bias.
    pairs = [found.tensors[place : place + 2] for place in range(0, len(found.tensors), 2)]
    for (what, shape, value, adjoint), tensors in zip(found.passes[1:-1], pairs, strict=True):
        own = [
            add(
                tensor.name,
                [],
                found.tensors.index(tensor),
                _sized(tensor.shape, tensor.weight),
                number(tensor.gradient, 3),
            )
            for tensor in tensors
        ]
        before = add(_short(what), [before, *own], None, _sized(shape, value), number(adjoint, 3))
    what, _, value, _ = found.passes[-1]
    add(what, [before], None, number(value, 4), "1")
    return nodes


def _short(what: str) -> str:
    """A layer without its numbers of units, which the shapes say.

    >>> _short("layer 1: 64 to 32, relu"), _short("layer 2: 32 to 10")
    ('layer 1, relu', 'layer 2')
    """
    name, _, sizes = what.partition(": ")
    _, _, activation = sizes.partition(", ")
    return f"{name}, {activation}" if activation else name


def _sized(shape: tuple[int, ...], length: float) -> str:
    return f"{ROWS_FIRST.join(map(str, shape))}: {number(length, 3)}"


def _title(found: GradientExplained) -> str:
    layers = [adjoint for *_, adjoint in found.passes[1:-1]]
    longest = max(found.tensors, key=_length)
    ended = f"the longest gradient is that of {longest.name}, {number(longest.gradient, 3)}"
    last, first = layers[-1], layers[0]
    if len(layers) == 1 or not (math.isfinite(last) and math.isfinite(first)):
        return f"The backward pass ends with {count(len(found.tensors), 'tensor')}; {ended}."
    said = f"On the way back through {count(len(layers), 'layer')} the derivative goes from a "
    said += f"length of {number(last, 3)} to {number(first, 3)}"
    if first > FLAT * last > 0:
        said += f" ({times(first / last)} as long)"
    elif last > FLAT * first > 0:
        said += f" ({times(last / first)} shorter)"
    return f"{said}; {ended}."


def _length(tensor: LayerGradient) -> float:
    return tensor.gradient if math.isfinite(tensor.gradient) else -1.0
