"""JAX, imported when something is first asked of it.

That takes a second, and what is small, or linear in its weights, is computed without. Whatever
holds for calls in the meantime, as their precision, is done as soon as it is there.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import cache, wraps
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

_Function = Callable[..., Any]


class _Waiting(threading.local):
    """What is to be entered in this thread once JAX is there: the outermost call's stack."""

    def __init__(self) -> None:
        self.calls: list[tuple[ExitStack, Callable[[], AbstractContextManager[None]]]] = []


_WAITING: Final = _Waiting()


class _Late:
    """A module in whose place this stands until it is needed."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._module: ModuleType | None = None

    def __getattr__(self, name: str) -> Any:
        module = self._module
        if module is None:
            module = self._module = importlib.import_module(self._name)
        if _WAITING.calls:
            _enter()
        return getattr(module, name)


def _enter() -> None:
    calls, _WAITING.calls = _WAITING.calls, []
    for stack, context in calls:
        stack.enter_context(context())


def is_there() -> bool:
    """Whether JAX has been imported, by whomever."""
    return "jax" in sys.modules


def once_there(stack: ExitStack, context: Callable[[], AbstractContextManager[None]]) -> None:
    """Have `stack` enter a context as soon as this thread asks JAX for something."""
    call = (stack, context)
    _WAITING.calls.append(call)

    def forget() -> None:
        if call in _WAITING.calls:
            _WAITING.calls.remove(call)

    stack.callback(forget)


def with_slope(slope: Callable[[Any, Any], Any]) -> Callable[[_Function], _Function]:
    """`jax.custom_jvp` with this rule, made when it is first called."""

    def decorate(function: _Function) -> _Function:
        @cache
        def made() -> Any:
            own = jax.custom_jvp(function)
            own.defjvp(slope)
            return own

        @wraps(function)
        def called(*given: Any) -> Any:
            return made()(*given)

        return called

    return decorate


if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
else:
    jax, jnp = _Late("jax"), _Late("jax.numpy")

__all__ = ["is_there", "jax", "jnp", "once_there", "with_slope"]
