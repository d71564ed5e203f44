"""What `steepest runs` shows and writes."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from steepest.cli.failures import note
from steepest.cli.output import write, write_bytes, write_report, write_text
from steepest.records.document import document, summary_document, to_json
from steepest.records.run import RunRecord, RunSummary
from steepest.records.training import TrainingRecord
from steepest.records.training_document import training_document
from steepest.records.verdict import Verdict
from steepest.show.export import (
    FILE_NAME,
    to_csv,
    to_parquet,
    to_tensorboard,
)
from steepest.show.terminal import Comparison, RunList, TrainingReport
from steepest.store import Store
from steepest.words.errors import InputError, UsageError
from steepest.words.wording import count, number, pathname


def show_list(given: Mapping[str, Any]) -> None:
    """Run `steepest runs list`."""
    summaries = Store(given["store"]).summaries()
    if given["as_json"]:
        _write_json({"runs": [summary_document(summary) for summary in summaries]})
    else:
        write(RunList(summaries))


def show_run(run: str, given: Mapping[str, Any]) -> None:
    """Run `steepest runs show`."""
    store = Store(given["store"])
    record = store.any_record(run)
    if isinstance(record, TrainingRecord):
        verdict = record.verdict
        if given["as_json"]:
            _write_json(training_document(record))
        else:
            write(TrainingReport(record))
    else:
        verdict = record.verdict
        _show_descent(record, store, given)
    if verdict is not None and _is_as_bad(verdict, given["fail_on"]):
        raise click.exceptions.Exit(1)


def _show_descent(record: RunRecord, store: Store, given: Mapping[str, Any]) -> None:
    from steepest.run.stored import changed_data

    if given["as_json"]:
        _write_json(document(record))
    else:
        write_report(record, backward=given["backward"])
    changed = changed_data(store, record.run or "")
    if changed is not None:
        note(changed, sys.stderr)


def _is_as_bad(verdict: Verdict, severity: str | None) -> bool:
    """Whether a finding is of this severity or graver."""
    grave = {"error": ("error",), "warning": ("error", "warning")}.get(severity or "", ())
    return any(finding.severity in grave for finding in verdict.findings)


def show_comparison(first: str, second: str, given: Mapping[str, Any]) -> None:
    """Run `steepest runs compare`."""
    store = Store(given["store"])
    records = store.record(first), store.record(second)
    summaries = store.summary(first), store.summary(second)
    facts = [_facts(record, summary) for record, summary in zip(records, summaries, strict=True)]
    sentence = _which_is_lower(records, summaries)
    names = list(facts[0] | facts[1])
    if given["as_json"]:
        pairs = {name: [fact.get(name) for fact in facts] for name in names}
        _write_json(
            {
                "runs": [summary_document(summary) for summary in summaries],
                "same": {n: pair[0] for n, pair in pairs.items() if pair[0] == pair[1]},
                "different": {n: pair for n, pair in pairs.items() if pair[0] != pair[1]},
                "sentence": sentence,
            }
        )
        return
    rows = [(name, _said(facts[0].get(name)), _said(facts[1].get(name))) for name in names]
    write(Comparison((summaries[0].id, summaries[1].id), rows, sentence))


def _facts(record: RunRecord, summary: RunSummary) -> dict[str, Any]:
    """What is compared, in terms of JSON."""
    found = document(record)
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
        "learning rate": found["verdict"]["learning_rate"],
        "findings": ", ".join(finding.code for finding in record.verdict.findings),
        "seconds": found["seconds"],
    }
    shown = {"optimizer", "lr", "momentum", "steps", "loss", "data"}
    options = {f"--{k.replace('_', '-')}": v for k, v in found["options"].items() if k not in shown}
    return {**facts, **options}


def _said(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return count(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {_said(part)}" for name, part in value.items())
    return str(value)


def _which_is_lower(
    records: tuple[RunRecord, RunRecord], summaries: tuple[RunSummary, RunSummary]
) -> str:
    problems = [
        (record.command, record.problem.formula, record.problem.loss, summary.fingerprint)
        for record, summary in zip(records, summaries, strict=True)
    ]
    if problems[0] != problems[1]:
        return "They have different problems, so their losses cannot be compared."
    losses = [record.descent.final_loss for record in records]
    if losses[0] == losses[1]:
        return f"Both ended with a loss of {number(losses[0])}."
    if math.isnan(losses[0]) or math.isnan(losses[1]):
        return "One of them did not end with a loss that is a number."
    low = 0 if losses[0] < losses[1] else 1
    return (
        f"{summaries[low].id} ended lower: a loss of {number(losses[low])} after "
        f"{count(records[low].descent.steps, 'step')}, against {number(losses[1 - low])} after "
        f"{count(records[1 - low].descent.steps, 'step')}."
    )


def export_run(run: str, given: Mapping[str, Any]) -> None:
    """Run `steepest runs export`."""
    store, kind, output = Store(given["store"]), given["to"], given["output"]
    if output is None and kind == "parquet" and sys.stdout.isatty():
        raise UsageError(
            "Parquet is not for a terminal.", instead="Name a file with -o, or pipe the output."
        )
    if output is None and given["as_json"] and kind != "json":
        raise UsageError(
            f"Standard output cannot be {kind} and JSON at once.",
            instead="Name a file with -o; --json then says which.",
        )
    if kind == "tensorboard":
        if output is None:
            raise UsageError(
                "TensorBoard reads files from a folder.", instead="Name the folder with -o."
            )
        output = os.path.join(output, f"{FILE_NAME}.{store.summary(run).id}")
    if output is not None and os.path.lexists(output) and not given["force"]:
        raise InputError(
            "The file exists already.",
            given=pathname(output, bare=True),
            instead="Name another one, or write over it with --force.",
        )
    if kind != "json" and store.summary(run).command == "watch":
        raise UsageError(
            "The run is a training that was watched.",
            given=f"--to {kind}",
            instead="Write its document: --to json.",
        )
    if kind == "json":
        found = store.any_record(run)
        told = training_document(found) if isinstance(found, TrainingRecord) else document(found)
        content = (to_json(told) + "\n").encode()
    elif kind == "csv":
        content = to_csv(store.trace(run)).encode()
    elif kind == "parquet":
        content = to_parquet(store.trace(run))
    elif kind == "tensorboard":
        content = to_tensorboard(store.trace(run))
    else:
        from steepest.jobs.load import run_of

        kept = run_of(store, store.record(run))
        content = (kept.to_pytorch() if kind == "pytorch" else kept.to_jax()).encode()
    if output is None:
        write_bytes(content)
        return
    try:
        if kind == "tensorboard":
            Path(output).parent.mkdir(parents=True, exist_ok=True)
        Path(output).write_bytes(content)
    except OSError as error:
        raise InputError(
            f"The file cannot be written: {error.strerror or error}.",
            given=pathname(output, bare=True),
        ) from error
    if given["as_json"]:
        _write_json({"run": store.summary(run).id, "to": kind, "output": output})
    else:
        click.echo(f"Written: {pathname(output, bare=True)}", err=True)


def report_run(run: str, given: Mapping[str, Any]) -> None:
    """Run `steepest runs report`."""
    from steepest.jobs.load import load

    output = given["output"]
    found = load(run, given["store"])
    found.report(output, force=given["force"])
    if given["as_json"]:
        _write_json({"run": found.id, "output": output})
    else:
        click.echo(f"Written: {pathname(output, bare=True)}", err=True)


def delete_runs(names: Sequence[str], given: Mapping[str, Any]) -> None:
    """Run `steepest runs delete`."""
    store = Store(given["store"])
    whole = list(dict.fromkeys(store.summary(name).id for name in names))
    for name in whole:
        store.delete(name)
    if given["as_json"]:
        _write_json({"deleted": whole})
    else:
        write_text("".join(f"Deleted {name}\n" for name in whole))


def _write_json(found: Mapping[str, Any]) -> None:
    write_text(to_json(found) + "\n", encoding="utf-8")
