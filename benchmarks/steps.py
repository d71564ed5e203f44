"""What a recorded step on the tutorial's 20 rows costs.

All of `descend` counts, once compiled: setting up, stop rules, thinning, the trace. Nothing is
subtracted. A long descent keeps every n-th step and can have the rest again; the other sides keep
every step. Where a quadratic's loss can only fall, those between are not computed before they are
asked for.
"""

from __future__ import annotations

import torch

from benchmarks.baselines import eager, scan
from benchmarks.problem import (
    ENGINES,
    LR,
    Walked,
    columns,
    demand_same,
    descended,
    start,
    walked,
)
from benchmarks.registry import Effort, Samples, benchmark
from benchmarks.timing import compare
from steepest.descent.run import Descended

LONGEST = 2_000_000
LONG = 200_000
SHORT = 2_000
SEEN = 1_000
"""Steps at either end of a long descent that are compared one by one."""


def demand_same_ends(ours: Descended, theirs: Walked) -> None:
    """Both have the same last step, and the same first and last SEEN steps."""
    last = ours.descent.steps
    for first in (0, last - SEEN):
        chosen = slice(first, first + SEEN + 1)
        demand_same(
            walked(ours, first, first + SEEN), Walked(*(values[chosen] for values in theirs))
        )
    demand_same(walked(ours, last, last), Walked(*(values[-1:] for values in theirs)))


def demand_same_beginning(ours: Descended, theirs: Walked) -> None:
    """Every step of the shorter one, theirs, is ours too."""
    demand_same(walked(ours, 0, len(theirs.loss) - 1), theirs)


def _against_eager(engine: str, steps: int, bound: float | None, threads: int | None) -> None:
    many = threads is None
    length = "short" if steps == SHORT else "step"

    @benchmark(
        f"{length}-{engine}-eager" + ("-threads" if many else ""),
        f"a recorded step of {steps:,} on the {engine}, against the same step in an eager PyTorch "
        f"loop with {'its default threads' if many else 'one thread'}",
        bound=bound,
    )
    def measure(effort: Effort) -> Samples:
        theirs_steps = SHORT if steps == SHORT else effort.eager_steps
        default = torch.get_num_threads()
        torch.set_num_threads(threads or default)
        try:
            return compare(
                lambda: descended(engine, steps),
                lambda: eager(*columns(), start(), LR, theirs_steps),
                demand_same_beginning,
                rounds=effort.rounds,
                ours_steps=steps,
                theirs_steps=theirs_steps,
            )
        finally:
            torch.set_num_threads(default)


def _against_scan(engine: str, steps: int, bound: float | None) -> None:
    length = "short" if steps == SHORT else "step"

    @benchmark(
        f"{length}-{engine}-scan",
        f"a recorded step of {steps:,} on the {engine}, against a hand-written jax.lax.scan that "
        "records loss, weights and gradient",
        bound=bound,
    )
    def measure(effort: Effort) -> Samples:
        return compare(
            lambda: descended(engine, steps),
            lambda: scan(*columns(), start(), LR, steps),
            demand_same_ends,
            # A round takes a fraction of a second, so there can be more of them.
            rounds=3 * effort.rounds,
            ours_steps=steps,
            theirs_steps=steps,
        )


for _engine in ENGINES:
    _against_eager(_engine, LONG, 1 / 250, threads=1)
    _against_eager(_engine, LONG, 1 / 250, threads=None)
# `fit` takes the quadratic on this problem. The formula as it is evaluates the stop rules beside
# twenty rows, which a plain scan does not; its ratio is shown without a bound.
_against_scan("quadratic", LONG, 1.3)
_against_scan("formula", LONG, None)
for _engine in ENGINES:
    _against_eager(_engine, SHORT, None, threads=1)
    _against_scan(_engine, SHORT, None)
