"""The JSON documents of the contract, made from the records.

NaN and infinities are the strings "NaN", "Infinity" and "-Infinity".
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from steepest.records.arrays import Steps
from steepest.records.descent import Descent, RateStudy, SweepRecord, SweptRate, Trace
from steepest.records.point import BackwardNode, Explanation, Minimum, Partial, Spectrum, Taylor
from steepest.records.problem import Problem
from steepest.records.run import RunRecord
from steepest.records.summary import RunSummary
from steepest.records.verdict import Remedy, Statistics, WeightStatistics

MOST_POINTS: Final = 1001
"""Points of the trace in a document."""

_MOST_PAIRS: Final = 100
"""Correlations in a document."""


# The document of the contract


def document(record: RunRecord) -> dict[str, Any]:
    """The JSON document of a run, to the letter of the contract.

    Only dicts, lists, strings, finite numbers, booleans and None are in it. What was not measured
    is None, and `not_measured` says why, by the key that is None.

    The trace has at most MOST_POINTS points, evenly spaced, the first and the last always.
    """
    measured = record.measurements
    spectrum = measured.spectrum
    curvature = spectrum if spectrum is not None and spectrum.measured else None
    reasons = dict(measured.not_measured)
    parts = {
        "curvature": curvature,
        "stability_limit": measured.stability_limit,
        "minimum": measured.minimum,
        "forecast": measured.forecast,
        "statistics": measured.statistics,
    }
    for name, part in parts.items():
        if part is None:
            reasons.setdefault(name, _why(name, spectrum))
    if any(partial.nudge is None for partial in record.explanation.partials):
        reasons.setdefault("nudge", "The loss near this step was not evaluated.")
    found: dict[str, Any] = {
        "steepest": record.version,
        "command": record.command,
        "run": record.run,
        "problem": _problem(record.problem),
        "descent": _descent(record.descent),
        "trace": _trace(record.trace),
        "weights": {
            partial.weight: _weight(partial, record) for partial in record.explanation.partials
        },
        "explained_at": record.explanation.step,
        "curvature": None if curvature is None else _curvature(curvature),
        "stability_limit": measured.stability_limit,
        "minimum_limit": measured.minimum_limit,
        "batch_limit": measured.batch_limit,
        "minimum": _minimum(measured.minimum, record.descent.final_loss),
        "forecast": measured.forecast,
        "statistics": None if measured.statistics is None else _statistics(measured.statistics),
        "rates": _rates(measured.rates),
        "taylor": _taylor(record.explanation),
        "backward": _backward(record.explanation),
        "verdict": record.verdict,
        "remedies": [_remedy(remedy) for remedy in record.remedies],
        "not_measured": reasons,
        "options": dict(record.call),
        "seconds": record.seconds,
    }
    if record.user_units is not None:
        found["user_units"] = {
            name: {"start": start, "value": value}
            for name, (start, value) in record.user_units.items()
        }
    written = plain(found)
    assert isinstance(written, dict)
    return written


def sweep_document(record: SweepRecord) -> dict[str, Any]:
    """The JSON document of a sweep, in the terms of `document`.

    `rates` go from the smallest learning rate to the largest. `steps` counts to the goal, from
    the middle start where there are several; `how` says whether that was run or computed;
    `limit` is how many steps were run where the goal was not reached, None where it was computed.
    """
    minimum = record.minimum
    found = {
        "steepest": record.version,
        "command": "sweep",
        "problem": _problem(record.problem),
        "descent": {
            "optimizer": record.settings.optimizer,
            "momentum": record.momentum,
            "steps": record.settings.steps,
        },
        "starts": record.starts,
        "goal": record.goal,
        "minimum": None if minimum is None else told(minimum, "loss weights found_by unbounded"),
        **told(record, "stability_limit stability_limit_at"),
        "edge": told(record, "largest_stable smallest_diverging"),
        "rates": [_swept(rate) for rate in record.rates],
        "best": None if record.best is None else _swept(record.best),
        "headline": record.headline,
        "not_measured": record.not_measured,
        "options": record.call,
        "seconds": record.seconds,
    }
    written = plain(found)
    assert isinstance(written, dict)
    return written


def _swept(rate: SweptRate) -> dict[str, Any]:
    return {
        "lr": rate.lr,
        "steps": rate.steps,
        "limit": None if rate.steps is not None else rate.middle.limit,
        "diverged": rate.diverged,
        "lowest_loss": rate.middle.lowest_loss,
        "zone": rate.zone,
        "how": _how(rate.measured),
        "trials": [
            {
                **told(trial, "steps diverged lowest_loss"),
                "how": _how(trial.measured),
            }
            for trial in rate.trials
        ],
    }


def _how(measured: bool) -> str:
    return "run" if measured else "computed"


def summary_document(summary: RunSummary) -> dict[str, Any]:
    """What a list of kept runs says of one. Times are ISO 8601, in UTC."""
    written = plain(summary)
    assert isinstance(written, dict)
    for name in ("started", "ended"):
        if written[name] is not None:
            written[name] = datetime.fromtimestamp(written[name], UTC).isoformat(
                timespec="milliseconds"
            )
    return written


def to_json(document: Mapping[str, Any]) -> str:
    """The document as one line of JSON, UTF-8 throughout.

    Raises ValueError where a number is not finite: `document` has written those as strings.
    """
    text = json.dumps(document, allow_nan=False, ensure_ascii=False)
    # A file name that is not UTF-8 has lone surrogates; as \udc80 they are JSON, and can be sent.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def hardest_row(explanation: Explanation) -> int | None:
    """The row that pulls hardest over all weights; None where there are no rows.

    Each weight's pulls are measured against its own strongest one, so that weights of different
    scales count alike.
    """
    strength: dict[int, float] = {}
    for partial in explanation.partials:
        strongest = max((abs(p.amount) for p in partial.pulls), default=0.0)
        if not strongest > 0 or math.isinf(strongest):
            strongest = 1.0
        for pull in partial.pulls:
            strength[pull.row] = strength.get(pull.row, 0.0) + abs(pull.amount) / strongest
    return max(strength, key=lambda row: strength[row]) if strength else None


def on_row(node: BackwardNode, explanation: Explanation, row: int | None) -> tuple[float, float]:
    """Value and adjoint of a node on one row, or its only ones where it is the same on all rows."""
    if node.value.ndim == 0 and node.adjoint.ndim == 0:
        return float(node.value), float(node.adjoint)
    numbers = explanation.row_numbers
    place = 0 if row is None else row
    if numbers is not None and row is not None:
        found = np.flatnonzero(numbers == row)
        place = int(found[0]) if len(found) else 0
    value = node.value[place] if node.value.ndim else node.value
    adjoint = node.adjoint[place] if node.adjoint.ndim else node.adjoint
    return float(value), float(adjoint)


def _why(name: str, spectrum: Spectrum | None) -> str:
    if name == "curvature" and spectrum is not None:
        return (
            f"The eigenvalues did not converge: the worst residual is {spectrum.residual:.2g}, "
            f"and at most {spectrum.tolerance:.2g} is trusted."
        )
    return "It was not measured in this run."


def told(record: object, names: str) -> dict[str, Any]:
    """Some fields of a record, in this order."""
    return {name: getattr(record, name) for name in names.split()}


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        **told(problem, "formula loss rows weights linear_in_weights gives target columns source"),
        **told(problem, "rows_read missing non_finite excluded_by_where constant validation_rows"),
        "standardized": {
            name: {"subtracted": subtracted, "divided_by": divided}
            for name, (subtracted, divided) in problem.standardized.items()
        },
        **told(problem, "rescaled sigma drawn processes"),
        "categories": [
            told(group, "column weights left_out beside") for group in problem.categories
        ],
    }


def _descent(descent: Descent) -> dict[str, Any]:
    return {
        "optimizer": descent.optimizer,
        "lr": None if math.isnan(descent.lr) else descent.lr,
        **told(descent, "rates lr_chosen momentum steps stopped stopped_why first_loss final_loss"),
        **told(descent, "final_step lowest_loss lowest_step tenfold_step goal_step stays_step"),
        **told(descent, "non_finite_step seconds"),
    }


def thinned(trace: Trace, most: int = MOST_POINTS) -> Steps:
    """Places (m,) of at most `most` points of the trace, evenly spaced, with first and last."""
    last = len(trace) - 1
    places = np.arange(0, last + 1, max(1, math.ceil(last / (most - 1))), dtype=np.int64)
    return places if not len(places) or places[-1] == last else np.append(places, last)


def _trace(trace: Trace) -> dict[str, Any]:
    places = thinned(trace)
    found: dict[str, Any] = {
        "step": trace.step[places],
        "loss": trace.loss[places],
        "weights": {name: trace.weights[places, i] for i, name in enumerate(trace.names)},
        "gradient": {name: trace.gradient[places, i] for i, name in enumerate(trace.names)},
    }
    if trace.validation is not None:
        found["validation"] = trace.validation[places]
    return found


def _weight(partial: Partial, record: RunRecord) -> dict[str, Any]:
    return {
        "start": record.start.get(partial.weight),
        "value": partial.value,
        "gradient": partial.amount,
        "partial": partial.text,
        "partial_latex": partial.latex,
        **told(partial, "nudge pulls at_bound"),
    }


def _curvature(spectrum: Spectrum) -> dict[str, Any]:
    return {
        "largest": spectrum.largest if len(spectrum.values) else None,
        "smallest": spectrum.smallest if len(spectrum.values) and spectrum.complete else None,
        "condition": spectrum.condition if len(spectrum.values) else None,
        "most_negative": spectrum.most_negative if len(spectrum.values) else None,
        **told(spectrum, "residual at"),
        "eigenvalues": spectrum.values,
        **told(spectrum, "complete preconditioned held"),
    }


def _minimum(minimum: Minimum | None, final_loss: float) -> dict[str, Any] | None:
    if minimum is None:
        return None
    return {
        **told(minimum, "loss weights found_by"),
        "gap": final_loss - minimum.loss,
        **told(minimum, "unbounded separable growing flat elsewhere proven starts user_weights"),
    }


def _statistics(found: Statistics) -> dict[str, Any]:
    """Of the correlations the _MOST_PAIRS strongest, strongest first."""
    document: dict[str, Any] = {
        "at": "minimum",
        **told(found, "rows free_weights degrees_of_freedom"),
        "weights": {entry.weight: _weight_statistics(entry) for entry in found.weights},
        "correlations": None
        if found.correlations is None
        else [
            {"between": [first, second], "value": value}
            for first, second, value in strongest(found, _MOST_PAIRS)
        ],
        "residual_sum_of_squares": found.residual_sum,
        **told(found, "residual_deviation reduced_chi_square r_squared adjusted_r_squared aic bic"),
        "influence": found.influence,
        "sigma": None if found.sigma is None else {"column": found.sigma, "taken_as": "relative"},
        "not_measured": found.not_measured,
    }
    if found.user_weights:
        document["user_units"] = {
            entry.weight: _weight_statistics(entry) for entry in found.user_weights
        }
    return document


def _weight_statistics(entry: WeightStatistics) -> dict[str, Any]:
    return {
        "value": entry.value,
        "standard_error": entry.error,
        **told(entry, "identifiable at_bound reason inflation"),
    }


def strongest(found: Statistics, most: int, above: float = 0.0) -> list[tuple[str, str, float]]:
    """Pairs of weights with their correlation, larger than `above` in size, strongest first."""
    if found.correlations is None:
        return []
    names = [entry.weight for entry in found.weights]
    first, second = np.triu_indices(len(names), 1)
    values = found.correlations[first, second]
    size = np.where(np.isfinite(values), np.abs(values), -1.0)
    order = [place for place in np.argsort(-size, kind="stable")[:most] if size[place] > above]
    return [(names[first[i]], names[second[i]], float(values[i])) for i in order]


def _rates(rates: RateStudy | None) -> dict[str, Any] | None:
    return None if rates is None else told(rates, "goal own best trials calm")


def _taylor(explanation: Explanation) -> dict[str, Any] | None:
    taylor: Taylor | None = explanation.taylor
    if taylor is None:
        return None
    return {
        "step": explanation.step,
        **told(taylor, "first_order second_order actual"),
    }


def _backward(explanation: Explanation) -> dict[str, Any] | None:
    if not explanation.backward:
        return None
    row = hardest_row(explanation)
    nodes = []
    for node in explanation.backward:
        value, adjoint = on_row(node, explanation, row)
        nodes.append(
            {
                "node": node.text,
                **told(node, "operation inputs"),
                "value": value,
                "adjoint": adjoint,
                "per_row": node.value.ndim > 0 or node.adjoint.ndim > 0,
            }
        )
    return {"step": explanation.step, "row": row, "nodes": nodes}


def _remedy(remedy: Remedy) -> dict[str, Any]:
    return {**outcome_document(remedy), "weights": remedy.weights}


def outcome_document(remedy: Remedy) -> dict[str, Any]:
    """What a remedy is and what came of it, without its weights."""
    return {
        **told(remedy, "change sentence command python predicted_steps measured_steps"),
        **told(remedy, "measured_loss reached options"),
        "held_out": None
        if remedy.held_out is None
        else dict(zip(("loss", "loss_before"), remedy.held_out, strict=True)),
    }


def plain(value: Any) -> Any:
    """The value in terms of what JSON has; a number that is not finite becomes its name."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else non_finite_name(value)
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if is_dataclass(value):
        return {part.name: plain(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, Iterable):
        return [plain(part) for part in value]
    return str(value)


def non_finite_name(number: float) -> str:
    """What a number that is not finite is called in JSON: NaN, Infinity or -Infinity."""
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"
