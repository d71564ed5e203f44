"""Where a loss written in JAX makes its first number that is not finite.

The program of the loss is run again, one operation after the other (its jaxpr), then that of its
gradient. What runs many times inside of one operation (`scan`, `while`, `cond`) is one operation.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np

from steepest.records.loss_graph import Birth, Phase
from steepest.words.user_code import user_line
from steepest.words.wording import number

WORDS: Final = {
    "cbrt": "a cube root",
    "div": "a division",
    "dot_general": "a product of matrices",
    "exp": "an exponential",
    "expm1": "an exponential",
    "integer_pow": "a power",
    "log": "a logarithm",
    "log1p": "a logarithm",
    "mul": "a product",
    "pow": "a power",
    "reduce_sum": "a sum",
    "rsqrt": "one over a square root",
    "sqrt": "a square root",
    "square": "a power",
    "sub": "a difference",
}
"""Of what may make one. Another operation is called as JAX calls it."""

STEEP: Final = ("sqrt", "cbrt", "pow")
"""Whose slope may not be finite at 0, where their value is."""

_INSIDE: Final = ("jaxpr", "call_jaxpr", "fun_jaxpr")
_MANY_TIMES: Final = ("scan", "while", "cond")


def birth_of(step: int, loss: Callable[[Any], Any], params: Any) -> Birth | None:
    """The first operation of the loss, or of its gradient, with a result that is not finite.

    None where all are finite, or where the parameters are not to begin with.
    """
    if not all(_is_finite(leaf) for leaf in jax.tree.leaves(params)):
        return None
    forward = list(_seen(jax.make_jaxpr(loss)(params), jax.tree.leaves(params)))
    for equation, given, made in forward:
        if not _is_finite(made):
            return _birth(step, "forward", equation, given, made)
    steep = {
        _line(equation): (equation, given)
        for equation, given, _ in forward
        if equation.primitive.name in STEEP and np.any(np.asarray(given[0]) == 0)
    }
    for equation, given, made in _seen(
        jax.make_jaxpr(jax.grad(loss))(params), jax.tree.leaves(params)
    ):
        if not _is_finite(made):
            # On the way back the same line is a quotient or a product.
            equation, given = steep.get(_line(equation), (equation, given))
            return _birth(step, "backward", equation, given, made)
    return None


def _birth(step: int, phase: Phase, equation: Any, given: Sequence[Any], made: Any) -> Birth:
    name = equation.primitive.name
    return Birth(
        step=step,
        phase=phase,
        operation=WORDS.get(name, name),
        function=name,
        cause=_cause(name, phase, given, made),
        line=_line(equation),
        entries=int(np.size(made) - np.sum(np.isfinite(np.asarray(made, np.float64)))),
        left_out=phase == "backward",
    )


def _cause(name: str, phase: Phase, given: Sequence[Any], made: Any) -> str | None:
    """What was there: the log of 0, a division by 0."""
    values = [np.asarray(one, np.float64) for one in given]
    first, last = values[0], values[-1]
    if name in ("div", "rsqrt") and np.any(last == 0):
        return "a division by 0"
    if name == "log" and np.any(first <= 0):
        return f"the log of {number(float(first.min()))}"
    if name == "log1p" and np.any(first <= -1):
        return f"the log of {number(float(1 + first.min()))}"
    if name in ("sqrt", "rsqrt") and np.any(first < 0):
        return f"the square root of {number(float(first.min()))}"
    if name in ("sqrt", "cbrt") and phase == "backward" and np.any(first == 0):
        return f"the slope of the {'square' if name == 'sqrt' else 'cube'} root of 0"
    if name in ("pow", "integer_pow") and np.any(first <= 0):
        return f"the power of {number(float(first.min()))}"
    if np.any(np.isinf(np.asarray(made, np.float64))):
        kind = np.asarray(made).dtype.name
        return f"a result that is too large for its type, {kind}"
    return None


def _seen(program: Any, given: Sequence[Any]) -> Iterator[tuple[Any, list[Any], Any]]:
    """Each operation of a program (a closed jaxpr) with what it is given and each of its results.

    Programs within it are gone through as well.
    """
    yield from _through(program.jaxpr, program.consts, given)


def _through(
    jaxpr: Any, consts: Sequence[Any], given: Sequence[Any]
) -> Generator[tuple[Any, list[Any], Any], None, list[Any]]:
    """As `_seen`. Returns what the program returns."""
    known = dict(zip(jaxpr.constvars, consts, strict=True))
    known |= zip(jaxpr.invars, given, strict=True)

    def value(variable: Any) -> Any:
        return variable.val if hasattr(variable, "val") else known[variable]

    for equation in jaxpr.eqns:
        values = [value(one) for one in equation.invars]
        inner = _within(equation)
        if inner is not None:
            found = yield from _through(*inner, values)
        else:
            here = [one for one in equation.invars if not hasattr(one, "val")]
            here = list(dict.fromkeys(here))
            alone = jaxpr.replace(
                constvars=[], invars=here, outvars=equation.outvars, eqns=[equation]
            )
            found = jax.core.eval_jaxpr(alone, (), *map(value, here))
            for made in found:
                yield equation, values, made
        known |= zip(equation.outvars, found, strict=True)
    return [value(one) for one in jaxpr.outvars]


def _within(equation: Any) -> tuple[Any, Sequence[Any]] | None:
    """The program that an operation calls once, and its constants."""
    found = next((equation.params[name] for name in _INSIDE if name in equation.params), None)
    if found is None or equation.primitive.name in _MANY_TIMES:
        return None
    jaxpr, consts = (found.jaxpr, found.consts) if hasattr(found, "consts") else (found, ())
    return (jaxpr, consts) if len(jaxpr.invars) == len(equation.invars) else None


def _is_finite(value: Any) -> bool:
    array = jnp.asarray(value)
    return not jnp.issubdtype(array.dtype, jnp.inexact) or bool(jnp.isfinite(array).all())


def _line(equation: Any) -> str | None:
    """The user's line of code that asked for an operation."""
    traceback = equation.source_info.traceback
    inwards = () if traceback is None else tuple(reversed(traceback.frames))
    return user_line(
        [(f.file_name, f.line_num, linecache.getline(f.file_name, f.line_num)) for f in inwards]
    )
