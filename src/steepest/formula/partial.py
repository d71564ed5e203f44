"""The partial derivative of the loss by one weight, for people to read.

`mean`, `clip` and `prediction` in it are words for the reader: unlike `derivative`, what is
written here is not a formula that could be typed in.
"""

from __future__ import annotations

from typing import Literal

from steepest.formula.algebra import ZERO, product
from steepest.formula.derivative import derivative
from steepest.formula.nodes import Binary, Call, Formula, Negate, Node, Number, Weight

Gives = Literal["value", "logit", "probability"]


def partial(
    formula: Formula, weight: str, loss: str | None = None, gives: Gives | None = None
) -> Node | None:
    """The derivative of the loss, a mean over the rows, by the weight.

    `loss` is mse, mae, rmse, huber (delta 1) or cross-entropy. For a bare expression it
    plays no part: the expression is the loss. `gives` says what the model gives to cross-entropy,
    a logit or a probability; without it a model that is `sigmoid(...)` gives a probability and
    any other a logit.

    None where the derivative is too long to write out.
    """
    if formula.target is None or loss is None:
        return derivative(formula.model, weight)
    taken = {*formula.weights, *formula.columns}
    prediction = formula.model if "prediction" in taken else Weight("prediction")
    residual = Binary("-", prediction, formula.target)
    model = formula.model
    first: tuple[Node, ...]
    match loss:
        case "mse":
            first = (Number(2), residual)
        case "mae":
            first = (Call("sign", (residual,)),)
        case "rmse":
            first = (residual,)
        case "huber":
            first = (Call("clip", (residual, Negate(Number(1)), Number(1))),)
        case "cross-entropy":
            inside = _inside_sigmoid(model)
            if gives == "logit" or (gives is None and inside is None):
                first = (Binary("-", Call("sigmoid", (prediction,)), formula.target),)
            elif inside is not None:
                # The slope of the sigmoid cancels against the loss.
                first, model = (residual,), inside
            else:
                spread = Binary("*", prediction, Binary("-", Number(1), prediction))
                first = (Binary("/", residual, spread),)
        case _:
            raise ValueError(f"no partial derivative is known for the loss {loss!r}")
    slope = derivative(model, weight)
    if slope is None:
        return None
    if slope == ZERO:
        return ZERO
    mean = Call("mean", (_times(first, slope),))
    if loss == "rmse":
        square = Call("mean", (Binary("**", residual, Number(2)),))
        root = Call("sqrt", (square,)) if "rmse" in taken else Weight("rmse")
        return Binary("/", mean, root)
    return mean


def _inside_sigmoid(model: Node) -> Node | None:
    return model.arguments[0] if isinstance(model, Call) and model.function == "sigmoid" else None


def _times(first: tuple[Node, ...], slope: Node) -> Node:
    """The loss's own factors in front, a number in front of them, the slope behind."""
    numbers = tuple(node for node in first if isinstance(node, Number))
    return product(*numbers, slope).node(tuple(n for n in first if not isinstance(n, Number)))
