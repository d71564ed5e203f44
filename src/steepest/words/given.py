"""What a caller gives, read: plain values, and one sentence where a value is of another kind."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any, Final

from steepest.words.errors import UsageError

LONGEST_SHOWN: Final = 60
"""Characters of a wrong value that are shown."""

_MOST_DIGITS: Final = 1000
"""Beyond some thousands, Python refuses to write a whole number."""


def wrong(name: str, what: str, value: Any, instead: str) -> UsageError:
    """The error for a value of a kind that the option cannot have."""
    return UsageError(
        f"{name} must be {what}.", given=shown_value(value), instead=f"Write {instead}."
    )


def shown_value(value: Any) -> str:
    """The value as a message shows it.

    >>> shown_value(3), shown_value(10**5000), shown_value("a" * 100)[:8]
    ('3', 'a number of about 5,001 digits', "'aaaaaaa")
    """
    if isinstance(value, int) and value.bit_length() > 60:
        if value.bit_length() < 3 * _MOST_DIGITS:
            return f"a number of {len(str(abs(value)))} digits"
        return f"a number of about {math.ceil(value.bit_length() * math.log10(2)):,} digits"
    try:
        shown = " ".join(ascii(value).split())
    except Exception:
        shown = ""
    # What does not say what it is, or only where in memory, is known by its kind.
    if not shown or " at 0x" in shown:
        return f"a value of the kind {type(value).__name__}"
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}..."


def is_truth(value: Any) -> bool:
    """Whether the value is True or False, numpy's too."""
    # numpy's is no bool, and a number to nobody.
    return isinstance(value, bool) or type(value).__name__ == "bool"


def as_number(value: Any) -> float | None:
    """The value as a float; None where it is no number, or none that a float can be."""
    if not isinstance(value, Real) or is_truth(value):
        return None
    try:
        return float(value)
    except (OverflowError, ValueError, TypeError):
        return None


def as_whole(value: Any) -> int | None:
    """The value as a whole number; None where it is none."""
    if isinstance(value, Integral) and not is_truth(value):
        return int(value)
    found = as_number(value)
    return int(found) if found is not None and found.is_integer() else None


def short(name: str, value: int, digits: int) -> int:
    """The whole number. Raises UsageError where it has more digits than can be of use."""
    if abs(value) >= 10**digits:
        raise UsageError(f"{name} has too many digits.", given=shown_value(value))
    return value


def number(name: str, value: Any, *, example: str = "0.1", what: str = "a number") -> float:
    """The value as a number. Raises UsageError."""
    found = as_number(value)
    if found is None:
        raise wrong(name, what, value, f"for example {name}={example}")
    return found


def whole(name: str, value: Any, example: str = "1") -> int:
    """The value as a whole number. Raises UsageError."""
    found = as_whole(value)
    if found is None:
        raise wrong(name, "a whole number", value, f"for example {name}={example}")
    return short(name, found, _MOST_DIGITS)
