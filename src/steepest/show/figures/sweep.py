"""Steps to the goal by learning rate, with the zones of the three words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any, TypedDict

import numpy as np

from steepest.records.arrays import Vector
from steepest.records.descent import Goal, RateTrial, SweptRate
from steepest.show.figures.figure import Axis, Figure, Frames, curve
from steepest.words.wording import count, number, roughly


class ZoneData(TypedDict):
    """From where to where one word holds."""

    word: str
    low: float
    high: float


class OwnData(TypedDict):
    """The run's own learning rate."""

    lr: float
    steps: float | None


class SweepData(TypedDict):
    """What `sweep` draws."""

    lr: Vector
    steps: Vector
    outcome: list[str]
    zones: list[ZoneData]
    limit: float | None
    here: OwnData | None
    run_steps: list[int | None]


SAME = 1.01
"""Within this factor two counts of steps are about the same."""


def sweep_figure(
    frames: Frames,
    rates: Sequence[SweptRate],
    *,
    goal: Goal | None,
    limit: float | None = None,
    own: RateTrial | None = None,
    lucky: bool = False,
    notes: tuple[str, ...] = (),
) -> Figure:
    """One point a learning rate, smallest first; `own` is the one of the run, if there is one.

    With `lucky` the quickest arrives by jumping out of the valley that calmer ones end in.
    """
    ordered = sorted(rates, key=lambda rate: rate.lr)
    steps = [math.nan if rate.steps is None else float(rate.steps) for rate in ordered]
    # Nobody arrives in fewer than no steps, and a logarithm needs one.
    log = any(step > 0 for step in steps) and 0 not in steps
    title = _title(ordered, goal, own, lucky)
    return Figure(
        kind="sweep",
        title=title,
        text=_text(title, ordered, limit),
        x=Axis("learning rate", "log"),
        y=Axis("steps to the goal", "log" if log else "symlog"),
        frames=frames,
        data={
            "lr": [rate.lr for rate in ordered],
            "steps": np.array(steps),
            "outcome": [_outcome(rate) for rate in ordered],
            "zones": _zones(ordered, limit),
            "limit": limit,
            "here": None if own is None else {"lr": own.lr, "steps": own.steps},
            "run_steps": [rate.middle.limit for rate in ordered],
        },
        notes=notes,
    )


def _outcome(rate: SweptRate) -> str:
    if rate.diverged:
        return "diverged"
    if rate.steps is not None:
        return "arrived"
    return "never" if rate.middle.limit is None else "not yet"


def _zones(rates: Sequence[SweptRate], limit: float | None) -> list[dict[str, Any]]:
    """Neighbours with the same word together; between two zones lies the limit, or the middle."""
    groups = [list(group) for _, group in groupby(rates, key=lambda rate: rate.zone)]
    edges = [rates[0].lr] if rates else []
    for before, after in pairwise(groups):
        low, high = before[-1].lr, after[0].lr
        diverging = after[0].diverged and not before[-1].diverged
        at_limit = limit is not None and diverging and low <= limit <= high
        edges.append(limit if at_limit and limit is not None else math.sqrt(low) * math.sqrt(high))
    if rates:
        edges.append(rates[-1].lr)
    shown = curve(edges).tolist()
    return [
        {"word": group[0].zone, "low": low, "high": high}
        for group, (low, high) in zip(groups, pairwise(shown), strict=True)
    ]


def _quickest(rates: Sequence[SweptRate]) -> SweptRate | None:
    arrived = [rate for rate in rates if rate.steps is not None]
    best = min(arrived, key=lambda rate: rate.needed, default=None)
    if best is None:
        return None
    # Of about the same, one that was run.
    near = [rate for rate in arrived if rate.measured and rate.needed <= SAME * best.needed]
    return min(near, key=lambda rate: rate.needed, default=best)


def _title(
    rates: Sequence[SweptRate], goal: Goal | None, own: RateTrial | None, lucky: bool
) -> str:
    best = _quickest(rates)
    tried = count(len(rates), "learning rate")
    if best is None:
        run = max((rate.middle.limit or 0 for rate in rates if not rate.diverged), default=0)
        where = "the goal" if goal is None else f"a loss of {number(goal.loss, 4)}"
        if len(rates) == 1:
            only = f"The learning rate {number(rates[0].lr, 3)}"
            if rates[0].diverged:
                return f"{only} diverges."
            return f"{only} does not reach {where} in {roughly(run, 'step')}."
        if rates and all(rate.diverged for rate in rates):
            return f"All of {tried} diverge."
        return f"None of {tried} reaches {where} in {roughly(run, 'step')}."
    quick = f"The quickest learning rate is {number(best.lr)} with {_said(best.steps)}"
    if lucky:
        quick += ", by jumping out of the valley it began in, which is luck"
    if own is None:
        return f"{quick}."
    if own.lr == best.lr:
        return f"This run's learning rate {number(own.lr)} is the quickest: {_said(best.steps)}."
    if own.steps is not None:
        return f"{quick}; this run's {number(own.lr)} needs {_said(own.steps)}."
    if own.diverged:
        return f"{quick}; this run's {number(own.lr)} diverges."
    if own.limit is None:
        return f"{quick}; this run's {number(own.lr)} never gets there."
    return f"{quick}; this run's {number(own.lr)} is not there after {_said(own.limit)}."


def _said(steps: int | None) -> str:
    return roughly(steps or 0, "step")


def _text(title: str, rates: Sequence[SweptRate], limit: float | None) -> str:
    said = [title]
    for word, group in groupby(rates, key=lambda rate: rate.zone):
        lrs = [rate.lr for rate in group]
        span = number(lrs[0], 3)
        if len(lrs) > 1:
            span = f"From {span} to {number(lrs[-1], 3)}"
        said.append(f"{span}: {word}.")
    if limit is not None:
        said.append(f"The stability limit is {number(limit)}.")
    return " ".join(said)
