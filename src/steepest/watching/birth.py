"""Where the first number was made that is not finite: a step is run again, and looked at.

Nothing of the training changes: see `undisturbed`.
"""

from __future__ import annotations

import re
import traceback
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from steepest.records.loss_graph import Birth
from steepest.watching import causes
from steepest.watching.graph import plain_name
from steepest.watching.walk import (
    inputs_of,
    is_leaf,
    kept,
    kind_of,
    near_the_loss,
    ordered,
    source_of,
    takes_mean,
)
from steepest.words.user_code import user_line

_CONSTANT: Final = (
    "masked_fill", "fill", "full", "where", "scalar_tensor", "copy", "clone", "detach", "zeros",
    "empty", "lift_fresh", "index_put", "masked_scatter", "triu", "tril",
)  # fmt: skip
"""Operations that put an infinity there because they were told to."""

_FRAME: Final = re.compile(r'File "(.+)", line (\d+), in .*\n\s*(.*)')


@dataclass(frozen=True)
class _Event:
    """An operation whose output is not finite, while what went in was."""

    name: str
    cause: str | None
    layer: str | None
    line: str | None
    row: int | None
    entries: int
    nan: bool


class _Values(TorchDispatchMode):
    """Looks at what comes out of every operation."""

    def __init__(self, layers: list[str], rows: int | None):
        super().__init__()  # type: ignore[no-untyped-call]
        self._layers = layers
        self._rows = rows
        self.nan: _Event | None = None
        self.infinite: _Event | None = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        inputs = [t for t in tree_leaves((args, kwargs)) if _is_real(t)]
        nan_in = any(bool(torch.isnan(t).any()) for t in inputs)
        inf_in = any(bool(torch.isinf(t).any()) for t in inputs)
        before = [t.clone() for t in inputs] if func._schema.is_mutable else inputs
        out = func(*args, **kwargs)
        for tensor in filter(_is_real, tree_leaves(out)):
            nan, infinite = torch.isnan(tensor), torch.isinf(tensor)
            name = func._schema.name.rpartition("::")[2].rstrip("_")
            if self.nan is None and not nan_in and bool(nan.any()):
                self.nan = self._event(name, before, tensor, nan, args, nan=True)
            told = name.strip("_").startswith(_CONSTANT)
            if self.infinite is None and not (nan_in or inf_in or told) and bool(infinite.any()):
                self.infinite = self._event(name, before, tensor, infinite, args, nan=False)
        return out

    def _event(
        self,
        name: str,
        inputs: Sequence[torch.Tensor],
        out: torch.Tensor,
        bad: torch.Tensor,
        args: Any,
        *,
        nan: bool,
    ) -> _Event:
        more = {place: a for place, a in enumerate(args) if not isinstance(a, torch.Tensor)}
        return _Event(
            name=name,
            cause=causes.of_values(name, inputs, out, more),
            layer=self._layers[-1] if self._layers else None,
            line=user_line(
                [(f.filename, f.lineno or 0, f.line or "") for f in traceback.extract_stack()]
            ),
            row=_row(bad, self._rows),
            entries=int(bad.sum()),
            nan=nan,
        )


@dataclass
class _Passes:
    """The modules that are being passed through, and the numbers of the nodes that each made."""

    layers: list[str]
    spans: list[tuple[int, int, str]]

    def layer_of(self, node: Any) -> str | None:
        """The innermost module that made a node."""
        number = node._sequence_nr()
        inside = [(end - start, name) for start, end, name in self.spans if start <= number < end]
        return min(inside)[1] if inside else None


def find_birth(
    step: int,
    run: Callable[[], Any],
    model: nn.Module | None,
    rows: int | None,
    *,
    whole: bool,
    loss_is_finite: bool,
) -> Birth | None:
    """Run a pass again, and the way back from it, and say what was not finite first.

    `run` gives the loss, where it is the `whole` step, else what comes out of the model.
    """
    source: Any = "the closure" if whole else "the model on the batch"
    with _passing(model) as passes, torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.autograd.detect_anomaly(check_nan=False):
            values = _Values(passes.layers, rows)
            with values:
                out = run()
            ends = [t for t in tree_leaves(out) if _is_real(t) and t.requires_grad]
            finite = all(bool(torch.isfinite(t).all()) for t in ends)
            event = _chosen(values)
            if event is not None and not finite:
                return _of_event(step, event, source, left_out=loss_is_finite)
            if not ends or not loss_is_finite:
                return None
            node, bad = _way_back(ends)
    if node is None or bad is None:
        return None
    line = user_line(_frames(node.metadata.get("traceback_", ())))
    # Its slope is not finite because its value was not.
    same = event is not None and (event.layer, event.line) == (passes.layer_of(node), line)
    if event is not None and (_keeps_nan(node) if event.nan else same):
        return _of_event(step, event, source, left_out=True)
    found = _of_slopes(step, ends[0], node, bad, rows, source)
    return replace(found, layer=passes.layer_of(node), line=line)


def birth_behind(step: int, loss: torch.Tensor, rows: int | None) -> Birth | None:
    """What a loss at hand says before `backward()`, by a pass back through its graph."""
    end = loss.grad_fn
    if end is None:
        return None
    if not bool(torch.isfinite(loss).all()):
        return birth_in_graph(step, end, rows, loss_is_finite=False)
    node, bad = _way_back([loss])
    if node is None or bad is None:
        return None
    return _of_slopes(step, loss, node, bad, rows, "the loss's graph")


def _of_slopes(
    step: int, end: torch.Tensor, node: Any, bad: torch.Tensor, rows: int | None, source: Any
) -> Birth:
    """A node that was given finite numbers on the way back, and gave others."""
    cause = causes.of_slopes(node)
    if cause is not None and node in causes.under_where(ordered(end.grad_fn)):
        cause += ", in a branch that where() did not choose"
    return Birth(
        step=step,
        phase="backward",
        operation=plain_name(node.name()),
        function=node.name().rpartition("::")[2],
        cause=cause,
        row=_row(bad, rows),
        entries=int(bad.sum()),
        left_out=True,
        source=source,
    )


def birth_in_graph(step: int, end: Any, rows: int | None, *, loss_is_finite: bool) -> Birth | None:
    """What the graph alone says: of values that it keeps; after `backward()`, of its shape."""
    order = [node for node in ordered(end) if not is_leaf(node)]
    near = set(near_the_loss(end))
    if loss_is_finite:
        return _by_shape(step, order, near)
    for node in order:
        cause, bad = _by_what_is_kept(node)
        if cause is not None:
            row = None if bad is None else _row(bad, rows)
            return _of_node(step, node, "forward", cause, row, left_out=False)
    return None


def _by_shape(step: int, order: Sequence[Any], near: Collection[Any]) -> Birth | None:
    """What the graph kept is gone: where one operation alone can be it, that is named."""
    hidden = [node for node in causes.under_where(order) if node in near]
    risky = [node for node in near if kind_of(node) in causes.ONLY_SOME]
    chosen = hidden or risky
    if len({kind_of(node) for node in chosen}) != 1:
        return None
    cause = "in a branch that where() did not choose"
    if not hidden:
        of_softmax = kind_of(source_of(inputs_of(chosen[0])[0])) == "Softmax"
        cause = (
            "the log of a softmax, which can be 0"
            if of_softmax
            else "the only operation after the model that has no finite slope everywhere"
        )
    return _of_node(step, chosen[0], "backward", cause, None, left_out=True)


def _by_what_is_kept(node: Any) -> tuple[str | None, torch.Tensor | None]:
    """Why what came out of a node is not finite, and in which entries, where it keeps enough."""
    weight = kept(node, "_saved_total_weight")
    if weight is not None and takes_mean(node) and not float(weight):
        return "an average over nothing: every target is one to be ignored", None
    if kind_of(node) == "Mean" and getattr(node, "_saved_self_sym_numel", 1) == 0:
        return "an average over nothing", None
    if kind_of(node) not in (*causes.RISKY, "Log1P"):
        return None, None
    cause, saved = causes.of_slopes(node), kept(node, "_saved_self")
    if cause is None or "slope" in cause:
        return None, None
    log = saved is not None and kind_of(node).startswith("Log")
    return cause, saved <= 0 if log and saved is not None else None


def _of_node(
    step: int, node: Any, phase: Any, cause: str, row: int | None, *, left_out: bool
) -> Birth:
    return Birth(
        step=step,
        phase=phase,
        operation=plain_name(node.name()),
        function=node.name().rpartition("::")[2],
        cause=cause,
        row=row,
        left_out=left_out,
        source="the loss's graph",
    )


def _chosen(values: _Values) -> _Event | None:
    """What came first: an infinity, where the first that is no number was made of infinities."""
    if values.infinite is not None and (values.nan is None or values.nan.cause is None):
        return values.infinite
    if values.nan is not None and (values.nan.cause or "").startswith("infinity"):
        return values.infinite or values.nan
    return values.nan or values.infinite


def _of_event(step: int, event: _Event, source: Any, *, left_out: bool) -> Birth:
    bare = event.name.strip("_").removesuffix("_forward")
    camel = "".join(part.capitalize() for part in bare.split("_"))
    return Birth(
        step=step,
        phase="forward",
        operation=plain_name(camel),
        function=f"aten::{event.name}",
        cause=event.cause,
        layer=event.layer,
        line=event.line,
        row=event.row,
        entries=event.entries,
        left_out=left_out,
        source=source,
    )


def _way_back(ends: Sequence[torch.Tensor]) -> tuple[Any, torch.Tensor | None]:
    """The first node on the way back that is given finite numbers and gives others."""
    found: list[tuple[Any, torch.Tensor]] = []

    def look(node: Any, given: Sequence[Any], arriving: Sequence[Any]) -> None:
        if found or not all(bool(torch.isfinite(t).all()) for t in arriving if t is not None):
            return
        for tensor in filter(_is_real, given):
            bad = ~torch.isfinite(tensor)
            if bool(bad.any()):
                found.append((node, bad))
                return

    nodes = {node: None for end in ends for node in ordered(end.grad_fn) if not is_leaf(node)}
    handles = [node.register_hook(partial(look, node)) for node in nodes]
    leaves = {
        id(node.variable): node.variable
        for end in ends
        for node in ordered(end.grad_fn)
        if is_leaf(node)
    }
    try:
        torch.autograd.grad(
            [end.sum() for end in ends], list(leaves.values()), retain_graph=True, allow_unused=True
        )
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else (None, None)


def _keeps_nan(node: Any) -> bool:
    return any(
        _is_real(found) and bool(torch.isnan(found).any())
        for name in dir(node)
        if name.startswith("_saved_") and (found := kept(node, name)) is not None
    )


@contextmanager
def _passing(model: nn.Module | None) -> Iterator[_Passes]:
    """Know in which module a pass is."""
    passes = _Passes([], [])
    starts: list[int] = []
    number: Callable[[], int] = torch._C._autograd._get_sequence_nr

    def enters(name: str, *_: Any) -> None:
        passes.layers.append(name)
        starts.append(number())

    def leaves(name: str, *_: Any) -> None:
        passes.layers.pop()
        passes.spans.append((starts.pop(), number(), name))

    handles = []
    for name, module in () if model is None else model.named_modules():
        called = name or type(module).__name__
        handles.append(module.register_forward_pre_hook(partial(enters, called)))
        handles.append(module.register_forward_hook(partial(leaves, called)))
    try:
        yield passes
    finally:
        for handle in handles:
            handle.remove()


def _frames(texts: Sequence[str]) -> list[tuple[str, int, str]]:
    found = filter(None, (_FRAME.search(text) for text in texts))
    return [(match[1], int(match[2]), match[3]) for match in found]


def _row(bad: torch.Tensor, rows: int | None) -> int | None:
    """The first row of the batch with an entry of `bad`; None where it has no axis of rows."""
    if not bad.dim() or rows is None or rows < 2 or len(bad) != rows:
        return None
    return int(torch.nonzero(bad.reshape(rows, -1).any(1))[0])


def _is_real(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point() and not value.is_sparse
