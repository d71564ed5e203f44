"""Walking an autograd graph: its nodes, their shapes, and what PyTorch keeps in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import torch

_PASSING: Final = (
    "View", "UnsafeView", "ReshapeAlias", "Unsqueeze", "Squeeze", "T", "Transpose", "Permute",
    "Expand", "ToCopy", "Clone", "Alias", "Index", "Slice", "Select", "Gather",
)  # fmt: skip

PASSING: Final = frozenset(_PASSING)
"""Operations whose entries are those of what they take, elsewhere."""

ENTRYWISE: Final = frozenset((
    *_PASSING, "Add", "Sub", "Rsub", "Mul", "Div", "Neg", "Pow", "Abs", "Clamp", "ClampMin",
    "Where", "Sqrt", "Log", "Log1P", "Exp", "SmoothL1Loss", "HuberLoss", "MseLoss", "L1Loss",
    "BinaryCrossEntropy", "BinaryCrossEntropyWithLogits", "NllLoss", "NllLoss2D", "Mean", "Sum",
    "LogSoftmax", "Softplus", "LogSigmoid", "Xlogy", "MaskedFill", "MaskedSelect",
))  # fmt: skip
"""Operations that take each entry for itself, and the averages of that."""


_MEAN: Final = 1
_SUM: Final = 2
"""What PyTorch calls a reduction, of losses; 0 is none."""


def ordered(end: Any) -> list[Any]:
    """Every node once, each after those it takes its values from."""
    order: list[Any] = []
    seen = set()
    waiting: list[tuple[Any, bool]] = [(end, False)]
    while waiting:
        node, ready = waiting.pop()
        if ready:
            order.append(node)
            continue
        if node in seen:
            continue
        seen.add(node)
        waiting.append((node, True))
        waiting += [
            (inner, False) for inner, _ in reversed(node.next_functions) if inner is not None
        ]
    return order


def is_leaf(node: Any) -> bool:
    """Whether it is where a gradient is added up in a tensor."""
    return hasattr(node, "variable")


def shape_of(node: Any) -> tuple[int, ...]:
    """Of what came out of it."""
    if is_leaf(node):
        return tuple(node.variable.shape)
    outputs = node._input_metadata
    shape = tuple(int(size) for size in outputs[0].shape)
    return shape if len(outputs) == 1 else (len(outputs), *shape)


def kind_of(node: Any) -> str:
    """The operation without what PyTorch adds: "Softmax" of "SoftmaxBackward0"."""
    return str(node.name()).rpartition("::")[2].partition("Backward")[0]


def kept(node: Any, name: str) -> torch.Tensor | None:
    """A tensor that PyTorch keeps for the way back; None where there is none any more."""
    try:
        found = getattr(node, name, None)
    except RuntimeError:  # let go of
        return None
    return found.detach() if isinstance(found, torch.Tensor) else None


def takes_mean(node: Any) -> bool:
    """Whether a loss is the mean over its rows."""
    return getattr(node, "_saved_reduction", None) == _MEAN


def takes_sum(node: Any) -> bool:
    """Whether a loss is the sum over its rows."""
    return getattr(node, "_saved_reduction", None) == _SUM


def inputs_of(node: Any) -> list[Any]:
    """The nodes that it takes its values from."""
    return [inner for inner, _ in node.next_functions if inner is not None]


def source_of(node: Any) -> Any:
    """The operation whose entries these are, past views and copies of them."""
    while node is not None and not is_leaf(node) and kind_of(node) in PASSING:
        inner = inputs_of(node)
        node = inner[0] if inner else None
    return node


def near_the_loss(end: Any) -> Iterator[Any]:
    """The nodes between the loss and the first operation that is not taken entry by entry.

    That operation is among them.
    """
    seen = set()
    waiting = [end]
    while waiting:
        node = waiting.pop()
        if node in seen or is_leaf(node):
            continue
        seen.add(node)
        yield node
        if kind_of(node) in ENTRYWISE:
            waiting += inputs_of(node)


def signed(number: int) -> int:
    """PyTorch shows a negative number of 64 bits as one without a sign."""
    return number - 2**64 if number >= 2**63 else number
