"""Categories: texts that a column is compared with, and C(column), which gives each a weight."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import reduce
from itertools import chain, count
from typing import Final, TypeAlias

from steepest.formula.algebra import Exact, TooLargeError, product, terms
from steepest.formula.functions import CONSTANTS, FUNCTIONS
from steepest.formula.names import indicated, indicator, shown
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
    Span,
    Weight,
    children,
    names_of,
    walk,
)
from steepest.formula.render import to_text
from steepest.formula.tokens import CATEGORIES, fail
from steepest.records.problem import Categories

MOST_CATEGORIES: Final = 100
"""Categories of one column."""

_LONGEST: Final = 40


def as_number(node: Node) -> Node:
    """A comparison with a text as a number, 1 where it holds, else 0; any other node as it is."""
    match node:
        case Compare("==", Column(name) as column, Number(1)) if indicated(name):
            return column
        case Compare("!=", Column(name) as column, Number(1)) if indicated(name):
            return Binary("-", Number(1, node.span), column, node.span)
    return node


def with_categories(
    text: str,
    model: Node,
    columns: Collection[str],
    categories: Callable[[str], Sequence[str]] | None,
) -> tuple[Node, tuple[Categories, ...]]:
    """The model with a weight for each category where C(column) stood, and which weights these are.

    Where their sum can be made up by another part of the same sum, the first category has none.
    """
    calls = [node for node in walk(model) if _is_categories(node)]
    if not calls:
        return model, ()
    beside = dict(_beside(model))
    taken = {*columns, *names_of(Weight, model), *FUNCTIONS, *CONSTANTS}
    sums: dict[Span, Node] = {}
    groups: list[Categories] = []
    for call in calls:
        column = names_of(Column, call)[0]
        if categories is None:
            fail(f"{CATEGORIES}(...) needs the categories of a table.", text, *call.span)
        known = tuple(categories(column))
        if not 2 <= len(known) <= MOST_CATEGORIES:
            instead = (
                "Such a column says nothing: leave it out."
                if len(known) < 2
                else "Group them into fewer, or compare with those that matter: "
                f"a*({to_text(Column(indicator(column, known[0])))})."
            )
            many = "1 category" if len(known) == 1 else f"{len(known):,} categories"
            limit = "" if len(known) < 2 else f", and at most {MOST_CATEGORIES} can have a weight"
            problem = f"{shown(column)} has {many} in the rows in use{limit}."
            fail(problem, text, *call.span, instead=instead)
        stands = beside.get(call.span)
        left = known[0] if stands is not None else None
        weights = dict(_named(column, known[left is not None :], taken))
        sums[call.span] = _sum(column, weights, call.span)
        groups.append(Categories(column, weights, left, stands))
    return _put_in(model, sums), tuple(groups)


def _is_categories(node: Node) -> bool:
    return isinstance(node, Call) and node.function == CATEGORIES


def _sum(column: str, weights: dict[str, str], span: Span) -> Node:
    parts: list[Node] = [
        Binary("*", Weight(weight, span), Column(indicator(column, category), span), span)
        for weight, category in weights.items()
    ]
    return reduce(lambda total, part: Binary("+", total, part, span), parts)


def _named(column: str, categories: Iterable[str], taken: set[str]) -> Iterator[tuple[str, str]]:
    """(weight, category): plain names, such as city_Rome, none of them taken."""
    for place, category in enumerate(categories, start=1):
        short = f"{_letters(column)}_{_letters(category) or place}".strip("_")[:_LONGEST]
        wanted = short if short.isidentifier() else f"c_{short}"
        numbered = (f"{wanted}_{number}" for number in count(2))
        name = next(name for name in chain([wanted], numbered) if name not in taken)
        taken.add(name)
        yield name, category


def _letters(text: str) -> str:
    """What of a text can stand in a plain name, and _ for the rest."""
    folded = unicodedata.normalize("NFKC", text)
    kept = "".join(c if ("_" + c).isidentifier() else "_" for c in folded)
    return re.sub("_+", "_", kept).strip("_")


# What stands beside C(column) in a sum


def _beside(model: Node) -> Iterator[tuple[Span, str]]:
    """(where C(column) stands, what in the same sum is the sum of its categories' weights).

    `C(city) + b` has b, `C(city)*x + b*x` has b*x, and of `C(city) + C(kind)` the second one has
    the first: adding a number to each weight of one group and taking it from the rest changes
    nothing, so that the data could not tell them apart.
    """
    stack = [model]
    while stack:
        sum_ = [term for _, term in terms([stack.pop()])]
        yield from _beside_in(sum_)
        stack += [part for term in sum_ for part in children(term)]


_Factors: TypeAlias = frozenset[tuple[Node, Exact]]


def _beside_in(sum_: Sequence[Node]) -> Iterator[tuple[Span, str]]:
    groups: list[tuple[Node, _Factors]] = []
    weights: dict[_Factors, str] = {}
    for term in sum_:
        try:
            factors = product(term).factors
        except TooLargeError:
            continue
        for node, exponent in factors.items():
            others = frozenset(item for item in factors.items() if item[0] != node)
            if exponent == 1 and isinstance(node, Weight):
                weights.setdefault(others, to_text(term))
            elif exponent == 1 and _is_categories(node):
                groups.append((node, others))
    for call, others in groups:
        if others in weights:
            yield call.span, weights[others]
        else:
            weights[others] = to_text(call)


def _put_in(node: Node, sums: dict[Span, Node]) -> Node:
    """The node with sums in the place of what stood at these places."""
    if _is_categories(node):
        return sums[node.span]

    def inside(part: Node) -> Node:
        return _put_in(part, sums)

    match node:
        case Negate(operand) | Not(operand):
            return replace(node, operand=inside(operand))
        case Binary(_, left, right) | Compare(_, left, right):
            return replace(node, left=inside(left), right=inside(right))
        case Call(_, arguments):
            return replace(node, arguments=tuple(map(inside, arguments)))
        case Logical(_, operands):
            return replace(node, operands=tuple(map(inside, operands)))
    return node
