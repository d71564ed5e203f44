"""Weights and starts from which no gradient leads to the minimum: SD307 and SD409."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from steepest.checks.facts import arrived, lowest, place_of
from steepest.methods.losses import loss_named
from steepest.records.fitted import StillWeight
from steepest.records.point import Minimum
from steepest.records.verdict import Finding, Measurements
from steepest.words.wording import count, escaped, listed, names, number, times

_FAR = 100.0
"""Residuals so many times those of the best constant are far from the data."""

_POWERS = 3.0
"""A weight so many powers of ten off is of another scale."""

_SURE = 3.0
"""Within so many standard errors of zero, a weight has no scale."""

_ZERO = 1e-14
"""So much of the start is what rounding leaves of it."""

MOST = 4
"""So many weights are named."""


def zero(m: Measurements) -> Iterator[Finding]:
    """SD409: a weight's gradient is exactly zero."""
    still = [one for one in m.still if one.kind == "condition"]
    for one in still[:MOST]:
        where = "" if one.node is None else f" ({escaped(one.node, 60)})"
        sentence = (
            f"{escaped(one.weight)} stands only in a condition{where}, which has no slope: its "
            "gradient is exactly zero on every row and at every step, so no descent moves it."
        )
        if one.minimum is not None and m.minimum is not None:
            sentence += (
                f" At {place_of(m.minimum.weights) or number(one.minimum, 4)} the loss is "
                f"{number(m.minimum.loss)}: try values of {escaped(one.weight)} by hand (--fix)."
            )
        yield Finding("SD409", "warning", sentence, _evidence(one))
    gone = [one for one in m.still if one.kind == "zero"]
    if gone and not arrived(m):
        sentence = f"{_who(gone, 'exactly zero on every row')}{_why(gone)}.{_start(m)}"
        yield Finding("SD409", "warning", sentence, {"weights": [_evidence(one) for one in gone]})


def far_start(m: Measurements) -> Iterator[Finding]:
    """SD307: no weights reach the targets, or no gradient leads there from so far off."""
    if m.minimum is not None and m.minimum.separable:
        yield _unreachable(m, m.minimum)
        return
    if arrived(m):
        return
    small = [one for one in m.still if one.kind == "small"]
    if small:
        sentence = f"{_who(small, 'all but zero')}{_why(small)}. {_share(small)}{_start(m)}"
        yield Finding("SD307", "warning", sentence, {"weights": [_evidence(one) for one in small]})
        return
    off, found = _off(m), lowest(m)
    if found is None or m.problem.linear_in_weights or m.problem.command != "fit":
        return
    scales = _scales(m, found.weights)
    if off is not None and off >= _FAR:
        sentence = (
            f"The start is far from the data: its predictions are {times(off)} as far off as "
            f"those of the best constant.{_start(m)}"
        )
    elif scales:
        shown = [
            f"{escaped(name)} is {number(first, 3)} there and {number(last, 3)} at the minimum"
            for name, (first, last) in scales.items()
        ]
        sentence = f"The start is of another scale than the data: {listed(shown, 3)}.{_start(m)}"
    else:
        return
    evidence = {
        "times_as_far_off": off,
        "scales": {
            name: {"start": first, "minimum": last} for name, (first, last) in scales.items()
        },
    }
    yield Finding("SD307", "warning", sentence, evidence)


def _unreachable(m: Measurements, minimum: Minimum) -> Finding:
    rows, seen = count(m.problem.rows or 0, "row"), m.apart
    apart = f"all {rows}" if minimum.loss == 0 else f"a part of the {rows}"
    text = (
        f"No weights reach the targets: {apart} can be told apart without an error, and a chance "
        "of exactly 0 or 1 takes weights without end."
    )
    if seen is not None:
        best, end, soft = (number(one, 3) for one in (seen.best, seen.end, seen.soft))
        text += f" Rows held out in turn have a loss of {end} where the descent ended"
        if seen.stopping_helps:
            text += f", and of {best} after {count(seen.step, 'step')}"
        elif seen.softening_helps:
            text += ", the lowest on the way"
        else:
            text += ", the lowest on the way: so far growing does no harm"
        text += f". With softer targets, for which there is a minimum, it is {soft}."
    evidence = {"separable": True, "rows": m.problem.rows} | ({} if seen is None else asdict(seen))
    return Finding("SD307", "warning", text, evidence)


def _scales(m: Measurements, there: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Weights whose start and minimum are of other scales. One that is zero there has none."""
    entries = () if m.statistics is None else m.statistics.weights
    errors = {entry.weight: entry.error or 0.0 for entry in entries}
    scales = {}
    for name, first in m.start.items():
        last = there.get(name, 0.0)
        told = abs(last) > max(_SURE * errors.get(name, 0.0), _ZERO * abs(first))
        if told and first and abs(math.log10(abs(last / first))) >= _POWERS:
            scales[name] = (first, last)
    return scales


def _evidence(one: StillWeight) -> dict[str, object]:
    return {
        "weight": one.weight,
        "since": one.since,
        "share": one.share,
        "at_minimum": one.minimum,
        "part": one.node,
    }


def _who(still: list[StillWeight], how: str) -> str:
    shown = names([one.weight for one in still], MOST)
    verb = "gradient is" if len(still) == 1 else "gradients are"
    since = max(one.since for one in still)
    when = "from the start on" if since == 0 else f"from step {count(since)} on"
    return f"The {verb} {how} for {shown}, {when}"


def _why(still: list[StillWeight]) -> str:
    parts = {one.node: one for one in still if one.node is not None}
    shown = [
        f"{escaped(text, 60)} is at most {number(one.within, 3)}"
        if one.value == 0
        else f"{escaped(text, 60)} is {number(one.value)} to within {number(one.within, 3)}"
        for text, one in parts.items()
    ]
    return f": {listed(shown, 2)} on every row" if shown else ""


def _share(still: list[StillWeight]) -> str:
    top = max(still, key=lambda one: one.share)
    return (
        f"To first order, moving {escaped(top.weight)} to where the minimum has it, "
        f"{number(top.minimum or 0.0, 4)}, changes the predictions by {number(top.share, 2)} of "
        "the target's deviation."
    )


def _start(m: Measurements) -> str:
    """Another start, from which a solver came to the minimum."""
    found = m.minimum
    if found is None or not found.exists:
        return ""
    begin = "" if found.start is None or "this start" in found.found_by else place_of(found.start)
    if begin:
        return f" From {begin} a solver comes to a loss of {number(found.loss)}."
    place = place_of(found.weights)
    return f" The loss is {number(found.loss)} at {place}." if place else ""


def _off(m: Measurements) -> float | None:
    """How many times as far off the start is as the best constant."""
    first, constant, loss = m.descent.first_loss, m.reference_loss, m.problem.loss
    if loss is None or constant is None or not constant > 0 or not math.isfinite(first):
        return None
    kind = loss_named(loss)
    if kind.of_classes or not first > 0:
        return None
    return math.sqrt(first / constant) if kind.is_quadratic else first / constant
