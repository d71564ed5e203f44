"""The word about the rate on random trainings, against loops at other rates that are run by hand.

`STEEPEST_TRAININGS` says how many, `STEEPEST_SEED` from which seed on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

import steepest

COUNT = int(os.environ.get("STEEPEST_TRAININGS", "14"))
FIRST = int(os.environ.get("STEEPEST_SEED", "0"))
STEPS = 60
WINDOW = 10

GRID = (0.01, 0.03, 0.1, 0.2, 0.5, 2.0, 5.0, 10.0, 30.0, 100.0)


class Lion(torch.optim.Optimizer):
    """The sign of a mean of gradients (arXiv 2302.06675): a method that nobody here knows."""

    def __init__(self, params: Any, lr: float):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in filter(lambda p: p.grad is not None, group["params"]):
                mean = self.state[p].setdefault("mean", torch.zeros_like(p))
                p.sub_(group["lr"] * torch.sign(0.9 * mean + 0.1 * p.grad))
                mean.lerp_(p.grad, 0.01)


OPTIMIZERS: dict[str, tuple[Callable[..., Any], float]] = {
    "sgd": (torch.optim.SGD, 0.03),
    "momentum": (lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9), 0.01),
    "nesterov": (lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9, nesterov=True), 0.01),
    "adam": (torch.optim.Adam, 0.01),
    "adamw": (torch.optim.AdamW, 0.01),
    "rmsprop": (torch.optim.RMSprop, 0.01),
    "adagrad": (torch.optim.Adagrad, 0.1),
    "lion": (Lion, 0.003),
    "muon": (lambda p, lr: torch.optim.Muon(p, lr=lr, weight_decay=0.0), 0.02),
}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass(frozen=True)
class Drawn:
    """One training. `usual` is a rate that suits its optimizer, more or less."""

    seed: int
    optimizer: str
    lr: float
    batch: int
    linear: bool
    classes: bool

    def run(self, factor: float, *, watched: bool = False, prove: bool = False) -> Any:
        """The losses; or the watch."""
        torch.manual_seed(self.seed)
        out = 3 if self.classes else 1
        bias = self.optimizer != "muon"  # it moves matrices only
        model: Any = (
            nn.Linear(6, out, bias=bias)
            if self.linear
            else nn.Sequential(
                nn.Linear(6, 16, bias=bias), nn.Tanh(), nn.Linear(16, out, bias=bias)
            )
        )
        x = torch.randn(128, 6)
        y: Any = x @ torch.randn(6) + 0.3 * torch.randn(128)
        if self.classes:
            y = (y > -1).long() + (y > 1).long()
        make, _ = OPTIMIZERS[self.optimizer]
        optimizer = make(list(model.parameters()), lr=self.lr * factor)
        losses = []
        watch = (
            steepest.watch(model, optimizer, store=False, prove=prove, probe_every=16)
            if watched
            else None
        )
        for _ in range(STEPS):
            rows = torch.randperm(128)[: self.batch]

            def closure(rows: torch.Tensor = rows) -> torch.Tensor:
                if self.classes:
                    return cross_entropy(model(x[rows]), y[rows])
                return mse_loss(model(x[rows]).squeeze(1), y[rows])

            loss = closure()
            losses.append(float(loss.detach()))
            if watch is not None:
                watch.loss(loss)
                watch.probe(closure)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if watch is None:
            return np.array(losses)
        watch.close()
        if prove:
            watch.prove(120)
        return watch


@cache
def at(training: Drawn, factor: float) -> Any:
    """The losses at another rate, by hand: asked for by the proven word and by the probed one."""
    return training.run(factor)


def drawn(seed: int) -> Drawn:
    """Rates over six decades, about half of them near what suits the optimizer."""
    source = np.random.default_rng(seed)
    optimizer = str(source.choice(list(OPTIMIZERS)))
    _, usual = OPTIMIZERS[optimizer]
    return Drawn(
        seed=seed,
        optimizer=optimizer,
        lr=usual * 10 ** source.uniform(*((-0.5, 0.5) if source.random() < 0.5 else (-3, 3))),
        batch=int(source.choice([1, 4, 16, 128])),
        linear=bool(source.random() < 0.5),
        classes=bool(source.random() < 0.5),
    )


def end(losses: Any) -> float:
    found = float(np.mean(losses[-WINDOW:]))
    return found if np.isfinite(found) else np.inf


def steps_to(losses: Any, loss: float) -> int:
    means = np.convolve(losses, np.full(WINDOW, 1 / WINDOW), "valid")
    there = np.flatnonzero(means <= loss)
    return int(there[0]) + WINDOW if len(there) else 10**9


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
@pytest.mark.parametrize("prove", [True, False], ids=["proven", "probed"])
def test_a_word_is_true(seed: int, prove: bool) -> None:
    training = drawn(seed)
    watch = training.run(1.0, watched=True, prove=prove)
    assert not watch.run.record.dropped
    word = watch.verdict.learning_rate
    if prove:
        assert watch.run.record.proof is not None, watch.run.record.not_measured
    else:
        assert word != "just right"
    if word == "not measured":
        return
    own = end(at(training, 1.0))
    proof = watch.run.record.proof
    told = () if proof is None else tuple(replay.factor for replay in proof.replays)
    # One that lost its loss may be thousands of times too large.
    far = () if np.isfinite(own) else (1e-3, 1e-5)
    others = {factor: at(training, factor) for factor in {*GRID, *told, *far} - {1.0}}
    better = {factor for factor, losses in others.items() if end(losses) < own}
    why = (training, word, watch.verdict.headline, own, {f: end(o) for f, o in others.items()})
    if word == "too large":
        assert any(factor < 1 for factor in better), why
    elif word == "too small":
        assert any(factor > 1 for factor in better), why
    else:
        # A rate that comes back up was there by luck.
        twice = [f for f in better if steps_to(others[f], own) * 2 < STEPS]
        assert not twice, why


@pytest.mark.parametrize(("seed", "word"), [
    (3147, "too large"), (3207, "too large"), (7228, "too small"), (1223, "too large"),
    (1252, "too large"),
])  # fmt: skip
def test_words_that_batches_of_one_row_once_led_to(seed: int, word: str) -> None:
    """A first loss is next to nothing, or a probe's; a longer step is always better for one row."""
    watch = drawn(seed).run(1.0, watched=True)
    assert watch.verdict.learning_rate != word, watch.verdict.headline


def test_a_loss_that_is_infinite_at_the_end_is_proven_without_a_warning() -> None:
    watch = drawn(7262).run(1.0, watched=True, prove=True)
    assert watch.run.record.proof is not None, watch.run.record.not_measured
    assert watch.verdict.learning_rate == "too large"


def test_noise_is_no_rise() -> None:
    """Batches of one row, whose losses differ a thousandfold, at rates that suit them."""
    words = []
    for seed in range(6):
        training = replace(drawn(seed), optimizer="sgd", lr=3e-3, batch=1 + seed % 2, classes=False)
        watch = training.run(1.0, watched=True)
        words.append(watch.verdict.learning_rate)
        assert "SD101" not in [finding.code for finding in watch.verdict.findings]
    assert "too large" not in words
