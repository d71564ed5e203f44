"""Samples: the rows that a network learns from, as numbers, with what they stand for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Samples:
    """n rows of d inputs, each with its target."""

    source: str
    """The path as it was given, "standard input", "data frame" or "mapping"."""
    inputs: NDArray[np.float32]
    """(n, d)"""
    targets: NDArray[np.int32] | NDArray[np.float32]
    """(n,) places in `classes`, or (n, k) numbers."""
    rows: NDArray[np.int64]
    """(n,): where each stands in the data, counted from 0."""
    names: tuple[str, ...]
    """Of the inputs (d,)."""
    target: str
    """What is to be found: the name of the column, "label" or "folder"."""
    classes: tuple[str, ...] | None = None
    """What the places stand for; None where the targets are numbers."""
    picture: tuple[int, int] | None = None
    """(height, width) where the inputs are the pixels of a picture, row by row."""
    left_out: int = 0
    """Rows of the data that are not here because a value was missing or not finite."""
    channels: int = 1
    """Numbers a pixel has, which stand beside each other: 1 is gray, 3 are red, green and blue."""
    kind: Literal["table", "idx", "pictures"] = "table"
    """What they were read from. Pixels of IDX files and of pictures are scaled to 0..1."""

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, places: NDArray[np.int64]) -> Samples:
        """Only the rows at these places, in this order."""
        return replace(
            self,
            inputs=self.inputs[places],
            targets=self.targets[places],
            rows=self.rows[places],
        )


@dataclass(frozen=True, eq=False)
class NewRows:
    """n rows to predict, each with the d inputs that a training learned from."""

    source: str
    inputs: NDArray[np.float32]
    """(n, d)"""
    rows: NDArray[np.int64]
    """(n,): where each stands in the data, counted from 0."""
    targets: NDArray[np.int32] | NDArray[np.float32] | None = None
    """As those of the samples that the training had; None where the data holds none."""
    left_out: int = 0
    """Rows of the data that are not here because a value was missing or not finite."""

    def __len__(self) -> int:
        return len(self.inputs)
