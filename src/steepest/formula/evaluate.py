"""A formula's value with any array library: numpy, JAX and PyTorch all fit."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from steepest.formula.fold import Folded, fold_one
from steepest.formula.nodes import (
    Binary,
    Call,
    Column,
    Compare,
    Logical,
    Negate,
    Node,
    Not,
    Weight,
    children,
)

Observe: TypeAlias = Callable[[Node, Any], Any]

_ENTRY = {
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
    "**": "power",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
    "==": "equal",
    "!=": "not_equal",
    "and": "logical_and",
    "or": "logical_or",
}

# Every array library overloads these, so operations need not list them.
_DEFAULTS: Mapping[str, Callable[..., Any]] = {
    "negative": operator.neg,
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "power": operator.pow,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
    "logical_and": operator.and_,
    "logical_or": operator.or_,
    "logical_not": operator.invert,
}

# A library may unroll whole powers into products; above this the float power serves as well.
_LARGEST_WHOLE_EXPONENT = 1024


def evaluate(
    node: Node,
    values: Mapping[str, Any],
    operations: Mapping[str, Callable[..., Any]],
    observe: Observe | None = None,
) -> Any:
    """The value of a formula.

    `values` maps the plain name of each column and weight to its value; the two never share a
    name. `operations` has one entry for each of CANONICAL_FUNCTIONS that the formula uses, and
    may replace Python's own operators under the names add, subtract, multiply, divide,
    power, negative, less, less_equal, greater, greater_equal, equal, not_equal, logical_and,
    logical_or and logical_not.

    Constant sub-expressions are folded first and reach an operation as Python floats, except
    that a whole exponent from -1024 to 1024 reaches `power` as a Python int.

    `observe(node, value)` is called for every node that is not constant, operands first, and
    what it returns is used in the value's place. Nodes compare by content: to tell two places
    apart, use `node.span`. Conditions (`is_condition`) are observed too, and are true or false.
    """
    return _evaluate(node, values, operations, observe)[0]


def _evaluate(
    node: Node,
    values: Mapping[str, Any],
    operations: Mapping[str, Callable[..., Any]],
    observe: Observe | None,
) -> tuple[Any, Folded]:
    """(value, the folded constant or None)."""
    pairs = [_evaluate(child, values, operations, observe) for child in children(node)]
    folded = fold_one(node, [constant for _, constant in pairs])
    if folded is not None:
        return folded, folded
    value = _apply(node, pairs, values, operations)
    return (value if observe is None else observe(node, value)), None


def _apply(
    node: Node,
    pairs: list[tuple[Any, Folded]],
    values: Mapping[str, Any],
    operations: Mapping[str, Callable[..., Any]],
) -> Any:
    def operation(name: str) -> Callable[..., Any]:
        return operations[name] if name in operations else _DEFAULTS[name]

    operands = [value for value, _ in pairs]
    match node:
        case Column(name) | Weight(name):
            return values[name]
        case Negate():
            return operation("negative")(operands[0])
        case Binary("**"):
            return operation("power")(operands[0], _exponent(*pairs[1]))
        case Binary(op) | Compare(op):
            return operation(_ENTRY[op])(*operands)
        case Call("where") if isinstance(pairs[0][1], bool):
            return operands[1] if pairs[0][1] else operands[2]
        case Call(function):
            return operations[function](*operands)
        case Logical(op):
            join = operation(_ENTRY[op])
            result = operands[0]
            for operand in operands[1:]:
                result = join(result, operand)
            return result
        case Not():
            return operation("logical_not")(operands[0])
    raise TypeError(f"not a node: {node!r}")


def _exponent(value: Any, folded: Folded) -> Any:
    if folded is None or not float(folded).is_integer() or abs(folded) > _LARGEST_WHOLE_EXPONENT:
        return value
    return int(folded)
