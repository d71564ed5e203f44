"""What was measured, what was found, and what to change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from steepest.checks.facts import loss_in_words, off_to_infinity
from steepest.methods.optimizers import ADAPTIVE
from steepest.records.point import Minimum, Spectrum
from steepest.records.run import RunRecord
from steepest.records.verdict import Finding, Measurements, Remedy
from steepest.show.terminal.lists import sentence, values_of
from steepest.show.terminal.page import INDENT, Page, Span
from steepest.show.terminal.styles import SEVERITY_STYLE
from steepest.words.wording import count, names, number, percent, roughly, times, together

BY_RATES: Final = "Each weight counts by its learning rate, as a share of the largest."

WHAT: Final = {"rates": "other learning rates"}
"""What was not measured, where the document's key is no plain word for it."""


def show_facts(page: Page, record: RunRecord) -> None:
    """Limit, curvature, minimum and forecast, and what was not measured."""
    measured = record.measurements
    facts: list[tuple[str, str]] = []
    limit = measured.stability_limit
    if limit is not None:
        facts.append(("Limit", _limit(record, limit)))
    if measured.spectrum is not None and measured.spectrum.measured:
        text = _curvature(measured.spectrum)
        if record.descent.rates:
            text += f" {BY_RATES}"
        facts.append(("Curvature", text))
    if measured.minimum is not None:
        facts.append(("Minimum", _minimum(measured, measured.minimum)))
    if measured.forecast is not None:
        forecast = measured.forecast
        text = forecast.basis
        if forecast.steps is not None:
            span = ""
            if forecast.low is not None and forecast.high is not None:
                span = f", between {roughly(forecast.low)} and {roughly(forecast.high)}"
            basis = forecast.basis.rstrip(".")
            text = f"{roughly(forecast.steps, 'step')}{span} ({basis})"
        text = f"{forecast.to}: {text}"
        facts.append(("Forecast", sentence(text)))
    facts += [
        ("Not measured", sentence(f"{WHAT.get(name, name.replace('_', ' '))}: {why}"))
        for name, why in measured.not_measured.items()
        # Its reason stands in its own line.
        if (name != "forecast" or measured.forecast is None)
        # An expression is not expected to have any.
        and (name != "statistics" or record.command == "fit")
    ]
    if not facts:
        return
    page.heading("What was measured")
    for name, text in facts:
        page.say(text, label=(f"  {name}", ""), indent=INDENT)


def _limit(record: RunRecord, limit: float) -> str:
    lr, optimizer = record.descent.lr, record.descent.optimizer
    text = f"{number(limit)}: the largest learning rate at which steps of {optimizer} do not grow"
    if record.descent.rates:
        text = (
            f"{number(limit / lr, 4)} times these learning rates: up to there steps of "
            f"{optimizer} do not grow"
        )
    batched = record.measurements.batch_limit
    if batched is not None:
        text += (
            f" with the batches of {count(batched.size, 'row')} that it draws, seen over "
            f"{count(batched.steps, 'step')}; over all batches that might be drawn the mean of the "
            f"squared distance grows from {number(batched.mean_square)} on"
        )
    if optimizer in ADAPTIVE:
        # P is part of the optimizer's memory and goes on changing.
        text += ", as long as the scaling of its steps stays as it was at the end"
    text += "."
    if not limit > 0 or record.descent.rates:
        return text
    ratio = lr / limit
    return f"{text} lr is {percent(ratio) + ' of' if ratio <= 1 else times(ratio)} it."


def _curvature(spectrum: Spectrum) -> str:
    text = f"largest {number(spectrum.largest)}"
    if spectrum.complete and len(spectrum.values) > 1:
        text += f", smallest {number(spectrum.smallest)}"
    if spectrum.condition is not None and len(spectrum.values) > 1:
        text += f"; the condition number is {number(spectrum.condition)}"
    at = "the minimum" if spectrum.at == "minimum" else f"the {spectrum.at}"
    text += f" (at {at}, residual {number(spectrum.residual, 2)})."
    if spectrum.held:
        are = "is" if len(spectrum.held) == 1 else "are"
        text += f" Of the weights that move: {names(spectrum.held, 4)} {are} held by a bound."
    if spectrum.most_negative is not None:
        text += " It is negative in some direction: there the loss falls ever faster."
    return text


def _minimum(measured: Measurements, minimum: Minimum) -> str:
    if minimum.unbounded:
        return sentence(f"There is none: the loss falls without end ({minimum.found_by})")
    if minimum.separable:
        return sentence(f"There is none: the weights grow for ever ({minimum.found_by})")
    if minimum.growing:
        return (
            f"There is none: the loss falls for ever while {off_to_infinity(minimum)}, and nears "
            f"{number(minimum.loss)}."
        )
    gap = measured.descent.final_loss - minimum.loss
    where = f" at {values_of(minimum.weights)}" if minimum.weights else ""
    how = minimum.found_by
    if minimum.starts and not minimum.proven:
        how += f"; the lowest found from {count(minimum.starts, 'start')}"
    text = sentence(f"{loss_in_words(measured, minimum.loss)}{where} ({how})")
    above = gap > measured.rounding
    return f"{text} This descent ended {number(gap)} above it." if above else text


def show_findings(page: Page, findings: Sequence[Finding]) -> None:
    """Each finding with its code."""
    page.heading("Findings")
    if not findings:
        page.say("None of the checks found anything.", indent=2)
        return
    for finding in findings:
        lead: list[Span] = [(finding.severity, SEVERITY_STYLE[finding.severity]), ": "]
        page.say(*lead, finding.sentence, label=(f"  {finding.code}", "bold"), indent=9)
    page.say(f"steepest explain {findings[0].code} is the page about the first.", indent=2)


def show_remedies(page: Page, remedies: Sequence[Remedy]) -> None:
    """Each remedy with its outcome and the command to type."""
    if not remedies:
        return
    page.heading("Remedies that were run, best first")
    for place, remedy in enumerate(remedies, 1):
        # Some sentences begin with the name of the change.
        named = remedy.sentence.lower().startswith(remedy.change.lower())
        title: tuple[Span, ...] = () if named else ((remedy.change, "bold"), ": ")
        page.say(*title, remedy.sentence, label=f"  {place}.", indent=5)
        page.say(_outcome(remedy), indent=5)
        page.command(remedy.command, indent=5)


def _outcome(remedy: Remedy) -> str:
    if remedy.held_out is not None:
        here, end = together(*remedy.held_out)
        ends = number(remedy.measured_loss)
        return f"on rows held out {here}, not {end}; its command ends with loss {ends}"
    predicted = (
        "no prediction"
        if remedy.predicted_steps is None
        else f"predicted {count(remedy.predicted_steps, 'step')}"
    )
    measured = (
        "the goal was not reached"
        if remedy.measured_steps is None or not remedy.reached
        else f"measured {count(remedy.measured_steps)}"
    )
    return f"{predicted}, {measured}; its command ends with loss {number(remedy.measured_loss)}"
