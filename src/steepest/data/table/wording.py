"""How sources, columns and cells are named in a sentence about a table."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from steepest.words.wording import escaped


def quoted(text: str, limit: int = 40) -> str:
    """Return `text` as `escaped` gives it, in double quotes."""
    return f'"{escaped(text, limit)}"'


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Ask whether one of up to three names like `name` was meant; None where nothing is like it."""
    by_folded = {k.casefold(): k for k in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=3)
    if not close:
        return None
    names = [quoted(by_folded[folded]) for folded in close]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
    return f"Did you mean {listed}?"
