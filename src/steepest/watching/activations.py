"""What comes out of the layers, sampled: its spread, units that are dead or saturated."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import torch
from torch import nn

from steepest.records.training import Activation
from steepest.watching.inputs import FEATURES

_MOST: Final = 4000
"""Samples kept. When there are more, every second step's is dropped."""

_SATURATING: Final = (nn.Sigmoid, nn.Tanh, nn.Hardsigmoid, nn.Hardtanh)


ENTRIES: Final = 500_000
"""Of a larger output so many entries are looked at, but never less than 64 rows."""

_LEAST_ROWS: Final = 16
"""In a pass of fewer rows no units are counted that are zero for all of them."""

_MEASURED: Final = 5
"""Numbers a layer; see `_measured`."""

Guard = Callable[[Callable[..., None]], Callable[..., None]]


class Activations:
    """Hooks that stand on the layers for one forward pass only, so that others cost nothing."""

    def __init__(self, model: nn.Module, guard: Guard):
        self._layers = [
            (name, module)
            for name, module in model.named_modules()
            if name and not list(module.children())
        ]
        self._guard = guard
        self._handles: list[Any] = []
        self._fresh: list[tuple[str, str, torch.Tensor]] = []
        self.samples: list[Activation] = []
        self.reaching: tuple[float, float] | None = None
        """The largest mean and deviation of a feature that comes into the first layer with a matrix
        of weights, in the first pass that was looked at."""

    def arm(self) -> None:
        """Look at the forward pass that begins now."""
        self.disarm()
        self._fresh.clear()
        catch = self._guard(self._catch)
        for name, module in self._layers:
            hook = Catch(partial(catch, name))
            self._handles.append(module.register_forward_hook(hook))

    def disarm(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def take(self, step: int) -> None:
        """Read what was measured in the last pass."""
        if not self._handles:
            return
        self.disarm()
        fresh, self._fresh = self._fresh, []
        for name, kind, numbers in fresh:
            mean, deviation, zeros, dead, saturated = numbers.tolist()
            self.samples.append(
                Activation(
                    step=step,
                    layer=name,
                    kind=kind,
                    mean=mean,
                    deviation=deviation,
                    zeros=zeros,
                    dead=None if math.isnan(dead) else dead,
                    saturated=None if math.isnan(saturated) else saturated,
                )
            )
        if len(self.samples) > _MOST:
            steps = sorted({sample.step for sample in self.samples})[::2]
            self.samples = [sample for sample in self.samples if sample.step in steps]

    @torch.no_grad()
    def _catch(self, name: str, module: nn.Module, args: Any, output: Any) -> None:
        if self.reaching is None and any(own.dim() > 1 for own in module.parameters()):
            self.reaching = _scale_of(args)
        found = output[0] if isinstance(output, tuple) and output else output
        if isinstance(found, torch.Tensor) and found.is_floating_point() and found.numel():
            # At once: the next layer may write into it, and a copy would take its memory.
            self._fresh.append((name, type(module).__name__, _measured(module, found.detach())))


class Catch:
    """A forward hook that hands a layer's output on. A copy of it does nothing."""

    def __init__(self, take: Callable[[nn.Module, Any, Any], None] | None = None):
        self._take = take

    def __call__(self, module: nn.Module, args: Any, output: Any) -> None:
        """Called by PyTorch after the layer's forward pass."""
        if self._take is not None:
            self._take(module, args, output)

    def __deepcopy__(self, memo: Any) -> Catch:
        return Catch()

    def __reduce__(self) -> tuple[type[Catch], tuple[()]]:
        return Catch, ()


def _scale_of(args: Any) -> tuple[float, float] | None:
    """The largest mean and deviation of a feature over the rows; of no numbers, None."""
    first = args[0] if isinstance(args, tuple) and args else None
    if not isinstance(first, torch.Tensor) or not first.is_floating_point() or first.dim() < 2:
        return None
    if not len(first) or first[0].numel() > FEATURES:
        return None
    values = first.detach().reshape(len(first), -1).double()
    return float(values.mean(0).abs().max()), float(values.std(0, correction=0).max())


def _measured(module: nn.Module, values: torch.Tensor) -> torch.Tensor:
    """(5,): mean, deviation, shares of zeros, of dead units, of saturated values; NaN: has none."""
    rows = max(64, ENTRIES * len(values) // values.numel()) if values.dim() else 1
    values = values[:rows].float() if values.dim() else values.float()
    zero = values == 0
    numbers = values.new_full((_MEASURED,), math.nan)
    numbers[0] = values.mean()
    numbers[1] = values.std(correction=0)
    numbers[2] = zero.float().mean()
    # Units are the channels of images, else the last axis.
    unit = 1 if values.dim() == 4 else values.dim() - 1
    others = [axis for axis in range(values.dim()) if axis != unit]
    # In a few rows a unit may well be zero for all of them, and yet alive.
    if others and values.numel() >= _LEAST_ROWS * values.shape[unit]:
        numbers[3] = zero.all(others).float().mean()
    if isinstance(module, _SATURATING):
        low = 0.0 if isinstance(module, nn.Sigmoid | nn.Hardsigmoid) else -1.0
        numbers[4] = ((values < low + 0.01) | (values > 0.99)).float().mean()
    return numbers
