"""Functions of the package say which options they take, with types and defaults."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_type_hints

from steepest.methods.option import Option

_Function = TypeVar("_Function", bound=Callable[..., Any])


def spelled_out(options: Mapping[str, Option], given: type) -> Callable[[_Function], _Function]:
    """Put the options that a function takes as `**options` into its signature and docstring.

    `given` is the TypedDict of what it may be given: `help`, and shells that complete, then show
    each by its name.
    """

    def spell(function: _Function) -> _Function:
        plain = inspect.signature(function)
        own = [one for one in plain.parameters.values() if one.kind is not one.VAR_KEYWORD]
        kinds = get_type_hints(given)
        more = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=kinds[name]
            )
            for name, one in options.items()
            if name in kinds
        ]
        signature = plain.replace(parameters=[*own, *more])
        function.__signature__ = signature  # type: ignore[attr-defined]
        lines = [f"    {one.name}: {_meaning(options[one.name])}" for one in more]
        body = inspect.cleandoc(function.__doc__ or "")
        function.__doc__ = "\n".join([body, "", "Options:", *lines])
        return function

    return spell


def _meaning(option: Option) -> str:
    if option.unset:
        return f"{option.help} Unless given: {option.unset}."
    if option.default in (None, {}):
        return option.help
    return f"{option.help} Unless given: {option.default!r}."
