"""A loss of PyTorch is explained as PyTorch computes it, and left as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import steepest
from steepest.records.autograd import AutogradGraph
from steepest.watching.graph import read_graph
from steepest.words.errors import UsageError


def network() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    return model, torch.randn(8, 3, dtype=torch.float64), torch.tensor([0, 1, 1, 0, 1, 0, 0, 1])


LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "cross-entropy": functional.cross_entropy,
    "sum": lambda out, y: functional.cross_entropy(out, y, reduction="sum"),
    "mse by hand": lambda out, y: ((out[:, 0] - y) ** 2).mean(),
    "mse": lambda out, y: functional.mse_loss(out[:, 1], y.double()),
    "rmse": lambda out, y: ((out[:, 0] - y) ** 2).mean().sqrt(),
}


def by_name(graph: AutogradGraph) -> dict[str, Any]:
    return {parameter.name: parameter for parameter in graph.parameters}


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_those_of_autograd_and_pulls_add_up_to_them(name: str) -> None:
    model, inputs, targets = network()
    loss = LOSSES[name](model(inputs), targets)
    found = by_name(read_graph(loss, model))
    assert all(parameter.grad is None for parameter in model.parameters())
    loss.backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None
        told = found[parameter_name]
        np.testing.assert_allclose(told.gradient, parameter.grad.numpy(), rtol=1e-12, atol=1e-15)
        pulled = sum(pull.amount for pull in told.pulls)
        np.testing.assert_allclose(pulled, parameter.grad.numpy(), rtol=1e-9, atol=1e-12)
        shares = [pull.share for pull in told.pulls]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) == pytest.approx(1)


def test_values_and_adjoints_are_those_of_the_intermediate_tensors() -> None:
    data = torch.arange(5.0, dtype=torch.float64)
    weights = torch.tensor([1.0, 0.5], dtype=torch.float64, requires_grad=True)
    product = weights[0] * data
    prediction = product + weights[1]
    error = prediction - torch.tensor([1.0, 2.0, 3.0, 5.0, 7.0], dtype=torch.float64)
    square = error**2
    kept = {"times": product, "plus": prediction, "minus": error, "to the power": square}
    loss = square.mean()
    graph = read_graph(loss, {"w": weights})
    for tensor in kept.values():
        tensor.retain_grad()
    loss.backward()
    nodes = {node.name: node for node in graph.nodes}
    for name, tensor in kept.items():
        assert tensor.grad is not None
        adjoint, value = nodes[name].adjoint, nodes[name].value
        assert adjoint is not None
        np.testing.assert_allclose(adjoint, tensor.grad.numpy(), rtol=1e-12)
        if value is not None:
            np.testing.assert_allclose(value, tensor.detach().numpy(), rtol=1e-12)
    assert nodes["times"].value is not None
    assert nodes["to the power"].value is not None
    assert [node.name for node in graph.nodes][-1] == "mean"
    assert graph.rows == 5
    for place, node in enumerate(graph.nodes):
        assert all(inner < place for inner in node.inputs)


def test_the_course_s_scalar() -> None:
    x = torch.tensor(3.0).requires_grad_()
    graph = read_graph(x**2)
    (parameter,) = graph.parameters
    assert (float(parameter.gradient or 0), graph.loss) == (6.0, 9.0)
    assert x.grad is None
    text = str(steepest.explain(x**2))
    assert "The loss is 9." in text
    assert "one number: 6" in text


def test_after_backward_it_says_what_is_gone() -> None:
    model, inputs, targets = network()
    loss = functional.cross_entropy(model(inputs), targets)
    loss.backward()
    before = [
        parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None
    ]
    graph = read_graph(loss, model)
    assert graph.backward_done
    assert set(graph.not_measured) == {"adjoints", "pulls"}
    for parameter, grad in zip(model.parameters(), before, strict=True):
        assert torch.equal(parameter.grad, grad)  # type: ignore[arg-type]
    assert all(told.there is not None for told in graph.parameters)
    again = read_graph(functional.cross_entropy(model(inputs), targets), model)
    assert not again.backward_done


def test_the_graph_can_still_be_walked_back_afterwards() -> None:
    model, inputs, targets = network()
    loss = functional.cross_entropy(model(inputs), targets)
    read_graph(loss)
    read_graph(loss)
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_what_the_loss_does_not_reach_is_named() -> None:
    model, inputs, targets = network()
    model.extra = nn.Linear(2, 2)
    output = inputs
    for layer in list(model.children())[:3]:
        output = layer(output)
    loss = functional.cross_entropy(output, targets)
    found = by_name(read_graph(loss, model))
    assert not found["extra.weight"].reached
    assert found["0.weight"].reached
    assert "the loss does not depend on it" in str(steepest.explain(loss, model))


def test_a_penalty_beside_the_mean_leaves_the_rows_unmeasured() -> None:
    model, inputs, targets = network()
    loss = functional.cross_entropy(model(inputs), targets)
    loss = loss + sum(p.square().sum() for p in model.parameters())
    graph = read_graph(loss, model)
    assert graph.rows is None
    assert "pulls" in graph.not_measured
    assert all(parameter.norm is not None for parameter in graph.parameters)


def test_the_names_are_pytorch_s_beside_plain_ones() -> None:
    x = torch.tensor(3.0, requires_grad=True)
    loss = torch.log(x**2)
    text = str(steepest.explain(loss))
    assert "log" in text
    for node in (loss.grad_fn, loss.grad_fn.next_functions[0][0]):  # type: ignore[union-attr]
        assert node is not None
        assert f"({node.name()})" in text


@pytest.mark.parametrize("rows", [[2], [0, 5]], ids=["one row", "two rows"])
@pytest.mark.parametrize("way", ["forward", "backward", "apart"])
def test_rows_that_are_lost_are_named(way: str, rows: list[int]) -> None:
    """And pull at nothing, where PyTorch's own gradient is lost with them."""
    model, inputs, _ = network()
    if way == "forward":
        inputs[rows, 1] = torch.nan
    out = model(inputs)[:, 0]
    sign = torch.ones(8, dtype=torch.float64)
    sign[rows] = -1.0
    losses = out.square()
    if way == "backward":
        size = sign * (out.square() + 1)
        losses = torch.where(sign > 0, torch.sqrt(size), out)
    if way == "apart":  # the log of a number below 0 is none, and has a slope
        losses = torch.log(sign * (out.square() + 1))
    found = steepest.explain(losses.mean(), model)
    assert found.graph.lost_rows == tuple(rows)
    (finding,) = found.findings
    assert finding.code == "SD406"
    assert f"row {rows[0]}" in finding.sentence or f"rows {rows[0]} and" in finding.sentence
    for told in found.graph.parameters:
        assert not {pull.row for pull in told.pulls} & set(rows)
        assert all(np.isfinite(pull.share) for pull in told.pulls)
        assert bool(told.pulls) == (way == "apart")
    assert ("hardest pull" in str(found)) == (way == "apart")
    assert ("pulls" in found.graph.not_measured) == (way != "apart")


def test_a_gradient_of_zero_is_said_with_its_place() -> None:
    x = torch.tensor([0.5, -2.0], requires_grad=True)
    (finding,) = steepest.explain(torch.relu(x.clamp(max=-1)).sum() + 3).findings
    assert (finding.code, "relu" in finding.sentence) == ("SD409", True)
    assert not steepest.explain((0 * x).sum() ** 2).findings  # at a loss of 0 nothing is missing


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: 3.0, "Only a loss can be explained"),
        (lambda: torch.ones(3, requires_grad=True) * 2, "Only one number has a gradient"),
        (lambda: torch.tensor(3.0), "depends on nothing that asks for a gradient"),
        (lambda: torch.tensor(3.0, requires_grad=True), "depends on nothing"),
    ],
    ids=["number", "several", "constant", "leaf"],
)
def test_bad_input_gets_a_sentence(make: Callable[[], Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        steepest.explain(make())
