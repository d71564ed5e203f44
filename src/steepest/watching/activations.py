"""What comes out of the layers, sampled: its spread, units that are dead or saturated."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import nn

from steepest.training import Activation

MOST: Final = 4000
"""Samples kept. When there are more, every second step's is dropped."""

_SATURATING: Final = (nn.Sigmoid, nn.Tanh, nn.Hardsigmoid, nn.Hardtanh)


class Activations:
    """Hooks that stand on the layers for one forward pass only, so that others cost nothing."""

    def __init__(self, model: nn.Module):
        self._layers = [
            (name, module)
            for name, module in model.named_modules()
            if name and not list(module.children())
        ]
        self._handles: list[Any] = []
        self._fresh: list[tuple[str, nn.Module, torch.Tensor]] = []
        self.samples: list[Activation] = []

    def arm(self) -> None:
        """Look at the forward pass that begins now."""
        self.disarm()
        for name, module in self._layers:
            self._handles.append(module.register_forward_hook(_Catch(self._fresh, name)))

    def disarm(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    @torch.no_grad()
    def take(self, step: int) -> None:
        """Measure what the last pass left, and let go of it."""
        self.disarm()
        for name, module, output in self._fresh:
            self.samples.append(_measured(step, name, module, output))
        self._fresh.clear()
        if len(self.samples) > MOST:
            steps = sorted({sample.step for sample in self.samples})[::2]
            self.samples = [sample for sample in self.samples if sample.step in steps]


class _Catch:
    """A forward hook that keeps the layer's output. A copy of it does nothing."""

    def __init__(self, into: list[Any] | None = None, name: str = ""):
        self._into = into
        self._name = name

    def __call__(self, module: nn.Module, args: Any, output: Any) -> None:
        """Called by PyTorch after the layer's forward pass."""
        found = output[0] if isinstance(output, tuple) and output else output
        if (
            self._into is not None
            and isinstance(found, torch.Tensor)
            and found.is_floating_point()
            and found.numel()
        ):
            # A copy: the next layer may write into it.
            self._into.append((self._name, module, found.detach().clone()))

    def __deepcopy__(self, memo: Any) -> _Catch:
        return _Catch()

    def __reduce__(self) -> tuple[type[_Catch], tuple[()]]:
        return _Catch, ()


def _measured(step: int, name: str, module: nn.Module, output: torch.Tensor) -> Activation:
    values = output.float()
    zero = values == 0
    # Units are the channels of images, else the last axis.
    if values.dim() >= 2:
        unit = 1 if values.dim() == 4 else values.dim() - 1
        others = [axis for axis in range(values.dim()) if axis != unit]
        dead = float(zero.amin(others).float().mean()) if others else None
    else:
        dead = None
    saturated = None
    if isinstance(module, _SATURATING):
        low = 0.0 if isinstance(module, nn.Sigmoid | nn.Hardsigmoid) else -1.0
        saturated = float(((values < low + 0.01) | (values > 0.99)).float().mean())
    return Activation(
        step=step,
        layer=name,
        kind=type(module).__name__,
        mean=float(values.mean()),
        deviation=float(values.std(correction=0)),
        zeros=float(zero.float().mean()),
        dead=dead,
        saturated=saturated,
    )
