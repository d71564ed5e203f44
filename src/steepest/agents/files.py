"""Files that an agent may name: those below one folder, of a size that fits an answer's time."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Final

from steepest.words.errors import InputError
from steepest.words.wording import escaped

_MOST_BYTES: Final = 256 * 2**20
_MOST_PACKED: Final = 16 * 2**20
_MOST_FILES: Final = 1000


def path_below(folder: Path, given: str) -> str:
    """The file or folder that is meant, whole. Raises InputError for what may not be read."""
    try:
        path = (folder / given).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise InputError(
            "There is no such file.",
            given=f'"{escaped(given)}"',
            instead=f"Paths begin in {escaped(str(folder), 200)}.",
        ) from None
    parts = [path]
    if path.is_dir():
        parts += [one.resolve() for one in islice(path.iterdir(), _MOST_FILES + 1)]
    if len(parts) > _MOST_FILES + 1:
        raise InputError("The folder has too many files.", instead=f"At most {_MOST_FILES:,}.")
    if not all(one.is_relative_to(folder) for one in parts):
        raise InputError(
            "The path leads out of the folder that may be read.",
            given=f'"{escaped(given)}"',
            instead=f"That is {escaped(str(folder), 200)}; steepest mcp --folder names another.",
        )
    if not (path.is_file() or path.is_dir()):
        raise InputError("This is neither a file nor a folder.", given=f'"{escaped(given)}"')
    most = _MOST_PACKED if path.suffix == ".gz" else _MOST_BYTES
    if sum(one.stat().st_size for one in parts if one.is_file()) > most:
        raise InputError(
            f"The data has more than {most // 2**20} MB.",
            instead="The command line takes it, or a part of it in a file of its own.",
        )
    return str(path)
