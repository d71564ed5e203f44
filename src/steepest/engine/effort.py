"""How much work XLA puts into compiling a program.

By default it is made for large machines and long compilations. On processors its second lowest
level, without its fusion emitters, compiles in 0.6 of the time; what comes out is as fast over 300
to 3,000,000 rows, and a recorded step of a curved fit takes half the time (0.15 µs in place of
0.28). What is run over a few rows, and a few times, takes a thousand times as long to compile as to
run: at the lowest level it compiles in 0.25 of the time. Over more than a million numbers, fused
loops in vectors of 512 bits take half the time where there are exponentials; the many small arrays
of a sweep take 1.4 times as long in these.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, Final

from steepest.engine.late import jax

Program = Callable[..., Any]
"""Arrays of NumPy, and numbers, serve where the function asks for those of JAX."""

Level = tuple[tuple[str, Any], ...]

UNFUSED: Final = ("xla_cpu_use_fusion_emitters", False)
WIDE_VECTORS: Final = ("xla_cpu_prefer_vector_width", 512)
QUICKLY: Final[Level] = (("xla_backend_optimization_level", 0), UNFUSED)
WELL: Final[Level] = (("xla_backend_optimization_level", 1), UNFUSED)
LARGELY: Final[Level] = (("xla_backend_optimization_level", 1), WIDE_VECTORS)
AS_USUAL: Final[Level] = ()

MUCH: Final = 1_000_000
"""Numbers from which on a program of fused loops is worth its compilation."""

LITTLE: Final = 10_000
"""Numbers that a program is given, up to which it has little to do."""


def compiled(*static: str, seldom: bool = False) -> Callable[[Program], Program]:
    """`jax.jit` with some arguments static. What runs `seldom` is compiled for that.

    A static argument that is `foreign` runs code of which nobody here knows how long it takes.
    """

    def decorate(function: Program) -> Program:
        unknown: set[Level] = set()

        @cache
        def program(options: Level) -> Program:
            return jax.jit(function, static_argnames=static, compiler_options=dict(options))

        @wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            options = _options((args, kwargs), seldom)
            if options in unknown:
                options = AS_USUAL
            try:
                return program(options)(*args, **kwargs)
            except jax.errors.JaxRuntimeError as error:
                if not options or _UNKNOWN not in str(error):
                    raise
                # An XLA to come, without one of them: that is asked once.
                unknown.add(options)
                return program(AS_USUAL)(*args, **kwargs)

        return called

    return decorate


_UNKNOWN: Final = "No such compile option"


def _options(given: Any, seldom: bool) -> Level:
    if jax.default_backend() != "cpu":
        return AS_USUAL
    numbers, foreign, traced = 0, False, jax.core.Tracer
    for leaf in jax.tree.leaves(given):
        if isinstance(leaf, traced):
            return AS_USUAL  # It becomes a part of another program.
        numbers += getattr(leaf, "size", 1)
        foreign = foreign or getattr(leaf, "foreign", False)
    if numbers > MUCH:
        return LARGELY
    return QUICKLY if seldom and not foreign and numbers <= LITTLE else WELL
