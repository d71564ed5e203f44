"""The loop comes first: nothing raises into it, and memory stays level."""

from __future__ import annotations

import gc
import logging
import sys
from typing import Any

import pytest
import torch
from torch import nn

from steepest.descent.training_recorder import Recorder
from steepest.watching import Attached
from steepest.watching.activations import Activations
from steepest.watching.histograms import Histograms
from steepest.watching.inputs import Inputs
from steepest.watching.norms import Norms
from steepest.watching.probe import Prober
from steepest.watching.resets import Resets


def loop(watch_it: bool, steps: int = 12) -> tuple[list[float], Attached | None]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch = Attached(model, [optimizer], probe_every=4) if watch_it else None
    losses = []
    for _ in range(steps):
        x = torch.randn(8, 4)
        loss: Any = model(x).square().mean()
        if watch is not None:
            watch.loss(loss)
            watch.probe(lambda x=x: model(x).square().mean())  # type: ignore[misc]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if watch is not None:
            watch.validation(loss)
        losses.append(loss.item())
    if watch is not None:
        watch.detach()
    return losses, watch


@pytest.mark.parametrize(
    ("part", "method"),
    [
        (Norms, "before"), (Norms, "compare"), (Norms, "after"), (Norms, "read"),
        (Resets, "moves"), (Resets, "moved"), (Resets, "_arrives"), (Inputs, "take"),
        (Inputs, "moved"), (Activations, "arm"), (Activations, "take"), (Activations, "_catch"),
        (Histograms, "take"), (Prober, "measure"), (Prober, "complete"), (Recorder, "add"),
    ],
    ids=lambda given: given if isinstance(given, str) else given.__name__,
)  # fmt: skip
def test_a_part_that_fails_does_not_reach_the_loop(
    part: Any, method: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise MemoryError("no room")

    expected, _ = loop(watch_it=False)
    monkeypatch.setattr(part, method, fail)
    with caplog.at_level(logging.WARNING, "steepest"):
        found, watch = loop(watch_it=True)
    assert found == expected
    assert watch is not None
    record = watch.record("0")
    assert sum(record.dropped.values()) > 0
    # Each kind of loss is said once, and counted.
    assert len(caplog.records) == len(record.dropped)
    assert all("no room" in entry.getMessage() for entry in caplog.records)
    assert record.steps == 12


@pytest.mark.parametrize("loss", ["text", None, object()], ids=["text", "none", "object"])
def test_a_loss_that_is_none(loss: Any) -> None:
    _, watch = loop(watch_it=True)
    assert watch is not None
    watch.loss(loss)
    watch.validation(loss)
    assert watch.record("0").dropped == {"a loss": 1, "a validation loss": 1}


def tensors_alive() -> int:
    return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())


def test_memory_over_many_steps() -> None:
    """Twenty thousand steps keep no more than the first two thousand did."""
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    watch = Attached(model, [optimizer])
    x = torch.randn(4, 2)

    def steps(many: int) -> None:
        for _ in range(many):
            loss: Any = model(x).square().mean()
            watch.loss(loss)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        gc.collect()

    # Where the marks of the batches and the trace are as long as they get.
    steps(9_000)
    before, tensors = sys.getallocatedblocks(), tensors_alive()
    steps(11_000)
    # One block a step would be 11,000; the number that wait to be read goes up and down.
    assert sys.getallocatedblocks() - before < 5_000
    assert tensors_alive() <= tensors + 200
    assert watch.steps == 20_000
    watch.detach()


def test_a_hundred_million_parameters_cost_a_hundredth() -> None:
    """Beside the weights and their gradients, the watch keeps at most 1 % of the weights."""
    with torch.device("meta"):
        shapes = [p.shape for p in nn.TransformerEncoderLayer(1024, 16, 4096).parameters()] * 8
    sizes = [shape.numel() for shape in shapes]
    assert sum(sizes) > 100_000_000
    # One number stands for all the entries of each tensor, so that the test itself needs no room.
    tensors = [nn.Parameter(torch.ones(1).expand(shape), requires_grad=True) for shape in shapes]
    norms = Norms(tensors, sample=True)
    norms.before()
    norms.compare([torch.ones(1).expand(shape) for shape in shapes])
    kept = [*norms._weights, *(g for g in norms._gradients if g is not None)]
    assert sum(tensor.numel() for tensor in kept) <= 0.01 * sum(sizes)


def test_a_watch_that_is_forgotten_is_collected() -> None:
    import weakref

    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch = Attached(model, [optimizer])
    gone = weakref.ref(watch)
    watch.detach()
    del watch
    gc.collect()
    assert gone() is None


def test_parts_of_spread_tensors_are_measured_here() -> None:
    """A DTensor on a mesh of one process: its part is the whole."""
    distributed = torch.distributed
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_tensor

    store = distributed.HashStore()  # type: ignore[attr-defined]
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        mesh = init_device_mesh("cpu", (1,))
        values = torch.randn(6, 4)
        weight = nn.Parameter(distribute_tensor(values, mesh, [Shard(0)]))
        optimizer = torch.optim.SGD([weight], lr=0.1)
        watch = Attached([weight], [optimizer])
        x = distribute_tensor(torch.randn(6, 4), mesh, [Shard(0)])
        for _ in range(3):
            optimizer.zero_grad()
            loss: Any = (weight * x).square().sum()
            loss.backward()
            optimizer.step()
        watch.detach()
        record = watch.record("0")
        assert not record.dropped
        assert record.tensors[0].part
        assert record.tensors[0].shape == (6, 4)
        assert record.trace.weight[0, 0] == pytest.approx(float(values.norm()), rel=1e-6)
        slope = 2 * values * x.to_local() ** 2
        assert record.trace.gradient[0, 0] == pytest.approx(float(slope.norm()), rel=1e-6)
        assert record.trace.update[0, 0] == pytest.approx(0.1 * float(slope.norm()), rel=1e-5)
    finally:
        distributed.destroy_process_group()
