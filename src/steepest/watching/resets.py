"""Whether the gradients are reset between steps: seen when a backward pass arrives at a tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import torch
from torch.utils.hooks import unserializable_hook

from steepest.records.training import ResetFacts
from steepest.watching.scalers import Scalers

_PARALLEL: Final = 0.9999
"""Cosine from which on two gradients are one."""

_MOST_KEPT: Final = 65_536
"""Numbers of a tensor that is copied at each step."""

Guard = Callable[[Callable[..., None]], Callable[..., None]]


class _Coming(NamedTuple):
    """A gradient that a backward pass brings, and what is there before it."""

    gradient: torch.Tensor
    to_nothing: bool
    to_zeros: bool
    """Or to nothing."""
    same: bool
    """It comes to the gradient that the last step, or the last pass, has left."""


class Resets:
    """Looks at one tensor of an optimizer, whose gradient stands for the others.

    A gradient that was there when the first backward pass after a step arrived, and to which this
    one was only added, was not reset. One that had arrived, and is gone or all zeros when the
    optimizer comes, was reset too soon.

    Several backward passes before a step, each of a loss that was given, add up. Where one comes to
    a gradient that was reset since the one before, and no step was taken in between, that one is
    lost: a GradScaler has left its step out, or the loop resets at each pass.

    Where the weights are others at the second pass before a step than at the first, the loop moved
    them itself, as sharpness-aware minimization does.

    Args:
        tensors: By their places in the record.

    Attributes:
        paused: backward passes do not count while it is true: they are those of a probe.
    """

    def __init__(self, tensors: Mapping[int, torch.Tensor], guard: Guard):
        self.paused = False
        self._wanted = True
        self._places = {id(tensor): place for place, tensor in tensors.items()}
        self._taken: tuple[int, ...] | None = None
        self._seen: dict[int, torch.Tensor] = {}
        """The tensors at which a backward pass arrived; the smallest of them is chosen."""
        self._chosen: torch.Tensor | None = None
        self._others: list[torch.Tensor] = []
        """At which it arrived too."""
        self._guard = guard
        self._handles: dict[int, Any] = {}
        for tensor in tensors.values():
            if tensor.requires_grad and tensor.numel():
                self._handles[id(tensor)] = self._hook(tensor, guard(self._arrives))
        self._coming: _Coming | None = None
        self._arrived = False
        self._brought = False
        """Whether what arrived is known to be more than zeros."""
        self._left: tuple[torch.Tensor, int] | None = None
        """The gradient with which the last step ended, or the last pass will, and its version."""
        self._carried = False
        """Whether the gradient of the step before is in the one that is there."""
        self._told = False
        """Whether the pass that comes is that of a loss which was given."""
        self._passes = 0
        self._weights: tuple[int, int] | None = None
        """As they were at the last such pass; None: there was none since the last step."""
        self._since_reset: torch.Tensor | None = None
        """What arrived after the last reset between two passes before the same step."""
        self._scalers = Scalers()
        self._between: list[int] = [0]
        self._skipped: list[int] = [0]
        self._steps = 0
        self._not_reset: list[int] = [0]
        self._emptied: list[int] = [0]
        self._elsewhere = 0
        self._at_first: torch.Tensor | None = None
        """The weights at the first pass since the last step."""
        self._were_moved = False

    def told(self) -> None:
        """A loss was given, whose backward pass comes."""
        self._told = True
        if self._chosen is None and self._seen:
            self._choose()
            self._weights = _as_it_is(self._chosen)

    def others_moved(self) -> None:
        """Another optimizer has moved: what came before it may have been for that one alone."""
        self._weights = self._since_reset = self._at_first = None

    def moves(self, step: int) -> None:
        """The optimizer is about to move, or has done so with the gradient that is still there."""
        if self._taken is None:
            reached = [
                *self._seen.values(),
                *self._others,
                *([] if self._chosen is None else [self._chosen]),
            ]
            gone = (tensor for tensor in reached if tensor.grad is None)
            self._taken = tuple(sorted(self._places[id(tensor)] for tensor in gone))
        if self._chosen is None or not self._arrived:
            return
        gradient = self._chosen.grad
        if self._left is not None and gradient is not self._left[0]:
            self._carried = False  # another one was put there
        # What a loop puts there by itself, made of several passes, is none of them alone.
        if _are_parallel(gradient, self._since_reset):
            _note(self._between, step)
        if _is_gone(gradient, self._brought) and all(_is_gone(t.grad, True) for t in self._others):
            _note(self._emptied, step)

    def moved(self, step: int, *, wanted: bool) -> None:
        """It has moved. `wanted`: the next step is to be looked at, too."""
        self._wanted = wanted
        if self._chosen is None and self._seen:
            self._choose()
        if self._arrived:
            self._steps += 1
            if self._carried:
                _note(self._not_reset, step)
            self._elsewhere += self._were_moved
        gradient = None if self._chosen is None or not wanted else self._chosen.grad
        self._arrived = self._carried = self._brought = self._were_moved = False
        self._weights = self._since_reset = self._at_first = None
        self._left = None if gradient is None else (gradient, gradient._version)

    def facts(self) -> ResetFacts:
        """What was seen."""
        return ResetFacts(
            steps=self._steps,
            not_reset=self._not_reset[0],
            first_not_reset=self._not_reset[1] if self._not_reset[0] else None,
            emptied=self._emptied[0],
            first_emptied=self._emptied[1] if self._emptied[0] else None,
            passes=self._passes,
            between=self._between[0],
            first_between=self._between[1] if self._between[0] else None,
            skipped=self._skipped[0],
            elsewhere=self._elsewhere,
            taken=self._taken or (),
            scale=self._scalers.scale,
        )

    def close(self) -> None:
        """Take the hooks away."""
        for handle in self._handles.values():
            handle.remove()
        self._handles.clear()

    def _choose(self) -> None:
        dense = [t for t in self._seen.values() if t.grad is None or not t.grad.is_sparse]
        if not dense:
            return
        # The directions of one number are two.
        self._chosen = min(dense, key=lambda tensor: (tensor.numel() < 2, tensor.numel()))
        for known in [known for known in self._handles if known != id(self._chosen)]:
            self._handles.pop(known).remove()
        self._others = [one for one in self._seen.values() if one is not self._chosen]
        self._seen.clear()
        added = unserializable_hook(self._guard(self._is_added))
        self._handles[-1] = self._chosen.register_post_accumulate_grad_hook(added)

    def _hook(self, tensor: torch.Tensor, arrives: Callable[..., None]) -> Any:
        @unserializable_hook  # type: ignore[untyped-decorator]
        def call(arriving: torch.Tensor) -> None:
            if self._wanted and not self.paused:
                arrives(tensor, arriving)

        return tensor.register_hook(call)

    def _arrives(self, tensor: torch.Tensor, arriving: torch.Tensor) -> None:
        """A backward pass brings a gradient; what it will be added to is looked at before."""
        if self._chosen is None:
            self._seen[id(tensor)] = tensor
            self._passes += self._told
            self._told = False
            return
        self._compare_weights(tensor)
        there, left = tensor.grad, self._left
        # A reset in place makes a new version, unless it went by way of `.data`.
        same = (
            there is not None
            and left is not None
            and there is left[0]
            and there._version == left[1]
        )
        looks = there is not None and (same or _is_cheap(there))
        is_empty = there is None or (looks and not bool(there.any()))
        self._coming = _Coming(arriving, there is None, is_empty, same)

    def _is_added(self, tensor: torch.Tensor) -> None:
        """It was added. What `torch.autograd.grad` brings is not, and says nothing of resets."""
        coming, self._coming = self._coming, None
        if coming is None:
            return
        if self._told:
            self._told = False
            self._take(tensor, coming)
        elif self._since_reset is not None:
            self._since_reset = self._since_reset + coming.gradient
        brings = _is_cheap(coming.gradient) and bool(coming.gradient.any())
        if self._arrived:
            self._carried = self._carried and coming.same
            self._brought = brings or (self._brought and not coming.to_nothing)
        else:
            self._arrived = True
            self._carried = coming.same and not coming.to_zeros
            self._brought = brings
        if self._carried and tensor.grad is not None:
            self._left = tensor.grad, tensor.grad._version

    def _compare_weights(self, tensor: torch.Tensor) -> None:
        """Whether the pass that arrives was made at the weights of the first one."""
        if tensor.device.type != "cpu" or tensor.numel() > _MOST_KEPT:
            return
        if self._at_first is None:
            self._at_first = tensor.detach().clone()
        elif not self._were_moved:
            self._were_moved = not torch.equal(self._at_first, tensor)

    def _take(self, tensor: torch.Tensor, coming: _Coming) -> None:
        """The pass of a loss that was given has arrived."""
        self._passes += 1
        before, self._weights = self._weights, _as_it_is(tensor)
        if before is None or before != self._weights or self._were_moved:
            return
        # What is all zeros was reset, unless it came so.
        if not coming.to_nothing and not (coming.to_zeros and self._brought):
            if self._since_reset is not None:
                self._since_reset = self._since_reset + coming.gradient
        elif self._scalers.skipped():
            _note(self._skipped, self._steps)
        else:
            self._since_reset = coming.gradient.detach().clone()


def _as_it_is(tensor: torch.Tensor | None) -> tuple[int, int] | None:
    """What tells whether a tensor was written to."""
    return None if tensor is None else (tensor._version, tensor.data_ptr())


def _are_parallel(one: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    """Whether one is the other, but for a factor that scaling and clipping leave."""
    if one is None or other is None or one.shape != other.shape or not _is_cheap(one):
        return False
    if one.numel() == 1:
        return torch.equal(one, other)
    a, b = one.detach().flatten().double(), other.flatten().double()
    return bool(torch.dot(a, b) > _PARALLEL * a.norm() * b.norm())


def _is_gone(gradient: torch.Tensor | None, brought: bool) -> bool:
    """Whether there is none, or only zeros where more was `brought`."""
    if gradient is None:
        return True
    return brought and _is_cheap(gradient) and not bool(gradient.any())


def _note(seen: list[int], step: int) -> None:
    if not seen[0]:
        seen.append(step)
    seen[0] += 1


def _is_cheap(tensor: torch.Tensor) -> bool:
    """Whether its values can be looked at without waiting for a device."""
    return tensor.device.type == "cpu" and not tensor.is_sparse
