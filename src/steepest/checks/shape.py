"""The shape of the loss where the descent went: SD201 to SD206."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from steepest.checks.facts import (
    FAR,
    FLAT_FALL,
    ILL,
    USELESS,
    Causes,
    allowance,
    arrived,
    at_saddle,
    causes,
    combination,
    compared,
    conditioning,
    diverged,
    falls_everywhere,
    gap,
    getting,
    goes_to_local_minimum,
    is_hidden,
    leading_weight,
    length,
    loss_in_words,
    lowest,
    off_again,
    own_rates,
    place_of,
    plain,
    shape_of,
    spectrum_of,
    taken,
    useless,
    when_ended,
)
from steepest.checks.learning_rate import bounces, overshoots_at_minimum
from steepest.methods.optimizers import ADAPTIVE
from steepest.records.choices import Severity
from steepest.records.verdict import Finding, Measurements
from steepest.words.wording import count, escaped, listed, number, percent, times

UNEVEN = 100
"""From this one on it is worth a word, where the descent has not arrived."""

FEW = 3
"""A cause that makes a condition number no more than so many times larger is not told of."""

_WHOLE = 1.05
"""A smaller condition number is as good as 1."""

MANY_STEPS = 1000

MOST_FLAT = 3
"""So many flat directions get a finding of their own."""


def ill_conditioned(m: Measurements) -> Iterator[Finding]:
    """SD201: the curvature differs so much between directions that no learning rate suits all."""
    found, curved = shape_of(m), conditioning(m)
    if found is None or curved is None:
        return
    largest, smallest, last = curved
    condition = largest / smallest
    if condition < UNEVEN:
        return
    there = arrived(m)
    slow = m.forecast is not None and (m.forecast.steps or 0) >= MANY_STEPS
    if condition < ILL and there:
        return
    first_weight = leading_weight(found.vectors[:, 0], m.problem.weights)
    last_weight = leading_weight(found.vectors[:, last], m.problem.weights)
    evidence: dict[str, object] = {
        "condition": float(condition),
        "largest": float(largest),
        "smallest": float(smallest),
        "residual": found.residual,
        "at": found.at,
        "preconditioned": found.preconditioned,
        "most_curved_weight": first_weight,
        "least_curved_weight": last_weight,
        "below_rounding": is_hidden(m),
    }
    places = {"minimum": "At the minimum the curvature", "start": "At the start the curvature"}
    start = places.get(found.at, "The curvature")
    if own_rates(m):
        start += ", each weight counted by its learning rate,"
    sentence = (
        f"{start} is {number(largest, 5)} along one direction of the weights and "
        f"{number(smallest, 3)} along another, {times(condition)} apart"
    )
    because = causes(m)
    flat = m.minimum is not None and bool(m.minimum.flat)
    if is_hidden(m):
        sentence = (
            f"{start} is {number(largest, 5)} along one direction of the weights, and along "
            "another too small to be told from rounding: they are more than "
            f"{times(condition)} apart."
        )
    elif found.preconditioned is not None:
        sentence += f", even after {found.preconditioned} has scaled each weight."
    elif m.descent.optimizer in ADAPTIVE or because is None:
        sentence += "."
    else:
        sentence += f". {_because(because, again=own_rates(m), flat=flat)}"
        evidence["own_curvatures"] = dict(because.own)
        evidence["by_scale"] = because.by_scale
        evidence["by_correlation"] = because.by_correlation
    ended = spectrum_of(m)
    # Less is rounding beside the curvature of the minimum: where it ended the loss is level.
    if found.at == "minimum" and ended is not None and -ended.smallest > found.noise:
        sentence += (
            f" The way there is a curved valley: where the descent ended, the curvature is "
            f"{number(ended.smallest, 3)} along one direction."
        )
        evidence["most_negative"] = float(ended.smallest)
    severity: Severity = "warning" if condition >= ILL and (slow or not there) else "info"
    yield Finding("SD201", severity, sentence, evidence)


def _because(because: Causes, *, again: bool, flat: bool) -> str:
    """Write what makes the curvature uneven: scale, or weights that must move together.

    It is scale `again` where each weight has a learning rate of its own. No learning rates leave
    less than one over the number of weights of what these leave (van der Sluis 1969), where no
    direction is `flat`.
    """
    most = max(because.own, key=lambda name: because.own[name])
    least = min(because.own, key=lambda name: because.own[name])
    ratio = because.own[most] / because.own[least]
    scale = (
        f"the curvature along {escaped(most)} alone is {times(ratio)} that along {escaped(least)}"
        f"{', each times its learning rate' * again}"
    )
    left = times(because.by_correlation)
    together = "a change of one weight is nearly made up for by changes of others"
    if because.by_correlation < FEW:
        rest = f"leave {left}" if because.by_correlation >= _WHOLE else "take all of that away"
        return f"That is scale: {scale}. Learning rates in inverse proportion {rest}."
    if because.by_scale < FEW:
        return (
            f"That is correlation: {together}. Learning rates in inverse proportion leave {left}."
        )
    stays = because.by_correlation / len(because.own)
    whatever = f", and whatever the learning rate of each weight, at least {times(stays)} stay"
    return (
        f"Scale makes {times(because.by_scale)} of it: {scale}, and learning rates in inverse "
        f"proportion would take that away. Correlation makes the other {left}: {together}"
        f"{whatever if stays >= FEW and not flat else ''}."
    )


def not_identifiable(m: Measurements) -> Iterator[Finding]:
    """SD202: the loss does not change along a combination of weights."""
    if m.minimum is None or m.minimum.unbounded:
        return
    seen = m.minimum.flat
    elsewhere = m.minimum.elsewhere or (None,) * len(seen)
    told: set[str] = set()
    for direction, there in list(zip(seen, elsewhere, strict=True))[:MOST_FLAT]:
        entries = combination(direction)
        if entries:
            evidence: dict[str, object] = {
                "direction": entries,
                "combination": as_sum(entries),
                "flat_directions": len(seen),
            }
            if there is None:
                sentence = _flat_sentence(m, entries)
            else:
                sentence = _curved_sentence(m, m.minimum.weights, there)
                evidence["elsewhere"] = dict(there)
            if sentence not in told:
                told.add(sentence)
                yield Finding("SD202", "warning", sentence, evidence)


def _flat_sentence(m: Measurements, entries: Mapping[str, float]) -> str:
    fits = m.problem.command == "fit"
    unchanged = "changes no prediction" if fits else "leaves the loss as it is"
    source = "the data" if fits else "the loss"
    top = next(name for name, value in entries.items() if value == 1.0)
    others = [(name, value) for name, value in entries.items() if name != top]
    if not others:
        return f"Changing {escaped(top)} {unchanged}, so {source} cannot tell what it should be."
    moves = [
        f"{'raising' if value > 0 else 'lowering'} {escaped(name)} by {number(abs(value), 4)}"
        for name, value in others
    ]
    return (
        f"Raising {escaped(top)} by 1 while {listed(moves, 3)} {unchanged}, "
        f"so {source} cannot tell them apart."
    )


def _curved_sentence(m: Measurements, here: Mapping[str, float], there: Mapping[str, float]) -> str:
    """Write that other weights, along a curve, have the same loss."""
    moved = {
        name: value for name, value in there.items() if abs(value - here[name]) > 1e-6 * abs(value)
    }
    shown = sorted(moved, key=lambda name: -abs(moved[name] - here[name]))[:4]
    source = "the data" if m.problem.command == "fit" else "the loss"
    places = [
        place_of({name: where[name] for name in moved if name in shown}) for where in (there, here)
    ]
    return (
        f"Different weights have the same loss: at {places[0]} it is as low as at {places[1]}, so "
        f"{source} cannot tell them apart."
    )


def as_sum(entries: Mapping[str, float]) -> str:
    """Write a combination of weights: a - 0.5*b."""
    text = ""
    for name, value in entries.items():
        size = "" if abs(value) == 1 else f"{number(abs(value), 4)}*"
        sign = "-" if value < 0 else "+"
        text += f" {sign} {size}{name}" if text else f"{'-' if value < 0 else ''}{size}{name}"
    return text


def saddle(m: Measurements) -> Iterator[Finding]:
    """SD203: the gradient is nearly zero, and the loss falls to both sides."""
    found = spectrum_of(m)
    if found is None or not at_saddle(m):
        return
    vector = found.vectors[:, -1]
    names = m.problem.weights
    known = found.preconditioned is None and len(vector) == len(names)
    direction = combination(dict(zip(names, vector, strict=True))) if known else {}
    weight = leading_weight(vector, names) if known else None
    if weight is not None:
        along, way = f" along {escaped(weight)}", f"a small step in {escaped(weight)}"
    elif direction:
        # Four names are enough to see what moves.
        shown = dict(sorted(direction.items(), key=lambda entry: -abs(entry[1]))[:4])
        along, way = "", f"a small step along {escaped(as_sum(shown), 200)}"
    else:
        along, way = "", "a small step that way"
    what = "maximum" if falls_everywhere(m) else "saddle point"
    sentence = (
        f"The gradient is nearly zero, but this is a {what} and not a minimum: the "
        f"curvature is {number(found.smallest, 4)}{along}, so {way}, either way, lowers the loss."
    )
    escape = m.escape
    if escape is not None:
        name = max(escape.direction, key=lambda key: abs(escape.direction[key]))
        by = escape.by * escape.direction[name]
        rest = "" if weight is not None or len(escape.direction) == 1 else " and the rest with it"
        sentence += (
            f" A step there that moves {escaped(name)} by {number(by, 3)}{rest} takes "
            f"{number(-escape.change, 3)} off it: start again from there."
        )
    evidence = {
        "most_negative": found.smallest,
        "direction": direction,
        "escape": None
        if escape is None
        else {
            "direction": dict(escape.direction),
            "by": plain(escape.by),
            "loss_change": plain(escape.change),
        },
        "gradient_norm": length(m.final_gradient),
        "first_gradient_norm": length(m.first_gradient),
        "residual": found.residual,
    }
    yield Finding("SD203", "warning", sentence, evidence)


def local_minimum(m: Measurements) -> Iterator[Finding]:
    """SD204: the descent settles above a lower minimum that is known."""
    lower = lowest(m)
    if lower is None or not goes_to_local_minimum(m):
        return
    here, there = compared(m, m.descent.final_loss, lower.loss)
    place = place_of(lower.weights)
    sentence = (
        f"This is a local minimum: the loss is {here} here, and {there} at another one"
        f"{f', at {place}' if place else ''}."
    )
    if m.heading is not None:
        nears = f"run on, the descent nears {number(m.heading)}"
        sentence = f"This way leads to a local minimum: {nears}, and the loss is {there} at another"
        sentence += f" one{f', at {place}' if place else ''}."
    evidence = {
        "loss": plain(m.descent.final_loss),
        "heading": plain(m.heading),
        "lower_loss": plain(lower.loss),
        "lower_weights": {name: float(value) for name, value in lower.weights.items()},
        "found_by": lower.found_by,
    }
    yield Finding("SD204", "warning", sentence, evidence)


def is_far(m: Measurements) -> bool:
    """Tell whether the final loss is well above the minimum."""
    above, allowed, found = gap(m), allowance(m), lowest(m)
    if above is None or allowed is None or found is None or diverged(m):
        return False
    if not above > 0 or above < FAR * allowed:
        return False
    # Of a minimum at zero everything is far, so there the distance is measured by the start, or
    # by what the best constant would leave.
    if allowed > 0.011 * abs(found.loss):
        scale = m.reference_loss
        if scale is None or not math.isfinite(scale):
            scale = m.descent.first_loss - found.loss
        return above >= 1e-3 * scale
    return True


def looks_flat(m: Measurements) -> Iterator[Finding]:
    """SD205: the loss has all but stopped falling, and the minimum is far below."""
    fall, found, above = m.descent.recent_fall, lowest(m), gap(m)
    if fall is None or found is None or above is None:
        return
    # Of a loss that is next to nothing beside what is to gain, a step may well take a share.
    lowered = abs(fall * m.descent.final_loss)
    level = abs(fall) < FLAT_FALL
    if not level and not lowered < FLAT_FALL * above:
        return
    # There the loss is flat for a reason of its own.
    if not is_far(m) or at_saddle(m) or goes_to_local_minimum(m) or bounces(m) is not None:
        return
    if level and overshoots_at_minimum(m):
        return
    here, there = compared(m, m.descent.final_loss, found.loss)
    took = f"took only {percent(fall)} off the loss" if fall > 0 else "took nothing off the loss"
    if not level:
        took = f"changed the loss by only {number(lowered, 2)}"
    sentence = f"The last step {took}, so it looks settled at {here}, but the minimum is {there}."
    if m.forecast is not None and m.forecast.steps is not None:
        sentence = f"{sentence[:-1]}, and {getting(m.forecast.to)} takes {taken(m.forecast)}."
    evidence = {
        "recent_fall": plain(fall),
        "loss": plain(m.descent.final_loss),
        "minimum": plain(found.loss),
        "gap": plain(above),
        "forecast_steps": m.forecast.steps if m.forecast is not None else None,
    }
    severity: Severity = "error" if above >= abs(found.loss) else "warning"
    yield Finding("SD205", severity, sentence, evidence)


def at_minimum(m: Measurements) -> Iterator[Finding]:
    """SD206: the descent has arrived."""
    found = lowest(m)
    if found is None or m.goal is None or not arrived(m):
        return
    loss, low = loss_in_words(m, m.descent.final_loss), loss_in_words(m, found.loss)
    when = when_ended(m)
    reached = m.descent.stays_step
    if m.leaving is None and reached is not None and reached < m.descent.final_step:
        when += f" and {m.goal.to} since step {count(reached)}"
    sentence = f"This is the minimum: the loss is {loss} {when}, and the lowest one known is {low}."
    if m.leaving is not None:
        sentence = f"The descent is passing the minimum: the loss is {loss} {when}, and the lowest "
        sentence += f"one known is {low}; {off_again(m.leaving)}."
    if useless(m):
        sentence = f"{sentence[:-1]}, {USELESS}."
    evidence = {
        "loss": plain(m.descent.final_loss),
        "minimum": plain(found.loss),
        "gap": plain(gap(m)),
        "goal": plain(m.goal.loss),
        "goal_step": m.descent.goal_step,
        "left_at": None if m.leaving is None else m.leaving.at,
        "found_by": found.found_by,
    }
    yield Finding("SD206", "info", sentence, evidence)
