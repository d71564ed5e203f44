"""A run in words: the verdict, the seven steps as they happened, every weight, what to change."""

from __future__ import annotations

from math import isfinite
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult

from steepest.records.run import RunRecord
from steepest.show.terminal.backward import show_backward
from steepest.show.terminal.facts import show_facts, show_findings, show_remedies
from steepest.show.terminal.lists import values_of
from steepest.show.terminal.page import INDENT, Page
from steepest.show.terminal.statistics import show_statistics
from steepest.show.terminal.weights import show_weights
from steepest.show.terminal.workflow import show_workflow
from steepest.words.wording import count, listed, number, origin

WORD_STYLE: Final = {
    "too small": "bold magenta",
    "just right": "bold green",
    "too large": "bold red",
    "not measured": "bold",
}


class Report:
    """What a terminal shows of a run. A rich renderable.

    With `backward` the backward pass on the row that pulls hardest is part of it. A `short` one
    says how it ended, what was found and what to change.
    """

    def __init__(self, record: RunRecord, *, backward: bool = False, short: bool = False):
        self.record = record
        self.backward = backward
        self.short = short

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """One `Text` a line."""
        page = Page(options.max_width, ascii_only=options.ascii_only)
        compose(page, self.record, backward=self.backward, short=self.short)
        yield from page.lines


def compose(page: Page, record: RunRecord, *, backward: bool = False, short: bool = False) -> None:
    """Write the report."""
    _head(page, record)
    if short:
        _end(page, record)
    else:
        show_workflow(page, record)
        show_weights(page, record)
        if backward:
            show_backward(page, record.explanation, record.problem)
        show_facts(page, record)
        show_statistics(page, record.measurements.statistics)
    show_findings(page, record.verdict.findings)
    show_remedies(page, record.remedies)


def _end(page: Page, record: RunRecord) -> None:
    """Where the descent ended."""
    descent = record.descent
    page.say(
        f"{number(descent.first_loss)} at the start, {number(descent.final_loss)} at step "
        f"{count(descent.final_step)}",
        label=("Loss", "bold"),
        indent=INDENT,
    )
    units = record.user_units or {}
    weights = {
        name: units[name][1] if name in units else value
        for name, value in record.measurements.final_weights.items()
    }
    page.say(values_of(weights), label=("Weights", "bold"), indent=INDENT)


def _head(page: Page, record: RunRecord) -> None:
    word = record.verdict.learning_rate
    page.say((record.verdict.headline, "bold"))
    page.blank()
    page.say((word, WORD_STYLE[word]), label=("Learning rate", "bold"), indent=INDENT)
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
        page.say(
            f"{problem.drawn:,} of the rows, evenly: on these remedies are tried, and what needs "
            "the same steps many times. The descent, its gradients, the minimum and the limit "
            "are those of all rows.",
            label=("Drawn", "bold"),
            indent=INDENT,
        )
    if problem.constant:
        page.say(
            "The model uses no column of the data, so it predicts the same value for every row. "
            "Every name in it that is no column is a weight.",
            label=("Mind", "bold magenta"),
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
    for weight, column in problem.doubtful_names:
        page.say(
            f"{weight} is taken for a weight, and there is a column {column}. "
            "If that one is meant, write its name as it is.",
            label=("Mind", "bold magenta"),
            indent=INDENT,
        )
