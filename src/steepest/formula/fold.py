"""Constant sub-expressions, computed in Python floats before anything else sees them.

Floats bound the work: `9**9**9**9` overflows in a microsecond, where whole numbers would fill
the memory.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from steepest.formula.functions import FUNCTIONS
from steepest.formula.nodes import (
    Binary,
    Call,
    Column,
    Compare,
    Constant,
    Logical,
    Negate,
    Node,
    Not,
    Number,
    Weight,
    children,
)

Folded: TypeAlias = float | bool | None
"""The value of a constant sub-expression; None where a column or weight is in it."""

OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


_LEAST = sys.float_info.min
"""Numbers below it, 2.2e-308, have fewer digits in 64 bits, and compiled code takes them for 0."""

_TOO_SMALL = "This number is too small: 64-bit numbers with all their digits end at 2.2e-308."

_SHRINKING = ("*", "/", "**")


class ConstantError(ValueError):
    """A constant sub-expression has no finite real value. The text says why."""


def fold_one(node: Node, operands: Sequence[Folded]) -> Folded:
    """The value of a node whose operands are folded already.

    Raises ConstantError for a division by zero, an overflow, and what is not a real number.
    """
    match node:
        case Number(value) | Constant(_, value):
            return float(value)
        case Column() | Weight():
            return None
        case Binary("/") if operands[1] == 0:
            raise ConstantError("This divides by zero.")
    if any(value is None for value in operands):
        return None
    try:
        result = _compute(node, operands)
    except ZeroDivisionError:
        raise ConstantError("This divides by zero.") from None
    except OverflowError:
        raise ConstantError("This number is too large.") from None
    except ValueError:
        raise ConstantError("This has no value among the real numbers.") from None
    if isinstance(result, complex):
        raise ConstantError("This has no value among the real numbers.")
    if not math.isfinite(result):
        raise ConstantError("This number is too large.")
    folded: float | bool = result
    return folded


def check_written(node: Node, operands: Sequence[Folded], value: Folded) -> None:
    """Raise ConstantError where a number that was written is taken for 0 and is none."""
    if value is None or abs(value) >= _LEAST:
        return
    shrinks = isinstance(node, Binary) and node.op in _SHRINKING and all(operands)
    if shrinks or (isinstance(node, Number) and value != 0):
        raise ConstantError(_TOO_SMALL)


def _compute(node: Node, operands: Sequence[Any]) -> Any:
    match node:
        case Negate():
            return -operands[0]
        case Binary(op) | Compare(op):
            return OPERATORS[op](operands[0], operands[1])
        case Call(function):
            return FUNCTIONS[function].number(*operands)
        case Logical(op):
            return all(operands) if op == "and" else any(operands)
        case Not():
            return not operands[0]
    raise TypeError(f"not a node: {node!r}")


def constant_value(node: Node) -> Folded:
    """The value of a whole sub-expression, or None where a column or weight is in it."""
    return fold_one(node, [constant_value(child) for child in children(node)])
