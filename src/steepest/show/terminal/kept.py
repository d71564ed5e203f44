"""Runs that a store keeps, on a terminal: the list of them, and two of them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult

from steepest.records.summary import RunSummary
from steepest.show.terminal.page import Page, Span, Whole
from steepest.show.terminal.styles import WORD_STYLE
from steepest.words.wording import count, number, origin

STATUS_STYLE: Final = {
    "running": "bold cyan",
    "finished": "green",
    "interrupted": "yellow",
    "killed": "bold red",
}
_FORMULA: Final = 17


class RunList:
    """What a terminal shows of the runs in a store. A rich renderable."""

    def __init__(self, summaries: Sequence[RunSummary]):
        self.summaries = summaries

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """One `Text` a line."""
        page = Page(options.max_width, ascii_only=options.ascii_only)
        for summary in self.summaries:
            _show(page, summary)
        if not self.summaries:
            page.say("No runs are kept here yet.")
        yield from page.lines


def _show(page: Page, summary: RunSummary) -> None:
    started = datetime.fromtimestamp(summary.started)
    parts = [] if summary.steps is None else [count(summary.steps, "step")]
    if summary.loss is not None:
        parts.append(f"loss {number(summary.loss)}")
    page.row(
        (f"{summary.id:<15}", "bold"),
        f"  {started:%Y-%m-%d %H:%M}  ",
        (f"{summary.status:<11}", STATUS_STYLE[summary.status]),
        f"  {', '.join(parts)}" if parts else "",
    )
    name = "" if summary.name is None else f"{summary.name}: "
    source = "" if summary.source is None else f", {origin(summary.source)}"
    word = summary.learning_rate
    verdict: list[Span] = [] if word is None else [", learning rate ", (word, WORD_STYLE[word])]
    page.say(
        name,
        Whole(summary.formula),
        f", {summary.optimizer}{source}",
        *verdict,
        label=" ",
        indent=_FORMULA,
    )


class Comparison:
    """Two runs side by side: what is the same, and what differs. A rich renderable.

    `rows` are (what, the first run's, the second's).
    """

    def __init__(self, names: tuple[str, str], rows: Sequence[tuple[str, str, str]], sentence: str):
        self.names = names
        self.rows = rows
        self.sentence = sentence

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """One `Text` a line."""
        page = Page(options.max_width, ascii_only=options.ascii_only)
        page.say((self.sentence, "bold"))
        same = [(what, first) for what, first, second in self.rows if first == second]
        other = [row for row in self.rows if row[1] != row[2]]
        width = max((len(what) for what, *_ in self.rows), default=0) + 2
        room = (page.width - width) // 2 - 2
        page.heading("Different")
        for what, first, second in [("", *self.names), *other]:
            if max(len(first), len(second)) <= room:
                page.row((f"{what:<{width}}", "bold"), f"{first:<{room}}  {second}")
            else:
                page.say(_piece(what, first), label=(what, "bold"), indent=width)
                page.say(_piece(what, second), indent=width)
        if same:
            page.heading("The same")
            for what, text in same:
                page.say(_piece(what, text), label=(what, "bold"), indent=width)
        yield from page.lines


def _piece(what: str, text: str) -> str:
    """A formula and a path in one piece; a list of values may be broken."""
    return Whole(text) if what in ("formula", "data") else text
