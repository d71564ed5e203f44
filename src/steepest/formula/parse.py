"""Text into a formula. The text is hostile until it has come out of here.

`tokens` has replaced nothing but checked everything: what reaches Python's parser are the names
`n0`, `n1`, ... for numbers and names, operators and parentheses. No character of a user's
name or number gets there, and nothing is ever evaluated.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NoReturn

from steepest.formula import names
from steepest.formula.categories import as_number, with_categories
from steepest.formula.fold import ConstantError, Folded, check_written, fold_one
from steepest.formula.functions import CONSTANTS, FUNCTIONS
from steepest.formula.names import did_you_mean, indicator, listed, quoted, shown
from steepest.formula.nodes import (
    Binary,
    Call,
    Column,
    Compare,
    Comparison,
    Constant,
    Formula,
    Logical,
    Negate,
    Node,
    Not,
    Number,
    Operator,
    Span,
    Weight,
    is_condition,
    names_of,
)
from steepest.formula.render import to_text
from steepest.formula.tokens import CATEGORIES, Kind, Token, fail, on_one_line, tokenize
from steepest.words.wording import escaped

MAX_NODES = 600
MAX_DEPTH = 25

_BINARY: dict[type[ast.operator], Operator] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
}
_COMPARE: dict[type[ast.cmpop], Comparison] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
_LEVEL = {"+": 1, "-": 1, "*": 2, "/": 2, "**": 3}


def parse_model(
    text: str,
    columns: Collection[str],
    *,
    declared: Collection[str] = (),
    categories: Callable[[str], Sequence[str]] | None = None,
) -> Formula:
    """The formula `target ~ model` over a table with these columns.

    The target is an expression of columns, such as `log(y)`. In the model every name that is
    no column, function or constant is a weight. `declared` are names known to be weights (from
    `--start`, say): only so can a weight be called `e` or `pi`, or nearly as a column that is not
    in the formula. A column wins over all. `categories` says which ones a column has, in their
    order; without it C(column) is an error.

    Raises FormulaError, which points at the place.
    """
    table = _in_order(columns)
    text = on_one_line(text)
    tokens = tokenize(text, "model", table)
    tilde = next((i for i, t in enumerate(tokens) if t.kind == "operator" and t.text == "~"), None)
    if tilde is None:
        fail(
            "There is no ~ in the formula.",
            text,
            None,
            instead=_with_target(text, table),
        )
    target = as_number(_Reader(text, "condition", table, (), "the target").read(tokens[:tilde]))
    model = _Reader(text, "model", table, declared).read(tokens[tilde + 1 :])
    written = names_of(Weight, model)
    model, groups = with_categories(text, model, table, categories)
    for side, node in (("target", target), ("model", model)):
        if is_condition(node):
            fail(
                f"The {side} is true or false, not a number.",
                text,
                *node.span,
                instead="A comparison stands first in where(condition, a, b).",
            )
    if not names_of(Column, target):
        fail(
            "There is no column in the target.",
            text,
            *target.span,
            instead=f"The columns are {listed(table)}." if table else None,
        )
    weights = names_of(Weight, model)
    if not weights:
        fail(
            "There is no weight in the model, so there is nothing to learn.",
            text,
            *model.span,
            instead=_with_weights(target, model, table),
        )
    columns = names_of(Column, target, model)
    used = {found[0] for found in map(names.indicated, columns) if found} | set(columns)
    doubtful = names.doubtful(written, table)
    for weight, column in doubtful:
        if weight not in declared and column not in used and len(weight) >= names.LEAST_TYPED:
            _mistyped(text, tokens, weight, column)
    return Formula(text, target, model, weights, columns, doubtful, groups)


def _mistyped(text: str, tokens: Sequence[Token], weight: str, column: str) -> NoReturn:
    place = next(token for token in tokens if token.kind == "name" and token.text == weight)
    fail(
        f"There is no column {shown(weight)}.",
        text,
        place.start,
        place.end,
        instead=f"Did you mean {shown(column)}? A weight of this name needs a start: "
        f"--start {weight}=0.1.",
    )


def _with_target(text: str, columns: Collection[str]) -> str:
    """What to write for a model without a target: with the one column that is not in it."""
    words = set(re.findall(r"\w+", text))
    free = [name for name in columns if name not in words and names.is_plain(name)]
    whole = len(free) == 1 and any(name in words for name in columns)
    example = f"{free[0]} ~ {text.strip()}" if whole else "y ~ a*x + b"
    return f"Write target ~ model, for example {example}."


def _with_weights(target: Node, model: Node, columns: Collection[str]) -> str:
    """What to write for a model without weights: a weight before each of its columns."""
    used = names_of(Column, model)
    letters = [letter for letter in "abcdfghijk" if letter not in columns]
    terms = [f"{letter}*{quoted(name)}" for letter, name in zip(letters, used, strict=False)]
    rest = letters[len(terms) : len(terms) + 1]
    example = f"{to_text(target)} ~ {' + '.join([*terms, *rest])}" if terms else "y ~ a*x + b"
    return f"Every name that is not a column is a weight: {example}."


def parse_expression(text: str, *, declared: Collection[str] = ()) -> Formula:
    """A bare expression in which every name is a weight, such as `(1-x)**2`.

    `declared` as in `parse_model`. Raises FormulaError, which points at the place.
    """
    text = on_one_line(text)
    model = _Reader(text, "expression", {}, declared).read(tokenize(text, "expression", ()))
    if is_condition(model):
        fail(
            "The expression is true or false, not a number.",
            text,
            *model.span,
            instead="A comparison stands first in where(condition, a, b).",
        )
    weights = names_of(Weight, model)
    if not weights:
        fail(
            "There is no weight in the expression, so there is nothing to minimize.",
            text,
            *model.span,
            instead="Every name is a weight: x**2.",
        )
    return Formula(text, None, model, weights, ())


def parse_condition(text: str, columns: Collection[str]) -> Node:
    """A condition on the columns, such as `0 < x < 5 and not y == 2`.

    Raises FormulaError, which points at the place.
    """
    table = _in_order(columns)
    node = _Reader(text, "condition", table, ()).read(tokenize(text, "condition", table))
    if not is_condition(node):
        fail(
            "This is a number, not a condition.",
            text,
            *node.span,
            instead="Compare it with something, for example x > 0.",
        )
    if not names_of(Column, node):
        fail("There is no column in the condition.", text, *node.span)
    return node


def _in_order(columns: Collection[str]) -> dict[str, None]:
    """The columns with fast look-up, in their own order."""
    return dict.fromkeys(columns)


class _Reader:
    """Tokens into a tree, bottom up and without recursion."""

    def __init__(
        self,
        text: str,
        kind: Kind,
        columns: Collection[str],
        declared: Collection[str],
        place: str = "the condition",
    ):
        self.text = text
        self.kind = kind
        self.columns = columns
        self.declared = declared
        self.place = place
        self.results: list[tuple[Node, int, Folded]] = []
        """(node, depth, folded constant) of what has been read and not yet used."""
        self.nodes = 0

    def read(self, tokens: Sequence[Token]) -> Node:
        if not tokens:
            fail("There is nothing to the right of ~.", self.text, len(self.text))
        tree, places = self._python_tree(tokens)
        stack: list[tuple[ast.expr, bool]] = [(tree, False)]
        while stack:
            current, ready = stack.pop()
            below = _operands(current)
            if ready or not below:
                self._reduce(current, len(below), places)
            else:
                stack.append((current, True))
                stack.extend((child, False) for child in reversed(below))
        return self.results.pop()[0]

    def _python_tree(self, tokens: Sequence[Token]) -> tuple[ast.expr, _Places]:
        pieces, starts, ends, position = [], {}, {}, 0
        for index, token in enumerate(tokens):
            piece = token.text if token.kind == "operator" else f"n{index}"
            pieces.append(piece)
            starts[position] = token.start
            ends[position + len(piece)] = token.end
            position += len(piece) + 1
        places = _Places(list(tokens), starts, ends)
        try:
            return ast.parse(" ".join(pieces), mode="eval").body, places
        except SyntaxError as error:
            place = max((p for p in starts if p < (error.offset or 1)), default=0)
            fail("This cannot be read as a formula.", self.text, starts[place])
        except (RecursionError, MemoryError, ValueError):
            fail(
                "The formula is nested too deeply.",
                self.text,
                tokens[0].start,
                instead=f"At most {MAX_DEPTH} levels are read.",
            )

    def _reduce(self, current: ast.expr, count: int, places: _Places) -> None:
        taken = self.results[len(self.results) - count :]
        del self.results[len(self.results) - count :]
        span = places.span(current)
        self.nodes += 1
        if self.nodes > MAX_NODES:
            fail(
                f"The formula has more than {MAX_NODES} numbers, names and operators.",
                self.text,
                None,
                instead="Write a shorter one.",
            )
        node = self._node(current, tuple(operand for operand, _, _ in taken), span, places)
        depth = 1 + max((_depth_below(node, below, d) for below, d, _ in taken), default=0)
        if depth > MAX_DEPTH:
            fail(
                "The formula is nested too deeply.",
                self.text,
                *span,
                instead=f"At most {MAX_DEPTH} levels are read.",
            )
        try:
            folded = _fold(node, current, [value for _, _, value in taken])
        except ConstantError as error:
            fail(str(error), self.text, *span)
        self.results.append((node, depth, folded))

    def _node(
        self, current: ast.expr, operands: tuple[Node, ...], span: Span, places: _Places
    ) -> Node:
        match current:
            case ast.Name():
                return self._leaf(places.token(current))
            case ast.BinOp(op=op):
                return Binary(_BINARY[type(op)], *_two(self._numbers(operands)), span)
            case ast.UnaryOp(op=ast.USub()):
                return Negate(self._numbers(operands)[0], span)
            case ast.UnaryOp(op=ast.Not()):
                return Not(self._conditions(operands)[0], span)
            case ast.BoolOp(op=op):
                word: Literal["and", "or"] = "and" if isinstance(op, ast.And) else "or"
                return Logical(word, self._conditions(operands), span=span)
            case ast.Compare(ops=ops, comparators=others):
                operands = self._numbers(operands)
                links = tuple(
                    self._link(_COMPARE[type(op)], left, right, places.text(other))
                    for op, left, right, other in zip(
                        ops, operands, operands[1:], others, strict=False
                    )
                )
                return links[0] if len(links) == 1 else Logical("and", links, span)
            case ast.Call(func=ast.Name() as func):
                return self._call(places.token(func), operands, span)
        # Nothing else can come out of checked tokens; an allow-list says so once more.
        fail("This has no place in a formula.", self.text, *span)

    def _link(self, op: Comparison, left: Node, right: Node, category: str | None) -> Compare:
        """A comparison; with a text, of the column that is 1 where the category is this."""
        span = (left.span[0], right.span[1])
        if category is None:
            return Compare(op, left, right, span)
        name = left.name if isinstance(left, Column | Weight) else ""
        own = indicator(name, category)
        if isinstance(left, Column) or own in self.columns:
            return Compare(op, Column(own, span), Number(1, span), span)
        fail(
            f"There is no column {shown(name)} to compare with a text."
            if name
            else "Only a column is compared with a text.",
            self.text,
            *left.span,
            instead=did_you_mean(name, self.columns) if name else "Write city == 'Rome'.",
        )

    def _call(self, name: Token, operands: tuple[Node, ...], span: Span) -> Node:
        if name.text == CATEGORIES and self.kind == "model":
            return self._categories(operands, span)
        if name.text == CATEGORIES:
            fail(
                f"{CATEGORIES}(...) gives categories weights, which {self.place} has none of.",
                self.text,
                *span,
                instead="Compare with one of them: (city == 'Rome').",
            )
        function = FUNCTIONS[name.text]
        if len(operands) != function.arity:
            wanted = "1 argument" if function.arity == 1 else f"{function.arity} arguments"
            fail(
                f"{name.text} takes {wanted}, not {len(operands)}.",
                self.text,
                *span,
                instead="Write where(condition, a, b)." if function.name == "where" else None,
            )
        conditions = 1 if function.name == "where" else 0
        first, rest = operands[:conditions], operands[conditions:]
        return Call(function.name, (*self._conditions(first), *self._numbers(rest)), span)

    def _categories(self, operands: tuple[Node, ...], span: Span) -> Node:
        if len(operands) == 1 and isinstance(operands[0], Column):
            return Call(CATEGORIES, operands, span)
        fail(
            f"{CATEGORIES}(...) gives each category of a column a weight, and this is no column.",
            self.text,
            *span,
            instead=f"Write {CATEGORIES}(city). To multiply, write *.",
        )

    def _numbers(self, operands: tuple[Node, ...]) -> tuple[Node, ...]:
        operands = tuple(map(as_number, operands))
        for operand in operands:
            if is_condition(operand):
                fail(
                    "This is true or false, not a number.",
                    self.text,
                    *operand.span,
                    instead="A comparison stands first in where(condition, a, b).",
                )
        return operands

    def _conditions(self, operands: tuple[Node, ...]) -> tuple[Node, ...]:
        for operand in operands:
            if not is_condition(operand):
                fail(
                    "This is a number, not a condition.",
                    self.text,
                    *operand.span,
                    instead="Compare it with something, for example x > 0.",
                )
        return operands

    def _leaf(self, token: Token) -> Node:
        span = (token.start, token.end)
        name = token.text
        if token.kind in ("number", "text"):
            return Number(token.value, span)  # What it says of a text is for its comparison.
        if name in self.columns:
            return Column(name, span)
        if token.quoted:
            if self.kind == "expression":
                fail(
                    "Backticks are for the names of columns, and an expression has none.",
                    self.text,
                    *span,
                    instead="Write the name without them.",
                )
            self._no_column(token)
        if name in FUNCTIONS:
            more = "".join(", ..." for _ in range(1, FUNCTIONS[name].arity))
            fail(f"{name} is a function: write {name}(...{more}).", self.text, *span)
        if name not in self.declared and name in CONSTANTS:
            return Constant(name, CONSTANTS[name], span)
        if self.kind == "condition":
            self._no_column(token)
        return Weight(name, span)

    def _no_column(self, token: Token) -> NoReturn:
        near = did_you_mean(token.text, self.columns)
        instead = near or (f"The columns are {listed(self.columns)}." if self.columns else None)
        where = f" for {self.place}" if self.kind == "condition" else ""
        of_rows = self.kind == "condition" and self.place == "the condition"
        if of_rows and near is None and instead is not None:
            instead += f' A text stands in quotes: "{escaped(token.text)}".'
        fail(
            f"There is no column {shown(token.text)}{where}.",
            self.text,
            token.start,
            token.end,
            instead=instead,
        )


@dataclass(frozen=True)
class _Places:
    """Where the parts of the Python tree stand in the user's text."""

    tokens: Sequence[Token]
    starts: Mapping[int, int]
    ends: Mapping[int, int]

    def token(self, name: ast.Name) -> Token:
        return self.tokens[int(name.id[1:])]

    def text(self, node: ast.expr) -> str | None:
        token = self.token(node) if isinstance(node, ast.Name) else None
        return token.text if token is not None and token.kind == "text" else None

    def span(self, node: ast.expr) -> Span:
        return self.starts[node.col_offset], self.ends[node.end_col_offset or 0]


def _operands(node: ast.expr) -> list[ast.expr]:
    match node:
        case ast.BinOp(left=left, right=right):
            return [left, right]
        case ast.UnaryOp(operand=operand):
            return [operand]
        case ast.Compare(left=left, comparators=others):
            return [left, *others]
        case ast.BoolOp(values=operands) | ast.Call(args=operands):
            return operands
        case _:
            return []


def _two(operands: tuple[Node, ...]) -> tuple[Node, Node]:
    left, right = operands
    return left, right


def _depth_below(node: Node, below: Node, depth: int) -> int:
    """A sum of many terms is wide, not deep: terms of one chain stand on one level."""
    if isinstance(node, Binary) and below is node.left and isinstance(below, Binary):
        return depth - (_LEVEL[node.op] == _LEVEL[below.op] != _LEVEL["**"])
    return depth


def _fold(node: Node, current: ast.expr, values: list[Folded]) -> Folded:
    if isinstance(node, Logical) and isinstance(current, ast.Compare):
        pairs = zip(node.operands, pairwise(values), strict=True)
        return fold_one(node, [fold_one(link, pair) for link, pair in pairs])
    folded = fold_one(node, values)
    check_written(node, values, folded)
    return folded
