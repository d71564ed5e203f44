"""A file that is written where the user says: it is there, or one sentence says why not."""

from __future__ import annotations

import os
from pathlib import Path

from steepest.words.errors import InputError
from steepest.words.wording import escaped, pathname


def check_new(path: str | os.PathLike[str], *, force: bool) -> None:
    """Raise InputError where there is such a file, unless it may be written over."""
    name = os.fsdecode(path)
    # What cannot be a name is told when it is written.
    if "\0" not in name and os.path.lexists(name) and not force:
        raise InputError(
            "The file exists already.",
            given=pathname(name, bare=True),
            instead="Name another one, or write over it with --force (force=True in Python).",
        )


def write_file(path: str | os.PathLike[str], content: bytes, *, folder: bool = False) -> None:
    """Write a file; with `folder`, the folders above it too. Raises InputError."""
    name = os.fsdecode(path)
    try:
        if folder:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content)
    except (OSError, ValueError) as error:
        # A character 0, or one that no name can be made of, is a ValueError.
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise InputError(
            f"The file cannot be written: {escaped(reason, 200)}.",
            given=pathname(name, bare=True),
        ) from error
