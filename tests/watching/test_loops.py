"""A loop with the watch does, bit for bit, what it does without."""

from __future__ import annotations

import copy
import io
import logging
import pickle
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import (
    cross_entropy,
    dropout,
    relu,
    scaled_dot_product_attention,
    softplus,
)

from steepest.watching import Attached

PLAIN = partial(torch.optim.SGD, lr=0.1)
STEPS = 50
PROBE_EVERY = 7


class Unwatched:
    """What a loop without the watch calls instead."""

    def loss(self, loss: Any) -> None: ...
    def probe(self, closure: Any) -> None: ...
    def step(self, loss: Any = None) -> None: ...


Eye = Attached | Unwatched
Attach = Callable[..., Eye]
Loop = Callable[[Attach], "State"]
State = list[Any]


def state(*holders: Any) -> State:
    """Weights, buffers, gradients, what optimizers hold, and all random numbers to come."""
    found: State = []
    for holder in holders:
        if isinstance(holder, nn.Module):
            found += [*holder.parameters(), *holder.buffers()]
            found += [p.grad for p in holder.parameters()]
            found += [module.training for module in holder.modules()]
        elif isinstance(holder, torch.optim.Optimizer):
            found += [v for held in holder.state.values() for v in held.values() if not callable(v)]
            found += [group["lr"] for group in holder.param_groups]
        else:
            found.append(holder)
    found += [torch.get_rng_state(), random.random(), float(np.random.random())]
    return [
        value.detach().to_dense().clone() if isinstance(value, torch.Tensor) else value
        for value in found
    ]


def same(first: Any, second: Any) -> bool:
    """Whether two states are equal in every bit."""
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, torch.Tensor):
        first, second = first.detach(), second.detach()
        return (
            first.dtype == second.dtype
            and first.shape == second.shape
            and first.numpy().tobytes() == second.numpy().tobytes()
            if first.dtype != torch.bfloat16
            else bool(torch.equal(first, second))
        )
    return bool(first == second)


def batches(shape: tuple[int, ...] = (8,), rows: int = 16, classes: int = 3) -> Iterator[Any]:
    """Batches of inputs and classes, the same in every run."""
    source = torch.Generator().manual_seed(5)
    for _ in range(STEPS):
        inputs = torch.randn(rows, *shape, generator=source)
        yield inputs, torch.randint(0, classes, (rows,), generator=source)


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 3))


def plain(
    attach: Attach,
    *,
    model: Callable[[], nn.Module] = mlp,
    optimizer: Callable[..., torch.optim.Optimizer] = PLAIN,
    shape: tuple[int, ...] = (8,),
    forward: Callable[[nn.Module, torch.Tensor], torch.Tensor] = lambda m, x: m(x),
    chosen: Callable[[nn.Module], Any] = lambda m: m.parameters(),
    schedule: Callable[[Any], Any] | None = None,
    clip: float | None = None,
    set_to_none: bool = True,
) -> State:
    """The loop that everybody writes."""
    network = model()
    steps = optimizer(chosen(network))
    scheduler = schedule(steps) if schedule else None
    eye = attach(network, steps)
    losses = []
    for inputs, classes in batches(shape):
        loss: Any = cross_entropy(forward(network, inputs), classes)
        eye.loss(loss)
        # Between the forward and the backward pass: the graph waits meanwhile.
        eye.probe(
            lambda x=inputs, y=classes: cross_entropy(forward(network, x), y, reduction="none")  # type: ignore[misc]
        )
        steps.zero_grad(set_to_none=set_to_none)
        loss.backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(network.parameters(), clip)
        steps.step()
        if scheduler is not None:
            scheduler.step()
        losses.append(loss.item())
    return state(network, steps, losses)


def with_closure(attach: Attach, optimizer: Callable[..., torch.optim.Optimizer]) -> State:
    network = mlp()
    steps = optimizer(network.parameters())
    eye = attach(network, steps)
    losses = []
    for inputs, classes in batches():

        def closure(x: Any = inputs, y: Any = classes) -> torch.Tensor:
            steps.zero_grad()
            loss: Any = cross_entropy(network(x), y)
            eye.loss(loss)
            loss.backward()
            return loss  # type: ignore[no-any-return]

        eye.probe(lambda x=inputs, y=classes: cross_entropy(network(x), y))  # type: ignore[misc]
        losses.append(steps.step(closure).item())  # type: ignore[arg-type, attr-defined]
    return state(network, steps, losses)


class Signs(torch.optim.Optimizer):
    """Somebody's own optimizer, which decays the weights by way of the gradients."""

    def __init__(self, params: Any):
        super().__init__(params, {"lr": 0.01})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                p.grad.add_(p, alpha=0.01)
                p.sub_(group["lr"] * p.grad.sign())


def accumulating(attach: Attach) -> State:
    network = mlp()
    steps = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    eye = attach(network, steps)
    losses = []
    for number, (inputs, classes) in enumerate(batches()):
        loss: Any = cross_entropy(network(inputs), classes) / 4
        eye.loss(loss)
        eye.probe(lambda x=inputs, y=classes: cross_entropy(network(x), y))  # type: ignore[misc]
        loss.backward()
        if number % 4 == 3:
            steps.step()
            steps.zero_grad()
        losses.append(loss.item())
    return state(network, steps, losses)


def mixed_precision(attach: Attach) -> State:
    network = nn.Sequential(nn.Linear(8, 12), nn.LayerNorm(12), nn.ReLU(), nn.Linear(12, 3))
    steps = torch.optim.AdamW(network.parameters(), lr=1e-2)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**14)
    eye = attach(network, steps)

    def rows(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return cross_entropy(network(x), y, reduction="none")

    losses = []
    for inputs, classes in batches():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss: Any = rows(inputs, classes).mean()
            # Inside, where the casts of the weights are kept for the next use.
            eye.probe(lambda x=inputs, y=classes: rows(x, y))  # type: ignore[misc]
        eye.loss(loss)
        steps.zero_grad()
        scaler.scale(loss).backward()
        scaler.unscale_(steps)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 0.5)
        scaler.step(steps)
        scaler.update()
        losses.append(loss.item())
    return state(network, steps, losses, scaler.get_scale())


def adversaries(attach: Attach) -> State:
    """Two networks and two optimizers; the second loss leaves gradients in the first network."""
    maker, judge = nn.Linear(4, 8), nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 1))
    both = nn.ModuleList([maker, judge])
    first = torch.optim.Adam(judge.parameters(), lr=1e-2)
    second = torch.optim.Adam(maker.parameters(), lr=1e-2)
    eye = attach(both, first, second)
    losses = []
    for inputs, _ in batches():
        made = maker(torch.randn(16, 4))
        loss: Any = softplus(judge(made.detach())).mean() + softplus(-judge(inputs)).mean()
        eye.loss(loss)
        first.zero_grad()
        loss.backward()
        first.step()
        second.zero_grad()
        other: Any = softplus(-judge(made)).mean()
        other.backward()
        second.step()
        losses += [loss.item(), other.item()]
    return state(both, first, second, losses)


def course(attach: Attach) -> State:
    """A loop without an optimizer, as a course writes it."""
    params = torch.randn(3).requires_grad_()
    time = torch.arange(20.0)
    speed = torch.randn(20) * 3 + 0.75 * (time - 9.5) ** 2 + 1
    eye = attach([params])
    losses = []
    for _ in range(STEPS):
        a, b, c = params
        loss: Any = ((a * time**2 + b * time + c - speed) ** 2).mean()
        loss.backward()
        assert params.grad is not None
        params.data -= 1e-5 * params.grad.data
        params.grad = None
        eye.step(loss)
        losses.append(loss.item())
    return state(params, losses)


class Attention(nn.Module):
    """A block of a transformer, with dropout inside the attention."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.1, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> Any:
        mixed, _ = self.attention(x, x, x, need_weights=False)
        y = self.norm(x + mixed)
        y = y + scaled_dot_product_attention(y, y, y, is_causal=True)
        return self.head(y.mean(1))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 6, num_layers=2, dropout=0.2, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(self.lstm(x)[0][:, -1])


class Tied(nn.Module):
    """One weight in two places, one that is frozen, one that nothing uses."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)
        self.second.weight = self.first.weight
        self.frozen = nn.Linear(8, 8).requires_grad_(False)
        self.unused = nn.Linear(2, 2)
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(torch.tanh(self.second(self.frozen(torch.tanh(self.first(x))))))


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(20, 6, sparse=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(self.table((x * 3).long().clamp(-9, 9) + 10).mean(1))


class Norms(nn.Module):
    """Buffers that are written in place, and one that is replaced; noise from three sources."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 3)
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, x: torch.Tensor) -> Any:
        y = relu(self.norm(self.conv(x)), inplace=True)
        y = dropout(y, 0.2, self.training).mean((2, 3)) * (1 + 0.1 * random.random())
        self.mean = 0.9 * self.mean + 0.1 * y.detach().mean(0)  # type: ignore[has-type]
        return self.head(y * float(np.random.uniform(0.9, 1.1)))


class Evaluated(nn.Module):
    """A part stays in eval mode, and its statistics wait in the graph for the backward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.norm, self.head = nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> Any:
        self.norm.eval()
        return self.head(self.norm(self.body(x)))


def scheduled(optimizer: Any) -> Any:
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.3, total_steps=STEPS + 1)


SGD, Adam = torch.optim.SGD, torch.optim.Adam
LOOPS: dict[str, Loop] = {
    "sgd": plain,
    "momentum": partial(plain, optimizer=partial(SGD, lr=0.1, momentum=0.9, nesterov=True)),
    "adam": partial(plain, optimizer=partial(Adam, lr=1e-2)),
    "adamw, fused": partial(plain, optimizer=partial(torch.optim.AdamW, lr=1e-2, fused=True)),
    "a closure for sgd": partial(with_closure, optimizer=partial(SGD, lr=0.1)),
    "lbfgs": partial(with_closure, optimizer=partial(torch.optim.LBFGS, max_iter=3)),
    "an optimizer of one's own": partial(plain, optimizer=Signs),
    "a schedule": partial(plain, schedule=scheduled),
    "gradients set to zero": partial(plain, set_to_none=False),
    "gradient accumulation": accumulating,
    "mixed precision": mixed_precision,
    "clipping": partial(plain, clip=0.1),
    "frozen, tied and unused": partial(plain, model=Tied),
    "batch norm": partial(plain, model=Norms, shape=(2, 6, 6)),
    "eval mode": partial(plain, model=Evaluated),
    "dropout": partial(plain, model=lambda: nn.Sequential(mlp(), nn.Dropout(0.5))),
    "lstm": partial(plain, model=Recurrent, shape=(5, 8)),
    "attention": partial(plain, model=Attention, shape=(5, 8)),
    "two optimizers": adversaries,
    "sparse embedding": partial(plain, model=Words),
    "float64": partial(plain, model=lambda: mlp().double(), forward=lambda m, x: m(x.double())),
    "bfloat16": partial(
        plain, model=lambda: mlp().bfloat16(), forward=lambda m, x: m(x.bfloat16()).float()
    ),
    "two precisions": partial(
        plain,
        model=lambda: nn.Sequential(nn.Linear(8, 8).double(), nn.Linear(8, 3)),
        forward=lambda m, x: m[1](m[0](x.double()).float()),  # type: ignore[index]
    ),
    "no optimizer": course,
}
UNPROBED = ("two optimizers", "no optimizer")
"""They call no probe."""


def run(loop: Loop, attach: Attach) -> State:
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)
    return loop(attach)


def watched(loop: Loop, *, probes: bool, every: int = 1) -> tuple[State, Attached]:
    """Run it with a watch. Without probes they are asked for, and never due."""
    eyes: list[Attached] = []

    def attach(model: Any, *optimizers: Any) -> Eye:
        probe_every = PROBE_EVERY if probes else 10**9
        eye = Attached(model, optimizers, every=every, probe_every=probe_every)
        # The very first step is always one to probe.
        if not probes:
            eye.probe = lambda closure: None  # type: ignore[method-assign]
        eyes.append(eye)
        return eye

    found = run(loop, attach)
    eyes[0].detach()
    return found, eyes[0]


def unwatched(model: Any, *optimizers: Any) -> Eye:
    return Unwatched()


@pytest.mark.parametrize("name", LOOPS)
def test_the_loop_does_the_same(name: str) -> None:
    loop = LOOPS[name]
    expected = run(loop, unwatched)
    for probes in (False, True):
        found, eye = watched(loop, probes=probes)
        assert same(expected, found)
        record = eye.record("0")
        assert not record.dropped
        assert record.steps == (STEPS // 4 if name == "gradient accumulation" else STEPS)
        assert len(record.trace) == record.steps
        assert record.resets.not_reset == record.resets.emptied == 0
        assert record.losses.count == record.steps
        assert record.losses.lost_at is None
        if probes and name not in UNPROBED:
            assert len(record.probes) == -(-record.steps // PROBE_EVERY)
            assert np.isfinite([p.losses for p in record.probes]).all()
            assert np.isfinite(record.probes[0].largest)
    found, eye = watched(loop, probes=False, every=16)
    assert same(expected, found)
    assert not eye.record("0").dropped


def test_the_comparison_sees_one_bit() -> None:
    expected = run(plain, unwatched)
    changed = run(plain, unwatched)
    changed[0].view(torch.int32)[0, 0] ^= 1
    assert same(expected, expected)
    assert not same(expected, changed)


def hooks_of(model: nn.Module, *optimizers: torch.optim.Optimizer) -> int:
    found = 0
    for module in model.modules():
        found += len(module._forward_pre_hooks) + len(module._forward_hooks)
    for parameter in model.parameters():
        found += len(parameter._backward_hooks or ())
        found += len(parameter._post_accumulate_grad_hooks or ())
    for optimizer in optimizers:
        found += len(optimizer._optimizer_step_pre_hooks)
        found += len(optimizer._optimizer_step_post_hooks)
    return found


@pytest.mark.parametrize("where", ["forward", "backward", "step"])
def test_an_error_in_the_loop_leaves_no_hook(where: str) -> None:
    network = mlp()
    steps = SGD(network.parameters(), lr=0.1)
    eye = Attached(network, [steps])
    assert hooks_of(network, steps) > 0

    class OwnError(Exception):
        pass

    def fail(*_: Any) -> None:
        raise OwnError

    if where == "forward":
        network[0].register_forward_hook(fail)
    if where == "backward":
        network[0].weight.register_hook(fail)  # type: ignore[operator]
    if where == "step":
        steps.register_step_pre_hook(fail)

    def train() -> None:
        for inputs, classes in batches():
            loss: Any = cross_entropy(network(inputs), classes)
            loss.backward()
            steps.step()

    with pytest.raises(OwnError):
        train()
    eye.detach("an error in the loop")
    # What is left is the failing hook.
    assert hooks_of(network, steps) == 1
    assert not eye.record("0").dropped
    assert eye.record("0").ended == "an error in the loop"


def test_a_copy_of_the_model_is_not_watched() -> None:
    network = mlp()
    steps = SGD(network.parameters(), lr=0.1)
    eye = Attached(network, [steps])
    inputs, classes = next(batches())
    cross_entropy(network(inputs), classes).backward()
    # In the middle of a step, with the hooks of a sample on all layers.
    assert sum(len(module._forward_hooks) for module in network.modules()) == 3
    buffer = io.BytesIO()
    torch.save(network, buffer)
    buffer.seek(0)
    copies = [
        copy.deepcopy(network),
        pickle.loads(pickle.dumps(network)),
        torch.load(buffer, weights_only=False),
    ]
    for other in copies:
        assert same(list(network.parameters()), list(other.parameters()))
        twin = SGD(other.parameters(), lr=0.1)
        for _ in range(3):
            loss: Any = cross_entropy(other(inputs), classes)
            loss.backward()
            twin.step()
    again = copy.deepcopy(steps)
    again.step()
    tensor = torch.tensor(3.0).requires_grad_()
    alone = Attached([tensor], [])
    pickle.dumps(tensor)
    copy.deepcopy(tensor)
    alone.detach()
    steps.step()
    eye.detach()
    assert eye.steps == 1
    assert not eye.record("0").dropped
    assert hooks_of(network, steps) == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_compiled_model() -> None:
    """Without the last stage, which makes C++ of the same two graphs, and takes ten seconds."""

    def loop(attach: Attach) -> State:
        torch._dynamo.reset()
        network = nn.Sequential(nn.Linear(8, 12), nn.Tanh(), nn.Linear(12, 3))
        steps = Adam(network.parameters(), lr=1e-2)
        compiled: Any = torch.compile(network, backend="aot_eager")
        eye = attach(compiled, steps)
        losses = []
        for inputs, classes in batches():
            loss: Any = cross_entropy(compiled(inputs), classes)
            eye.loss(loss)
            eye.probe(lambda x=inputs, y=classes: cross_entropy(compiled(x), y))  # type: ignore[misc]
            steps.zero_grad()
            loss.backward()
            steps.step()
            losses.append(loss.item())
        return state(network, steps, losses)

    expected = run(loop, unwatched)
    found, eye = watched(loop, probes=True)
    assert same(expected, found)
    record = eye.record("0")
    assert not record.dropped
    assert record.steps == STEPS
    # A compiled model has no second backward pass: by the difference of two gradients.
    assert record.probes[0].largest_residual < 0.1


def test_the_choice_of_attention_comes_back() -> None:
    network = Attention()
    steps = SGD(network.parameters(), lr=0.1)
    eye = Attached(network, [steps])
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        x = torch.randn(2, 5, 8)
        eye.probe(lambda: network(x).square().mean())
        assert not torch.backends.cuda.math_sdp_enabled()
    eye.detach()


def test_batches_come_from_other_processes(caplog: pytest.LogCaptureFixture) -> None:
    """See `test_processes.py` for what is forked off and calls the hooks."""
    data = torch.utils.data.TensorDataset(torch.randn(32, 8), torch.randint(0, 3, (32,)))
    network = mlp()
    steps = SGD(network.parameters(), lr=0.1)
    eye = Attached(network, [steps])
    with caplog.at_level(logging.WARNING, "steepest"):
        for inputs, classes in torch.utils.data.DataLoader(data, batch_size=8, shuffle=True):
            cross_entropy(network(inputs), classes).backward()
            steps.step()
            steps.zero_grad()
    eye.detach()
    assert eye.steps == 4
    assert not caplog.records
