"""JSON: Hugging Face's `trainer_state.json`, lists of rows, and a row a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from steepest.data.logs.table import MOST_LOG_ROWS, LogTable, log_table
from steepest.words.errors import InputError
from steepest.words.wording import count


def from_json(source: str, text: str) -> LogTable:
    """One document: a Trainer's state, a list of rows, or a mapping from names to lists.

    Where it is none it is read as JSON lines.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return from_json_lines(source, text)
    if isinstance(found, dict) and isinstance(found.get("log_history"), list):
        return log_table(source, "Hugging Face's trainer state", _dicts(found["log_history"]))
    if isinstance(found, list):
        return log_table(source, "JSON", _dicts(found))
    columns = found if isinstance(found, dict) else {}
    lists = {name: part for name, part in columns.items() if isinstance(part, list)}
    if not lists:
        # A log of one line.
        return from_json_lines(source, text)
    longest = min(MOST_LOG_ROWS, max(map(len, lists.values())))
    rows = (
        {name: part[place] for name, part in lists.items() if place < len(part)}
        for place in range(longest)
    )
    return log_table(source, "JSON", rows)


def from_json_lines(source: str, text: str) -> LogTable:
    """A row a line; what is no row is passed over and counted."""
    odd: list[int] = []
    found = log_table(source, "JSON lines", _lines(text, odd))
    if not found.columns:
        raise InputError("The log is neither JSON nor lines of JSON with numbers.", given=source)
    notes = (f"{count(len(odd), 'line')} that no row can be read from passed over",) if odd else ()
    return LogTable(source, found.kind, found.rows, found.columns, notes)


def _lines(text: str, odd: list[int]) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(text.splitlines()):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            yield _flat(row)
        else:
            odd.append(number)


def _dicts(found: list[Any]) -> Iterator[Mapping[str, Any]]:
    return (_flat(row) for row in found if isinstance(row, dict))


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row, with what a mapping in it holds under both names."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{name}/{part}": inner for part, inner in value.items()}
        else:
            flat[name] = value
    return flat
