"""Standard output: a report, a page or one JSON document. A reader that leaves is no error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import RenderableType

from steepest.records.document import document, to_json
from steepest.records.run import RunRecord
from steepest.show.terminal import Report, console_for, plain
from steepest.words.errors import InputError


def write_json(record: RunRecord) -> None:
    """The contract's document, in UTF-8 whatever the terminal speaks."""
    write_text(to_json(document(record)) + "\n", encoding="utf-8")


def write_report(record: RunRecord, *, backward: bool) -> None:
    """The run in words."""
    write(Report(record, backward=backward))


def is_terminal() -> bool:
    """Whether a person is reading standard output."""
    return sys.stdout.isatty()


def write(renderable: RenderableType) -> None:
    """With styles on a terminal, else as plain text of 80 columns.

    The renderable breaks its lines itself.
    """
    if not is_terminal():
        encoding = (sys.stdout.encoding or "utf-8").lower()
        write_text(plain(renderable, ascii_only=not encoding.startswith("utf")))
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
        raise InputError(f"Standard output cannot be written: {error.strerror}.") from error
