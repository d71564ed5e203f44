"""Healthy trainings of twelve kinds, drawn by a seed: network, data, optimizer, rate, schedule."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from steepest.records.training import TrainingRecord
from steepest.watching import Attached

STEPS = 100
WIDE = 8


@dataclass
class Training:
    """One network's loop. `beside`: another one that is trained in turn with it."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Callable[[int], Any]
    schedule: Any = None
    clip: float | None = None
    beside: Training | None = None

    def run(self, *, probes: bool) -> list[TrainingRecord]:
        """Train, and have each network watched."""
        loops = [self] if self.beside is None else [self, self.beside]
        watches = [Attached(loop.model, [loop.optimizer], probe_every=40) for loop in loops]
        for step in range(STEPS):
            for loop, watch in zip(loops, watches, strict=True):

                def closure(loop: Training = loop, step: int = step) -> Any:
                    return loop.loss(step)

                loss = closure()
                watch.loss(loss)
                if probes:
                    watch.probe(closure)
                loop.optimizer.zero_grad()
                loss.backward()
                if loop.clip is not None:
                    nn.utils.clip_grad_norm_(loop.model.parameters(), loop.clip)
                loop.optimizer.step()
                if loop.schedule is not None:
                    loop.schedule.step()
        for watch in watches:
            watch.detach()
        return [watch.record("0") for watch in watches]


class Draw:
    """What one training is made of."""

    def __init__(self, seed: int):
        self._source = np.random.default_rng(seed)

    def of(self, *choices: Any) -> Any:
        return choices[int(self._source.integers(len(choices)))]

    def between(self, low: float, high: float) -> float:
        return float(10 ** self._source.uniform(math.log10(low), math.log10(high)))

    def optimizer(self, weights: Any, *, only_adam: bool = False) -> torch.optim.Optimizer:
        """One of the usual, at a usual rate."""
        kind = self.of("adam", "adamw") if only_adam else self.of("adam", "adamw", "sgd", "rmsprop")
        if kind == "sgd":
            return torch.optim.SGD(
                weights, self.between(0.02, 0.1), momentum=0.9, nesterov=self.of(True, False)
            )
        if kind == "rmsprop":
            return torch.optim.RMSprop(weights, self.between(1e-3, 5e-3))
        if kind == "adam":
            return torch.optim.Adam(weights, self.between(2e-3, 1e-2))
        return torch.optim.AdamW(weights, self.between(2e-3, 1e-2), weight_decay=0.01)

    def schedule(self, optimizer: torch.optim.Optimizer) -> Any:
        schedules = torch.optim.lr_scheduler
        kind = self.of("none", "cosine", "warm-up", "one cycle")
        if kind == "cosine":
            return schedules.CosineAnnealingLR(optimizer, STEPS)
        if kind == "warm-up":
            return schedules.LinearLR(optimizer, 0.1, total_iters=10)
        if kind == "one cycle":
            top = [float(group["lr"]) for group in optimizer.param_groups]
            return schedules.OneCycleLR(optimizer, top, total_steps=STEPS + 1, cycle_momentum=False)
        return None


def _mlp(*sizes: int, act: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), act()]
    return nn.Sequential(*layers[:-1])


def _made(draw: Draw, model: nn.Module, loss: Callable[[int], Any], **how: Any) -> Training:
    learned = [p for p in model.parameters() if p.requires_grad]
    optimizer = draw.optimizer(learned, **how)
    clip = draw.of(None, None, 1.0)
    return Training(model, optimizer, loss, draw.schedule(optimizer), clip)


def convolutional(draw: Draw) -> Training:
    act = draw.of(nn.ReLU, nn.GELU, nn.SiLU)
    norm = draw.of(nn.BatchNorm2d, lambda c: nn.GroupNorm(2, c), nn.Identity)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), norm(8), act(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), norm(16), act(), nn.AdaptiveAvgPool2d(draw.of(1, 2)),
        nn.Flatten(), nn.Dropout(draw.of(0.0, 0.2)), nn.LazyLinear(4),
    )  # fmt: skip
    model(torch.zeros(2, 3, 8, 8))
    signs, smooth = torch.randn(4, 3, 8, 8), draw.of(0.0, 0.1)
    rows = draw.of(16, 32)

    def loss(_: int) -> Any:
        y = torch.randint(0, 4, (rows,))
        x = signs[y] + draw_noise * torch.randn(rows, 3, 8, 8)
        return functional.cross_entropy(model(x), y, label_smoothing=smooth)

    draw_noise = draw.of(0.5, 1.5)
    return _made(draw, model, loss)


class _Decoder(nn.Module):
    def __init__(self, words: int, length: int, drop: float, first: bool):
        super().__init__()
        self.words, self.places = (
            nn.Embedding(words, 16),
            nn.Parameter(0.02 * torch.randn(length, 16)),
        )
        layer = nn.TransformerEncoderLayer(16, 2, 32, drop, batch_first=True, norm_first=first)
        self.blocks = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(16, words)
        self.register_buffer("mask", torch.triu(torch.full((length, length), -math.inf), 1))

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(self.blocks(self.words(x) + self.places, mask=self.mask))


def transformer(draw: Draw) -> Training:
    words, length, rows = 12, draw.of(8, 10), draw.of(8, 16)
    model = _Decoder(words, length, draw.of(0.0, 0.1), draw.of(True, False))
    next_word = torch.randperm(words)

    def loss(_: int) -> Any:
        chain = [torch.randint(0, words, (rows,))]
        for _ in range(length):
            chain.append(next_word[chain[-1]])
        text = torch.stack(chain, 1)
        return functional.cross_entropy(model(text[:, :-1]).transpose(1, 2), text[:, 1:])

    return _made(draw, model, loss, only_adam=True)


class _Recurrent(nn.Module):
    def __init__(self, kind: Any, first: bool):
        super().__init__()
        self.body, self.head, self.first = kind(4, 16, batch_first=first), nn.Linear(16, 1), first

    def forward(self, x: torch.Tensor) -> Any:
        out = self.body(x)[0]
        return self.head(out[:, -1] if self.first else out[-1]).squeeze(1)


def recurrent(draw: Draw) -> Training:
    first, rows = draw.of(True, False), draw.of(16, 32)
    model = _Recurrent(draw.of(nn.LSTM, nn.GRU, nn.RNN), first)

    def loss(_: int) -> Any:
        x = torch.randn(rows, 6, 4)
        y = x[:, -1].sum(1) + x.mean((1, 2))
        return functional.mse_loss(model(x if first else x.transpose(0, 1)), y)

    return _made(draw, model, loss, only_adam=True)


def adversarial(draw: Draw) -> Training:
    act = draw.of(nn.ReLU, lambda: nn.LeakyReLU(0.2))
    maker, judge = _mlp(4, 16, 2, act=act), _mlp(2, 16, 1, act=act)
    rows, rate = draw.of(32, 64), draw.between(5e-4, 2e-3)
    logits = functional.binary_cross_entropy_with_logits

    def judged(_: int) -> Any:
        turn = 2 * math.pi * torch.rand(rows)
        real = torch.stack((turn.cos(), turn.sin()), 1)
        made = maker(torch.randn(rows, 4)).detach()
        true, false = judge(real), judge(made)
        return logits(true, torch.ones_like(true)) + logits(false, torch.zeros_like(false))

    def made(_: int) -> Any:
        out = judge(maker(torch.randn(rows, 4)))
        return logits(out, torch.ones_like(out))

    first, second = (
        torch.optim.Adam(net.parameters(), rate, betas=(0.5, 0.999)) for net in (judge, maker)
    )
    return Training(judge, first, judged, beside=Training(maker, second, made))


class _Variational(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.into, self.out = _mlp(WIDE, 16, 4, act=nn.Tanh), _mlp(2, 16, WIDE, act=nn.Tanh)

    def forward(self, x: torch.Tensor) -> Any:
        mean, log = self.into(x).chunk(2, 1)
        return self.out(mean + torch.randn_like(mean) * (log / 2).exp()), mean, log


def variational(draw: Draw) -> Training:
    model, rows, share = _Variational(), draw.of(32, 64), draw.of(0.01, 0.1)
    mix = torch.randn(2, WIDE)

    def loss(_: int) -> Any:
        x = torch.tanh(torch.randn(rows, 2) @ mix) + 0.1 * torch.randn(rows, WIDE)
        out, mean, log = model(x)
        apart = 0.5 * (mean.square() + log.exp() - 1 - log).sum(1).mean()
        return functional.mse_loss(out, x) + share * apart

    return _made(draw, model, loss, only_adam=True)


class _Actor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.policy, self.value = nn.Linear(WIDE, 16), nn.Linear(16, 3), nn.Linear(16, 1)

    def forward(self, x: torch.Tensor) -> Any:
        h = torch.tanh(self.body(x))
        return self.policy(h), self.value(h).squeeze(1)


def of_returns(draw: Draw) -> Training:
    model, rows, best = _Actor(), draw.of(32, 64), torch.randn(WIDE, 3)
    entropy = draw.of(0.0, 0.01)

    def loss(_: int) -> Any:
        states = torch.randn(rows, WIDE)
        logits, value = model(states)
        chosen = torch.distributions.Categorical(logits=logits)
        action = chosen.sample()
        returns = ((states @ best).argmax(1) == action).float() + 0.1 * torch.randn(rows)
        gain = (returns - value).detach()
        learned = -(chosen.log_prob(action) * gain).mean() - entropy * chosen.entropy().mean()
        return learned + 0.5 * functional.mse_loss(value, returns)

    return _made(draw, model, loss, only_adam=True)


def contrastive(draw: Draw) -> Training:
    model, rows, warmth = _mlp(WIDE, 32, 16), draw.of(16, 32), draw.of(0.1, 0.2, 0.5)
    centres, both = 2 * torch.randn(64, WIDE), draw.of(True, False)

    def loss(_: int) -> Any:
        x = centres[torch.randperm(64)[:rows]]
        one, other = (functional.normalize(model(x + 0.3 * torch.randn_like(x))) for _ in "ab")
        alike, place = one @ other.T / warmth, torch.arange(rows)
        found = functional.cross_entropy(alike, place)
        return (found + functional.cross_entropy(alike.T, place)) / 2 if both else found

    return _made(draw, model, loss, only_adam=True)


def fine_tuned(draw: Draw) -> Training:
    """A body that was learned for other classes, frozen, slowed down, or neither."""
    body, before = _mlp(WIDE, 32, 16), nn.Linear(16, 6)
    centres = 2 * torch.randn(6, WIDE)
    first = torch.optim.Adam([*body.parameters(), *before.parameters()], 1e-2)

    def rows_of(many: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
        y = torch.randint(0, classes, (many,))
        return centres[y] + torch.randn(many, WIDE), y

    for _ in range(60):
        x, y = rows_of(32, 6)
        first.zero_grad()
        functional.cross_entropy(before(torch.relu(body(x))), y).backward()
        first.step()
    body.zero_grad()
    head = nn.Linear(16, 3)
    model = nn.Sequential(body, nn.ReLU(), head)
    how, rate = draw.of("frozen", "slower", "whole"), draw.between(2e-3, 1e-2)
    if how == "frozen":
        body.requires_grad_(False)
    optimizer = (
        torch.optim.AdamW(
            [
                {"params": body.parameters(), "lr": rate / draw.of(10, 30)},
                {"params": head.parameters(), "lr": rate},
            ]
        )
        if how == "slower"
        else torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], rate)
    )

    def loss(_: int) -> Any:
        x, y = rows_of(32, 3)
        return functional.cross_entropy(model(x), y)

    return Training(model, optimizer, loss, draw.schedule(optimizer), draw.of(None, 1.0))


class _LowRank(nn.Module):
    """A layer that is kept, and a difference of low rank, which begins at zero."""

    def __init__(self, base: nn.Linear, rank: int):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.A = nn.Parameter(torch.randn(rank, base.in_features) / math.sqrt(base.in_features))
        self.B = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x: torch.Tensor) -> Any:
        return self.base(x) + 2 * x @ self.A.T @ self.B.T


def low_rank(draw: Draw) -> Training:
    rank = draw.of(1, 2, 4)
    model = nn.Sequential(
        _LowRank(nn.Linear(WIDE, 32), rank), nn.Tanh(), _LowRank(nn.Linear(32, 4), rank)
    )
    centres = 2 * torch.randn(4, WIDE)

    def loss(_: int) -> Any:
        y = torch.randint(0, 4, (32,))
        return functional.cross_entropy(model(centres[y] + torch.randn(32, WIDE)), y)

    return _made(draw, model, loss, only_adam=True)


class _Factors(nn.Module):
    def __init__(self, sparse: bool):
        super().__init__()
        self.users, self.items = (nn.Embedding(40, 4, sparse=sparse) for _ in "ab")

    def forward(self, user: torch.Tensor, item: torch.Tensor) -> Any:
        return (self.users(user) * self.items(item)).sum(1)


def embedded(draw: Draw) -> Training:
    sparse = draw.of(True, False)
    model, rows = _Factors(sparse), draw.of(32, 64)
    liked = torch.randn(40, 2) @ torch.randn(2, 40)
    optimizer = (
        torch.optim.SparseAdam(list(model.parameters()), 0.05)
        if sparse
        else torch.optim.Adam(model.parameters(), draw.between(0.01, 0.05))
    )

    def loss(_: int) -> Any:
        user, item = torch.randint(0, 40, (2, rows))
        return functional.mse_loss(model(user, item), liked[user, item])

    return Training(model, optimizer, loss)


def physical(draw: Draw) -> Training:
    """A network that is to satisfy u' = -u or u'' = -u, and a value at 0."""
    model, order = _mlp(1, 16, 16, 1, act=draw.of(nn.Tanh, nn.SiLU)), draw.of(1, 2)

    def loss(_: int) -> Any:
        t = (2 * torch.rand(32, 1)).requires_grad_()
        u = slope = model(t)
        for _ in range(order):
            (slope,) = torch.autograd.grad(slope.sum(), t, create_graph=True)
        return (slope + u).square().mean() + (model(torch.zeros(1, 1)) - 1).square().mean()

    return _made(draw, model, loss, only_adam=True)


class _Tasks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.classes, self.number = (
            _mlp(WIDE, 32, 16),
            nn.Linear(16, 4),
            nn.Linear(16, 1),
        )

    def forward(self, x: torch.Tensor) -> Any:
        h = torch.relu(self.body(x))
        return self.classes(h), self.number(h).squeeze(1)


def of_tasks(draw: Draw) -> Training:
    model, rows, weight = _Tasks(), draw.of(16, 32), draw.of(0.1, 1.0)
    centres = 2 * torch.randn(4, WIDE)

    def loss(_: int) -> Any:
        y = torch.randint(0, 4, (rows,))
        x = centres[y] + torch.randn(rows, WIDE)
        logits, number = model(x)
        return functional.cross_entropy(logits, y) + weight * functional.mse_loss(number, x[:, 0])

    return _made(draw, model, loss)


KINDS: tuple[Callable[[Draw], Training], ...] = (
    convolutional, transformer, recurrent, adversarial, variational, of_returns,
    contrastive, fine_tuned, low_rank, embedded, physical, of_tasks,
)  # fmt: skip
