"""The functions and constants that a formula may use, and what they give for plain numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Function:
    """`number` computes the function on Python floats and raises where it is not defined."""

    name: str
    arity: int
    number: Callable[..., float]


def _sign(x: float) -> float:
    return float((x > 0) - (x < 0))


def _sigmoid(x: float) -> float:
    # exp only ever sees a number at most 0, so that nothing overflows.
    small = math.exp(-abs(x))
    return (1.0 if x >= 0 else small) / (1.0 + small)


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _where(condition: bool, then: float, otherwise: float) -> float:
    return then if condition else otherwise


_CANONICAL = (
    Function("exp", 1, math.exp),
    Function("log", 1, math.log),
    Function("log2", 1, math.log2),
    Function("log10", 1, math.log10),
    Function("log1p", 1, math.log1p),
    Function("expm1", 1, math.expm1),
    Function("sqrt", 1, math.sqrt),
    Function("abs", 1, abs),
    Function("sign", 1, _sign),
    Function("sin", 1, math.sin),
    Function("cos", 1, math.cos),
    Function("tan", 1, math.tan),
    Function("arcsin", 1, math.asin),
    Function("arccos", 1, math.acos),
    Function("arctan", 1, math.atan),
    Function("arctan2", 2, math.atan2),
    Function("sinh", 1, math.sinh),
    Function("cosh", 1, math.cosh),
    Function("tanh", 1, math.tanh),
    Function("sigmoid", 1, _sigmoid),
    Function("softplus", 1, _softplus),
    Function("relu", 1, lambda x: max(x, 0.0)),
    Function("erf", 1, math.erf),
    Function("minimum", 2, min),
    Function("maximum", 2, max),
    Function("where", 3, _where),
)
_ALIASES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}
_BY_NAME = {function.name: function for function in _CANONICAL}

FUNCTIONS: Mapping[str, Function] = {
    **_BY_NAME,
    **{alias: _BY_NAME[name] for alias, name in _ALIASES.items()},
}
"""Name as written -> function, aliases included."""

CANONICAL_FUNCTIONS: tuple[str, ...] = tuple(_BY_NAME)
"""The names that `evaluate` asks for."""

CONSTANTS: Mapping[str, float] = {"pi": math.pi, "e": math.e}

ELSEWHERE: Mapping[str, str] = {
    "ln": "log",
    "max": "maximum",
    "min": "minimum",
    "amax": "maximum",
    "amin": "minimum",
    "fabs": "abs",
    "atan2": "arctan2",
    "logistic": "sigmoid",
    "expit": "sigmoid",
    "ifelse": "where",
    "sgn": "sign",
}
"""What other tools call a function -> what it is called here."""
