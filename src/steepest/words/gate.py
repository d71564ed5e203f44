"""The gate of the Python door: what is given to public functions and methods is what they say.

Each argument is read by its annotation, in one place; a value of another kind is a UsageError with
one sentence. What is annotated as Any is for the function itself to read.
"""

from __future__ import annotations

import collections.abc
import inspect
import os
import types
from collections.abc import Callable
from functools import cache, wraps
from string import ascii_lowercase
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from steepest.words.errors import UsageError
from steepest.words.given import as_number, as_whole, is_truth, short, shown_value

_Public = TypeVar("_Public", bound=Callable[..., Any])

_NOTHING: Final = object()
"""What is read from a value of another kind."""

_MOST_DIGITS: Final = 18
"""Steps and points are counted in 64 bits."""

_WORDS: Final[dict[Any, tuple[str, str]]] = {
    bool: ("True or False", "True"),
    int: ("a whole number", "3"),
    float: ("a number", "0.5"),
    str: ("text", '"a"'),
    os.PathLike: ("a path", '"runs.db"'),
    types.NoneType: ("None", "None"),
    collections.abc.Callable: ("a function", "print"),
    collections.abc.Mapping: ("a dict", '{"a": 1}'),
    collections.abc.Sequence: ("a list", '["a"]'),
    collections.abc.Iterable: ("a list", "[1]"),
}
"""What a kind is called, and a value of it; of other classes there is none to write."""


_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def gated(public: _Public) -> _Public:
    """A function that reads its arguments by their annotations; of a class, its public methods."""
    if not isinstance(public, type):
        return _gated(public)  # type: ignore[return-value]
    for name, method in list(vars(public).items()):
        if not name.startswith("_") and inspect.isfunction(method):
            setattr(public, name, _gated(method))
    return public


def _gated(function: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(function)
    kept = [one.name for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]

    @cache
    def kinds() -> dict[str, Any]:
        hints = get_type_hints(function)
        return {name: hints[name] for name in kept if name in hints}

    @wraps(function)
    def asked(*args: Any, **given: Any) -> Any:
        try:
            bound = signature.bind(*args, **given)
        except TypeError as error:
            order = [one.name for one in signature.parameters.values() if one.kind in _BY_PLACE]
            raise UsageError(
                f"{function.__name__}: {error}.",
                instead=f"By their places come {', '.join(order)}; help({function.__name__}) says "
                "the others.",
            ) from None
        for name, kind in kinds().items():
            if name in bound.arguments:
                bound.arguments[name] = _argument(name, kind, bound.arguments[name])
        return function(*bound.args, **bound.kwargs)

    return asked


def _argument(name: str, kind: Any, value: Any) -> Any:
    found = _read(kind, value)
    if found is _NOTHING:
        told = [part for part in _parts(kind) if part is not types.NoneType]
        words = list(dict.fromkeys(_told(part)[0] for part in told))
        words += ["None"] if len(told) < len(_parts(kind)) else []
        what = " or ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)
        example = _told(told[0])[1]
        raise UsageError(
            f"{name} must be {what}.",
            given=shown_value(value),
            instead=f"Write for example {name}={example}." if example else None,
        )
    return short(name, found, _MOST_DIGITS) if type(found) is int else found


def _read(kind: Any, value: Any) -> Any:
    """The value as one of this kind, or _NOTHING."""
    parts = _parts(kind)
    if len(parts) > 1:
        read = (_read(part, value) for part in parts)
        return next((found for found in read if found is not _NOTHING), _NOTHING)
    origin = get_origin(kind) or kind
    if kind is Any:
        return value
    if origin is Literal:
        same = [one for one in get_args(kind) if type(one) is type(value) and one == value]
        return same[0] if same else _NOTHING
    if origin is tuple:
        return _pair(get_args(kind), value)
    if kind is bool:
        return bool(value) if is_truth(value) else _NOTHING
    if kind in (int, float):
        found = as_whole(value) if kind is int else as_number(value)
        return _NOTHING if found is None else found
    return value if isinstance(value, origin) else _NOTHING


def _pair(kinds: tuple[Any, ...], value: Any) -> Any:
    if not isinstance(value, tuple | list) or len(value) != len(kinds):
        return _NOTHING
    found = tuple(_read(kind, part) for kind, part in zip(kinds, value, strict=True))
    return _NOTHING if any(part is _NOTHING for part in found) else found


def _parts(kind: Any) -> tuple[Any, ...]:
    """The kinds of which it may be one."""
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _told(kind: Any) -> tuple[str, str]:
    """What the kind is called, and a value of it."""
    origin = get_origin(kind) or kind
    if origin is Literal:
        choices = [f'"{one}"' for one in get_args(kind)]
        return " or ".join(choices), choices[0]
    if origin is tuple:
        one = _told(get_args(kind)[0])
        examples = [_told(part)[1] for part in get_args(kind)]
        if set(examples) == {'"a"'}:  # names, which are not the same one twice
            examples = [f'"{letter}"' for letter in ascii_lowercase[: len(examples)]]
        return f"{len(examples)} values, each {one[0]}", f"({', '.join(examples)})"
    name = getattr(origin, "__name__", str(origin))
    called = f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"
    return _WORDS.get(origin, (called, ""))
