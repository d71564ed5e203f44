"""What comes out, beside the targets: SD307 and SD603."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from steepest.checks.layers import update_ratios
from steepest.checks.loss_graph import zero_since
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

_ONE_ANSWER = 0.1
"""Outputs before the last squash that differ by less between rows give the same answer to all."""

_SPREAD = 0.05
"""Outputs of a regression whose deviation is a smaller share of the targets' are all the same."""

_LOST = 30.0
"""Outputs that differed so many times as much at first have lost it in training."""


def out_of_reach(record: TrainingRecord) -> Iterator[Finding]:
    """SD307: targets far from what the model can reach."""
    yield from _worse_than_the_mean(record)
    late = [reading for reading in record.readings if reading.step >= _LATE and reading.compared]
    if not late or zero_since(record) is not None:
        return
    first = next(reading for reading in record.readings if reading.compared)
    before, after = first.compared[0], late[-1].compared[0]
    if after.classes is not None or not math.isfinite(after.output_mean + after.target_mean):
        return
    gap = abs(after.target_mean - after.output_mean)
    came = abs(after.output_mean - before.output_mean)
    scale = math.hypot(after.target_mean, after.target_deviation)
    if gap < after.target_deviation or gap < _FAR * max(came, after.output_deviation):
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


def _worse_than_the_mean(record: TrainingRecord) -> Iterator[Finding]:
    """Targets of another size than what comes out of a network: it is no better than their mean."""
    reach = None if record.learned is None else record.learned.reach
    if reach is None or not record.steps or not reach.r_squared < 0:
        return
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
        cure = "Look whether the inputs reach the output, and for a start that is too small."
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
        f"{'' if lost else 'Nothing is learned from the inputs. '}{cure}",
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
    if not aim.target_deviation > 0 or aim.answers is not None:
        return False
    return aim.output_deviation < _SPREAD * aim.target_deviation


def _at_floor(reading: LossReading) -> str:
    """That the loss is what the shares of the classes alone give."""
    floor = reading.compared[0].floor
    if floor is None or abs(reading.loss - floor) > 0.1 * floor:
        return ""
    loss, alone = together(reading.loss, floor)
    return f"; the loss is {loss}, and the shares of the classes alone give {alone}"
