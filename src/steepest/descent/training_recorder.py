"""What is kept of a training: a trace of bounded length, and facts over every step."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np

from steepest.records.arrays import Mask, Matrix, Steps, Vector
from steepest.records.training import FEW, LossFacts, Lost, Seen, TensorFacts, TrainingTrace

_MOST: Final = 2000
"""Points of the trace. Where there are more steps, every second, fourth … is kept."""


@dataclass(frozen=True)
class Rows:
    """Consecutive recorded steps. NaN where a number was not measured."""

    step: Steps
    loss: Vector
    given: Mask
    """(k,): the loop gave a loss."""
    lr: Matrix
    weight: Matrix
    gradient: Matrix
    absent: Mask
    """(k, t): there was no gradient."""
    measured: Mask
    """(k, t): false where an optimizer took no step at which another one did."""
    update: Matrix
    error: Matrix
    """(k, t): relative standard errors of `update`, 0 where all entries were measured."""
    turn: Matrix
    overall_turn: Vector
    own_gradient: Vector
    seconds: Vector
    cost: Vector

    def __len__(self) -> int:
        return len(self.step)


class Recorder:
    """Takes rows of numbers in, and says what was seen."""

    def __init__(self, tensors: int, every: int):
        self._trace: TrainingTrace | None = None
        self._stride = every
        self._counts = np.zeros((3, tensors), dtype=np.int64)
        self._lost: list[tuple[int, Lost, int | None] | None] = [None] * tensors
        self._errors = np.zeros((2, tensors))
        """Of the estimated updates: the sum of the squared errors, and how many."""
        self._losses = LossFacts()
        self._first: list[float] = []
        self._last: deque[float] = deque(maxlen=FEW)
        self._products = [0.0, 0.0]

    @classmethod
    def going_on(cls, seen: Seen) -> Recorder:
        """One that goes on where another one was."""
        recorder = cls(seen.counts.shape[1], seen.stride)
        recorder._trace = seen.trace
        recorder._counts = seen.counts.copy()
        for place, step, what, entries in seen.lost:
            recorder._lost[place] = step, what, entries
        recorder._errors = seen.errors.copy()
        recorder._losses = seen.losses
        recorder._first = list(seen.first)
        recorder._last.extend(seen.last)
        recorder._products = list(seen.products)
        return recorder

    def seen(self) -> Seen | None:
        """Everything noted so far, to go on from; None before anything was."""
        if self._trace is None:
            return None
        return Seen(
            trace=self._trace,
            stride=self._stride,
            counts=self._counts.copy(),
            errors=self._errors.copy(),
            lost=tuple((place, *lost) for place, lost in enumerate(self._lost) if lost is not None),
            losses=self._losses,
            first=tuple(self._first),
            last=tuple(self._last),
            products=(self._products[0], self._products[1]),
        )

    def add(self, rows: Rows) -> None:
        """Take in what was measured."""
        self._counts += [
            rows.absent.sum(0),
            (rows.gradient == 0).sum(0),
            ((rows.update != 0) & rows.measured).sum(0),
        ]
        known = np.isfinite(rows.error) & (rows.error > 0)
        self._errors += [(np.where(known, rows.error, 0) ** 2).sum(0), known.sum(0)]
        turns = rows.overall_turn[np.isfinite(rows.overall_turn)]
        for turn in turns.tolist():  # one by one, so that it does not matter how they come
            self._products[0] += turn
        self._products[1] += len(turns)
        for step, loss in zip(rows.step[rows.given], rows.loss[rows.given], strict=True):
            self._take_loss(int(step), float(loss))
        self._look_for_loss(rows)
        self._append(rows)

    def lose(self, place: int, step: int, what: Lost, entries: int) -> None:
        """A tensor was looked at while it was not finite."""
        if self._lost[place] is None:
            self._lost[place] = step, what, entries

    def is_lost(self, place: int) -> bool:
        """Whether a tensor is known not to be finite any more."""
        return self._lost[place] is not None

    @property
    def noise(self) -> float | None:
        """Noise over gradient in one batch, as squared lengths; None where not measured.

        The cosine between the gradients of two independent batches is |G|² / (|G|² + noise).
        """
        total, count = self._products
        if not count:
            return None
        return (count - total) / total if total > 0 else math.inf

    def trace(self) -> TrainingTrace | None:
        """The recorded steps."""
        return self._trace

    def facts(self) -> tuple[TensorFacts, ...]:
        """What was seen of each tensor."""
        return tuple(
            TensorFacts(
                without_gradient=int(without),
                zero_gradient=int(zero),
                moved=int(moved),
                update_error=math.sqrt(squares / many) if many else None,
                lost_at=None if lost is None else lost[0],
                lost=None if lost is None else lost[1],
                lost_entries=None if lost is None else lost[2],
            )
            for without, zero, moved, squares, many, lost in zip(
                *self._counts, *self._errors, self._lost, strict=True
            )
        )

    def losses(self) -> LossFacts:
        """What was seen of the loss."""
        return replace(
            self._losses,
            first=_mean(self._first),
            last=_mean(self._last),
        )

    def _take_loss(self, step: int, loss: float) -> None:
        seen = self._losses
        lost = not math.isfinite(loss)
        changes: dict[str, object] = {"count": seen.count + 1, "lost_last": lost}
        if lost:
            if seen.lost_at is None:
                changes["lost_at"] = step
        else:
            if not self._first:
                changes["start"] = loss
            if len(self._first) < FEW:
                self._first.append(loss)
            self._last.append(loss)
            if not seen.lowest <= loss:
                changes |= {"lowest": loss, "lowest_at": step}
            start = self._first[0]
            if seen.tenfold_at is None and loss > start + 9 * abs(start):
                changes["tenfold_at"] = step
        self._losses = replace(seen, **changes)  # type: ignore[arg-type]

    def _look_for_loss(self, rows: Rows) -> None:
        bad_gradient = ~np.isfinite(rows.gradient) & ~rows.absent & rows.measured
        bad = bad_gradient | (~np.isfinite(rows.weight) & rows.measured)
        for place in np.flatnonzero(bad.any(0)):
            if self._lost[place] is None:
                row = int(np.argmax(bad[:, place]))
                what: Lost = "gradient" if bad_gradient[row, place] else "weights"
                self._lost[place] = int(rows.step[row]), what, None

    def _append(self, rows: Rows) -> None:
        kept = rows.step % self._stride == 0
        new = _of(rows, kept)
        self._trace = new if self._trace is None else _joined(self._trace, new)
        while len(self._trace) > _MOST:
            self._stride *= 2
            keep = self._trace.step % self._stride == 0
            self._trace = _of(self._trace, keep)


def _of(rows: Rows | TrainingTrace, kept: Mask) -> TrainingTrace:
    return TrainingTrace(**{f.name: getattr(rows, f.name)[kept] for f in fields(TrainingTrace)})


def _joined(first: TrainingTrace, second: TrainingTrace) -> TrainingTrace:
    return TrainingTrace(
        **{
            field.name: np.concatenate([getattr(first, field.name), getattr(second, field.name)])
            for field in fields(TrainingTrace)
        }
    )


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.mean(found)) if found else math.nan
