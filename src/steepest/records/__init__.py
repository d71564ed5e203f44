"""The frozen records that cross every boundary. The nouns are those of the design.

Arrays are float64 unless said otherwise, and nobody writes into them. `n` is the number of
rows, `p` the number of weights, `k` the number of recorded steps. What was not measured is
None, and `Measurements.not_measured` says why.
"""

from __future__ import annotations

from steepest.records.arrays import (
    Command,
    Edge,
    KeptCommand,
    Mask,
    Matrix,
    Severity,
    Status,
    Steps,
    Stopped,
    Vector,
    Word,
)
from steepest.records.descent import (
    Descent,
    Forecast,
    Goal,
    RateStudy,
    RateTrial,
    SweepRecord,
    SweptRate,
    Trace,
)
from steepest.records.point import (
    BackwardNode,
    Breakdown,
    Escape,
    Explanation,
    Landscape,
    Minimum,
    Nudge,
    Partial,
    Pull,
    Slice,
    Spectrum,
    Taylor,
)
from steepest.records.problem import Problem, Settings
from steepest.records.run import RunRecord, RunSummary
from steepest.records.verdict import (
    ColumnFacts,
    Finding,
    Measurements,
    Remedy,
    RowInfluence,
    RowShare,
    Statistics,
    Verdict,
    WeightStatistics,
)

__all__ = [
    "BackwardNode",
    "Breakdown",
    "ColumnFacts",
    "Command",
    "Descent",
    "Edge",
    "Escape",
    "Explanation",
    "Finding",
    "Forecast",
    "Goal",
    "KeptCommand",
    "Landscape",
    "Mask",
    "Matrix",
    "Measurements",
    "Minimum",
    "Nudge",
    "Partial",
    "Problem",
    "Pull",
    "RateStudy",
    "RateTrial",
    "Remedy",
    "RowInfluence",
    "RowShare",
    "RunRecord",
    "RunSummary",
    "Settings",
    "Severity",
    "Slice",
    "Spectrum",
    "Statistics",
    "Status",
    "Steps",
    "Stopped",
    "SweepRecord",
    "SweptRate",
    "Taylor",
    "Trace",
    "Vector",
    "Verdict",
    "WeightStatistics",
    "Word",
]
