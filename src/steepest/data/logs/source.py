"""Which reader a log wants, by its name and its first characters."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from steepest.data.logs.delimited import from_delimited
from steepest.data.logs.events import from_events, is_events
from steepest.data.logs.json_logs import from_json, from_json_lines
from steepest.data.logs.table import MOST_EVENT_BYTES, MOST_LOG_BYTES, LogTable
from steepest.words.errors import InputError
from steepest.words.wording import count, pathname

LOGS = ("metrics.csv", "trainer_state.json", "wandb-history.jsonl", "log.csv", "history.csv")
"""In a folder the first of these is read, where there are no event files."""


def read_log(path: str | os.PathLike[str], *, growing: bool = False) -> LogTable:
    """A log as a table. Of one that is `growing`, a line that is not ended yet is left out.

    Raises InputError for what cannot be read, or holds no number.
    """
    place = Path(os.path.expanduser(os.fspath(path)))
    try:
        found = _read(place, growing)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(
            f"The log cannot be read: {reason}.", given=pathname(path, bare=True)
        ) from error
    if not found.columns:
        raise InputError("The log holds no column of numbers.", given=pathname(path, bare=True))
    return found


def state_of(path: str | os.PathLike[str]) -> tuple[tuple[str, int, int], ...]:
    """What changes when a log grows: its files, each with its size and when it was written."""
    place = Path(os.path.expanduser(os.fspath(path)))
    found = []
    for one in sorted(place.rglob("*")) if place.is_dir() else [place]:
        with suppress(OSError):
            seen = one.stat()
            found.append((str(one), seen.st_size, seen.st_mtime_ns))
    return tuple(found)


def _read(place: Path, growing: bool) -> LogTable:
    if place.is_dir():
        events = sorted(one for one in place.rglob("*") if is_events(one))
        if events:
            _check_size(sum(one.stat().st_size for one in events), place, MOST_EVENT_BYTES)
            return from_events(place, events)
        known = [place / name for name in LOGS if (place / name).is_file()]
        if not known:
            raise InputError(
                "This folder holds no log that Steepest knows.",
                given=pathname(place, bare=True),
                instead=f"Name a file, or a folder with event files or {LOGS[0]}.",
            )
        place = known[0]
    if not place.is_file():
        raise InputError("There is no such log.", given=pathname(place, bare=True))
    _check_size(
        place.stat().st_size, place, MOST_EVENT_BYTES if is_events(place) else MOST_LOG_BYTES
    )
    if is_events(place):
        return from_events(place.parent, [place])
    text = place.read_bytes().decode("utf-8-sig", "replace")
    if growing and text.lstrip()[:1] != "[" and place.suffix != ".json":
        text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
    if not text.strip():
        raise InputError("The log is empty.", given=pathname(place, bare=True))
    begin = text.lstrip()[:1]
    if begin == "{" and place.suffix == ".jsonl":
        return from_json_lines(str(place), text)
    if begin in "{[":
        return from_json(str(place), text)
    return from_delimited(str(place), text)


def _check_size(size: int, place: Path, most: int) -> None:
    if size > most:
        raise InputError(
            f"The log has {count(size)} bytes, and at most {count(most)} are read.",
            given=pathname(place, bare=True),
        )
