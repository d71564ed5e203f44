"""A training that was run again with changes: what helped, and all that was tried."""

from __future__ import annotations

import math

from steepest.checks.proof import best_rate, learns
from steepest.records.training import Replay, TrainingRecord
from steepest.show.terminal.page import Page
from steepest.words.wording import count, number

_LITTLE = 0.01
"""Of a loss below this share of its start hardly anything is left to lower."""


def show_proof(page: Page, record: TrainingRecord, *, short: bool) -> None:
    """The remedies with their lines, then a row for each change that was run."""
    proof = record.proof
    if proof is None:
        return
    page.heading("Run again on copies, with changes")
    page.say(
        f"The first {count(proof.steps, 'step')} were run again from the same start on the same "
        f"batches, {count(len(proof.replays))} times."
    )
    if not record.remedies and 0 <= proof.own < _LITTLE * proof.start:
        page.say(
            "What is left of the loss is less than a hundredth of its start, so no change is "
            "offered."
        )
    elif not record.remedies:
        page.say("No change that was run lowers the loss clearly, so none is offered.")
    tried = [found.factor for found in proof.replays if found.kind == "learning rate"]
    if len(tried) > 1 and best_rate(proof) is None and not learns(proof):
        page.say(
            f"No learning rate helps, from {number(min(tried))} to {number(max(tried))} times as "
            "large."
        )
    for place, remedy in enumerate(record.remedies, 1):
        page.say((remedy.change, "bold"), ": ", remedy.sentence, label=f"  {place}.", indent=5)
        for line in remedy.command.splitlines():
            page.row(f"       {line}")
    if short:
        return
    page.blank()
    page.row((f"{f'loss, mean of the last {proof.window}':>30}  change", "bold"))
    page.row(f"{number(proof.own, 5):>30}  none: the loop itself")
    for found in proof.replays:
        page.row(f"{_end(found):>30}  {found.change}")


def _end(found: Replay) -> str:
    if found.ended == "lost":
        return f"lost by step {count(found.steps)}"
    if found.ended == "behind":
        return f"far behind at step {count(found.steps)}"
    if not math.isfinite(found.loss):
        return "no time"
    return number(found.loss, 5)
