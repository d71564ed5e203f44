"""The seven steps of gradient descent, as they happened in a run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from steepest.methods.losses import loss_named
from steepest.methods.optimizers import GD
from steepest.records.arrays import Steps
from steepest.records.descent import Trace
from steepest.records.run import RunRecord
from steepest.show.terminal.backward import prediction_on
from steepest.show.terminal.lists import values_of
from steepest.show.terminal.page import INDENT, Page
from steepest.words.wording import count, listed, number, percent, times

MOST_LOSSES: Final = 12


def show_workflow(page: Page, record: RunRecord) -> None:
    """Initialize, predict, loss, gradient, step, repeat, stop."""
    page.heading("The seven steps, as they happened")
    sentences = (
        ("Initialize", _initialize(record)),
        ("Predict", _predict(record)),
        ("Loss", _loss(record)),
        ("Gradient", _gradient(record)),
        ("Step", _step(record)),
        ("Repeat", _repeat(record)),
    )
    for place, (name, sentence) in enumerate(sentences, 1):
        page.say(sentence, label=(f"{place}  {name}", "bold"), indent=INDENT)
    _losses(page, record)
    page.say(_stop(record), label=("7  Stop", "bold"), indent=INDENT)


def _initialize(record: RunRecord) -> str:
    drawn = [name for name in record.start if name not in record.settings.start]
    text = f"{values_of(record.start)}."
    held = record.call.get("fix")
    if isinstance(held, Mapping) and held:
        are = "is" if len(held) == 1 else "are"
        text += f" Held, and not learned, {are} {values_of(held)}."
    if not drawn:
        return text
    if len(drawn) == len(record.start):
        return f"{text} All drawn at random, with seed {record.settings.seed}."
    were = "was" if len(drawn) == 1 else "were"
    return (
        f"{text} {listed(drawn, most=8)} {were} drawn at random, with seed {record.settings.seed}."
    )


def _predict(record: RunRecord) -> str:
    problem = record.problem
    if record.command == "minimize":
        value = number(record.beginning.loss)
        return f"{problem.formula} is {value} at the start."
    found = prediction_on(record.beginning, problem)
    if found is None:
        return f"{problem.formula}."
    row, prediction, target = found
    text = (
        f"{problem.formula}. With these weights it gives {number(prediction)} "
        f"on row {row}, the row that pulls hardest"
    )
    return f"{text}." if target is None else f"{text}; the data say {number(target)}."


def _loss(record: RunRecord) -> str:
    problem = record.problem
    if problem.loss is None:
        return f"The value itself is the loss: {number(record.beginning.loss)}."
    value = number(record.beginning.loss)
    convention = loss_named(problem.loss).convention.get(problem.gives, "a mean over rows")
    if problem.sigma is not None:
        weighted = f"mean over rows, weighted by 1/{problem.sigma}**2 like every mean here,"
        convention = convention.replace("mean over rows", weighted)
    return f"{problem.loss}, {convention}: {value} at the start."


def _gradient(record: RunRecord) -> str:
    partials = record.beginning.partials
    shown = [f"{number(p.amount)} for {p.weight}" for p in partials[:8]]
    rest = f" and {count(len(partials) - 8)} more" if len(partials) > 8 else ""
    each = "One gradient, with a partial derivative for each weight: " if len(partials) > 1 else ""
    how = "how fast the loss changes when that weight alone is raised"
    text = f"{', '.join(shown)}{rest}. {each}{how}." if each else f"{', '.join(shown)}: {how}."
    nudged = next((p for p in partials if p.nudge is not None), None)
    if nudged is None or nudged.nudge is None:
        return text
    nudge = nudged.nudge
    return (
        f"{text} Raising {nudged.weight} by {number(nudge.by)} should change the loss by "
        f"{number(nudge.predicted)}, and changes it by {number(nudge.actual)}."
    )


def _step(record: RunRecord) -> str:
    descent, beginning = record.descent, record.beginning
    if not descent.steps:
        return "No step was made."
    shown = next((p for p in beginning.partials if p.amount), None)
    if shown is None:
        return "All partial derivatives are zero at the start, so no weight moves."
    moved = _after_one_step(record.trace, shown.weight)
    lr = descent.rates.get(shown.weight, descent.lr)
    plain = shown.value - lr * shown.amount
    if descent.optimizer != GD.name:
        text = f"{descent.optimizer} makes of the gradient a step against it"
        if moved is not None:
            text += f": {shown.weight} goes from {number(shown.value)} to {number(moved)}"
    elif moved is not None and not math.isclose(moved, plain, rel_tol=1e-6, abs_tol=1e-300):
        # A bound or a mini-batch: the numbers of the whole gradient are not those of the step.
        text = f"{shown.weight} goes from {number(shown.value)} to {number(moved)}"
    else:
        partial = number(shown.amount)
        partial = f"({partial})" if shown.amount < 0 else partial
        text = (
            f"Every weight moves against its partial derivative, {'its ' * bool(descent.rates)}lr "
            f"times as far: {shown.weight} becomes {number(shown.value)} - {number(lr)}*{partial} "
            f"= {number(plain)}"
        )
    taylor = beginning.taylor
    if taylor is None:
        return f"{text}."
    predicted = f"The slope alone predicts that the loss changes by {number(taylor.first_order)}"
    if taylor.second_order is not None:
        predicted += f", slope and curvature together {number(taylor.second_order)}"
    return f"{text}. {predicted}; it changed by {number(taylor.actual)}."


def _after_one_step(trace: Trace, weight: str) -> float | None:
    found = np.flatnonzero(trace.step == 1)
    if not len(found) or weight not in trace.names:
        return None
    return float(trace.weights[found[0], trace.names.index(weight)])


def _repeat(record: RunRecord) -> str:
    steps = record.descent.steps
    if not steps:
        return "There is nothing to repeat."
    return f"The same again, {count(steps, 'step')} in all. The loss on the way:"


def _losses(page: Page, record: RunRecord) -> None:
    trace = record.trace
    if len(trace) < 2:
        return
    places = chosen(trace.step)
    minimum = record.measurements.minimum
    floor = minimum.loss if minimum is not None and not minimum.unbounded else None
    rows = [(f"step {count(int(trace.step[i]))}", float(trace.loss[i])) for i in places]
    if floor is not None and math.isfinite(floor):
        rows.append(("minimum", floor))
    held = trace.validation
    # With batches it is measured once in an epoch.
    seen = [math.nan if held is None else float(held[i]) for i in places]
    notes = ["" if math.isnan(loss) else f"held out {number(loss)}" for loss in seen]
    names = max(len(name) for name, _ in rows)
    shown = [_loss_number(loss) for _, loss in rows]
    figures = max(len(text) for text in shown)
    margin = max(len(note) for note in notes)
    room = page.width - INDENT - names - figures - 4 - (margin + 2 if margin else 0)
    logarithmic, shares = lengths([loss for _, loss in rows], len(places))
    for place, ((name, loss), text, share) in enumerate(zip(rows, shown, shares, strict=True)):
        line = f"{' ' * INDENT}{name:<{names}}  {text:>{figures}}  "
        note = notes[place] if place < len(notes) else ""
        if margin:
            line += f"{note:<{margin}}  "
        style = "bold red" if not math.isfinite(loss) else "green" if name == "minimum" else "cyan"
        bar = page.bar(share, room) if room >= 8 else ""
        page.row(line, (bar, style))
    if logarithmic and room >= 8:
        page.say("The bars show the logarithm of the loss.", indent=INDENT)


def _loss_number(loss: float) -> str:
    if math.isfinite(loss) and 0.01 <= abs(loss) < 1e7:
        return f"{loss:,.4f}"
    return number(loss)


def chosen(steps: Steps) -> list[int]:
    """Places of a dozen steps at most: all, or round ones, growing; first and last always."""
    if len(steps) <= MOST_LOSSES:
        return list(range(len(steps)))
    last = int(steps[-1])
    for factors in ((1, 2, 5), (1, 3), (1,)):
        wanted = [0, *(f * 10**power for power in range(19) for f in factors), last]
        wanted = [step for step in wanted if step < last * 0.8 or step == last]
        places = sorted({int(np.searchsorted(steps, step)) for step in wanted})
        if len(places) <= MOST_LOSSES:
            break
    return places


def lengths(losses: Sequence[float], own: int | None = None) -> tuple[bool, list[float]]:
    """Whether bars show logarithms, and each loss's share of the longest bar.

    Logarithms where the descent's `own` losses, the first so many, are not negative and fall by
    more than a factor 1000. The shortest bar then stands for the lowest of them that is not zero:
    a minimum of 1e-30 beside them would leave no difference to be seen, so its bar is empty.
    """
    finite = [loss for loss in losses if math.isfinite(loss)]
    if not finite:
        return False, [0.0 for _ in losses]
    walked = [loss for loss in losses[:own] if math.isfinite(loss)]
    positive = [loss for loss in walked if loss > 0]
    if positive and min(finite) >= 0 and max(positive) / min(positive) > 1000:
        low, high = math.log10(min(positive)), math.log10(max(finite))
        bottom = low - 0.02 * (high - low)
        return True, [
            1.0
            if not math.isfinite(loss)
            else max((math.log10(loss) - bottom) / (high - bottom), 0.0)
            if loss > 0
            else 0.0
            for loss in losses
        ]
    low, high = min(finite), max(finite)
    bottom = min(0.0, low)
    width = high - bottom or 1.0
    return False, [
        (loss / width - bottom / width) if math.isfinite(loss) else 1.0 for loss in losses
    ]


def _stop(record: RunRecord) -> str:
    measured = record.measurements
    before = _length(measured.first_gradient.values())
    after = _length(measured.final_gradient.values())
    descent = record.descent
    text, at = descent.stopped_why, "The gradient there"
    if descent.final_step != descent.steps:
        at = f"The gradient at step {count(descent.final_step)}, the last that was finite,"
    if not math.isfinite(before) or not math.isfinite(after):
        return f"{text} {at} is not finite."
    if before == 0:
        return f"{text} The gradient was zero at the start already."
    if after == 0:
        return f"{text} {at} is zero."
    ratio = after / before
    if ratio < 1e-12:
        # Beside a huge gradient at the start, one that is far from zero looks small as well.
        size = _length(measured.final_weights.values()) * after
        zero = size <= 1e-9 * abs(descent.final_loss)
        little = "zero to within rounding" if zero else "tiny beside what it was at the start"
        return f"{text} {at} is {little}."
    length = percent(ratio) if ratio <= 1 else times(ratio)
    than = "of what it was at the start" if ratio <= 1 else "what it was at the start"
    return f"{text} {at} is {length} {than}: not zero."


def _length(values: Iterable[float]) -> float:
    return math.hypot(*values)
