"""Curvature, noise and steps not taken, against dense Hessians and rows one by one in PyTorch."""

from __future__ import annotations

import copy
from typing import Any

import jax
import numpy as np
import pytest
import torch
from torch import nn

from steepest.measure.network_probe import (
    Point,
    backward_values,
    extremes,
    noise_scale,
    probe,
    row_gradients,
    row_losses,
)
from steepest.measure.other_steps import FACTORS
from steepest.objective.networks import first_weights, parse_network

LOSSES: dict[str, Any] = {
    "cross-entropy": nn.functional.cross_entropy,
    "mse": nn.functional.mse_loss,
    "huber": nn.functional.huber_loss,
}
ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU, "gelu": nn.GELU}
CASES = {
    "classes": ("4-5-tanh-3", "cross-entropy"),
    "two hidden layers": ("3-4-gelu-4-tanh-2", "cross-entropy"),
    "numbers": ("3-6-relu-2", "mse"),
    "huber": ("3-5-tanh-1", "huber"),
    "two weights": ("1-1", "mse"),
}
each_case = pytest.mark.parametrize(("text", "loss"), CASES.values(), ids=CASES)


def point_of(text: str, loss: str, rows: int = 24) -> Point:
    network = parse_network(text)
    draws = np.random.default_rng(5)
    inputs = draws.normal(size=(rows, network.inputs)).astype(np.float32)
    targets: Any = draws.normal(size=(rows, network.outputs)).astype(np.float32)
    if loss == "cross-entropy":
        targets = draws.integers(0, network.outputs, rows).astype(np.int32)
    return Point(network, loss, first_weights(network, 2), inputs, targets)


def torch_of(point: Point) -> tuple[nn.Sequential, torch.Tensor, torch.Tensor]:
    """The same network on the same rows, in 64 bits."""
    modules: list[nn.Module] = []
    for layer, (matrix, bias) in zip(point.network.layers, point.weights, strict=True):
        linear = nn.Linear(layer.inputs, layer.outputs).double()
        linear.weight = nn.Parameter(torch.tensor(np.array(matrix, np.float64)))
        linear.bias = nn.Parameter(torch.tensor(np.array(bias, np.float64)))
        modules.append(linear)
        if layer.activation is not None:
            modules.append(ACTIVATIONS[layer.activation]())
    targets = np.array(point.targets)
    classes = point.loss == "cross-entropy"
    return (
        nn.Sequential(*modules),
        torch.tensor(np.array(point.inputs, np.float64)),
        torch.tensor(targets.astype(np.int64 if classes else np.float64)),
    )


def hessian(point: Point) -> Any:
    """The whole matrix, by PyTorch."""
    model, inputs, targets = torch_of(point)
    names = [name for name, _ in model.named_parameters()]
    shapes = [parameter.shape for parameter in model.parameters()]
    flat = torch.cat([parameter.detach().ravel() for parameter in model.parameters()])

    def loss(values: torch.Tensor) -> torch.Tensor:
        parts = values.split([shape.numel() for shape in shapes])
        named = {
            name: part.view(shape) for name, part, shape in zip(names, parts, shapes, strict=True)
        }
        outputs = torch.func.functional_call(model, named, (inputs,))
        found: torch.Tensor = LOSSES[point.loss](outputs, targets)
        return found

    return torch.autograd.functional.hessian(loss, flat).numpy()


def slopes_of_rows(point: Point) -> Any:
    """(n, p): each row's own gradient."""
    model, inputs, targets = torch_of(point)
    found = []
    for place in range(len(inputs)):
        one = slice(place, place + 1)
        loss = LOSSES[point.loss](model(inputs[one]), targets[one])
        parts = torch.autograd.grad(loss, list(model.parameters()))
        found.append(torch.cat([part.ravel() for part in parts]).numpy())
    return np.stack(found)


@each_case
def test_both_ends_of_the_spectrum(text: str, loss: str) -> None:
    point = point_of(text, loss)
    values = np.linalg.eigvalsh(hessian(point))
    found = extremes(point)
    assert found.largest == pytest.approx(values[-1], rel=1e-3)
    assert found.most_negative == pytest.approx(values[0], rel=1e-3, abs=1e-5 * values[-1])
    assert found.largest_residual < 0.01


@each_case
def test_the_spectrum_as_an_optimizer_scales_it(text: str, loss: str) -> None:
    """P⁻¹H has the eigenvalues of P^-½ H P^-½."""
    point = point_of(text, loss)
    matrix = hessian(point)
    scaling = np.random.default_rng(6).uniform(0.1, 2.0, len(matrix))
    values = np.linalg.eigvals(matrix / scaling[:, None]).real
    assert extremes(point, scaling).largest == pytest.approx(values.max(), rel=1e-3)


@each_case
def test_gradients_of_rows(text: str, loss: str) -> None:
    point = point_of(text, loss)
    wanted = slopes_of_rows(point)
    mean = wanted.mean(0)
    squares, along, length = row_gradients(point)
    np.testing.assert_allclose(squares, np.square(wanted).sum(1), rtol=1e-4)
    np.testing.assert_allclose(along, wanted @ mean, rtol=1e-4, atol=1e-5 * (mean @ mean))
    assert length == pytest.approx(mean @ mean, rel=1e-4)


def test_the_noise_scale_is_that_of_the_covariance() -> None:
    """With rows drawn from a normal distribution both parts are known: trace and mean."""
    draws = np.random.default_rng(0)
    mean, deviations = np.array([1.0, -2.0, 0.5]), np.array([3.0, 1.0, 2.0])
    rows = mean + deviations * draws.normal(size=(4000, 3))
    found = noise_scale(np.square(rows).sum(1), float(rows.mean(0) @ rows.mean(0)))
    assert found == pytest.approx(np.square(deviations).sum() / (mean @ mean), rel=0.1)
    # By the sample covariance, exactly.
    spread = np.trace(np.cov(rows.T))
    true = rows.mean(0) @ rows.mean(0) - spread / len(rows)
    assert found == pytest.approx(spread / true, rel=1e-10)
    assert noise_scale(np.ones(1), 1.0) is None


@each_case
def test_losses_of_rows(text: str, loss: str) -> None:
    point = point_of(text, loss)
    model, inputs, targets = torch_of(point)
    with torch.no_grad():
        found = LOSSES[loss](model(inputs), targets, reduction="none")
    np.testing.assert_allclose(
        row_losses(point), found.numpy().reshape(len(inputs), -1).mean(1), rtol=1e-5
    )


@each_case
def test_values_and_adjoints_of_the_backward_pass(text: str, loss: str) -> None:
    point = point_of(text, loss)
    model, inputs, targets = torch_of(point)
    befores, values, current = [], [], inputs
    modules = list(model)
    for place, module in enumerate(modules):
        current = module(current)
        if isinstance(module, nn.Linear):
            current.retain_grad()
            befores.append(current)
        if place + 1 == len(modules) or isinstance(modules[place + 1], nn.Linear):
            values.append(current)
    LOSSES[loss](current, targets).backward()
    outs, adjoints = backward_values(point)
    assert len(outs) == len(adjoints) == len(point.network.layers)
    for out, value in zip(outs, values, strict=True):
        np.testing.assert_allclose(out, value.detach().numpy(), rtol=1e-4, atol=1e-6)
    for adjoint, before in zip(adjoints, befores, strict=True):
        assert before.grad is not None
        np.testing.assert_allclose(adjoint, before.grad.numpy(), rtol=1e-3, atol=1e-6)


def test_steps_not_taken_are_steps_of_a_copy() -> None:
    point = point_of("4-5-tanh-3", "cross-entropy")
    model, inputs, targets = torch_of(point)
    loss = nn.functional.cross_entropy(model(inputs), targets)
    slopes = torch.autograd.grad(loss, list(model.parameters()))
    lr = 0.3
    change = jax.tree.unflatten(
        jax.tree.structure(point.weights),
        [np.float32(-lr * slope.numpy()) for slope in slopes],
    )
    found = probe(point, 7, change, None, 2.0)
    wanted = []
    for factor in FACTORS:
        other = copy.deepcopy(model)
        with torch.no_grad():
            for parameter, slope in zip(other.parameters(), slopes, strict=True):
                parameter.sub_(factor * lr * slope)
            wanted.append(float(nn.functional.cross_entropy(other(inputs), targets)))
    np.testing.assert_allclose(found.losses, wanted, rtol=1e-5)
    assert (found.step, found.loss) == (7, found.losses[0])
    whole = np.concatenate([slope.numpy().ravel() for slope in slopes])
    matrix = hessian(point)
    bend = whole @ matrix @ whole / (whole @ whole)
    assert found.sharpness == pytest.approx(bend, rel=1e-3)
    assert found.limit == pytest.approx(2 / np.linalg.eigvalsh(matrix)[-1], rel=1e-3)
    rows = slopes_of_rows(point)
    spread = np.trace(np.cov(rows.T))
    true = whole @ whole - spread / len(rows)
    assert found.noise_scale == pytest.approx(spread / true if true > 0 else np.inf, rel=1e-2)


def test_what_is_not_finite_is_not_measured() -> None:
    point = point_of("4-5-tanh-3", "cross-entropy")
    lost = Point(point.network, point.loss, point.weights, point.inputs * np.nan, point.targets)
    found = probe(lost, 0, point.weights, None, 2.0)
    assert np.isnan([found.largest, found.most_negative, found.sharpness]).all()
    assert (found.limit, found.noise_scale) == (None, None)
