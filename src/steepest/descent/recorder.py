"""Keeps a trace in bounded memory, and notes what must be known to the exact step."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from steepest.records import Mask, Matrix, Steps, Trace, Vector

MOST_POINTS = 65_536
MOST_BYTES = 32_000_000
TAIL = 16


@dataclass(frozen=True)
class Block:
    """Consecutive steps as a chunk recorded them: `step` (m,), the rest by step."""

    step: Steps
    loss: Vector
    weights: Matrix
    gradient: Matrix
    validation: Vector

    def __len__(self) -> int:
        return len(self.step)

    def __getitem__(self, chosen: slice | Steps | Mask) -> Block:
        return Block(
            self.step[chosen],
            self.loss[chosen],
            self.weights[chosen],
            self.gradient[chosen],
            self.validation[chosen],
        )


def joined(blocks: list[Block]) -> Block:
    """Blocks one after the other."""
    return Block(
        np.concatenate([block.step for block in blocks]),
        np.concatenate([block.loss for block in blocks]),
        np.concatenate([block.weights for block in blocks]),
        np.concatenate([block.gradient for block in blocks]),
        np.concatenate([block.validation for block in blocks]),
    )


@dataclass
class Recorder:
    """Takes blocks in order. Keeps every step while they are few, then every 2nd, 4th and so on."""

    names: tuple[str, ...]
    watch_goal: float | None = None
    stride: int = 1
    kept: list[Block] = field(default_factory=list)
    points: int = 0
    tail: Block | None = None
    first_loss: float | None = None
    lowest_loss: float = float("inf")
    lowest_step: int = 0
    tenfold_step: int | None = None
    goal_step: int | None = None
    non_finite_step: int | None = None
    validation_lowest: float = float("inf")
    validation_lowest_step: int | None = None

    @property
    def capacity(self) -> int:
        """Most points that are kept."""
        width = 8 * (2 * len(self.names) + 3)
        return max(1_002, min(MOST_POINTS, MOST_BYTES // width))

    def add(self, block: Block) -> None:
        """Take the next steps."""
        if not len(block):
            return
        self._note(block)
        self.tail = joined([self.tail, block[-TAIL:]])[-TAIL:] if self.tail else block[-TAIL:]
        # Steps follow each other, so every n-th is a slice.
        thinned = block[-int(block.step[0]) % self.stride :: self.stride]
        # A copy, so that the chunk's own arrays can go.
        self.kept.append(joined([thinned]))
        self.points += len(thinned)
        while self.points > self.capacity:
            self.stride *= 2
            # Each block for itself: joining all of them first would copy everything twice.
            halves = [block[int(block.step[0] % self.stride != 0) :: 2] for block in self.kept]
            self.kept = [joined([half]) for half in halves if len(half)]
            self.points = sum(map(len, self.kept))

    def _note(self, block: Block) -> None:
        loss = block.loss
        if self.first_loss is None:
            self.first_loss = float(loss[0])
        # Nearly always all is finite, and one pass shows it.
        all_fine = bool(np.isfinite(loss).all() and np.isfinite(block.gradient).all())
        fine = None if all_fine else np.isfinite(loss) & np.all(np.isfinite(block.gradient), axis=1)
        if fine is not None and self.non_finite_step is None:
            self.non_finite_step = int(block.step[np.argmin(fine)])
        if fine is None or np.any(fine):
            lowest = int(np.argmin(loss if fine is None else np.where(fine, loss, np.inf)))
            if loss[lowest] < self.lowest_loss:
                self.lowest_loss = float(loss[lowest])
                self.lowest_step = int(block.step[lowest])
        if self.tenfold_step is None:
            self.tenfold_step = _first(block, ~(loss <= self._tenfold))
        if self.goal_step is None and self.watch_goal is not None:
            self.goal_step = _first(block, loss <= self.watch_goal)
        # One NaN for all where nothing is held out: then there is nothing to look through.
        if block.validation.strides != (0,) and not np.all(np.isnan(block.validation)):
            best = int(np.nanargmin(block.validation))
            if block.validation[best] < self.validation_lowest:
                self.validation_lowest = float(block.validation[best])
                self.validation_lowest_step = int(block.step[best])

    @property
    def _tenfold(self) -> float:
        first = self.first_loss if self.first_loss is not None else 0.0
        return first + 9 * abs(first)

    @property
    def last(self) -> Block:
        """The last steps, at most TAIL of them, whatever was thinned away."""
        if self.tail is None:
            raise ValueError("nothing was recorded")
        return self.tail

    def trace(self) -> Trace:
        """What was kept; the last step is always there."""
        kept = joined(self.kept) if self.kept else self.last[:0]
        last = self.last[-1:]
        if not len(kept) or kept.step[-1] != last.step[0]:
            kept = joined([kept, last])
        any_validation = not np.all(np.isnan(kept.validation))
        return Trace(
            self.names,
            kept.step,
            kept.loss,
            kept.weights,
            kept.gradient,
            kept.validation if any_validation else None,
        )


def _first(block: Block, holds: Mask) -> int | None:
    where = np.flatnonzero(holds)
    return int(block.step[where[0]]) if len(where) else None
