"""Values of options as a caller gives them: each read, or one sentence on what it must be."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

from steepest.errors import UsageError

LONGEST_SHOWN = 60
"""Characters of a wrong value that are shown."""


def wrong(name: str, what: str, value: Any, instead: str) -> UsageError:
    """The error for a value of a kind that the option cannot have."""
    return UsageError(
        f"{name} must be {what}.", given=shown_value(value), instead=f"Write {instead}."
    )


def shown_value(value: Any) -> str:
    """The value as a message shows it."""
    shown = ascii(value)
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}..."


def number(name: str, value: Any, *, example: str = "0.1", what: str = "a number") -> float:
    """The value as a number. Raises UsageError."""
    if not isinstance(value, Real) or is_truth(value):
        raise wrong(name, what, value, f"for example {name}={example}")
    try:
        return float(value)
    except OverflowError:
        raise wrong(name, what, value, f"for example {name}={example}") from None


def is_truth(value: Any) -> bool:
    """Whether the value is True or False, numpy's too."""
    # numpy's is no bool, and a number to nobody.
    return isinstance(value, bool) or type(value).__name__ == "bool"


def whole(example: str) -> Callable[[str, Any], int]:
    """What reads a whole number. Raises UsageError."""

    def read(name: str, value: Any) -> int:
        if isinstance(value, Integral) and not is_truth(value):
            return int(value)
        if isinstance(value, Real) and not is_truth(value) and float(value).is_integer():
            return int(float(value))
        raise wrong(name, "a whole number", value, f"for example {name}={example}")

    return read


def real(example: str) -> Callable[[str, Any], float]:
    """What reads a number. Raises UsageError."""
    return lambda name, value: number(name, value, example=example)


def text(example: str) -> Callable[[str, Any], str]:
    """What reads text. Raises UsageError."""

    def read(name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise wrong(name, "text", value, f'for example {name}="{example}"')
        return value

    return read


def truth(name: str, value: Any) -> bool:
    """True or False. Raises UsageError."""
    if not is_truth(value):
        raise wrong(name, "True or False", value, f"{name}=True or {name}=False")
    return bool(value)


def rate(name: str, value: Any) -> float | str:
    """A learning rate, or "auto". Raises UsageError."""
    if isinstance(value, str):
        if value == "auto":
            return value
        try:
            return float(value)
        except ValueError:
            pass
    return number(name, value, example="0.01", what='a number or "auto"')
