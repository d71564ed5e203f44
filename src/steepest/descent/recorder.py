"""Keeps a trace in bounded memory, and notes what must be known to the exact step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from steepest.descent.arrival import follow, stays_until
from steepest.objective.objective import Objective
from steepest.records.arrays import Mask, Matrix, Steps, Vector
from steepest.records.descent import Trace

MOST_POINTS = 65_536
MOST_BYTES = 32_000_000
LEAST_POINTS = 64
"""Even where they take more bytes, there being very many weights."""

TAIL = 16


class _AsArrays:
    """What blocks have in common whose losses and gradients are arrays."""

    loss: Vector
    gradient: Matrix

    def __len__(self) -> int:
        return len(self.loss)

    @property
    def fine(self) -> Mask | None:
        """Where loss and gradient are finite, (m,); None where all are, which one pass shows."""
        loss, gradient = self.loss, self.gradient
        if np.isfinite(loss).all() and np.isfinite(gradient).all():
            return None
        return np.asarray(np.isfinite(loss) & np.all(np.isfinite(gradient), axis=1))


@dataclass(frozen=True)
class Block(_AsArrays):
    """Consecutive steps as a chunk recorded them: `step` (m,), the rest by step."""

    step: Steps
    loss: Vector
    weights: Matrix
    gradient: Matrix
    validation: Vector

    def __getitem__(self, chosen: slice | Steps | Mask) -> Block:
        return Block(
            self.step[chosen],
            self.loss[chosen],
            self.weights[chosen],
            self.gradient[chosen],
            self.validation[chosen],
        )


@dataclass(frozen=True)
class Chunk(_AsArrays):
    """The same as the loop on `objective` recorded them: `position` and `gradient` are a kernel's.

    Of a long descent few steps are kept, and only of those the weights are had.
    """

    objective: Objective
    step: Steps
    loss: Vector
    position: Matrix
    gradient: Matrix
    validation: Vector

    def __getitem__(self, chosen: slice | Steps | Mask) -> Block:
        return Block(
            self.step[chosen],
            self.loss[chosen],
            self.objective.weights_at(self.position[chosen]),
            self.objective.by_weights(self.gradient[chosen]),
            self.validation[chosen],
        )


class RecordedSteps(Protocol):
    """A block of which weights and gradients need not be known before they are asked for."""

    @property
    def step(self) -> Steps:
        """As a block's."""

    @property
    def loss(self) -> Vector:
        """As a block's."""

    @property
    def validation(self) -> Vector:
        """As a block's."""

    @property
    def fine(self) -> Mask | None:
        """As a block's."""

    def __len__(self) -> int: ...

    def __getitem__(self, chosen: slice | Steps | Mask) -> Block: ...


class FallingSteps(Protocol):
    """Consecutive steps, the loss at each no higher than before, of which few are known."""

    @property
    def last(self) -> int:
        """The last of them."""

    @property
    def sampled(self) -> RecordedSteps:
        """Those that a trace keeps."""

    @property
    def ending(self) -> RecordedSteps:
        """The last of them, one after the other."""

    def first_within(self, loss: float) -> int:
        """The first step with at most this loss, which the last has."""


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
    most: int | None = None
    """Points, where fewer are enough."""
    stride: int = 1
    kept: list[Block] = field(default_factory=list)
    points: int = 0
    ending: list[RecordedSteps] = field(default_factory=list)
    """The last blocks, with at least TAIL steps once there are so many."""
    first_loss: float | None = None
    lowest_loss: float = float("inf")
    lowest_step: int = 0
    tenfold_step: int | None = None
    goal_step: int | None = None
    since_step: int | None = None
    """From which on all steps were within the goal; None where the last one was not."""
    stays_step: int | None = None
    """The first from which on they were so for long enough to say that the descent stays."""
    non_finite_step: int | None = None
    validation_lowest: float = float("inf")
    validation_lowest_step: int | None = None

    @property
    def capacity(self) -> int:
        """Most points that are kept."""
        width = 8 * (2 * len(self.names) + 3)
        return max(LEAST_POINTS, min(self.most or MOST_POINTS, MOST_BYTES // width))

    def stride_for(self, last: int) -> int:
        """The distance of the steps that are kept of a descent to step `last`."""
        stride = self.stride
        while last // stride + 1 > self.capacity:
            stride *= 2
        return stride

    def add(self, block: RecordedSteps) -> None:
        """Take the next steps."""
        if not len(block):
            return
        self._note(block)
        self._end_with(block)
        # Steps follow each other, so every n-th is a slice.
        thinned = block[-int(block.step[0]) % self.stride :: self.stride]
        # A copy, so that the chunk's own arrays can go.
        self._keep(joined([thinned]) if len(thinned) else thinned)

    def add_falling(self, steps: FallingSteps) -> None:
        """Take the next steps, the loss at each no higher than before; `sampled` by this stride."""
        ending = steps.ending.loss
        lowest = float(ending[-1])
        if self.first_loss is None:
            self.first_loss = float(steps.sampled.loss[0])
        if lowest < self.lowest_loss:
            falls = len(ending) > 1 and ending[-2] > lowest
            self.lowest_loss = lowest
            self.lowest_step = steps.last if falls else steps.first_within(lowest)
        if self.watch_goal is not None and lowest <= self.watch_goal:
            if self.since_step is None:
                self.since_step = steps.first_within(self.watch_goal)
            if self.goal_step is None:
                self.goal_step = self.since_step
            if self.stays_step is None and steps.last >= stays_until(self.since_step):
                self.stays_step = self.since_step
        self._end_with(steps.ending)
        self._keep(steps.sampled[:])

    def _end_with(self, block: RecordedSteps) -> None:
        # A copy of little, so that a long chunk's arrays can go.
        is_long = isinstance(block, Block | Chunk) and len(block) > TAIL
        self.ending.append(joined([block[-TAIL:]]) if is_long else block)
        while sum(map(len, self.ending[1:])) >= TAIL:
            self.ending.pop(0)

    def _keep(self, thinned: Block) -> None:
        if len(thinned):
            self.kept.append(thinned)
            self.points += len(thinned)
        while self.points > self.capacity:
            self.thin(2 * self.stride)

    def thin(self, stride: int) -> None:
        """Keep every `stride`-th step from now on, a power of two and no less than before."""
        while self.stride < stride:
            self.stride *= 2
            # One block after the other, so that hardly anything is there twice.
            for place, kept in enumerate(self.kept):
                self.kept[place] = joined([kept[int(kept.step[0] % self.stride != 0) :: 2]])
            self.kept = [kept for kept in self.kept if len(kept)]
            self.points = sum(map(len, self.kept))

    def _note(self, block: RecordedSteps) -> None:
        loss, fine = block.loss, block.fine
        if self.first_loss is None:
            self.first_loss = float(loss[0])
        if fine is not None and self.non_finite_step is None:
            self.non_finite_step = int(block.step[np.argmin(fine)])
        if fine is None or np.any(fine):
            lowest = int(np.argmin(loss if fine is None else np.where(fine, loss, np.inf)))
            if loss[lowest] < self.lowest_loss:
                self.lowest_loss = float(loss[lowest])
                self.lowest_step = int(block.step[lowest])
        if self.tenfold_step is None:
            self.tenfold_step = _first(block, ~(loss <= self._tenfold))
        if self.watch_goal is not None:
            self._note_goal(int(block.step[0]), np.asarray(loss <= self.watch_goal))
        # One NaN for all where nothing is held out: then there is nothing to look through.
        if block.validation.strides != (0,) and not np.all(np.isnan(block.validation)):
            best = int(np.nanargmin(block.validation))
            if block.validation[best] < self.validation_lowest:
                self.validation_lowest = float(block.validation[best])
                self.validation_lowest_step = int(block.step[best])

    def _note_goal(self, first: int, within: Mask) -> None:
        if self.goal_step is None and within.any():
            self.goal_step = first + int(np.argmax(within))
        self.since_step, stays = follow(first, within, self.since_step)
        if self.stays_step is None:
            self.stays_step = stays

    @property
    def _tenfold(self) -> float:
        first = self.first_loss if self.first_loss is not None else 0.0
        return first + 9 * abs(first)

    @property
    def tail(self) -> Block | None:
        """The last steps, at most TAIL of them, whatever was thinned away; None before the first.

        Joined when it is asked for: a step of many weights is long.
        """
        if not self.ending:
            return None
        only = self.ending[0]
        if len(self.ending) == 1 and isinstance(only, Block) and len(only) <= TAIL:
            return only
        last = joined([block[-TAIL:] for block in self.ending])[-TAIL:]
        self.ending = [last]
        return last

    @property
    def last(self) -> Block:
        """The same. Raises ValueError before the first step."""
        if (tail := self.tail) is None:
            raise ValueError("nothing was recorded")
        return tail

    def trace(self) -> Trace:
        """What was kept; the last step is always there."""
        last = self.last[-1:]
        is_there = bool(self.kept) and self.kept[-1].step[-1] == last.step[0]
        kept = joined(self.kept if is_there else [*self.kept, last])
        any_validation = not np.all(np.isnan(kept.validation))
        return Trace(
            self.names,
            kept.step,
            kept.loss,
            kept.weights,
            kept.gradient,
            kept.validation if any_validation else None,
        )


def _first(block: RecordedSteps, holds: Mask) -> int | None:
    where = np.flatnonzero(holds)
    return int(block.step[where[0]]) if len(where) else None
