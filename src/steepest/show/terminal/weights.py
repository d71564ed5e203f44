"""What each number of the gradient means: a row a weight."""

from __future__ import annotations

import math
from typing import Final, TypeGuard

from steepest.records.point import Nudge, Partial, Pull
from steepest.records.run import RunRecord
from steepest.show.terminal.lists import values_of
from steepest.show.terminal.page import INDENT, Page
from steepest.words.wording import count, number, percent

MOST_WEIGHTS: Final = 12
"""Weights that get lines of their own; the rest are counted."""
MOST_PULLS: Final = 3


def show_weights(page: Page, record: RunRecord) -> None:
    """Start, value and gradient of each weight; below it what they come from and what they do."""
    explanation = record.explanation
    page.heading(f"What each number of the gradient means at step {count(explanation.step)}")
    shown = explanation.partials[:MOST_WEIGHTS]
    cells = [
        (
            page.safe(partial.weight),
            number(record.start.get(partial.weight, math.nan)),
            number(partial.value),
            number(partial.amount),
        )
        for partial in shown
    ]
    heads = ("weight", "start", "value", "gradient")
    widths = [max(len(row[i]) for row in (heads, *cells)) for i in range(4)]
    room = min(widths[0], max(6, page.width - sum(widths[1:]) - 8))

    def line(name: str, *numbers: str, style: str) -> None:
        cells = zip(numbers, widths[1:], strict=True)
        text = "".join(f"  {cell:>{width}}" for cell, width in cells)
        page.entry(name, room, (text, style), style=style)

    line(*heads, style="bold")
    for partial, row in zip(shown, cells, strict=True):
        line(partial.weight, *row[1:], style="bold cyan")
        show_partial(page, partial)
    rest = len(explanation.partials) - len(shown)
    if rest:
        page.say(f"and {count(rest, 'weight')} more; --json has them all", indent=4)
    if record.user_units:
        page.blank()
        page.say(_scaled(record))


def show_partial(page: Page, partial: Partial) -> None:
    """Where the gradient of one weight comes from, and what it does."""
    text = "too long to write out" if partial.text is None else partial.text
    page.say(text, label=("    partial", "dim"), indent=INDENT)
    nudge = partial.nudge
    if nudge is not None:
        page.say(
            f"raise {partial.weight} by {number(nudge.by)}: predicted {number(nudge.predicted)}, "
            f"{_curved(nudge)}actual {number(nudge.actual)}",
            label=("    nudge", "dim"),
            indent=INDENT,
        )
    if partial.pulls:
        page.say(_pulls(partial.pulls[:MOST_PULLS]), label=("    pulls", "dim"), indent=INDENT)
    if partial.at_bound is not None:
        page.say(
            f"at its {partial.at_bound} bound: steps that would pass it end there",
            label=("    bound", "dim"),
            indent=INDENT,
        )


def _scaled(record: RunRecord) -> str:
    units = record.user_units or {}
    values = values_of({name: value for name, (_, value) in units.items()})
    return f"In the columns' own units the weights ended at {values}."


def _curved(nudge: Nudge) -> str:
    """What the curvature adds, where four digits show it."""
    second = nudge.second_order
    if second is None or number(second, 4) == number(nudge.predicted, 4):
        return ""
    return f"with the curvature {number(second)}, "


def _is_share(share: float | None) -> TypeGuard[float]:
    return share is not None and math.isfinite(share)


def _pulls(pulls: tuple[Pull, ...]) -> str:
    """A row can pull many times as hard as all rows together; then shares say nothing."""
    balanced = any(pull.share is None or abs(pull.share) > 1 for pull in pulls)
    parts = [
        f"row {pull.row} {number(pull.amount)}"
        + ("" if balanced or not _is_share(pull.share) else f" ({percent(pull.share)})")
        for pull in pulls
        if pull.amount != 0
    ]
    if not parts:
        return "no row pulls: to each it is all the same"
    end = "; over all rows the pulls nearly cancel out" if balanced else ""
    return ", ".join(parts) + end
