"""Optimizers beside those that are watched: what is trained against this training, or with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook


class Others:
    """Sees the steps of every optimizer, once it is asked to look.

    Attributes:
        paused: steps do not count while it is true: they are those of a training run again.
        moved: whether one moved that has none of the tensors.
    """

    def __init__(self, tensors: Sequence[torch.Tensor]):
        self._known = {id(tensor) for tensor in tensors}
        self._handle: Any = None
        self.paused = self.moved = False

    def look(self) -> None:
        """Look from now on."""
        if self._handle is None:
            self._handle = register_optimizer_step_post_hook(self._moves)

    def close(self) -> None:
        """Look no more."""
        if self._handle is not None:
            self._handle.remove()

    def _moves(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        if not self.moved and not self.paused:
            first = next((t for group in optimizer.param_groups for t in group["params"]), None)
            self.moved = first is not None and id(first) not in self._known
