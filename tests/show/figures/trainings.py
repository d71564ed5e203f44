"""Trainings by hand: what a watch would have recorded, in NumPy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from steepest.records.training import (
    Group,
    LossFacts,
    Probe,
    Tensor,
    TensorFacts,
    TrainingRecord,
    TrainingTrace,
)
from steepest.records.verdict import Finding, Verdict

FACTORS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)


def record_of(
    losses: Sequence[float],
    *,
    tensors: int = 2,
    lr: float = 0.1,
    lost_at: dict[int, int] | None = None,
    findings: tuple[Finding, ...] = (),
    **changes: Any,
) -> TrainingRecord:
    """Steps 0, 1, …; tensor t is a matrix of length t + 1, and its steps halve in a hundred."""
    loss = np.array(losses, dtype=np.float64)
    k = len(loss)
    weight = np.tile(np.arange(1.0, tensors + 1), (k, 1))
    gradient = 0.5 ** (np.arange(k)[:, None] / 100) * np.ones(tensors)
    lost = lost_at or {}
    for place, step in lost.items():
        gradient[step:, place] = np.nan
        weight[step + 1 :, place] = np.nan
    turn = np.full((k, tensors), 0.5)
    turn[:1] = np.nan
    nothing = np.full(k, np.nan)
    known = [(value, step) for step, value in enumerate(loss.tolist()) if math.isfinite(value)]
    lowest, lowest_at = min(known, default=(math.nan, None))
    broken = [step for step, value in enumerate(loss.tolist()) if not math.isfinite(value)]
    facts = LossFacts(
        count=k,
        start=known[0][0] if known else math.nan,
        first=known[0][0] if known else math.nan,
        lowest=lowest,
        lowest_at=lowest_at,
        last=known[-1][0] if known else math.nan,
        lost_at=broken[0] if broken else None,
        lost_last=bool(broken) and broken[-1] == k - 1,
    )
    given: dict[str, Any] = {
        "version": "0.1.0",
        "model": "Sequential",
        "tensors": tuple(
            Tensor(f"{place}.weight", f"{place}", "Linear", (place + 1, 2), 0)
            for place in range(tensors)
        ),
        "groups": (Group("SGD", "gd"),),
        "trace": TrainingTrace(
            step=np.arange(k),
            loss=loss,
            lr=np.full((k, 1), lr),
            weight=weight,
            gradient=gradient,
            update=lr * gradient,
            turn=turn,
            overall_turn=nothing,
            own_gradient=nothing,
            seconds=nothing,
            cost=nothing,
        ),
        "facts": tuple(
            TensorFacts(
                0, 0, k, lost_at=lost.get(place), lost="gradient" if place in lost else None
            )
            for place in range(tensors)
        ),
        "steps": k,
        "every": 1,
        "losses": facts,
        "verdict": Verdict("just right", "All is well.", findings),
        "ended": "closed",
    }
    return TrainingRecord(**{**given, **changes})


def probe_of(step: int, losses: Sequence[float], limit: float | None = None) -> Probe:
    """A probe with the losses at ×0, ×¼, ×½, ×1, ×2 and ×4."""
    return Probe(step, losses[0], limit=limit, factors=FACTORS, losses=tuple(losses))
