"""The JSON document of a training."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import numpy as np

from steepest.records.arrays import Steps
from steepest.records.document import MOST_POINTS, outcome_document, plain, told
from steepest.records.log import LogFacts
from steepest.records.training import GradientExplained, Learned, Probe, TrainingRecord, TrialSweep

MOST_SAMPLES: Final = 200
"""Of activations, the latest."""


def training_document(record: TrainingRecord) -> dict[str, Any]:
    """The document: only dicts, lists, strings, finite numbers, booleans and None are in it.

    What was not measured is None, and `not_measured` says why. The trace has at most MOST_POINTS
    points, evenly spaced.
    """
    found: dict[str, Any] = plain(
        {
            "steepest": record.version,
            "command": _command(record),
            **told(record, "run name model steps every ended rank processes groups"),
            "tensors": [_tensor(record, place) for place in range(len(record.tensors))],
            "trace": _trace(record),
            "losses": record.losses if record.losses.count else None,
            **told(record, "validations inputs resets noise"),
            "activations": record.activations[-MOST_SAMPLES:],
            "probes": [_probe(probe) for probe in record.probes],
            "verdict": record.verdict,
            "learned": None if record.learned is None else _learned(record.learned),
            "remedies": [outcome_document(remedy) for remedy in record.remedies],
            "proof": record.proof,
            "log": None if record.log is None else _log(record.log),
            **told(record, "dropped not_measured seconds cost versions"),
        }
    )
    return found


def _command(record: TrainingRecord) -> str:
    if record.log is not None:
        return "judge"
    return "watch" if record.learned is None else "train"


def _log(log: LogFacts) -> dict[str, Any]:
    """What was read, without the norms, which `trace.gradient_norm` has."""
    return {name: value for name, value in vars(log).items() if name != "gradient_norm"}


def sweep_document(record: TrialSweep) -> dict[str, Any]:
    """The JSON document of many learning rates on one network."""
    found: dict[str, Any] = plain({"steepest": record.version, "command": "sweep", **vars(record)})
    del found["version"]
    return found


def _learned(learned: Learned) -> dict[str, Any]:
    """What is known beyond a watch, without the weights themselves."""
    found = {**vars(learned)}
    for name in ("weights", "shift", "scale", "call", "explained", "inputs", "wrong_inputs"):
        del found[name]
    explained = learned.explained
    return {
        **found,
        "inputs": len(learned.inputs),
        "standardized": bool((learned.scale != 1).any()),
        "wrong": None
        if learned.wrong is None
        else [dict(zip(("row", "is", "given"), row, strict=True)) for row in learned.wrong],
        "gradient": None if explained is None else _explained(explained),
        "options": dict(learned.call),
    }


def _explained(found: GradientExplained) -> dict[str, Any]:
    return {
        **told(found, "step loss rows tensors"),
        "passes": [
            {"what": what, "shape": shape, "value": value, "adjoint": adjoint}
            for what, shape, value, adjoint in found.passes
        ],
        "pulls": found.pulls,
    }


def _tensor(record: TrainingRecord, place: int) -> dict[str, Any]:
    tensor = record.tensors[place]
    return {**asdict(tensor), "size": tensor.size, **asdict(record.facts[place])}


def _trace(record: TrainingRecord) -> dict[str, Any]:
    trace = record.trace
    kept = _thinned(len(trace))
    names = [tensor.name for tensor in record.tensors]

    def by_tensor(values: Any) -> dict[str, Any]:
        return {name: values[kept, place] for place, name in enumerate(names)}

    return {
        "step": trace.step[kept],
        "loss": trace.loss[kept],
        "lr": [trace.lr[kept, group] for group in range(trace.lr.shape[1])],
        "weight": by_tensor(trace.weight),
        "gradient": by_tensor(trace.gradient),
        "update": by_tensor(trace.update),
        "turn": by_tensor(trace.turn),
        "overall_turn": trace.overall_turn[kept],
        **({} if record.log is None else {"gradient_norm": record.log.gradient_norm[kept]}),
        "seconds": trace.seconds[kept],
        "cost": trace.cost[kept],
    }


def _thinned(points: int) -> Steps:
    if points <= MOST_POINTS:
        return np.arange(points)
    return np.unique(np.linspace(0, points - 1, MOST_POINTS).round().astype(np.int64))


def _probe(probe: Probe) -> dict[str, Any]:
    return {
        **asdict(probe),
        "losses": None
        if not probe.losses
        else dict(zip((f"{factor:g}" for factor in probe.factors), probe.losses, strict=True)),
    }
