"""Products and sums in a normal form that still remembers the order of their parts.

Constants are folded, zeros and ones go, signs come out in front, equal factors and like terms are
collected. Sums are never multiplied out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

from steepest.formula.fold import constant_value
from steepest.formula.nodes import Binary, Column, Constant, Negate, Node, Number, Weight

# Fractions stay exact (1/3 is written so); a decimal anywhere makes the result a decimal.
Exact: TypeAlias = Fraction | float

ZERO = Number(0)
ONE = Number(1)


class TooLargeError(Exception):
    """A number in the result does not fit a float, or there are too many nodes."""


@dataclass
class Product:
    """`coefficient` times every factor to its numeric exponent."""

    coefficient: Exact = Fraction(1)
    factors: dict[Node, Exact] = field(default_factory=dict)

    def take(self, node: Node, exponent: Exact) -> None:
        """Multiply by node**exponent. Only whole exponents reach inside products."""
        whole = exponent == int(exponent)
        match node:
            case Number(value):
                known = exact_power(exact(value), exponent)
                if known is None:
                    self._add(node, exponent)
                else:
                    self.coefficient = multiply(self.coefficient, known)
            case Negate(operand) if whole:
                if int(exponent) % 2:
                    self.coefficient = multiply(self.coefficient, Fraction(-1))
                self.take(operand, exponent)
            case Binary("*", left, right) if whole and abs(exponent) == 1:
                self.take(left, exponent)
                self.take(right, exponent)
            case Binary("/", left, right) if whole and abs(exponent) == 1:
                self.take(left, exponent)
                self.take(right, multiply(exponent, Fraction(-1)))
            case Binary("**", base, inner):
                known = exact_value(inner)
                # (u**2)**0.5 is |u|, so that exponents multiply only where both are whole.
                if known is not None and (exponent == 1 or (whole and known == int(known))):
                    self.take_factor(base, multiply(known, exponent))
                else:
                    self._add(node, exponent)
            case _:
                self._add(node, exponent)

    def take_factor(self, base: Node, exponent: Exact) -> None:
        """Multiply by base**exponent, where only a first power is looked into."""
        if exponent in (1, -1):
            self.take(base, exponent)
        else:
            self._add(base, exponent)

    def _add(self, base: Node, exponent: Exact) -> None:
        total = add(self.factors.get(base, Fraction(0)), exponent)
        if total == 0:
            self.factors.pop(base, None)
        else:
            self.factors[base] = total

    def node(self, first: tuple[Node, ...] = ()) -> Node:
        """The product written out: number, `first`, names, the rest; then the denominator."""
        if self.coefficient == 0:
            return ZERO
        top, below = _over_and_under(_absolute(self.coefficient))
        over: list[Node] = list(first)
        under: list[Node] = []
        for base, exponent in sorted(self.factors.items(), key=_rank):
            raised = raise_to(base, _absolute(exponent))
            (over if exponent > 0 else under).append(raised)
        if below != 1:
            under.insert(0, number(below))
        if top != 1 or not over:
            over.insert(0, number(top))
        if self.coefficient < 0:
            over[0] = Negate(over[0])
        result = _chain(over)
        return Binary("/", result, _chain(under)) if under else result


def _chain(factors: list[Node]) -> Node:
    result = factors[0]
    for factor in factors[1:]:
        result = Binary("*", result, factor)
    return result


def _rank(item: tuple[Node, Exact]) -> int:
    """Names and their powers stand before everything else."""
    return 0 if isinstance(item[0], Weight | Column | Constant | Number) else 1


def product(*nodes: Node) -> Product:
    """The normal form of a product."""
    result = Product()
    for node in nodes:
        result.take(node, Fraction(1))
    return result


def times(*nodes: Node) -> Node:
    """The product, tidied."""
    if any(node == ZERO for node in nodes):
        return ZERO
    return product(*nodes).node()


def reciprocal(node: Node) -> Node:
    """One divided by the node."""
    return power(node, Fraction(-1))


def power(node: Node, exponent: Exact) -> Node:
    """The node to a number, tidied."""
    if exponent == 0:
        return ONE
    result = Product()
    if isinstance(node, Binary) and node.op == "**":
        result.take(node, exponent)
    else:
        result.take_factor(node, exponent)
    return result.node()


def plus(*nodes: Node) -> Node:
    """The sum, tidied: like terms are added up."""
    alike: dict[frozenset[tuple[Node, Exact]], Product] = {}
    for sign, node in terms(nodes):
        term = product(node)
        term.coefficient = multiply(term.coefficient, sign)
        key = frozenset(term.factors.items())
        if key in alike:
            alike[key].coefficient = add(alike[key].coefficient, term.coefficient)
        else:
            alike[key] = term
    result: Node | None = None
    for term in alike.values():
        if term.coefficient == 0:
            continue
        if result is None:
            result = term.node()
        elif term.coefficient < 0:
            term.coefficient = multiply(term.coefficient, Fraction(-1))
            result = Binary("-", result, term.node())
        else:
            result = Binary("+", result, term.node())
    return ZERO if result is None else result


def terms(nodes: Iterable[Node]) -> list[tuple[Fraction, Node]]:
    """The terms of these nodes' sum, each with its sign."""
    found: list[tuple[Fraction, Node]] = []
    stack = [(Fraction(1), node) for node in reversed(list(nodes))]
    while stack:
        sign, node = stack.pop()
        match node:
            case Binary("+" | "-" as op, left, right):
                stack.append((sign if op == "+" else -sign, right))
                stack.append((sign, left))
            case Negate(Binary("+" | "-" | "*" | "/") as operand):
                stack.append((-sign, operand))
            case _:
                found.append((sign, node))
    return found


def exact(value: float | int) -> Exact:
    """A whole number as a fraction, any other as it is."""
    return Fraction(value) if isinstance(value, int) else value


def _as_fraction(value: Exact) -> Fraction:
    # By its decimal digits, so that 0.1*3 is 0.3.
    return value if isinstance(value, Fraction) else Fraction(repr(value))


def _settled(result: Fraction, *parts: Exact) -> Exact:
    decimal = any(isinstance(part, float) for part in parts)
    if not decimal and max(abs(result.numerator), result.denominator) <= 2**53:
        return result
    value = float(result)
    if result and not value:
        raise TooLargeError
    return value


def _absolute(value: Exact) -> Exact:
    return -value if value < 0 else value


def multiply(left: Exact, right: Exact) -> Exact:
    """The product, exact where both are."""
    return _settled(_as_fraction(left) * _as_fraction(right), left, right)


def add(left: Exact, right: Exact) -> Exact:
    """The sum, exact where both are."""
    return _settled(_as_fraction(left) + _as_fraction(right), left, right)


def exact_power(base: Exact, exponent: Exact) -> Exact | None:
    """base**exponent where it stays a short number."""
    if base == 0 and exponent > 0:
        return Fraction(0)
    if base == 0 or exponent != int(exponent) or abs(int(exponent)) > 64:
        return None
    return _settled(_as_fraction(base) ** int(exponent), base, exponent)


def exact_value(node: Node) -> Exact | None:
    """The value of a constant exponent, as a fraction where it was written as one."""
    match node:
        case Number(value):
            return exact(value)
        case Negate(operand):
            below = exact_value(operand)
            return None if below is None else -below
        case Binary("/", Number(int() as top), Number(int() as below)) if below:
            return Fraction(top, below)
    folded = constant_value(node)
    return None if folded is None else float(folded)


def _over_and_under(size: Exact) -> tuple[float | int, int]:
    if isinstance(size, Fraction):
        return size.numerator, size.denominator
    return size, 1


def number(value: float | int) -> Node:
    """A number as the parser would build it: the sign is a node of its own."""
    return Negate(Number(-value)) if value < 0 else Number(value)


def raise_to(base: Node, exponent: Exact) -> Node:
    """The node to a positive number, as it stands."""
    if exponent == 1:
        return base
    top, below = _over_and_under(exponent)
    written = number(top) if below == 1 else Binary("/", number(top), Number(below))
    return Binary("**", base, written)
