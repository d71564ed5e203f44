"""Which rows each step uses: epoch after epoch without a gap, each shuffled anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Batches:
    """A batch that reaches past the end of an epoch goes on in the next one.

    So every row is used once an epoch and every batch has the same size.
    """

    rows: int
    size: int
    seed: int
    shuffled: bool = True
    """Else every epoch has the rows in the order of the data."""

    @property
    def per_epoch(self) -> int:
        """Steps in an epoch, rounded up."""
        return -(-self.rows // self.size)

    def take(self, step: int, length: int) -> npt.NDArray[np.int32]:
        """Rows of `length` steps from `step` on, (length, size)."""
        if not length:
            return np.zeros((0, self.size), dtype=np.int32)
        begin, end = step * self.size, (step + length) * self.size
        epochs = range(begin // self.rows, -(-end // self.rows))
        stream = np.concatenate([self._epoch(epoch) for epoch in epochs])
        offset = begin - epochs.start * self.rows
        chosen = stream[offset : offset + length * self.size]
        return chosen.reshape(length, self.size).astype(np.int32)

    def _epoch(self, epoch: int) -> npt.NDArray[np.int64]:
        if not self.shuffled:
            return np.arange(self.rows)
        return np.random.default_rng([self.seed, epoch]).permutation(self.rows)
