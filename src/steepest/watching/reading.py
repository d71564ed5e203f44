"""What the graph of a loss says, as facts: before `backward()`, and without changing it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import torch
from torch import nn

from steepest.methods.losses import CROSS_ENTROPY
from steepest.records.loss_graph import Compared, LossReading, Pairs, Squash, Stranger
from steepest.watching.graph import plain_name
from steepest.watching.walk import (
    inputs_of,
    is_leaf,
    kept,
    kind_of,
    near_the_loss,
    ordered,
    shape_of,
    signed,
    source_of,
)

_MOST_ROWS: Final = 4096
"""Of a larger batch so many rows are looked at."""

_MOST_COMPARED: Final = 4

_DEEPEST: Final = 3
"""Lists in lists in lists are looked into for layers."""

_REGRESSIONS: Final = ("MseLoss", "L1Loss", "SmoothL1Loss", "HuberLoss")
_BINARY: Final = ("BinaryCrossEntropy", "BinaryCrossEntropyWithLogits")
_CLASSES: Final = ("NllLoss", "NllLoss2D")
_MEAN, _SUM = 1, 2
"""How PyTorch writes a loss's reduction."""


def read_loss(
    step: int,
    loss: torch.Tensor,
    places: Mapping[int, int],
    model: nn.Module | None,
    rows: int | None,
) -> LossReading:
    """Read the graph behind a loss.

    `places`: of the watched tensors, by their ids; `rows`: of the batch, where they are known.
    """
    value = float(loss.detach().float().mean())
    if loss.grad_fn is None:
        told = loss.requires_grad and id(loss) not in places
        return LossReading(step, value, "told to ask" if told else "none")
    order = ordered(loss.grad_fn)
    leaves = [node.variable for node in order if is_leaf(node)]
    near = list(near_the_loss(loss.grad_fn))
    unknown = [leaf for leaf in leaves if isinstance(leaf, nn.Parameter) and id(leaf) not in places]
    return LossReading(
        step=step,
        loss=value,
        nodes=len(order),
        reached=tuple(sorted(places[id(leaf)] for leaf in leaves if id(leaf) in places)),
        strangers=_strangers(unknown, model),
        constant_terms=_constant_terms(loss.grad_fn),
        squashes=tuple(_squashes(near, order, rows)),
        pairs=_pairs(near),
        compared=tuple(_compared(near)),
        summed=_summed(loss.grad_fn),
        nothing=_nothing(near),
        scaled=kind_of(loss.grad_fn) in ("Mul", "Div") and len(inputs_of(loss.grad_fn)) == 1,
        half=any(
            part.dtype == torch.float16
            for node in order
            if not is_leaf(node)
            for part in node._input_metadata
        ),
    )


def _strangers(leaves: Sequence[torch.Tensor], model: nn.Module | None) -> tuple[Stranger, ...]:
    if not leaves:
        return ()
    held = {id(tensor): place for place, tensor in _hidden(model)}
    found = [(leaf, held.get(id(leaf))) for leaf in leaves]
    if any(place is None for _, place in found):
        # Another training's optimizer may move them, as in two networks that share a loss.
        moved = _moved_by_anyone()
        found = [(leaf, place) for leaf, place in found if id(leaf) not in moved]
    return tuple(Stranger(tuple(leaf.shape), place) for leaf, place in found)


def _hidden(model: nn.Module | None) -> Iterator[tuple[str, torch.Tensor]]:
    """Parameters in lists and mappings of a model, which PyTorch does not look into."""
    for name, module in () if model is None else model.named_modules():
        for attribute, value in vars(module).items():
            if not attribute.startswith("_"):
                yield from _inside(f"{name}.{attribute}".lstrip("."), value, 0)


def _inside(place: str, value: Any, depth: int) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, nn.Module):
        for name, tensor in value.named_parameters():
            yield f"{place}.{name}", tensor
    elif isinstance(value, nn.Parameter):
        yield place, value
    elif depth < _DEEPEST and isinstance(value, list | tuple | dict):
        pairs: Iterable[tuple[Any, Any]] = (
            value.items() if isinstance(value, dict) else enumerate(value)
        )
        for key, entry in pairs:
            yield from _inside(f"{place}[{key!r}]", entry, depth + 1)


def _moved_by_anyone() -> set[int]:
    """The ids of the tensors that any optimizer has which is alive."""
    import gc

    return {
        id(tensor)
        for found in gc.get_objects()
        if issubclass(type(found), torch.optim.Optimizer)
        for group in found.param_groups
        for tensor in group["params"]
    }


def _constant_terms(end: Any) -> int:
    """How many numbers without a graph are added to or taken from the loss."""
    count, waiting = 0, [end]
    while waiting:
        node = waiting.pop()
        if is_leaf(node) or shape_of(node) or kind_of(node) not in ("Add", "Sub", "Rsub"):
            continue
        inner = inputs_of(node)
        count += len(inner) == 1
        waiting += inner
    return count


def _squashes(near: Sequence[Any], order: Sequence[Any], rows: int | None) -> Iterator[Squash]:
    outer_of = {
        "LogSoftmax": ("Softmax", "Sigmoid"),
        "BinaryCrossEntropyWithLogits": ("Sigmoid", "Softmax"),
        "Log": ("Softmax",),
    }
    close = set(near)
    for node in near:
        inner = outer_of.get(kind_of(node))
        source = source_of(inputs_of(node)[0]) if inner and inputs_of(node) else None
        if inner and source is not None and not is_leaf(source) and kind_of(source) in inner:
            yield Squash(
                "log by hand" if kind_of(node) == "Log" else "twice",
                plain_name(source.name()),
                plain_name(node.name()),
                shape_of(source),
            )
    for node in order:
        if is_leaf(node) or kind_of(node) not in ("Softmax", "LogSoftmax"):
            continue
        shape, along = shape_of(node), signed(node._saved_dim)
        if not shape:
            continue
        name, at_output = plain_name(node.name()), node in close
        if shape[along] == 1:
            yield Squash("over one number", name, shape=shape, at_output=at_output)
        elif at_output and along % len(shape) == 0 and len(shape) == 2 and shape[0] == rows:
            yield Squash("along the batch", name, shape=shape)


def _pairs(near: Sequence[Any]) -> Pairs | None:
    """Where N × N numbers come of N predictions, as only one side of a difference learns."""
    for node in near:
        inner = inputs_of(node)
        if kind_of(node) not in ("Sub", "Rsub", "Mul", "Expand") or len(inner) != 1:
            continue
        shape, before = shape_of(node), shape_of(inner[0])
        if len(shape) != 2 or shape[0] != shape[1] or shape[0] < 2:
            continue
        if before in ((shape[0], 1), (shape[0],), (1, shape[0])):
            return Pairs(plain_name(node.name()), shape[0], before)
    return None


def _compared(near: Sequence[Any]) -> Iterator[Compared]:
    done = 0
    for node in near:
        kind = kind_of(node)
        if kind not in (*_REGRESSIONS, *_BINARY, *_CLASSES) or done == _MOST_COMPARED:
            continue
        output, target = kept(node, "_saved_self"), kept(node, "_saved_target")
        if output is None or target is None or not output.numel() or not target.numel():
            continue
        weighted = any(
            kept(node, f"_saved_{name}") is not None for name in ("weight", "pos_weight")
        )
        read: Callable[..., Compared | None] = _of_classes if kind in _CLASSES else _of_numbers
        found = read(node, kind, output[:_MOST_ROWS], target[:_MOST_ROWS], weighted)
        if found is not None:
            done += 1
            yield found


def _of_numbers(
    node: Any, kind: str, output: torch.Tensor, target: torch.Tensor, weighted: bool
) -> Compared:
    output, target = output.double(), target.double()
    across = output.reshape(len(output), -1) if output.dim() else output.reshape(1, 1)
    varied = float(across.std(0, correction=0).max())
    classes = answers = None
    frequent = floor = None
    if kind in _BINARY and bool(((target == 0) | (target == 1)).all()):
        share = float(target.mean())
        frequent = max(share, 1 - share)
        classes = 1 if frequent == 1 else 2
        middle = 0.0 if kind == "BinaryCrossEntropyWithLogits" else 0.5
        answers = len(torch.unique(output > middle)) if output.numel() == len(output) else None
        floor = None if weighted else _entropy(torch.tensor([share, 1 - share]))
    return Compared(
        loss=plain_name(node.name()),
        rows=len(across),
        output_mean=float(output.mean()),
        output_deviation=varied,
        target_mean=float(target.mean()),
        target_deviation=float(target.std(correction=0)),
        target_least=float(target.min()),
        target_largest=float(target.max()),
        classes=classes,
        answers=answers,
        frequent=frequent,
        floor=floor,
    )


def _of_classes(
    node: Any, kind: str, output: torch.Tensor, target: torch.Tensor, weighted: bool
) -> Compared | None:
    if output.dim() > 1:
        output = output.movedim(1, -1).reshape(-1, output.shape[1]).double()
        target = target.reshape(-1)
        counted = target != signed(node._saved_ignore_index)
        output, target = output[counted], target[counted]
    if output.dim() < 2 or not len(target):
        return None
    shares = torch.unique(target, return_counts=True)[1].double() / len(target)
    return Compared(
        loss=CROSS_ENTROPY.name,
        rows=len(target),
        output_mean=math.nan,
        output_deviation=float(output.std(0, correction=0).max()),
        target_mean=math.nan,
        target_deviation=math.nan,
        target_least=math.nan,
        target_largest=math.nan,
        classes=len(shares),
        answers=len(torch.unique(output.argmax(1))),
        frequent=float(shares.max()),
        floor=None if weighted else _entropy(shares),
    )


def _entropy(shares: torch.Tensor) -> float:
    return float(torch.special.entr(shares).sum())


def _summed(end: Any) -> int | None:
    """Over how many rows the loss is a sum."""
    if getattr(end, "_saved_reduction", None) == _SUM:
        output = kept(end, "_saved_self")
        return len(output) if output is not None and output.dim() and len(output) > 1 else None
    if kind_of(end) == "Sum":
        sizes = tuple(end._saved_self_sym_sizes)
        return int(sizes[0]) if sizes and sizes[0] > 1 else None
    return None


def _nothing(near: Sequence[Any]) -> str | None:
    """The operation that takes an average over nothing."""
    for node in near:
        weight = kept(node, "_saved_total_weight")
        if weight is not None and node._saved_reduction == _MEAN and not float(weight):
            return CROSS_ENTROPY.name
        if kind_of(node) == "Mean" and getattr(node, "_saved_self_sym_numel", 1) == 0:
            return "mean"
    return None
