"""One sentence that says what matters most, with its numbers."""

from __future__ import annotations

from steepest.checks.facts import (
    ILL,
    USELESS,
    Causes,
    arrived,
    at_saddle,
    broken_at_start,
    causes,
    compared,
    conditioning,
    diverged,
    endless,
    falls_everywhere,
    first_broken,
    getting,
    goes_to_local_minimum,
    is_hidden,
    loss_in_words,
    lowest,
    off_again,
    off_to_infinity,
    own_rates,
    place_of,
    rate_is,
    sentence,
    spectrum_of,
    start_broken,
    taken,
    undetermined,
    useless,
    when_ended,
)
from steepest.checks.learning_rate import (
    Rate,
    anyone_arrives,
    batch_in_words,
    bounces,
    grows_above_limit,
    growth_in_words,
    jumped,
    limit_in_words,
    needs,
    overshoots_at_minimum,
    own_needs,
    right_in_words,
)
from steepest.methods.losses import RMSE
from steepest.methods.optimizers import ADAPTIVE
from steepest.records.point import Minimum
from steepest.records.verdict import Hovering, Measurements
from steepest.words.wording import count, names, number, times, together

NO_SHARE = 1.05
"""A cause that multiplies the condition number by less is not named."""


def headline(m: Measurements, rate: Rate) -> str:
    """Write the headline: what went wrong, else where the descent is and what is still to go."""
    if endless(m):
        return _no_minimum(m)
    if rate.word == "too large":
        if m.hovering is not None and m.minimum is not None and not diverged(m):
            return _hovering(m, m.hovering, m.minimum)
        return _too_large(m, rate)
    if at_saddle(m) and not arrived(m):
        what, sides = ("maximum", "all") if falls_everywhere(m) else ("saddle point", "both")
        return (
            f"Stopped at a {what}, not at a minimum: the loss is "
            f"{number(m.descent.final_loss)} and still falls to {sides} sides."
        )
    if m.minimum is not None and not m.minimum.exists:
        return _no_minimum(m)
    if arrived(m):
        return _arrived(m, rate)
    if goes_to_local_minimum(m):
        return _local(m)
    if m.hovering is not None and m.minimum is not None:
        return _hovering(m, m.hovering, m.minimum)
    if rate.word == "too small" and rate.better is not None and m.rates is not None:
        return (
            f"{rate_is(m)} too small: "
            f"{needs(m, m.rates, rate.better)}, {own_needs(m, m.rates.own)}."
        )
    return _on_the_way(m, rate)


def _hovering(m: Measurements, found: Hovering, minimum: Minimum) -> str:
    here, there = compared(m, found.loss, minimum.loss)
    one = f"a learning rate of {number(m.descent.lr, 3)}"
    rate = "these learning rates" if own_rates(m) else one
    why = f"each step follows {batch_in_words(m)}, and at {rate} that noise keeps it up"
    if found.cause == "kink":
        why = f"it has a kink, where the slope does not shrink, and steps at {rate} leap over it"
    return f"The loss goes up and down around {here}, and the minimum is {there}: {why}."


def _no_minimum(m: Measurements) -> str:
    if broken_at_start(m) and m.minimum is not None:
        falls = "it falls without end, as low as wished"
        if not m.minimum.unbounded:
            falls = f"it falls for ever, and nears {number(m.minimum.loss)}"
        return sentence(f"{start_broken(m)}, and the loss has no minimum: {falls}.")
    final = number(m.descent.final_loss)
    at = f"step {count(m.descent.final_step)}"
    if m.minimum is not None and m.minimum.separable and m.minimum.loss > 0:
        return (
            "The loss has no minimum: a part of the rows can be told apart without an error, so "
            f"weights grow for ever. It is {final} at {at}, and nears {number(m.minimum.loss)}."
        )
    if m.minimum is not None and m.minimum.separable:
        return (
            "The loss has no minimum: the classes can be told apart without an error, so the "
            f"weights grow for ever. It is {final} at {at}, and nears 0 without reaching it."
        )
    if m.minimum is None and (m.breakdown is not None or m.descent.non_finite_step is not None):
        # It went down and out of the numbers: whether it would have gone on is not known.
        return sentence(
            f"{first_broken(m)}; until then the loss fell to {final}, and no minimum is known."
        )
    if m.minimum is not None and m.minimum.growing and not m.minimum.unbounded:
        return (
            f"The loss has no minimum: it falls for ever while {off_to_infinity(m.minimum)}. It is "
            f"{final} at {at}, and nears {number(m.minimum.loss)} without reaching it."
        )
    if m.minimum is not None and not diverged(m):
        return f"The loss has no minimum: it falls without end. It is {final} at {at}."
    return f"The loss has no minimum: it falls without end, to {final} at {at}."


def _too_large(m: Measurements, rate: Rate) -> str:
    start = f"{rate_is(m)} too large"
    between = bounces(m)
    proof = (
        needs(m, m.rates, rate.better) if rate.better is not None and m.rates is not None else ""
    )
    if between is not None:
        return f"{start}: {between}, while {proof}."
    if m.rates is not None and not (diverged(m) or grows_above_limit(m)):
        if overshoots_at_minimum(m):
            return f"{start}: {limit_in_words(m)}, so it does not stay there, while {proof}."
        return f"{start}: {proof}, {own_needs(m, m.rates.own)}."
    limit = limit_in_words(m)
    grown = growth_in_words(m)
    return f"{start}: {limit}, and {grown}." if limit else f"{start}: {grown}."


def _arrived(m: Measurements, rate: Rate) -> str:
    text = f"At the minimum: loss {loss_in_words(m, m.descent.final_loss)} {when_ended(m)}"
    if m.leaving is not None:
        return f"{text}, but in passing: {off_again(m.leaving)}."
    if useless(m):
        return f"{text}, {USELESS}{_r_squared(m)}."
    if m.rates is not None and m.rates.calm is not None and jumped(m):
        return (
            f"{text}, by jumping out of the valley it began in, which is luck: with the learning "
            f"rate {number(m.rates.calm.lr, 3)} it ends at {number(m.rates.calm.lowest_loss, 3)}."
        )
    if rate.word == "too small" and rate.better is not None and m.rates is not None:
        many = "s are" if own_rates(m) else " is"
        return f"{text}, but the learning rate{many} too small: {needs(m, m.rates, rate.better)}."
    if m.minimum is not None and m.minimum.flat:
        weights = undetermined(m.minimum)
        if len(weights) > 1:
            return f"{text}, but {names(weights, 4)} are not the only weights that reach it."
    return f"{text}."


def _r_squared(m: Measurements) -> str:
    found = None if m.statistics is None else m.statistics.r_squared
    return "" if found is None else f" (R² {number(found, 2)})"


def _local(m: Measurements) -> str:
    lower = lowest(m)
    if lower is None:
        return "In a local minimum."
    here, there = compared(m, m.descent.final_loss, lower.loss)
    place_there = place_of(lower.weights)
    where = f" at {place_there}" if place_there else " elsewhere"
    if m.heading is not None:
        nears = f"run on it nears {number(m.heading, 4)}"
        text = f"On its way to a local minimum: the loss is {here}, {nears}"
        return f"{text}, and the minimum, {there}, is{where}."
    return f"In a local minimum: the loss is {here} here, and {there}{where}."


def _on_the_way(m: Measurements, rate: Rate) -> str:
    found, between = lowest(m), bounces(m)
    if between is not None:
        return f"{rate_is(m)} at the stability limit: {between}."
    if rate.word == "just right":
        many = "s are" if own_rates(m) else " is"
        start, joint = f"The learning rate{many} {right_in_words(m)}", ", but"
    else:
        reason = rate.reason or "no other learning rate was run"
        start, joint = f"Whether the learning rate is right was not measured: {reason}", "."
    if found is None:
        first, last = together(m.descent.first_loss, m.descent.final_loss)
        if broken_at_start(m):
            return f"{start}; no minimum is known."
        if not m.descent.final_step:
            return f"{start}. The loss is {first}; no minimum is known."
        steps = count(m.descent.final_step, "step")
        return f"{start}. The loss went from {first} to {last} in {steps}; no minimum is known."
    here, there = compared(m, m.descent.final_loss, found.loss)
    if found.loss >= m.descent.final_loss:
        return f"{start}. The loss is {number(m.descent.final_loss)}, the lowest one known."
    if rate.word == "not measured" and m.rates is not None and not anyone_arrives(m.rates):
        return f"The loss is {here}, the minimum is {there}, and {rate.reason}{_why(m)}."
    return f"{start}{joint} {here} is not the minimum, {there} is{_why(m)}."


def _why(m: Measurements) -> str:
    """Write why it is not there yet, as far as that was measured."""
    takes = ""
    if m.forecast is not None and m.forecast.steps is not None:
        if not m.forecast.steps:
            return f": it began {m.forecast.to}, and did not stay there"
        takes = f"{getting(m.forecast.to)} takes {taken(m.forecast)}"
        if m.forecast.steps <= m.descent.final_step:
            takes += ", but the descent did not stay there"
    small = [one.weight for one in m.still if one.kind != "condition"]
    if small:
        many = "s are" if len(small) > 1 else " is"
        cause = f": the gradient{many} all but zero for {names(small, 4)}"
        return f"{cause}, so {takes}" if takes else cause
    if m.settings.batch_size is not None and m.problem.loss == RMSE.name:
        return (
            ": the mean of what batches have as rmse is another loss than the rmse of all rows, "
            "and its minimum lies elsewhere; with mse it does not"
        )
    curved, found = conditioning(m), spectrum_of(m)
    if curved is None or curved[0] / curved[1] < ILL:
        return f": {takes}" if takes else ""
    ratio = "more than " * is_hidden(m) + times(curved[0] / curved[1])
    counted = ", each weight counted by its learning rate," if own_rates(m) else ""
    steeper = (
        f"the curvature{counted} is {ratio} as large along one direction of the weights as along "
        "another"
    )
    because, joint = causes(m), "so"
    if m.descent.optimizer in ADAPTIVE or (found is not None and found.preconditioned is not None):
        joint = "and"
    elif because is not None:
        steeper += f" ({_shares(because)})"
    return f": {steeper}, {joint} {takes}" if takes else f": {steeper}"


def _shares(because: Causes) -> str:
    """Write by how much each cause multiplies the condition number, if both do."""
    scale, correlation = because.by_scale, because.by_correlation
    if min(scale, correlation) < NO_SHARE:
        return f"by {'correlation' if scale < correlation else 'scale'} alone"
    return f"{times(scale)} by scale, {times(correlation)} by correlation"
