"""The loss of a formula as an equation, for people to read.

As in `partial`, `mean` and `prediction` in it are words for the reader.
"""

from __future__ import annotations

from steepest.formula.nodes import Binary, Call, Formula, Node
from steepest.formula.partial import Gives, form_of, of_row
from steepest.methods.losses import loss_named


def cost(formula: Formula, loss: str | None = None, gives: Gives | None = None) -> Node:
    """The loss: for a bare expression the expression, else a mean over the rows.

    `loss` and `gives` are those of `partial`.

    >>> from steepest.formula.parse import parse_model
    >>> from steepest.formula.render import to_text
    >>> to_text(cost(parse_model("y ~ a*x", ["x", "y"]), "mse"))
    'mean((prediction - y)**2)'
    """
    if formula.target is None or loss is None:
        return formula.model
    found = loss_named(loss)
    row = of_row(formula, found.form(form_of(formula, found, gives)).cost)
    mean = Call("mean", (row,))
    return Call("sqrt", (mean,)) if found.root else mean


def of_one_row(node: Node) -> Node:
    """What a `cost` or a `partial` is the mean of; the node itself where it is no mean.

    >>> from steepest.formula.parse import parse_model
    >>> from steepest.formula.partial import partial
    >>> from steepest.formula.render import to_text
    >>> to_text(of_one_row(partial(parse_model("y ~ a*x", ["x", "y"]), "a", "mse")))
    '2*(prediction - y)*x'
    """
    match node:
        case Call("mean", (inside,)) | Call("sqrt", (Call("mean", (inside,)),)):
            return inside
        case Binary("/", Call("mean", (inside,)), root):
            return Binary("/", inside, root)
    return node
