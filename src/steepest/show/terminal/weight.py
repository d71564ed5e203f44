"""What concerns one weight of a run: where it went, what its gradient means, how sure it is."""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from steepest.records.point import Explanation, Partial
from steepest.records.run import RunRecord
from steepest.show.terminal.facts import show_findings
from steepest.show.terminal.page import INDENT, Page
from steepest.show.terminal.screen import entry_of, minimum_of
from steepest.show.terminal.statistics import (
    INFLATED,
    correlation,
    error_of,
    inflation_of,
    percent_of,
)
from steepest.show.terminal.weights import show_partial
from steepest.words.suggest import no_such
from steepest.words.wording import count, number

_MOST_STEPS: Final = 6
"""Steps at which its value is told, the first and the last among them."""


def partial_in(explanation: Explanation, weight: str) -> Partial:
    """What the gradient of a weight means. Raises UsageError where there is no such weight."""
    partials = {partial.weight: partial for partial in explanation.partials}
    if weight not in partials:
        raise no_such("weight", weight, partials)
    return partials[weight]


def show_weight(page: Page, record: RunRecord, weight: str) -> None:
    """Write it. Raises UsageError where there is no such weight."""
    partial = partial_in(record.explanation, weight)
    step, entry = record.explanation.step, entry_of(record, weight)
    own = (record.user_units or {}).get(weight)
    at_minimum = minimum_of(record).get(weight)

    def fact(name: str, text: str) -> None:
        page.say(text, label=(name, "bold"), indent=INDENT)

    if own is None:
        value = number(partial.value)
        page.say((f"{weight} is {value} at step {count(step)}", "bold"))
    else:
        page.say((f"{weight} ended at {number(own[1])}, in the columns' own units", "bold"))
    page.blank()
    _way(page, record, weight)
    if at_minimum is not None:
        sure = f" ± {error_of(entry)}{percent_of(entry)}" if entry and entry.error else ""
        why = f", {error_of(entry)}" if entry is not None and not sure else ""
        fact("At the minimum", f"{number(at_minimum)}{sure}{why}")
    _correlations(page, record, weight)
    if entry is not None and entry.inflation and entry.inflation.factor >= INFLATED:
        fact("Error", inflation_of(page, entry))
    scaled = ", by the weight of the scaled columns" if own is not None else ""
    fact("Gradient", f"{number(partial.amount)} at step {count(step)}{scaled}")
    show_partial(page, partial)
    named = re.compile(rf"(?<![\w`]){re.escape(weight)}(?![\w`(])")
    findings = [one for one in record.verdict.findings if named.search(one.sentence)]
    if findings:
        show_findings(page, findings)


def _way(page: Page, record: RunRecord, weight: str) -> None:
    """Its value on the way, as the descent moved it."""
    trace = record.trace
    if weight not in trace.names:
        return
    values = trace.weights[:, trace.names.index(weight)]
    places = np.unique(np.linspace(0, len(values) - 1, _MOST_STEPS).round().astype(int)).tolist()
    told = [f"{number(values[at])} at step {count(int(trace.step[at]))}" for at in places]
    scaled = " (scaled)" if record.user_units else ""
    page.say(", ".join(told) + scaled, label=("On the way", "bold"), indent=INDENT)


def _correlations(page: Page, record: RunRecord, weight: str) -> None:
    found = record.measurements.statistics
    if found is None or found.correlations is None or len(found.weights) < 2:
        return
    names = [entry.weight for entry in found.weights]
    if weight not in names:
        return
    row = found.correlations[names.index(weight)]
    others = [at for at, name in enumerate(names) if name != weight and np.isfinite(row[at])]
    others.sort(key=lambda at: -abs(float(row[at])))
    if others:
        told = [f"with {names[at]} {correlation(float(row[at]))}" for at in others[:_MOST_STEPS]]
        page.say(", ".join(told), label=("Correlation", "bold"), indent=INDENT)
