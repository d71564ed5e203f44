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
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from types import SimpleNamespace
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
    steps: int = ROUND
    """Of a round."""


class Eye:
    """What looks at a training: this one looks away. Made of the model and its optimizer."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer):
        self.model, self.optimizer = model, optimizer
        self.steps = 0

    def loss(self, output: torch.Tensor, y: torch.Tensor) -> Any:
        """Compute it."""
        return cross_entropy(output, y)

    def probe(self, closure: Callable[[], torch.Tensor]) -> None:
        """Measure with a closure that gives one loss a row."""

    def backward(self, loss: Any) -> None:
        """Compute the gradients."""
        loss.backward()

    def close(self) -> None:
        """The training has ended."""


Look = Callable[[nn.Module, torch.optim.Optimizer], Eye]


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


def _symbols(count: int, source: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    text = torch.randint(0, 256, (count, 65), generator=source)
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
    Work(
        "transformer",
        "a small transformer at batch 128",
        Transformer,
        partial(_symbols, 128),
        rounds=3,
        steps=8,
    ),
    Work(
        "transformer-16",
        "the same transformer at batch 16, whose steps are short",
        Transformer,
        partial(_symbols, 16),
        rounds=2,
    ),
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

    def __init__(self, work: Work, look: Look):
        torch.manual_seed(0)
        self.model = work.network().to(DEVICE)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9)
        self.eye = look(self.model, self.optimizer)

    def step(self, x: torch.Tensor, y: torch.Tensor) -> float:
        """Take one, and return the processor's seconds."""
        began = time.process_time()
        loss = self.eye.loss(self.model(x), y)
        self.eye.probe(lambda: cross_entropy(self.model(x), y, reduction="none"))
        self.optimizer.zero_grad()
        self.eye.backward(loss)
        self.optimizer.step()
        self.eye.steps += 1
        if DEVICE.type != "cpu":
            torch.cuda.synchronize()
        return time.process_time() - began


class Ours(Eye):
    """The watch, called as a loop would."""

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, *, every: int, probes: bool
    ):
        super().__init__(model, optimizer)
        self._watch = Attached(model, [optimizer], every=every)
        self._probes = probes

    def loss(self, output: torch.Tensor, y: torch.Tensor) -> Any:
        found = cross_entropy(output, y)
        self._watch.loss(found)
        return found

    def probe(self, closure: Callable[[], torch.Tensor]) -> None:
        if self._probes:
            self._watch.probe(closure)

    def close(self) -> None:
        self._watch.detach()


def measured(work: Work, look: Look, rounds: int, steps: int = ROUND) -> Samples:
    """The ratio of the steps' times, one a round."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _measured(work, look, rounds, steps)
    finally:
        torch.set_num_threads(threads)


def _measured(work: Work, look: Look, rounds: int, steps: int) -> Samples:
    plain, watched = Side(work, Eye), Side(work, look)
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
    watched.eye.close()
    for a, b in zip(plain.model.parameters(), watched.model.parameters(), strict=True):
        if not torch.equal(a, b):
            raise DifferentWorkError("the weights are not the same")
    detail = f"{duration(median(ours))} against {duration(median(theirs))} a step"
    if DEVICE.type != "cpu":
        detail += f" on {torch.cuda.get_device_name(DEVICE)}"
    return Samples(tuple(ratios), detail)


def _ours(work: Work, *, every: int, probes: bool, bound: float | None) -> None:
    name = f"watch-{work.name}" + (f"-every-{every}" if every > 1 else "-probes" if probes else "")
    how = f"every {every} steps" if every > 1 else "every step"
    with_probes = ", with probes every 64 steps" if probes else ""

    @benchmark(name, f"{work.what}, watched {how}{with_probes}, against unwatched", bound=bound)
    def measure(effort: Effort) -> Samples:
        look = partial(Ours, every=every, probes=probes)
        if probes:
            return measured(work, look, 1 + effort.rounds // 4, PROBED)
        return measured(work, look, effort.rounds * work.rounds, work.steps)


class TensorBoard(Eye):
    """Its histograms of weights and gradients."""

    needs = "tensorboard"

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer):
        super().__init__(model, optimizer)
        writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter
        self._folder = tempfile.TemporaryDirectory()
        self._writer = writer(self._folder.name)

    def backward(self, loss: Any) -> None:
        loss.backward()
        self._writer.add_scalar("loss", loss, self.steps)
        for name, parameter in self.model.named_parameters():
            self._writer.add_histogram(name, parameter, self.steps)
            self._writer.add_histogram(f"{name}.grad", parameter.grad, self.steps)

    def close(self) -> None:
        self._writer.close()
        self._folder.cleanup()


class Wandb(Eye):
    """`wandb.watch` of everything, offline. What its second process does is not counted."""

    needs = "wandb"

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer):
        super().__init__(model, optimizer)
        wandb = importlib.import_module("wandb")
        self._folder = tempfile.TemporaryDirectory()
        self._run = wandb.init(
            mode="offline",
            dir=self._folder.name,
            reinit="finish_previous",
            settings=wandb.Settings(console="off", silent=True),
        )
        self._run.watch(model, log="all", log_freq=1)

    def backward(self, loss: Any) -> None:
        loss.backward()
        self._run.log({"loss": loss.item()})

    def close(self) -> None:
        self._run.finish()
        self._folder.cleanup()


class Cockpit(Eye):
    """Cockpit's presets, whose last release is of 2021."""

    needs = "cockpit"

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer, *, preset: str):
        super().__init__(model, optimizer)
        # All that it asks setuptools for is its own version, by a module that is gone from there.
        version = SimpleNamespace(
            DistributionNotFound=LookupError,
            get_distribution=lambda name: SimpleNamespace(version=""),
        )
        sys.modules.setdefault("pkg_resources", version)  # type: ignore[arg-type]
        extend = importlib.import_module("backpack").extend
        quantities = importlib.import_module("cockpit.utils.configuration").configuration(preset)
        self._cockpit = importlib.import_module("cockpit").Cockpit(model.parameters(), quantities)
        extend(model)
        self._criterion = extend(nn.CrossEntropyLoss())
        self._rows = torch.zeros(0)

    def loss(self, output: torch.Tensor, y: torch.Tensor) -> Any:
        self._rows = cross_entropy(output, y, reduction="none")
        return self._criterion(output, y)

    def backward(self, loss: Any) -> None:
        about = {
            "batch_size": len(self._rows),
            "individual_losses": self._rows,
            "loss": loss,
            "optimizer": self.optimizer,
        }
        with self._cockpit(self.steps, info=about):
            loss.backward(create_graph=self._cockpit.create_graph(self.steps))


OTHERS: tuple[tuple[str, str, Any, int], ...] = (
    # name, what it is, what makes it, steps of a round
    ("tensorboard", "TensorBoard's histograms at every step", TensorBoard, ROUND),
    ("wandb", "wandb.watch(log='all', log_freq=1), offline", Wandb, ROUND),
    ("cockpit-economy", "Cockpit's preset economy", partial(Cockpit, preset="economy"), 4),
    ("cockpit-business", "Cockpit's preset business", partial(Cockpit, preset="business"), 4),
)


def _theirs(work: Work, name: str, what: str, look: Any, steps: int) -> None:
    @benchmark(
        f"watch-{work.name}-{name}", f"{work.what}, with {what}, against without", bound=None
    )
    def measure(effort: Effort) -> Samples:
        needs = getattr(look, "func", look).needs
        if importlib.util.find_spec(needs) is None:
            return Samples((float("nan"),), f"{needs} is not installed")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return measured(work, look, effort.rounds, steps)
        except DifferentWorkError:
            return Samples((float("nan"),), "it changes the training: the weights differ")
        except Exception as error:
            return Samples((float("nan"),), f"it does not run: {_cause(error)}")


def _cause(error: BaseException) -> str:
    """The error that came first, on one line."""
    while error.__context__ is not None:
        error = error.__context__
    return " ".join(f"{type(error).__name__}: {error}".split())[:200].replace("|", "/")


for _work in WORKS:
    if _work.name == "transformer-16":
        _ours(_work, every=1, probes=False, bound=None)
        continue
    _ours(_work, every=1, probes=False, bound=1.25 if _work.name == "mlp" else 1.03)
    _ours(_work, every=16, probes=False, bound=1.02)
    if _work.name == "conv":
        _ours(_work, every=1, probes=True, bound=1.15)
    for _other in OTHERS:
        _theirs(_work, *_other)

# A few long rounds: those with probes are of the short steps, where probes weigh the same.
_ours(WORKS[2], every=1, probes=True, bound=1.15)
