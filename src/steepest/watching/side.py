"""One optimizer's side of a watch: its tensors, its steps, the rows that wait to be read."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch

from steepest.records.arrays import Steps, Vector
from steepest.watching.norms import Measured, Norms
from steepest.watching.resets import Guard, Resets

_ROUNDED_AT: Final = frozenset({4, 16, 64, 256, 1024})
"""Steps after which it is looked at which weights of 16 bits did not move."""

ROWS: Final = 64
"""Steps between two readings. Reading waits for the device, so it is done seldom."""


class Side:
    """Measures one optimizer's steps. `optimizer` None: a loop that moves the tensors by itself.

    `lr` and `seconds` of a step stand beside its row; the row itself is on the device.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer | None,
        tensors: Sequence[torch.Tensor],
        places: Sequence[int],
        *,
        sample: bool,
        guard: Guard,
    ):
        self.optimizer = optimizer
        self.places = np.array(places, dtype=np.int64)
        self.tensors = list(tensors)
        self.norms = Norms(tensors, sample=sample)
        self.steps = 0
        """Moves that were seen, recorded or not."""
        self.rounded: list[tuple[int, float]] = []
        """At some steps, the share of weights of 16 bits that the step left as they were."""
        self.measured = False
        """Whether what is before the move that comes is known."""
        groups = [] if optimizer is None else optimizer.param_groups
        moved = {id(tensor) for group in groups for tensor in group["params"]}
        # What it does not move, it does not reset either.
        reset = {
            place: tensor
            for place, tensor in zip(places, self.tensors, strict=True)
            if optimizer is None or id(tensor) in moved
        }
        self.resets = Resets(reset, guard)
        self._rows = torch.empty(
            (ROWS, self.norms.width), dtype=self.norms.dtype, device=self.norms.device
        )
        self._about: list[tuple[int, list[float], float, float]] = []

    @property
    def full(self) -> bool:
        """Whether the rows must be read before the next step."""
        return len(self._about) == ROWS

    @property
    def waiting(self) -> int:
        """Rows that were not read yet."""
        return len(self._about)

    def rates(self) -> list[float]:
        """The learning rate of each group, as it is now."""
        groups: list[dict[str, Any]] = [] if self.optimizer is None else self.optimizer.param_groups
        return [float(group.get("lr", math.nan)) for group in groups]

    def before(self) -> None:
        """Measure the weights before a move."""
        self.norms.before()

    def compare(self) -> None:
        """Measure the gradients as the optimizer uses them."""
        # An optimizer that undoes the scaling of mixed precision by itself gets the scale.
        scale = getattr(self.optimizer, "grad_scale", None)
        self.norms.compare(
            [tensor.grad for tensor in self.tensors],
            scale if isinstance(scale, torch.Tensor) else None,
        )

    def is_finite(self) -> bool:
        """Whether weights and gradients, as they were measured last, are numbers.

        Only on the CPU can it be seen at once; elsewhere that would mean to wait for the device.
        """
        return self.norms.device.type != "cpu" or self.norms.is_finite()

    def after(self, step: int, rates: list[float], since: float, cost: float) -> None:
        """Measure the move.

        `since`: when the step before ended; `cost`: seconds that were spent here so far.
        """
        began = time.perf_counter()
        row = self._rows[len(self._about)]
        self.norms.after(row)
        if step in _ROUNDED_AT and self.norms.is_narrow:
            self.rounded.append((step, self.norms.rounded_away() or 0.0))
        self._note(step, rates, since, cost, began)

    def moved(
        self, step: int, gradients: list[torch.Tensor | None], since: float, cost: float
    ) -> None:
        """The same where only the end of a step is seen, with the gradients that were caught."""
        began = time.perf_counter()
        row = self._rows[len(self._about)]
        self.norms.compare(gradients)
        self.norms.moved(row)
        self._note(step, [], since, cost, began)

    def _note(self, step: int, rates: list[float], since: float, cost: float, began: float) -> None:
        now = time.perf_counter()
        self._about.append((step, rates, now - since, cost + now - began))

    def read(self) -> tuple[Steps, Measured, list[list[float]], Vector, Vector]:
        """Steps, what was measured at them, the learning rates, seconds and own cost."""
        rows = self._rows[: len(self._about)].to("cpu", torch.float64).numpy()
        about, self._about = self._about, []
        return (
            np.array([step for step, *_ in about], dtype=np.int64),
            self.norms.read(rows.copy()),
            [rates for _, rates, *_ in about],
            np.array([seconds for *_, seconds, _ in about]),
            np.array([cost for *_, cost in about]),
        )

    def close(self) -> None:
        """Take the hooks away."""
        self.resets.close()
