"""Explaining a word, or a PyTorch loss: its graph, each parameter's gradient, each row's pull."""

from __future__ import annotations

from collections.abc import Callable
from inspect import isroutine
from typing import Any, overload

from steepest.checks.about import page_about
from steepest.checks.at_hand import judge_loss
from steepest.records.autograd import AutogradGraph
from steepest.records.function import FunctionExplanation
from steepest.records.verdict import Finding
from steepest.show.figures import Figure, autograd_figure
from steepest.show.terminal.autograd import LossReport
from steepest.words.gate import gated


@gated
class LossExplanation:
    """A loss explained: `.graph` is all of it as plain data, `.findings` what is wrong with it."""

    def __init__(self, graph: AutogradGraph, findings: tuple[Finding, ...] = ()):
        self.graph = graph
        self.findings = findings

    def figure(self) -> Figure:
        """The graph as plain data: `.title` says what one sees, `.savefig(path)` draws it."""
        return autograd_figure(self.graph)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from steepest.run.showing import bundle_of_loss

        return bundle_of_loss(self.figure(), self.graph.loss, str(self))

    def __rich__(self) -> LossReport:
        return LossReport(self.graph, self.findings)

    def __str__(self) -> str:
        from steepest.show.terminal import plain

        return plain(LossReport(self.graph, self.findings))

    __repr__ = __str__


@overload
def explain(loss: str) -> str: ...


@overload
def explain(loss: Callable[..., Any], model: Any = None) -> FunctionExplanation: ...


@overload
def explain(loss: Any, model: Any = None) -> LossExplanation: ...


@gated
def explain(loss: Any, model: Any = None) -> LossExplanation | FunctionExplanation | str:
    """Explain a PyTorch loss, before or after `loss.backward()`. No parameter's `.grad` changes.

    Each operation by a plain name and PyTorch's, with its shape, the value that came out of it
    (where PyTorch kept it) and its adjoint; the gradient of each parameter; for a mean over a
    batch, which rows pull hardest. What is wrong with the loss is said as a watch says it. After
    `backward()` PyTorch has let go of what the adjoints need.

    It walks the graph backward, so hooks that you put on tensors (`retain_grad` is one) are called.

    Args:
        loss: A tensor with one number. Or a text, the code of a check or a word of the field such
            as "learning rate": then the page about it is returned, as text. Or a Python function of
            its variables: its formula, value and partial derivatives at a point.
        model: A model, or a list or mapping of tensors: for their names, and to tell which of
            them the loss does not reach. Of a function, the point: {"x": 3}, or numbers in order.

    Raises UsageError for what is no such loss, and for a text without a page.
    """
    if isinstance(loss, str):
        return page_about(loss)
    if isroutine(loss):
        from steepest.run.function import explained

        return explained(loss, model)
    from steepest.watching.at_hand import read_at_hand

    graph, record = read_at_hand(loss, model)
    return LossExplanation(graph, judge_loss(graph, record))
