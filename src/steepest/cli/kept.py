"""What `steepest runs` shows and writes."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from steepest.cli.failures import note
from steepest.cli.output import write, write_bytes, write_run, write_text
from steepest.show.written import check_new, write_file
from steepest.store.rows import path_of, summaries, whole_id
from steepest.words.errors import UsageError
from steepest.words.wording import count, number, origin, pathname

if TYPE_CHECKING:
    from steepest.records.verdict import Verdict


def show_list(given: Mapping[str, Any]) -> None:
    """Run `steepest runs list`."""
    store = given["store"]
    found = summaries(path_of(store), is_default=store is None)
    if given["as_json"]:
        from steepest.records.document import summary_document

        _write_json({"runs": [summary_document(summary) for summary in found]})
    else:
        from steepest.show.terminal import RunList

        write(RunList(found))


def show_run(run: str, given: Mapping[str, Any]) -> None:
    """Run `steepest runs show`."""
    run = _known(run, given)
    from steepest.jobs.load import load
    from steepest.run.data import changed_data
    from steepest.store.store import Store

    store = Store(given["store"])
    found, summary, changed = load(run, store), store.summary(run), changed_data(store, run)
    if given["as_json"]:
        _write_json(found.to_dict())
    else:
        write_run(found, given)
    if summary.status in ("killed", "interrupted") and summary.command != "watch":
        note(f"steepest {summary.command} --resume {summary.id} goes on with it.", sys.stderr)
    if changed is not None:
        note(changed, sys.stderr)
    if is_as_bad(found.verdict, given["fail_on"]):
        raise click.exceptions.Exit(1)


def _known(run: str, given: Mapping[str, Any]) -> str:
    """The run's whole id, looked up before anything is imported that shows a run."""
    return whole_id(path_of(given["store"]), run)


def is_as_bad(verdict: Verdict, severity: str | None) -> bool:
    """Whether a finding is of this severity or graver."""
    grave = {"error": ("error",), "warning": ("error", "warning")}.get(severity or "", ())
    return any(finding.severity in grave for finding in verdict.findings)


def show_comparison(first: str, second: str, given: Mapping[str, Any]) -> None:
    """Run `steepest runs compare`."""
    first, second = _known(first, given), _known(second, given)
    from steepest.jobs.load import load
    from steepest.records.document import summary_document
    from steepest.run.comparing import compare
    from steepest.show.terminal import Comparison
    from steepest.store.store import Store

    store = Store(given["store"])
    summaries = store.summary(first), store.summary(second)
    pairs, sentence = compare((load(first, store), load(second, store)), summaries)
    if given["as_json"]:
        _write_json(
            {
                "runs": [summary_document(summary) for summary in summaries],
                "same": {name: pair[0] for name, pair in pairs.items() if pair[0] == pair[1]},
                "different": {name: pair for name, pair in pairs.items() if pair[0] != pair[1]},
                "sentence": sentence,
            }
        )
        return
    rows = [(name, _told(name, one), _told(name, other)) for name, (one, other) in pairs.items()]
    write(Comparison((summaries[0].id, summaries[1].id), rows, sentence))


def _told(name: str, value: Any) -> str:
    return origin(value) if name == "data" and value is not None else _said(value)


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


def export_run(run: str, given: Mapping[str, Any]) -> None:
    """Run `steepest runs export`."""
    run = _known(run, given)
    from steepest.jobs.load import EXPORTS, exported, load
    from steepest.store.store import Store

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
    if kind not in EXPORTS:
        if output is None:
            raise UsageError("This is written into a folder.", instead="Name the folder with -o.")
        output = load(run, store).export(kind, output, force=given["force"])
    elif output is None:
        write_bytes(exported(run, kind, store))
        return
    else:
        check_new(output, force=given["force"])
        write_file(output, exported(run, kind, store))
    if given["as_json"]:
        _write_json({"run": store.summary(run).id, "to": kind, "output": output})
    else:
        click.echo(f"Written: {pathname(output, bare=True)}", err=True)


def report_run(run: str, given: Mapping[str, Any]) -> None:
    """Run `steepest runs report`."""
    run = _known(run, given)
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
    whole = list(dict.fromkeys(_known(name, given) for name in names))
    from steepest.store.store import Store

    store = Store(given["store"])
    for name in whole:
        store.delete(name)
    if given["as_json"]:
        _write_json({"deleted": whole})
    else:
        write_text("".join(f"Deleted {name}\n" for name in whole))


def _write_json(found: Mapping[str, Any]) -> None:
    from steepest.records.document import to_json

    write_text(to_json(found) + "\n", encoding="utf-8")
