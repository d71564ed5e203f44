"""What watching costs: the same training with and without, step by step in turn.

Two copies of a network take the same steps on the same batches, each step of one right before or
after that of the other, so that whatever else the machine does falls on both. They must end with
the same weights. The first probe, which measures more than the later ones, is in the rounds that
are not counted. `DEVICE=cuda` measures on a GPU, where a round waits for the device at its end.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from benchmarks.registry import DifferentWorkError, Effort, Samples, benchmark
from benchmarks.timing import duration
from steepest.watching import Attached

DEVICE = torch.device(os.environ.get("DEVICE", "cpu"))
ROUND = 32
"""Steps of a round."""

PROBED = 512
"""The same with probes: of the eight in them, one measures the curvature. The first probes, which
do so more often, are in the round that is not counted."""


@dataclass(frozen=True)
class Work:
    """A network and how its batches are made."""

    name: str
    what: str
    network: Callable[[], nn.Module]
    batch: Callable[[torch.Generator], tuple[torch.Tensor, torch.Tensor]]
    rounds: int


Look = Callable[[nn.Module, torch.optim.Optimizer], Any]
"""Makes what looks at a training."""


class Transformer(nn.Module):
    """Two blocks of width 128 over 64 symbols."""

    def __init__(self, width: int = 128, symbols: int = 256, length: int = 64) -> None:
        super().__init__()
        self.table = nn.Embedding(symbols, width)
        self.places = nn.Parameter(torch.randn(length, width) * 0.02)
        block = nn.TransformerEncoderLayer(
            width, 4, 4 * width, batch_first=True, norm_first=True, dropout=0.0
        )
        self.blocks = nn.TransformerEncoder(block, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, symbols)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.head(self.blocks(self.table(x) + self.places))
        return found.transpose(1, 2)


def _images(source: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    return (
        torch.randn(128, 3, 32, 32, generator=source),
        torch.randint(0, 10, (128,), generator=source),
    )


def _symbols(source: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    text = torch.randint(0, 256, (16, 65), generator=source)
    return text[:, :-1], text[:, 1:]


def _pixels(source: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    return (
        torch.randn(128, 784, generator=source),
        torch.randint(0, 10, (128,), generator=source),
    )


def _convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(64, 10),
    )  # fmt: skip


def _perceptron() -> nn.Module:
    return nn.Sequential(
        nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
    )


WORKS = (
    Work("conv", "a convolutional network at batch 128", _convolutions, _images, 1),
    Work("transformer", "a small transformer", Transformer, _symbols, 2),
    Work(
        "mlp",
        "the network of PyTorch's first lesson, for MNIST, at batch 128",
        _perceptron,
        _pixels,
        4,
    ),
)


class Side:
    """One copy of the training, and what looks at it."""

    def __init__(self, work: Work, look: Look | None):
        torch.manual_seed(0)
        self.model = work.network().to(DEVICE)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9)
        self.eye = None if look is None else look(self.model, self.optimizer)

    def step(self, x: torch.Tensor, y: torch.Tensor) -> float:
        """Take one, and return the processor's seconds."""
        began = time.process_time()
        loss: Any = cross_entropy(self.model(x), y)
        if self.eye is not None:
            self.eye.loss(loss)
            self.eye.probe(lambda: cross_entropy(self.model(x), y, reduction="none"))
        self.optimizer.zero_grad()
        loss.backward()
        if self.eye is not None:
            self.eye.backward_done()
        self.optimizer.step()
        if DEVICE.type != "cpu":
            torch.cuda.synchronize()
        return time.process_time() - began


class Watched:
    """The watch, called as a loop would."""

    def __init__(self, watch: Attached, *, probes: bool):
        self.loss = watch.loss
        self._watch, self._probes = watch, probes

    def probe(self, closure: Callable[[], torch.Tensor]) -> None:
        if self._probes:
            self._watch.probe(closure)

    def backward_done(self) -> None: ...


def measured(work: Work, look: Look, rounds: int, steps: int = ROUND) -> Samples:
    """The ratio of the steps' times, one a round."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _measured(work, look, rounds, steps)
    finally:
        torch.set_num_threads(threads)


def _measured(work: Work, look: Look, rounds: int, steps: int) -> Samples:
    plain, watched = Side(work, None), Side(work, look)
    source = torch.Generator().manual_seed(1)
    ratios, ours, theirs = [], [], []
    # The first rounds have what happens once.
    for number in range(-1, rounds):
        took = [0.0, 0.0]
        for step in range(steps):
            x, y = (part.to(DEVICE) for part in work.batch(source))
            for side in (0, 1) if step % 2 else (1, 0):
                took[side] += (watched, plain)[side].step(x, y)
        if number >= 0:
            ratios.append(took[0] / took[1])
            ours.append(took[0] / steps)
            theirs.append(took[1] / steps)
    for a, b in zip(plain.model.parameters(), watched.model.parameters(), strict=True):
        if not torch.equal(a, b):
            raise DifferentWorkError("the weights are not the same")
    detail = f"{duration(median(ours))} against {duration(median(theirs))} a step"
    if DEVICE.type != "cpu":
        detail += f" on {torch.cuda.get_device_name(DEVICE)}"
    return Samples(tuple(ratios), detail)


def _ours(work: Work, *, every: int, probes: bool, bound: float) -> None:
    name = f"watch-{work.name}" + (f"-every-{every}" if every > 1 else "-probes" if probes else "")
    how = f"every {every} steps" if every > 1 else "every step"
    with_probes = ", with probes every 64 steps" if probes else ""

    @benchmark(name, f"{work.what}, watched {how}{with_probes}, against unwatched", bound=bound)
    def measure(effort: Effort) -> Samples:
        def look(model: nn.Module, optimizer: torch.optim.Optimizer) -> Watched:
            return Watched(Attached(model, [optimizer], every=every), probes=probes)

        if probes:
            return measured(work, look, 1 + effort.rounds // 4, PROBED)
        return measured(work, look, effort.rounds * work.rounds)


class Histograms:
    """TensorBoard's histograms of weights and gradients at every step."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer):
        writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter
        self._folder = tempfile.TemporaryDirectory()
        self._writer = writer(self._folder.name)
        self._model = model
        self._step = 0

    def loss(self, loss: torch.Tensor) -> None:
        self._writer.add_scalar("loss", loss, self._step)

    def probe(self, closure: Any) -> None: ...

    def backward_done(self) -> None:
        for name, parameter in self._model.named_parameters():
            self._writer.add_histogram(name, parameter, self._step)
            self._writer.add_histogram(f"{name}.grad", parameter.grad, self._step)
        self._step += 1


class Wandb:
    """`wandb.watch` of everything, offline, at every step."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer):
        wandb = importlib.import_module("wandb")
        self._folder = tempfile.TemporaryDirectory()
        self._run = wandb.init(
            mode="offline",
            dir=self._folder.name,
            reinit=True,
            settings=wandb.Settings(console="off", silent=True),
        )
        self._run.watch(model, log="all", log_freq=1)

    def loss(self, loss: torch.Tensor) -> None:
        self._loss = loss

    def probe(self, closure: Any) -> None: ...

    def backward_done(self) -> None:
        self._run.log({"loss": self._loss.item()})


OTHERS: tuple[tuple[str, str, str, Any], ...] = (
    ("tensorboard", "tensorboard", "TensorBoard's histograms at every step", Histograms),
    ("wandb", "wandb", "wandb.watch(log='all', log_freq=1), offline", Wandb),
)


def _theirs(work: Work, name: str, module: str, what: str, look: Any) -> None:
    @benchmark(
        f"watch-{work.name}-{name}", f"{work.what}, with {what}, against without", bound=None
    )
    def measure(effort: Effort) -> Samples:
        if importlib.util.find_spec(module) is None:
            return Samples((float("nan"),), f"{module} is not installed")
        return measured(work, look, effort.rounds)


for _work in WORKS:
    _always = 1.25 if _work.name == "mlp" else 1.03
    _ours(_work, every=1, probes=False, bound=_always)
    _ours(_work, every=16, probes=False, bound=1.02)
    if _work.name != "mlp":
        _ours(_work, every=1, probes=True, bound=1.15)
    for _other in OTHERS:
        _theirs(_work, *_other)
