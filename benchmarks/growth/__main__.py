"""Measure, draw and write: `python -m benchmarks.growth` with --quick, --only or --cache."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from benchmarks.growth.drawing import BYTES, TIMES, drawn, with_unit
from benchmarks.growth.page import FOLDER, exponents, file_name, page
from benchmarks.growth.plan import PLAN, Growth
from benchmarks.growth.sweep import Course, Measure, allowed_memory, bandwidth, by_process, course
from benchmarks.growth.works import Cost
from steepest.show.figures import Theme

HERE = Path(__file__).parents[1]
PAGE = "GROWTH.md"

PER_DECADE = 2
QUICK_PER_DECADE = 1
QUICK_LARGEST = 10_000


def measured(growth: Growth, measure: Measure, largest: int, per_decade: int) -> list[Course]:
    """The series of one axis, in their order."""
    return [
        course(
            series.work,
            (size for size in growth.sizes(largest, per_decade) if size >= series.smallest),
            measure=measure,
            memory=allowed_memory(),
        )
        for series in growth.series
    ]


def telling(measure: Measure) -> Measure:
    """The same, and each cost in a line on standard error."""

    def told(work: str, size: int) -> Cost:
        cost = measure(work, size)
        print(
            f"{work} {size:,}: {with_unit(cost.seconds, TIMES)}, with compiling "
            f"{with_unit(cost.first, TIMES)} in all, {with_unit(cost.peak, BYTES)}",
            file=sys.stderr,
            flush=True,
        )
        return cost

    return told


def remembering(measure: Measure, path: Path) -> Measure:
    """The same, but for what an earlier run left in the cache."""
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {}

    def remembered(work: str, size: int) -> Cost:
        name = f"{work} {size}"
        if name not in kept:
            kept[name] = asdict(measure(work, size))
            path.write_text(json.dumps(kept), "utf-8")
        return Cost(**kept[name])

    return remembered


def main(
    arguments: Sequence[str] | None = None,
    measure: Measure = by_process,
    folder: Path = HERE,
) -> int:
    """0: there is no bound to keep, and a point that could not be measured is said to be one."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth",
        description="Measure how cost grows with rows, weights, steps and learning rates; takes "
        "about ten minutes, and up to half of the machine's memory.",
    )
    names = [growth.name for growth in PLAN]
    parser.add_argument("--quick", action="store_true", help="to 10,000, and write nothing")
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help="these axes")
    parser.add_argument("--cache", type=Path, help="JSON file to keep points in and complete them")
    given = parser.parse_args(arguments)
    measure = telling(measure)
    if given.cache is not None:
        measure = remembering(measure, given.cache)
    largest = QUICK_LARGEST if given.quick else max(growth.largest for growth in PLAN)
    per_decade = QUICK_PER_DECADE if given.quick else PER_DECADE
    # Before each axis and at the end: the best is what the machine can, whatever else it does.
    speeds = [bandwidth()]
    courses: dict[str, list[Course]] = {}
    for growth in PLAN:
        if growth.name in (given.only or names):
            courses[growth.name] = measured(growth, measure, largest, per_decade)
            speeds.append(bandwidth())
    speed = max(speeds)
    for growth in PLAN:
        if growth.name in courses:
            print(f"\n{growth.title}\n\n{exponents(growth, courses[growth.name], speed)}")
    # Only a complete measurement replaces the one that is kept.
    if not given.quick and given.only is None:
        (folder / PAGE).write_text(page(courses, speed), "utf-8")
        (folder / FOLDER).mkdir(exist_ok=True)
        for growth in PLAN:
            for theme in get_args(Theme):
                picture = drawn(growth, courses[growth.name], speed, theme)
                (folder / FOLDER / file_name(growth, theme)).write_text(picture, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
