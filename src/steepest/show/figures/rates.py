"""The loss after some steps by learning rate, of a network tried with each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any, Final, TypedDict

import numpy as np

from steepest.records.arrays import Vector
from steepest.records.training import TrainingRecord, Trial, TrialSweep
from steepest.show.figures.figure import Axis, Figure, Frames, curve
from steepest.show.figures.loss import loss_scale
from steepest.show.figures.sweep import ZoneData
from steepest.words.wording import count, number


class RatesData(TypedDict):
    """What `rates` draws."""

    lr: list[float]
    loss: Vector
    words: list[str]
    early: list[bool]
    steps: list[int]
    zones: list[ZoneData]
    limit: float | None
    limit_said: str | None
    own: int | None


LEAST: Final = 2
"""Learning rates that make a picture."""


def rates_figure(frames: Frames, record: TrainingRecord) -> Figure | str:
    """The learning rates that were tried beside a training; why not, where there were none."""
    learned = record.learned
    if learned is None or len(learned.trials) < LEAST:
        return "No learning rates were tried beside this one."
    first = next((probe for probe in record.probes if probe.limit), None)
    said = None if first is None else f"limit at step {count(first.step)}"
    own = learned.lr
    return _figure(frames, learned.trials, own, None if first is None else first.limit, said)


def trials_figure(sweep: TrialSweep) -> Figure:
    """The learning rates of a sweep."""
    nothing = np.zeros((1, 0))
    frames = Frames((), np.zeros(1, dtype=np.int64), nothing, nothing, np.array([sweep.start]))
    return _figure(frames, sweep.trials, None, sweep.limit, "limit at the start")


def _figure(
    frames: Frames,
    trials: Sequence[Trial],
    own: float | None,
    limit: float | None,
    limit_said: str | None,
) -> Figure:
    """`own` is the learning rate of the training, None where there is none."""
    ordered = sorted(trials, key=lambda trial: trial.lr)
    loss = np.array([trial.loss for trial in ordered])
    title = _title(ordered, own)
    longest = max(trial.steps for trial in ordered)
    early = [trial.steps < longest and math.isfinite(trial.loss) for trial in ordered]
    notes = []
    if any(early):
        fewer = sorted({trial.steps for trial, was in zip(ordered, early, strict=True) if was})
        notes.append(
            f"Filled: after {count(longest, 'step')}. Hollow: stopped after "
            f"{' or '.join(count(steps) for steps in fewer)}, because others were ahead."
        )
    if not np.isfinite(loss).all():
        notes.append("A tick at the upper edge: the loss was lost.")
    return Figure(
        kind="rates",
        title=title,
        text=_text(title, ordered, limit, limit_said),
        x=Axis("learning rate", "log"),
        y=Axis("loss", loss_scale(loss)),
        frames=frames,
        data={
            "lr": [trial.lr for trial in ordered],
            "loss": curve(loss),
            "words": [trial.word for trial in ordered],
            "early": early,
            "steps": [trial.steps for trial in ordered],
            "zones": _zones(ordered),
            "limit": limit,
            "limit_said": limit_said,
            "own": own,
        },
        notes=tuple(notes),
    )


def _zones(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Neighbours with the same word; between two of them lies the middle of their rates."""
    groups = [list(group) for _, group in groupby(trials, key=lambda trial: trial.word)]
    edges = [trials[0].lr]
    for before, after in pairwise(groups):
        edges.append(math.sqrt(before[-1].lr) * math.sqrt(after[0].lr))
    edges.append(trials[-1].lr)
    shown = curve(edges).tolist()
    return [
        {"word": group[0].word, "low": low, "high": high}
        for group, (low, high) in zip(groups, pairwise(shown), strict=True)
    ]


def _title(trials: Sequence[Trial], own: float | None) -> str:
    longest = max(trial.steps for trial in trials)
    known = [trial for trial in trials if math.isfinite(trial.loss)]
    tried = count(len(trials), "learning rate")
    if not known:
        return f"With all of {tried} the loss is lost."
    best = min(known, key=lambda trial: (-trial.steps, trial.loss))
    said = f"Of {tried} {number(best.lr, 3)} has the lowest loss after "
    said += f"{count(best.steps, 'step')}, {number(best.loss, 3)}"
    if own is not None and best.lr == own:
        said += ", and is this training's"
    high = [trial.lr for trial in trials if trial.word == "too large" and trial.lr > best.lr]
    lost = [trial.lr for trial in trials if not math.isfinite(trial.loss) and trial.lr > best.lr]
    if high:
        return f"{said}; from {number(min(high), 3)} on they are too large."
    if lost:
        return f"{said}; from {number(min(lost), 3)} on the loss is lost."
    if best.steps < longest:
        return f"{said}."
    return said + "; none is too large."


def _text(title: str, trials: Sequence[Trial], limit: float | None, limit_said: str | None) -> str:
    said = [title]
    for trial in trials:
        loss = number(trial.loss, 4) if math.isfinite(trial.loss) else "lost"
        word = "" if trial.word == "not measured" else f", {trial.word}"
        said.append(f"{number(trial.lr, 3)}: loss {loss} after {count(trial.steps, 'step')}{word}.")
    if limit is not None:
        said.append(f"Stability {limit_said}: {number(limit, 4)}.")
    return " ".join(said)
