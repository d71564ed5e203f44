"""The steps not taken: the loss of one batch, had the step been shorter or longer."""

from __future__ import annotations

import math
from typing import Final, TypedDict

import numpy as np

from steepest.records.arrays import Matrix
from steepest.records.training import Probe, TrainingRecord
from steepest.show.figures.figure import Axis, Figure, Frames, curve
from steepest.show.figures.loss import loss_scale
from steepest.show.figures.training import MOST_MARKS, evenly, rate_at
from steepest.words.wording import count, number, percent, together


class FanData(TypedDict):
    """What `fan` draws; `probe` is for each frame the probe nearest to it."""

    factors: list[float]
    step: list[int]
    losses: Matrix
    relative: Matrix
    lr: list[float]
    level: float
    probe: list[int]


SAME: Final = 1e-3
"""Within this share of the change two losses are about the same."""


def fan_figure(frames: Frames, record: TrainingRecord) -> Figure | str:
    """One line a probe over the factors of its step; why not, where there is none.

    Heights are losses over that without the step, so that all probes are in one picture; where a
    loss without the step is not above zero, they are the changes of the loss.
    """
    probes = [probe for probe in record.probes if probe.losses and math.isfinite(probe.losses[0])]
    if not probes:
        how = ": call watch.probe(closure) in the loop" if record.learned is None else ""
        return f"No probe measured steps that were not taken{how}."
    many = len(probes)
    probes = [probes[place] for place in evenly(many, MOST_MARKS)]
    factors = probes[0].factors
    probes = [probe for probe in probes if probe.factors == factors]
    losses = np.array([probe.losses for probe in probes])
    steps = np.array([probe.step for probe in probes])
    base = losses[:, :1]
    with np.errstate(all="ignore"):
        relative = losses / base if (base > 0).all() else losses - base
    nearest = np.array([int(np.argmin(np.abs(steps - step))) for step in frames.step], dtype=int)
    opened = probes[nearest[frames.opens]] if len(nearest) else probes[-1]
    rates = [rate_at(record, probe.step) for probe in probes]
    title = _title(opened)
    notes = () if many == len(probes) else (f"Drawn are {len(probes)} of {count(many)} probes.",)
    return Figure(
        kind="fan",
        title=title,
        text=_text(title, probes),
        x=Axis("times the step that was taken"),
        y=Axis(
            "loss / loss at ×0" if (base > 0).all() else "change of the loss",
            loss_scale(relative) if (base > 0).all() else "linear",
        ),
        frames=frames,
        data={
            "factors": list(factors),
            "step": steps,
            "losses": curve(losses),
            "relative": curve(relative),
            "lr": [math.nan if rate is None else rate for rate in rates],
            "level": 1.0 if (base > 0).all() else 0.0,
            "probe": nearest,
        },
        notes=notes,
    )


def _title(probe: Probe) -> str:
    fan = dict(zip(probe.factors, probe.losses, strict=True))
    before, after = fan[0.0], fan[1.0]
    where = f"At step {count(probe.step)} the step taken"
    if not math.isfinite(after):
        return f"{where} leads from a loss of {number(before, 4)} to one that is not finite."
    first, last = together(before, after)
    word = "lowers" if after < before else "raises" if after > before else "leaves"
    said = f"{where} {word} the loss of its batch from {first} to {last}"
    known = {factor: loss for factor, loss in fan.items() if math.isfinite(loss)}
    best = min(known, key=lambda factor: known[factor])
    if abs(known[best] - after) <= SAME * max(abs(before - after), abs(before - known[best])):
        return f"{said}; none of the other lengths does better."
    if best == 0.0:
        return f"{said}; no step at all would have been better."
    return f"{said}; with one {factor_text(best)} as long it would be {number(known[best], 4)}."


def factor_text(factor: float) -> str:
    """How many times as long, in words.

    >>> factor_text(0.25), factor_text(4.0)
    ('a quarter', '4 times')
    """
    return {0.25: "a quarter", 0.5: "half"}.get(factor, f"{factor:g} times")


def _text(title: str, probes: list[Probe]) -> str:
    said = [title]
    better = sum(probe.losses[probe.factors.index(1.0)] < probe.losses[0] for probe in probes)
    said.append(
        f"Of {count(len(probes), 'probe')} the step lowers the loss of its batch in "
        f"{count(better)} ({percent(better / len(probes))})."
    )
    last = probes[-1]
    fan = ", ".join(
        f"×{factor:g} {number(loss, 5)}"
        for factor, loss in zip(last.factors, last.losses, strict=True)
    )
    said.append(f"At step {count(last.step)}: {fan}.")
    return " ".join(said)
