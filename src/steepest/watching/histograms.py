"""How the entries of the weights and gradients are spread, sampled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
import torch

from steepest.records.training import Histogram

BINS: Final = 40

MOST_STEPS: Final = 32
"""Steps kept. When there are more, every second one is dropped."""

ENTRIES: Final = 20_000
"""Of a larger tensor so many entries, evenly spread, are counted."""


class Histograms:
    """Takes histograms, and keeps those of a bounded number of steps."""

    def __init__(self) -> None:
        self.samples: list[Histogram] = []

    @torch.no_grad()
    def take(self, step: int, tensors: Sequence[torch.Tensor]) -> None:
        """Of every tensor and its gradient."""
        for place, tensor in enumerate(tensors):
            sides: tuple[tuple[Literal["weight", "gradient"], Any], ...] = (
                ("weight", tensor.detach()),
                ("gradient", tensor.grad),
            )
            for what, values in sides:
                found = None if values is None else _counted(values)
                if found is not None:
                    self.samples.append(Histogram(step, place, what, *found))
        steps = sorted({sample.step for sample in self.samples})
        if len(steps) > MOST_STEPS:
            kept = set(steps[::2])
            self.samples = [sample for sample in self.samples if sample.step in kept]


def _counted(tensor: torch.Tensor) -> tuple[Any, Any] | None:
    if tensor.is_sparse or tensor.is_complex() or hasattr(tensor, "to_local"):
        return None
    flat = tensor.detach().reshape(-1)
    values = flat[:: -(-flat.numel() // ENTRIES) or 1].to("cpu", torch.float64).numpy()
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, high = float(values.min()), float(values.max())
    if not high - low > 1e-9 * max(abs(low), abs(high)):
        return np.array([low, high]), np.array([len(values)])
    counts, edges = np.histogram(values, bins=BINS)
    return edges, counts.astype(np.int64)
