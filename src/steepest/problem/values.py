"""Values of options as a caller gives them: each read, or one sentence on what it must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from numbers import Integral, Real
from typing import Any

from steepest.methods.names import Named, canonical, not_known
from steepest.words.errors import UsageError
from steepest.words.suggest import suggest
from steepest.words.wording import escaped

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


def choice(records: Mapping[str, Named], what: str) -> Callable[[str, Any], str]:
    """What reads the name of one of the records, or a synonym of it. Raises UsageError."""

    def read(name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise wrong(name, "text", value, f'for example {name}="{next(iter(records))}"')
        found = canonical(records, value)
        if found is None:
            raise not_known(f"This {what} is not known.", records, value)
        return found

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


def check_share(share: float | None) -> None:
    """Raise UsageError for a share of rows to hold out that leaves none on one side."""
    if share is not None and not 0 < share < 1:
        raise UsageError(
            "The share of rows held out for validation must lie between 0 and 1.",
            given=f"{share:g}",
            instead="0.2 holds out every fifth row.",
        )


def read_values(
    kinds: Mapping[str, Callable[[str, Any], Any]], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Each value as its kind reads it; those that are None are left out.

    Raises UsageError for a name that has no kind, and what the kinds raise.
    """
    for name in given:
        if name not in kinds:
            near = suggest(name, list(kinds))
            raise UsageError(
                "There is no such option.",
                given=escaped(name),
                instead=f"Did you mean {near[0]}?"
                if near
                else f"The options are {', '.join(kinds)}.",
            )
    return {name: kinds[name](name, value) for name, value in given.items() if value is not None}


def differing(options: Any) -> dict[str, Any]:
    """What in a record of options is not its default. Every option has one."""
    plain = type(options)()
    return {
        item.name: getattr(options, item.name)
        for item in fields(options)
        if getattr(options, item.name) != getattr(plain, item.name)
    }
