"""Steepest's own formulas, such as what a loss costs a row, as nodes.

Unlike `parse` this reads only what stands in the program itself: any function may be in it, also
one that is a word for the reader. Every name is a weight.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from typing import Final

from steepest.formula.nodes import (
    Binary,
    Call,
    Column,
    Compare,
    Comparison,
    Constant,
    Logical,
    Negate,
    Node,
    Not,
    Number,
    Operator,
    Weight,
)

_BINARY: Final[dict[type[ast.operator], Operator]] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
}
_COMPARE: Final[dict[type[ast.cmpop], Comparison]] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}


@cache
def own(text: str) -> Node:
    """The nodes of one of our own formulas."""
    return _node(ast.parse(text, mode="eval").body)


def _node(part: ast.expr) -> Node:
    match part:
        case ast.Constant(int() | float() as value):
            return Number(value)
        case ast.Name(name):
            return Weight(name)
        case ast.UnaryOp(ast.USub(), operand):
            return Negate(_node(operand))
        case ast.BinOp(left, op, right):
            return Binary(_BINARY[type(op)], _node(left), _node(right))
        case ast.Compare(left, [op], [right]):
            return Compare(_COMPARE[type(op)], _node(left), _node(right))
        case ast.Call(ast.Name(name), arguments):
            return Call(name, tuple(_node(argument) for argument in arguments))
    raise ValueError(f"no part of a formula of ours: {ast.dump(part)}")


def put_in(
    node: Node, values: Mapping[str, Node], parts: Mapping[Node, Node] | None = None
) -> Node:
    """The node with others in the place of some of its weights, and of some of its parts."""
    if parts and node in parts:
        return parts[node]

    def inside(part: Node) -> Node:
        return put_in(part, values, parts)

    match node:
        case Weight(name):
            return values.get(name, node)
        case Number() | Column() | Constant():
            return node
        case Negate(operand):
            return Negate(inside(operand))
        case Not(operand):
            return Not(inside(operand))
        case Binary(op, left, right):
            return Binary(op, inside(left), inside(right))
        case Compare(comparison, left, right):
            return Compare(comparison, inside(left), inside(right))
        case Call(function, arguments):
            return Call(function, tuple(map(inside, arguments)))
        case Logical(op, operands):
            return Logical(op, tuple(map(inside, operands)))
