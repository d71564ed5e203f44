"""The partial derivative of a formula as another formula, for people to read.

What a descent uses is automatic differentiation; this is the sentence beside the number. It
keeps the user's terms in their order and tidies lightly: constants are folded, zeros and ones go,
signs come out in front, equal factors are collected. Work is bounded by the size of what is built.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction

from steepest.formula.algebra import (
    ONE,
    ZERO,
    TooLargeError,
    exact_value,
    plus,
    power,
    reciprocal,
    times,
)
from steepest.formula.nodes import (
    Binary,
    Call,
    Column,
    Compare,
    Constant,
    Negate,
    Node,
    Number,
    Weight,
    mentions,
    size,
)

MAX_NODES = 2000


def derivative(node: Node, name: str) -> Node | None:
    """The partial derivative by the weight or column `name`; None above 2,000 nodes.

    At kinks: `abs` has derivative `sign` (0 at 0), `sign` and `relu` have 0 at 0. `minimum` and
    `maximum` are written with `where` and at a tie show the second argument's derivative, where
    automatic differentiation takes the mean of both. The condition of a `where` has no derivative.
    """
    try:
        return _derive(node, name)
    except (TooLargeError, OverflowError, RecursionError):
        return None


def _derive(node: Node, name: str) -> Node:
    if not mentions(node, name):
        return ZERO
    result = _rule(node, name)
    if size(result) > MAX_NODES:
        raise TooLargeError
    return result


def _rule(node: Node, name: str) -> Node:
    match node:
        case Weight() | Column():
            return ONE
        case Negate(operand):
            return times(Number(-1), _derive(operand, name))
        case Binary("+", left, right):
            return plus(_derive(left, name), _derive(right, name))
        case Binary("-", left, right):
            return plus(_derive(left, name), times(Number(-1), _derive(right, name)))
        case Binary("*", left, right):
            return plus(times(_derive(left, name), right), times(left, _derive(right, name)))
        case Binary("/", left, right):
            return _quotient(left, right, name)
        case Binary("**", left, right):
            return _power(node, left, right, name)
        case Call("where", (condition, then, otherwise)):
            return _where(condition, _derive(then, name), _derive(otherwise, name))
        case Call("minimum" | "maximum" as function, (left, right)):
            first = Compare("<" if function == "minimum" else ">", left, right)
            return _where(first, _derive(left, name), _derive(right, name))
        case Call("relu", (operand,)):
            return _where(Compare(">", operand, ZERO), _derive(operand, name), ZERO)
        case Call("arctan2", (y, x)):
            top = plus(times(x, _derive(y, name)), times(Number(-1), y, _derive(x, name)))
            return times(top, reciprocal(Binary("+", _square(x), _square(y))))
        case Call(function, (operand,)):
            outer = _OUTER[function](operand)
            return times(outer, _derive(operand, name))
    raise TypeError(f"no derivative of {node!r}")


def _quotient(left: Node, right: Node, name: str) -> Node:
    over = reciprocal(right)
    return plus(
        times(_derive(left, name), over),
        times(Number(-1), left, _derive(right, name), over, over),
    )


def _power(node: Node, base: Node, exponent: Node, name: str) -> Node:
    terms = []
    if mentions(base, name):
        known = exact_value(exponent)
        lower = (
            power(base, known - 1) if known is not None
            else Binary("**", base, plus(exponent, Number(-1)))
        )  # fmt: skip
        terms.append(times(exponent, lower, _derive(base, name)))
    if mentions(exponent, name):
        terms.append(times(node, _log(base), _derive(exponent, name)))
    return plus(*terms)


def _log(node: Node) -> Node:
    return ONE if isinstance(node, Constant) and node.name == "e" else Call("log", (node,))


def _where(condition: Node, then: Node, otherwise: Node) -> Node:
    return then if then == otherwise else Call("where", (condition, then, otherwise))


def _square(node: Node) -> Node:
    return Binary("**", node, Number(2))


def _one_minus(node: Node) -> Node:
    return Binary("-", ONE, node)


def _over_log(base: int) -> Callable[[Node], Node]:
    return lambda u: times(reciprocal(u), reciprocal(Call("log", (Number(base),))))


def _erf(u: Node) -> Node:
    bell = Call("exp", (Negate(_square(u)),))
    # A column or weight may be called pi; then the number itself is written.
    pi: Node = Number(math.pi) if mentions(u, "pi") else Constant("pi", math.pi)
    return times(Number(2), bell, reciprocal(Call("sqrt", (pi,))))


_OUTER: Mapping[str, Callable[[Node], Node]] = {
    "exp": lambda u: Call("exp", (u,)),
    "expm1": lambda u: Call("exp", (u,)),
    "log": lambda u: reciprocal(u),
    "log2": _over_log(2),
    "log10": _over_log(10),
    "log1p": lambda u: reciprocal(Binary("+", ONE, u)),
    "sqrt": lambda u: times(reciprocal(Number(2)), reciprocal(Call("sqrt", (u,)))),
    "abs": lambda u: Call("sign", (u,)),
    "sign": lambda u: ZERO,
    "sin": lambda u: Call("cos", (u,)),
    "cos": lambda u: Negate(Call("sin", (u,))),
    "tan": lambda u: power(Call("cos", (u,)), Fraction(-2)),
    "arcsin": lambda u: reciprocal(Call("sqrt", (_one_minus(_square(u)),))),
    "arccos": lambda u: Negate(reciprocal(Call("sqrt", (_one_minus(_square(u)),)))),
    "arctan": lambda u: reciprocal(Binary("+", ONE, _square(u))),
    "sinh": lambda u: Call("cosh", (u,)),
    "cosh": lambda u: Call("sinh", (u,)),
    "tanh": lambda u: _one_minus(_square(Call("tanh", (u,)))),
    "sigmoid": lambda u: times(Call("sigmoid", (u,)), _one_minus(Call("sigmoid", (u,)))),
    "softplus": lambda u: Call("sigmoid", (u,)),
    "erf": _erf,
}
