"""Whether the gradients are reset between steps: seen when a backward pass arrives at a tensor."""

from __future__ import annotations

from typing import Any

import torch

from steepest.training import ResetFacts


class Resets:
    """Looks at one tensor of an optimizer, whose gradient stands for the others.

    A gradient that is still there when the first backward pass after a step arrives was not reset.
    One that had arrived, and is gone or all zeros when the optimizer comes, was reset too soon.
    """

    def __init__(self, tensor: torch.Tensor):
        self._tensor = tensor
        self._handle: Any = tensor.register_hook(self._arrives)  # type: ignore[no-untyped-call]
        self._step = -1
        self._arrived = False
        self._left: tuple[torch.Tensor, int] | None = None
        """The gradient with which the last step ended, and its version."""
        self._steps = 0
        self._not_reset: list[int] = [0]
        self._emptied: list[int] = [0]

    def moves(self, step: int) -> None:
        """The optimizer is about to move."""
        gradient = self._tensor.grad
        # One number tells of most gradients that they are not all zeros.
        if self._arrived and (
            gradient is None
            or (_is_cheap(gradient) and not gradient.reshape(-1)[0] and not bool(gradient.any()))
        ):
            self._note(self._emptied, step)

    def moved(self, step: int) -> None:
        """It has moved."""
        gradient = self._tensor.grad
        self._step = step
        self._steps += self._arrived
        self._arrived = False
        self._left = None if gradient is None else (gradient, gradient._version)

    def facts(self) -> ResetFacts:
        """What was seen."""
        return ResetFacts(
            steps=self._steps,
            not_reset=self._not_reset[0],
            first_not_reset=self._not_reset[1] if self._not_reset[0] else None,
            emptied=self._emptied[0],
            first_emptied=self._emptied[1] if self._emptied[0] else None,
        )

    def close(self) -> None:
        """Take the hook away."""
        self._handle.remove()

    def _arrives(self, arriving: torch.Tensor) -> None:
        """A backward pass brings a gradient, which will be added to what is there."""
        if self._arrived:
            return
        self._arrived = True
        there, left = self._tensor.grad, self._left
        # A reset in place makes a new version, unless it went by way of `.data`.
        same = left is not None and there is left[0] and there._version == left[1]
        if same and there is not None and bool(there.any()):
            self._note(self._not_reset, self._step + 1)

    def _note(self, seen: list[int], step: int) -> None:
        if not seen[0]:
            seen.append(step)
        seen[0] += 1


def _is_cheap(tensor: torch.Tensor) -> bool:
    """Whether its values can be looked at without waiting for a device."""
    return tensor.device.type == "cpu" and not tensor.is_sparse
