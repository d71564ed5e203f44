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

_NUMBERS: Final = frozenset(_LEAVE) - {"detach", "data"}
"""Of them those that give no tensor: where it goes is not known."""

_LEFT_OUT: Final = ("detach", "data")
"""Calls that can be left out."""

_MOST: Final = 30


class _Calls(TorchFunctionMode):
    """Notes where something with a graph went in and came out without one, and where that went.

    `kept_on`: the place among them of a call whose graph is kept, as if it were left out.
    """

    def __init__(self, kept_on: int | None = None) -> None:
        super().__init__()
        self.found: list[tuple[str, str | None, list[torch.Tensor]]] = []
        self._kept_on = kept_on
        self._seen = 0
        self._from: dict[int, set[int]] = {}
        """By the id of a tensor: which of the calls it comes from."""
        self._alive: list[torch.Tensor] = []
        """So that no id is given twice."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        tensors = [leaf for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor)]
        come = set[int]().union(*(self._from.get(id(tensor), ()) for tensor in given))
        graphs = [leaf for leaf in given if leaf.grad_fn is not None]
        name = _name(func) if graphs else ""
        ended = bool(tensors) and not any(leaf.requires_grad for leaf in tensors)
        if graphs and (ended or (not tensors and name in _LEAVE)):
            place, self._seen = self._seen, self._seen + 1
            if place == self._kept_on and name in _LEFT_OUT:
                return graphs[0]
            if len(self.found) < _MOST:
                frames = traceback.extract_stack()
                line = user_line([(f.filename, f.lineno or 0, f.line or "") for f in frames])
                come.add(len(self.found))
                self.found.append((name, line, graphs))
        if come:
            for tensor in tensors:
                self._from[id(tensor)] = come
                self._alive.append(tensor)
        return out

    def leading_to(self, loss: Any) -> list[int]:
        """The places of those calls of which the loss was made, or numbers of which none knows."""
        come = self._from.get(id(loss), set())
        return [
            place
            for place, (name, _, _) in enumerate(self.found)
            if place in come or name in _NUMBERS
        ]


def find_cuts(
    closure: Callable[[], Any], places: Mapping[int, int], reached: Collection[int]
) -> tuple[Cut, ...]:
    """The calls behind which there are tensors that the loss does not reach.

    `places`: of the watched tensors, by their ids.
    """
    calls = _Calls()
    with torch.enable_grad(), calls:
        loss = closure()
    found = []
    for place in calls.leading_to(loss):
        name, line, given = calls.found[place]
        behind = _behind(given, places) - set(reached)
        if behind:
            then = _what_cuts_then(closure, place, behind, places) if name in _LEFT_OUT else None
            found.append(Cut(name, line, tuple(sorted(behind)), then))
    return tuple(found)


def _what_cuts_then(
    closure: Callable[[], Any], place: int, behind: set[int], places: Mapping[int, int]
) -> str | None:
    """The call that cuts the way where this one is left out; None where the way is free then."""
    calls = _Calls(kept_on=place)
    with torch.enable_grad(), calls:
        loss = closure()
    if isinstance(loss, torch.Tensor) and behind & _behind([loss], places):
        return None
    for further in calls.leading_to(loss):
        name, _, given = calls.found[further]
        if behind & _behind(given, places):
            return name
    return None


def _behind(tensors: Collection[torch.Tensor], places: Mapping[int, int]) -> set[int]:
    """The places of the leaves of which tensors are made."""
    return {
        places[id(node.variable)]
        for tensor in tensors
        if tensor.grad_fn is not None
        for node in ordered(tensor.grad_fn)
        if is_leaf(node) and id(node.variable) in places
    }


def _name(func: Any) -> str:
    name = str(resolve_name(func) or getattr(func, "__name__", ""))
    parts = [part for part in name.split(".") if part != "__get__"]
    return parts[-1] if parts else name
