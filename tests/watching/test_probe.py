"""Probes, against dense Hessians in float64, curvlinops, gradients of single rows, and copies."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn.functional import cross_entropy

from steepest.measure.other_steps import FACTORS
from steepest.records.training import Probe
from steepest.watching import Attached
from steepest.watching.extremes import extremes
from steepest.watching.probe import CURVATURE_FIRST, Prober
from steepest.watching.tensors import group_of

SGD, Adam = torch.optim.SGD, torch.optim.Adam
THOROUGH: dict[str, Any] = {"products": (400, 400), "good": 1e-6}


def network(dtype: torch.dtype = torch.float64) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)).to(dtype)


def rows(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(1)
    x = torch.randn(24, 5, generator=source).to(dtype)
    return x, torch.randint(0, 3, (24,), generator=source)


def closure_of(model: nn.Module, reduction: str = "none") -> Callable[[], torch.Tensor]:
    x, y = rows(next(model.parameters()).dtype)
    return lambda: cross_entropy(model(x), y, reduction=reduction)


def dense(model: nn.Module) -> torch.Tensor:
    """The Hessian of the mean loss, entry by entry."""
    x, y = rows(next(model.parameters()).dtype)
    names = [name for name, _ in model.named_parameters()]
    sizes = [p.numel() for p in model.parameters()]
    shapes = [p.shape for p in model.parameters()]

    def loss(vector: torch.Tensor) -> torch.Tensor:
        parts = [p.reshape(s) for p, s in zip(vector.split(sizes), shapes, strict=True)]
        return cross_entropy(functional_call(model, dict(zip(names, parts, strict=True)), (x,)), y)

    at = nn.utils.parameters_to_vector(model.parameters()).detach()
    found: torch.Tensor = torch.autograd.functional.hessian(loss, at)
    return found


def stepped(model: nn.Module, optimizer: torch.optim.Optimizer, times: int) -> None:
    for _ in range(times):
        optimizer.zero_grad()
        closure_of(model)().mean().backward()
        optimizer.step()
    optimizer.zero_grad()


def measured(
    model: nn.Module, optimizer: torch.optim.Optimizer, reduction: str = "none", **options: Any
) -> Probe:
    """One probe, completed by a step."""
    groups = [group_of(optimizer, group) for group in optimizer.param_groups]
    prober = Prober(model, list(model.parameters()), groups, [optimizer], **(options or THOROUGH))
    prober.measure(0, closure_of(model, reduction))
    stepped(model, optimizer, 1)
    probe = prober.complete()
    assert probe is not None
    return probe


OPTIMIZERS = {
    "sgd": (lambda p: SGD(p, lr=0.3), 2.0),
    "momentum": (lambda p: SGD(p, lr=0.1, momentum=0.9), 3.8),
    "nesterov": (lambda p: SGD(p, lr=0.1, momentum=0.9, nesterov=True), 3.8 / 2.8),
    "adam": (lambda p: Adam(p, lr=1e-2), 38.0),
    "rmsprop": (lambda p: torch.optim.RMSprop(p, lr=1e-2), 2.0),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_eigenvalues_of_a_dense_hessian(name: str) -> None:
    make, factor = OPTIMIZERS[name]
    model = network()
    optimizer = make(model.parameters())  # type: ignore[no-untyped-call]
    stepped(model, optimizer, 5)
    H = dense(model).numpy()
    if name in ("adam", "rmsprop"):
        roots = []
        for p in model.parameters():
            state = optimizer.state[p]
            square = (
                state["exp_avg_sq"] / (1 - 0.999 ** float(state["step"]))
                if name == "adam"
                else state["square_avg"]
            )
            roots.append((square.sqrt() + 1e-8).reshape(-1))
        P = torch.cat(roots).numpy()
        H = H / np.sqrt(P[:, None] * P[None, :])
    values = np.linalg.eigvalsh(H)
    x, y = rows()
    slopes = torch.autograd.grad(cross_entropy(model(x), y), list(model.parameters()))
    g = torch.cat([slope.reshape(-1) for slope in slopes]).numpy()
    sharpness = g @ dense(model).numpy() @ g / (g @ g)
    probe = measured(model, optimizer)
    assert probe.largest == pytest.approx(values[-1], rel=1e-4)
    assert probe.most_negative == pytest.approx(values[0], rel=1e-4)
    assert probe.largest_residual < 1e-4
    assert probe.sharpness == pytest.approx(sharpness, rel=1e-6)
    assert probe.preconditioned == (name in ("adam", "rmsprop"))
    assert probe.limit == pytest.approx(factor / values[-1], rel=1e-4)


# It compiles a part of itself in a way that PyTorch has given up.
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_eigenvalues_of_curvlinops() -> None:
    # No part of the test environment: it asks for a torchvision that fits another build.
    curvlinops = pytest.importorskip("curvlinops")
    from scipy.sparse.linalg import eigsh

    model = network()
    operator = curvlinops.HessianLinearOperator(
        model,
        nn.CrossEntropyLoss(),
        list(model.parameters()),
        [rows()],
        check_deterministic=False,
    ).to_scipy()
    largest = float(eigsh(operator, k=1, which="LA", tol=1e-8, return_eigenvectors=False)[0])
    lowest = float(eigsh(operator, k=1, which="SA", tol=1e-8, return_eigenvectors=False)[0])
    probe = measured(model, SGD(model.parameters(), lr=0.1))
    assert probe.largest == pytest.approx(largest, rel=1e-4)
    assert probe.most_negative == pytest.approx(lowest, rel=1e-4)


def test_a_usual_probe_is_as_good_as_it_says() -> None:
    """Not thorough, in float32, with the weights moving from probe to probe."""
    model = network(torch.float32)
    optimizer = SGD(model.parameters(), lr=0.3)
    groups = [group_of(optimizer, group) for group in optimizer.param_groups]
    prober = Prober(model, list(model.parameters()), groups, [optimizer])
    checked = 0
    for number in range(8):
        values = np.linalg.eigvalsh(dense(copy.deepcopy(model).double()).numpy())
        prober.measure(number, closure_of(model))
        stepped(model, optimizer, 1)
        probe = prober.complete()
        assert probe is not None
        stepped(model, optimizer, 20)
        if number not in CURVATURE_FIRST:
            assert math.isnan(probe.largest)
            continue
        # There is an eigenvalue as near as the residual says, and here it is the largest.
        assert abs(probe.largest - values[-1]) <= 1.01 * probe.largest_residual * values[-1] + 1e-5
        checked += probe.limit is not None
        if not math.isnan(probe.most_negative):
            near = np.abs(values - probe.most_negative).min()
            allowed = probe.most_negative_residual * abs(probe.most_negative)
            assert near <= 1.01 * allowed + 1e-5
    assert checked >= 2


def test_without_a_second_backward_pass() -> None:
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(x)
            return x.sin()

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, slope: torch.Tensor) -> torch.Tensor:
            (x,) = ctx.saved_tensors
            return slope * x.cos()  # type: ignore[no-any-return]

    class Sine(nn.Module):
        once = False

        def forward(self, x: torch.Tensor) -> Any:
            return Once.apply(x) if self.once else x.sin()  # type: ignore[no-untyped-call]

    model = network()
    sine = Sine()
    model[1] = sine
    values = np.linalg.eigvalsh(dense(model).numpy())
    sine.once = True
    before = [p.detach().clone() for p in model.parameters()]
    groups = [group_of(o, g) for o in [SGD(model.parameters(), lr=0.1)] for g in o.param_groups]
    prober = Prober(model, list(model.parameters()), groups, [], **THOROUGH)
    loss = closure_of(model)().mean()
    prober.measure(0, closure_of(model))
    # The graph that waits does not notice that the weights were elsewhere.
    loss.backward()
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    probe = prober.complete()
    assert probe is not None
    assert probe.largest == pytest.approx(values[-1], rel=1e-4)
    assert probe.most_negative == pytest.approx(values[0], rel=1e-4)


def test_steps_not_taken_by_stepping_copies() -> None:
    """The losses of the fan, each by an optimizer of its own with so many times the rate."""
    model = network()
    optimizer = Adam(model.parameters(), lr=3e-2)
    stepped(model, optimizer, 4)
    expected = []
    for factor in FACTORS:
        twin = copy.deepcopy(model)
        steps = Adam(twin.parameters(), lr=3e-2)
        steps.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        steps.param_groups[0]["lr"] = 3e-2 * factor
        stepped(twin, steps, 1)
        expected.append(float(closure_of(twin, "mean")().detach()))
    probe = measured(model, optimizer)
    assert probe.factors == FACTORS
    np.testing.assert_allclose(probe.losses, expected, rtol=1e-10)
    assert probe.loss == pytest.approx(expected[0], rel=1e-12)


def test_noise_by_gradients_of_single_rows() -> None:
    """Over many batches, tr Σ is the variance of the single rows' gradients."""
    model = network()
    x = torch.randn(10_000, 5).double()
    y = torch.randint(0, 2, (10_000,))
    x[:, 0] += 3 * y
    parameters = {name: p.detach() for name, p in model.named_parameters()}

    def loss(weights: Any, row: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return cross_entropy(functional_call(model, weights, (row,)), target)

    parts = vmap(grad(loss), in_dims=(None, 0, 0))(parameters, x, y)
    single = torch.cat([part.reshape(10_000, -1) for part in parts.values()], 1)
    traces = []
    for at in range(0, 9_999, 101):  # an odd number of rows
        i = slice(at, at + 101)
        prober = Prober(model, list(model.parameters()), [], [], products=(1, 1))
        prober.measure(
            0,
            lambda i=i: cross_entropy(model(x[i]), y[i], reduction="none"),  # type: ignore[misc]
        )
        probe = prober.complete()
        assert probe is not None
        assert probe.noise_scale is not None
        square = float(single[at : at + 50].mean(0) @ single[at + 50 : at + 101].mean(0))
        if square > 0:
            traces.append(probe.noise_scale * square)
    assert len(traces) > 90
    assert float(np.mean(traces)) == pytest.approx(float(single.var(0).sum()), rel=0.15)


def test_noise_of_two_rows() -> None:
    model = network()
    parameters = list(model.parameters())
    x, y = rows()
    one, two = (
        torch.cat(
            [
                g.reshape(-1)
                for g in torch.autograd.grad(
                    cross_entropy(model(x[i : i + 1]), y[i : i + 1]), parameters
                )
            ]
        )
        for i in (0, 1)
    )
    prober = Prober(model, parameters, [], [], products=(1, 1))
    prober.measure(0, lambda: cross_entropy(model(x[:2]), y[:2], reduction="none"))
    probe = prober.complete()
    assert probe is not None
    product = float(one @ two)
    spread = float((one - two).square().sum()) / 2
    assert probe.noise_scale == pytest.approx(spread / product if product > 0 else math.inf)


def test_one_loss_for_the_batch_tells_no_noise() -> None:
    model = network()
    assert measured(model, SGD(model.parameters(), lr=0.1), "mean").noise_scale is None


def test_only_what_moves_is_probed() -> None:
    """The curvature of a layer that the optimizer does not have says nothing about its rate."""
    model = network()
    optimizer = SGD(model[2].parameters(), lr=0.1)
    n = sum(p.numel() for p in model[0].parameters())
    values = np.linalg.eigvalsh(dense(model).numpy()[n:, n:])
    assert measured(model, optimizer).largest == pytest.approx(values[-1], rel=1e-4)


@pytest.mark.parametrize("most", [3, 12, 60])
@pytest.mark.parametrize("size", [1, 2, 5, 40])
def test_both_ends_of_a_spectrum(size: int, most: int) -> None:
    source = np.random.default_rng(size)
    values = np.sort(source.normal(size=size)) * 3
    Q, _ = np.linalg.qr(source.normal(size=(size, size)))
    H = torch.tensor(Q * values @ Q.T)
    found = extremes(lambda v: H @ v, [torch.ones(size).double()], most=most, good=1e-9)
    assert found is not None
    assert values[0] - 1e-9 <= found.values[1] <= found.values[0] <= values[-1] + 1e-9
    for value, residual in zip(found.values, found.residuals, strict=True):
        assert np.abs(values - value).min() <= residual * abs(value) * 1.01 + 1e-9
    if most >= size or most == 60:
        assert found.values == pytest.approx((values[-1], values[0]), rel=1e-6)
    one = np.ones(size)
    assert found.along == pytest.approx(one @ H.numpy() @ one / size)


@pytest.mark.parametrize(
    ("H", "starts"),
    [
        pytest.param(torch.zeros(3, 3), [torch.ones(3)], id="flat"),
        pytest.param(torch.eye(3), [torch.zeros(3), torch.ones(3)], id="a start of zeros"),
        pytest.param(torch.eye(3), [torch.ones(3), torch.ones(3)], id="twice the same"),
    ],
)
def test_spectra_of_one_value(H: torch.Tensor, starts: list[torch.Tensor]) -> None:
    found = extremes(lambda v: H @ v, starts, most=10, good=1e-6)
    assert found is not None
    assert found.values == pytest.approx((float(H[0, 0]),) * 2, abs=1e-6)


def test_no_spectrum_where_there_is_none() -> None:
    assert extremes(lambda v: v * math.nan, [torch.ones(3)], most=5, good=0.1) is None
    assert extremes(lambda v: v, [torch.zeros(3)], most=5, good=0.1) is None


def test_a_closure_that_fails_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    model = network()
    optimizer = SGD(model.parameters(), lr=0.1)
    watch = Attached(model, [optimizer], probe_every=1)
    before = [p.detach().clone() for p in model.parameters()]

    def closure() -> torch.Tensor:
        raise ZeroDivisionError("no rows")

    for _ in range(3):
        watch.probe(closure)
    watch.detach()
    assert watch.record("0").dropped == {"a probe": 3}
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert "no rows" in caplog.text
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_a_closure_with_a_backward_pass_leaves_the_gradients() -> None:
    model = network()
    optimizer = SGD(model.parameters(), lr=0.1)
    watch = Attached(model, [optimizer], probe_every=1)
    closure_of(model)().mean().backward()
    before = [(p.grad, p.grad.clone()) for p in model.parameters() if p.grad is not None]

    def closure() -> torch.Tensor:
        loss = closure_of(model)().mean()
        loss.backward()
        return loss

    watch.probe(closure)
    for p, (gradient, values) in zip(model.parameters(), before, strict=True):
        assert p.grad is gradient
        assert torch.equal(gradient, values)
    watch.detach()


@pytest.mark.parametrize("adaptive", [False, True], ids=["sgd", "adam"])
def test_rates_of_groups_scale_the_hessian(adaptive: bool) -> None:
    """The limit is that of all rates together, and its direction says whose it is."""
    model = network()
    rates = (0.3, 0.001)
    layers = [list(model[place].parameters()) for place in (0, 2)]
    groups = [{"params": p, "lr": lr} for p, lr in zip(layers, rates, strict=True)]
    optimizer: Any = Adam(groups) if adaptive else SGD(groups)
    stepped(model, optimizer, 5)
    H = dense(model).numpy()
    scales = [math.sqrt(lr / rates[0]) for p, lr in zip(layers, rates, strict=True) for _ in p]
    parts = []
    for p, scale in zip(model.parameters(), scales, strict=True):
        found = torch.full_like(p, scale)
        if adaptive:
            square = optimizer.state[p]["exp_avg_sq"] / (1 - 0.999**5)
            found = found / (square.sqrt() + 1e-8).sqrt()
        parts.append(found.reshape(-1))
    S = torch.cat(parts).detach().numpy()
    values, vectors = np.linalg.eigh(H * S[:, None] * S[None, :])
    probe = measured(model, optimizer)
    assert probe.largest == pytest.approx(values[-1], rel=1e-4)
    assert probe.limit == pytest.approx((38 if adaptive else 2) / values[-1], rel=1e-4)
    first = float(np.sum(vectors[: sum(p.numel() for p in layers[0]), -1] ** 2))
    assert probe.shares == pytest.approx((first, 1 - first), abs=1e-3)


class Unknown(torch.optim.Optimizer):
    """Steps of a given length along the gradient, of which no limit is known."""

    def __init__(self, params: Any, lr: float):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(group["lr"] * p.grad)


@pytest.mark.parametrize("factor", [1e-4, 0.05, 0.3, 0.9, 3.0, 100.0])
def test_the_critical_length_of_a_step(factor: float) -> None:
    """On a square the loss is where it was after twice the way to the bottom: 2/(η·λ) steps."""
    x = nn.Parameter(torch.tensor([3.0, -1.0], dtype=torch.float64))
    curvature = torch.tensor([4.0, 4.0], dtype=torch.float64)
    optimizer = Unknown([x], factor * 2 / 4.0)
    prober = Prober(
        None, [x], [group_of(optimizer, g) for g in optimizer.param_groups], [optimizer]
    )

    def closure() -> torch.Tensor:
        return (curvature * x.square()).sum() / 2

    prober.measure(0, closure)
    closure().backward()
    optimizer.step()
    probe = prober.complete()
    assert probe is not None
    assert probe.limit is None
    assert probe.critical is not None
    if factor == 1e-4:  # beyond all that was tried
        assert probe.critical == math.inf
    else:  # between two factors, of which one is at most four times the other
        assert 1 / probe.critical == pytest.approx(factor, rel=0.7)
