"""One loss at hand, judged by the checks of a watch that need no step."""

from __future__ import annotations

import math
from collections.abc import Iterator

from steepest.checks import loss_graph
from steepest.checks.layers import birth_in_words
from steepest.records.autograd import AutogradGraph
from steepest.records.training import TrainingRecord
from steepest.records.verdict import Finding
from steepest.words.wording import count, listed

_CHECKS = (
    loss_graph.outside, loss_graph.pairs, loss_graph.held_by_nobody, loss_graph.cut,
    loss_graph.squashed, loss_graph.zero_at_hand,
)  # fmt: skip

_MOST_ROWS = 10


def judge_loss(graph: AutogradGraph, record: TrainingRecord) -> tuple[Finding, ...]:
    """What a watch would say of this loss at its first step, gravest first."""
    found = [*_not_finite(graph, record), *(f for check in _CHECKS for f in check(record))]
    return tuple(sorted(found, key=lambda finding: (finding.severity == "info", finding.code)))


def _not_finite(graph: AutogradGraph, record: TrainingRecord) -> Iterator[Finding]:
    """SD406: the loss or its gradient is not a finite number."""
    lost = [p.name for p in graph.parameters if p.norm is not None and not math.isfinite(p.norm)]
    if math.isfinite(graph.loss) and not lost:
        return
    what = "loss" if not math.isfinite(graph.loss) else "gradient"
    why = "" if record.birth is None else f": {birth_in_words(record.birth)}"
    rows = ""
    if graph.lost_rows and (record.birth is None or record.birth.row is None):
        who = "row" if len(graph.lost_rows) == 1 else "rows"
        shown = listed([count(row) for row in graph.lost_rows], most=_MOST_ROWS)
        rows = f" It is lost in {who} {shown} of the batch (counted from 0)."
    yield Finding(
        "SD406",
        "error",
        f"The {what} is not a finite number{why}.{rows}",
        {
            "parameters": lost,
            "rows": list(graph.lost_rows),
            "function": None if record.birth is None else record.birth.function,
        },
    )
