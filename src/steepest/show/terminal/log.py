"""What is shown of a log beside the verdict: what was read, and what it leaves open."""

from __future__ import annotations

from typing import Final

from steepest.records.log import AlongGradient, LogFacts
from steepest.records.training import TrainingRecord
from steepest.show.terminal.page import INDENT, Page
from steepest.words.wording import count, escaped, listed, number, percent, times

_WHAT: Final = {
    "loss": "loss",
    "step": "step",
    "lr": "learning rate",
    "grad_norm": "gradient norm",
    "validation": "validation",
}


def show_log(page: Page, record: TrainingRecord, log: LogFacts) -> None:
    """The file, its columns and what was measured from them."""
    notes = f"; {'; '.join(log.notes)}" if log.notes else ""
    page.say(
        f"{escaped(log.source, 200)} ({log.kind}, {count(log.rows, 'row')}{notes})",
        label=("Log", "bold"),
        indent=INDENT,
    )
    read = [
        f"{_WHAT[role]} from {escaped(name, 60)}{'' if role in log.guessed else ' (named)'}"
        for role, name in log.columns.items()
    ]
    guessed = "; guessed from the names" if log.guessed else ""
    page.say(f"{', '.join(read)}{guessed}", label=("Columns", "bold"), indent=INDENT)
    steps = count(record.steps, "step")
    if log.counts != "step":
        steps += f"; a step is one {log.counts} of the log here"
    page.say(steps, label=("Descent", "bold"), indent=INDENT)
    if log.along is not None:
        page.say(_along(log.along), label=("Curvature", "bold"), indent=INDENT)


def _along(along: AlongGradient) -> str:
    share = along.lr / along.limit
    of = f"{percent(share)} of" if share < 1 else f"{times(share)}"
    return (
        f"{number(along.largest)} along the gradient at step {count(along.step)}, from loss, "
        f"learning rate and gradient norm of {count(along.steps, 'step')} of plain gradient "
        f"descent. The limit 2/curvature is {number(along.limit, 3)}; the learning rate "
        f"{number(along.lr, 3)} is {of} it"
    )


def show_open(page: Page, record: TrainingRecord, log: LogFacts, *, short: bool) -> None:
    """What cannot be known from the log, each with the line that records it."""
    if record.not_measured:
        page.heading("Cannot be known from this log")
        for what, why in record.not_measured.items():
            because, _, line = why.partition(". ")
            page.say(f"{what[:1].upper()}{what[1:]}, because {because}.")
            if line and not short:
                page.say(f"{line}", indent=4)
    if not short:
        page.heading("Not judged")
        page.say(f"A log has nothing for these checks: {', '.join(log.not_judged)}.")
        if log.others:
            more = log.others_count - len(log.others)
            names = listed(list(log.others), most=len(log.others))
            page.say(f"Columns that were not read: {names}{f' and {more} more' if more else ''}.")
