"""GROWTH.md: for each axis its picture, what was measured, the exponents and every point."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import get_args

from benchmarks.growth.drawing import BYTES, TIMES, with_unit
from benchmarks.growth.exponent import DECADES, Exponent
from benchmarks.growth.plan import PLAN, Growth
from benchmarks.growth.sweep import Course
from benchmarks.growth.works import Cost
from benchmarks.results import machine
from steepest.show.figures import Theme

LIBRARIES = ("steepest", "jax", "jaxlib", "optax", "numpy", "matplotlib")
FOLDER = "growth"

Courses = Mapping[str, Sequence[Course]]
"""By the name of the axis, in the order of its series."""


def file_name(growth: Growth, theme: Theme) -> str:
    """Of a picture."""
    return f"{growth.name}-{theme}.svg"


def page(courses: Courses, speed: float) -> str:
    """The whole of GROWTH.md; `speed` is the bandwidth in bytes a second."""
    parts = "\n".join(section(growth, courses[growth.name], speed) for growth in PLAN)
    return f"""# How cost grows

Written by `python -m benchmarks.growth`. Every point is a process of its own: its peak memory, and
by the clock the time of the work with compiling (the first time) and without (the shortest of the
repeats, as the bandwidth is that of the quickest copy). No point counts unless the work gave what
it must give: the exact solution, the closed form of the descent, or the same computed in NumPy.

- *exponent*: cost grows as the size to this power: the straight line by least squares through the
  logarithms of the upper {DECADES:g} decades, with its standard error. Of memory, that of the peak
  above the process without any data, so what compiling takes, some 100 MB, is in it.
- *bytes for one more*: of peak memory, between the largest size and a tenth of it; and how many
  of them are the data or what is asked to be kept, so that no program could do without.
- *least time*: the bytes that must be read and written by any program, at the bandwidth of the
  quickest of some copies that were made in between: **{speed / 1e9:.3g} GB/s**, bytes read and
  bytes written, with a thread on every core.
- *times the least*: the time beside that. Less than 1 is numbers in a cache, or reading that is
  quicker than copying. Descents of a few weights are in a cache: what takes their time is that
  each step waits for the one before.

{parts}
Measured on:

{machine(LIBRARIES)}
"""


def section(growth: Growth, courses: Sequence[Course], speed: float) -> str:
    """One axis."""
    light, dark = (f"{FOLDER}/{file_name(growth, theme)}" for theme in get_args(Theme))
    named = list(zip(growth.series, courses, strict=True))
    lines = [
        f"## {growth.title}",
        "",
        "<picture>",
        f'  <source media="(prefers-color-scheme: dark)" srcset="{dark}">',
        f'  <img src="{light}" alt="{_in_words(growth, courses)}">',
        "</picture>",
        "",
        *(f"- *{series.label}*: {series.what}" for series in growth.series),
        *(f"- {remark}" for remark in growth.remarks),
        *(
            f"- *{series.label}* ends there. {course.ended}."
            for series, course in named
            if course.ended
        ),
        "",
        exponents(growth, courses, speed),
        "",
        points(growth, courses),
        "",
    ]
    return "\n".join(lines)


def _in_words(growth: Growth, courses: Sequence[Course]) -> str:
    found = [
        f"{series.label} to the power {course.time.value:.2f}"
        for series, course in zip(growth.series, courses, strict=True)
        if course.time is not None
    ]
    return f"Time and peak memory by {_unit(growth)}; time grows with them: {', '.join(found)}."


def _unit(growth: Growth) -> str:
    return f"{growth.one}s"


def exponents(growth: Growth, courses: Sequence[Course], speed: float) -> str:
    """The table of what was fitted, and of the largest size."""
    rows = [
        (
            "series",
            "fitted from",
            "exponent of time",
            f"{growth.time} at the largest",
            "least time",
            "times the least",
            "exponent of memory",
            "peak memory there",
            f"bytes for one {growth.one} more",
        )
    ]
    for series, course in zip(growth.series, courses, strict=True):
        last, time = course.costs[-1], course.time
        rows.append(
            (
                series.label,
                "-" if time is None else f"{time.low:,} to {time.high:,}",
                _exponent(time),
                with_unit(last.seconds, TIMES),
                *_beside(last, speed),
                _exponent(course.memory) if series.has_memory else "-",
                with_unit(last.peak, BYTES) if series.has_memory else "-",
                _each(course) if series.has_memory else "-",
            )
        )
    return _table(rows)


def _each(course: Course) -> str:
    last, found = course.costs[-1], course.bytes_each
    if math.isnan(found):
        return "not measured"
    # What a few megabytes of noise make of one is none.
    text = f"{max(found, 0.0):,.3g}" if abs(found) < 1000 else f"{found:,.0f}"
    return f"{text}, {last.held / last.size:,.0f} must be" if last.held else text


def _exponent(found: Exponent | None) -> str:
    return "not measured" if found is None else str(found)


def _beside(cost: Cost, speed: float) -> tuple[str, str]:
    if not cost.moved:
        return "-", "-"
    least = cost.moved / speed
    return with_unit(least, TIMES), f"{cost.seconds / least:.3g}"


def points(growth: Growth, courses: Sequence[Course]) -> str:
    """The table of all that was measured."""
    rows = [("series", _unit(growth), growth.time, "first time, whole", "peak memory")]
    rows += [
        (
            series.label,
            f"{cost.size:,}",
            with_unit(cost.seconds, TIMES),
            with_unit(cost.first, TIMES),
            with_unit(cost.peak, BYTES),
        )
        for series, course in zip(growth.series, courses, strict=True)
        for cost in course.costs
    ]
    return f"<details><summary>Every point</summary>\n\n{_table(rows)}\n\n</details>"


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    heading, *others = rows
    lines = [heading, tuple("---" for _ in heading), *others]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
