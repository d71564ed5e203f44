"""The fit at its minimum, whatever the descent: SD305 and SD306."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from steepest.records.fitted import DecidingRows, Misfit, MovedWeight, Refit
from steepest.records.verdict import Finding, Measurements
from steepest.words.wording import count, escaped, listed, number, percent, times, together

MOST_TOLD = 2
"""So many weights are told of; all are in the evidence."""

_AGREES = 2.0
"""Huber comes to the same weights where none is off by so many standard errors."""

_LONG = 200
"""Of a formula so much is shown."""


def rows_decide(m: Measurements) -> Iterator[Finding]:
    """SD305: a row that lies off what all others say moves the weights."""
    found = m.deciding
    if found is None:
        return
    sentence = f"{_who(found, m.problem.target or 'target')} {_moves(found, m)}"
    evidence: dict[str, object] = {
        "rows": [asdict(row) for row in found.rows],
        "weights": [{**asdict(one), "moved": one.moved} for one in found.weights],
        "scatter": found.scatter,
        "scatter_without": found.scatter_without,
    }
    yield Finding("SD305", "warning", sentence, evidence)


def _who(found: DecidingRows, target: str) -> str:
    first = found.rows[0]
    about = (
        f"{escaped(target)} is {number(first.target, 4)}, and the fit to the others says "
        f"{number(first.without, 4)}, which is {times(first.studentized)} their scatter away"
    )
    if len(found.rows) == 1:
        return f"Row {count(first.row)} decides the fit (counted from 0): its {about}."
    rows = listed([count(row.row) for row in found.rows])
    return f"Rows {rows} decide the fit (counted from 0): on row {count(first.row)} {about}."


def _moves(found: DecidingRows, m: Measurements) -> str:
    told = found.weights[:MOST_TOLD]
    parts = [_moved(one) for one in told]
    which = "it" if len(found.rows) == 1 else "them"
    scaled = ", for the scaled columns" if m.problem.standardized else ""
    sentence = f"Without {which} {listed(parts)}{scaled}."
    if any(one.huber is None for one in told):
        return sentence
    shown = listed([f"{escaped(one.weight)} is {number(one.huber or 0.0, 4)}" for one in told])
    near = all(
        one.huber is not None and abs(one.huber - one.without) <= _AGREES * one.error
        for one in found.weights
    )
    return (
        f"{sentence} With all rows and --loss huber {shown}"
        f"{', which agrees with the fit without' if near else ''}."
    )


def _moved(one: MovedWeight) -> str:
    before, after = together(one.value, one.without)
    return (
        f"{escaped(one.weight)} goes from {before} to {after} "
        f"({number(one.moved, 2)} standard errors of the fit without)"
    )


def does_not_follow(m: Measurements) -> Iterator[Finding]:
    """SD306: the residuals show a pattern, and another model follows it on rows held out."""
    found = m.misfit
    if found is None:
        return
    sentence = f"The model does not follow the data: {_pattern(found)}."
    sentence += f" {_proof(found.refit)}" if found.refit is not None else _unproven(found)
    yield Finding("SD306", "warning", sentence, {**asdict(found), "tried": list(found.tried)})


def _pattern(found: Misfit) -> str:
    along = "" if found.along is None else f" along {escaped(found.along)}"
    if found.kind == "curved":
        return f"the residuals bend{along}" if along else "the residuals do not lie around zero"
    if found.kind == "runs":
        return (
            f"in the order of {escaped(found.along or '')} the residuals come in "
            f"{count(found.runs or 0)} runs of one sign, where chance gives "
            f"{count(round(found.expected_runs or 0))}"
        )
    low, high = found.spread or (0.0, 0.0)
    return (
        f"the residuals grow with the prediction, from a root mean square of {number(low, 3)} "
        f"in the third of the rows with the smallest predictions to {number(high, 3)} in the "
        "third with the largest, so these decide alone"
    )


def _proof(refit: Refit) -> str:
    formula = escaped(refit.formula, _LONG)
    apart = f"on rows held out ({count(refit.parts)} parts, each once)"
    if refit.change == "term" and refit.loss is not None:
        after, before = together(refit.loss, refit.loss_before)
        return f"With {formula} the mean squared error {apart} is {after}, not {before}."
    with_it = formula if refit.change == "log" else f"--sigma {escaped(refit.sigma or '')}"
    if refit.off is not None and refit.off_before is not None and refit.off < refit.off_before:
        return (
            f"With {with_it} the middle one of the predictions {apart} is off by "
            f"{percent(refit.off, 3)} of its target, not by {percent(refit.off_before, 3)}."
        )
    return (
        f"With {with_it} what was seen {apart} is e^{number(refit.likelihood, 2)} times as likely."
    )


def _unproven(found: Misfit) -> str:
    if not found.tried:
        more = " Further powers of the columns take no more off than chance would."
    else:
        shown = listed([escaped(text, _LONG) for text in found.tried], 3)
        more = f" On rows held out none of what was tried does better: {shown}."
    if found.kind == "runs":
        return f"{more} The standard errors take the rows to be independent, which these are not."
    return f"{more} A column of the rows' standard deviations (--sigma) would weigh them evenly."
