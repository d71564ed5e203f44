"""Which names are near one that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

from steepest.words.errors import UsageError
from steepest.words.wording import escaped, listed

# Comparing costs the product of both lengths, and headers come from anyone's file.
LONGEST_COMPARED: Final = 80
MOST_COMPARED: Final = 2000


def suggest(name: str, candidates: Iterable[str], *, count: int = 3) -> list[str]:
    """The nearest of the candidates, best first; a name that differs only in case leads.

    At most 2,000 candidates of at most 80 characters are looked at.
    """
    if len(name) > LONGEST_COMPARED:
        return []
    folded: dict[str, str] = {}
    for candidate in candidates:
        if len(candidate) <= LONGEST_COMPARED:
            folded.setdefault(candidate.casefold(), candidate)
        if len(folded) == MOST_COMPARED:
            break
    near = difflib.get_close_matches(name.casefold(), folded, n=count, cutoff=0.6)
    return [folded[key] for key in near]


def no_such(what: str, name: str, known: Iterable[str], *, most: int = 20) -> UsageError:
    """The error about a name that is not among those known; `what` is what they are called.

    >>> str(no_such("weight", "A", ("a", "b")))
    'There is no such weight in this run. Given: A. Did you mean a?'
    """
    names = list(known)
    near = suggest(name, names, count=1)
    return UsageError(
        f"There is no such {what} in this run.",
        given=escaped(name),
        instead=f"Did you mean {near[0]}?" if near else f"The {what}s are {listed(names, most)}.",
    )
