"""Training a network: its steps against those of an eager PyTorch loop, and many learning rates.

The network is 784-128-relu-10, on drawn pixels: the time of a step does not depend on them. Every
step of ours records the loss, the rows that were right, and for each tensor the lengths of weights,
gradient and update, and the turn of the gradient. The eager loop records loss, rows that were right
and lengths of gradients, as tensors that nobody waits for; where it is called bare, nothing at all.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import numpy as np
import torch
from torch import nn

from benchmarks.registry import DifferentWorkError, Effort, Samples, benchmark
from benchmarks.timing import compare
from steepest.data.samples import Samples as Rows
from steepest.descent.training import Stand, Trainer, Way
from steepest.objective.networks import first_weights, parse_network
from steepest.study.train.plan import Plan
from steepest.study.train.rates import try_rates
from steepest.study.train.rows import Split

NETWORK = parse_network("784-128-relu-10")
ROWS = 20_000
STEPS = 128
LR = 0.05
SWEPT = 16
SWEPT_STEPS = 512


@cache
def _rows() -> tuple[Any, Any]:
    draws = np.random.default_rng(0)
    inputs = draws.normal(size=(ROWS, NETWORK.inputs)).astype(np.float32)
    return inputs, draws.integers(0, NETWORK.outputs, ROWS).astype(np.int32)


@dataclass(frozen=True)
class Trained:
    """Where a loop ended."""

    loss: float
    weights: list[Any]


def _ours(batches: Any) -> Trained:
    trainer = _trainer()
    stand, written = trainer.steps(
        trainer.begin(first_weights(NETWORK, 0)), batches, np.full(len(batches), LR)
    )
    jax.block_until_ready(stand.weights)
    return Trained(float(written.loss[-1]), [np.asarray(w) for w in jax.tree.leaves(stand.weights)])


@cache
def _trainer() -> Trainer:
    inputs, targets = _rows()
    way = Way(NETWORK, "cross-entropy", "gd")
    return Trainer(way, None, jax.device_put(inputs), jax.device_put(targets))


def _eager(batches: Any, *, records: bool) -> Trained:
    inputs, targets = (torch.from_numpy(part) for part in _rows())
    targets = targets.long()
    places = torch.from_numpy(batches)
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    with torch.no_grad():
        leaves = jax.tree.leaves(first_weights(NETWORK, 0))
        for parameter, weights in zip(model.parameters(), leaves, strict=True):
            parameter.copy_(torch.from_numpy(np.array(weights)))
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    loss = torch.zeros(())
    recorded: list[torch.Tensor] = []
    for batch in places:
        outputs, wanted = model(inputs[batch]), targets[batch]
        loss = nn.functional.cross_entropy(outputs, wanted)
        optimizer.zero_grad()
        loss.backward()
        if records:
            recorded += [loss.detach(), (outputs.argmax(1) == wanted).sum()]
            recorded += torch._foreach_norm(
                [p.grad for p in model.parameters() if p.grad is not None]
            )
        optimizer.step()
    return Trained(float(loss.detach()), [p.detach().numpy() for p in model.parameters()])


def _demand_same(ours: Trained, theirs: Trained) -> None:
    # In 32 bits two orders of summation drift apart by a little more at each step.
    if not np.isclose(ours.loss, theirs.loss, rtol=1e-3):
        raise DifferentWorkError(f"the last losses are {ours.loss} and {theirs.loss}")
    for one, other in zip(ours.weights, theirs.weights, strict=True):
        if not np.allclose(one, other, rtol=1e-2, atol=2e-4):
            raise DifferentWorkError("the weights at the end are not the same")


def _beside_eager(
    size: int,
    rounds: int,
    ours: Callable[[Any], Any],
    demand: Callable[[Any, Trained], None],
    *,
    records: bool,
) -> Samples:
    """Steps at this batch size, ours and eager ones, by the clock."""
    batches = np.random.default_rng(1).integers(0, ROWS, (STEPS, size))
    return compare(
        lambda: ours(batches),
        lambda: _eager(batches, records=records),
        demand,
        rounds=rounds,
        ours_steps=STEPS,
        theirs_steps=STEPS,
        judged="passed",
    )


def side_by_side(size: int, rounds: int, *, records: bool) -> Samples:
    """All of ours, which must end where the eager loop does."""
    return _beside_eager(size, rounds, _ours, _demand_same, records=records)


def least_of_all(batches: Any) -> torch.Tensor:
    """What no step goes without: its rows, and the five products of matrices of its passes."""
    inputs, places = torch.from_numpy(_rows()[0]), torch.from_numpy(batches)
    first, last = torch.ones(128, 784), torch.ones(10, 128)
    pull = torch.ones(batches.shape[1], 10)
    for batch in places:
        rows = inputs[batch]
        hidden = rows @ first.T
        hidden @ last.T
        pull.T @ hidden
        last_slope = (pull @ last).T @ rows
    return last_slope


def least_beside_eager(size: int, rounds: int) -> Samples:
    """These alone: there is nothing to compare."""
    return _beside_eager(size, rounds, least_of_all, lambda mine, theirs: None, records=True)


BOUNDS = {64: 0.5, 256: 0.75, 1024: 0.85}
"""Times the eager loop's, by batch size, both on one core."""

_on_one_core: dict[tuple[int, str, Effort], Samples] = {}


_MEASURES = {"ours": "side_by_side(size, {rounds}, records=True)",
             "least": "least_beside_eager(size, {rounds})"}  # fmt: skip


def _measured_on_one_core(what: str, effort: Effort) -> dict[tuple[int, str, Effort], Samples]:
    """All batch sizes, in a process of its own: both libraries choose their threads when loaded."""
    script = (
        "import json, os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
        "from benchmarks.train import BOUNDS, least_beside_eager, side_by_side; "
        f"found = [{_MEASURES[what].format(rounds=effort.rounds)} for size in BOUNDS]; "
        "print(json.dumps([[each.values, each.detail] for each in found]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode:
        raise DifferentWorkError(done.stderr.strip().rpartition("\n")[2])
    found = json.loads(done.stdout.strip().rpartition("\n")[2])
    return {
        (size, what, effort): Samples(tuple(values), detail)
        for size, (values, detail) in zip(BOUNDS, found, strict=True)
    }


def _of_one_core(size: int, what: str, effort: Effort) -> Samples:
    if (size, what, effort) not in _on_one_core:
        _on_one_core.update(_measured_on_one_core(what, effort))
    # Whoever asks again wants it measured again.
    return _on_one_core.pop((size, what, effort))


def _register(size: int, bound: float) -> None:
    step = f"a step of {NETWORK.text} at batch {size} with all that is recorded of it"

    @benchmark(
        f"train-{size}",
        f"{step}, against an eager PyTorch loop that records loss, gradient norms and accuracy, "
        "both on one core, by the clock",
        bound=bound,
    )
    def on_one_core(effort: Effort) -> Samples:
        return _of_one_core(size, "ours", effort)

    @benchmark(
        f"train-{size}-least",
        "what no such step goes without, its rows and five products of matrices, by PyTorch "
        "alone, against the same eager loop, both on one core, by the clock",
        bound=None,
    )
    def least(effort: Effort) -> Samples:
        return _of_one_core(size, "least", effort)

    @benchmark(f"train-{size}-cores", f"the same, both on all cores ({step})", bound=None)
    def on_all_cores(effort: Effort) -> Samples:
        return side_by_side(size, effort.rounds, records=True)

    @benchmark(
        f"train-{size}-bare",
        f"{step}, against an eager PyTorch loop that records nothing, both on all cores",
        bound=None,
    )
    def bare(effort: Effort) -> Samples:
        return side_by_side(size, effort.rounds, records=False)


for _size, _bound in BOUNDS.items():
    _register(_size, _bound)


def _plan() -> Plan:
    inputs, targets = _rows()
    names = tuple(f"pixel{place}" for place in range(NETWORK.inputs))
    classes = tuple(str(place) for place in range(NETWORK.outputs))
    rows = Rows("drawn", inputs, targets, np.arange(ROWS), names, "label", classes)
    none = np.zeros(NETWORK.inputs)
    return Plan(
        network=NETWORK,
        loss="cross-entropy",
        optimizer="gd",
        momentum=None,
        lr=LR,
        schedule="constant",
        steps=SWEPT_STEPS,
        batch_rows=64,
        shuffle=True,
        seed=0,
        patience=None,
        split=Split(rows, None, none, none + 1),
    )


@benchmark(
    "train-sweep",
    f"{SWEPT} learning rates of {NETWORK.text} at batch 64 side by side, those that lag behind "
    f"stopped early, against ONE training of {SWEPT_STEPS} steps",
    bound=6.0,
)
def sweep(effort: Effort) -> Samples:
    """The one that goes on to the end must be where a single training is."""
    plan = _plan()
    rates = np.geomspace(0.001, 1.0, SWEPT)
    batches = plan.batches.take(0, SWEPT_STEPS)

    def silent(phase: str, done: int, total: int | None, loss: float | None) -> None: ...

    def single() -> Stand:
        trainer = plan.trainer
        lowest = np.full(SWEPT_STEPS, rates[best])
        stand, _ = trainer.steps(trainer.begin(plan.first_weights()), batches, lowest)
        return stand

    def check(trials: Any, stand: Any) -> None:
        loss = plan.sampled_loss(stand.weights)
        if not np.isclose(trials[best].loss, loss, rtol=1e-3):
            raise DifferentWorkError(f"the losses are {trials[best].loss} and {loss}")

    trials = try_rates(plan, rates, SWEPT_STEPS, silent)
    best = max(range(SWEPT), key=lambda place: (trials[place].steps, -trials[place].loss))
    return compare(
        lambda: try_rates(plan, rates, SWEPT_STEPS, silent),
        single,
        check,
        rounds=effort.rounds,
        per="round",
        judged="passed",
    )
