"""The equations of a run, as MathML, and how each name in them is drawn.

The page puts numbers in the place of the names: what is drawn of a name is a piece of the equation.
"""

from __future__ import annotations

from typing import Any, Final

from steepest.formula.cost import cost, of_one_row
from steepest.formula.nodes import Column, Node, Weight, walk
from steepest.formula.render import to_mathml
from steepest.methods.losses import RMSE
from steepest.run.run import Run

_WORDS: Final = ("prediction", RMSE.name)
"""Names of the reader's, where the formula has none that is called so."""


def equations_of(run: Run) -> dict[str, Any]:
    """The model, the loss and its partial derivatives; null where one would be too long.

    `loss_row` and `partial_rows` are what one row adds to the mean. `names` are drawings by name:
    of weights, columns and _WORDS; `target` is that of the left side of the formula.
    """
    formula, problem = run._setup.formula, run.record.problem
    loss = cost(formula, problem.loss, problem.gives)
    partials = {weight: run._setup.partial(weight) for weight in problem.weights}
    named: dict[str, Node] = {word: Weight(word) for word in _WORDS}
    for node in walk(formula.model):
        if isinstance(node, Weight | Column):
            named[node.name] = node
    return {
        "model": to_mathml(formula.model),
        "loss": to_mathml(loss),
        "loss_row": to_mathml(of_one_row(loss)),
        "partials": {weight: node and to_mathml(node) for weight, node in partials.items()},
        "partial_rows": {
            weight: node and to_mathml(of_one_row(node)) for weight, node in partials.items()
        },
        "names": {name: _drawn(node) for name, node in named.items()},
        "target": None if formula.target is None else _drawn(formula.target),
    }


def _drawn(node: Node) -> str:
    """What an equation with the node in it has in its place."""
    inside = to_mathml(node).partition("<mrow>")[2]
    return inside.removesuffix("</mrow></math>")
