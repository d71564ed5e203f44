"""`python -m benchmarks [--quick] [NAME ...]`: run them, print the table, keep it if complete."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.registry import (
    FULL,
    QUICK,
    REGISTRY,
    Benchmark,
    DifferentWorkError,
    Effort,
    NotMeasuredError,
    Samples,
)
from benchmarks.results import PEERS, Result, machine, page, sections, table

RESULTS = Path(__file__).parent / "RESULTS.md"


def run(benchmark: Benchmark, effort: Effort) -> Result:
    """One benchmark's result; that the two sides did different work is one too."""
    try:
        return Result(benchmark, benchmark.measure(effort))
    except NotMeasuredError as missing:
        return Result(benchmark, Samples((math.nan,), str(missing)))
    except DifferentWorkError as error:
        return Result(benchmark, None, str(error))


def main(
    arguments: Sequence[str] | None = None,
    registry: Mapping[str, Benchmark] = REGISTRY,
    results_path: Path = RESULTS,
) -> int:
    """0 where every bound holds, 1 where one does not."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure Steepest side by side with code written here.",
        epilog="Benchmarks: " + ", ".join(registry),
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which ones (default: all)")
    parser.add_argument("--quick", action="store_true", help="few and short rounds")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if name not in registry]
    if unknown:
        parser.error(f"there is no benchmark called {unknown[0]}")
    effort = QUICK if given.quick else FULL
    chosen = [registry[name] for name in given.names or registry]
    results = []
    for benchmark in chosen:
        print(f"{benchmark.name} ...", end=" ", file=sys.stderr, flush=True)
        results.append(run(benchmark, effort))
        print("ok" if results[-1].holds else "MISSED", file=sys.stderr, flush=True)
    print(table(results))
    print(sections(results))
    print(machine(peers=PEERS))
    # Only a complete measurement replaces the one that is kept.
    if not given.quick and not given.names:
        results_path.write_text(page(results), "utf-8")
    return 0 if all(result.holds for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
