"""Values of options as a caller gives them: each read, or one sentence on what it must be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from steepest.methods.elsewhere import OPTION_WORDS
from steepest.methods.names import canonical, not_known
from steepest.methods.option import Asked, Option, flag, options_of
from steepest.words.errors import UsageError
from steepest.words.given import as_number, is_truth, number, shown_value, whole, wrong
from steepest.words.suggest import suggest
from steepest.words.wording import escaped

_MOST: Final = 10**18
"""Steps, rows and epochs are counted in 64 bits."""


def _text(name: str, value: Any, example: str) -> str:
    if not isinstance(value, str):
        raise wrong(name, "text", value, f"for example {name}={example}")
    return value


def _truth(name: str, value: Any) -> bool:
    if not is_truth(value):
        raise wrong(name, "True or False", value, f"{name}=True or {name}=False")
    return bool(value)


def _rate(name: str, value: Any) -> float | str:
    if isinstance(value, str):
        if value == "auto":
            return value
        try:
            return float(value)
        except ValueError:
            pass
    return number(name, value, example="0.01", what='a number or "auto"')


def _rate_each(name: str, value: Any) -> float | str | dict[str, float]:
    if not isinstance(value, Mapping):
        return _rate(name, value)
    if not value:
        raise wrong(
            name, 'a number, "auto" or a rate for each weight', value, "for example lr=0.01"
        )
    return _numbers(name, value)


def _choice(name: str, value: Any, option: Option) -> str:
    choices = option.choices or {}
    if option.refused:
        found = canonical(choices, _text(name, value, option.example))
        if found is None:
            raise not_known(option.refused, choices, value)
        return found
    found = canonical(choices, value) if isinstance(value, str) else None
    if found is None:
        *some, last = choices
        either = f"{', '.join(some)} or {last}"
        raise wrong(name, either, value, f"for example {name}={option.example}")
    return found


def _by_weight(
    name: str, value: Any, what: str, example: str, read: Callable[[str, Any], Any]
) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise wrong(name, f"a dict of {what} by weight", value, f"for example {name}={example}")
    return {key: read(f"{name}[{key!a}]", part) for key, part in value.items()}


def _numbers(name: str, value: Any) -> dict[str, float]:
    def read(place: str, part: Any) -> float:
        found = as_number(part)
        if found is None:
            raise wrong(place, "a number", part, f'for example {name}={{"a": 2.0}}')
        return found

    return _by_weight(name, value, "numbers", '{"a": 2.0}', read)


def _pairs(name: str, value: Any) -> dict[str, tuple[float, float]]:
    def read(place: str, part: Any) -> tuple[float, float]:
        if isinstance(part, tuple | list) and len(part) == 2:
            sides = [
                far if side is None else side
                for side, far in zip(part, (-math.inf, math.inf), strict=True)
            ]
            low, high = map(as_number, sides)
            if low is not None and high is not None:
                return low, high
        what = "a lower and an upper bound, None where a side is open"
        raise wrong(place, what, part, f'for example {name}={{"a": (0, None)}}')

    return _by_weight(name, value, "pairs", '{"a": (0, None)}', read)


def _names(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(","))
    if isinstance(value, Sequence) and all(isinstance(part, str) for part in value):
        return tuple(value)
    raise wrong(name, "a list of column names", value, f'{name}=["x", "z"]')


def _network(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    # Bytes are a sequence of whole numbers too.
    if isinstance(value, list | tuple) and all(isinstance(part, int | str) for part in value):
        return "-".join(str(part) for part in value)
    raise wrong(name, "text or a list of widths and activations", value, '"64-32-relu-10"')


def _read(name: str, value: Any, option: Option) -> Any:
    match option.kind:
        case "text":
            return _text(name, value, option.example)
        case "whole":
            return whole(name, value, option.example)
        case "real":
            return number(name, value, example=option.example)
        case "choice":
            return _choice(name, value, option)
        case kind:
            return _OTHERS[kind](name, value)


_OTHERS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "truth": _truth,
    "rate": _rate,
    "rate each": _rate_each,
    "numbers": _numbers,
    "pairs": _pairs,
    "names": _names,
    "network": _network,
}
"""How the value of each kind is read that needs to know nothing more of its option."""


def check_share(share: float | None) -> None:
    """Raise UsageError for a share of rows to hold out that leaves none on one side."""
    if share is not None and not 0 < share < 1:
        raise UsageError(
            "The share of rows held out for validation must lie between 0 and 1.",
            given=f"{share:g}",
            instead="0.2 holds out every fifth row.",
        )


def own_names(options: Mapping[str, Option], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given, by the options' own names where synonyms are written.

    Raises UsageError for a name that is no option, and for an option that is given twice.
    """
    own = {word: name for name, one in options.items() for word in (name, *one.synonyms)}
    found: dict[str, Any] = {}
    for word, value in given.items():
        if word not in own:
            near = suggest(word, own)
            meant = OPTION_WORDS.get(word.replace("_", "-").lower(), "").replace("--", "")
            raise UsageError(
                "There is no such option.",
                given=escaped(word),
                instead=f"{meant}."
                if meant
                else f"Did you mean {own[near[0]]}?"
                if near
                else f'Where {word} is a weight, write start={{"{word}": {value}}}.'
                if word.isidentifier() and isinstance(value, int | float)
                else f"The options are {', '.join(options)}.",
            )
        if found.get(own[word]) is not None and value is not None:
            raise UsageError(f"{own[word]} is given twice.", given=escaped(word))
        if value is not None or own[word] not in found:
            found[own[word]] = value
    return found


def read_values(options: Mapping[str, Option], given: Mapping[str, Any]) -> dict[str, Any]:
    """Each value as its option reads it, by the option's own name; None is left out.

    Raises UsageError for what `own_names` refuses, and for a value that an option cannot have.
    """
    return {
        name: _read(name, value, options[name])
        for name, value in own_names(options, given).items()
        if value is not None
    }


def check_least(options: Asked) -> None:
    """Raise UsageError for a whole number that is below what its option takes, or too large."""
    for name, one in options_of(type(options)).items():
        value = getattr(options, name)
        if one.least is None or value is None:
            continue
        if value < one.least:
            below = "not be negative" if one.least == 0 else f"be at least {one.least}"
            raise UsageError(
                f"{flag(name)} must {below}.",
                given=shown_value(value),
                instead=f"Write a whole number, {one.least} or more.",
            )
        if value > _MOST:
            raise UsageError(
                f"{flag(name)} must not be above {_MOST:.0e}.",
                given=shown_value(value),
                instead="--time-limit ends a descent after so many seconds."
                if name == "steps"
                else None,
            )
