"""Values given to weights in one line of text: `a=0.1,b=-2e-3`."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection

from steepest.formula.names import did_you_mean, is_plain, listed, shown
from steepest.formula.tokens import fail
from steepest.words.errors import FormulaError


def parse_assignments(
    text: str, *, option: str = "--start", weights: Collection[str] | None = None
) -> dict[str, float]:
    """The values in `a=0.1,b=-2e-3`, as finite numbers.

    Where `weights` is given, no other name may be assigned. `option` names the option in
    messages. Raises FormulaError, which points at the place.
    """
    example = "Write for example a=0.1,b=2."
    if not isinstance(text, str):
        raise FormulaError(f"{option} takes a text, not {type(text).__name__}.", formula="")
    if len(text) > 20_000:
        raise FormulaError(
            f"{option} has {len(text)} characters.",
            formula=text[:500],
            instead="At most 20,000 are read.",
        )
    found: dict[str, float] = {}
    position = 0
    for part in text.split(","):
        start = position + len(part) - len(part.lstrip())
        end = position + len(part.rstrip())
        position += len(part) + 1
        left, equals, right = part.partition("=")
        name, written = unicodedata.normalize("NFKC", left.strip()), right.strip()
        if not equals or not name or not written:
            fail(
                f"{option} takes name=number, separated by commas.",
                text,
                min(start, len(text)),
                end,
                instead=example,
            )
        if not is_plain(name):
            fail(f"{shown(name)} is not the name of a weight.", text, start, end, instead=example)
        if weights is not None and name not in weights:
            near = did_you_mean(name, weights)
            fail(
                f"There is no weight {shown(name)} for {option}.",
                text,
                start,
                start + len(name),
                instead=near or f"The weights are {listed(weights)}.",
            )
        if name in found:
            fail(f"The weight {name} is given twice in {option}.", text, start, end)
        column = end - len(written)
        if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", written):
            fail(f"The value of {name} is not a number.", text, column, end, instead=example)
        value = float(written)
        if not math.isfinite(value):
            fail(f"The value of {name} is too large.", text, column, end)
        found[name] = value
    return found
