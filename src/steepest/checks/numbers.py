"""The numbers themselves: SD406."""

from __future__ import annotations

from collections.abc import Iterator

from steepest.checks.facts import first_broken, sentence
from steepest.records.verdict import Finding, Measurements


def not_finite(m: Measurements) -> Iterator[Finding]:
    """SD406: a loss, gradient or weight is not finite, and where that began."""
    broken = m.breakdown
    step = broken.step if broken is not None else m.descent.non_finite_step
    if step is None:
        return
    evidence = {
        "step": step,
        "where": broken.where if broken is not None else None,
        "weight": broken.weight if broken is not None else None,
        "row": broken.row if broken is not None else None,
        "last_finite_step": m.descent.final_step,
    }
    yield Finding("SD406", "error", sentence(f"{first_broken(m)}."), evidence)
