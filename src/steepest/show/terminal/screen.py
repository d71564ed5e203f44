"""A run on one screen: how it ended and why, what helps most, the weights, the fit, the rate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from steepest.checks import CHECKS
from steepest.checks.facts import arrived
from steepest.checks.learning_rate import (
    best_run,
    getting_to,
    limit_place,
    overshoots_at_minimum,
    quicker,
    right_in_words,
)
from steepest.formula.names import quoted as in_formula
from steepest.methods.optimizers import ADAPTIVE
from steepest.records.problem import Categories
from steepest.records.run import RunRecord
from steepest.records.verdict import Finding, Remedy, WeightStatistics
from steepest.show.terminal.finding import BESIDE, say_finding
from steepest.show.terminal.lists import values_of
from steepest.show.terminal.page import Page, Span
from steepest.show.terminal.statistics import error_of, inflated, inflation_of
from steepest.show.terminal.styles import WORD_STYLE
from steepest.words.wording import count, listed, number, percent, roughly, times, together

HEIGHT: Final = 23
"""Lines: a terminal of 24 with the prompt below them."""
_MOST_WEIGHTS: Final = 5
"""Weights with a row of their own where there are more than one more."""
LEAST_FINDINGS: Final = 3
"""Findings with a line of their own, whatever stands above them."""
_INDENT: Final = 8
_CODE: Final = 7
"""Columns of a finding's code."""


def compose_screen(page: Page, record: RunRecord, why: str) -> None:
    """Write the report. `why` is what shows the whole of it."""
    page.say((record.verdict.headline, "bold"))
    lead = "Quicker" if arrived(record.measurements) else "Helps most"
    show_best(page, record.remedies, _proven(record), lead)
    page.blank()
    _weights(page, record)
    _fit(page, record)
    _rate(page, record)
    if record.descent.stopped in ("time limit", "interrupted", "patience"):
        _fact(page, "Stopped", record.descent.stopped_why)
    mind(page, record, _INDENT)
    show_found(page, record.verdict.findings, why)


def show_best(page: Page, remedies: Sequence[Remedy], said: str, lead: str = "Helps most") -> None:
    """The one command that helps most, and what it came to when it was run."""
    if remedies:
        page.blank()
        page.say((f"{lead}: ", "bold"), said)
        page.command(remedies[0].command, indent=2)


def _proven(record: RunRecord) -> str:
    if not record.remedies:
        return ""
    best, goal = record.remedies[0], record.measurements.goal
    if best.held_out is not None:
        here, end = together(*best.held_out)
        return f"{best.change}. Run, rows held out in turn have a loss of {here}, not {end}."
    if not best.reached or best.measured_steps is None or goal is None:
        return f"{best.change}. Run, it ends with loss {number(best.measured_loss)}."
    if not best.measured_steps:
        return f"{best.change}. Run, it begins {goal.to}."
    steps = count(best.measured_steps, "step")
    return f"{best.change}. Run, it {getting_to(goal)} in {steps}."


def _fact(page: Page, name: str, *spans: Span) -> None:
    page.say(*spans, label=(name, "bold"), indent=_INDENT)


# The weights


def _weights(page: Page, record: RunRecord) -> None:
    """A row a weight: where it is, where the minimum is, how sure that is, its gradient."""
    rows = [_row(record, name) for name in record.problem.weights]
    shown = rows if len(rows) <= _MOST_WEIGHTS + 1 else rows[:_MOST_WEIGHTS]
    heads = _heads(record)
    # A column in which nothing is known says nothing.
    kept = [at for at in range(len(heads)) if any(row[at] for row in shown)]

    def widths_of(heads: Sequence[str]) -> dict[int, int]:
        return {at: max(len(heads[at]), *(len(row[at]) for row in shown)) for at in kept}

    widths = widths_of(heads)
    if sum(widths.values()) + 2 * len(kept) > page.width:
        heads = (*heads[:2], "minimum", "± error", heads[-1])
        widths = widths_of(heads)
    last = sum(widths[at] + 2 for at in kept[1:])
    room = min(
        max(len(page.safe(name)) for name in ("weight", *(row[0] for row in shown))),
        max(6, page.width - last - 2),
    )

    def line(row: Sequence[str], style: str, first: str) -> None:
        text = "".join(f"  {row[at]:>{widths[at]}}" for at in kept[1:])
        page.entry(row[0], room, (text, style), style=first)

    line(heads, "bold", "bold")
    for row in shown:
        line(row, "", "bold cyan")
    rest = len(rows) - len(shown)
    if rest:
        page.say(f"and {count(rest, 'weight')} more; --json has them all", indent=4)


def _heads(record: RunRecord) -> tuple[str, ...]:
    step = record.explanation.step
    at = "now" if step == record.descent.final_step else f"at step {count(step)}"
    # The descent moves the weights of the scaled columns.
    slope = "scaled gradient" if record.user_units else "gradient"
    return ("weight", at, "at the minimum", "± standard error", slope)


def _row(record: RunRecord, name: str) -> tuple[str, ...]:
    partial = next((one for one in record.explanation.partials if one.weight == name), None)
    value = "" if partial is None else number(partial.value)
    if record.user_units and record.explanation.step == record.descent.final_step:
        value = number(record.user_units[name][1]) if name in record.user_units else value
    entry = entry_of(record, name)
    at_minimum = minimum_of(record).get(name)
    return (
        name,
        value,
        "" if at_minimum is None else number(at_minimum),
        "" if entry is None else error_of(entry),
        "" if partial is None else number(partial.amount),
    )


def entry_of(record: RunRecord, name: str) -> WeightStatistics | None:
    """What is known of a weight at the minimum, in the columns' own units."""
    found = record.measurements.statistics
    if found is None:
        return None
    entries = found.user_weights or found.weights
    return next((entry for entry in entries if entry.weight == name), None)


def minimum_of(record: RunRecord) -> Mapping[str, float]:
    """The weights at the known minimum, in the columns' own units; empty where there are none."""
    minimum, found = record.measurements.minimum, record.measurements.statistics
    if minimum is None or not minimum.exists:
        return {}
    if not record.user_units:
        return minimum.weights
    # Runs of earlier versions have them with their standard errors alone.
    known = {} if found is None else {one.weight: one.value for one in found.user_weights}
    return minimum.user_weights or known


# The fit and the rate


def _fit(page: Page, record: RunRecord) -> None:
    problem, found = record.problem, record.measurements.statistics
    if problem.rows is None:
        return
    parts = []
    if found is not None and found.r_squared is not None:
        parts.append(f"R² {number(found.r_squared)}")
    if found is not None and found.residual_deviation is not None:
        parts.append(f"residual deviation {number(found.residual_deviation)}")
    held = f" and {count(problem.validation_rows)} held out" if problem.validation_rows else ""
    at = f"{' and '.join(parts)} at the minimum, " if parts else ""
    _fact(page, "Fit", f"{at}{count(problem.rows, 'row')}{held}")
    worst = None if found is None else inflated(found.user_weights or found.weights)
    if worst is not None:
        _fact(page, "Errors", inflation_of(page, worst))
    fixed = record.call.get("fix")
    if isinstance(fixed, Mapping) and fixed:
        _fact(page, "Held", values_of(fixed))


def _rate(page: Page, record: RunRecord) -> None:
    """Whether it is right, how far from the limit, how many steps it needs and the best one."""
    descent, word = record.descent, record.verdict.learning_rate
    momentum = "" if descent.momentum is None else f", momentum {number(descent.momentum)}"
    if not math.isfinite(descent.lr):
        done = count(descent.steps, "step")
        _fact(page, "Rate", f"{descent.optimizer} chooses the length of its {done} by itself")
        return
    chosen = ", chosen" if descent.lr_chosen == "auto" else ""
    rate = values_of(descent.rates) if descent.rates else number(descent.lr)
    said = f"{rate} ({descent.optimizer}{momentum}{chosen}), "
    parts = [part for part in (_limit(record), _needed(record)) if part]
    told = f": {'; '.join(parts)}" if parts else ""
    shown = f"{word} whether it is right" if word == "not measured" else word
    if word == "just right" and quicker(record.measurements) is not None:
        shown = right_in_words(record.measurements)
    if word == "just right" and record.measurements.hovering is not None:
        shown += " for getting there"
    _fact(page, "Rate", said, (shown, WORD_STYLE[word]), told)


def _limit(record: RunRecord) -> str:
    measured, lr = record.measurements, record.descent.lr
    limit, there = measured.stability_limit, measured.minimum_limit
    elsewhere = limit is not None and there is not None and not math.isclose(limit, there)
    where = limit_place(measured) if elsewhere or record.descent.stopped == "diverged" else ""
    if overshoots_at_minimum(measured):
        limit, where = there, " at the minimum"
    if limit is None or not 0 < limit < math.inf or not math.isfinite(lr / limit):
        return ""
    ratio = lr / limit
    share = f"{percent(ratio)} of" if ratio <= 1 else times(ratio)
    stable = "stable" if ratio < 1 else "not stable"
    if record.descent.optimizer in ADAPTIVE:
        stable = f"{stable} as its steps are scaled now"
    which = "" if record.descent.rates else f" {number(limit, 3)}"
    batched = measured.batch_limit
    of = "" if batched is None else f" with batches of {count(batched.size)}"
    return f"{stable}, {share} the limit{which}{of}{where}"


def _needed(record: RunRecord) -> str:
    """Steps to the goal with this learning rate, and with a better one that was run."""
    if record.measurements.hovering is not None:
        came = record.descent.goal_step is not None
        return "does not stay at the goal" if came else "goes up and down above the goal"
    study, forecast = record.measurements.rates, record.measurements.forecast
    needed = None if forecast is None else forecast.steps
    if study is None:
        return "" if needed is None else f"needs {roughly(needed, 'step')}"
    own, best = study.own, best_run(record.measurements)
    # A forecast may be to another goal than this comparison.
    same = forecast is not None and forecast.to == study.goal.to
    if record.measurements.leaving is not None:
        return "does not stay at the goal" if needed is None else f"stays from step {count(needed)}"
    needed = needed if same and needed is not None else own.steps
    if needed is not None:
        to = "" if study.goal.to.startswith("within") else " to this loss"
        told = f"needs {roughly(needed, 'step')}{to}"
    elif own.limit is None or own.diverged:
        told = "never gets there"
    elif own.left:
        told = "does not stay at the goal"
    else:
        told = f"not there after {roughly(own.limit, 'step')}"
    if best is None or best.steps is None or (needed is not None and best.steps >= needed):
        return told
    quicker = f"{told}, at best {roughly(best.steps)} with"
    if record.descent.rates:
        return f"{quicker} all of them times {number(best.lr / own.lr, 3)}"
    return f"{quicker} {number(best.lr, 3)}"


def mind(page: Page, record: RunRecord, indent: int) -> None:
    """What may not be meant or known: of categories, columns and names that are like columns."""
    for group in record.problem.categories:
        page.say(_categories(group), label=("Mind", "bold magenta"), indent=indent)
    if record.problem.constant:
        page.say(
            "The model uses no column of the data, so it predicts the same value for every row. "
            "Every name in it that is no column is a weight.",
            label=("Mind", "bold magenta"),
            indent=indent,
        )
    for weight, column in record.problem.doubtful_names:
        page.say(
            f"{weight} is taken for a weight, and there is a column {column}. "
            "If that one is meant, write its name as it is.",
            label=("Mind", "bold magenta"),
            indent=indent,
        )
    if record.problem.number_e:
        page.say(
            "e is the number 2.718, as in e**x. If a weight is meant, give it another name.",
            label=("Mind", "bold magenta"),
            indent=indent,
        )


def _categories(group: Categories) -> str:
    """Which categories have a weight, and what the weights say where one has none."""
    column, known = in_formula(group.column), [f'"{one}"' for one in group.weights.values()]
    whose = f"C({column}) is a weight for each of {listed(known, _MOST_WEIGHTS)}"
    if group.left_out is None:
        return f"{whose}."
    return (
        f'{whose}, and none for "{group.left_out}", for which {group.beside} stands: each says how '
        f'much more it is than with "{group.left_out}".'
    )


# The findings


def show_found(page: Page, findings: Sequence[Finding], why: str) -> None:
    """A line a finding, as many as fit on the screen, and the last line: how to see why."""
    page.blank()
    room = HEIGHT - len(page.lines) - 1
    most = len(findings)
    if most > max(room, LEAST_FINDINGS):
        most = max(room - 1, LEAST_FINDINGS)
    for finding in findings[:most]:
        say_finding(page, finding, in_a_line(page, finding))
    if findings[most:]:
        codes = list(dict.fromkeys(finding.code for finding in findings[most:]))
        page.say(f"and {listed(codes)}", indent=_CODE)
    if not findings:
        page.say("None of the checks found anything.")
    about = f", or steepest explain {findings[0].code}" if findings else ""
    page.say(("Why: ", "bold"), f"{why}{about}")


def in_a_line(page: Page, finding: Finding) -> str:
    """What was found, where its first sentence fits; else what the check is about."""
    first = finding.sentence.split(". ", 1)[0].rstrip(".") + "."
    room = page.width - BESIDE
    if len(page.safe(first)) <= room:
        return first
    clause = first.split(": ", 1)[0]
    if clause != first and len(page.safe(clause)) < room:
        return f"{clause}."
    return CHECKS[finding.code].summary
