"""The autograd graph of a loss, read without changing it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import torch

from steepest.records.autograd import (
    AutogradGraph,
    AutogradNode,
    LossPull,
    Numbers,
    ParameterGradient,
)
from steepest.watching.tensors import Watched, named_tensors
from steepest.watching.walk import is_leaf, kept, ordered, shape_of, signed
from steepest.words.errors import UsageError
from steepest.words.given import shown_value

MOST_NUMBERS: Final = 64
"""Values, adjoints and gradients with more entries are told by their length alone."""

MOST_ROWS: Final = 10_000
"""Batches with more rows are not taken apart."""

MOST_PULLS: Final = 10

_PLAIN: Final = {
    "Add": "plus", "Sub": "minus", "Rsub": "minus", "Mul": "times", "Div": "divided by",
    "Neg": "minus", "Pow": "to the power", "Mean": "mean", "Sum": "sum", "Mm": "matrix product",
    "Addmm": "matrix product plus bias", "Bmm": "matrix product", "Mv": "matrix times vector",
    "Dot": "dot product", "T": "transposed", "Transpose": "transposed", "Permute": "permuted",
    "View": "in another shape", "UnsafeView": "in another shape", "Reshape": "in another shape",
    "ReshapeAlias": "in another shape", "Unsqueeze": "in another shape",
    "Squeeze": "in another shape", "Expand": "repeated", "Select": "entry", "Slice": "part",
    "Index": "entries", "Unbind": "taken apart", "Split": "taken apart", "Relu": "relu",
    "Exp": "exp", "Log": "log", "Abs": "abs",
    "Sqrt": "square root", "Sigmoid": "sigmoid", "Tanh": "tanh", "MseLoss": "mean squared error",
    "L1Loss": "mean absolute error", "NllLoss": "negative log likelihood",
    "LogSoftmax": "log of softmax", "Softmax": "softmax", "Convolution": "convolution",
    "ToCopy": "copied", "Clone": "copied", "NativeBatchNorm": "batch norm",
    "NativeLayerNorm": "layer norm", "MaxPool2DWithIndices": "max pool",
    "BinaryCrossEntropy": "binary cross-entropy", "HuberLoss": "huber loss",
    "BinaryCrossEntropyWithLogits": "binary cross-entropy of logits",
}  # fmt: skip

_INPUTS: Final = {"self": 0, "other": 1, "exponent": 1, "mat1": -2, "mat2": -1, "input": 0}
"""Under which name a backward function keeps which of its inputs."""


def read_graph(loss: torch.Tensor, watched: Watched | None = None) -> AutogradGraph:
    """Explain a loss, before or after `backward()`. Nothing of it changes.

    `watched`: a model or tensors, for their names and to tell which the loss does not reach.

    Raises UsageError for what is no scalar that depends on a tensor with requires_grad.
    """
    _check(loss)
    names = {id(t): name for name, _, _, t in named_tensors(watched)} if watched is not None else {}
    order = ordered(loss.grad_fn)
    place = {node: number for number, node in enumerate(order)}
    leaves = [node.variable for node in order if is_leaf(node)]
    for number, leaf in enumerate(leaves):
        names.setdefault(id(leaf), f"p{number}" if len(leaves) > 1 else "p")
    adjoints, slopes = _adjoints(loss, order, leaves)
    values = _values(loss, order)
    cut = _batch_of(order, loss.grad_fn)
    pulls: dict[int, tuple[LossPull, ...]] = {}
    reasons = {}
    lost = () if cut is None else _lost_rows(order, values, adjoints, shape_of(cut)[0])
    if slopes is None:
        reasons["adjoints"] = "backward() has let go of the graph; explain the loss before it"
        reasons["pulls"] = reasons["adjoints"]
    elif cut is None:
        reasons["pulls"] = "no single batch of rows was found behind the loss"
    elif shape_of(cut)[0] > MOST_ROWS:
        reasons["pulls"] = f"the batch has more than {MOST_ROWS:,} rows"
    else:
        pulls = _pulls(cut, adjoints[cut], leaves, lost)
        if not any(pulls.values()):
            reasons["pulls"] = "the gradients are not finite numbers"
    parameters = [
        _parameter(leaf, names[id(leaf)], None if slopes is None else slopes[number], pulls)
        for number, leaf in enumerate(leaves)
    ]
    reached = {id(leaf) for leaf in leaves}
    for name, _, _, tensor in [] if watched is None else named_tensors(watched):
        if id(tensor) not in reached:
            parameters.append(
                ParameterGradient(name, tuple(tensor.shape), False, there=_length(tensor.grad))
            )
    return AutogradGraph(
        loss=float(loss.detach()),
        nodes=tuple(
            AutogradNode(
                name=names[id(node.variable)] if is_leaf(node) else plain_name(node.name()),
                function=node.name().rpartition("::")[2],
                inputs=tuple(place[inner] for inner, _ in node.next_functions if inner is not None),
                shape=shape_of(node),
                value=_numbers(values.get(node)),
                adjoint=_numbers(adjoints.get(node)),
                adjoint_norm=_length(adjoints.get(node)),
                leaf=is_leaf(node),
            )
            for node in order
        ),
        parameters=tuple(parameters),
        rows=None if cut is None else shape_of(cut)[0],
        lost_rows=lost,
        backward_done=slopes is None,
        not_measured=reasons,
    )


def plain_name(function: str) -> str:
    """What a backward function's operation is called in plain words.

    >>> plain_name("MulBackward0"), plain_name("torch::autograd::AccumulateGrad")
    ('times', 'accumulate grad')
    >>> plain_name("UpsampleNearest2DBackward0")
    'upsample nearest 2d'
    """
    bare = re.sub(r"Backward\d*$", "", function.rpartition("::")[2])
    if bare in _PLAIN:
        return _PLAIN[bare]
    if bare.rstrip("0123456789D") in _PLAIN:
        return _PLAIN[bare.rstrip("0123456789D")]
    return re.sub(r"(?<=[a-z])(?=[A-Z0-9])", " ", bare).lower()


def _check(loss: Any) -> None:
    if not isinstance(loss, torch.Tensor):
        raise UsageError(
            "Only a loss can be explained: a tensor with one number.",
            given=shown_value(loss),
            instead="steepest.explain(loss)",
        )
    if loss.numel() != 1:
        raise UsageError(
            "Only one number has a gradient.",
            given=f"a tensor of shape {tuple(loss.shape)}",
            instead="Explain its mean: steepest.explain(loss.mean()).",
        )
    if loss.grad_fn is None and loss.requires_grad:
        raise UsageError(
            "This loss has no graph: it was told to ask for a gradient, and depends on nothing.",
            instead="Make it of the outputs themselves: argmax, comparisons, round(), detach(), "
            "item() and NumPy cut the way to the parameters. Leave requires_grad_() out.",
        )
    if loss.grad_fn is None:
        raise UsageError(
            "This loss depends on nothing that asks for a gradient.",
            instead="Compute it from parameters with requires_grad=True, outside of "
            "torch.no_grad() and without detach(), item(), argmax or NumPy in between.",
        )


def _adjoints(
    loss: torch.Tensor, order: Sequence[Any], leaves: Sequence[torch.Tensor]
) -> tuple[dict[Any, torch.Tensor], list[torch.Tensor | None] | None]:
    """The adjoint of every node and the gradient of every leaf, by a backward pass of our own.

    None where PyTorch has let go of the graph.
    """
    adjoints: dict[Any, torch.Tensor] = {}

    def catch(node: Any, arriving: tuple[torch.Tensor | None, ...]) -> None:
        there = [part for part in arriving if part is not None]
        if len(arriving) == 1 and there:
            adjoints[node] = there[0].detach()
        elif there and len({part.shape for part in there}) == 1:
            zero = torch.zeros_like(there[0])
            parts = [zero if part is None else part.detach() for part in arriving]
            adjoints[node] = torch.stack(parts)

    handles = [node.register_prehook(partial(catch, node)) for node in order if not is_leaf(node)]
    try:
        slopes: list[torch.Tensor | None] = list(
            torch.autograd.grad(loss, leaves, retain_graph=True, allow_unused=True)
        )
    except RuntimeError as error:
        if "second time" not in str(error) and "freed" not in str(error):
            raise
        return {}, None
    finally:
        for handle in handles:
            handle.remove()
    for node in order:
        if is_leaf(node):
            found = next(s for leaf, s in zip(leaves, slopes, strict=True) if leaf is node.variable)
            if found is not None:
                adjoints[node] = found
    return adjoints, slopes


def _values(loss: torch.Tensor, order: Sequence[Any]) -> dict[Any, torch.Tensor]:
    """What came out of each node, as far as PyTorch kept it or it follows from what it kept."""
    values: dict[Any, torch.Tensor] = {order[-1]: loss.detach()}
    for node in order:
        if is_leaf(node):
            values[node] = node.variable.detach()
            continue
        inner = [function for function, _ in node.next_functions]
        for name in dir(node):
            if not name.startswith("_saved_"):
                continue
            found = kept(node, name)
            key = name.removeprefix("_saved_")
            if found is None:
                continue
            if key in ("result", "out"):
                values.setdefault(node, found)
            elif key in _INPUTS and -len(inner) <= _INPUTS[key] < len(inner):
                source = inner[_INPUTS[key]]
                if source is not None and tuple(found.shape) == shape_of(source):
                    values.setdefault(source, found)
    for node in order:
        if node not in values and (found := _recomputed(node, values)) is not None:
            values[node] = found
    return values


_SIMPLE: Final[Mapping[str, Callable[..., torch.Tensor]]] = {
    "AddBackward0": lambda node, a, b: a + node._saved_alpha * b,
    "SubBackward0": lambda node, a, b: a - node._saved_alpha * b,
    "NegBackward0": lambda node, a: -a,
    "LogBackward0": lambda node, a: a.log(),
    "AbsBackward0": lambda node, a: a.abs(),
    "MeanBackward0": lambda node, a: a.mean(),
    "SumBackward0": lambda node, a: a.sum(),
    "TBackward0": lambda node, a: a.t(),
    "SelectBackward0": lambda node, a: a.select(signed(node._saved_dim), signed(node._saved_index)),
    "PowBackward0": lambda node, a: a**node._saved_exponent,
    "MulBackward0": lambda node, a, b=None: _product(node, a, b),
}


def _product(node: Any, a: torch.Tensor, b: torch.Tensor | None) -> torch.Tensor:
    if b is None:
        constant = kept(node, "_saved_other")
        b = kept(node, "_saved_self") if constant is None else constant
    if b is None:
        raise TypeError
    return a * b


def _recomputed(node: Any, values: Mapping[Any, torch.Tensor]) -> torch.Tensor | None:
    """The value of an operation so simple that its inputs say all of it."""
    function = _SIMPLE.get(node.name())
    inner = [source for source, _ in node.next_functions if source is not None]
    if function is None or any(source not in values for source in inner):
        return None
    try:
        found = function(node, *(values[source] for source in inner))
    except (TypeError, RuntimeError, IndexError):
        # Another form of the operation, with a constant that PyTorch did not keep.
        return None
    return found if tuple(found.shape) == shape_of(node) else None


def _batch_of(order: Sequence[Any], end: Any) -> Any:
    """The last node before the loss that has a number for each row; None where it is not one."""
    node = end
    while node is not None and (not shape_of(node) or shape_of(node)[0] < 2):
        inner = [source for source, _ in node.next_functions if source is not None]
        if len(inner) != 1 or is_leaf(inner[0]):
            return None
        node = inner[0]
    return node


def _lost_rows(
    order: Sequence[Any],
    values: Mapping[Any, torch.Tensor],
    adjoints: Mapping[Any, torch.Tensor],
    rows: int,
) -> tuple[int, ...]:
    """The rows whose numbers are not finite where they were lost first: forward, else backward."""
    ways = [values.get(node) for node in order], [adjoints.get(node) for node in reversed(order)]
    for tensor in [tensor for way in ways for tensor in way]:
        if tensor is None or tensor.is_sparse or not tensor.dim() or len(tensor) != rows:
            continue
        bad = ~torch.isfinite(tensor).reshape(rows, -1).all(1)
        if bool(bad.any()):
            return tuple(torch.nonzero(bad).flatten().tolist())
    return ()


def _pulls(
    cut: Any, adjoint: torch.Tensor, leaves: Sequence[torch.Tensor], lost: Sequence[int]
) -> dict[int, tuple[LossPull, ...]]:
    """For each leaf, by its id, the rows that pull hardest at it; none where one is not finite.

    0 times what is not a number is not one, so a row that is `lost` may take the others with it.
    """
    edge = torch.autograd.graph.GradientEdge(cut, 0)
    rows = [row for row in range(len(adjoint)) if row not in set(lost)]
    norms = np.zeros((len(rows), len(leaves)))
    amounts: list[list[Numbers | None]] = []
    for place, row in enumerate(rows):
        one = torch.zeros_like(adjoint)
        one[row] = adjoint[row]
        slopes = torch.autograd.grad(
            (edge,), leaves, grad_outputs=(one,), retain_graph=True, allow_unused=True
        )
        norms[place] = [_length(slope) or 0.0 for slope in slopes]
        amounts.append([_numbers(slope) for slope in slopes])
    found: dict[int, tuple[LossPull, ...]] = {}
    for number, leaf in enumerate(leaves):
        total = float(norms[:, number].sum())
        if not math.isfinite(total):
            found[id(leaf)] = ()
            continue
        hardest = np.argsort(-norms[:, number], kind="stable")[:MOST_PULLS]
        found[id(leaf)] = tuple(
            LossPull(
                row=rows[place],
                amount=amounts[place][number],
                norm=float(norms[place, number]),
                share=float(norms[place, number]) / total if total else 0.0,
            )
            for place in hardest
        )
    return found


def _parameter(
    leaf: torch.Tensor,
    name: str,
    slope: torch.Tensor | None,
    pulls: Mapping[int, tuple[LossPull, ...]],
) -> ParameterGradient:
    return ParameterGradient(
        name=name,
        shape=tuple(leaf.shape),
        reached=True,
        gradient=_numbers(slope),
        norm=_length(slope),
        there=_length(leaf.grad),
        pulls=pulls.get(id(leaf), ()),
    )


def _numbers(tensor: torch.Tensor | None) -> Numbers | None:
    if tensor is None or tensor.numel() > MOST_NUMBERS or tensor.is_sparse or tensor.is_complex():
        return None
    return tensor.detach().to("cpu", torch.float64).numpy().copy()


def _length(tensor: torch.Tensor | None) -> float | None:
    if tensor is None:
        return None
    values = tensor.coalesce().values() if tensor.is_sparse else tensor
    return float(torch.linalg.vector_norm(values.detach()))
