"""A sweep on a terminal: a picture of steps against learning rate, a table, one sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult

from steepest.records.choices import Word
from steepest.records.descent import SweepRecord, SweptRate
from steepest.show.terminal.page import INDENT, Page, Span
from steepest.show.terminal.styles import WORD_STYLE
from steepest.words.wording import count, listed, number, origin, roughly

MARK: Final[dict[Word, str]] = {
    "too small": "<",
    "just right": "o",
    "too large": ">",
    "not measured": "?",
}
DIVERGED: Final = "x"
BEST: Final = "*"

MARGIN: Final = 12
"""Columns left of the picture, for the numbers of its axis."""
ROWS: Final = 13
LOW: Final = 9
"""Rows of the picture, and of one that shares the screen."""
MOST_IN_TABLE: Final = 15


class SweepReport:
    """What a terminal shows of a sweep. A rich renderable."""

    def __init__(self, record: SweepRecord, *, short: bool = False):
        self.record = record
        self.short = short

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """One `Text` a line."""
        page = Page(options.max_width, ascii_only=options.ascii_only)
        compose(page, self.record, short=self.short)
        yield from page.lines


def compose(page: Page, record: SweepRecord, *, short: bool) -> None:
    """Write the whole report, or one screen of it."""
    page.say((record.headline, "bold"))
    page.blank()
    if short:
        _picture(page, record, LOW)
        page.say(_limit(record), label=("Limit", "bold"), indent=8)
        page.say(("Why: ", "bold"), "the same command with --why, which lists the learning rates")
        return
    _head(page, record)
    _picture(page, record, ROWS)
    page.blank()
    _legend(page, record)
    _table(page, record)


def _head(page: Page, record: SweepRecord) -> None:
    problem, rates = record.problem, record.rates

    def fact(name: str, text: str) -> None:
        page.say(text, label=(name, "bold"), indent=INDENT)

    source = f" of {origin(problem.source)}" if problem.source else ""
    fact("Data", f"{count(problem.rows or 0, 'row')}{source}")
    momentum = "" if record.momentum is None else f", momentum {number(record.momentum)}"
    several = f" from each of {count(len(record.starts))} starts" if len(record.starts) > 1 else ""
    computed = any(not rate.measured for rate in rates)
    beyond = ", computed from there on" if computed else ""
    fact(
        "Sweep",
        f"{record.settings.optimizer}{momentum}, {count(len(rates), 'learning rate')} from "
        f"{number(rates[0].lr)} to {number(rates[-1].lr)}{several}, up to "
        f"{count(record.settings.steps, 'step')} each{beyond}, in {number(record.seconds, 2)} s",
    )
    if record.goal is not None:
        least = "" if record.minimum is None else f", which is {number(record.minimum.loss)}"
        fact("Goal", f"a loss of {number(record.goal.loss)}: {record.goal.to}{least}")
    fact("Limit", _limit(record))
    for name, why in record.not_measured.items():
        # Without a goal, the zones have the same reason.
        if name != "stability_limit" and (name != "zones" or record.goal is not None):
            fact("Mind" if name == "loss_on_all_rows" else "Not measured", why)


def _limit(record: SweepRecord) -> str:
    if record.stability_limit is None:
        text = f"no prediction. {record.not_measured.get('stability_limit', '')} "
    else:
        at = record.stability_limit_at or "minimum"
        size = record.settings.batch_size
        basis = (
            f"from the curvature at the {at}"
            if size is None or size >= (record.problem.rows or 0)
            else f"for batches of {count(size, 'row')}"
        )
        text = f"{number(record.stability_limit)} predicted {basis}. "
    stable, diverging = record.largest_stable, record.smallest_diverging
    if diverging is None:
        return f"{text}No learning rate of this sweep diverged."
    if stable is None:
        return f"{text}{number(diverging)}, the smallest of this sweep, diverged."
    return f"{text}{number(stable)} did not diverge, {number(diverging)} did."


# The picture


class _Canvas:
    """Characters by row and column, each with a style; row 0 is at the top."""

    def __init__(self, rows: int, columns: int):
        self.columns = columns
        self.cells: list[list[tuple[str, str]]] = [[(" ", "")] * columns for _ in range(rows)]

    def put(self, row: int, column: int, mark: str, style: str = "") -> None:
        self.cells[row][column] = (mark, style)

    def spans(self, row: int) -> list[Span]:
        """The row as runs of one style."""
        return [
            ("".join(mark for mark, _ in run), style)
            for style, run in groupby(self.cells[row], key=lambda cell: cell[1])
        ]


def _picture(page: Page, record: SweepRecord, rows: int) -> None:
    arrived = any(rate.steps is not None for rate in record.rates)
    drawn = _heights(record.rates, arrived)
    if not drawn or page.width < MARGIN + 30:
        return
    page.heading(
        f"{'Steps to the goal' if arrived else 'Lowest loss'} against the learning rate, "
        "both on logarithmic scales"
    )
    # Above the numbers, a row each for what has none.
    above = []
    if any(rate.diverged for rate in record.rates):
        above.append("diverges")
    if any(not rate.diverged and rate.lr not in drawn for rate in record.rates):
        above.append("not there")
    bottom, top = _decades(list(drawn.values()))
    canvas = _Canvas(len(above) + rows, page.width - MARGIN)
    column = _columns([rate.lr for rate in record.rates], canvas.columns)

    def row(height: float) -> int:
        share = (top - math.log10(height)) / (top - bottom)
        return len(above) + round(share * (rows - 1))

    bar, corner, line = ("|", "+", "-") if page.ascii_only else ("│", "└", "─")
    limit = record.stability_limit
    shown = limit is not None and record.rates[0].lr <= limit <= record.rates[-1].lr
    stroke = ":" if page.ascii_only else "┊"
    if shown and limit is not None:
        for place in range(len(canvas.cells)):
            canvas.put(place, column(limit), stroke, "bold")
    # The best last, so that nothing hides it.
    for rate in sorted(record.rates, key=lambda rate: rate == record.best):
        place = (
            row(drawn[rate.lr])
            if rate.lr in drawn
            else above.index("diverges" if rate.diverged else "not there")
        )
        canvas.put(place, column(rate.lr), _mark(rate, record.best), WORD_STYLE[rate.zone])
    labels = {
        len(above) + _tick_row(power, bottom, top, rows): power for power in range(bottom, top + 1)
    }
    for place in range(len(canvas.cells)):
        text = above[place] if place < len(above) else _tick(labels.get(place))
        page.row(f"{text:>{MARGIN - 2}} {bar}", *canvas.spans(place))
    page.row(f"{'':{MARGIN - 1}}{corner}{line * canvas.columns}")
    page.row(" " * MARGIN, *_strip(record.rates, column, canvas.columns))
    page.row(" " * MARGIN, _scale(record.rates, column, canvas.columns))


def _heights(rates: Sequence[SweptRate], arrived: bool) -> dict[float, float]:
    """Learning rate -> steps to the goal, or the lowest loss where none arrived; positive."""
    if arrived:
        # A logarithmic scale has no zero: a start that is at the goal is drawn with one step.
        return {rate.lr: max(rate.steps, 1) for rate in rates if rate.steps is not None}
    losses = {rate.lr: rate.middle.lowest_loss for rate in rates if not rate.diverged}
    return {lr: loss for lr, loss in losses.items() if loss > 0 and math.isfinite(loss)}


def _decades(heights: list[float]) -> tuple[int, int]:
    bottom = math.floor(math.log10(min(heights)))
    return bottom, max(math.ceil(math.log10(max(heights))), bottom + 1)


def _tick_row(power: int, bottom: int, top: int, rows: int) -> int:
    return round((top - power) / (top - bottom) * (rows - 1))


def _tick(power: int | None) -> str:
    if power is None:
        return ""
    return count(10**power) if 0 <= power < 7 else f"1e{power:+03d}"


def _columns(rates: list[float], columns: int) -> Callable[[float], int]:
    """Where a learning rate stands."""
    low, high = math.log10(rates[0]), math.log10(rates[-1])
    if high == low:
        return lambda lr: columns // 2
    return lambda lr: round((math.log10(lr) - low) / (high - low) * (columns - 1))


def _mark(rate: SweptRate, best: SweptRate | None) -> str:
    if rate == best:
        return BEST
    return DIVERGED if rate.diverged else MARK[rate.zone]


def _strip(rates: Sequence[SweptRate], column: Callable[[float], int], columns: int) -> list[Span]:
    """Every column's zone: that of the nearest learning rate; its name where there is room."""
    places = [column(rate.lr) for rate in rates]
    words: list[Word] = []
    for at in range(columns):
        nearest = min(range(len(rates)), key=lambda i: abs(places[i] - at))
        words.append(rates[nearest].zone)
    found: list[Span] = []
    for word, run in groupby(words):
        room = len(list(run))
        text = f" {word} " if room >= len(word) + 4 else ""
        left = (room - len(text)) // 2
        marks = MARK[word] * left + text + MARK[word] * (room - len(text) - left)
        found.append((marks, WORD_STYLE[word]))
    return found


def _scale(rates: Sequence[SweptRate], column: Callable[[float], int], columns: int) -> str:
    """The learning rates under the picture: powers of ten, or both ends where there are none."""
    low, high = rates[0].lr, rates[-1].lr
    powers = range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
    ticks = [(column(10.0**power), _tick_of_rate(power)) for power in powers]
    if len(ticks) < 2:
        ticks = [(0, number(low, 4))] + ([(columns - 1, number(high, 4))] if high > low else [])
    line = ""
    for place, text in ticks:
        begin = min(max(0, place - len(text) // 2), columns - len(text))
        if not line or begin > len(line):
            line = line.ljust(begin) + text
    return line


def _tick_of_rate(power: int) -> str:
    return number(10.0**power) if -4 <= power < 6 else f"1e{power:+03d}"


def _legend(page: Page, record: SweepRecord) -> None:
    if page.width < MARGIN + 30:
        return
    for word in MARK:
        runs = [list(run) for zone, run in groupby(record.rates, lambda r: r.zone) if zone == word]
        if not runs:
            continue
        spans = [
            number(run[0].lr) if len(run) == 1 else f"{number(run[0].lr)} to {number(run[-1].lr)}"
            for run in runs
        ]
        diverges = word == "too large" and any(rate.diverged for rate in record.rates)
        page.say(
            listed(spans, most=4) + (f" ({DIVERGED} diverges)" if diverges else ""),
            label=(f"{MARK[word]:>4}  {word}", WORD_STYLE[word]),
            indent=20,
        )
    if record.best is not None:
        what = "quickest" if record.best.steps is not None else "lowest"
        page.say(number(record.best.lr), label=f"{BEST:>4}  {what}", indent=20)
    limit = record.stability_limit
    if limit is not None and record.rates[0].lr <= limit <= record.rates[-1].lr:
        stroke = ":" if page.ascii_only else "┊"
        page.say(number(limit), label=f"{stroke:>4}  predicted", indent=20)


# The table


def _table(page: Page, record: SweepRecord) -> None:
    shown = chosen(record)
    several = len(record.starts) > 1
    heads = ["learning rate", "steps to the goal", "", "learning rate is", "how"]
    nobody = all(rate.steps is None for rate in record.rates)
    if nobody and not all(rate.diverged for rate in record.rates):
        heads[1] = "lowest loss"
    if several:
        heads[2] = "arrived"
    rows = [(_row(rate, heads[1] == "lowest loss", several), rate) for rate in shown]
    kept = [place for place, head in enumerate(heads) if head]
    widths = {
        place: max(len(heads[place]), *(len(row[place]) for row, _ in rows)) for place in kept
    }

    def line(row: Sequence[str]) -> list[str]:
        return [
            f"{row[place]:>{widths[place]}}" if place < 3 else f"{row[place]:<{widths[place]}}"
            for place in kept
        ]

    page.heading("  ".join(["  ", *line(heads)]).rstrip())
    for row, rate in rows:
        cells = line(row)
        lead = f"  {BEST} " if rate == record.best else "    "
        zone = len(cells) - 2
        page.row(
            lead + "  ".join(cells[:zone]) + "  ",
            (cells[zone], WORD_STYLE[rate.zone]),
            "  " + cells[zone + 1],
        )
    if len(shown) < len(record.rates):
        page.say(
            f"{count(len(shown))} of {count(len(record.rates))} learning rates; --json has all.",
            indent=4,
        )


def _row(rate: SweptRate, losses: bool, several: bool) -> list[str]:
    if rate.diverged:
        middle = "diverges"
    elif losses:
        middle = number(rate.middle.lowest_loss)
    elif rate.steps is not None:
        middle = roughly(rate.steps)
    elif rate.middle.limit is None:
        middle = "never"
    else:
        middle = f"more than {count(rate.middle.limit)}"
    arrived = sum(trial.steps is not None for trial in rate.trials)
    return [
        number(rate.lr),
        middle,
        f"{arrived} of {len(rate.trials)}" if several else "",
        rate.zone,
        "run" if rate.measured else "computed",
    ]


def chosen(record: SweepRecord) -> list[SweptRate]:
    """At most MOST_IN_TABLE of the learning rates: the best, both sides of every edge, the ends."""
    rates = list(record.rates)
    if len(rates) <= MOST_IN_TABLE:
        return rates
    wanted = [place for place, rate in enumerate(rates) if rate == record.best]
    edges = (record.largest_stable, record.smallest_diverging)
    wanted += [place for place, rate in enumerate(rates) if rate.lr in edges]
    wanted += [0, len(rates) - 1]
    for place in range(1, len(rates)):
        if rates[place].zone != rates[place - 1].zone:
            wanted += [place - 1, place]
    places = set(list(dict.fromkeys(wanted))[:MOST_IN_TABLE])
    while len(places) < MOST_IN_TABLE:
        # The middle of the widest gap.
        order = sorted(places)
        gap, low = max((b - a, a) for a, b in pairwise(order))
        if gap < 2:
            break
        places.add(low + gap // 2)
    return [rates[place] for place in sorted(places)]
