"""A PyTorch loss explained, on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from rich.console import Console, ConsoleOptions, RenderResult

from steepest.records.autograd import AutogradGraph, AutogradNode, Numbers, ParameterGradient
from steepest.records.verdict import Finding
from steepest.show.terminal.finding import say_finding
from steepest.show.terminal.page import INDENT, Page
from steepest.words.wording import count, listed, number, percent

MOST_NODES: Final = 60
MOST_PARAMETERS: Final = 20
MOST_NUMBERS: Final = 4
MOST_PULLS: Final = 3


class LossReport:
    """What a terminal shows of a loss and its gradients. A rich renderable."""

    def __init__(self, graph: AutogradGraph, findings: Sequence[Finding] = ()):
        self.graph = graph
        self.findings = findings

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """One `Text` a line."""
        page = Page(options.max_width, ascii_only=options.ascii_only)
        page.say((f"The loss is {number(self.graph.loss)}.", "bold"))
        if self.graph.rows is not None:
            page.say(f"It is taken over a batch of {count(self.graph.rows, 'row')}.")
        for finding in self.findings:
            say_finding(page, finding, finding.sentence)
        _tree(page, self.graph)
        _parameters(page, self.graph)
        for what, why in self.graph.not_measured.items():
            page.say(f"The {what} were not measured: {why}.")
        yield from page.lines


def _tree(page: Page, graph: AutogradGraph) -> None:
    """The operations from the loss back to the parameters, as backward() goes."""
    page.heading("From the loss back to the parameters")
    page.say(
        "Each line is an operation: its shape, what came out of it, its adjoint, which is the "
        "derivative of the loss by it, and PyTorch's name for it."
    )
    page.blank()
    shown: set[int] = set()
    waiting = [(len(graph.nodes) - 1, 0)]
    while waiting and len(shown) < MOST_NODES:
        place, depth = waiting.pop()
        node = graph.nodes[place]
        indent = 2 * min(depth, 20)
        if place in shown:
            page.row(f"{' ' * indent}{page.safe(node.name)} (as above)")
            continue
        shown.add(place)
        page.say(_node(node), label=" " * indent + node.name, indent=max(26, indent + 12))
        waiting += [(inner, depth + 1) for inner in reversed(node.inputs)]
    if len(shown) < len(graph.nodes):
        page.say(f"and {count(len(graph.nodes) - len(shown), 'more operation')}")


def _node(node: AutogradNode) -> str:
    parts = ["one number" if not node.shape else _shape(node.shape)]
    if node.value is not None:
        parts.append(f"value {_numbers(node.value)}")
    if node.adjoint is not None:
        parts.append(f"adjoint {_numbers(node.adjoint)}")
    elif node.adjoint_norm is not None:
        parts.append(f"adjoint of length {number(node.adjoint_norm, 4)}")
    return f"{', '.join(parts)} ({node.function})"


def _parameters(page: Page, graph: AutogradGraph) -> None:
    page.heading("The gradient of each parameter")
    page.say("It has the parameter's shape: one partial derivative for each of its entries.")
    page.blank()
    for parameter in graph.parameters[:MOST_PARAMETERS]:
        page.say(_gradient(parameter), label=(parameter.name, "bold"), indent=INDENT)
        pulls = parameter.pulls[:MOST_PULLS]
        if pulls and graph.rows and graph.rows > 1:
            shares = [f"row {count(pull.row)} ({percent(pull.share)})" for pull in pulls]
            of = "of the rows that are finite numbers " if graph.lost_rows else ""
            page.say(f"{of}hardest pull {listed(shares)}", indent=INDENT)
    more = len(graph.parameters) - MOST_PARAMETERS
    if more > 0:
        page.say(f"and {count(more, 'more parameter')}")


def _gradient(parameter: ParameterGradient) -> str:
    shape = "one number" if not parameter.shape else _shape(parameter.shape)
    if not parameter.reached:
        return f"{shape}: the loss does not depend on it, so it gets no gradient"
    if parameter.gradient is not None:
        text = f"{shape}: {_numbers(parameter.gradient)}"
    elif parameter.norm is not None:
        text = f"{shape}: length {number(parameter.norm, 4)}"
    else:
        text = shape
    if parameter.there is not None:
        text += f"; in .grad there is one of length {number(parameter.there, 4)}"
    return text


def _shape(shape: tuple[int, ...]) -> str:
    return count(shape[0], "number") if len(shape) == 1 else " × ".join(map(count, shape))


def _numbers(values: Numbers) -> str:
    flat = np.ravel(values)
    texts = [number(value, 4) for value in flat[:MOST_NUMBERS]]
    if not values.shape:
        return texts[0]
    more = ", …" if len(flat) > MOST_NUMBERS else ""
    return f"[{', '.join(texts)}{more}]"
