"""One axis as a picture: time and peak memory, with fitted lines and the least possible."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, cast

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from benchmarks.growth.exponent import Exponent
from benchmarks.growth.plan import Growth
from benchmarks.growth.sweep import Course
from benchmarks.growth.theme import PALETTES, Palette, settings
from benchmarks.growth.works import Cost
from steepest.show.figures import Theme

SIZE: Final = (10.0, 4.0)
"""Inches."""
APART: Final = 0.062
"""Of the height of a panel: how close two lines of words may stand."""
SUPERSCRIPT: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

COLOURS: Final = (3, 0, 2, 4)
"""Places among the palette's weights: blue, orange, green, pink."""

MEMORY: Final = (1e8, 1e9)
"""Bytes that its axis has at least."""

TIMES: Final = ((1e-9, "ns"), (1e-6, "µs"), (1e-3, "ms"), (1.0, "s"))
BYTES: Final = ((1e6, "MB"), (1e9, "GB"))


class Words(NamedTuple):
    """What stands beside the end of a line."""

    x: float
    y: float
    text: str
    colour: str


def drawn(growth: Growth, courses: Sequence[Course], speed: float, theme: Theme) -> str:
    """The SVG of one axis; `speed` is the bandwidth in bytes a second."""
    palette = PALETTES[theme]
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(cast(Any, settings(palette)))
        canvas = Canvas(figsize=SIZE, layout="constrained")
        time, memory = canvas.subplots(1, 2)
        for ax in (time, memory):
            ax.set_xscale("log")
            ax.set_yscale("log")
        _time(time, growth, courses, speed, palette)
        _memory(memory, growth, courses, palette)
        canvas.suptitle(growth.title, x=0.01, ha="left", fontsize=11, color=palette.ink)
        canvas.supxlabel(_note(speed), x=0.01, ha="left", fontsize=7.5, color=palette.muted)
        stream = io.StringIO()
        canvas.savefig(
            stream, format="svg", metadata={"Date": None, "Creator": None, "Title": growth.title}
        )
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def _note(speed: float) -> str:
    return (
        "Solid: after compiling; broad: the fitted power of the size n, of memory that above a "
        "process without data. Dotted: the first time, with compiling.\n"
        "Dashed: the least there is, the bytes that must be read, written or kept, at the "
        f"measured bandwidth of a copy, {speed / 1e9:.3g} GB/s."
    )


def _time(
    ax: Any, growth: Growth, courses: Sequence[Course], speed: float, palette: Palette
) -> None:
    words = []
    for place, (series, course) in enumerate(zip(growth.series, courses, strict=True)):
        colour = palette.weight(COLOURS[place])
        seconds = [cost.seconds for cost in course.costs]
        _fit(ax, course.time, colour)
        ax.plot(course.sizes, seconds, "o-", markersize=3.5, color=colour)
        first = [cost.first / cost.per for cost in course.costs]
        ax.plot(course.sizes, first, ":", linewidth=1.0, color=colour)
        words.append(_words(course, seconds, series.label, course.time, colour))
    words += _least(
        ax,
        courses,
        lambda cost: cost.moved,
        lambda cost: cost.moved / speed,
        f"at {speed / 1e9:.3g} GB/s",
        palette,
    )
    _finish(ax, growth, growth.time, TIMES, words, palette)


def _memory(ax: Any, growth: Growth, courses: Sequence[Course], palette: Palette) -> None:
    words, shown = [], []
    for place, (series, course) in enumerate(zip(growth.series, courses, strict=True)):
        if not series.has_memory:
            continue
        colour = palette.weight(COLOURS[place])
        peaks = [float(cost.peak) for cost in course.costs]
        ax.plot(course.sizes, peaks, "o-", markersize=3.5, color=colour)
        _fit(ax, course.memory, colour, above=course.costs[-1].before)
        words.append(_words(course, peaks, series.label, course.memory, colour, sign="+ "))
        shown.append(course)
    words += _least(
        ax,
        shown,
        lambda cost: cost.held,
        lambda cost: cost.before + cost.held,
        "must be kept",
        palette,
    )
    # What is level looks level: some megabytes are not drawn as a mountain.
    low, high = ax.get_ylim()
    ax.set_ylim(min(low, MEMORY[0]), max(high, MEMORY[1]))
    _finish(ax, growth, "peak memory of the process", BYTES, words, palette)


def _fit(ax: Any, exponent: Exponent | None, colour: str, above: float = 0.0) -> None:
    if exponent is not None:
        along = np.geomspace(exponent.low, exponent.high, 21)
        costs = [above + exponent.at(size) for size in along]
        ax.plot(along, costs, linewidth=7, alpha=0.22, color=colour, solid_capstyle="butt")


def _words(
    course: Course,
    costs: Sequence[float],
    label: str,
    exponent: Exponent | None,
    colour: str,
    sign: str = "",
) -> Words:
    power = "" if exponent is None else f", {sign}n^{round(exponent.value, 2) + 0.0:.2f}"
    return Words(course.sizes[-1], costs[-1], f"{label}{power}", colour)


def _least(
    ax: Any,
    courses: Sequence[Course],
    part: Callable[[Cost], float],
    least: Callable[[Cost], float],
    label: str,
    palette: Palette,
) -> list[Words]:
    """Dashed lines of what the bytes that are `part` of a cost take `least`.

    One in grey where series have as many for each row, weight and so on, else in their colours.
    """
    lines: dict[float, tuple[int, Course]] = {}
    for place, course in enumerate(courses):
        last = course.costs[-1]
        each = round(part(last) / last.size)
        # Of two that are the same the longer one is drawn.
        if each and (each not in lines or last.size > lines[each][1].sizes[-1]):
            lines[each] = (place, course)
    words = []
    for place, course in lines.values():
        colour = palette.muted if len(lines) == 1 else palette.weight(COLOURS[place])
        costs = [least(cost) for cost in course.costs]
        ax.plot(course.sizes, costs, linewidth=1.1, dashes=(5, 3), color=colour)
        words.append(Words(course.sizes[-1], costs[-1], label, colour))
    return words


def _finish(
    ax: Any,
    growth: Growth,
    what: str,
    units: Sequence[tuple[float, str]],
    words: Sequence[Words],
    palette: Palette,
) -> None:
    """Scales, names and numbers of the axes, and the words at the ends of the lines."""
    ax.set_xlabel(f"{growth.one}s")
    ax.set_title(what, loc="left", fontsize=9, color=palette.muted)
    ax.xaxis.set_major_locator(LogLocator(base=10, numticks=10))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: power_of_ten(value)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: with_unit(value, units)))
    ax.grid(True, color=palette.hairline, linewidth=0.5, alpha=0.6)
    ax.tick_params(length=0, which="both")
    low, high = ax.get_ylim()
    few = high < 300 * low
    ax.yaxis.set_major_locator(
        LogLocator(base=10, subs=(1.0, 2.0, 3.0, 5.0) if few else (1.0,), numticks=12)
    )
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_locator(NullLocator())
    right = max(ax.get_xlim()[1], 1.0)
    ax.set_xlim(ax.get_xlim())
    ax.set_ylim(low, high)
    heights = [np.log(word.y / low) / np.log(high / low) for word in words]
    for word, height in zip(words, spread(heights, APART), strict=True):
        ax.annotate(
            word.text,
            (word.x, word.y),
            xycoords="data",
            xytext=(1.015, height),
            textcoords="axes fraction",
            fontsize=8,
            va="center",
            color=word.colour,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": palette.hairline, "linewidth": 0.7}
            if word.x < 0.2 * right
            else None,
        )


def spread(heights: Sequence[float], apart: float) -> list[float]:
    """Heights moved as little as keeps each `apart` from the next, in the same order.

    >>> [round(height, 3) for height in spread([0.5, 0.1, 0.52], 0.1)]
    [0.46, 0.1, 0.56]
    """
    order = np.argsort(heights, kind="stable")
    groups: list[list[float]] = []
    for place in order:
        groups.append([float(heights[place])])
        # Groups that would touch become one, centred on its members.
        while len(groups) > 1 and _start(groups[-1], apart) < _end(groups[-2], apart):
            last = groups.pop()
            groups[-1] += last
    found = [0.0] * len(heights)
    places = iter(order)
    for group in groups:
        for step in range(len(group)):
            found[next(places)] = _start(group, apart) + (step + 0.5) * apart
    return found


def _start(group: Sequence[float], apart: float) -> float:
    return float(np.mean(group)) - 0.5 * apart * len(group)


def _end(group: Sequence[float], apart: float) -> float:
    return float(np.mean(group)) + 0.5 * apart * len(group)


def power_of_ten(value: float) -> str:
    """A power of ten as it stands on an axis.

    >>> power_of_ten(1.0), power_of_ten(100.0), power_of_ten(1e8)
    ('1', '100', '10⁸')
    """
    if value < 1001:
        return f"{value:g}"
    return "10" + str(round(np.log10(value))).translate(SUPERSCRIPT)


def with_unit(value: float, units: Sequence[tuple[float, str]]) -> str:
    """A quantity in the largest of its units that is not above it.

    >>> with_unit(2e-5, TIMES), with_unit(5e8, BYTES), with_unit(10.0, TIMES)
    ('20 µs', '500 MB', '10 s')
    """
    factor, unit = max((u for u in units if u[0] <= 1.0001 * value), default=units[0])
    return f"{value / factor:.3g} {unit}"
