"""What a watch reads of the loss's graph while a training goes on, and when."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from steepest.records.loss_graph import (
    Alike,
    Birth,
    Cut,
    HalfFacts,
    LossReading,
    RowsMix,
    ZeroFrom,
)
from steepest.watching.birth import birth_in_graph, find_birth
from steepest.watching.cuts import find_cuts
from steepest.watching.graph import plain_name
from steepest.watching.mixing import find_mixing
from steepest.watching.modes import ModeWatch
from steepest.watching.own_gradient import processes
from steepest.watching.reading import read_loss
from steepest.watching.undisturbed import undisturbed
from steepest.watching.walk import inputs_of, is_leaf, ordered, shape_of

_FIRST: Final = 3
"""So many first losses are read; after that one at four times the step of the last."""

_MIXED_AT: Final = (1, 32)
"""At these steps rows are looked at for whether they mix: later too, as layers may begin at 0."""

_LEAPS, _FAR = 2, 30.0
"""So often the batch is looked at whose loss is so many times all before it."""

_SETTLED: Final = 5
"""Before this step units may be alike because they began at zero."""

_ALIKE: Final = 1e-5
"""Units whose weights differ by less of the largest are the same, but for rounding."""

_MOST_ENTRIES: Final = 4_000_000
"""Larger tensors are not compared entry by entry."""

_SMALLEST: Final = 2.0**-24
_NORMAL: Final = 2.0**-14
"""The smallest number of float16, and the smallest that has all its bits."""

_Run = Callable[[], Any]


class Reader:
    """Reads the losses of one training."""

    def __init__(self, model: nn.Module | None, tensors: Sequence[torch.Tensor]):
        self._model = model
        self._tensors = list(tensors)
        self._places = {id(tensor): place for place, tensor in enumerate(tensors)}
        self._devices = list({tensor.device for tensor in tensors})
        self._next = 0
        self._read = -1
        self._largest = 0.0
        """The length of the longest loss so far."""
        self._looked = 0
        self._end: Any = None
        """The last node of the loss of this step: what it keeps goes with `backward()`."""
        self._loss_is_finite = True
        self._closure: _Run | None = None
        self._batch: tuple[Any, Any, torch.Tensor, list[int]] | None = None
        self._rows: int | None = None
        self._all_zero = False
        self._adjoints: dict[int, torch.Tensor] = {}
        """Of the losses that were read, by their place in the readings."""
        self.modes = ModeWatch(model)
        self.readings: list[LossReading] = []
        self.cuts: tuple[Cut, ...] = ()
        self.birth: Birth | None = None
        self.zero_from: ZeroFrom | None = None
        self.alike: dict[int, Alike] = {}
        self.half: HalfFacts | None = None
        self.mixing: RowsMix | None = None
        self.not_mixed = ""
        """Why it is not known whether rows mix."""
        self._searched = False

    def takes(self, step: int, args: Any, kwargs: Any, batch: torch.Tensor) -> None:
        """A batch goes into the model, to be learned from."""
        self._rows = len(batch) if batch.dim() else None
        self._batch = args, kwargs, batch, _versions((args, kwargs))
        self.modes.passes(step)

    def loss(self, step: int, loss: torch.Tensor) -> None:
        """The loss of the step that comes next, before or after its `backward()`."""
        self._end = loss.grad_fn
        # Elsewhere it would mean to wait for the device.
        near = loss.device.type == "cpu" and loss.numel() == 1
        self._loss_is_finite = not near or math.isfinite(loss.item())
        if not self._loss_is_finite and self.birth is None and self._end is not None:
            self.birth = birth_in_graph(step, self._end, self._rows, loss_is_finite=False)
        if near and self._loss_is_finite and self._leaps(loss.item()):
            self._next = min(self._next, step)
        if step < self._next or step == self._read:
            return
        self._read = step
        self._next = step + 1 if step < _FIRST - 1 else 4 * step
        reading = read_loss(step, loss, self._places, self._model, self._rows)
        if loss.grad_fn is not None and loss.numel() == 1:
            loss.register_hook(partial(self._arrives, len(self.readings)))
        self.readings.append(reading)
        if self._all_zero and self.zero_from is None and loss.grad_fn is not None:
            _look_for_zero(loss.grad_fn, partial(self._becomes_zero, step))

    def _leaps(self, loss: float) -> bool:
        """Whether a loss is far above those before it: its batch is looked at, the first times."""
        usual, self._largest = self._largest, max(self._largest, abs(loss))
        leaps = self._looked < _LEAPS and abs(loss) > _FAR * usual > 0
        self._looked += leaps
        return leaps

    def read(self) -> tuple[LossReading, ...]:
        """What was read so far. May wait for the device."""
        return tuple(
            replace(reading, adjoint=float(self._adjoints[place]))
            if place in self._adjoints
            else reading
            for place, reading in enumerate(self.readings)
        )

    def closure(self, closure: _Run) -> None:
        """What computes the loss of this step again."""
        self._closure = closure

    def moves(self, step: int) -> None:
        """The gradients are there, and the optimizer is about to move."""
        if step != self._read:
            return
        gradients = [t.grad for t in self._tensors if t.grad is not None]
        dense = [g for g in gradients if not g.is_sparse]
        self._all_zero = bool(dense) and not any(bool(g.any()) for g in dense)
        if self.readings[-1].half and dense:
            self.half = _half(step, dense)
        if step >= _SETTLED:
            self.alike = {
                place: Alike(place, len(tensor), step)
                for place, tensor in enumerate(self._tensors)
                if _are_alike(tensor)
            }
        if step in _MIXED_AT and self.mixing is None:
            self._look_for_mixing(step)
        if self._closure is not None and not self.cuts and self._is_cut():
            closure = self._closure
            with self._undisturbed():
                self.cuts = find_cuts(closure, self._places, self.readings[-1].reached)

    def lost(self, step: int) -> None:
        """A gradient is not finite, and the weights have not moved yet: look where it began."""
        if self._searched:
            return
        self._searched = True
        found = None
        for run, whole in ((self._closure, True), (self._pass(), False)):
            if run is None or (found is not None):
                continue
            with self._undisturbed():
                found = find_birth(
                    step,
                    run,
                    self._model,
                    self._rows,
                    whole=whole,
                    loss_is_finite=self._loss_is_finite,
                )
        if found is None and self.birth is None and self._end is not None:
            found = birth_in_graph(step, self._end, self._rows, loss_is_finite=self._loss_is_finite)
        self.birth = found or self.birth

    def lost_in_the_move(self, step: int) -> None:
        """A weight is not finite though its gradient was: the optimizer made it so."""
        if self.birth is None and not self._searched:
            self._searched = True
            self.birth = Birth(step, "optimizer", "step", "Optimizer.step")

    def moved(self) -> None:
        """The step is over, and so is what was kept of it."""
        self._end = self._closure = self._batch = None
        self._loss_is_finite = True

    def _look_for_mixing(self, step: int) -> None:
        if self._model is None or self._batch is None or processes() > 1:
            return
        args, kwargs, batch, versions = self._batch
        if _versions((args, kwargs)) != versions or not batch.dim():
            return
        try:
            with self._undisturbed():
                self.mixing = find_mixing(step, self._model, args, kwargs, batch)
        except Exception as error:  # the model's own
            self.not_mixed = f"the model does not run by itself ({type(error).__name__}: {error})"

    def _is_cut(self) -> bool:
        last = self.readings[-1]
        return last.graph == "told to ask" or any(
            tensor.requires_grad and place not in last.reached
            for place, tensor in enumerate(self._tensors)
        )

    def _pass(self) -> _Run | None:
        """The model's pass again, unless its batch was overwritten."""
        if self._batch is None or self._model is None:
            return None
        model, (args, kwargs, _, versions) = self._model, self._batch
        if _versions((args, kwargs)) != versions:
            return None
        return lambda: model(*args, **kwargs)

    def _undisturbed(self) -> Any:
        return undisturbed(self._model, self._tensors, self._devices)

    def _arrives(self, place: int, adjoint: torch.Tensor) -> None:
        self._adjoints.setdefault(place, adjoint.detach())

    def _becomes_zero(self, step: int, node: Any) -> None:
        if self.zero_from is None:
            name = node.name().rpartition("::")[2]
            self.zero_from = ZeroFrom(step, plain_name(name), name, shape_of(node))


def _versions(values: Any) -> list[int]:
    return [leaf._version for leaf in tree_leaves(values) if isinstance(leaf, torch.Tensor)]


def _look_for_zero(end: Any, found: Callable[[Any], None]) -> None:
    """Call `found` with the first node on the way back that is given a slope and gives none."""

    def look(node: Any, given: Sequence[Any], arriving: Sequence[Any]) -> None:
        there = [part for part in arriving if part is not None]
        passed = [part for part in given if part is not None]
        if passed and any(bool(p.any()) for p in there) and not any(bool(p.any()) for p in passed):
            found(node)

    for node in ordered(end):
        if not is_leaf(node) and inputs_of(node):
            node.register_hook(partial(look, node))


def _are_alike(tensor: torch.Tensor) -> bool:
    if not tensor.requires_grad or tensor.dim() < 2 or len(tensor) < 2 or tensor.is_sparse:
        return False
    if not tensor.is_floating_point() or tensor.numel() > _MOST_ENTRIES or tensor.grad is None:
        return False
    if hasattr(tensor, "to_local"):
        return False
    values = tensor.detach()
    largest = float(values.abs().max())
    return 0 < largest < math.inf and float((values - values[:1]).abs().max()) <= _ALIKE * largest


def _half(step: int, gradients: Sequence[torch.Tensor]) -> HalfFacts:
    """How much float16 has left of a gradient: what is below its normal numbers has few bits."""
    entries = zero = small = 0
    for gradient in gradients:
        size = gradient.detach().float().abs()
        entries += size.numel()
        zero += int((size == 0).sum())
        on_grid = (size < _NORMAL) & (size > 0) & (size / _SMALLEST == (size / _SMALLEST).round())
        small += int(on_grid.sum())
    return HalfFacts(step, zero / max(entries, 1), small / max(entries, 1))
