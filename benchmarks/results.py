"""One table: medians with their spread, the bounds, and the machine they were measured on."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.registry import RATIO, Benchmark, Samples
from benchmarks.timing import ratio

LIBRARIES = ("steepest", "jax", "jaxlib", "optax", "numpy", "polars", "torch")
PEERS = ("scipy", "scikit-learn", "lmfit", "loss-landscapes", "torch-lr-finder")
"""Named with their versions where they are installed."""


@dataclass(frozen=True)
class Result:
    """What a benchmark found; `samples` None where the two sides did different work."""

    benchmark: Benchmark
    samples: Samples | None
    trouble: str = ""

    @property
    def holds(self) -> bool:
        """Whether it was measured and its bound, if there is one, is kept."""
        return self.samples is not None and self.benchmark.holds(self.samples)


def quantity(value: float, unit: str) -> str:
    """A value with its unit.

    >>> quantity(0.004, RATIO), quantity(31.4, "MB")
    ('1/250', '31 MB')
    """
    if math.isnan(value):
        return "not measured"
    return ratio(value) if unit == RATIO else f"{value:.0f} {unit}"


def row(result: Result) -> tuple[str, ...]:
    """Name, comparison, median, spread, bound, whether it holds, detail."""
    given, samples = result.benchmark, result.samples
    bound = "-" if given.bound is None else f"at most {quantity(given.bound, given.unit)}"
    if samples is None:
        return (given.name, given.compares, "not measured", "-", bound, "no", result.trouble)
    low, high = (quantity(end(samples.values), given.unit) for end in (min, max))
    count = len(samples.values)
    return (
        given.name,
        given.compares,
        quantity(samples.median, given.unit),
        f"{low} to {high}, {count} rounds" if count > 1 else "1 round",
        bound,
        "-" if given.bound is None else "yes" if result.holds else "no",
        samples.detail,
    )


HEADINGS = ("benchmark", "what is compared", "median", "spread", "bound", "holds", "medians")


def table(results: Sequence[Result]) -> str:
    """A Markdown table, aligned so that it reads well as plain text too."""
    rows = [HEADINGS, *map(row, results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        + " |"
        for cells in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def sections(results: Sequence[Result]) -> str:
    """What stands below the table: one section after the other, none where there are none."""
    found = [result.samples.section for result in results if result.samples is not None]
    return "".join(f"\n{section}\n" for section in found if section)


def machine(libraries: Sequence[str] = LIBRARIES, peers: Sequence[str] = ()) -> str:
    """The processor, the system and the versions, one a line; no names and no paths."""
    versions = [f"{name} {version(name)}" for name in libraries]
    for name in peers:
        with suppress(PackageNotFoundError):  # a peer may be left out
            versions.append(f"{name} {version(name)}")
    lines = [
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()}",
        f"Python {platform.python_version()}",
        ", ".join(versions),
    ]
    return "\n".join(f"- {line}" for line in lines)


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def page(results: Sequence[Result]) -> str:
    """The whole of RESULTS.md."""
    return f"""# Benchmarks

Written by `make bench`. Times: two sides run in turn, after a round that is not counted, and no
time counts unless both did the same work. What is judged is the median of the rounds' ratios of
processor time, which others' work on the machine disturbs least; the ratio by the clock stands in
the last column. The spread is the lowest and the highest round. Nothing is subtracted.

{table(results)}
{sections(results)}
Measured on:

{machine(peers=PEERS)}
"""
