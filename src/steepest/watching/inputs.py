"""What comes into the model: its scale, values that are not finite, and the order of batches."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch

from steepest.records.arrays import Vector
from steepest.records.training import InputFacts

BATCHES: Final = 4
"""So many first batches are looked at for the scale of the features."""

FEATURES: Final = 100_000
"""Inputs with more features are not looked at for their scale."""

MARKS: Final = 8192
"""So many steps' batches are remembered by one number each, to see whether they come again."""

ROWS: Final = 10


class Inputs:
    """Looks at each batch on its way into the model. Called before each forward pass.

    A hook on a module is copied and pickled with it, so what it holds of this is one weak
    reference: see `Hook`.
    """

    def __init__(self) -> None:
        self._batch: weakref.ref[torch.Tensor] | None = None
        self._marks: list[torch.Tensor | float] = []
        self._mark: torch.Tensor | None = None
        self._seen = 0
        self._rows: int | None = None
        self._passes = 0
        self._first = True
        """Whether no step has ended yet."""
        self._sums: list[Any] = []
        self._lost: tuple[int, tuple[int, ...]] | None = None

    @torch.no_grad()
    def take(self, batch: torch.Tensor) -> None:
        """A batch goes in."""
        self._batch = weakref.ref(batch)
        batch = batch.detach()
        if self._first and batch.dim():
            self._rows = (self._rows or 0) + len(batch)
            self._passes += 1
        if len(self._marks) < MARKS and batch.dim() and batch.numel():
            mark = batch[0].sum(dtype=torch.float64)
            self._mark = mark if self._mark is None else self._mark * 1.25 + mark
        if self._seen < BATCHES and batch.is_floating_point() and batch.dim() > 1:
            self._seen += 1
            if batch[0].numel() <= FEATURES and len(batch):
                values = batch.reshape(len(batch), -1).to("cpu", torch.float64)
                values = values[torch.isfinite(values).all(1)]
                self._sums.append((len(values), values.sum(0).numpy(), (values**2).sum(0).numpy()))

    def moved(self) -> None:
        """The optimizer has moved: what came in since its last move was one step's batch."""
        self._first = False
        if self._mark is not None:
            self._marks.append(self._mark)
        self._mark = None

    @property
    def lost_at(self) -> int | None:
        """The first step whose batch is known to have had a value that is not finite."""
        return None if self._lost is None else self._lost[0]

    @torch.no_grad()
    def look_for_loss(self, step: int) -> None:
        """Something was not finite at this step: see whether it came in with the batch."""
        batch = None if self._batch is None else self._batch()
        if self._lost is not None or batch is None or not batch.is_floating_point():
            return
        bad = ~torch.isfinite(batch.reshape(len(batch), -1)).all(1)
        rows = torch.nonzero(bad).reshape(-1)[:ROWS].tolist()
        if rows:
            self._lost = step, tuple(int(row) for row in rows)

    def facts(self) -> InputFacts:
        """What was seen."""
        marks = (
            torch.stack(
                [
                    mark if isinstance(mark, torch.Tensor) else torch.tensor(mark)
                    for mark in self._marks
                ]
            )
            .cpu()
            .numpy()
            if self._marks
            else np.empty(0)
        )
        self._marks = [float(mark) for mark in marks]
        mean, deviation, features = self._scale()
        varying = deviation[deviation > 0]
        return InputFacts(
            rows=self._rows,
            passes=max(self._passes, 1),
            features=features,
            largest_mean=float(np.abs(mean).max()) if features else None,
            largest_deviation=float(deviation.max()) if features else None,
            smallest_deviation=float(varying.min()) if len(varying) else None,
            period=period_of(marks),
            lost_at=None if self._lost is None else self._lost[0],
            lost_rows=() if self._lost is None else self._lost[1],
        )

    def _scale(self) -> tuple[Vector, Vector, int]:
        alike = [sums for sums in self._sums if len(sums[1]) == len(self._sums[0][1])]
        if not alike:
            return np.empty(0), np.empty(0), 0
        rows = max(sum(count for count, _, _ in alike), 1)
        mean = sum(total for _, total, _ in alike) / rows
        square = sum(total for _, _, total in alike) / rows
        return mean, np.sqrt(np.maximum(square - mean**2, 0)), len(mean)


class Hook:
    """Hands a module's input on. A copy of it, or one from a file, does nothing.

    Attributes:
        asleep: it does nothing for now.
    """

    def __init__(self, take: Callable[[torch.Tensor, Any, Any], None] | None = None):
        self.asleep = False
        self._take = take

    def __call__(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Called by PyTorch before a forward pass; counts only where it may be learned from."""
        if self.asleep or self._take is None or not torch.is_grad_enabled():
            return
        for value in (*args, *kwargs.values()):
            if isinstance(value, torch.Tensor):
                self._take(value, args, kwargs)
                return

    def __deepcopy__(self, memo: Any) -> Hook:
        return Hook()

    def __reduce__(self) -> tuple[type[Hook], tuple[()]]:
        return Hook, ()


def period_of(marks: Vector) -> int | None:
    """After how many steps the same batches came again in the same order; None: not seen.

    At least two whole rounds must have been seen, and 1 (always the same batch) counts as a
    period, too.

    >>> period_of(np.array([3.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0]))
    3
    >>> period_of(np.array([3.0, 1.0, 2.0, 2.0, 1.0, 3.0, 3.0])) is None
    True
    """
    for period in range(1, len(marks) // 2 + 1):
        if marks[period] == marks[0] and np.array_equal(marks[period:], marks[:-period]):
            return period
    return None
