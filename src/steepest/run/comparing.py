"""Two runs side by side: what is the same, what differs, and which ended lower."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from steepest.records.run import RunRecord
from steepest.records.summary import RunSummary
from steepest.records.training import TrainingRecord
from steepest.run.base import BaseRun
from steepest.words.wording import count, number


@dataclass(frozen=True)
class _Side:
    """One of two runs, as it is compared."""

    id: str
    facts: dict[str, Any]
    """In terms of JSON."""
    problem: tuple[Any, ...]
    """What must be equal, so that the losses can be compared."""
    loss: float
    steps: int


def compare(
    runs: tuple[BaseRun, BaseRun], summaries: tuple[RunSummary, RunSummary]
) -> tuple[dict[str, tuple[Any, Any]], str]:
    """Facts by name, of the first and of the second, and a sentence: which ended lower."""
    first, second = (_side(*pair) for pair in zip(runs, summaries, strict=True))
    names = list(first.facts | second.facts)
    pairs = {name: (first.facts.get(name), second.facts.get(name)) for name in names}
    return pairs, _which_is_lower(first, second)


def _side(run: BaseRun, summary: RunSummary) -> _Side:
    record = run.record
    if isinstance(record, RunRecord):
        return _of_descent(record, run.to_dict(), summary)
    return _of_training(record, run.to_dict(), summary)


def _of_descent(record: RunRecord, found: dict[str, Any], summary: RunSummary) -> _Side:
    descent, forecast = found["descent"], found["forecast"] or {}
    facts = {
        "command": record.command,
        "formula": record.problem.formula,
        "data": summary.source,
        "fingerprint": summary.fingerprint,
        "loss function": record.problem.loss,
        "rows": record.problem.rows,
        "optimizer": descent["optimizer"],
        "lr": descent["lr"],
        "momentum": descent["momentum"],
        "steps": descent["steps"],
        "stopped": descent["stopped"],
        "first loss": descent["first_loss"],
        "final loss": descent["final_loss"],
        "gap": (found["minimum"] or {}).get("gap"),
        "forecast": forecast.get("steps"),
        **_judged(found),
    }
    problem = (record.command, record.problem.formula, record.problem.loss, summary.fingerprint)
    facts |= _options(found["options"], "optimizer", "lr", "momentum", "steps", "loss", "data")
    return _Side(summary.id, facts, problem, record.descent.final_loss, record.descent.steps)


def _of_training(record: TrainingRecord, found: dict[str, Any], summary: RunSummary) -> _Side:
    learned, still = record.learned, record.standstill
    facts = {
        "command": summary.command,
        "model": record.model,
        "weights": sum(tensor.size for tensor in record.tensors),
        "optimizer": summary.optimizer,
        "steps": record.steps,
        "first loss": found["losses"] and found["losses"]["start"],
        "last loss": found["losses"] and found["losses"]["last"],
    }
    if learned is None:
        lr = found["trace"]["lr"]
        facts |= {
            "lr": lr[0][-1] if lr and lr[0] else None,
            "ended": record.ended,
            "processes": record.processes,
            **_judged(found),
        }
        shapes = tuple((one.name, one.shape) for one in record.tensors)
        problem = (summary.command, shapes)
        return _Side(summary.id, facts, problem, record.losses.end, record.steps)
    told = found["learned"]
    facts |= {
        "data": learned.source,
        "fingerprint": None if still is None else still.fingerprint,
        "loss function": learned.loss,
        "rows": learned.rows,
        "rows held out": learned.held_out,
        "lr": told["lr"],
        "momentum": told["momentum"],
        "batch size": told["batch_rows"],
        "epochs": len(learned.epochs),
        "stopped": learned.stopped,
        **{f"{name} at the end": value for name, value in told["metrics"].items()},
        **_judged(found),
    }
    facts |= _options(
        told["options"], "optimizer", "lr", "momentum", "steps", "loss", "batch_size", "network"
    )
    # Networks may differ: on the same rows their losses can be compared all the same.
    same_rows = (summary.command, learned.loss, learned.held_out, facts["fingerprint"])
    loss = learned.metrics.get("loss", record.losses.end)
    return _Side(summary.id, facts, same_rows, loss, record.steps)


def _judged(found: dict[str, Any]) -> dict[str, Any]:
    verdict = found["verdict"]
    return {
        "learning rate": verdict["learning_rate"],
        "findings": ", ".join(finding["code"] for finding in verdict["findings"]),
        "seconds": found["seconds"],
    }


def _options(given: dict[str, Any], *told: str) -> dict[str, Any]:
    """Those that are not told already."""
    return {f"--{k.replace('_', '-')}": v for k, v in given.items() if k not in told}


def _which_is_lower(first: _Side, second: _Side) -> str:
    if first.problem != second.problem:
        return "They have different problems, so their losses cannot be compared."
    if first.loss == second.loss:
        return f"Both ended with a loss of {number(first.loss)}."
    if math.isnan(first.loss) or math.isnan(second.loss):
        return "One of them did not end with a loss that is a number."
    low, high = (first, second) if first.loss < second.loss else (second, first)
    blind = {"watch": "a watch does not see", "judge": "a log does not say"}
    how = blind.get(first.problem[0])
    unseen = "" if how is None else f" Whether they learned from the same rows, {how}."
    return (
        f"{low.id} ended lower: a loss of {number(low.loss)} after {count(low.steps, 'step')}, "
        f"against {number(high.loss)} after {count(high.steps, 'step')}.{unseen}"
    )
