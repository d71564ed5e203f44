"""The calls through which no gradient passes: a loss is computed again, and each call looked at."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import torch
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils._pytree import tree_leaves

from steepest.records.loss_graph import Cut
from steepest.watching.walk import is_leaf, ordered
from steepest.words.user_code import user_line

_LEAVE: Final = ("item", "tolist", "numpy", "__float__", "__int__", "__array__", "detach", "data")
"""Calls that give the numbers away without a graph."""

_MOST: Final = 10


class _Calls(TorchFunctionMode):
    """Notes where something with a graph went in, and came out without one."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str | None, list[torch.Tensor]]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = _name(func)
        given = [
            leaf
            for leaf in tree_leaves((args, kwargs))
            if isinstance(leaf, torch.Tensor) and leaf.grad_fn is not None
        ]
        if given and len(self.found) < _MOST:
            tensors = [leaf for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor)]
            ended = bool(tensors) and not any(leaf.requires_grad for leaf in tensors)
            if ended or (not tensors and name in _LEAVE):
                frames = traceback.extract_stack()
                line = user_line([(f.filename, f.lineno or 0, f.line or "") for f in frames])
                self.found.append((name, line, given))
        return out


def find_cuts(
    closure: Callable[[], Any], places: Mapping[int, int], reached: Collection[int]
) -> tuple[Cut, ...]:
    """The calls behind which there are tensors that the loss does not reach.

    `places`: of the watched tensors, by their ids.
    """
    calls = _Calls()
    with torch.enable_grad(), calls:
        closure()
    found = []
    for name, line, given in calls.found:
        leaves = {
            places[id(node.variable)]
            for tensor in given
            for node in ordered(tensor.grad_fn)
            if is_leaf(node) and id(node.variable) in places
        }
        if leaves - set(reached):
            found.append(Cut(name, line, tuple(sorted(leaves - set(reached)))))
    return tuple(found)


def _name(func: Any) -> str:
    name = str(resolve_name(func) or getattr(func, "__name__", ""))
    parts = [part for part in name.split(".") if part != "__get__"]
    return parts[-1] if parts else name
