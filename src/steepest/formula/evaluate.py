"""A formula's value with any array library: numpy, JAX and PyTorch all fit."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from steepest.formula.algebra import terms
from steepest.formula.fold import Folded, constant_value, fold_one
from steepest.formula.moving import moving_with_weights
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
    is_condition,
    walk,
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

SAFE = 0.5
"""Where every function that may have no value, or no slope, has both."""

MAY_HAVE_NO_SLOPE = frozenset(
    {"/", "**", "exp", "expm1", "sinh", "cosh", "log", "log2", "log10", "log1p", "sqrt"}
    | {"tan", "arcsin", "arccos", "arctan2"}
)
"""What may be infinite, or have no value or no slope, at some finite argument."""

MANY_PRODUCTS = 16
"""So many products of a weight and a column in a sum are added up as one."""

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
    logical_or and logical_not. `dot` adds up products of weights and columns, where they are many,
    if nothing observes them. Where slopes are asked for, `still` gives a value that has none.

    Constant sub-expressions are folded first and reach an operation as Python floats, except
    that a whole exponent from -1024 to 1024 reaches `power` as a Python int.

    `observe(node, value)` is called for every node that is not constant, operands first, and
    what it returns is used in the value's place. Nodes compare by content: to tell two places
    apart, use `node.span`. Conditions (`is_condition`) are observed too, and are true or false.

    What `where` does not take has no part in the slopes either: on rows where a value is not used,
    functions that may have none are given SAFE instead of their arguments, so that no automatic
    derivative multiplies zero by infinity. Where an argument cannot move with the weights, as `a*x`
    where x is 0, functions that may have an infinite slope have none, by `still`.
    """
    return _evaluate(node, values, operations, observe, used_rows(node, values, operations))[0]


def used_rows(
    node: Node, values: Mapping[str, Any], operations: Mapping[str, Callable[..., Any]]
) -> dict[Node, Any]:
    """Node -> on which rows its value is used, by all the branches of `where` around it.

    None where it is used on all. Equal nodes are one. Empty for a formula without `where`.
    """
    if not any(isinstance(part, Call) and part.function == "where" for part in walk(node)):
        return {}
    found: dict[Node, Any] = {}

    def operation(name: str) -> Callable[..., Any]:
        return operations.get(name, _DEFAULTS[name])

    def visit(part: Node, rows: Any) -> None:
        if part in found and found[part] is None:
            return
        together = rows is not None and part in found
        found[part] = operation("logical_or")(found[part], rows) if together else rows
        if not (isinstance(part, Call) and part.function == "where"):
            for child in children(part):
                visit(child, rows)
            return
        condition, chosen, otherwise = part.arguments
        holds, constant = _evaluate(condition, values, operations, None, {})
        if constant is not None:
            visit(chosen if constant else otherwise, rows)
            return
        visit(condition, rows)
        if not is_condition(condition):
            holds = operation("not_equal")(holds, 0.0)
        both, fails = operation("logical_and"), operation("logical_not")(holds)
        visit(chosen, holds if rows is None else both(rows, holds))
        visit(otherwise, fails if rows is None else both(rows, fails))

    visit(node, None)
    return found


def _evaluate(
    node: Node,
    values: Mapping[str, Any],
    operations: Mapping[str, Callable[..., Any]],
    observe: Observe | None,
    used: Mapping[Node, Any],
) -> tuple[Any, Folded]:
    """(value, the folded constant or None)."""
    if isinstance(node, Compare):  # It has no slope.
        operations = {name: each for name, each in operations.items() if name != "still"}
    if isinstance(node, Binary) and node.op in "+-" and observe is None and "dot" in operations:
        found = _as_dot(node, values, operations, used)
        if found is not None:
            return found, None
    pairs = [_evaluate(child, values, operations, observe, used) for child in children(node)]
    folded = fold_one(node, [constant for _, constant in pairs])
    if folded is not None:
        return folded, folded
    rows = used.get(node)
    if rows is not None and may_have_no_slope(node):
        safe = operations["where"]
        pairs = [
            (value if constant is not None else safe(rows, value, SAFE), constant)
            for value, constant in pairs
        ]
    moves = moving_with_weights(node) if "still" in operations else True
    if isinstance(moves, bool):
        value = _apply(node, pairs, values, operations)
        value = value if moves else operations["still"](value)
    else:
        rows = _evaluate(moves, values, operations, None, {})[0]
        pairs = [(_still_unless(rows, value, operations), constant) for value, constant in pairs]
        # The result too: forward derivatives would meet the infinite slope first.
        value = _still_unless(rows, _apply(node, pairs, values, operations), operations)
    return (value if observe is None else observe(node, value)), None


def _as_dot(
    node: Node,
    values: Mapping[str, Any],
    operations: Mapping[str, Callable[..., Any]],
    used: Mapping[Node, Any],
) -> Any | None:
    """A sum with many products of a weight and a column; None for any other.

    A compiler takes minutes for a hundred of them, each with a slope that needs all others.
    """
    parts = terms([node])
    if len(parts) < MANY_PRODUCTS:
        return None
    weights, columns, rest = [], [], []
    for sign, term in parts:
        match term:
            case Binary("*", Weight(weight), Column(column)) | Binary(
                "*", Column(column), Weight(weight)
            ):
                weights.append(float(sign) * values[weight])
                columns.append(values[column])
            case _:
                rest.append((sign, term))
    if len(weights) < MANY_PRODUCTS:
        return None
    total = operations["dot"](weights, columns)
    for sign, term in rest:
        total = total + float(sign) * _evaluate(term, values, operations, None, used)[0]
    return total


def _still_unless(rows: Any, value: Any, operations: Mapping[str, Callable[..., Any]]) -> Any:
    """The value, which has no derivative but on these rows."""
    return operations["where"](rows, value, operations["still"](value))


def may_have_no_slope(node: Node) -> bool:
    """Whether the node is an operation of MAY_HAVE_NO_SLOPE; whole powers from 0 on are none."""
    if isinstance(node, Binary) and node.op == "**":
        power = constant_value(node.right)
        return power is None or power < 0 or not float(power).is_integer()
    name = node.op if isinstance(node, Binary) else getattr(node, "function", "")
    return name in MAY_HAVE_NO_SLOPE


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
