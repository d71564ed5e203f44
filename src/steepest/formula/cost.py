"""The loss of a formula as an equation, for people to read.

As in `partial`, `mean` and `prediction` in it are words for the reader.
"""

from __future__ import annotations

from steepest.formula.nodes import Binary, Call, Compare, Formula, Negate, Node, Number, Weight
from steepest.formula.partial import Gives


def cost(formula: Formula, loss: str | None = None, gives: Gives | None = None) -> Node:
    """The loss: for a bare expression the expression, else a mean over the rows.

    `loss` and `gives` are those of `partial`.

    >>> from steepest.formula import parse_model, to_text
    >>> to_text(cost(parse_model("y ~ a*x", ["x", "y"]), "mse"))
    'mean((prediction - y)**2)'
    """
    if formula.target is None or loss is None:
        return formula.model
    taken = {*formula.weights, *formula.columns}
    prediction = formula.model if "prediction" in taken else Weight("prediction")
    target = formula.target
    residual = Binary("-", prediction, target)
    square = Binary("**", residual, Number(2))
    size = Call("abs", (residual,))
    match loss:
        case "mse":
            return Call("mean", (square,))
        case "rmse":
            return Call("sqrt", (Call("mean", (square,)),))
        case "mae":
            return Call("mean", (size,))
        case "huber":
            near = Compare("<=", size, Number(1))
            far = Binary("-", size, Binary("/", Number(1), Number(2)))
            return Call("mean", (Call("where", (near, Binary("/", square, Number(2)), far)),))
        case "cross-entropy":
            model = formula.model
            is_probability = isinstance(model, Call) and model.function == "sigmoid"
            if gives == "logit" or (gives is None and not is_probability):
                soft = Call("softplus", (prediction,))
                return Call("mean", (Binary("-", soft, Binary("*", target, prediction)),))
            one = Binary("*", target, Call("log", (prediction,)))
            rest = Binary("-", Number(1), target)
            other = Binary("*", rest, Call("log", (Binary("-", Number(1), prediction),)))
            return Call("mean", (Binary("-", Negate(one), other),))
    raise ValueError(f"no equation is known for the loss {loss!r}")


def of_one_row(node: Node) -> Node:
    """What a `cost` or a `partial` is the mean of; the node itself where it is no mean.

    >>> from steepest.formula import parse_model, partial, to_text
    >>> to_text(of_one_row(partial(parse_model("y ~ a*x", ["x", "y"]), "a", "mse")))
    '2*(prediction - y)*x'
    """
    match node:
        case Call("mean", (inside,)) | Call("sqrt", (Call("mean", (inside,)),)):
            return inside
        case Binary("/", Call("mean", (inside,)), root):
            return Binary("/", inside, root)
    return node
