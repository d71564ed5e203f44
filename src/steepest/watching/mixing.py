"""Whether the rows of a batch mix: the output of one row beside other rows, in eval mode."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import torch
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map

from steepest.records.loss_graph import RowsMix
from steepest.watching.kept_steps import chance
from steepest.watching.tensors import unwrapped

_MOVED: Final = 0.01
"""Of what the outputs of the rows differ by: a row that is moved less is moved by rounding."""

_ROUNDING: Final = 1e-4
"""The same, of the largest output."""

_OF_SEQUENCES: Final = (
    nn.RNNBase, nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerDecoderLayer,
    nn.TransformerEncoder, nn.TransformerDecoder, nn.Transformer,
)  # fmt: skip
_HOOKS: Final = ("_forward_hooks", "_forward_pre_hooks")


@dataclass(frozen=True)
class _Call:
    """What one layer made of one row in one pass."""

    layer: str
    module: nn.Module
    shape: tuple[int, ...]
    """Of what went in."""
    taken: torch.Tensor | None
    """The row as it went in; None where what went in has no such row."""
    made: torch.Tensor | None


def find_mixing(
    step: int, model: nn.Module, args: Any, kwargs: Any, batch: torch.Tensor
) -> RowsMix | None:
    """Run a pass three times in eval mode: as it is, again, and with copies of a row in all rows.

    None: the rows keep to themselves, or what goes in says that they are not to, as the edges of a
    graph do. The caller puts back what the passes change. Raises whatever the model raises.
    """
    model = unwrapped(model)
    given = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor) and t.dim()]
    rows = len(batch)
    if rows < 2 or any(_ties(t, rows, batch) for t in given) or _of_the_batch(model):
        return None
    row = rows // 2
    beside = tree_map(lambda value: _repeated(value, row, rows), (args, kwargs))
    with _bare(model) as listen:
        model.eval()
        start = chance(list(model.parameters()))

        def run(args: Any, kwargs: Any) -> tuple[list[torch.Tensor], list[_Call]]:
            start.restore()
            with torch.no_grad(), listen(row, rows) as calls:
                out = model(*args, **kwargs)
            return [t for t in tree_leaves(out) if _has_rows(t, rows)], calls

        first, calls = run(args, kwargs)
        again, _ = run(args, kwargs)
        other, changed = run(*beside)
    if not _alike(first, again, row) or [t.shape for t in first] != [t.shape for t in other]:
        return None
    moved = max((_moved(a, b, row) for a, b in zip(first, other, strict=True)), default=0.0)
    if moved <= _MOVED:
        return None
    place = _first_moved(calls, changed)
    if place is not None and _is_one_sequence(place):
        return None
    of_sequences = place is not None and isinstance(place.module, _OF_SEQUENCES)
    along = batch.dim() > 1 and any(t.dim() > 2 and t.shape[1] == batch.shape[1] for t in first)
    return RowsMix(
        step=step,
        row=row,
        rows=rows,
        moved=moved,
        layer=None if place is None else place.layer,
        kind="" if place is None else type(place.module).__name__,
        of_sequences=of_sequences,
        maybe_time=(of_sequences and along) or (batch.dim() == 1 and not batch.is_floating_point()),
    )


def _ties(given: torch.Tensor, rows: int, batch: torch.Tensor) -> bool:
    """Whether it is no row's own: edges between rows, or a matrix of them."""
    return len(given) != rows or (given is not batch and given.shape[:2] == (rows, rows))


def _of_the_batch(model: nn.Module) -> bool:
    """Whether a layer is meant to take the statistics of the batch in eval mode as well."""
    norm = nn.modules.batchnorm._BatchNorm
    return any(isinstance(m, norm) and m.running_mean is None for m in model.modules())


def _repeated(value: Any, row: int, rows: int) -> Any:
    """Copies of one row in the place of all."""
    if not isinstance(value, torch.Tensor) or not value.dim() or len(value) != rows:
        return value
    return value.detach()[row : row + 1].expand_as(value).clone()


def _has_rows(value: Any, rows: int) -> bool:
    """Whether it is a number a row, or several; not one a pair of rows."""
    return (
        isinstance(value, torch.Tensor)
        and value.is_floating_point()
        and value.dim() > 0
        and len(value) == rows
        and value.shape[1:2] != (rows,)
    )


def _alike(first: Sequence[torch.Tensor], again: Sequence[torch.Tensor], row: int) -> bool:
    """Whether the same pass gives the same twice."""
    return len(first) == len(again) and all(
        torch.equal(a[row], b[row]) for a, b in zip(first, again, strict=True)
    )


def _moved(first: torch.Tensor, other: torch.Tensor, row: int) -> float:
    """How far one row was moved, in deviations of what the rows differ by."""
    spread = float(first.float().std(0, correction=0).max())
    by = float((other[row].float() - first[row].float()).abs().max())
    rounding = _ROUNDING * float(first.float().abs().max())
    return by / spread if by > rounding and spread > rounding else 0.0


def _first_moved(calls: Sequence[_Call], changed: Sequence[_Call]) -> _Call | None:
    """The first layer that was given the same row and made another one of it."""
    if [call.layer for call in calls] != [call.layer for call in changed]:
        return None
    for one, other in zip(calls, changed, strict=True):
        same = (one.taken is None) == (other.taken is None) and (
            one.taken is None or other.taken is None or torch.equal(one.taken, other.taken)
        )
        if same and one.made is not None and other.made is not None:
            by = (one.made.float() - other.made.float()).abs().max()
            if one.made.shape == other.made.shape and by > _MOVED * one.made.float().abs().max():
                return one
    return None


def _is_one_sequence(call: _Call) -> bool:
    """Whether a layer was given one sequence, of which the rows are the steps."""
    dims, module = len(call.shape), call.module
    if isinstance(module, nn.modules.conv._ConvNd):
        return dims == len(module.kernel_size) + 1
    if not isinstance(module, _OF_SEQUENCES):
        return False
    return dims == 2 or (dims == 3 and call.shape[1] == 1)


@contextmanager
def _bare(model: nn.Module) -> Iterator[Callable[[int, int], Any]]:
    """The model without anyone's hooks, and a way to listen to its layers."""
    with ExitStack() as stack:
        for module in model.modules():
            for name in _HOOKS:
                stack.callback(setattr, module, name, getattr(module, name))
                setattr(module, name, OrderedDict())
        yield partial(_listening, model)


@contextmanager
def _listening(model: nn.Module, row: int, rows: int) -> Iterator[list[_Call]]:
    # What holds layers begins nothing by itself, unless it is one of them.
    layers = [
        (name or type(module).__name__, module)
        for name, module in model.named_modules()
        if name or isinstance(module, _OF_SEQUENCES) or not list(module.children())
    ]
    calls: list[_Call] = []

    def note(layer: str, module: nn.Module, args: Any, out: Any) -> None:
        tensors = [t for t in tree_leaves(args) if isinstance(t, torch.Tensor)]
        made = [t for t in tree_leaves(out) if _has_rows(t, rows)]
        taken = [t for t in tensors if t.dim() and len(t) == rows]
        shape = tuple(tensors[0].shape) if tensors else ()
        calls.append(
            _Call(
                layer,
                module,
                shape,
                taken[0][row].clone() if taken else None,
                made[0][row].clone() if made else None,
            )
        )

    handles = [m.register_forward_hook(partial(note, name)) for name, m in layers]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()
