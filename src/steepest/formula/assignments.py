"""Values and bounds given to weights in one line of text: `a=0.1,b=-2e-3`, `b=0:,c=-1:1`."""

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


def parse_start(text: str) -> dict[str, float] | list[float]:
    """As `parse_assignments`, or numbers alone, in the order of the weights.

    >>> parse_start("x=3"), parse_start("1, -2e3")
    ({'x': 3.0}, [1.0, -2000.0])
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        return parse_assignments(text)
    return numbers if all(map(math.isfinite, numbers)) else parse_assignments(text)


def parse_bounds(text: str, *, option: str = "--bounds") -> dict[str, tuple[float, float]]:
    """Lower and upper bound of each weight in `b=0:,c=-1:1`; infinite where a side is empty.

    Raises FormulaError, which points at the place.

    >>> parse_bounds("b=0:,c=-1:1")
    {'b': (0.0, inf), 'c': (-1.0, 1.0)}
    """
    found: dict[str, tuple[float, float]] = {}
    position = 0
    for part in text.split(","):
        name, equals, rest = part.partition("=")
        low, colon, high = rest.partition(":")
        problem = None
        if not (equals and name.strip() and colon and (low.strip() or high.strip())):
            problem = f"{option} takes name=low:high, separated by commas."
        else:
            bounds = (_side(name, low, option, -math.inf), _side(name, high, option, math.inf))
            name = name.strip()
            if name in found:
                problem = f"The weight {name} is given twice in {option}."
            elif not bounds[0] < bounds[1]:
                problem = f"The lower bound of {name} must lie below its upper bound."
            else:
                found[name] = bounds
        if problem is not None:
            raise FormulaError(
                problem,
                formula=text,
                column=position,
                length=len(part),
                instead="Write for example b=0:,c=-1:1.",
            )
        position += len(part) + 1
    return found


def _side(name: str, written: str, option: str, empty: float) -> float:
    # `parse_assignments` says what is wrong with a name or a number.
    assigned = parse_assignments(f"{name}={written.strip() or 0}", option=option)
    return next(iter(assigned.values())) if written.strip() else empty
