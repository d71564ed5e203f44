"""The backward pass on one row, read as the chain rule reads it: from the loss to the weights."""

from __future__ import annotations

import math
from typing import Final

from steepest.methods.losses import LOSS
from steepest.records.document import hardest_row, on_row
from steepest.records.point import BackwardNode, Explanation
from steepest.records.problem import Problem
from steepest.show.terminal.page import Page
from steepest.words.wording import count, number

FIGURES: Final = 16
"""Cells for a number."""

_HOW: Final = {
    "+": "a sum passes it on as it is",
    "-": "a difference passes it on, with the sign turned for what is subtracted",
    "*": "a product passes it on times the other factor",
    "**": "a power passes it on times exponent*base**(exponent - 1)",
    "negate": "a minus sign turns it round",
}
_HOW_OF_LOSS: Final = {
    "mean": "the mean over rows gives each row its share",
    "subtract": "prediction - target passes it on as it is",
    "sqrt": "a square root passes it on divided by twice the root",
    **{form.operation: form.passes for loss in LOSS.values() for form in loss.forms.values()},
}


def chain_length(problem: Problem) -> int:
    """How many of the last nodes belong to the loss and not to the formula."""
    return 0 if problem.loss is None else LOSS[problem.loss].stages


def prediction_on(
    explanation: Explanation, problem: Problem
) -> tuple[int, float, float | None] | None:
    """(row, prediction, target) on the row that pulls hardest; target None where it is not told.

    None where there are no rows, or no backward pass was recorded.
    """
    row = hardest_row(explanation)
    nodes = explanation.backward
    length = chain_length(problem)
    if row is None or not length or len(nodes) <= length:
        return None
    first = nodes[-length]
    if not first.inputs:
        return None
    prediction, _ = on_row(nodes[first.inputs[0]], explanation, row)
    if first.operation != "subtract":
        return row, prediction, None
    residual, _ = on_row(first, explanation, row)
    return row, prediction, prediction - residual


def show_backward(page: Page, explanation: Explanation, problem: Problem) -> None:
    """Every node with its value and adjoint, from the loss back to the weights."""
    nodes = explanation.backward
    row = hardest_row(explanation)
    on = "" if row is None else f" on row {row}, which pulls hardest"
    page.heading(f"The backward pass at step {count(explanation.step)}{on}")
    if not nodes:
        page.say("It was not recorded.", indent=2)
        return
    page.say(
        "An adjoint says how fast the loss changes when this value alone is raised. It is 1 at the "
        "loss, and each operation passes it back to what it was made from, times its own slope: "
        "that is the chain rule. The adjoint of a weight is its partial derivative.",
        indent=2,
    )
    page.blank()
    room = max(8, page.width - 2 * FIGURES - 4)
    heads = f"{'value':>{FIGURES}}{'adjoint':>{FIGURES}}"
    page.entry("node", room, (heads, "bold"), style="bold")
    firsts_of_loss = len(nodes) - chain_length(problem)
    for place in reversed(range(len(nodes))):
        node = nodes[place]
        value, adjoint = on_row(node, explanation, row)
        figures = f"{number(value):>{FIGURES}}{number(adjoint):>{FIGURES}}"
        style = "bold cyan" if node.operation == "weight" else ""
        page.entry(node.text, room, figures, style=style)
        page.say((_note(place, explanation, row, firsts_of_loss), "dim"), indent=6)


def _note(place: int, explanation: Explanation, row: int | None, firsts_of_loss: int) -> str:
    nodes = explanation.backward
    node = nodes[place]
    if place == len(nodes) - 1:
        return "the loss itself"
    sources = [i for i, other in enumerate(nodes) if place in other.inputs]
    if not sources:
        return "nothing depends on it"
    if node.operation == "column":
        return "data: it stays as it is"
    if node.value.ndim == 0 and node.operation == "weight":
        return _of_weight(node, sources, explanation, row)
    hows = list(dict.fromkeys(_how(place, i, nodes, firsts_of_loss) for i in sources))
    if len(sources) > 1:
        return f"the sum of what reaches it from {len(sources)} places: {'; '.join(hows)}"
    _, above = on_row(nodes[sources[0]], explanation, row)
    _, adjoint = on_row(node, explanation, row)
    if not (above and math.isfinite(above) and math.isfinite(adjoint)):
        return hows[0]
    factor = adjoint / above
    return f"{_signed(above)} * {_signed(factor)}: {hows[0]}"


def _of_weight(
    node: BackwardNode, sources: list[int], explanation: Explanation, row: int | None
) -> str:
    nodes = explanation.backward
    if all(nodes[i].adjoint.ndim == 0 for i in sources):
        places = "" if len(sources) == 1 else f" from {len(sources)} places"
        return f"a weight: what reaches it{places} is its partial derivative"
    text = "a weight: the sum over all rows of what reaches it is its partial derivative"
    for partial in explanation.partials:
        for pull in partial.pulls if partial.weight == node.text else ():
            if pull.row == row:
                return f"{text}; row {row} adds {number(pull.amount)}"
    return text


def _how(place: int, source: int, nodes: tuple[BackwardNode, ...], firsts_of_loss: int) -> str:
    operation = nodes[source].operation
    if source >= firsts_of_loss:
        return _HOW_OF_LOSS.get(operation, "passed on times its slope")
    if operation == "/":
        if len(nodes[source].inputs) == 2 and nodes[source].inputs[1] == place:
            return "a quotient passes it to its denominator times -quotient/denominator"
        return "a quotient passes it on times its slope"
    return _HOW.get(operation) or f"{operation} passes it on times its slope there"


def _signed(value: float) -> str:
    text = number(value)
    return f"({text})" if text[:1] in "-−" else text
