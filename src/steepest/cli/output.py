"""Standard output: a report, a page or one JSON document. A reader that leaves is no error.

What a page needs is imported when there is one: a text is written without.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from steepest.words.errors import InputError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from steepest.records.run import RunRecord
    from steepest.run.base import BaseRun


def write_json(record: RunRecord) -> None:
    """The contract's document, in UTF-8 whatever the terminal speaks."""
    from steepest.records.document import document, to_json

    write_text(to_json(document(record)) + "\n", encoding="utf-8")


def write_run(run: BaseRun, given: Mapping[str, Any]) -> None:
    """The run in words: one screen, or what `--why` and `--backward` ask for."""
    if given["why"]:
        write(run.report_of(weight=given["why"]))
    elif given["why"] is not None or given.get("backward"):
        write(run.report_of(backward=bool(given.get("backward"))))
    else:
        write(run.report_of(why=_unfolding(run.id, given["store"])))


def _unfolding(run: str | None, store: str | None) -> str:
    """What to type to see the whole report."""
    if run is None:
        return "the same command with --why"
    from steepest.problem.command import typed

    return typed(["steepest", "runs", "show", run], {"store": store, "why": True})


def is_terminal() -> bool:
    """Whether a person is reading standard output."""
    return sys.stdout.isatty()


def write(renderable: RenderableType) -> None:
    """With styles on a terminal, or where FORCE_COLOR says so; else as plain text.

    Of 80 columns, unless COLUMNS says otherwise. The renderable breaks its lines itself.
    """
    from steepest.show.terminal import columns_of, console_for, forced, plain

    if not (is_terminal() or forced()):
        encoding = (sys.stdout.encoding or "utf-8").lower()
        ascii_only = not encoding.startswith("utf")
        write_text(plain(renderable, width=columns_of(sys.stdout), ascii_only=ascii_only))
        return
    with _output():
        console_for(sys.stdout).print(renderable, crop=False, no_wrap=True, overflow="ignore")


def write_text(text: str, *, encoding: str | None = None) -> None:
    """The text as it is."""
    encoding = encoding or sys.stdout.encoding or "utf-8"
    write_bytes(text.encode(encoding, "backslashreplace"))


def write_bytes(content: bytes) -> None:
    """The bytes as they are."""
    with _output():
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


@contextmanager
def _output() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # Python flushes standard output once more when it ends, and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        # Python would complain once more of what is still to be written when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise InputError(f"Standard output cannot be written: {error.strerror}.") from error
