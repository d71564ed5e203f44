"""The records of processes that trained together, merged into one when they are read."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from typing import Any, Final

import numpy as np

from steepest.records.arrays import Matrix, Vector
from steepest.records.training import (
    InputFacts,
    LossFacts,
    Probe,
    ResetFacts,
    TensorFacts,
    TrainingRecord,
    TrainingTrace,
)
from steepest.words.errors import UsageError

_ENDS: Final = ("an error in the loop", "killed", "SIGTERM", "still running", "closed")
"""The first of these that any process ended with is how all did."""


def merged(records: Sequence[TrainingRecord]) -> TrainingRecord:
    """One record of the processes' records, for the steps that all of them have.

    Losses, validations and probes are averaged, because each process has its own rows. Weights,
    gradients and moves are those of the first, because they are the same in all; of a tensor that
    is spread over the processes the parts' norms are put together, and its turn is not known. The
    noise is that of all processes' rows as one batch, from their own gradients. Activations and
    histograms are those of the first process.

    Raises UsageError where they are no records of one training.
    """
    ranks = sorted(records, key=lambda record: record.rank or 0)
    if not ranks:
        raise UsageError("There is no record to merge.")
    first = ranks[0]
    shapes = [[(t.name, t.shape) for t in record.tensors] for record in ranks]
    if any(shape != shapes[0] for shape in shapes):
        raise UsageError("These are records of different models, and cannot be merged.")
    if len({record.rank for record in ranks}) < len(ranks):
        raise UsageError("Two of these records are of the same process, and cannot be merged.")
    if len(ranks) == 1:
        return replace(first, rank=None)
    trace = _trace(ranks)
    return replace(
        first,
        trace=trace,
        facts=tuple(map(_facts, zip(*(record.facts for record in ranks), strict=True))),
        steps=min(record.steps for record in ranks),
        losses=_losses([record.losses for record in ranks], trace),
        inputs=_inputs([record.inputs for record in ranks]),
        resets=max((record.resets for record in ranks), key=_amiss),
        noise=_noise(trace.own_gradient, len(ranks)),
        probes=tuple(map(_probe, _by_step(ranks, lambda record: record.probes))),
        validations=tuple(
            replace(found[0], loss=_mean(v.loss for v in found))
            for found in _by_step(ranks, lambda record: record.validations)
        ),
        ended=min((record.ended for record in ranks), key=_ENDS.index),
        dropped=dict(sum((Counter(record.dropped) for record in ranks), Counter())),
        seconds=max(record.seconds for record in ranks),
        cost=max(record.cost for record in ranks),
        rank=None,
        processes=len(ranks),
        verdict=None,
    )


def _trace(ranks: Sequence[TrainingRecord]) -> TrainingTrace:
    steps = ranks[0].trace.step
    for record in ranks[1:]:
        steps = np.intersect1d(steps, record.trace.step)
    traces = [
        TrainingTrace(
            **{
                field.name: getattr(record.trace, field.name)[np.isin(record.trace.step, steps)]
                for field in fields(TrainingTrace)
            }
        )
        for record in ranks
    ]
    first = traces[0]
    parts = np.array([tensor.part for tensor in ranks[0].tensors], dtype=bool)

    def together(name: str) -> Matrix:
        norms = getattr(first, name).copy()
        squares = np.stack([getattr(trace, name)[:, parts] ** 2 for trace in traces])
        norms[:, parts] = np.sqrt(squares.sum(0))
        return np.asarray(norms)

    turn = first.turn.copy()
    turn[:, parts] = math.nan
    return replace(
        first,
        loss=_means([trace.loss for trace in traces]),
        weight=together("weight"),
        gradient=together("gradient"),
        update=together("update"),
        turn=turn,
        overall_turn=np.full(len(steps), math.nan) if parts.any() else first.overall_turn,
        own_gradient=_means([trace.own_gradient for trace in traces]),
        seconds=np.max([trace.seconds for trace in traces], axis=0),
        cost=np.max([trace.cost for trace in traces], axis=0),
    )


def _noise(own: Vector, processes: int) -> float | None:
    """Noise over gradient, as squared lengths, in the batch of all processes.

    With G the gradient and N its noise in that batch, the average of p processes has a squared
    length of |G|² + N, and that of one process alone |G|² + p·N (McCandlish et al., arXiv
    1812.06162, appendix A). `own` is the second over the first.
    """
    known = own[np.isfinite(own)]
    if not len(known):
        return None
    ratio = float(known.mean())
    return (ratio - 1) / (processes - ratio) if ratio < processes else math.inf


def _facts(found: Sequence[TensorFacts]) -> TensorFacts:
    lost = min(
        (f for f in found if f.lost_at is not None), key=lambda f: f.lost_at or 0, default=None
    )
    errors = [f.update_error for f in found if f.update_error is not None]
    return replace(
        lost or found[0],
        without_gradient=min(f.without_gradient for f in found),
        zero_gradient=min(f.zero_gradient for f in found),
        moved=max(f.moved for f in found),
        update_error=max(errors, default=None),
    )


def _losses(found: Sequence[LossFacts], trace: TrainingTrace) -> LossFacts:
    known = np.isfinite(trace.loss)
    low = int(np.argmin(np.where(known, trace.loss, np.inf))) if known.any() else None
    return LossFacts(
        count=min(losses.count for losses in found),
        start=_mean(losses.start for losses in found),
        first=_mean(losses.first for losses in found),
        lowest=math.nan if low is None else float(trace.loss[low]),
        lowest_at=None if low is None else int(trace.step[low]),
        last=_mean(losses.last for losses in found),
        tenfold_at=_earliest(losses.tenfold_at for losses in found),
        lost_at=_earliest(losses.lost_at for losses in found),
        lost_last=any(losses.lost_last for losses in found),
    )


def _inputs(found: Sequence[InputFacts]) -> InputFacts:
    rows = [inputs.rows for inputs in found if inputs.rows is not None]
    periods = {inputs.period for inputs in found}
    lost = min(
        (i for i in found if i.lost_at is not None), key=lambda i: i.lost_at or 0, default=found[0]
    )
    return InputFacts(
        rows=sum(rows) if rows else None,
        features=found[0].features,
        largest_mean=max(
            (i.largest_mean for i in found if i.largest_mean is not None), default=None
        ),
        largest_deviation=max(
            (i.largest_deviation for i in found if i.largest_deviation is not None), default=None
        ),
        smallest_deviation=min(
            (i.smallest_deviation for i in found if i.smallest_deviation is not None), default=None
        ),
        # Each has its share of the rows; all must come in the same order again.
        period=periods.pop() if len(periods) == 1 else None,
        lost_at=lost.lost_at,
        lost_rows=lost.lost_rows,
    )


def _amiss(resets: ResetFacts) -> int:
    return resets.not_reset + resets.emptied


def _probe(found: Sequence[Probe]) -> Probe:
    """The mean of what was measured at the same step on each process's rows."""
    changes: dict[str, Any] = {
        name: _mean(getattr(probe, name) for probe in found)
        for name in (
            "loss", "largest", "largest_residual", "most_negative", "most_negative_residual",
            "sharpness",
        )
    }  # fmt: skip
    for name in ("limit", "noise_scale"):
        values = [getattr(probe, name) for probe in found]
        changes[name] = None if None in values else _mean(values)
    return replace(
        found[0],
        losses=tuple(np.mean([probe.losses for probe in found], axis=0).tolist()),
        **changes,
    )


def _by_step(
    ranks: Sequence[TrainingRecord], of: Callable[[TrainingRecord], Iterable[Any]]
) -> list[list[Any]]:
    """What was recorded at the same step in every process, together."""
    tables = [{found.step: found for found in of(record)} for record in ranks]
    return [
        [table[step] for table in tables]
        for step in tables[0]
        if all(step in table for table in tables)
    ]


def _means(values: Sequence[Vector]) -> Vector:
    """Of what is known; NaN where nothing is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(values, axis=0))


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _earliest(steps: Iterable[int | None]) -> int | None:
    return min((step for step in steps if step is not None), default=None)
