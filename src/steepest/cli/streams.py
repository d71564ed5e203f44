"""The standard streams of this process, some of which a shell may have closed."""

from __future__ import annotations

import os
import sys


def open_closed_streams() -> None:
    """Put something in the place of each closed stream, so that no file of ours gets its number.

    What is written to a closed standard output fails, as it must be told; what is written to a
    closed standard error is lost.
    """
    if sys.stdin is None:
        _take(0, os.O_RDONLY)
    if sys.stdout is None:
        # Open, but not for writing.
        _take(1, os.O_RDONLY)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        _take(2, os.O_WRONLY)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)


def _take(number: int, how: int) -> None:
    found = os.open(os.devnull, how)
    if found != number:
        os.dup2(found, number)
        os.close(found)
