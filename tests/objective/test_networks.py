"""Networks are read as they are written, and compute and learn what PyTorch's do."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from tests.autograd import LOSSES as LOSSES_OF_NUMBERS
from tests.autograd import OPTIMIZERS
from torch import nn

from steepest.descent.training import CHUNK, Trainer, Way, gradient
from steepest.engine.xla import float64
from steepest.methods.optimizers import momentum_of
from steepest.objective.networks import (
    ACTIVATIONS,
    ROW_LOSSES,
    Network,
    Weights,
    first_weights,
    parse_network,
)
from steepest.words.errors import UsageError

MODULES = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}
LOSSES: dict[str, Any] = {
    **{
        name: LOSSES_OF_NUMBERS[name, gives]
        for name, gives in LOSSES_OF_NUMBERS
        if gives == "value"
    },
    "cross-entropy": nn.CrossEntropyLoss(),
}


def torch_of(network: Network, weights: Weights) -> nn.Sequential:
    """The same network in PyTorch."""
    modules: list[nn.Module] = []
    for layer, (matrix, bias) in zip(network.layers, weights, strict=True):
        linear = nn.Linear(layer.inputs, layer.outputs)
        linear.weight = nn.Parameter(torch.tensor(np.array(matrix)))
        linear.bias = nn.Parameter(torch.tensor(np.array(bias)))
        modules.append(linear)
        if layer.activation is not None:
            modules.append(MODULES[layer.activation]())
    return nn.Sequential(*modules)


def rows(network: Network, loss: str, count: int, dtype: Any) -> tuple[Any, Any]:
    draws = np.random.default_rng(3)
    inputs = draws.normal(size=(count, network.inputs)).astype(dtype)
    if loss == "cross-entropy":
        return inputs, draws.integers(0, network.outputs, count)
    return inputs, 2 * draws.normal(size=(count, network.outputs)).astype(dtype)


# The loss knows the last layer alone, which has no activation: not each with each.
EACH_ONCE = [(activation, "cross-entropy") for activation in ACTIVATIONS] + [
    ("tanh", loss) for loss in ROW_LOSSES if loss != "cross-entropy"
]


@pytest.mark.parametrize(("activation", "loss"), EACH_ONCE)
def test_gradients_are_those_of_pytorch(activation: str, loss: str) -> None:
    network = parse_network(f"5-7-{activation}-6-{activation}-3")
    for dtype, tolerance in ((np.float32, 1e-5), (np.float64, 1e-10)):
        with float64():
            weights = first_weights(network, 1, dtype)
            inputs, targets = rows(network, loss, 40, dtype)
            found = gradient(network, loss, weights, jnp.asarray(inputs), jnp.asarray(targets))
            model = torch_of(network, weights)
            value = LOSSES[loss](model(torch.tensor(inputs)), torch.tensor(targets))
            value.backward()
            wanted = [parameter.grad.numpy() for parameter in model.parameters()]  # type: ignore[union-attr]
            scale = max(np.abs(part).max() for part in wanted)
            for name, one, other in zip(network.names, jax.tree.leaves(found), wanted, strict=True):
                np.testing.assert_allclose(
                    np.array(one), other, rtol=tolerance, atol=tolerance * scale, err_msg=name
                )


def test_one_output_is_the_logit_of_the_second_of_two_classes() -> None:
    network = parse_network("5-7-tanh-1")
    with float64():
        weights = first_weights(network, 1, np.float64)
        inputs = np.random.default_rng(3).normal(size=(40, 5))
        targets = np.arange(40) % 2
        given = jnp.asarray(inputs), jnp.asarray(targets)
        found = gradient(network, "cross-entropy", weights, *given)
        model = torch_of(network, weights)
        value = nn.functional.binary_cross_entropy_with_logits(
            model(torch.tensor(inputs))[:, 0], torch.tensor(targets, dtype=torch.float64)
        )
        value.backward()
        for one, parameter in zip(jax.tree.leaves(found), model.parameters(), strict=True):
            assert parameter.grad is not None
            np.testing.assert_allclose(
                np.array(one), parameter.grad.numpy(), rtol=1e-10, atol=1e-14
            )
        # From the logit, what is finite stays finite.
        costs = ROW_LOSSES["cross-entropy"](jnp.array([[800.0], [-800.0]]), jnp.array([0, 1]))
        assert costs.tolist() == [800.0, 800.0]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_path_is_that_of_pytorch(optimizer: str) -> None:
    network = parse_network("4-8-tanh-3")
    weights = first_weights(network, 0)
    inputs, targets = rows(network, "cross-entropy", 90, np.float32)
    momentum = momentum_of(optimizer, None)
    way = Way(network, "cross-entropy", optimizer)
    trainer = Trainer(way, momentum, jnp.asarray(inputs), jnp.asarray(targets))
    batches = np.random.default_rng(0).integers(0, 90, (100, 20))
    model = torch_of(network, weights)
    torch_optimizer = OPTIMIZERS[optimizer].make(model.parameters(), 0.05, 0.9)
    stand, written = trainer.steps(trainer.begin(weights), batches, np.full(100, 0.05))
    for step, batch in enumerate(batches):
        chosen = batch
        outputs = model(torch.tensor(inputs[chosen]))
        loss = nn.functional.cross_entropy(outputs, torch.tensor(targets[chosen]))
        torch_optimizer.zero_grad()
        loss.backward()
        before = [parameter.detach().clone() for parameter in model.parameters()]
        norms = [float(parameter.grad.norm()) for parameter in model.parameters()]  # type: ignore[union-attr]
        torch_optimizer.step()
        moved = [
            float((p - b).detach().norm()) for p, b in zip(model.parameters(), before, strict=True)
        ]
        right = int((outputs.argmax(1).numpy() == targets[chosen]).sum())
        assert written.loss[step] == pytest.approx(float(loss.detach()), rel=1e-4), step
        assert written.correct[step] == right, step
        np.testing.assert_allclose(written.gradient[step], norms, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(written.update[step], moved, rtol=1e-3, atol=1e-6)
    for one, other in zip(jax.tree.leaves(stand.weights), model.parameters(), strict=True):
        np.testing.assert_allclose(np.array(one), other.detach().numpy(), rtol=1e-4, atol=1e-4)


def test_chunks_change_nothing() -> None:
    network = parse_network("3-5-relu-1")
    inputs, targets = rows(network, "mse", 30, np.float32)
    way = Way(network, "mse", "adam")
    trainer = Trainer(way, 0.9, jnp.asarray(inputs), jnp.asarray(targets))
    batches = np.random.default_rng(0).integers(0, 30, (CHUNK + 9, 6))
    rates = np.full(len(batches), 0.01)
    begin = first_weights(network, 0)
    whole, noted = trainer.steps(trainer.begin(begin), batches, rates)
    first, one = trainer.steps(trainer.begin(begin), batches[:31], rates[:31])
    second, other = trainer.steps(first, batches[31:], rates[31:])
    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(second), strict=True):
        assert np.array_equal(a, b)
    assert noted.loss.tolist() == [*one.loss, *other.loss]


def test_a_trained_network_is_judged_on_any_rows() -> None:
    network = parse_network("2-16-tanh-2")
    draws = np.random.default_rng(0)
    inputs = draws.normal(size=(400, 2)).astype(np.float32)
    targets = (inputs[:, 0] * inputs[:, 1] > 0).astype(np.int32)
    way = Way(network, "cross-entropy", "adam")
    trainer = Trainer(way, 0.9, jnp.asarray(inputs[:300]), jnp.asarray(targets[:300]))
    batches = draws.integers(0, 300, (600, 32))
    stand, _ = trainer.steps(trainer.begin(first_weights(network, 0)), batches, np.full(600, 0.02))
    loss, share = trainer.judge(
        stand.weights, jnp.asarray(inputs[300:]), jnp.asarray(targets[300:])
    )
    assert loss < 0.3
    assert share is not None
    assert share > 0.9


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("64", "at least two widths"),
        ("", "not known"),
        ("64-32-swish-10", "swish"),
        ("relu-64-10", "before the first layer"),
        ("64-relu-10", "before the first layer"),
        ("64-32-relu-tanh-10", "after another one"),
        ("64-0-10", "1 to 100,000 units"),
        ("64--10", "nothing in 64--10"),
        ("100000-100000", "at most 50,000,000 weights"),
        ("-".join(["2"] * 200), "at most 50 layers"),
        ("64-\x1b[31m-10", r"x1b"),
    ],
)
def test_bad_networks_get_a_sentence(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_network(text)


def test_every_loss_and_activation_has_its_oracle() -> None:
    assert set(ROW_LOSSES) == set(LOSSES) - {"rmse"}
    assert set(ACTIVATIONS) == set(MODULES)
