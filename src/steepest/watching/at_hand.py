"""One loss at hand, read as a watch reads that of a step: for whoever explains it."""

from __future__ import annotations

import math

import torch
from torch import nn

from steepest.records.autograd import AutogradGraph
from steepest.records.loss_graph import ZeroFrom
from steepest.records.training import TrainingRecord, no_steps
from steepest.watching.birth import birth_behind
from steepest.watching.graph import read_graph
from steepest.watching.reading import read_loss
from steepest.watching.tensors import Watched, find, unwrapped
from steepest.watching.walk import is_leaf, ordered


def read_at_hand(
    loss: torch.Tensor, watched: Watched | None
) -> tuple[AutogradGraph, TrainingRecord]:
    """The loss explained, and the record of a training that has not taken a step.

    Raises UsageError for what is no scalar that depends on a tensor with requires_grad.
    """
    graph = read_graph(loss, watched)
    if watched is None:
        leaves = [node.variable for node in ordered(loss.grad_fn) if is_leaf(node)]
        names = [parameter.name for parameter in graph.parameters]
        watched = dict(zip(names, leaves, strict=True))
    found = find(watched, ())
    places = {id(tensor): place for place, tensor in enumerate(found.tensors)}
    model = unwrapped(watched) if isinstance(watched, nn.Module) else None
    norms = [p.norm for p in graph.parameters if p.norm is not None]
    lost = not all(map(math.isfinite, (graph.loss, *norms)))
    return graph, TrainingRecord(
        version="",
        model="" if model is None else type(model).__name__,
        tensors=found.records,
        groups=(),
        trace=no_steps(len(found.tensors)),
        facts=(),
        steps=0,
        every=1,
        readings=(read_loss(0, loss, places, model, graph.rows),),
        birth=birth_behind(0, loss, graph.rows) if lost else None,
        zero_from=_zero_from(graph) if norms and not any(norms) and graph.loss else None,
    )


def _zero_from(graph: AutogradGraph) -> ZeroFrom | None:
    """The operation nearest to the loss that is given a slope and gives none."""
    for node in reversed(graph.nodes):
        inner = [graph.nodes[place].adjoint_norm for place in node.inputs]
        if node.adjoint_norm and inner and not any(inner):
            return ZeroFrom(0, node.name, node.function, node.shape)
    return None
