"""The text of `--bounds`."""

from __future__ import annotations

import math

from steepest.formula import parse_assignments
from steepest.words.errors import FormulaError


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
