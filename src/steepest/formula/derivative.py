"""The partial derivative of a formula as another formula, for people to read.

What a descent uses is automatic differentiation; this is the sentence beside the number. It
keeps the user's terms in their order and tidies lightly: constants are folded, zeros and ones go,
signs come out in front, equal factors are collected. Work is bounded by the size of what is built.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

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
from steepest.formula.moving import both, moving_with_weights
from steepest.formula.nodes import (
    Binary,
    Call,
    Column,
    Compare,
    Constant,
    Logical,
    Negate,
    Node,
    Number,
    Weight,
    mentions,
    names_of,
    size,
)

Holds: TypeAlias = Callable[[Node], bool]
"""Whether a condition holds on every row there is."""

MAX_NODES = 2000


@dataclass(frozen=True)
class _By:
    name: str
    weights: tuple[str, ...]
    holds: Holds


def derivative(node: Node, name: str, holds: Holds = lambda condition: True) -> Node | None:
    """The partial derivative by the weight or column `name`; None above 2,000 nodes.

    Of `sqrt(a*x)` by `a` it has no value on rows where x is 0, and the slope there is 0. Such
    conditions on columns are asked of `holds`, and are written out where they do not hold.

    At kinks: `abs` has derivative `sign` (0 at 0), `sign` and `relu` have 0 at 0. `minimum` and
    `maximum` are written with `where` and at a tie show the second argument's derivative, where
    automatic differentiation takes the mean of both. The condition of a `where` has no derivative.
    """
    try:
        return _derive(node, _By(name, names_of(Weight, node), holds))
    except (TooLargeError, OverflowError, RecursionError):
        return None


def _derive(node: Node, by: _By) -> Node:
    if not mentions(node, by.name):
        return ZERO
    result = _rule(node, by)
    if size(result) > MAX_NODES:
        raise TooLargeError
    return result


def _rule(node: Node, by: _By) -> Node:
    match node:
        case Weight() | Column():
            return ONE
        case Negate(operand):
            return times(Number(-1), _derive(operand, by))
        case Binary("+"):
            return plus(*(_derive(term, by) for term in _summed(node)))
        case Binary("-", left, right):
            return plus(_derive(left, by), times(Number(-1), _derive(right, by)))
        case Binary("*", left, right):
            return plus(times(_derive(left, by), right), times(left, _derive(right, by)))
        case Binary("/", left, right):
            return _quotient(left, right, by)
        case Binary("**", left, right):
            return _power(node, left, right, by)
        case Call("where", (condition, then, otherwise)):
            return _where(condition, _derive(then, by), _derive(otherwise, by))
        case Call("minimum" | "maximum" as function, (left, right)):
            first = Compare("<" if function == "minimum" else ">", left, right)
            return _where(first, _derive(left, by), _derive(right, by))
        case Call("relu", (operand,)):
            return _where(Compare(">", operand, ZERO), _derive(operand, by), ZERO)
        case Call("arctan2", (y, x)):
            top = plus(times(x, _derive(y, by)), times(Number(-1), y, _derive(x, by)))
            slope = times(top, reciprocal(Binary("+", _square(x), _square(y))))
            return _where_moving(node, slope, by)
        case Call(function, (operand,)):
            outer = _OUTER[function](operand)
            return _where_moving(node, times(outer, _derive(operand, by)), by)
    raise TypeError(f"no derivative of {node!r}")


def _summed(node: Node) -> list[Node]:
    """What is added up, at once: a level at a time a hundred categories take long."""
    later = []
    while isinstance(node, Binary) and node.op == "+":
        later.append(node.right)
        node = node.left
    return [node, *reversed(later)]


def _quotient(left: Node, right: Node, by: _By) -> Node:
    over = reciprocal(right)
    return plus(
        times(_derive(left, by), over),
        times(Number(-1), left, _derive(right, by), over, over),
    )


def _power(node: Node, base: Node, exponent: Node, by: _By) -> Node:
    terms = []
    if mentions(base, by.name):
        known = exact_value(exponent)
        lower = (
            power(base, known - 1) if known is not None
            else Binary("**", base, plus(exponent, Number(-1)))
        )  # fmt: skip
        terms.append(times(exponent, lower, _derive(base, by)))
    if mentions(exponent, by.name):
        terms.append(times(node, _log(base), _derive(exponent, by)))
    return _where_moving(node, plus(*terms), by)


def _where_moving(node: Node, slope: Node, by: _By) -> Node:
    """The slope, and 0 on rows where the node cannot move with the weights."""
    rows = moving_with_weights(node) if by.name in by.weights else True
    parts = rows.operands if isinstance(rows, Logical) and rows.op == "and" else (rows,)
    of_columns = [one for one in parts if not isinstance(one, bool) and not names_of(Weight, one)]
    left = both(one for one in of_columns if not by.holds(one))
    return slope if isinstance(left, bool) else _where(left, slope, ZERO)


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
