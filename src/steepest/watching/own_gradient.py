"""The gradient of this process alone, where several average theirs: how noisy one batch is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

Guard = Callable[[Callable[..., None]], Callable[..., None]]


def processes() -> int:
    """How many train together."""
    distributed = torch.distributed
    if not distributed.is_available() or not distributed.is_initialized():
        return 1
    return int(distributed.get_world_size())


def is_averaged(model: nn.Module | None) -> bool:
    """Whether it is a DistributedDataParallel of several processes."""
    return hasattr(model, "require_forward_param_sync") and processes() > 1


class OwnGradient:
    """Measures each gradient as it arrives, and their average at the end of the backward pass.

    Attributes:
        paused: backward passes do not count while it is true: they are those of a probe.
    """

    def __init__(self, tensors: Sequence[torch.Tensor], guard: Guard):
        self.paused = False
        self._tensors = [tensor for tensor in tensors if tensor.requires_grad]
        self._own: dict[int, torch.Tensor] = {}
        self._passes = 0
        self._wanted = True
        self._share: torch.Tensor | None = None
        self._done = guard(self._averaged)
        arrives = guard(self._arrives)
        self._handles: list[Any] = [
            tensor.register_hook(_Arrival(arrives, place))
            for place, tensor in enumerate(self._tensors)
        ]

    def share(self) -> torch.Tensor | float:
        """The squared length of this process's gradient over that of the average of all."""
        return math.nan if self._share is None or self._passes != 1 else self._share

    def moved(self, *, wanted: bool) -> None:
        """The optimizer has moved. `wanted`: the next step is to be measured, too."""
        self._wanted = wanted
        self._own.clear()
        self._passes = 0
        self._share = None

    def close(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    @torch.no_grad()
    def _arrives(self, place: int, arriving: torch.Tensor) -> None:
        if self.paused or not self._wanted:
            return
        if not self._own:
            # What is queued from the queue comes after all that the processes have queued.
            engine = torch.autograd.Variable._execution_engine
            engine.queue_callback(lambda: engine.queue_callback(self._done))
        self._own[place] = _square(arriving)

    @torch.no_grad()
    def _averaged(self) -> None:
        """The backward pass is over, and the gradients are those of all processes."""
        own, self._own = self._own, {}
        self._passes += 1
        # Only what arrived here: a layer may be used in other processes' batches alone.
        together = [
            _square(gradient)
            for place in own
            if (gradient := self._tensors[place].grad) is not None
        ]
        self._share = torch.stack(list(own.values())).sum() / torch.stack(together).sum()


class _Arrival:
    """A hook of a tensor, which is not written to files."""

    __torch_unserializable__ = True

    def __init__(self, arrives: Callable[..., None], place: int):
        self._arrives = arrives
        self._place = place

    def __call__(self, arriving: torch.Tensor) -> None:
        """Called by PyTorch with the gradient of this process."""
        self._arrives(self._place, arriving)


def _square(gradient: torch.Tensor) -> torch.Tensor:
    values = gradient.coalesce().values() if gradient.is_sparse else gradient
    norm: torch.Tensor = torch.linalg.vector_norm(values, dtype=torch.float32)
    return norm.square()
