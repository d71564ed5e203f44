"""How JAX is asked to run: float64 within our own calls, small loops as one kernel.

Nothing is switched globally that could change a user's own numbers. One speed option must stand
in XLA_FLAGS before JAX first compiles: it raises the size up to which XLA turns a whole loop into
one kernel (1 kB by default, and a recorded descent step touches a little more). Measured on the
tutorial's three weights: 2.3 µs a step without it, 0.08 µs with it. Where JAX was at work before
Steepest was imported, the option has no effect and only the speed differs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache, wraps
from typing import Any, Final, ParamSpec, TypeVar

import numpy as np

from steepest.engine import late
from steepest.engine.late import jax
from steepest.words.errors import UsageError

_OPTION = "xla_cpu_small_while_loop_byte_threshold"
_FLAG = f"--xla_backend_extra_options={_OPTION}=65536"
if "xla_backend_extra_options" not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_FLAG}".strip()

P = ParamSpec("P")
R = TypeVar("R")


_PLAIN: Final[Mapping[str, Any]] = {
    "debug_nans": False,
    "debug_infs": False,
    "numpy_dtype_promotion": "standard",
    "numpy_rank_promotion": "allow",
    "transfer_guard": "allow",
}
"""What a user's debugging of JAX may have switched. Here numbers that are not finite are no
accident: they are measured, and told."""


@contextmanager
def plainly() -> Iterator[None]:
    """Inside, JAX computes as it does unless asked otherwise. Raises UsageError without a device.

    What it was asked holds again outside.
    """
    with ExitStack() as stack:
        for name, plain in _PLAIN.items():
            if getattr(jax.config, f"jax_{name}") not in (plain, None):
                stack.enter_context(getattr(jax, name)(plain))
        _check_devices()
        yield


@contextmanager
def float64() -> Iterator[None]:
    """Everything inside is float64 and on the CPU, and only what is inside."""
    with ExitStack() as stack:
        if late.is_there():
            stack.enter_context(_float64())
        else:
            late.once_there(stack, _float64)
        yield


@contextmanager
def _float64() -> Iterator[None]:
    with plainly(), jax.enable_x64(True), jax.default_device(_cpu()):
        yield


@cache
def _check_devices() -> None:
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:
        raise _no_device("what it was told to compute on") from error


@cache
def _cpu() -> jax.Device:
    try:
        return jax.local_devices(backend="cpu")[0]
    except (RuntimeError, AssertionError) as error:
        raise _no_device("the CPU, which formulas are computed on") from error


def _no_device(what: str) -> UsageError:
    return UsageError(
        f"JAX does not find {what}.",
        given=f"JAX_PLATFORMS={getattr(jax.config, 'jax_platforms', None) or ''}",
        instead="Unset JAX_PLATFORMS, or name the CPU in it: JAX_PLATFORMS=cpu.",
    )


def in_float64(function: Callable[P, R]) -> Callable[P, R]:
    """Run a whole function in `float64`."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with float64():
            return function(*args, **kwargs)

    return wrapped


@cache
def makes_kernels_of_loops() -> bool:
    """Whether the option above has taken effect, seen in a small compiled loop.

    Where it has not, a loop of small steps costs more than it saves.
    """

    def loop(start: jax.Array) -> jax.Array:
        found: jax.Array = jax.lax.fori_loop(0, 9, lambda number, so_far: so_far + number, start)
        return found

    with float64():
        text = jax.jit(loop).lower(np.zeros(256)).compile().as_text()
    return text is not None and "small_call" in text


def forget_compiled() -> None:
    """Let go of all compiled code: every problem leaves some megabytes of it behind."""
    jax.clear_caches()
