"""How sure the fit is of its weights, as people who fit curves expect to read it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from steepest.records.document import strongest
from steepest.records.verdict import Statistics, WeightStatistics
from steepest.show.terminal.page import INDENT, Page
from steepest.words.wording import count, number, percent, times

MOST_WEIGHTS: Final = 12
MOST_CORRELATIONS: Final = 3
STRONG: Final = 0.9
"""Correlations larger than this in size are told."""
INFLATED: Final = 10.0
"""A variance that other weights make so many times as large is told,"""
_LARGE: Final = 0.1
"""where the standard error is more than this share of the weight."""
_FEW: Final = 1.1
"""Where other weights than the one to blame make less of it than this, they are left out."""


def show_statistics(page: Page, found: Statistics | None) -> None:
    """Each weight with its standard error, strong correlations, and how well the fit fits."""
    if found is None:
        return
    page.heading("At the lowest point known")
    _table(page, found.weights)
    pairs = strongest(found, MOST_CORRELATIONS, above=STRONG)
    for place, (first, second, value) in enumerate(pairs):
        page.say(
            f"{first} and {second} {correlation(value)}",
            label=("  Correlation" if place == 0 else "", ""),
            indent=INDENT,
        )
    if found.user_weights:
        page.say("In the columns' own units:", indent=2)
        _table(page, found.user_weights)
    worst = inflated(found.user_weights or found.weights)
    if worst is not None:
        page.say(inflation_of(page, worst), label=("  Errors", ""), indent=INDENT)
    page.say(_quality(found), label=("  Fit", ""), indent=INDENT)
    page.say(_scatter(found), label=("  Scatter", ""), indent=INDENT)


def _table(page: Page, entries: tuple[WeightStatistics, ...]) -> None:
    shown = entries[:MOST_WEIGHTS]
    cells = [(page.safe(e.weight), number(e.value), error_of(e)) for e in shown]
    heads = ("weight", "value", "standard error")
    widths = [max(len(row[i]) for row in (heads, *cells)) for i in range(3)]
    room = min(widths[0], max(6, page.width - sum(widths[1:]) - 17))

    def line(name: str, value: str, error: str, more: str = "", style: str = "") -> None:
        text = f"  {value:>{widths[1]}}  {error:>{widths[2]}}{more}"
        page.entry(name, room, (text, style), style=style)

    line(*heads, style="bold")
    for entry, row in zip(shown, cells, strict=True):
        line(entry.weight, *row[1:], more=percent_of(entry))
    rest = len(entries) - len(shown)
    if rest:
        page.say(f"and {count(rest, 'weight')} more; --json has them all", indent=4)


def error_of(entry: WeightStatistics) -> str:
    """The standard error, or why there is none."""
    if entry.error is not None:
        return number(entry.error, 4)
    if entry.at_bound is not None:
        return f"at its {entry.at_bound} bound"
    return "not measured" if entry.identifiable else "not identifiable"


def inflated(entries: Sequence[WeightStatistics]) -> WeightStatistics | None:
    """The weight whose error is large because of another, the worst of them; None without one."""
    found = [
        one
        for one in entries
        if one.error is not None
        and one.inflation is not None
        and one.inflation.factor >= INFLATED
        and one.error > _LARGE * abs(one.value)
    ]
    return max(found, key=lambda one: one.inflation.factor if one.inflation else 0, default=None)


def inflation_of(page: Page, entry: WeightStatistics) -> str:
    """How much larger an error is than were the other weights known, and whose doing that is."""
    found = entry.inflation
    if found is None:
        return ""
    name, other = page.safe(entry.weight), page.safe(found.partner)
    more = f", and {times(math.sqrt(found.factor))} as large as if all others were"
    return (
        f"The standard error of {name} is {times(math.sqrt(found.factor / found.left))} as large "
        f"as if {other} were known (correlation {correlation(found.correlation)})"
        f"{more if found.left >= _FEW else ''}."
    )


def correlation(value: float) -> str:
    """Write a correlation, with so many digits that it is 1 only where it is.

    >>> correlation(-0.91234), correlation(0.9999912), correlation(1.0)
    ('-0.9123', '0.9999912', '1')
    """
    away = 1 - abs(value)
    digits = 4 if not 0 < away < 1e-3 else min(16, 2 - math.floor(math.log10(away)))
    return number(value, digits)


def percent_of(entry: WeightStatistics) -> str:
    """The standard error as a share of the value, as it stands behind it; empty without one."""
    if entry.error is None or not entry.value:
        return ""
    return f"  ({percent(abs(entry.error / entry.value))})"


def _quality(found: Statistics) -> str:
    parts = [
        f"{name} {number(value, digits)}"
        for name, value, digits in (
            ("R²", found.r_squared, 6),
            ("adjusted R²", found.adjusted_r_squared, 6),
            ("AIC", found.aic, 6),
            ("BIC", found.bic, 6),
        )
        if value is not None
    ]
    reasons = dict.fromkeys(
        found.not_measured[name]
        for name in ("r_squared", "aic")
        if getattr(found, name) is None and name in found.not_measured
    )
    return " ".join([*([", ".join(parts) + "."] if parts else []), *reasons])


def _scatter(found: Statistics) -> str:
    degrees = "degree" if found.degrees_of_freedom == 1 else "degrees"
    freedom = (
        f"{count(found.rows, 'row')} less {count(found.free_weights, 'free weight')} leave "
        f"{count(found.degrees_of_freedom)} {degrees} of freedom"
    )
    if found.residual_deviation is None:
        return f"not measured: {freedom}."
    deviation = f"residual standard deviation {number(found.residual_deviation)}"
    if found.sigma is None or found.reduced_chi_square is None:
        return f"{deviation} ({freedom})."
    return (
        f"{deviation} times {found.sigma}, reduced chi-square {number(found.reduced_chi_square)} "
        f"({freedom}). Only the ratios of {found.sigma} count: the standard errors are scaled to "
        "the scatter that the rows have."
    )
