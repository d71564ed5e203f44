"""The names of a plain file's columns, without reading the file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_PLAIN: Final = re.compile(rb"([A-Za-z_]\w*(?:,[A-Za-z_]\w*)*)\r?\n", re.ASCII)
_LONGEST: Final = 1 << 16
_NUMBERS: Final = frozenset(
    {"na", "nan", "nat", "null", "none", "inf", "infinity", "true", "false"}
)
"""What may be a row where it stands alone, and no name."""


def plain_names(path: Path) -> tuple[str, ...] | None:
    """The names in the first line; None where reading the table may find others.

    Plain is a line of different words between commas.
    """
    try:
        with path.open("rb") as file:
            found = _PLAIN.match(file.readline(_LONGEST))
    except OSError:
        return None
    names = tuple(found[1].decode("ascii").split(",")) if found else ()
    folded = {name.lower() for name in names}
    return names if len(folded) == len(names) > 0 and not folded & _NUMBERS else None
