"""What can be said of a formula from its structure alone."""

from __future__ import annotations

from collections.abc import Collection

from steepest.formula.fold import constant_value
from steepest.formula.nodes import Binary, Call, Negate, Node, Weight, children, names_of

_FREE, _AFFINE, _OTHER = 0, 1, 2


def is_linear(node: Node, weights: Collection[str]) -> bool:
    """Whether the value is affine in the named weights together, as the formula is written.

    `a*x + b`, `a/x` and `where(x > 0, a, b)` are; `a*b`, `x/a` and `exp(a)` are not. Nothing is
    rearranged, so `log(exp(a))` is not found to be linear.
    """
    return _degree(node, frozenset(weights)) != _OTHER


def inside_sigmoid(node: Node) -> Node | None:
    """What a sigmoid makes a probability of, its logit; None where the node is no sigmoid."""
    return node.arguments[0] if isinstance(node, Call) and node.function == "sigmoid" else None


def linear_parts(node: Node) -> tuple[Node, ...]:
    """The largest sub-expressions that contain weights and are affine in them, left to right.

    Of `b1*(1 - exp(-b2*x))` these are `b1` and `-b2*x`.
    """
    weights = frozenset(names_of(Weight, node))
    found: list[Node] = []
    stack = [node]
    while stack:
        current = stack.pop()
        degree = _degree(current, weights)
        if degree == _AFFINE:
            found.append(current)
        elif degree == _OTHER:
            stack.extend(reversed(children(current)))
    return tuple(found)


def _degree(node: Node, weights: frozenset[str]) -> int:
    if isinstance(node, Weight):
        return _AFFINE if node.name in weights else _FREE
    below = [_degree(child, weights) for child in children(node)]
    highest = max(below, default=_FREE)
    if highest == _FREE:
        return _FREE
    match node:
        case Negate() | Binary("+" | "-"):
            return highest
        case Binary("*"):
            return highest if min(below) == _FREE else _OTHER
        case Binary("/"):
            return highest if below[1] == _FREE else _OTHER
        case Binary("**", _, exponent):
            power = constant_value(exponent)
            if power == 0:
                return _FREE
            return highest if power == 1 else _OTHER
        case Call("where"):
            return highest if below[0] == _FREE else _OTHER
        case _:
            return _OTHER
