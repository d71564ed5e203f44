"""A formula as Python code for PyTorch or JAX.

The code is written from the tree. Names never reach it as they are: a weight is the identifier
that stands for it, a column a key in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from steepest.formula.evaluate import SAFE, may_have_no_slope
from steepest.formula.fold import constant_value
from steepest.formula.moving import moving_with_weights
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
    names_of,
)

MOVING = "moving"
"""What a script calls the function that takes the slope of rows where a value cannot move."""


@dataclass(frozen=True)
class Library:
    """What things are called: `module` has most functions, `functions` names the others."""

    module: str
    functions: Mapping[str, str]
    """Function -> its code, with {} for the argument where there is one."""
    number: str
    """A number where only an array will do, with {} for it."""
    array: str
    """How an array is made."""
    along_rows: str
    """The keyword that reduces the first axis."""
    still: str
    """A value that has no slope, with {} for it."""


@dataclass(frozen=True)
class Names:
    """How names are written."""

    weights: Mapping[str, str]
    column: Callable[[str], str]


_COMPARE, _SUM, _PRODUCT, _MINUS, _POWER, _ATOM = range(6)
_STRENGTH = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "**": _POWER}
_LARGEST_WHOLE_EXPONENT = 1024
_LARGEST_WHOLE = 2**53

# Formatters leave no spaces around ** between these.
_SIMPLE = re.compile(r"-?(?:[^\W\d]\w*(?:\.[^\W\d]\w*)*|\d+(?:\.\d*)?(?:e[+-]?\d+)?)")

_Written = tuple[str, int]
"""Code, and how tightly its outermost operator binds."""


def expression(node: Node, library: Library, names: Names) -> str:
    """The code of a formula, a target or a condition."""
    return _Writer(library, names).write(node)[0]


@dataclass(frozen=True)
class _Writer:
    library: Library
    names: Names
    taken: tuple[str, ...] = ()
    """The conditions under which what is written is used."""
    slopes: bool = True
    """Whether the derivative is asked for: that of a condition is not."""

    def write(self, node: Node) -> _Written:
        folded = constant_value(node)
        if folded is not None:
            return self.constant(node, float(folded))
        match node:
            case Column(name):
                return self.names.column(name), _ATOM
            case Weight(name):
                return self.names.weights[name], _ATOM
            case Negate(operand):
                return "-" + self.inner(operand, _MINUS), _MINUS
            case Binary("**", left, right):
                base = self.inner(left, _ATOM, of=node)
                exponent = self.exponent(right)
                simple = _SIMPLE.fullmatch(base) and _SIMPLE.fullmatch(exponent)
                return f"{base}**{exponent}" if simple else f"{base} ** {exponent}", _POWER
            case Binary(op, left, right):
                own = _STRENGTH[op]
                divisor = self.inner(right, own + 1, of=node)
                return f"{self.inner(left, own)} {op} {divisor}", own
            case Compare(op, left, right):
                plain = replace(self, slopes=False)
                return f"{plain.inner(left, _SUM)} {op} {plain.inner(right, _SUM)}", _COMPARE
            case Logical(op, operands):
                sign = " & " if op == "and" else " | "
                return sign.join(self.condition(operand) for operand in operands), _COMPARE
            case Not(operand):
                return f"~({self.write(operand)[0]})", _MINUS
            case Call("where", (condition, chosen, otherwise)):
                holds = constant_value(condition)
                if holds is not None:
                    return self.write(chosen if holds else otherwise)
                code = self.write(condition)[0]
                taken, other = self.under(code), self.under(f"~({code})")
                parts = (code, taken.branch(chosen), other.branch(otherwise))
                return f"{self.library.module}.where({', '.join(parts)})", _ATOM
            case Call(function, (operand,)):
                named = f"{self.library.module}.{function}({{}})"
                code = self.inner(operand, _COMPARE, of=node)
                return self.library.functions.get(function, named).format(code), _ATOM
            case Call(function, operands):
                written = ", ".join(self.array(operand, of=node) for operand in operands)
                named = f"{self.library.module}.{function}"
                return f"{self.library.functions.get(function, named)}({written})", _ATOM
        raise TypeError(f"not a node: {node!r}")

    def under(self, condition: str) -> _Writer:
        """The same where what is written is used under one more condition."""
        return replace(self, taken=(*self.taken, condition))

    def inner(self, node: Node, least: int, *, of: Node | None = None) -> str:
        """The code of an operand, and what keeps the slope of the operation that it is `of`.

        Automatic derivatives would multiply zero by infinity on rows where nothing of it is used,
        or where it cannot move.
        """
        code, strength = self.write(node)
        if of is None or not self.slopes or constant_value(node) is not None:
            return code if strength >= least else f"({code})"
        written = code
        moves = moving_with_weights(of)
        if not isinstance(moves, bool):
            code = f"{MOVING}({self.write(moves)[0]}, {code})"
        elif not moves and names_of(Weight, of):
            code = self.library.still.format(f"({code})")
        if self.taken and may_have_no_slope(of):
            one = len(self.taken) == 1
            used = self.taken[0] if one else " & ".join(f"({each})" for each in self.taken)
            code = f"{self.library.module}.where({used}, {code}, {SAFE})"
        return code if code is not written or strength >= least else f"({code})"

    def condition(self, node: Node) -> str:
        """An operand of & or |, which bind more tightly than comparisons."""
        holds = constant_value(node)
        return str(bool(holds)) if holds is not None else self.inner(node, _MINUS)

    def exponent(self, node: Node) -> str:
        value = constant_value(node)
        if value is None or not float(value).is_integer() or abs(value) > _LARGEST_WHOLE_EXPONENT:
            return self.inner(node, _MINUS)
        return str(int(value))

    def branch(self, node: Node) -> str:
        """A branch of where: two whole numbers there would make an array of integers."""
        value = constant_value(node)
        return self.write(node)[0] if value is None else repr(float(value))

    def array(self, node: Node, *, of: Node) -> str:
        value = constant_value(node)
        if value is None:
            return self.inner(node, _COMPARE, of=of)
        return self.library.number.format(repr(float(value)))

    def constant(self, node: Node, value: float) -> _Written:
        """Sums and products as they were written, anything else by its value."""
        module = self.library.module
        match node:
            case Number(number):
                return repr(number), _ATOM
            case Constant(name):
                return f"{module}.{name}", _ATOM
            case Negate(Number() as operand):
                return f"-{self.write(operand)[0]}", _MINUS
            case Binary("+" | "-" | "*" | "/" as op, left, right) if abs(value) < _LARGEST_WHOLE:
                own = _STRENGTH[op]
                return f"{self.inner(left, own)} {op} {self.inner(right, own + 1)}", own
        return repr(value), _ATOM if value >= 0 else _MINUS
