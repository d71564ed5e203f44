"""Measures a series size by size, each in a process of its own, as far as memory allows."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.growth.exponent import Exponent, fitted
from benchmarks.growth.works import Cost

WORKS = Path(__file__).with_name("works.py")

MOST_SECONDS = 300
"""That one process may take."""

Measure = Callable[[str, int], Cost]
"""A work of works.py and a size -> its cost. Raises NotMeasuredError."""


class NotMeasuredError(Exception):
    """One size could not be measured, in words."""


@dataclass(frozen=True)
class Course:
    """The costs of one work by size, and why there are no more of them."""

    costs: tuple[Cost, ...]
    ended: str = ""
    """Empty where every size was measured."""

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(cost.size for cost in self.costs)

    @property
    def time(self) -> Exponent | None:
        """How the time without compiling grows."""
        return fitted(self.sizes, [cost.seconds for cost in self.costs])

    @property
    def memory(self) -> Exponent | None:
        """How the peak grows above that of the process without any data."""
        return fitted(self.sizes, [cost.peak - cost.before for cost in self.costs])

    @property
    def bytes_each(self) -> float:
        """Peak memory that one more row, weight, step or learning rate takes, at the upper end."""
        last = self.costs[-1]
        before = max(
            (cost for cost in self.costs if 9 * cost.size <= last.size),
            default=None,
            key=lambda cost: cost.size,
        )
        if before is None:
            return math.nan
        return (last.peak - before.peak) / (last.size - before.size)


def by_process(work: str, size: int) -> Cost:
    """Measure in a process of its own."""
    try:
        # -P: the folder of the file is not searched for modules.
        answer = subprocess.run(
            [sys.executable, "-P", str(WORKS), work, str(size)],
            capture_output=True,
            text=True,
            check=False,
            timeout=MOST_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise NotMeasuredError(f"{size:,}: took longer than {MOST_SECONDS} s") from error
    if answer.returncode:
        last = answer.stderr.strip().splitlines()[-1:] or [f"exit code {answer.returncode}"]
        raise NotMeasuredError(f"{size:,}: {last[0]}")
    return Cost(**json.loads(answer.stdout))


def course(
    work: str,
    sizes: Iterable[int],
    *,
    measure: Measure = by_process,
    memory: float,
) -> Course:
    """Measure sizes in ascending order.

    Ends before a size that would need more than `memory` bytes, as the last two costs foretell.
    """
    found: list[Cost] = []
    for size in sizes:
        needed = foretold(found, size)
        if needed > memory:
            why = f"{size:,}: would need about {needed / 1e9:.0f} GB of memory"
            return Course(tuple(found), f"{why}, and {memory / 1e9:.0f} GB are allowed")
        try:
            found.append(measure(work, size))
        except NotMeasuredError as error:
            return Course(tuple(found), str(error))
    return Course(tuple(found))


def foretold(costs: Sequence[Cost], size: int) -> float:
    """Peak memory at a size, on the straight line through the last two costs.

    >>> costs = [Cost(n, 0, 0, 1, 1, 0, 100 + 8 * n, 0, 0) for n in (10, 20)]
    >>> foretold(costs, 40)
    420.0
    """
    if len(costs) < 2:
        return 0.0
    before, last = costs[-2:]
    slope = (last.peak - before.peak) / (last.size - before.size)
    return last.peak + max(slope, 0.0) * (size - last.size)


COPIED = 1 << 24
"""Numbers that are copied to find the bandwidth: 134 MB, beyond most caches."""
COPIES = 60


def allowed_memory() -> float:
    """Half of this machine's memory, in bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2


def bandwidth() -> float:
    """Bytes a second that copying reads and writes, at best, with a thread on every core."""
    threads = os.cpu_count() or 1
    source, target = np.ones(COPIED), np.zeros(COPIED)
    pairs = list(zip(*(np.array_split(part, threads) for part in (source, target)), strict=True))

    def copy(place: int) -> None:
        np.copyto(pairs[place][1], pairs[place][0])

    best = float("inf")
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(COPIES):
            began = perf_counter()
            list(pool.map(copy, range(threads)))
            best = min(best, perf_counter() - began)
    return 2 * source.nbytes / best
