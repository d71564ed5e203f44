"""What the graph of a loss says, as facts: before `backward()`, and without changing it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import torch
from torch import nn

from steepest.measure.far_target import far_target
from steepest.methods.losses import CROSS_ENTROPY
from steepest.records.loss_graph import Compared, LossReading, Pairs, Squash, Stranger
from steepest.watching.graph import plain_name
from steepest.watching.tensors import unwrapped
from steepest.watching.walk import (
    PASSING,
    inputs_of,
    is_leaf,
    kept,
    kind_of,
    near_the_loss,
    ordered,
    shape_of,
    signed,
    source_of,
    takes_mean,
    takes_sum,
)

_MOST_ROWS: Final = 4096
"""Of a larger batch so many rows are looked at."""

_MOST_COMPARED: Final = 4

_DEEPEST: Final = 3
"""Lists in lists in lists are looked into for layers."""

_REGRESSIONS: Final = ("MseLoss", "L1Loss", "SmoothL1Loss", "HuberLoss")
_BINARY: Final = ("BinaryCrossEntropy", "BinaryCrossEntropyWithLogits")
_CLASSES: Final = ("NllLoss", "NllLoss2D")
_DIFFERENCES: Final = ("Sub", "Rsub")
_ROUNDED_LOG: Final = 1e-3
_LEVEL: Final = ("Sign", "Round", "Floor", "Ceil", "Trunc")
_BOUNDS: Final = {"Tanh": (-1.0, 1.0), "Sigmoid": (0.0, 1.0)}


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
    held = [leaf for leaf in leaves if isinstance(leaf, nn.Parameter) or id(leaf) in places]
    if leaves and not held and not any(leaf.dim() for leaf in leaves):
        # A number that was told to ask for a gradient, and then divided.
        return LossReading(step, value, "told to ask")
    own = () if model is None else model.parameters()
    known = places.keys() | {id(one) for one in own}
    unknown = [leaf for leaf in leaves if isinstance(leaf, nn.Parameter) and id(leaf) not in known]
    # Another training's optimizer may move them, as in two networks that share a loss.
    elsewhere = _moved_by_anyone() if unknown else set()
    others = [leaf for leaf in unknown if id(leaf) in elsewhere]
    unknown = [leaf for leaf in unknown if id(leaf) not in elsewhere]
    return LossReading(
        step=step,
        loss=value,
        nodes=len(order),
        others=bool(others),
        reached=tuple(sorted(places[id(leaf)] for leaf in leaves if id(leaf) in places)),
        strangers=_strangers(unknown, model),
        constant_terms=_constant_terms(loss.grad_fn),
        squashes=tuple(_squashes(near, order, rows)),
        pairs=_pairs(near, loss.grad_fn),
        compared=tuple(_compared(near)),
        summed=_summed(loss.grad_fn),
        nothing=_nothing(near),
        level=tuple(sorted({kind_of(node).lower() for node in order if kind_of(node) in _LEVEL})),
        turned=_is_turned(loss.grad_fn),
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
    return tuple(Stranger(tuple(leaf.shape), held.get(id(leaf))) for leaf in leaves)


def newcomers(model: nn.Module | None, watched: Sequence[torch.Tensor]) -> tuple[str, ...]:
    """The parameters that a model has by now, and neither the watch nor any optimizer."""
    if model is None or any(hasattr(tensor, "to_local") for tensor in watched):
        return ()
    known = {id(tensor) for tensor in watched}
    own = unwrapped(model).named_parameters()
    found = {name: one for name, one in own if id(one) not in known and one.requires_grad}
    moved = _moved_by_anyone() if found else set()
    return tuple(name for name, one in found.items() if id(one) not in moved)


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


def are_moved_by_others(
    tensors: Sequence[torch.Tensor], watched: Sequence[torch.optim.Optimizer]
) -> bool:
    """Whether an optimizer has them that is not watched."""
    theirs = _moved_by_anyone(watched)
    return any(id(tensor) in theirs for tensor in tensors)


def _moved_by_anyone(but: Sequence[torch.optim.Optimizer] = ()) -> set[int]:
    """The ids of the tensors that any optimizer has which is alive."""
    import gc

    return {
        id(tensor)
        for found in gc.get_objects()
        if issubclass(type(found), torch.optim.Optimizer) and all(found is not o for o in but)
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
        source = source_of(inputs_of(node)[0]) if inputs_of(node) else None
        if inner and source is not None and not is_leaf(source) and kind_of(source) in inner:
            yield Squash(
                "log by hand" if kind_of(node) == "Log" else "twice",
                plain_name(source.name()),
                plain_name(node.name()),
                shape_of(source),
            )
        of_classes = kind_of(node) in _CLASSES and source is not None
        if of_classes and not is_leaf(source) and kind_of(source) == "Softmax":
            yield Squash("no log", "softmax", CROSS_ENTROPY.name, shape_of(source))
        given = kept(node, "_saved_self") if of_classes else None
        if given is not None and bool((given > _ROUNDED_LOG).any()):
            # A log of a probability is 0 at most.
            yield Squash("no softmax", "output", CROSS_ENTROPY.name, tuple(given.shape))
    for node in order:
        if is_leaf(node) or kind_of(node) not in ("Softmax", "LogSoftmax"):
            continue
        shape, along = shape_of(node), signed(node._saved_dim)
        if not shape:
            continue
        name, at_output = plain_name(node.name()), node in close
        if shape[along] == 1:
            yield Squash("over one number", name, shape=shape, at_output=at_output)
            continue
        # Scores of a list, and pairs of a batch, are compared along it on purpose.
        meant = shape[1:] in ((1,), (rows,))
        if at_output and len(shape) == 2 and shape[0] == rows and along % 2 == 0 and not meant:
            yield Squash("along the batch", name, shape=shape)


def _pairs(near: Sequence[Any], end: Any) -> Pairs | None:
    """Where N × N numbers come of N predictions, as only one side of a difference learns.

    They must all go into one average or sum, entry by entry: what is summed along one axis first,
    or taken of all pairs of the predictions, is meant so.
    """
    above: dict[Any, list[Any]] = {}
    for node in near:
        for inner in inputs_of(node):
            above.setdefault(inner, []).append(node)
    squares = [node for node in near if _is_square(shape_of(node))]
    if any(kind_of(node) in _DIFFERENCES and len(inputs_of(node)) > 1 for node in squares):
        return None
    for node in squares:
        inner = inputs_of(node)
        if kind_of(node) not in (*_DIFFERENCES, "Mul", "Expand") or len(inner) != 1:
            continue
        size, before = shape_of(node)[0], shape_of(inner[0])
        if before in ((size, 1), (size,), (1, size)) and _goes_into_one(node, above, end):
            return Pairs(plain_name(node.name()), size, before)
    return None


def _is_square(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 and shape[0] == shape[1] > 1


def _goes_into_one(node: Any, above: Mapping[Any, Sequence[Any]], end: Any) -> bool:
    """Whether N × N entries go, each for itself, into one average or sum."""
    waiting = [node]
    while waiting:
        here = waiting.pop()
        if here is not node and not shape_of(here):
            continue
        if here is end or not _is_square(shape_of(here)) or kind_of(here) == "Exp":
            return False
        waiting += above.get(here, ())
    return True


def _is_turned(end: Any) -> bool:
    """Whether the loss is minus one that is at least 0, by a minus that stands in its graph."""
    minus, node = False, end
    while not is_leaf(node) and kind_of(node) not in (*_REGRESSIONS, *_BINARY, *_CLASSES):
        inner = inputs_of(node)
        if len(inner) != 1 or kind_of(node) not in ("Neg", "Mean", "Sum", *PASSING):
            return False
        minus, node = minus != (kind_of(node) == "Neg"), inner[0]
    return minus and not is_leaf(node)


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
    across, aims = (
        part.reshape(len(part), -1) if part.dim() else part.reshape(1, 1)
        for part in (output, target)
    )
    varies, wanted = across.std(0, correction=0), aims.std(0, correction=0)
    alike = kind not in _BINARY and varies.shape == wanted.shape
    column = int((varies / wanted).nan_to_num(-1, posinf=-1).argmax()) if alike else None
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
        output_deviation=float(varies.max() if column is None else varies[column]),
        target_mean=float(target.mean()),
        target_deviation=float(target.std(correction=0) if column is None else wanted[column]),
        target_least=float(target.min()),
        target_largest=float(target.max()),
        classes=classes,
        answers=answers,
        frequent=frequent,
        floor=floor,
        correlation=None if column is None else _correlation(across[:, column], aims[:, column]),
        far=None if kind in _BINARY or aims.shape[1] != 1 else far_target(aims[:, 0].cpu().numpy()),
        bounds=None if kind in _BINARY else _bounds(node),
    )


def _correlation(one: torch.Tensor, other: torch.Tensor) -> float | None:
    one, other = one - one.mean(), other - other.mean()
    lengths = float(one.norm() * other.norm())
    return float(one @ other) / lengths if lengths > 0 else None


def _bounds(node: Any) -> tuple[float, float] | None:
    """Between which the last operation before a loss keeps what goes into it."""
    inner = inputs_of(node)
    source = source_of(inner[0]) if len(inner) == 1 else None
    return None if source is None or is_leaf(source) else _BOUNDS.get(kind_of(source))


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
    if takes_sum(end):
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
        if weight is not None and takes_mean(node) and not float(weight):
            return CROSS_ENTROPY.name
        if kind_of(node) == "Mean" and getattr(node, "_saved_self_sym_numel", 1) == 0:
            return "mean"
    return None
