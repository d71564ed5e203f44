"""Many learning rates on one network, in words for a terminal."""

from __future__ import annotations

import math

from rich.console import Console, ConsoleOptions, RenderResult

from steepest.records.training import Trial, TrialSweep
from steepest.show.terminal.page import INDENT, Page
from steepest.show.terminal.styles import WORD_STYLE
from steepest.words.wording import count, number, origin

_BAR = 24


class TrialReport:
    """What a terminal shows of a sweep of a network. A rich renderable."""

    def __init__(self, record: TrialSweep):
        self.record = record

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """One `Text` a line."""
        page = Page(options.max_width, ascii_only=options.ascii_only)
        _head(page, self.record)
        _rows(page, self.record)
        yield from page.lines


def _head(page: Page, record: TrialSweep) -> None:
    finite = [trial for trial in record.trials if math.isfinite(trial.loss)]
    best = min(finite, key=lambda trial: (-trial.steps, trial.loss), default=None)
    if best is None:
        page.say(("With each of these learning rates the loss is lost.", "bold"))
    else:
        page.say(
            (
                f"The learning rate {number(best.lr, 3)} gets lowest: to a loss of "
                f"{number(best.loss, 4)} in {count(best.steps, 'step')}.",
                "bold",
            )
        )
    page.blank()
    page.say(f"{record.network}, {count(record.rows, 'row')} of {origin(record.source)}",
             label=("Network", "bold"), indent=INDENT)  # fmt: skip
    page.say(
        f"{record.optimizer}, batches of {count(record.batch_rows, 'row')}, "
        f"{count(record.steps, 'step')}; the loss before is {number(record.start, 4)}",
        label=("Descents", "bold"),
        indent=INDENT,
    )
    if record.limit is not None:
        page.say(
            f"{number(record.limit, 4)} is the stability limit at the start, on the first batch",
            label=("Limit", "bold"),
            indent=INDENT,
        )
    page.blank()


def _rows(page: Page, record: TrialSweep) -> None:
    finite = [trial.loss for trial in record.trials if math.isfinite(trial.loss)]
    top = max([*(loss for loss in finite if loss <= 2 * record.start), record.start])
    page.row((f"{'learning rate':>14}{'steps':>9}{'loss':>11}", "bold"))
    marked = record.limit is None
    for trial in record.trials:
        if not marked and record.limit is not None and trial.lr > record.limit:
            page.row(f"{'':14}{'':9}{'':11}  - - stability limit at the start - -")
            marked = True
        page.row(*_row(page, trial, top))
    stopped = sum(trial.steps < record.steps for trial in record.trials)
    if stopped:
        page.blank()
        page.say(f"{count(stopped)} that lagged behind were stopped early.")
    page.say(f"It took {number(record.seconds, 3)} seconds.")


def _row(page: Page, trial: Trial, top: float) -> tuple[str | tuple[str, str], ...]:
    shown = number(trial.loss, 4) if math.isfinite(trial.loss) else "lost"
    share = min(1.0, trial.loss / top) if math.isfinite(trial.loss) else 1.0
    bar = page.bar(share, _BAR)
    return (
        f"{number(trial.lr, 3):>14}{count(trial.steps):>9}{shown:>11}  {bar:<{_BAR}}  ",
        (trial.word, WORD_STYLE[trial.word]),
    )
