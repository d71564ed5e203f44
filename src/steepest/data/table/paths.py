"""The files that a path or a pattern stands for, and what is said where there are none."""

from __future__ import annotations

import glob
import itertools
import os
from pathlib import Path
from typing import Final

from steepest.data.table.wording import nearest
from steepest.words.errors import InputError
from steepest.words.wording import escaped, pathname

READABLE: Final = "Known are .csv, .tsv and .txt (also with .gz), .parquet and .pq."
_MOST_NAMES_COMPARED: Final = 10_000


def files_of(text: str) -> list[Path]:
    """What is there, a folder as well; for a pattern the files that fit. Raises InputError."""
    if not text:
        raise InputError("The name of the data file is empty.", instead=READABLE)
    try:
        path = Path(text).expanduser()
        path.stat()
        return [path]
    except (FileNotFoundError, NotADirectoryError):
        found = sorted(map(Path, glob.glob(text, recursive=True))) if glob.has_magic(text) else []
        files = [path for path in found if path.is_file()]
    except (OSError, RuntimeError, ValueError) as error:
        raise unreadable(text, error) from None
    if not files:
        raise _no_such_file(text)
    return files


def _no_such_file(text: str) -> InputError:
    if glob.has_magic(text):
        return InputError(
            f"No file fits the pattern {pathname(text)}.", instead="Give the path of a file."
        )
    if "://" in text:
        return InputError(
            f"{pathname(text)} is an address, and Steepest reads files.",
            instead=f"Fetch it first: curl -Lo data.csv {pathname(text, bare=True)}"
            if text.startswith(("http://", "https://", "ftp://"))
            else "Fetch it first, and give the path of the file.",
        )
    path = Path(text).expanduser()
    try:
        with os.scandir(path.parent) as entries:
            names = [e.name for e in itertools.islice(entries, _MOST_NAMES_COMPARED)]
    except (OSError, ValueError):
        return InputError(
            f"There is no file {pathname(text)}: "
            f"the folder {pathname(path.parent)} does not exist or cannot be read."
        )
    return InputError(
        f"There is no file {pathname(text)}.",
        instead=nearest(path.name, names) or "Give the path of a file.",
    )


def unreadable(text: str, error: Exception) -> InputError:
    """The sentence for what the system says of a path."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return InputError(f"{pathname(text)} cannot be read: {escaped(reason, 200)}.")
