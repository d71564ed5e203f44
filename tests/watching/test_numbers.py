"""What is recorded of each step, against the same numbers computed plainly beside the loop."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from steepest.records.training import TrainingRecord
from steepest.watching import Attached, tensors

STEPS = 20


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 3)
    )


def batch(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(step)
    return (
        torch.randn(16, 1, 6, 6, generator=source),
        torch.randint(0, 3, (16,), generator=source),
    )


def loss_of(model: nn.Module, step: int) -> Any:
    x, y = batch(step)
    return cross_entropy(model(x), y)


def norm(tensor: torch.Tensor) -> float:
    return float(tensor.detach().double().norm())


def train(
    optimizer: Any, *, every: int = 1, clip: float | None = None
) -> tuple[TrainingRecord, dict[str, np.ndarray], list[Any]]:
    """The record, and what was computed by hand: weight, gradient, update, turn, lr, loss."""
    model = network()
    steps = optimizer(model.parameters())
    schedule = torch.optim.lr_scheduler.ExponentialLR(steps, 0.9)
    watch = Attached(model, [steps], every=every)
    parameters = list(model.parameters())
    seen: dict[str, list[Any]] = {n: [] for n in ("weight", "gradient", "update", "turn", "lr")}
    last: list[torch.Tensor] | None = None
    losses = []
    for step in range(STEPS):
        loss = loss_of(model, step)
        watch.loss(loss)
        steps.zero_grad()
        loss.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(parameters, clip)
        before = [p.detach().double().clone() for p in parameters]
        gradients = [p.grad.double().clone() for p in parameters if p.grad is not None]
        seen["lr"].append(steps.param_groups[0]["lr"])
        steps.step()
        schedule.step()
        losses.append(loss.item())
        seen["weight"].append([norm(p) for p in before])
        seen["gradient"].append([norm(g) for g in gradients])
        seen["update"].append([norm(p - b) for p, b in zip(parameters, before, strict=True)])
        if step % every == 0:
            seen["turn"].append(
                [
                    math.nan if last is None else float((a * b).sum() / a.norm() / b.norm())
                    for a, b in zip(gradients, last or gradients, strict=True)
                ]
            )
            last = gradients
    watch.detach()
    return watch.record("0"), {name: np.array(values) for name, values in seen.items()}, losses


SGD, Adam = torch.optim.SGD, torch.optim.Adam


@pytest.mark.parametrize(
    ("optimizer", "clip"),
    [
        pytest.param(lambda p: SGD(p, lr=0.1), None, id="sgd"),
        pytest.param(lambda p: SGD(p, lr=0.1, momentum=0.9), 0.05, id="momentum-clipped"),
        pytest.param(lambda p: Adam(p, lr=1e-2), None, id="adam"),
    ],
)
@pytest.mark.parametrize("every", [1, 4])
def test_norms_turns_rates_and_losses(optimizer: Any, clip: float | None, every: int) -> None:
    record, seen, losses = train(optimizer, every=every, clip=clip)
    trace = record.trace
    recorded = np.arange(0, STEPS, every)
    np.testing.assert_array_equal(trace.step, recorded)
    for name in ("weight", "gradient"):
        np.testing.assert_allclose(getattr(trace, name), seen[name][recorded], rtol=1e-6)
    # The difference of 32-bit numbers is only as exact as they are.
    np.testing.assert_allclose(trace.update, seen["update"][recorded], rtol=1e-5)
    np.testing.assert_allclose(trace.turn, seen["turn"], atol=2e-6)
    np.testing.assert_allclose(trace.lr[:, 0], seen["lr"][recorded], rtol=1e-12)
    np.testing.assert_allclose(trace.loss, np.array(losses)[recorded], rtol=1e-6)
    assert [tensor.name for tensor in record.tensors] == [
        "0.weight", "0.bias", "3.weight", "3.bias", "5.weight", "5.bias",
    ]  # fmt: skip
    assert record.tensors[2].kind == "Linear"
    assert record.tensors[2].shape == (8, 64)
    assert record.losses.last == pytest.approx(np.mean(np.array(losses)[recorded][-5:]))
    assert record.losses.lowest == pytest.approx(np.array(losses)[recorded].min())


def _in_place(steps: Any) -> None:
    steps.zero_grad(set_to_none=False)


def _by_data(steps: Any) -> None:
    for group in steps.param_groups:
        for tensor in group["params"]:
            if tensor.grad is not None:
                tensor.grad.data.zero_()


def _dropped(steps: Any) -> None:
    steps.zero_grad()


def _spoiled(steps: Any) -> None:
    """A loop that uses its gradients for something else after the step."""
    for group in steps.param_groups:
        for tensor in group["params"]:
            if tensor.grad is not None:
                tensor.grad.mul_(-3.0)
    steps.zero_grad()


@pytest.mark.parametrize(
    "resets",
    [
        pytest.param([_dropped], id="dropped"),
        pytest.param([_in_place], id="in-place"),
        pytest.param([_by_data], id="by-data"),
        pytest.param([_dropped, _dropped, _dropped, _in_place], id="mostly-dropped"),
        pytest.param([_dropped, _dropped, _dropped, _spoiled], id="spoiled"),
    ],
)
def test_the_turn_of_all_gradients_as_one(resets: list[Any]) -> None:
    """However a loop resets its gradients, a turn is right or not measured."""
    model = network()
    steps = SGD(model.parameters(), lr=0.1)
    watch = Attached(model, [steps])
    last: Any = None
    expected = []
    for step in range(STEPS):
        resets[step % len(resets)](steps)
        loss_of(model, step).backward()
        whole = nn.utils.parameters_to_vector([p.grad for p in model.parameters()]).double()  # type: ignore[misc]
        expected.append(
            math.nan if last is None else float(whole @ last / whole.norm() / last.norm())
        )
        last = whole
        steps.step()
    watch.detach()
    found = watch.record("0").trace.overall_turn
    missing = np.isnan(found)
    # Where the loop changes its way, one turn is lost; then the gradients are copied.
    assert missing.sum() <= (1 if len(resets) == 1 else 2)
    np.testing.assert_allclose(found[~missing], np.array(expected)[~missing], atol=2e-6)


def test_gradients_under_mixed_precision_are_the_unscaled_ones() -> None:
    model = network()
    steps = Adam(model.parameters(), lr=1e-3, fused=True)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12)
    watch = Attached(model, [steps])
    loss = loss_of(model, 0)
    expected = [
        norm(g) for g in torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
    ]
    scaler.scale(loss).backward()
    # A fused optimizer gets the scaled gradients, and the scale.
    scaler.step(steps)
    watch.detach()
    np.testing.assert_allclose(watch.record("0").trace.gradient[0], expected, rtol=1e-5)


@pytest.mark.parametrize("optimizer", [SGD, torch.optim.LBFGS], ids=["sgd", "lbfgs"])
def test_gradients_that_the_optimizer_computes_itself(optimizer: Any) -> None:
    model = network()
    steps = optimizer(model.parameters(), lr=0.1)
    watch = Attached(model, [steps])
    found = []

    def closure() -> Any:
        steps.zero_grad()
        loss = loss_of(model, 0)
        loss.backward()
        found.append([norm(p.grad) for p in model.parameters() if p.grad is not None])
        return loss

    for _ in range(3):
        steps.step(closure)
        # Of several in a step, the last.
        found[:-1] = [] if optimizer is not SGD else found[:-1]
    watch.detach()
    record = watch.record("0")
    np.testing.assert_allclose(record.trace.gradient[-1], found[-1], rtol=1e-6)
    assert not any(facts.without_gradient for facts in record.facts)
    assert record.resets.not_reset == record.resets.emptied == 0


def test_the_update_of_a_large_model_is_an_estimate_with_its_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tensors, "FULL", 100_000)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(400, 1000), nn.Tanh(), nn.Linear(1000, 30))
    steps = Adam(model.parameters(), lr=1e-3)
    watch = Attached(model, [steps])
    expected = []
    for _ in range(30):
        steps.zero_grad()
        model(torch.randn(8, 400)).square().mean().backward()
        before = [p.detach().clone() for p in model.parameters()]
        steps.step()
        expected.append([norm(p - b) for p, b in zip(model.parameters(), before, strict=True)])
    watch.detach()
    record = watch.record("0")
    assert [tensor.sampled for tensor in record.tensors] == [1521, None, 115, None]
    found = record.trace.update / np.array(expected)
    np.testing.assert_allclose(found[:, [1, 3]], 1, rtol=1e-5)
    for place in (0, 2):
        error = record.facts[place].update_error
        assert error is not None
        assert 0 < error < 0.2
        # As far off as is said, give or take what thirty steps that resemble each other tell.
        assert float(np.sqrt(np.mean((found[:, place] - 1) ** 2))) < 3 * error
    assert [facts.update_error is None for facts in record.facts] == [False, True, False, True]


def test_histograms_count_every_entry() -> None:
    model = network()
    steps = SGD(model.parameters(), lr=0.1)
    watch = Attached(model, [steps])
    loss_of(model, 0).backward()
    values = {
        "weight": [p.detach().numpy().copy() for p in model.parameters()],
        "gradient": [p.grad.numpy().copy() for p in model.parameters() if p.grad is not None],
    }
    steps.step()
    watch.detach()
    histograms = watch.record("0").histograms
    assert len(histograms) == 12
    for found in histograms:
        own = values[found.of][found.tensor]
        counts, edges = np.histogram(own.astype(float), bins=len(found.counts))
        np.testing.assert_allclose(found.edges, edges)
        np.testing.assert_array_equal(found.counts, counts)
        assert found.counts.sum() == own.size


def test_activations_and_dead_units() -> None:
    first, second = nn.Linear(4, 10), nn.Linear(10, 6)
    model = nn.Sequential(first, nn.ReLU(), second, nn.Sigmoid())
    with torch.no_grad():
        # Three of ten units are dead, two of six are saturated.
        nn.init.constant_(first.bias[:3], -100)
        nn.init.constant_(second.bias[:2], 50)
    steps = SGD(model.parameters(), lr=0.1)
    watch = Attached(model, [steps])
    x = torch.randn(32, 4)
    hidden = torch.relu(model[0](x)).detach()
    model(x).square().mean().backward()
    steps.step()
    watch.detach()
    found = {sample.layer: sample for sample in watch.record("0").activations}
    assert list(found) == ["0", "1", "2", "3"]
    assert found["1"].dead == pytest.approx(float((hidden == 0).all(0).float().mean()))
    assert found["1"].dead >= 0.3  # type: ignore[operator]
    assert found["1"].zeros == pytest.approx(float((hidden == 0).float().mean()))
    assert found["1"].mean == pytest.approx(float(hidden.mean()), rel=1e-5)
    assert found["1"].deviation == pytest.approx(float(hidden.std(correction=0)), rel=1e-5)
    assert found["3"].saturated is not None
    assert found["3"].saturated >= 2 / 6
    assert found["0"].saturated is None


def test_channels_are_the_units_of_images() -> None:
    model = nn.Sequential(nn.Conv2d(1, 5, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(80, 2))
    with torch.no_grad():
        model[0].bias[0] = -100  # type: ignore[operator]
    steps = SGD(model.parameters(), lr=0.1)
    watch = Attached(model, [steps])
    model(torch.randn(8, 1, 6, 6)).square().mean().backward()
    steps.step()
    found = {sample.layer: sample for sample in watch.record("0").activations}
    assert found["1"].dead == pytest.approx(1 / 5)
    # Measured before the next layer wrote over it.
    assert found["0"].zeros == 0


def test_what_came_in() -> None:
    model = nn.Linear(3, 1)
    steps = SGD(model.parameters(), lr=1e-3)
    watch = Attached(model, [steps])
    rows = torch.randn(40, 3) * torch.tensor([1.0, 50.0, 0.0]) + torch.tensor([0.0, 7.0, 2.0])
    for _epoch in range(3):
        for at in range(0, 40, 10):
            model(rows[at : at + 10]).square().mean().backward()
            steps.step()
            steps.zero_grad()
    inputs = watch.record("0").inputs
    assert inputs.rows == 10
    assert inputs.features == 3
    assert inputs.largest_mean == pytest.approx(float(rows.mean(0).abs().max()), rel=1e-5)
    assert inputs.largest_deviation == pytest.approx(float(rows[:, 1].std(correction=0)), rel=1e-5)
    assert inputs.smallest_deviation == pytest.approx(float(rows[:, 0].std(correction=0)), rel=1e-5)
    assert inputs.period == 4


def test_the_length_of_the_trace_is_bounded() -> None:
    x = torch.ones(2, requires_grad=True)
    steps = SGD([x], lr=1e-5)
    watch = Attached([x], [steps])
    for step in range(5000):
        x.grad = torch.full((2,), float(step + 1))
        steps.step()
    record = watch.record("0")
    np.testing.assert_array_equal(record.trace.step, np.arange(0, 5000, 4))
    np.testing.assert_allclose(record.trace.gradient[:, 0], math.sqrt(2) * (record.trace.step + 1))
    assert record.steps == 5000
    assert record.facts[0].moved == 5000


def test_own_cost_is_in_the_record() -> None:
    record, _, _ = train(lambda p: SGD(p, lr=0.1))
    assert 0 < record.cost < record.seconds
    assert (record.trace.cost > 0).all()
    assert (record.trace.seconds > record.trace.cost).all()
