"""A training by step: its loss, and below it the learning rate with the limit that was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, TypedDict

import numpy as np

from steepest.records.arrays import Matrix, Steps, Vector
from steepest.records.training import Probe, TrainingRecord, Validation
from steepest.records.verdict import Finding
from steepest.show.figures.figure import Axis, Figure, Frames, curve
from steepest.show.figures.loss import BOUNCING, loss_scale
from steepest.words.wording import count, listed, number, percent, times, together


class AlarmData(TypedDict):
    """Where something was found."""

    step: int
    code: str
    severity: str
    sentence: str


class HeldOutData(TypedDict):
    """The losses of the rows held out."""

    step: list[int]
    loss: Vector


class LimitsData(TypedDict):
    """The stability limits that were measured."""

    step: list[int]
    lr: Vector


class TrainingData(TypedDict):
    """What `training` draws; `rates` are those that differ, each at every step."""

    step: Steps
    loss: Vector
    mean: Vector | None
    top: float | None
    validation: HeldOutData
    rates: Matrix
    limits: LimitsData
    alarms: list[AlarmData]


MOST_POINTS: Final = 1001
MOST_FRAMES: Final = 201
MOST_MARKS: Final = 100
"""Probes, and losses on rows held out, that are drawn."""

SMOOTHED: Final = 60
"""From so many points on, a loss that goes up and down is drawn with its mean."""
WINDOW: Final = 40
"""The mean is over one in so many of the points."""
FAR: Final = 1000.0
"""The picture ends where the loss is so many times what it was at the start."""

BEGAN: Final = ("tenfold_step", "lost_step", "first", "step")
"""Under these names the evidence of a finding says where it began."""

MOST_RATES: Final = 6


def training_frames(record: TrainingRecord, step: int | None = None) -> Frames:
    """The steps at which the cursor can stand: evenly spaced, with the first and the last.

    They open at the recorded step nearest to `step`, None for the last one.
    """
    trace = record.trace
    places = evenly(len(trace), MOST_FRAMES)
    at = len(places) - 1
    if step is not None and len(trace):
        chosen = int(np.argmin(np.abs(trace.step - step)))
        places = np.unique(np.append(places, chosen))
        at = int(np.searchsorted(places, chosen))
    nothing = np.zeros((len(places), 0))
    return Frames((), trace.step[places], nothing, nothing, trace.loss[places], at=at)


def training_figure(frames: Frames, record: TrainingRecord) -> Figure:
    """The loss of every recorded step, thinned; probes and validations at their own steps."""
    trace = record.trace
    places = evenly(len(trace), MOST_POINTS)
    loss, mean = trace.loss[places], _mean(trace.loss)
    held_out = _held_out(record)
    held_out = [held_out[place] for place in evenly(len(held_out), MOST_MARKS)]
    limits = [probe for probe in record.probes if probe.limit]
    limits = [limits[place] for place in evenly(len(limits), MOST_MARKS)]
    rates = _rates(trace.lr)
    title = _title(record, held_out, limits, mean is not None)
    marks = alarms(record)
    top = _top(record, loss)
    validated = np.array([found.loss for found in held_out])
    allowed = np.array([probe.limit or math.nan for probe in limits])
    return Figure(
        kind="training",
        title=title,
        text=_text(title, record, held_out, limits, marks),
        x=Axis("step"),
        y=Axis("loss", loss_scale(np.concatenate([loss, validated]))),
        z=Axis("learning rate", loss_scale(np.concatenate([rates.ravel(), allowed]))),
        frames=frames,
        data={
            "step": trace.step[places],
            "loss": curve(loss),
            "mean": None if mean is None else curve(mean[places]),
            "top": top,
            "validation": {
                "step": [found.step for found in held_out],
                "loss": curve(validated),
            },
            "rates": curve(rates[:, places]),
            "limits": {
                "step": [probe.step for probe in limits],
                "lr": curve(allowed),
            },
            "alarms": marks,
        },
        notes=_notes(record, rates, mean is not None, limits, top),
    )


def alarms(record: TrainingRecord) -> list[dict[str, Any]]:
    """The findings that began at some step, in the order of their steps."""
    findings = () if record.verdict is None else record.verdict.findings
    found = [(began(finding), finding) for finding in findings]
    return [
        {
            "step": step,
            "code": finding.code,
            "severity": finding.severity,
            "sentence": finding.sentence,
        }
        for step, finding in sorted(
            ((step, finding) for step, finding in found if step is not None),
            key=lambda pair: (pair[0], pair[1].code),
        )
    ]


def began(finding: Finding) -> int | None:
    """The step at which a finding began; None where it is about the whole training.

    >>> began(Finding("SD101", "error", "", {"tenfold_step": 7, "lost_step": 9}))
    7
    """
    evidence: Mapping[str, object] = finding.evidence
    known = [evidence[name] for name in BEGAN if name in evidence]
    steps = [step for step in known if isinstance(step, int) and not isinstance(step, bool)]
    return min(steps, default=None)


def evenly(many: int, most: int) -> Steps:
    """Places of at most `most` of so many, evenly spaced, with the first and the last.

    >>> evenly(5, 3).tolist(), evenly(0, 3).tolist()
    ([0, 2, 4], [])
    """
    if many <= most:
        return np.arange(many)
    return np.unique(np.linspace(0, many - 1, most).round().astype(np.int64))


def _held_out(record: TrainingRecord) -> list[Validation]:
    """The losses on the rows held out: as they were given, or after each epoch."""
    found = list(record.validations)
    if not found and record.learned is not None:
        found = [
            Validation(epoch.step, epoch.validation_loss)
            for epoch in record.learned.epochs
            if epoch.validation_loss is not None
        ]
    return [one for one in found if math.isfinite(one.loss)]


def _mean(loss: Vector) -> Vector | None:
    """The mean of the last few points, where the loss of single batches goes up and down."""
    known = np.isfinite(loss)
    if known.sum() < SMOOTHED:
        return None
    rises = np.diff(loss[known]) > 0
    if rises.mean() <= BOUNCING:
        return None
    many = _window(len(loss))
    last = np.arange(1, len(loss) + 1)
    first = np.maximum(last - many, 0)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, loss, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    with np.errstate(all="ignore"):
        mean = (sums[last] - sums[first]) / (counts[last] - counts[first])
    return np.where(known & np.isfinite(mean), mean, np.nan)


def _window(points: int) -> int:
    return max(5, points // WINDOW)


def _top(record: TrainingRecord, loss: Vector) -> float | None:
    """Where the picture ends, because the loss ran away; None where it did not."""
    start = record.losses.start
    known = loss[np.isfinite(loss)]
    return FAR * start if start > 0 and len(known) and known.max() > FAR * start else None


def _rates(lr: Matrix) -> Matrix:
    """The courses (c, k) of the learning rate that differ, of all groups (k, g)."""
    courses = {column.tobytes(): column for column in lr.T if np.isfinite(column).any()}
    found = [*courses.values()][:MOST_RATES]
    return np.array(found) if found else np.zeros((0, len(lr)))


def _title(
    record: TrainingRecord, held_out: list[Validation], limits: list[Probe], averaged: bool
) -> str:
    seen = record.losses
    if not record.steps:
        return "No step was taken yet."
    done = count(record.steps, "step")
    if not seen.count or not np.isfinite(record.trace.loss).any():
        said = f"No loss was given in {done}"
    elif seen.lost_last:
        begun = seen.lost_at or 0
        gone = not np.isfinite(record.trace.loss[record.trace.step >= begun]).any()
        when = f"from step {count(begun)} on" if gone else f"at the end, nor at step {count(begun)}"
        low, at = number(seen.lowest, 4), count(seen.lowest_at or 0)
        said = f"The loss is not finite {when}; its lowest was {low}, at step {at}"
    else:
        known = record.trace.loss[np.isfinite(record.trace.loss)]
        # Of single batches the means of the first few and of the last few.
        start, end = (seen.first, seen.last) if averaged else (seen.start, float(known[-1]))
        first, last = together(start, end)
        said = f"The loss {'falls' if end < start else 'grows'} from {first} to {last} in {done}"
        if start == end:
            said = f"The loss is {last} at the start and after {done}"
    if held_out and not seen.lost_last:
        lowest = min(held_out, key=lambda found: found.loss)
        if lowest is held_out[-1]:
            said += f"; on the rows held out it ends at {number(lowest.loss, 4)}, its lowest"
        else:
            before, after = together(lowest.loss, held_out[-1].loss)
            said += (
                f"; on the rows held out it is lowest at step {count(lowest.step)}, {before}, and "
                f"ends at {after}"
            )
    return f"{said}{_beside_limit(record, limits)}."


def _beside_limit(record: TrainingRecord, limits: list[Probe]) -> str:
    """The learning rate now against the limit that was measured last."""
    if not limits:
        return ""
    probe = limits[-1]
    rate = rate_at(record, record.steps)
    if rate is None or not probe.limit:
        return ""
    share = rate / probe.limit
    return (
        f"; the learning rate {number(rate, 3)} is {percent(share) if share < 1 else times(share)} "
        f"{'of ' if share < 1 else ''}the limit {number(probe.limit, 3)} measured at step "
        f"{count(probe.step)}"
    )


def rate_at(record: TrainingRecord, step: int) -> float | None:
    """The largest learning rate of a group at a step; None where none is known."""
    trace = record.trace
    if not len(trace):
        return None
    place = max(int(np.searchsorted(trace.step, step, side="right")) - 1, 0)
    rates = trace.lr[place][np.isfinite(trace.lr[place])]
    return float(rates.max()) if len(rates) else None


def _text(
    title: str,
    record: TrainingRecord,
    held_out: list[Validation],
    limits: list[Probe],
    marks: list[dict[str, Any]],
) -> str:
    said = [title]
    seen = record.losses
    if seen.count and math.isfinite(seen.lowest) and seen.lost_at is None:
        at = count(seen.lowest_at or 0)
        said.append(f"The lowest loss is {number(seen.lowest)} at step {at}.")
    if held_out:
        said.append(f"The loss on rows held out was given {count(len(held_out), 'time')}.")
    rates = record.trace.lr[np.isfinite(record.trace.lr)]
    if len(rates):
        low, high = number(float(rates.min()), 4), number(float(rates.max()), 4)
        said.append(
            f"The learning rate is {low}." if low == high else f"It goes from {low} to {high}."
        )
    if limits:
        told = [f"{number(p.limit or math.nan, 4)} at step {count(p.step)}" for p in limits]
        said.append(f"Limits measured: {listed(told, most=8)}.")
    said += [f"From step {count(mark['step'])} on: {mark['sentence']}" for mark in marks]
    return " ".join(said)


def _notes(
    record: TrainingRecord,
    rates: Matrix,
    averaged: bool,
    limits: list[Probe],
    top: float | None,
) -> tuple[str, ...]:
    found = []
    if averaged:
        found.append(
            "The thin line is the loss of single batches, the strong one the mean of the last "
            f"{count(_window(len(record.trace)))} that were recorded."
        )
    if top is not None:
        found.append(f"Losses above {number(top, 3)} are outside of the picture.")
    if not limits and record.steps:
        found.append("No limit of the learning rate is drawn: no probe measured one.")
    if len(rates) == MOST_RATES:
        found.append(f"Of the learning rates {MOST_RATES} that differ are drawn.")
    return tuple(found)
