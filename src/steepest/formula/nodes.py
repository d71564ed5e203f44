"""The tree of a formula: frozen, hashable nodes that keep the user's order of terms.

Every node knows its `span`, the columns (start, end) of the text it came from. The span takes
no part in comparing, so `a*x` written in two places is one and the same expression.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from steepest.records.problem import Categories

Span: TypeAlias = tuple[int, int]
Operator: TypeAlias = Literal["+", "-", "*", "/", "**"]
Comparison: TypeAlias = Literal["<", "<=", ">", ">=", "==", "!="]


@dataclass(frozen=True)
class Number:
    """A finite number as it was written; a whole number above 2**53 is a float."""

    value: float | int
    span: Span = field(compare=False, default=(0, 0))


@dataclass(frozen=True)
class Column:
    """A column of the table, by its exact name."""

    name: str
    span: Span = field(compare=False, default=(0, 0))


@dataclass(frozen=True)
class Weight:
    """A name that the descent may change."""

    name: str
    span: Span = field(compare=False, default=(0, 0))


@dataclass(frozen=True)
class Constant:
    """`pi` or `e`."""

    name: str
    value: float
    span: Span = field(compare=False, default=(0, 0))


@dataclass(frozen=True)
class Negate:
    """Minus one operand."""

    operand: Node
    span: Span = field(compare=False, default=(0, 0))


@dataclass(frozen=True)
class Binary:
    """An arithmetic operator between two operands."""

    op: Operator
    left: Node
    right: Node
    span: Span = field(compare=False, default=(0, 0))


@dataclass(frozen=True)
class Call:
    """A function by its canonical name (`arcsin`, also where `asin` was written)."""

    function: str
    arguments: tuple[Node, ...]
    span: Span = field(compare=False, default=(0, 0))


@dataclass(frozen=True)
class Compare:
    """True or false for each row. A chain `a < x < b` is two of them joined by `and`."""

    op: Comparison
    left: Node
    right: Node
    span: Span = field(compare=False, default=(0, 0))


@dataclass(frozen=True)
class Logical:
    """`and` or `or` between two or more conditions."""

    op: Literal["and", "or"]
    operands: tuple[Node, ...]
    span: Span = field(compare=False, default=(0, 0))


@dataclass(frozen=True)
class Not:
    """The opposite of a condition."""

    operand: Node
    span: Span = field(compare=False, default=(0, 0))


Node: TypeAlias = (
    Number | Column | Weight | Constant | Negate | Binary | Call | Compare | Logical | Not
)


@dataclass(frozen=True)
class Formula:
    """A parsed formula.

    `target` is None for a bare expression. `weights` and `columns` stand in the order of their
    first appearance in the text. `doubtful` holds (weight, column) where the name of a weight
    nearly is that of a column, so that a reader can be told.
    """

    text: str
    target: Node | None
    model: Node
    weights: tuple[str, ...]
    columns: tuple[str, ...]
    doubtful: tuple[tuple[str, str], ...] = ()
    categories: tuple[Categories, ...] = ()

    @property
    def written(self) -> str:
        """The model as it stands in the text, with C(column) for the weights of its categories."""
        return self.text[slice(*self.model.span)]


def children(node: Node) -> tuple[Node, ...]:
    """The operands of a node, left to right."""
    match node:
        case Negate(operand) | Not(operand):
            return (operand,)
        case Binary(_, left, right) | Compare(_, left, right):
            return (left, right)
        case Call(_, operands) | Logical(_, operands):
            return operands
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """All nodes, operands before what uses them, left to right."""
    stack: list[tuple[Node, bool]] = [(node, False)]
    while stack:
        current, ready = stack.pop()
        below = children(current)
        if ready or not below:
            yield current
        else:
            stack.append((current, True))
            stack.extend((child, False) for child in reversed(below))


def size(node: Node) -> int:
    """How many nodes there are."""
    return sum(1 for _ in walk(node))


def names_of(kind: type[Column] | type[Weight], *nodes: Node) -> tuple[str, ...]:
    """The names of all columns, or of all weights, in the order of their first appearance."""
    return tuple(dict.fromkeys(n.name for node in nodes for n in walk(node) if type(n) is kind))


def varying(node: Node) -> tuple[Node, ...]:
    """Every different node with a column or a weight in it, operands before what uses them."""
    leaves = Column | Weight
    return tuple(
        dict.fromkeys(n for n in walk(node) if any(isinstance(inner, leaves) for inner in walk(n)))
    )


def mentions(node: Node, name: str) -> bool:
    """Whether a column or a weight of this name is in it."""
    return any(isinstance(n, Column | Weight) and n.name == name for n in walk(node))


def is_condition(node: Node) -> bool:
    """Whether the node is true or false rather than a number."""
    return isinstance(node, Compare | Logical | Not)
