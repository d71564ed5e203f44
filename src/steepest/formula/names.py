"""Names: which ones are near each other, and which ones need backticks."""

from __future__ import annotations

import difflib
import keyword
import re
import unicodedata
from collections.abc import Collection, Iterable
from itertools import islice

from steepest.words.suggest import LONGEST_COMPARED, MOST_COMPARED, suggest

LEAST_TYPED = 3
"""A shorter name is no other one mistyped."""


def did_you_mean(name: str, candidates: Iterable[str]) -> str | None:
    """`Did you mean speed or speeds?`, or None where nothing is near."""
    near = suggest(name, candidates)
    return f"Did you mean {' or '.join(shown(n) for n in near)}?" if near else None


def is_plain(name: str) -> bool:
    """Whether a column of this name can be written without backticks."""
    return (
        name.isidentifier()
        and not keyword.iskeyword(name)
        and unicodedata.normalize("NFKC", name) == name
    )


def quoted(name: str) -> str:
    """The name as it is written in a formula; a backtick inside backticks is doubled."""
    if is_plain(name) or indicated(name) is not None:
        return name
    return "`" + name.replace("`", "``") + "`"


def indicator(column: str, category: str, op: str = "==") -> str:
    r"""The name of the column that is 1 where another has this category, else 0.

    Every table has it, whoever asks; it is written in a formula as it is called.

    >>> indicator("city", "Rome"), indicator("home town", 'a "b" c')
    ('city == "Rome"', '`home town` == "a ""b"" c"')
    """
    doubled = category.replace('"', '""')
    return f'{quoted(column)} {op} "{doubled}"'


_INDICATOR = re.compile(r'(`(?:[^`]|``)+`|[^\W\d]\w*) == "((?:[^"]|"")*)"', re.DOTALL)


def indicated(name: str) -> tuple[str, str] | None:
    """The column and the category that `indicator` made a name of; None for any other name."""
    found = _INDICATOR.fullmatch(name) if name.endswith('"') else None
    if found is None:
        return None
    column = found[1][1:-1].replace("``", "`") if found[1][0] == "`" else found[1]
    category = found[2].replace('""', '"')
    return (column, category) if indicator(column, category) == name else None


def shown(name: str) -> str:
    """The name for a message: like `quoted`, but nothing in it can steer a terminal."""
    safe = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
    return quoted(safe if len(safe) <= LONGEST_COMPARED else safe[: LONGEST_COMPARED - 3] + "...")


def listed(candidates: Collection[str]) -> str:
    """The first eight names for a message."""
    first = [shown(candidate) for candidate in islice(candidates, 8)]
    return ", ".join(first) + (", ..." if len(candidates) > len(first) else "")


def doubtful(weights: Iterable[str], columns: Collection[str]) -> tuple[tuple[str, str], ...]:
    """(weight, column) for each weight whose name nearly is that of a column.

    Nearly: equal but for case, spaces and punctuation, or one or two letters apart in a name
    of four or more; the weight may be one shorter. Numbered names (`temp1`, `temp2`) are not
    doubtful.
    """
    bare: dict[str, str] = {}
    for column in columns:
        bare.setdefault(_bare(column), column)
    for column in columns:
        # Of one with a unit, Size (m2), the first word.
        word = _bare(re.split(r"\W", column.strip(), maxsplit=1)[0])
        if len(word) >= LEAST_TYPED:
            bare.setdefault(word, column)
    found = []
    for weight in weights:
        key = _bare(weight)
        if key and key in bare:
            found.append((weight, bare[key]))
            continue
        if not LEAST_TYPED <= len(key) <= LONGEST_COMPARED:
            continue
        near = [
            other
            for other in bare
            if other[:1] == key[:1]
            and len(other) > LEAST_TYPED
            and abs(len(other) - len(key)) <= 2
            and _without_digits(other) != _without_digits(key)
        ]
        best = difflib.get_close_matches(key, near[:MOST_COMPARED], n=1, cutoff=0.85)
        if best:
            found.append((weight, bare[best[0]]))
    return tuple(found)


def _bare(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())


def _without_digits(name: str) -> str:
    return "".join(c for c in name if not c.isdigit())
