"""What a guess of the most frequent class would get, beside which a network is judged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from steepest.records.training import Learned

_SURE: Final = 3.0
"""So many times the scatter is no chance."""


@dataclass(frozen=True)
class Guess:
    """Always the same answer."""

    answer: str
    """Empty where the classes have no names."""
    share: float
    """Of the rows that were judged, so many have it."""
    scatter: float
    """The deviation of that share among as many rows, drawn at random."""

    def is_beaten_by(self, right: float) -> bool:
        """Whether such a share of right rows is surely more."""
        return right > self.share + _SURE * self.scatter


def most_frequent(learned: Learned) -> Guess | None:
    """The class that most of the judged rows have; None where none were."""
    if learned.confusion is None or not learned.confusion.sum():
        return None
    counts = learned.confusion.sum(axis=1)
    place, rows = int(np.argmax(counts)), float(counts.sum())
    share = float(counts[place]) / rows
    answer = learned.classes[place] if learned.classes is not None else ""
    return Guess(answer, share, math.sqrt(share * (1 - share) / rows))
