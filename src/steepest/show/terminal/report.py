"""A run in words: the verdict, the seven steps as they happened, every weight, what to change."""

from __future__ import annotations

from math import isfinite

from rich.console import Console, ConsoleOptions, RenderResult

from steepest.checks.learning_rate import quicker, right_in_words
from steepest.records.run import RunRecord
from steepest.show.terminal.backward import show_backward
from steepest.show.terminal.facts import show_facts, show_findings, show_remedies
from steepest.show.terminal.lists import values_of
from steepest.show.terminal.page import INDENT, Page
from steepest.show.terminal.screen import compose_screen, mind
from steepest.show.terminal.statistics import show_statistics
from steepest.show.terminal.styles import WORD_STYLE
from steepest.show.terminal.weight import show_weight
from steepest.show.terminal.weights import show_weights
from steepest.show.terminal.workflow import show_workflow
from steepest.words.wording import count, listed, number, origin


class Report:
    """What a terminal shows of a run. A rich renderable.

    The whole of it, with `backward` the backward pass on the row that pulls hardest too. With
    `why` it is one screen, and `why` says there what shows the whole. With `weight` it is what
    concerns that weight.
    """

    def __init__(
        self,
        record: RunRecord,
        *,
        backward: bool = False,
        why: str | None = None,
        weight: str | None = None,
    ):
        self.record = record
        self.backward = backward
        self.why = why
        self.weight = weight

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """One `Text` a line."""
        page = Page(options.max_width, ascii_only=options.ascii_only)
        if self.weight is not None:
            show_weight(page, self.record, self.weight)
        elif self.why is not None:
            compose_screen(page, self.record, self.why)
        else:
            compose(page, self.record, backward=self.backward)
        yield from page.lines


def compose(page: Page, record: RunRecord, *, backward: bool = False) -> None:
    """Write the whole report."""
    _head(page, record)
    show_workflow(page, record)
    show_weights(page, record)
    if backward:
        show_backward(page, record.explanation, record.problem)
    show_facts(page, record)
    show_statistics(page, record.measurements.statistics)
    show_findings(page, record.verdict.findings)
    show_remedies(page, record.remedies)


def _head(page: Page, record: RunRecord) -> None:
    word = record.verdict.learning_rate
    page.say((record.verdict.headline, "bold"))
    page.blank()
    lags = word == "just right" and quicker(record.measurements) is not None
    page.say(
        (word, WORD_STYLE[word]),
        f", {right_in_words(record.measurements)}" if lags else "",
        label=("Learning rate", "bold"),
        indent=INDENT,
    )
    problem, descent = record.problem, record.descent
    if problem.rows is not None:
        source = f" of {origin(problem.source)}" if problem.source else ""
        scaled = [
            f"{f'({name} - {number(subtracted)})' if subtracted else name}/{number(divided)}"
            for name, (subtracted, divided) in problem.standardized.items()
        ]
        scaling = f", scaled to {listed(scaled, most=8)}" if scaled else ""
        apart = f", and {count(problem.validation_rows)} more held out"
        held_out = apart if problem.validation_rows else ""
        many = problem.processes
        shared = f", shared among {many} processes" if many > 1 else ""
        page.say(
            f"{count(problem.rows, 'row')}{source}{held_out}{shared}{scaling}",
            label=("Data", "bold"),
            indent=INDENT,
        )
    if problem.drawn is not None and problem.drawn < (problem.rows or 0):
        told = (
            "on these remedies are tried, and what needs the same steps many times. The descent, "
            "its gradients, the minimum and the limit are those of all rows."
        )
        if record.settings.batch_size is not None:
            told = (
                "of these are the losses, the minimum, the limit and the remedies that are tried. "
                "The batches of the steps are of all rows."
            )
        page.say(
            f"{problem.drawn:,} of the rows, evenly: {told}",
            label=("Drawn", "bold"),
            indent=INDENT,
        )
    momentum = "" if descent.momentum is None else f", momentum {number(descent.momentum)}"
    chosen = " (chosen by trying)" if descent.lr_chosen == "auto" else ""
    rate = f"lr {number(descent.lr)}{chosen}" if isfinite(descent.lr) else "its own step lengths"
    if descent.rates:
        rate = f"lr {values_of(descent.rates)}"
    page.say(
        f"{descent.optimizer}, {rate}{momentum}, {count(descent.steps, 'step')}",
        label=("Descent", "bold"),
        indent=INDENT,
    )
    if record.run is not None:
        page.say(record.run, label=("Run", "bold"), indent=INDENT)
    mind(page, record, INDENT)
