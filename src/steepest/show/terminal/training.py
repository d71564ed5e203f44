"""A watched training in words, for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from rich.console import Console, ConsoleOptions, RenderResult

from steepest.checks.layers import update_ratios
from steepest.records.arrays import Vector
from steepest.records.choices import Word
from steepest.records.training import FEW, Learned, Probe, TrainingRecord
from steepest.show.terminal.facts import show_findings, show_remedies
from steepest.show.terminal.log import show_log, show_open
from steepest.show.terminal.network import (
    show_confusion,
    show_data,
    show_epochs,
    show_gradient,
    show_metrics,
    show_picture,
    show_result,
)
from steepest.show.terminal.page import INDENT, Page
from steepest.show.terminal.proof import show_proof
from steepest.show.terminal.screen import show_best, show_found
from steepest.show.terminal.styles import WORD_STYLE
from steepest.words.suggest import no_such
from steepest.words.wording import count, listed, number, percent

MOST_TENSORS: Final = 24
LONGEST_NAME: Final = 24
"""Characters of a name that stands in one line with its numbers."""
_BARS: Final = "▁▂▃▄▅▆▇█"
_COLUMNS: Final = 40


class TrainingReport:
    """What a terminal shows of a training. A rich renderable.

    The whole of it; with `why` one screen, and `why` says there what shows the whole; with
    `tensor` what concerns that tensor.
    """

    def __init__(
        self, record: TrainingRecord, *, why: str | None = None, tensor: str | None = None
    ):
        self.record = record
        self.why = why
        self.tensor = tensor

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """One `Text` a line."""
        page = Page(options.max_width, ascii_only=options.ascii_only)
        if self.tensor is not None:
            _tensor(page, self.record, self.tensor)
        elif self.why is not None:
            _screen(page, self.record, self.why)
        else:
            _compose(page, self.record)
        yield from page.lines


def _compose(page: Page, record: TrainingRecord) -> None:
    """Write the whole report."""
    learned = record.learned
    _head(page, record)
    _loss(page, record)
    if learned is not None:
        show_result(page, learned)
        show_epochs(page, learned)
        show_confusion(page, learned)
        show_gradient(page, record)
        show_picture(page, learned)
    elif record.tensors:
        _tensors(page, record, range(len(record.tensors))[:MOST_TENSORS])
    _probes(page, record)
    if record.log is not None:
        show_open(page, record, record.log, short=False)
    if record.verdict is not None:
        show_findings(page, record.verdict.findings)
    if record.proof is None:
        show_remedies(page, record.remedies)
    show_proof(page, record, short=False)
    _foot(page, record)


def _screen(page: Page, record: TrainingRecord, why: str) -> None:
    """The result first, then what could be better."""
    learned, verdict = record.learned, record.verdict
    told = learned is not None and "accuracy" in learned.metrics  # in the headline
    if learned is not None and learned.metrics and not told:
        show_metrics(page, learned)
        page.blank()
    if verdict is not None:
        page.say((verdict.headline, "bold"))
    if record.proof is None:
        show_best(page, record.remedies, record.remedies[0].sentence if record.remedies else "")
    show_proof(page, record, short=True)
    page.blank()
    if learned is None:
        _about(page, record)
        _loss(page, record)
    else:
        if told:
            show_metrics(page, learned)
        _loss(page, record, drawn=False)
        _rate(page, record, learned)
        if learned.stopped != "step limit":
            page.say(learned.stopped_why, label=("Stopped", "bold"), indent=INDENT)
    if record.log is not None:
        show_open(page, record, record.log, short=True)
    show_found(page, verdict.findings if verdict is not None else (), why)


def _rate(page: Page, record: TrainingRecord, learned: Learned) -> None:
    momentum = "" if learned.momentum is None else f", momentum {number(learned.momentum)}"
    word: Word = "not measured" if record.verdict is None else record.verdict.learning_rate
    held = f", {count(learned.held_out)} held out" if learned.held_out else ""
    left = f", {count(learned.left_out)} left out" if learned.left_out else ""
    page.say(
        f"{count(learned.rows)} to learn from{held}{left}", label=("Rows", "bold"), indent=INDENT
    )
    page.say(
        f"{number(learned.lr)} ({learned.optimizer}{momentum}), ",
        (word, WORD_STYLE[word]),
        f"; {count(record.steps, 'step')} with batches of {count(learned.batch_rows, 'row')}",
        label=("Rate", "bold"),
        indent=INDENT,
    )


def _tensor(page: Page, record: TrainingRecord, name: str) -> None:
    """What concerns one tensor. Raises UsageError where there is no such tensor."""
    names = [tensor.name for tensor in record.tensors]
    if name not in names:
        raise no_such("tensor", name, names)
    tensor = record.tensors[names.index(name)]
    shape = " x ".join(str(size) for size in tensor.shape) or "a number"
    page.say((f"{name}: {count(tensor.size, 'weight')} ({shape})", "bold"))
    _tensors(page, record, [names.index(name)])
    findings = record.verdict.findings if record.verdict is not None else ()
    named = [finding for finding in findings if name in finding.sentence]
    if named:
        show_findings(page, named)


def _head(page: Page, record: TrainingRecord) -> None:
    verdict = record.verdict
    if verdict is not None:
        page.say((verdict.headline, "bold"))
        page.blank()
        word = verdict.learning_rate
        page.say((word, WORD_STYLE[word]), label=("Learning rate", "bold"), indent=INDENT)
    _about(page, record)
    if record.run is not None:
        page.say(record.run, label=("Run", "bold"), indent=INDENT)


def _about(page: Page, record: TrainingRecord) -> None:
    """The model, the rows and how it descended."""
    if record.log is not None:
        show_log(page, record, record.log)
        return
    weights = sum(tensor.size for tensor in record.tensors)
    page.say(
        f"{record.model or 'tensors'}, {count(weights, 'weight')} in "
        f"{count(len(record.tensors), 'tensor')}{_processes(record)}",
        label=("Model", "bold"),
        indent=INDENT,
    )
    if record.learned is None:
        _descent(page, record)
    else:
        show_data(page, record.learned)


def _processes(record: TrainingRecord) -> str:
    return f", trained in {count(record.processes)} processes" if record.processes > 1 else ""


def _descent(page: Page, record: TrainingRecord) -> None:
    kinds = dict.fromkeys(
        group.optimizer
        + ("" if group.momentum is None else f" (momentum {number(group.momentum)})")
        for group in record.groups
    )
    rates = record.trace.lr[-1] if len(record.trace) else np.empty(0)
    known = dict.fromkeys(number(rate) for rate in rates if math.isfinite(rate))
    rate = f", lr {listed(list(known), most=4)}" if known else ""
    every = "" if record.every == 1 else f", every {record.every}th recorded"
    page.say(
        f"{listed(list(kinds), most=4) if kinds else 'no optimizer'}{rate}, "
        f"{count(record.steps, 'step')}{every}",
        label=("Descent", "bold"),
        indent=INDENT,
    )


def _loss(page: Page, record: TrainingRecord, *, drawn: bool = True) -> None:
    seen = record.losses
    if not seen.count:
        return
    if math.isnan(seen.start):
        page.say("never a finite number", label=("Loss", "bold"), indent=INDENT)
        return
    several = min(seen.count, FEW)
    end = f"{number(seen.last, 5)} {f'over the last {several}' if several > 1 else 'at the end'}"
    if seen.lost_last:
        end = f"no finite number at the end ({number(seen.last, 5)} were the last ones that are)"
    page.say(
        f"{number(seen.start, 5)} at the start, {number(seen.lowest, 5)} at step "
        f"{count(seen.lowest_at or 0)} (the lowest), {end}",
        label=("Loss", "bold"),
        indent=INDENT,
    )
    learned = record.learned
    if learned is not None and learned.whole is not None and learned.batch_rows < learned.rows:
        began, ended = (number(loss, 5) for loss in learned.whole)
        page.say(
            f"of single batches; over all {count(learned.rows)} rows from {began} to {ended}",
            indent=INDENT,
        )
    line = _sparkline(record.trace.loss)
    if line and drawn and not page.ascii_only:
        page.say(line, label="", indent=INDENT)
    finite = [found for found in record.validations if math.isfinite(found.loss)]
    if finite:
        last, low = finite[-1], min(finite, key=lambda found: found.loss)
        page.say(
            f"{number(last.loss, 5)} at step {count(last.step)}, the lowest "
            f"{number(low.loss, 5)} at step {count(low.step)}",
            label=("Validation", "bold"),
            indent=INDENT,
        )


def _tensors(page: Page, record: TrainingRecord, places: Sequence[int]) -> None:
    """A row a tensor: norms at the last recorded step, and the middle of its update ratios."""
    trace = record.trace
    if not len(trace):
        return
    page.heading("Weights and gradients")
    page.say("Lengths at the last recorded step; step/weights is the middle one of all steps.")
    page.blank()
    names = [record.tensors[place].name for place in places]
    room = min(max(6, *(len(page.safe(name)) for name in names)), LONGEST_NAME)
    heads = f"  {'weights':>11}{'gradient':>11}{'step':>11}{'step/weights':>14}"
    page.entry("", room, (heads, "bold"), indent=0)
    middles = update_ratios(record)
    for place, name in zip(places, names, strict=True):
        cells = [trace.weight[-1, place], trace.gradient[-1, place], trace.update[-1, place]]
        texts = "".join(f"{_cell(value):>11}" for value in cells)
        page.entry(name, room, f"  {texts}{_cell(middles[place]):>14}", style="bold", indent=0)
    more = len(record.tensors) - len(names)
    if more and len(names) > 1:
        page.say(f"and {count(more, 'more tensor')}")


def _cell(value: float) -> str:
    return "none" if math.isnan(value) else number(value, 4)


def _probes(page: Page, record: TrainingRecord) -> None:
    done = [probe for probe in record.probes if probe.losses]
    if not done:
        return
    last = done[-1]
    page.heading(f"The step not taken, at step {count(last.step)}")
    page.say("The loss of that batch, had the step been so many times as long:")
    page.row(("".join(f"{f'×{factor:g}':>11}" for factor in last.factors), "bold"))
    page.row("".join(f"{number(loss, 5):>11}" for loss in last.losses))
    page.say(_curvature(last))


def _curvature(probe: Probe) -> str:
    if not math.isfinite(probe.largest):
        return "The curvature was not measured there."
    what = "The largest curvature" + (" as the optimizer scales it" if probe.preconditioned else "")
    text = f"{what} is {number(probe.largest, 4)} (to {percent(probe.largest_residual)})"
    if probe.limit is not None:
        text += f", so learning rates up to {number(probe.limit, 4)} are stable"
    return f"{text}."


def _foot(page: Page, record: TrainingRecord) -> None:
    if record.log is not None:
        return
    page.blank()
    share = record.cost / record.seconds if record.seconds else 0.0
    what = "Watching" if record.learned is None else "Probing"
    dropped = [f"{what} ({count(times)} times)" for what, times in record.dropped.items()]
    page.say(
        f"{what} took {number(record.cost, 3)} of {number(record.seconds, 4)} seconds "
        f"({percent(share)}).{f' Not recorded: {listed(dropped)}.' if dropped else ''}"
    )


def _sparkline(losses: Vector) -> str:
    known = losses[np.isfinite(losses)]
    if len(known) < 2:
        return ""
    parts = np.array_split(known, min(_COLUMNS, len(known)))
    with np.errstate(over="ignore"):
        means = np.array([part.mean() for part in parts])
    if means.min() > 0:
        means = np.log(means)
    low, high = float(means.min()), float(means.max())
    if not math.isfinite(high - low) or high == low:
        return ""
    return "".join(_BARS[int((mean - low) / (high - low) * (len(_BARS) - 1))] for mean in means)
