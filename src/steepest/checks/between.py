"""Between the gradient and the step: SD104, SD413, SD414 and SD416."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from steepest.checks.layers import MOSTLY_SAME, same_length
from steepest.checks.loss_graph import ALL
from steepest.checks.proof import between_backward_and_step
from steepest.checks.training_rate import climbs, judge_training_rate
from steepest.methods.optimizers import GD, MOMENTUM, NESTEROV
from steepest.records.training import TrainingRecord
from steepest.records.verdict import Finding
from steepest.words.wording import count, names, number, percent, times

_LEAST = 20
"""Recorded steps, before a schedule is judged."""

_SAME = 1e-3
"""Learning rates that differ by a smaller share are the same."""

_SCALED = 1e-3
"""A clipped gradient below this length was clipped while it was scaled up, then scaled down."""

_STRAIGHT = 0.999
"""Gradients with this cosine between them are one and the same, and not clipped to a length."""

_GONE = 1e-3
"""A learning rate below this share of its largest is nothing."""

_BACK = 0.5
"""A learning rate that rises to this share of its largest again has come back."""

_ROUNDED = 0.5
"""Share of the entries of a gradient that float16 left without bits, or with few."""

_NEARLY_ALL = 0.8
"""Where more of the weights do not move, hardly anything is learned."""

_FEW = 0.01
"""Where fewer entries have few bits, those that are zero are so for another reason."""

_SEARCH = 20
"""So many steps a GradScaler may leave out at the start, while it looks for a scale that fits."""

_FOLLOW_THE_LENGTH = (GD.name, MOMENTUM.name, NESTEROV.name)
"""Optimizers whose step is as many times as long as the gradient is."""

_MOST_NAMED = 3


def schedule(record: TrainingRecord) -> Iterator[Finding]:
    """SD104: the rate falls to nothing too soon, or comes back."""
    trace = record.trace
    if len(trace) < _LEAST or not trace.lr.size:
        return
    with np.errstate(all="ignore"):
        rate = np.where(np.isfinite(trace.lr), trace.lr, 0).max(1)
    largest = float(rate.max())
    if not largest > 0:
        return
    low = rate < _GONE * largest
    first = int(np.argmax(rate >= (1 - _SAME) * largest))  # one that comes back is rounded
    back = _rises(rate[first:] / largest)
    after = low.copy()
    after[:first] = False
    at = int(np.argmax(after)) if after.any() else None
    if back:
        yield Finding(
            "SD104",
            "info",
            f"The learning rate fell to nothing and came back {count(back, 'time')}. Where that is "
            "not meant, the schedule counts fewer steps than there are: give it the number of "
            "steps, or call it once an epoch.",
            {"rises": back},
        )
    elif at is not None and low[at:].all() and at * 2 < len(trace):
        yield Finding(
            "SD104",
            "warning",
            f"The learning rate fell to nothing too soon: from step {count(int(trace.step[at]))} "
            f"of {count(record.steps)} on it is below {percent(_GONE)} of its largest "
            f"({number(largest, 3)}), and nothing is learned any more. A schedule that counts "
            "epochs must be called once an epoch, and one that counts steps needs their number.",
            {"step": int(trace.step[at]), "largest": largest, "last": float(rate[-1])},
        )


def _rises(share: np.ndarray[tuple[int], np.dtype[np.float64]]) -> int:
    """How often it went from nothing to half its largest again."""
    count_, gone = 0, False
    for value in share.tolist():
        if gone and value > _BACK:
            count_, gone = count_ + 1, False
        gone = gone or value < _GONE
    return count_


def not_the_gradients(record: TrainingRecord) -> Iterator[Finding]:
    """SD413: the steps are not the gradient's: clipped, scaled, summed up."""
    yield from between_backward_and_step(record)
    yield from _uphill(record)
    yield from _reset_between(record)
    yield from _skipped(record)
    yield from _summed(record)
    yield from _added_up(record)
    found = same_length(record)
    if found is None:
        return
    (usual, share), trace = found, record.trace
    turns = trace.overall_turn[np.isfinite(trace.overall_turn)]
    if share < MOSTLY_SAME or (len(turns) and float(np.median(turns)) > _STRAIGHT):
        return
    power = round(-math.log2(usual))
    of_two = 4 <= power < 40 and abs(usual * 2.0**power - 1) < 0.01
    # What a loss is scaled by arrives at it on the way back; a log has only the length.
    factor = max((r.adjoint for r in record.readings if r.adjoint is not None), default=1.0)
    scaled = usual < _SCALED and (factor > 1 or (record.log is not None and of_two))
    as_two = f", which is 1/{count(2**power)}" if of_two else ""
    if scaled:
        why = (
            "the gradients are clipped while a GradScaler has them scaled up, and what is left is "
            "divided by its scale. Call scaler.unscale_(optimizer) before clipping."
        )
    else:
        why = (
            "they are clipped to it, so the length of a step no longer follows the gradient. Where "
            "that is not meant, clip to a larger length."
        )
    yield Finding(
        "SD413",
        "warning" if scaled else "info",
        f"At {percent(share)} of the steps the gradient that the optimizer uses has the same "
        f"length, {number(usual, 4)}{as_two}: {why}",
        {"length": usual, "share": share},
    )


def _uphill(record: TrainingRecord) -> Iterator[Finding]:
    if "optax" not in record.versions or not climbs(record):
        return
    yield Finding(
        "SD413",
        "warning",
        "Every step that was looked at goes up the gradient, so that the loss rises at any "
        "learning rate. Where that is not meant, a minus is missing: optax.scale(-0.1), or "
        "optax.scale_by_learning_rate, which has it.",
        {"climbs": True},
    )


def _reset_between(record: TrainingRecord) -> Iterator[Finding]:
    seen = record.resets
    if not seen.between or seen.between * 2 < seen.steps:
        return
    each = seen.passes / max(seen.steps, 1)
    yield Finding(
        "SD413",
        "error",
        f"The gradients were reset between the backward passes before one step, at "
        f"{count(seen.between)} of {count(seen.steps, 'step')}, from step "
        f"{count(seen.first_between or 0)} on: of about {number(each, 3)} batches a step follows "
        "the last one only. Call optimizer.zero_grad() once a step, after step().",
        {"steps": seen.between, "first": seen.first_between, "passes": seen.passes},
    )


def _skipped(record: TrainingRecord) -> Iterator[Finding]:
    seen = record.resets
    if seen.skipped <= _SEARCH or seen.skipped * 2 <= seen.passes:
        return
    scale = "" if seen.scale is None else f" Its scale is down to {number(seen.scale, 3)}."
    yield Finding(
        "SD413",
        "error",
        f"A GradScaler left out {count(seen.skipped)} of {count(seen.passes, 'step')}, because a "
        f"gradient was not finite.{scale} Where it goes on falling, it is not the scale: look for "
        "what is not finite without autocast, or take bfloat16, which needs no scaler.",
        {"skipped": seen.skipped, "passes": seen.passes, "scale": seen.scale},
    )


def _added_up(record: TrainingRecord) -> Iterator[Finding]:
    """Several batches' gradients are added up for a step where their mean is meant."""
    seen, adjoints = record.resets, [r.adjoint for r in record.readings if not r.scaled]
    each = seen.passes / max(seen.steps, 1)
    if each < 1.9 or seen.between or seen.skipped or not adjoints or set(adjoints) != {1.0}:
        return
    if {group.method for group in record.groups} - set(_FOLLOW_THE_LENGTH):
        return
    if not _grew(record) and judge_training_rate(record).word != "too large":
        return
    yield Finding(
        "SD413",
        "warning",
        f"The gradients of about {number(each, 3)} batches are added up for each step, and no "
        "loss was divided by their number: a step is as many times as long as that of their mean. "
        f"Divide each loss by {number(each, 3)} before backward(), or the learning rate.",
        {"passes": seen.passes, "steps": seen.steps},
    )


def _grew(record: TrainingRecord) -> bool:
    return record.losses.tenfold_at is not None or record.losses.lost_at is not None


def _summed(record: TrainingRecord) -> Iterator[Finding]:
    rows = [reading.summed for reading in record.readings if reading.summed is not None]
    if not rows or not _grew(record) or len(rows) * 2 < len(record.readings):
        return
    many, each = rows[0], record.inputs.rows
    if each is None or many % max(each // max(record.inputs.passes, 1), 2):
        return  # of terms, or of outputs
    yield Finding(
        "SD413",
        "warning",
        f"The loss is a sum over {count(many, 'row')}, so its gradient is {times(many)} as long as "
        "that of their mean, and a learning rate that suits a mean is as many times too large. "
        f'Take the mean (reduction="mean"), or divide the learning rate by {count(many)}.',
        {"rows": many},
    )


def modes(record: TrainingRecord) -> Iterator[Finding]:
    """SD414: learned in eval mode, or frozen layers move."""
    seen = record.modes
    first = seen.first_in_eval
    if first is not None and seen.affected:
        after = (record.steps - first) / record.every
        if seen.in_eval >= max(5, 0.8 * after):
            when = (
                f"From step {count(first)} on the model learned"
                if first > 0
                else "The model learned from its first step on"
            )
            yield Finding(
                "SD414",
                "warning",
                f"{when} in eval mode, in {count(seen.in_eval)} of {count(seen.passes)} passes: "
                f"{names(seen.affected, _MOST_NAMED)} (dropout, batch norm) did not do what they "
                "do in training. Call model.train() after each validation.",
                {"step": first, "passes": seen.in_eval, "layers": list(seen.affected)},
            )
    if seen.moved_buffers:
        yield Finding(
            "SD414",
            "warning",
            f"{names(seen.moved_buffers, _MOST_NAMED)} "
            f"{'is' if len(seen.moved_buffers) == 1 else 'are'} frozen, but the running mean and "
            "variance went on changing, so what comes out changes too. Call eval() on frozen "
            "layers after each model.train().",
            {"layers": list(seen.moved_buffers)},
        )


def too_small_for_type(record: TrainingRecord) -> Iterator[Finding]:
    """SD416: numbers too small for their type."""
    seen = record.half
    rounded = 0.0 if seen is None else seen.zero + seen.subnormal
    if seen is not None and (seen.zero > ALL or (rounded > _ROUNDED and seen.subnormal > _FEW)):
        yield _of_half(seen.zero, seen.subnormal, seen.step)
    if record.rounded is not None and record.rounded[1] > _ROUNDED:
        step, share = record.rounded
        yield Finding(
            "SD416",
            "warning" if share > _NEARLY_ALL else "info",
            f"{percent(share)} of the weights stay as they are at step {count(step)}, though their "
            "gradient is not zero: they are numbers of 16 bits, and a change below about 0.4 % of "
            "one in bfloat16 (0.05 % in float16) is rounded away. Keep the weights in float32 "
            "(torch.autocast computes in 16 bits), or take longer steps.",
            {"step": step, "share": share},
        )
    if record.eps_lost:
        yield Finding(
            "SD416",
            "warning",
            f"An eps is 0 in float16, whose smallest number is 6e-8: in "
            f"{names(record.eps_lost, _MOST_NAMED)}. Nothing keeps it from dividing by 0. Give "
            "eps=1e-4, or keep the weights in float32.",
            {"places": list(record.eps_lost)},
        )


def _of_half(zero: float, subnormal: float, step: int) -> Finding:
    return Finding(
        "SD416",
        "warning",
        f"At step {count(step)} float16 has rounded {percent(zero)} of the gradient's entries to "
        f"0, and left {percent(subnormal)} with few bits (it has all of them from 6.1e-5 on, and "
        "nothing below 6e-8). Scale the loss up (torch.amp.GradScaler), or take bfloat16.",
        {"step": step, "zero": zero, "subnormal": subnormal},
    )
