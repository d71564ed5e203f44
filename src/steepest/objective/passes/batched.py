"""Mini-batches of rows that are not at hand: shuffled by blocks, and row by row within a buffer.

Which rows a step takes follows from the seed and the step alone. So any step can be asked for, and
processes that share the rows agree on them without a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from steepest.objective.passes.rows import Part, Rows
from steepest.objective.passes.team import ALONE, Team
from steepest.records.arrays import Steps, Vector

BUFFER_BLOCKS: Final = 8
"""So many blocks of neighbouring rows are shuffled together."""

_OF_BLOCKS: Final = 4
"""Tells the order of the blocks from other draws of the same seed."""


@dataclass(frozen=True)
class Buffer:
    """Some blocks of an epoch, as far as this process reads them.

    `row` (n,) says where each row of the shuffled blocks stands in the columns, -1 where another
    process has it. Of the columns, the target and the weights each is (m,).
    """

    columns: dict[str, Vector]
    target: Vector
    weight: Vector | None
    row: Steps


@dataclass
class StreamedBatches:
    """Batches of `size` rows; one that reaches past the end of an epoch goes on in the next.

    An epoch takes the blocks in an order of its own. Where all rows fit into one buffer, they are
    shuffled as those of a fit that holds them.
    """

    passed: Rows
    counts: Steps
    """How many rows in use each block of `passed.size` rows of the data has."""
    size: int
    seed: int
    team: Team = ALONE
    _at: tuple[int, int] = (-1, -1)
    _buffer: Buffer | None = field(default=None, repr=False)

    @property
    def rows(self) -> int:
        """Those of all processes."""
        return int(np.sum(self.counts))

    @property
    def per_epoch(self) -> int:
        """Steps in an epoch, rounded up."""
        return -(-self.rows // self.size)

    def take(self, step: int, length: int) -> dict[str, Any]:
        """Rows of `length` steps from `step` on, each array (length, size), of one process."""
        pieces = list(self._pieces(step * self.size, (step + length) * self.size))
        found = _joined(pieces, self.passed.wanted.formula.columns, self._weighs)
        return _mapped(found, lambda values: values.reshape(length, self.size))

    def share(self, step: int) -> dict[str, Any] | None:
        """Rows of one step that this process has, filled up with rows of weight 0; None: none."""
        pieces = list(self._pieces(step * self.size, (step + 1) * self.size))
        found = _joined(pieces, self.passed.wanted.formula.columns, weighs=True)
        rows = len(found["target"])
        if not rows:
            return None
        lacking = self.size - rows
        filled = _mapped(found, lambda values: np.pad(values, (0, lacking), mode="edge"))
        filled["weight"][rows:] = 0.0
        return filled

    @property
    def _weighs(self) -> bool:
        return self.passed.wanted.sigma is not None

    def _pieces(self, begin: int, end: int) -> Iterator[tuple[Buffer, Steps]]:
        """Buffers, each with the places of its rows, for the places of the stream in between."""
        while begin < end:
            epoch, offset = divmod(begin, self.rows)
            groups = self._groups(epoch)
            ends = np.cumsum([int(np.sum(self.counts[group])) for group in groups])
            number = int(np.searchsorted(ends, offset, side="right"))
            skipped = offset - (int(ends[number - 1]) if number else 0)
            if self._at != (epoch, number):
                self._buffer = None  # Before the next one takes room.
                self._buffer = self._read(epoch, number, groups[number])
                self._at = (epoch, number)
            assert self._buffer is not None
            chosen = self._buffer.row[skipped : skipped + end - begin]
            yield self._buffer, chosen[chosen >= 0]
            begin += len(chosen)

    def _groups(self, epoch: int) -> list[Steps]:
        """The blocks of each buffer of an epoch, in the order of the data."""
        blocks = np.flatnonzero(self.counts)
        if len(blocks) > BUFFER_BLOCKS:
            blocks = np.random.default_rng([self.seed, epoch, _OF_BLOCKS]).permutation(blocks)
        starts = range(0, len(blocks), BUFFER_BLOCKS)
        return [np.sort(blocks[start : start + BUFFER_BLOCKS]) for start in starts]

    def _read(self, epoch: int, number: int, blocks: Steps) -> Buffer:
        mine = np.arange(len(blocks)) % self.team.size == self.team.index
        parts = list(self.passed.blocks(blocks[mine].tolist()))
        row = np.full(int(np.sum(self.counts[blocks])), -1)
        owned = np.repeat(mine, self.counts[blocks])
        row[owned] = np.arange(np.count_nonzero(owned))
        words = [self.seed, epoch, number] if number else [self.seed, epoch]
        order = np.random.default_rng(words).permutation(len(row))
        columns = {
            name: _concatenated([part.scaled[name] for part in parts])
            for name in self.passed.wanted.formula.columns
        }
        weights = [part.row_weight for part in parts if part.row_weight is not None]
        return Buffer(
            columns,
            _concatenated([part.target for part in parts]),
            _concatenated(weights) if self._weighs else None,
            row[order],
        )


def blocks_of(part: Part, size: int, blocks: int) -> Steps:
    """How many rows of a part lie in each block of `size` rows of the data, (blocks,)."""
    return np.bincount(part.selection.row_numbers // size, minlength=blocks)


def _concatenated(pieces: list[Vector]) -> Vector:
    return np.concatenate([np.zeros(0), *pieces])


def _joined(
    pieces: list[tuple[Buffer, Steps]], names: tuple[str, ...], weighs: bool
) -> dict[str, Any]:
    """The rows at the places, piece after piece, with weights where they are wanted."""
    weights = [np.ones(len(at)) if b.weight is None else b.weight[at] for b, at in pieces]
    return {
        "columns": {
            name: _concatenated([buffer.columns[name][at] for buffer, at in pieces])
            for name in names
        },
        "target": _concatenated([buffer.target[at] for buffer, at in pieces]),
        "weight": _concatenated(weights) if weighs else None,
    }


def _mapped(rows: dict[str, Any], change: Any) -> dict[str, Any]:
    weight = rows["weight"]
    return {
        "columns": {name: change(values) for name, values in rows["columns"].items()},
        "target": change(rows["target"]),
        "weight": None if weight is None else change(weight),
    }
