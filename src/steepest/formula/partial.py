"""The partial derivative of the loss by one weight, for people to read.

`mean`, `clip` and `prediction` in it are words for the reader: unlike `derivative`, what is
written here is not a formula that could be typed in.
"""

from __future__ import annotations

from typing import Literal

from steepest.formula.algebra import ZERO, product
from steepest.formula.derivative import Holds, derivative
from steepest.formula.nodes import Binary, Call, Formula, Node, Number, Weight
from steepest.formula.own import own, put_in
from steepest.formula.structure import inside_sigmoid
from steepest.methods.losses import LOGIT, PROBABILITY, VALUE, Loss, loss_named

Gives = Literal["value", "logit", "probability"]


def partial(
    formula: Formula,
    weight: str,
    loss: str | None = None,
    gives: Gives | None = None,
    holds: Holds = lambda condition: True,
) -> Node | None:
    """The derivative of the loss, a mean over the rows, by the weight.

    `loss` is one of `methods.losses`. For a bare expression it plays no part: the expression is
    the loss. `gives` says what the model gives to a loss of classes, a logit or a probability;
    without it a model that is `sigmoid(...)` gives a probability and any other a logit. `holds` is
    that of `derivative`.

    None where the derivative is too long to write out.
    """
    if formula.target is None or loss is None:
        return derivative(formula.model, weight, holds)
    found, model = loss_named(loss), formula.model
    form = found.form(form_of(formula, found, gives))
    inside = inside_sigmoid(model)
    if form.through_sigmoid and inside is not None and gives != LOGIT:
        first, model = _factors(of_row(formula, form.through_sigmoid)), inside
    else:
        first = _factors(of_row(formula, form.slope))
    slope = derivative(model, weight, holds)
    if slope is None:
        return None
    if slope == ZERO:
        return ZERO
    if found.root:
        first = first[1:]  # The 2 of the square cancels against that of the root.
    mean = Call("mean", (_times(first, slope),))
    if not found.root:
        return mean
    root: Node = Weight(found.name)
    if found.name in {*formula.weights, *formula.columns}:
        root = Call("sqrt", (Call("mean", (of_row(formula, form.cost),)),))
    return Binary("/", mean, root)


def form_of(formula: Formula, loss: Loss, gives: Gives | None) -> Gives:
    """What the model gives; where it is not said, a `sigmoid(...)` gives a probability."""
    if not loss.of_classes:
        return VALUE
    if gives is not None and gives != VALUE:
        return gives
    return LOGIT if inside_sigmoid(formula.model) is None else PROBABILITY


def of_row(formula: Formula, text: str) -> Node:
    """A formula of a loss, with what the formula calls prediction, target and residual."""
    taken = {*formula.weights, *formula.columns}
    prediction = formula.model if "prediction" in taken else Weight("prediction")
    target = formula.target
    if target is None:
        raise ValueError("a bare expression has no target")
    return put_in(own(text), {"p": prediction, "t": target, "r": Binary("-", prediction, target)})


def _factors(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Binary) and node.op == "*":
        return (*_factors(node.left), node.right)
    return (node,)


def _times(first: tuple[Node, ...], slope: Node) -> Node:
    """The loss's own factors in front, a number in front of them, the slope behind."""
    numbers = tuple(node for node in first if isinstance(node, Number))
    return product(*numbers, slope).node(tuple(n for n in first if not isinstance(n, Number)))
