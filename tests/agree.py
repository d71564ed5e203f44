"""Whether a headline and what is offered below it can both be true."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from steepest.checks.facts import allowance, lowest
from steepest.records.verdict import Measurements, Remedy, Verdict


def contradictions(
    verdict: Verdict, m: Measurements, offered: Iterable[tuple[str, Remedy | None]]
) -> list[str]:
    """What is said and denied. Offered are changes, each with what it came to where it was run."""
    headline = verdict.headline
    found: list[str] = []
    known = lowest(m)
    slack = allowance(m)
    if slack is None:
        slack = 0.01 * abs(m.descent.final_loss)

    def denied(change: str, *pieces: str) -> None:
        found.extend(f"{change}: {headline}" for piece in pieces if piece in headline)

    for change, remedy in offered:
        reached = remedy is not None and remedy.reached
        if change == "better learning rate":
            denied(change, " right, but", " right. ", "no learning rate that was tried gets")
            best = None if m.rates is None else m.rates.best
            if best is not None and best.lr > m.descent.lr:
                denied(change, "too large", "In a local minimum")
            elif best is not None:
                denied(change, "too small")
        if reached and m.goal is not None and m.goal.to.endswith("the minimum"):
            denied(change, "no minimum is known", "The loss has no minimum")
        if remedy is None:
            continue
        if remedy.measured_loss < m.descent.final_loss - slack:
            denied(change, "At the minimum", "the lowest one known")
        if known is not None and remedy.measured_loss < known.loss - slack:
            denied(change, "minimum")
    return found


def of_run(run: object) -> list[str]:
    """The same of a run, with the remedies that it offers."""
    record = run.record  # type: ignore[attr-defined]
    remedies: Sequence[Remedy] = record.remedies
    return contradictions(
        record.verdict, record.measurements, [(one.change, one) for one in remedies]
    )
