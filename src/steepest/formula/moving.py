"""On which rows a part of a formula moves at all where the weights do, as a condition.

A product with a factor that is 0 and stays 0 does not: `a*x` where x is 0, whatever a is. An
automatic derivative of `sqrt(a*x)` would multiply zero by infinity there.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from functools import partial
from typing import TypeAlias

from steepest.formula.algebra import number
from steepest.formula.fold import constant_value
from steepest.formula.nodes import (
    Binary,
    Call,
    Column,
    Compare,
    Logical,
    Negate,
    Node,
    Not,
    Number,
    Weight,
    is_condition,
    names_of,
)

Holding: TypeAlias = Node | bool
"""A condition, or True for all rows and False for none."""

ENDLESS_SLOPES = frozenset(
    {"sqrt", "log", "log2", "log10", "log1p", "arcsin", "arccos", "arctan2", "**"}
)
"""What may have an infinite slope where it has a value."""

_ENDS: Mapping[str, tuple[int, ...]] = {
    "exp": (0,),
    "softplus": (0,),
    "sigmoid": (0, 1),
    "tanh": (-1, 1),
    "erf": (-1, 1),
}
"""What functions never reach, but in 64 bits: there they have rounded, and stay."""


def moving(node: Node, names: Container[str]) -> Holding:
    """Where the node's value can change if what is called `names` does, however little.

    On other rows it surely stays; on these it may.
    """
    inside = partial(moving, names=names)
    match node:
        case Weight(name) | Column(name):
            return name in names
        case Negate(operand):
            return inside(operand)
        case Binary("*" | "/"):
            return _product(node, names)
        case Binary("**", first, second) | Call("arctan2", (first, second)):
            return either((inside(first), both((inside(second), _is_not_zero(first)))))
        case Call("where", (condition, chosen, otherwise)):
            return _branches(_holds(condition), inside(chosen), inside(otherwise))
        case Call("minimum" | "maximum" as function, (left, right)):
            taken: Node = Compare("<" if function == "minimum" else ">", left, right)
            return _branches(taken, inside(left), inside(right))
        case Call("relu", (operand,)):
            return both((Compare(">=", operand, Number(0)), inside(operand)))
        case Call("sign"):
            return False
        case Call(function, (operand,)) if function in _ENDS:
            rounded = (Compare("!=", node, number(end)) for end in _ENDS[function])
            return both((inside(operand), *rounded))
        case Binary(_, left, right):
            return either((inside(left), inside(right)))
        case Call(_, operands):
            return either(map(inside, operands))
    return False


def moving_with_weights(node: Node) -> Holding:
    """Where it matters that the node moves with the weights: where its slope may be infinite.

    True for what has no infinite slope at a finite value, and for whole powers; False where no
    weight moves it on any row, as `a/a`.
    """
    if isinstance(node, Binary) and node.op == "**":
        power = constant_value(node.right)
        if power is not None and float(power).is_integer():
            return True
    name = node.op if isinstance(node, Binary) else getattr(node, "function", "")
    return moving(node, names_of(Weight, node)) if name in ENDLESS_SLOPES else True


def _product(node: Node, names: Container[str]) -> Holding:
    over, under = map(list, _factors(node))
    for factor in [one for one in under if one in over]:
        over.remove(factor)
        under.remove(factor)
    some = either(moving(factor, names) for factor in (*over, *under))
    return both((some, *(either((moving(one, names), _is_not_zero(one))) for one in over)))


def _factors(node: Node) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """Those of the numerator and those of the denominator."""
    match node:
        case Negate(operand):
            return _factors(operand)
        case Binary("*" | "/" as op, left, right):
            (over, under), found = _factors(left), _factors(right)
            more, less = found if op == "*" else reversed(found)
            return (*over, *more), (*under, *less)
    return (node,), ()


def _branches(taken: Holding, chosen: Holding, otherwise: Holding) -> Holding:
    if chosen == otherwise:
        return chosen
    left = not taken if isinstance(taken, bool) else Not(taken)
    return either((both((taken, chosen)), both((left, otherwise))))


def _holds(condition: Node) -> Holding:
    value = constant_value(condition)
    if value is not None:
        return bool(value)
    return condition if is_condition(condition) else Compare("!=", condition, Number(0))


def _is_not_zero(node: Node) -> Holding:
    value = constant_value(node)
    if value is not None:
        return value != 0
    over, _ = _factors(node)
    return Compare("!=", node, Number(0)) if over == (node,) else both(map(_is_not_zero, over))


def both(parts: Iterable[Holding]) -> Holding:
    """Where all of the conditions hold."""
    found = dict.fromkeys(part for part in parts if part is not True)
    if False in found:
        return False
    return _joined("and", tuple(part for part in found if not isinstance(part, bool)), empty=True)


def either(parts: Iterable[Holding]) -> Holding:
    """Where at least one of the conditions holds."""
    found = dict.fromkeys(part for part in parts if part is not False)
    if True in found:
        return True
    return _joined("or", tuple(part for part in found if not isinstance(part, bool)), empty=False)


def _joined(op: str, parts: tuple[Node, ...], *, empty: bool) -> Holding:
    if len(parts) < 2:
        return parts[0] if parts else empty
    return Logical("and" if op == "and" else "or", parts)
