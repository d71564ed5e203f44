"""Records to JSON and back: the document that others read, and the form in which runs are kept.

`document` is for readers: what a `RunRecord` says, under the names of the contract, thinned.
`encode` and `decode` are for keeping: nothing is lost, and a version is written beside it.
NaN and the infinities survive both.
"""

from __future__ import annotations

import base64
import json
import math
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import numpy as np

from steepest.errors import InputError
from steepest.records import (
    BackwardNode,
    Descent,
    Explanation,
    Finding,
    Forecast,
    Minimum,
    Partial,
    Problem,
    RateStudy,
    RateTrial,
    Remedy,
    RunRecord,
    RunSummary,
    Spectrum,
    Statistics,
    Steps,
    SweepRecord,
    SweptRate,
    Taylor,
    Trace,
    WeightStatistics,
)
from steepest.training import TrainingRecord

FORMAT: Final = 1
"""Version of what `encode` writes. Raised when an older `decode` could not read it."""

MOST_POINTS: Final = 1001
"""Points of the trace in a document."""

MOST_PAIRS: Final = 100
"""Correlations in a document."""

_NAMES: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


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
        "minimum": _minimum(measured.minimum, record.descent.final_loss),
        "forecast": _forecast(measured.forecast),
        "statistics": None if measured.statistics is None else _statistics(measured.statistics),
        "rates": _rates(measured.rates),
        "taylor": _taylor(record.explanation),
        "backward": _backward(record.explanation),
        "verdict": {
            "learning_rate": record.verdict.learning_rate,
            "headline": record.verdict.headline,
            "findings": [_finding(finding) for finding in record.verdict.findings],
        },
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
    minimum, goal = record.minimum, record.goal
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
        "goal": None if goal is None else {"loss": goal.loss, "to": goal.to},
        "minimum": None
        if minimum is None
        else {
            "loss": minimum.loss,
            "weights": minimum.weights,
            "found_by": minimum.found_by,
            "unbounded": minimum.unbounded,
        },
        "stability_limit": record.stability_limit,
        "stability_limit_at": record.stability_limit_at,
        "edge": {
            "largest_stable": record.largest_stable,
            "smallest_diverging": record.smallest_diverging,
        },
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
                "steps": trial.steps,
                "diverged": trial.diverged,
                "lowest_loss": trial.lowest_loss,
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


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "formula": problem.formula,
        "loss": problem.loss,
        "rows": problem.rows,
        "weights": problem.weights,
        "linear_in_weights": problem.linear_in_weights,
        "gives": problem.gives,
        "target": problem.target,
        "columns": problem.columns,
        "source": problem.source,
        "rows_read": problem.rows_read,
        "missing": problem.missing,
        "non_finite": problem.non_finite,
        "excluded_by_where": problem.excluded_by_where,
        "constant": problem.constant,
        "validation_rows": problem.validation_rows,
        "standardized": {
            name: {"subtracted": subtracted, "divided_by": divided}
            for name, (subtracted, divided) in problem.standardized.items()
        },
        "rescaled": problem.rescaled,
        "sigma": problem.sigma,
        "drawn": problem.drawn,
        "processes": problem.processes,
    }


def _descent(descent: Descent) -> dict[str, Any]:
    return {
        "optimizer": descent.optimizer,
        "lr": None if math.isnan(descent.lr) else descent.lr,
        "lr_chosen": descent.lr_chosen,
        "momentum": descent.momentum,
        "steps": descent.steps,
        "stopped": descent.stopped,
        "stopped_why": descent.stopped_why,
        "first_loss": descent.first_loss,
        "final_loss": descent.final_loss,
        "final_step": descent.final_step,
        "lowest_loss": descent.lowest_loss,
        "lowest_step": descent.lowest_step,
        "tenfold_step": descent.tenfold_step,
        "goal_step": descent.goal_step,
        "non_finite_step": descent.non_finite_step,
        "seconds": descent.seconds,
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
    nudge = partial.nudge
    return {
        "start": record.start.get(partial.weight),
        "value": partial.value,
        "gradient": partial.amount,
        "partial": partial.text,
        "partial_latex": partial.latex,
        "nudge": None
        if nudge is None
        else {"by": nudge.by, "predicted": nudge.predicted, "actual": nudge.actual},
        "pulls": [
            {"row": pull.row, "amount": pull.amount, "share": pull.share} for pull in partial.pulls
        ],
        "at_bound": partial.at_bound,
    }


def _curvature(spectrum: Spectrum) -> dict[str, Any]:
    return {
        "largest": spectrum.largest if len(spectrum.values) else None,
        "smallest": spectrum.smallest if len(spectrum.values) and spectrum.complete else None,
        "condition": spectrum.condition if len(spectrum.values) else None,
        "most_negative": spectrum.most_negative if len(spectrum.values) else None,
        "residual": spectrum.residual,
        "at": spectrum.at,
        "eigenvalues": spectrum.values,
        "complete": spectrum.complete,
        "preconditioned": spectrum.preconditioned,
        "held": spectrum.held,
    }


def _minimum(minimum: Minimum | None, final_loss: float) -> dict[str, Any] | None:
    if minimum is None:
        return None
    return {
        "loss": minimum.loss,
        "weights": minimum.weights,
        "found_by": minimum.found_by,
        "gap": final_loss - minimum.loss,
        "unbounded": minimum.unbounded,
        "separable": minimum.separable,
        "growing": minimum.growing,
        "flat": minimum.flat,
    }


def _forecast(forecast: Forecast | None) -> dict[str, Any] | None:
    if forecast is None:
        return None
    return {
        "to": forecast.to,
        "steps": forecast.steps,
        "basis": forecast.basis,
        "low": forecast.low,
        "high": forecast.high,
    }


def _statistics(found: Statistics) -> dict[str, Any]:
    """Of the correlations the MOST_PAIRS strongest, strongest first."""
    document: dict[str, Any] = {
        "at": "minimum",
        "rows": found.rows,
        "free_weights": found.free_weights,
        "degrees_of_freedom": found.degrees_of_freedom,
        "weights": {entry.weight: _weight_statistics(entry) for entry in found.weights},
        "correlations": None
        if found.correlations is None
        else [
            {"between": [first, second], "value": value}
            for first, second, value in strongest(found, MOST_PAIRS)
        ],
        "residual_sum_of_squares": found.residual_sum,
        "residual_deviation": found.residual_deviation,
        "reduced_chi_square": found.reduced_chi_square,
        "r_squared": found.r_squared,
        "adjusted_r_squared": found.adjusted_r_squared,
        "aic": found.aic,
        "bic": found.bic,
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
        "identifiable": entry.identifiable,
        "at_bound": entry.at_bound,
        "reason": entry.reason,
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
    if rates is None:
        return None
    return {
        "goal": {"loss": rates.goal.loss, "to": rates.goal.to},
        "own": _trial(rates.own),
        "best": None if rates.best is None else _trial(rates.best),
        "trials": [_trial(trial) for trial in rates.trials],
    }


def _trial(trial: RateTrial) -> dict[str, Any]:
    return {field.name: getattr(trial, field.name) for field in fields(trial)}


def _taylor(explanation: Explanation) -> dict[str, Any] | None:
    taylor: Taylor | None = explanation.taylor
    if taylor is None:
        return None
    return {
        "step": explanation.step,
        "first_order": taylor.first_order,
        "second_order": taylor.second_order,
        "actual": taylor.actual,
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
                "operation": node.operation,
                "inputs": node.inputs,
                "value": value,
                "adjoint": adjoint,
                "per_row": node.value.ndim > 0 or node.adjoint.ndim > 0,
            }
        )
    return {"step": explanation.step, "row": row, "nodes": nodes}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "sentence": finding.sentence,
        "evidence": finding.evidence,
    }


def _remedy(remedy: Remedy) -> dict[str, Any]:
    return {**outcome_document(remedy), "weights": remedy.weights}


def outcome_document(remedy: Remedy) -> dict[str, Any]:
    """What a remedy is and what came of it, without its weights."""
    return {
        "change": remedy.change,
        "sentence": remedy.sentence,
        "command": remedy.command,
        "python": remedy.python,
        "predicted_steps": remedy.predicted_steps,
        "measured_steps": remedy.measured_steps,
        "measured_loss": remedy.measured_loss,
        "reached": remedy.reached,
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
        return value if math.isfinite(value) else _name(value)
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if is_dataclass(value):
        return {part.name: plain(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, Iterable):
        return [plain(part) for part in value]
    return str(value)


def _name(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


# What is kept


_Kept = RunRecord | TrainingRecord

_KINDS: Final[Mapping[str, type[_Kept]]] = {"run": RunRecord, "training": TrainingRecord}


def encode(record: _Kept) -> dict[str, Any]:
    """The whole record in terms of what JSON has; `decode` gives it back, bit for bit.

    Arrays are base64 of their bytes in little-endian order.
    """
    kind = next(kind for kind, wanted in _KINDS.items() if isinstance(record, wanted))
    return {"format": FORMAT, "kind": kind, "record": _encode(record)}


def decode(kept: Mapping[str, Any]) -> _Kept:
    """The record that `encode` was given.

    Raises InputError for a version that this Steepest does not know, and for what is no run.
    """
    version = kept.get("format")
    if type(version) is not int:
        raise _damaged("it has no format version")
    if version != FORMAT:
        newer = version > FORMAT
        raise InputError(
            "This run was kept in a format that this version of Steepest does not know.",
            given=f"format {version}, and known is {FORMAT}",
            instead="Install a newer Steepest to read it." if newer else None,
        )
    kind = kept.get("kind", "run")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise _damaged("it is of no known kind")
    record: _Kept = _decode(_KINDS[kind], kept.get("record"), "record")
    return record


def encode_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Named values, such as options, in terms of what JSON has; `decode_values` gives them back."""
    return {name: _encode(value) for name, value in values.items()}


def decode_values(kept: Mapping[str, Any]) -> dict[str, Any]:
    """What `encode_values` was given. Raises InputError where it is damaged."""
    return {name: _decode(object, value, name) for name, value in kept.items()}


def _damaged(what: str) -> InputError:
    return InputError(f"The kept run cannot be read: {what}.")


def _encode(value: Any) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, np.ndarray):
        return _encode_array(value)
    if isinstance(value, np.generic):
        return {"$scalar": _encode_array(np.asarray(value))}
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": _name(value)}
    if is_dataclass(value):
        return {field.name: _encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        # Pairs, because a name that someone else chose may look like one of our marks.
        return {"$map": [[_encode(key), _encode(part)] for key, part in value.items()]}
    if isinstance(value, tuple):
        return {"$tuple": [_encode(part) for part in value]}
    if isinstance(value, Sequence):
        return [_encode(part) for part in value]
    raise TypeError(f"{type(value).__name__} cannot be kept")


def _encode_array(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    if array.dtype.kind not in "bfiu":
        raise TypeError(f"an array of {array.dtype} cannot be kept")
    ordered = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return {
        "$array": base64.b64encode(ordered.tobytes()).decode("ascii"),
        "type": array.dtype.newbyteorder("<").str,
        "shape": list(array.shape),
    }


def _decode(wanted: Any, value: Any, where: str) -> Any:
    """The value, as the annotation `wanted` says; `where` names the place in messages."""
    record = _record_type(wanted, value)
    if record is not None:
        return _decode_record(record, value, where)
    inner = _inner(wanted)
    if isinstance(value, list):
        return [_decode(inner, part, where) for part in value]
    if not isinstance(value, dict):
        return value
    if "$float" in value:
        if value["$float"] not in _NAMES:
            raise _damaged(f"{where} is no number")
        return _NAMES[value["$float"]]
    if "$array" in value:
        return _decode_array(value, where)
    if "$scalar" in value:
        return _decode_array(value["$scalar"], where)[()]
    if isinstance(value.get("$map"), list):
        try:
            return {
                _decode(str, key, where): _decode(inner, part, where) for key, part in value["$map"]
            }
        except (TypeError, ValueError) as error:
            raise _damaged(f"{where} is no mapping") from error
    if isinstance(value.get("$tuple"), list):
        return tuple(_decode(inner, part, where) for part in value["$tuple"])
    raise _damaged(f"{where} is not understood")


def _decode_record(record: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise _damaged(f"{where} is missing")
    hints: dict[str, Any] = _hints(record)
    unknown = sorted(set(value) - set(hints))
    if unknown:
        raise _damaged(f"{where}.{unknown[0][:40]!a} is not known")
    given = {}
    for field in fields(record):
        name = f"{where}.{field.name}"
        if field.name in value:
            given[field.name] = _decode(hints[field.name], value[field.name], name)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise _damaged(f"{name} is missing")
    return record(**given)


def _decode_array(value: Any, where: str) -> np.ndarray[Any, Any]:
    try:
        data = base64.b64decode(value["$array"], validate=True)
        kind = np.dtype(value["type"])
        if kind.kind not in "bfiu":
            raise ValueError
        array = np.frombuffer(data, dtype=kind).reshape(value["shape"])
        return array.astype(kind.newbyteorder("="))
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(f"{where} is no array") from error


@cache
def _hints(record: Any) -> dict[str, Any]:
    return typing.get_type_hints(record)


def _record_type(wanted: Any, value: Any) -> type[Any] | None:
    """The record that an annotation asks for: itself, or the one in `Record | None`."""
    if isinstance(wanted, type) and is_dataclass(wanted):
        return wanted
    if typing.get_origin(wanted) in (types.UnionType, typing.Union) and value is not None:
        for part in typing.get_args(wanted):
            if isinstance(part, type) and is_dataclass(part):
                return part
    return None


def _inner(wanted: Any) -> Any:
    """What a sequence or a mapping holds, by its annotation."""
    if typing.get_origin(wanted) in (types.UnionType, typing.Union):
        wanted = next((a for a in typing.get_args(wanted) if a is not types.NoneType), object)
    arguments = [a for a in typing.get_args(wanted) if a is not Ellipsis]
    if not arguments or typing.get_origin(wanted) is typing.Literal:
        return object
    return arguments[-1]
