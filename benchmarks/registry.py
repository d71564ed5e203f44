"""What a benchmark is, and all there are, in the order in which they were registered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


class DifferentWorkError(Exception):
    """The two sides did not do the same work, so their times say nothing."""


class NotMeasuredError(Exception):
    """What a benchmark needs is not here: the message says what."""


@dataclass(frozen=True)
class Effort:
    """How much time to spend. Bounds are the same for every effort."""

    rounds: int
    eager_steps: int
    """Steps of an eager loop whose cost a step is wanted: it has no constant cost to speak of."""
    direct_steps: int
    """Steps of a loop that passes over a million rows."""


FULL = Effort(rounds=7, eager_steps=10_000, direct_steps=200)
QUICK = Effort(rounds=3, eager_steps=2_000, direct_steps=20)


@dataclass(frozen=True)
class Samples:
    """One value a round, and in words what they are made of."""

    values: tuple[float, ...]
    detail: str = ""
    section: str = ""
    """Markdown with a heading of its own, for what one line cannot say: below the table of all."""

    @property
    def median(self) -> float:
        """What is judged."""
        return median(self.values)


Measure = Callable[[Effort], Samples]


@dataclass(frozen=True)
class Benchmark:
    """`bound` is the largest median that is allowed, None where only a figure is wanted."""

    name: str
    compares: str
    bound: float | None
    unit: str
    measure: Measure

    def holds(self, samples: Samples) -> bool:
        """Whether the bound, if there is one, is kept."""
        return self.bound is None or samples.median <= self.bound


REGISTRY: dict[str, Benchmark] = {}

RATIO = "times"


def benchmark(
    name: str, compares: str, *, bound: float | None, unit: str = RATIO
) -> Callable[[Measure], Measure]:
    """Register a measurement. `unit` is RATIO, or what the samples count."""

    def register(measure: Measure) -> Measure:
        if name in REGISTRY:
            raise ValueError(f"two benchmarks are called {name}")
        REGISTRY[name] = Benchmark(name, compares, bound, unit, measure)
        return measure

    return register
