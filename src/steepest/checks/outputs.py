"""What comes out, beside the targets: SD307 and SD603."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from steepest.checks.layers import decay_of, update_ratios
from steepest.checks.loss_graph import RANGES, zero_since
from steepest.methods.losses import MSE, RMSE
from steepest.records.loss_graph import Compared, LossReading
from steepest.records.training import TrainingRecord
from steepest.records.verdict import Finding
from steepest.words.wording import count, number, percent, together

_FAR = 10.0
"""Targets so many times as far from the outputs as these have come are out of reach."""

_LARGE, _SMALL = 5.0, 0.05
"""Targets whose mean or deviation is larger, or the deviation smaller, are not about 1 in size."""

_LATE = 20
"""Before this step nothing is said of what was learned."""

_LEAST_READINGS = 2

_FEW_ROWS = 16
"""The targets of a batch of fewer rows say little of all."""

_ONE_ANSWER = 0.1
"""Outputs before the last squash that differ by less between rows give the same answer to all."""

_SPREAD = 0.05
"""Outputs of a regression whose deviation is a smaller share of the targets' are all the same."""

_GOES_TOGETHER, _BY_CHANCE = 0.3, 3.0
"""A correlation above the first, and above the second over the root of the rows, is no chance."""

_NEAR, _FALLEN = 5, 0.8
"""A loss below this share of what it was within so many steps of a reading has fallen since."""

_LOST = 30.0
"""Outputs that differed so many times as much at first have lost it in training."""


def far_row(record: TrainingRecord) -> Iterator[Finding]:
    """SD303: one target of a batch is far from all others."""
    yield from _far_target(record)
    for reading in record.readings:
        for aim in reading.compared:
            if aim.far is None:
                continue
            row, target, low, high = aim.far
            yield Finding(
                "SD303",
                "warning",
                "One row makes most of the gradient of its batch: at step "
                f"{count(reading.step)} the target of row {count(row)} (counted from 0) is "
                f"{number(target, 5)}, and those of the {count(aim.rows - 1)} others lie from "
                f"{number(low, 3)} to {number(high, 3)}. Look whether it is a slip, or "
                "take a loss on which one row pulls less (Huber).",
                {"step": reading.step, "row": row, "target": target, "others": [low, high]},
            )
            return


def _far_target(record: TrainingRecord) -> Iterator[Finding]:
    learned = record.learned
    if learned is None or learned.reach is None or learned.reach.far is None:
        return
    if learned.loss not in (MSE.name, RMSE.name):
        return
    target, low, high = learned.reach.far
    yield Finding(
        "SD303",
        "warning",
        f"One target is far from all others: it is {number(target, 5)}, and the "
        f"{count(learned.rows - 1)} others lie from {number(low, 3)} to {number(high, 3)}. In "
        "squares it outweighs them. Look whether it is a slip, or take a loss on which one row "
        "pulls less (--loss huber).",
        {"target": target, "others": [low, high]},
    )


def _of_several(readings: Sequence[LossReading]) -> Compared:
    """The last one's outputs and targets; of few rows beside the targets of all that were read."""
    seen = [reading.compared[0] for reading in readings if reading.compared]
    last = seen[-1]
    if last.rows >= _FEW_ROWS:
        return last
    means = np.array([aim.target_mean for aim in seen])
    within = np.mean([aim.target_deviation**2 for aim in seen])
    deviation = math.sqrt(float(within + np.var(means)))
    return replace(last, target_mean=float(np.mean(means)), target_deviation=deviation)


def out_of_reach(record: TrainingRecord) -> Iterator[Finding]:
    """SD307: targets far from what the model can reach."""
    yield from _worse_than_the_mean(record)
    late = [reading for reading in record.readings if reading.step >= _LATE and reading.compared]
    if not late or zero_since(record) is not None or late[-1].compared[0].far is not None:
        return
    first = next(reading for reading in record.readings if reading.compared)
    before, after = first.compared[0], _of_several(record.readings)
    if after.classes is not None or not math.isfinite(after.output_mean + after.target_mean):
        return
    gap = abs(after.target_mean - after.output_mean)
    came = abs(after.output_mean - before.output_mean)
    scale = math.hypot(after.target_mean, after.target_deviation)
    if after.bounds is not None:
        if after.is_out_of_bounds:
            yield _bounded(after, after.bounds, late[-1].step)
        return
    if gap <= after.target_deviation or gap <= _FAR * max(came, after.output_deviation):
        yield from _too_wide(record, late[-1])
        return
    left = late[-1].step * gap / came if came else math.inf
    pace = (
        f" At this pace they are there in about {count(round(left), 'step')}."
        if math.isfinite(left) and left < 1e12
        else ""
    )
    yield Finding(
        "SD307",
        "warning",
        f"The targets are far from what comes out: their mean is {number(after.target_mean, 4)} "
        f"(deviation {number(after.target_deviation, 3)}), and after "
        f"{count(late[-1].step, 'step')} that of the outputs has gone from "
        f"{number(before.output_mean, 3)} to {number(after.output_mean, 3)}.{pace} Scale the "
        "targets to mean 0 and deviation 1.",
        {
            "target_mean": after.target_mean,
            "target_deviation": after.target_deviation,
            "output_mean": after.output_mean,
            "size": scale,
        },
    )


def _bounded(aim: Compared, bounds: tuple[float, float], step: int) -> Finding:
    """Targets that a tanh or sigmoid at the end keeps out of reach."""
    low, high = bounds
    last = "tanh" if low < 0 else "sigmoid"
    return Finding(
        "SD307",
        "error",
        f"The last operation is a {last}, whose outputs lie between {number(low)} and "
        f"{number(high)}, and the mean of the targets is {number(aim.target_mean, 4)} (step "
        f"{count(step)}): no weights reach them. Take the {last} away, or scale the targets into "
        "that range.",
        {
            "target_mean": aim.target_mean,
            "target_deviation": aim.target_deviation,
            "output_mean": aim.output_mean,
            "size": math.hypot(aim.target_mean, aim.target_deviation),
        },
    )


def _too_wide(record: TrainingRecord, reading: LossReading) -> Iterator[Finding]:
    """Targets that differ far more than the outputs do, which follow them all the same."""
    aim = reading.compared[0]
    if not _follows(aim) or aim.target_deviation < _LARGE or not _is_narrow(aim):
        return
    yield Finding(
        "SD307",
        "warning",
        f"The targets are far wider than what comes out: between rows they differ by "
        f"{number(aim.target_deviation, 3)}, and after {count(reading.step, 'step')} the outputs "
        f"by {number(aim.output_deviation, 3)}, though they follow them (correlation "
        f"{number(aim.correlation or 0.0, 2)}). Scale the targets to mean 0 and deviation 1.",
        {
            "target_mean": aim.target_mean,
            "target_deviation": aim.target_deviation,
            "output_mean": aim.output_mean,
            "size": math.hypot(aim.target_mean, aim.target_deviation),
        },
    )


def _follows(aim: Compared) -> bool:
    """Whether outputs and targets go together beyond what so many rows do by chance."""
    sure = max(_GOES_TOGETHER, _BY_CHANCE / math.sqrt(aim.rows))
    return aim.correlation is not None and aim.correlation > sure


def _is_narrow(aim: Compared) -> bool:
    return aim.output_deviation < _SPREAD * aim.target_deviation


def _worse_than_the_mean(record: TrainingRecord) -> Iterator[Finding]:
    """Targets of another size than what comes out of a network: it is no better than their mean."""
    learned = record.learned
    reach = None if learned is None else learned.reach
    if learned is None or reach is None or not record.steps or not reach.r_squared < 0:
        return
    if learned.is_out_of_bounds:
        last = learned.last_activation or ""
        yield Finding(
            "SD307",
            "error",
            f"The network ends in a {last}, whose outputs lie {RANGES[last]}, and the mean of the "
            f"targets is {number(reach.target_mean, 4)}: no weights reach them. Leave it out "
            f"(--network {learned.network.rpartition('-')[0]}), or scale the targets into that "
            "range.",
            {"r_squared": reach.r_squared, "mean": reach.target_mean, "activation": last},
        )
        return
    if learned.loss not in (MSE.name, RMSE.name) or reach.far is not None:
        return  # others do not aim at the mean
    mean, deviation = reach.target_mean, reach.target_deviation
    if max(abs(mean), deviation) < _LARGE and deviation > _SMALL:
        return  # then it is not their size
    yield Finding(
        "SD307",
        "warning",
        "The outputs are farther from the targets than the mean of the targets is: R² is "
        f"{number(reach.r_squared, 3)} on the rows learned from, after "
        f"{count(record.steps, 'step')}. The targets' mean is {number(mean, 3)} and their "
        f"deviation {number(deviation, 3)}, those of what comes out "
        f"{number(reach.output_mean, 3)} and {number(reach.output_deviation, 3)}: scale the "
        "targets to mean 0 and deviation 1.",
        {"r_squared": reach.r_squared, "deviation": deviation, "mean": mean},
    )


def one_answer(record: TrainingRecord) -> Iterator[Finding]:
    """SD603: the same answer for every row."""
    late = [reading for reading in record.readings if reading.step >= _LATE and reading.compared]
    if len(late) < _LEAST_READINGS or zero_since(record) is not None:
        return
    if any(reading.squashes or reading.pairs for reading in late):
        return
    compared = [reading.compared[0] for reading in late]
    if not all(_is_one(aim) for aim in compared[-_LEAST_READINGS:]):
        return
    if _has_learned_since(record, late[-1]):
        return
    if all(aim.classes == 1 for aim in compared):
        return  # of one class there is one answer
    if any(out_of_reach(record)):
        return
    aim = late[-1].compared[0]
    at_floor = _at_floor(late[-1])
    first = next(reading for reading in record.readings if reading.compared)
    lost = first.compared[0].output_deviation > _LOST * aim.output_deviation
    frequent = "" if aim.frequent is None else f" ({percent(aim.frequent)} of the rows)"
    if aim.classes is None:
        what = (
            f"the outputs differ by {number(aim.output_deviation, 3)} between rows, and the "
            f"targets by {number(aim.target_deviation, 3)}"
        )
        cure = (
            "Look whether the inputs reach the output, and for a start that is "
            "too small. Where the inputs say hardly anything about the targets, it is as it must "
            "be."
        )
    else:
        what = (
            f"the outputs differ by {number(aim.output_deviation, 3)} between rows, so all are "
            f"taken for one class{frequent}{at_floor}"
        )
        cure = (
            "Where a class is rare, give it weight (pos_weight, weight), take larger steps, or "
            "layers through which the inputs pass better than through sigmoids."
        )
    if lost:
        ratios = update_ratios(record)
        longest = float(np.nanmax(ratios)) if np.isfinite(ratios).any() else math.nan
        cure = (
            f"At step {count(first.step)} they differed by "
            f"{number(first.compared[0].output_deviation, 3)}: the steps have taken that away"
            + (
                f" (of some weights they are {number(longest, 2)} times as long as the weights)"
                if math.isfinite(longest)
                else ""
            )
            + ". Take a learning rate that is 10 to 100 times smaller."
        )
    yield Finding(
        "SD603",
        "warning",
        f"The answer is the same for every row: at step {count(late[-1].step)} {what}. "
        f"{'' if lost or aim.classes is None else 'Nothing is learned from the inputs. '}"
        f"{_why(record, lost=lost) or cure}",
        {
            "step": late[-1].step,
            "output_deviation": aim.output_deviation,
            "target_deviation": None if aim.classes is not None else aim.target_deviation,
            "frequent": aim.frequent,
            "answers": aim.answers,
            "at_first": first.compared[0].output_deviation,
        },
    )


def _is_one(aim: Compared) -> bool:
    if aim.rows < 8 or not math.isfinite(aim.output_deviation):
        return False
    if aim.classes is not None:
        return aim.answers == 1 and aim.output_deviation < _ONE_ANSWER
    if not aim.target_deviation > 0 or aim.answers is not None or _follows(aim):
        return False
    return _is_narrow(aim)


def _has_learned_since(record: TrainingRecord, reading: LossReading) -> bool:
    """Whether the loss has fallen since that reading, which then says nothing of the end."""
    trace = record.trace
    near = np.isfinite(trace.loss) & (np.abs(trace.step - reading.step) <= _NEAR)
    if not near.any() or record.steps <= reading.step + _NEAR:
        return False
    return record.losses.last < _FALLEN * float(np.median(trace.loss[near]))


def _why(record: TrainingRecord, *, lost: bool) -> str:
    """What is seen to make one answer of all; nothing where that is not known."""
    if record.inputs.largest_deviation == 0:
        return "The inputs themselves are the same in every row that was looked at."
    decay = decay_of(record) if lost else None
    if decay is None:
        return ""
    return f"{decay[:1].upper()}{decay[1:]}. Take a smaller weight_decay."


def _at_floor(reading: LossReading) -> str:
    """That the loss is what the shares of the classes alone give."""
    floor = reading.compared[0].floor
    if floor is None or abs(reading.loss - floor) > 0.1 * floor:
        return ""
    loss, alone = together(reading.loss, floor)
    return f"; the loss is {loss}, and the shares of the classes alone give {alone}"
