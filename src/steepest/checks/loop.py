"""The loop around a network: SD302, SD304, SD407, SD501, SD502, SD601, SD602."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from steepest.checks.guess import most_frequent
from steepest.checks.layers import dead_units, vanishing
from steepest.checks.training_rate import adds_up, diverges
from steepest.records.arrays import Vector
from steepest.records.training import TrainingRecord, Validation
from steepest.records.verdict import Finding
from steepest.words.wording import count, names, number, percent, times, together

MOST_NAMED = 3
"""So many columns are named in a sentence; the rest are counted."""

UNSCALED = 10.0
"""Inputs whose mean or deviation is larger are not scaled."""

NOISY, VERY_NOISY = 10.0, 30.0
"""So many times the length of the gradient is the noise of a batch, as squared lengths."""

LEARNED = 0.1
"""A loss below this share of its start: what is left of the gradient is noise, as it must be."""

STOPPED = 0.05
"""A loss that fell by less, for certain, in the second half of a training has stopped falling."""

FALLING = 0.02
"""A loss that fell by a smaller share in the second half of a training has stopped falling."""

FAR_ABOVE = 3.0
"""A validation loss so many times that of the start is more than rows learned by heart make."""

FELL_AT_LAST = 0.1
"""A loss that rose in between fell all the same by so much, from its first third to its last."""

SMALL_BATCH = 16
"""With fewer rows in a batch it is its size that keeps the loss from falling; with more, a loss
that noise keeps up may well be where it ends."""

OVERFIT = 0.1
"""Share by which the validation loss has risen again: of what it had fallen, or, where the
training loss is below half of it, of its lowest."""

LASTING = 3
"""Validations in a row, so that one bad moment is none."""

BETTER = 0.02
"""A validation loss that never fell by more than this share is no better than at the start."""

CARRIED = 0.9
"""A first validation loss below this share of the training's start: learned before it came."""

BY_HEART = 0.5
"""A training loss below this share of the lowest validation loss: the rows are known by heart."""

LEARNS = 0.05
"""Share by which a training loss must have fallen to say that something was learned."""

FEW = 5
"""So many losses are averaged, because single batches differ."""

LEAST_CHECKS = 3
"""Validations, before anything is said of them."""


def says_nothing(record: TrainingRecord) -> Iterator[Finding]:
    """SD302: a column that a network is to learn from is constant."""
    learned = record.learned
    # At the edge of pictures the pixels of one place are often all the same.
    if learned is None or learned.picture is not None or not record.inputs.constant:
        return
    constant = [learned.inputs[place] for place in record.inputs.constant]
    one = len(constant) == 1
    yield Finding(
        "SD302",
        "warning",
        f"{'Column' if one else 'Columns'} {names(constant, MOST_NAMED)} {'is' if one else 'are'} "
        "constant in the rows that are learned from, so the network learns nothing from "
        f"{'it' if one else 'them'}.",
        {"columns": constant},
    )


def not_scaled(record: TrainingRecord) -> Iterator[Finding]:
    """SD304: what goes into the network is not scaled."""
    seen = record.inputs
    if seen.largest_deviation is None or seen.largest_mean is None:
        return
    if max(seen.largest_deviation, seen.largest_mean) <= UNSCALED:
        return
    if seen.reaching is not None and max(seen.reaching) <= UNSCALED:
        return  # the model scales them itself
    yield Finding(
        "SD304",
        "warning",
        f"The inputs are not scaled: a feature's mean is as far from zero as "
        f"{number(seen.largest_mean, 3)}, and a deviation as large as "
        f"{number(seen.largest_deviation, 3)}. Networks learn best from numbers around zero, of "
        "the size of one.",
        {
            "largest_mean": seen.largest_mean,
            "largest_deviation": seen.largest_deviation,
            "smallest_deviation": seen.smallest_deviation,
            "features": seen.features,
        },
    )


def resets(record: TrainingRecord) -> Iterator[Finding]:
    """SD407: the gradients are not reset between steps, or reset before they are used."""
    seen = record.resets
    if seen.emptied and seen.emptied * 2 >= seen.steps:
        yield Finding(
            "SD407",
            "error",
            f"The gradients were gone when the optimizer came, at {count(seen.emptied)} of "
            f"{count(seen.steps, 'step')}, from step {count(seen.first_emptied or 0)} on: they are "
            "reset after backward() and before step(), so nothing is learned. Reset them before "
            "backward().",
            {"emptied": seen.emptied, "steps": seen.steps, "first": seen.first_emptied},
        )
    if seen.not_reset:
        yield Finding(
            "SD407",
            "error" if seen.not_reset * 2 >= seen.steps else "warning",
            f"The gradients were not reset after {count(seen.not_reset)} of "
            f"{count(seen.steps, 'step')}, from step {count(seen.first_not_reset or 0)} on, so "
            "each backward() adds to the gradient of the step before, and a step follows the sum "
            "of all gradients so far. Call optimizer.zero_grad() once a step.",
            {"not_reset": seen.not_reset, "steps": seen.steps, "first": seen.first_not_reset},
        )


def noise(record: TrainingRecord) -> Iterator[Finding]:
    """SD501: the noise of the mini-batches dominates the gradient."""
    mixing = record.mixing
    # An axis of time has no rows.
    rows = record.inputs.rows if mixing is None or not mixing.maybe_time else None
    if record.noise is None or record.noise < NOISY or len(record.trace) < 20:
        return
    if record.losses.lost_at is not None or record.inputs.period == 1:
        return
    if end_of(record) < LEARNED * record.losses.start:
        return
    small = rows is not None and rows < SMALL_BATCH
    large = diverges(record) and not small
    if large or adds_up(record) or any(vanishing(record)) or any(dead_units(record)):
        return  # then the gradient is what is wrong
    fall, doubt = falling(record) or (None, math.inf)
    stuck = fall is not None and fall + doubt < STOPPED
    if record.noise < VERY_NOISY and not stuck:
        return
    size = (
        "so long that the gradients of successive steps have no direction in common"
        if math.isinf(record.noise)
        else f"{times(record.noise)} as long as the gradient itself (as squared lengths, from the "
        "angles between the gradients of successive steps)"
    )
    batch = "" if rows is None else f" of {count(rows, 'row')}"
    if record.inputs.passes > 1:
        batch += f" ({count(record.inputs.passes)} passes a step)"
    needed = (
        ""
        if rows is None or math.isinf(record.noise)
        else " Noise and gradient are as long in a batch of about "
        f"{count(round(rows * record.noise))} rows."
    )
    yield Finding(
        "SD501",
        "warning" if stuck and small else "info",
        f"In a batch{batch} the noise is {size}."
        + (" The losses of the batches have stopped falling." if stuck else "")
        + needed,
        {"noise": record.noise, "batch_rows": rows, "falling": fall},
    )


def not_shuffled(record: TrainingRecord) -> Iterator[Finding]:
    """SD502: the batches come in the same order in every epoch."""
    period = record.inputs.period
    if period is None or period <= 1:
        return
    epoch = period * record.every if record.every == 1 else None
    cure = "DataLoader(…, shuffle=True)" if record.learned is None else "leave out --no-shuffle"
    yield Finding(
        "SD502",
        "warning",
        "The same batches come in the same order, again and again"
        + (f" after {count(epoch, 'step')}" if epoch is not None else "")
        + ": they are not shuffled. Rows that stand together in the data are then always learned "
        f"together ({cure}). Where the order is meant, as of windows of one "
        "sequence whose state is carried on, it is as it must be.",
        {"period": epoch},
    )


def overfitting(record: TrainingRecord) -> Iterator[Finding]:
    """SD601: the validation loss rises while the training loss falls."""
    found = [v for v in record.validations if math.isfinite(v.loss)]
    if len(found) < LEAST_CHECKS + 1:
        return
    losses = np.array([v.loss for v in found])
    low = int(np.argmin(losses))
    fallen, risen = losses[0] - losses[low], float(np.min(losses[-LASTING:])) - losses[low]
    if diverges(record) or adds_up(record) or low >= len(losses) - LASTING:
        return
    if fallen <= BETTER * abs(losses[0]):
        if not _carries_over(record, found[0]):
            return
        fallen = max(0.0, fallen, record.losses.start - losses[low])
    # How much it changes its course from one validation to the next is chance.
    chance = float(np.median(np.abs(np.diff(losses[low:], 2))))
    known_by_heart = 0 <= record.losses.last < BY_HEART * losses[low]
    if risen <= max(chance, OVERFIT * (min(fallen, losses[low]) if known_by_heart else fallen)):
        return
    trace = record.trace
    later = trace.loss[trace.step >= found[low].step]
    later = later[np.isfinite(later)]
    fell = "fell on"
    if len(later) >= 4 and not _fell(later, 2, FALLING):
        # It may have been high for a while in between.
        if not _fell(later, 3, FELL_AT_LAST):
            return
        third = len(later) // 3
        means = float(np.mean(later[:third])), float(np.mean(later[-third:]))
        before, after = together(*means)
        fell = f"was {after} over the last third of the steps after that, {before} over the first"
    first, last = together(losses[low], losses[-1])
    far = losses[-1] > FAR_ABOVE * max(losses[0], record.losses.start) > 0
    otherwise = "; so far up, the held-out rows may be scaled otherwise" if far else ""
    yield Finding(
        "SD601",
        "warning",
        f"Overfitting: the validation loss was lowest, {first}, at step {count(found[low].step)}, "
        f"and has risen to {last}, while the training loss {fell}{otherwise}.",
        {
            "lowest": float(losses[low]),
            "step": found[low].step,
            "last": float(losses[-1]),
            "last_step": found[-1].step,
        },
    )


def _fell(losses: Vector, parts: int, by: float) -> bool:
    """Whether the mean of the last of so many parts of (m,) is lower by this share of the first."""
    size = len(losses) // parts
    return bool(np.mean(losses[-size:]) <= (1 - by) * np.mean(losses[:size]))


def lost_validation(record: TrainingRecord) -> Iterator[Finding]:
    """SD406: the loss on held-out rows is no finite number, though that of the training is."""
    lost = [one for one in record.validations if not math.isfinite(one.loss)]
    if not lost or record.losses.lost_at is not None:
        return
    many = f"{count(len(lost))} of {count(len(record.validations), 'validation')}"
    yield Finding(
        "SD406",
        "warning",
        f"The validation loss is no finite number at {many}, first at step "
        f"{count(lost[0].step)}, though the training loss is: look for held-out rows that are not "
        "finite, a metric of nothing, or weights that are lost at the end.",
        {"step": lost[0].step, "validations": len(lost)},
    )


def by_chance(record: TrainingRecord) -> Iterator[Finding]:
    """SD602: on held-out rows it never gets better, though the training loss falls."""
    found = [v for v in record.validations if math.isfinite(v.loss)]
    if len(found) < LEAST_CHECKS or record.losses.count < 20:
        return
    losses = np.array([v.loss for v in found])
    start = losses[0]
    # From there on, as the first one may have come when much was learned.
    later = record.trace.loss[record.trace.step >= found[0].step]
    later = later[np.isfinite(later)]
    if adds_up(record) or len(later) < 2 * FEW:
        return
    first, last = float(np.mean(later[:FEW])), float(np.mean(later[-FEW:]))
    learned = record.learned
    if learned is not None and learned.whole is not None:
        first, last = learned.whole
    fell = (first - last) / abs(first) if first else 0.0
    if losses.min() < start - BETTER * abs(start) or fell < LEARNS:
        return
    if _carries_over(record, found[0]):
        return
    by_heart = 0 <= last < BY_HEART * losses.min()
    before, after = together(first, last)
    held = "held-out rows" if learned is None else count(learned.held_out, "held-out row")
    few = ", or the rows are so few that they are learned by heart" if by_heart else ""
    yield Finding(
        "SD602",
        "warning",
        f"On the {held} the loss never fell by more than {percent(BETTER)} from where "
        f"it began ({number(start, 4)}), while the training loss went from {before} to "
        f"{after}: what is learned does not carry over. Inputs and targets may not belong "
        f"together, or the held-out rows be scaled otherwise{few}.",
        {"first": float(start), "lowest": float(losses.min()), "validations": len(found)},
    )


def _carries_over(record: TrainingRecord, first: Validation) -> bool:
    """Whether something that was learned holds for held-out rows, though the loss does not say so.

    The `first` validation may have come when it was learned already; or more of the held-out rows
    are right than a guess of the most frequent class would have.
    """
    if first.step > 0 and first.loss < CARRIED * record.losses.start:
        return True
    learned = record.learned
    if learned is None or not learned.held_out or learned.confusion is None:
        return False
    found = [epoch.validation_accuracy for epoch in learned.epochs[-LASTING:]]
    right = [share for share in found if share is not None]
    guess = most_frequent(learned)
    return bool(right) and guess is not None and guess.is_beaten_by(min(right))


def end_of(record: TrainingRecord) -> float:
    """The mean of the last sixth of the losses; NaN without any."""
    losses = record.trace.loss[np.isfinite(record.trace.loss)]
    return float(np.mean(losses[-max(5, len(losses) // 6) :])) if len(losses) else math.nan


def falling(record: TrainingRecord) -> tuple[float, float] | None:
    """By what share the loss fell in the second half, and two standard errors of that.

    None where that was not measured.
    """
    losses = record.trace.loss[np.isfinite(record.trace.loss)]
    if len(losses) < 20:
        return None
    size = max(5, len(losses) // 6)
    middle, end = losses[len(losses) // 2 :][:size], losses[-size:]
    before, after = float(np.mean(middle)), float(np.mean(end))
    chance = math.sqrt((np.var(middle) + np.var(end)) / size)
    if before == 0:
        return None
    return (before - after) / abs(before), 2 * chance / abs(before)
