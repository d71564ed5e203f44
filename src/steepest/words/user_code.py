"""Which line of a traceback is the user's own."""

from __future__ import annotations

import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_LIBRARIES: Final = tuple(
    {*(sysconfig.get_paths()[name] for name in ("purelib", "platlib", "stdlib"))}
)
_OWN: Final = str(Path(__file__).parents[1])


def user_line(frames: Sequence[tuple[str, int, str]]) -> str | None:
    """The innermost line of the user's own code; frames (file, number, text) go inwards."""
    for file, number, text in reversed(frames):
        if not file.startswith((*_LIBRARIES, _OWN, "<frozen")):
            return f"{Path(file).name}:{number}" + (f": {text.strip()}" if text.strip() else "")
    return None
