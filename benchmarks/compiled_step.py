"""The tutorial's loop with its step compiled by torch.compile. None of it uses Steepest."""

from __future__ import annotations

import os
import shutil
import tempfile
import time as clock
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch

from benchmarks.problem import Walked
from benchmarks.registry import NotMeasuredError
from steepest.records.arrays import Vector


def _loss(weights: Any, x: Any, y: Any) -> Any:
    a, b, c = weights
    return ((a * x**2 + b * x + c - y) ** 2).mean()


class CompiledSteps:
    """Some steps of the tutorial's loop as one compiled graph: forward, backward, update, record.

    `at_once` steps are unrolled into it: more of them make a step cheaper and compiling longer.
    `compiling` are the seconds that the first call took, with the compiler loaded and nothing kept
    from before.
    """

    def __init__(self, at_once: int, backend: str = "inductor"):
        needed = os.environ.get("CXX", "g++")
        if backend == "inductor" and shutil.which(needed) is None:
            raise NotMeasuredError(f"torch.compile needs a C++ compiler: there is no {needed}")
        self.at_once = at_once
        torch.compiler.reset()
        torch.compile(torch.sin, backend=backend)(torch.zeros(2))  # loads the compiler
        self._steps = torch.compile(self._plain, backend=backend)
        one = torch.ones(2, dtype=torch.float64)
        with _nothing_kept():
            began = clock.perf_counter()
            self._steps(torch.zeros(3, dtype=torch.float64), one.repeat(10), one.repeat(10), 1e-5)
            self.compiling = clock.perf_counter() - began

    def _plain(self, weights: Any, x: Any, y: Any, lr: float) -> Any:
        losses, path, gradients = [], [], []
        for _ in range(self.at_once):
            gradient, loss = torch.func.grad_and_value(_loss)(weights, x, y)
            losses.append(loss)
            path.append(weights)
            gradients.append(gradient)
            weights = weights - lr * gradient
        return weights, torch.stack(losses), torch.stack(path), torch.stack(gradients)

    def walk(self, time: Vector, speed: Vector, start: Vector, lr: float, steps: int) -> Walked:
        """The start and `steps` steps, in float64: as `baselines.eager`."""
        x, y, weights = torch.tensor(time), torch.tensor(speed), torch.tensor(start)
        losses, path, gradients = [], [], []
        for _ in range(0, steps + 1, self.at_once):
            weights, loss, places, gradient = self._steps(weights, x, y, lr)
            losses.append(loss)
            path.append(places)
            gradients.append(gradient)
        return Walked(
            *(torch.cat(parts).numpy()[: steps + 1] for parts in (losses, path, gradients))
        )


@contextmanager
def _nothing_kept() -> Iterator[None]:
    """What was compiled on this machine before is not found again inside."""
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.dict(os.environ, {"TORCHINDUCTOR_CACHE_DIR": folder}),
    ):
        yield
