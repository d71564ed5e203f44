"""Which learning rate: pytorch-lr-finder's range test against a sweep of the same rates.

A range test takes one step with each rate in a single run and suggests the rate where the smoothed
loss falls most steeply; a sweep runs a descent with each. What both suggest is run afterwards, by
itself: on the tutorial's problem until it is within 1 % of the minimum, on a network for as many
steps as the sweep had.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import itertools
import warnings
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import steepest
from benchmarks.peers import ONE_PERCENT, demand_installed, first_call
from benchmarks.problem import DATA, FORMULA, ROOT, START, columns
from benchmarks.registry import DifferentWorkError, Effort, Samples, benchmark
from benchmarks.timing import compare, duration
from steepest.descent.sweep import try_rates
from steepest.objective.networks import first_weights, parse_network
from steepest.problem.options import Options
from steepest.problem.prepare import prepare_fit
from steepest.problem.setup import Setup
from steepest.records.arrays import Vector
from steepest.records.problem import Settings

COUNT = 100
RANGE = (1e-7, 100.0)
"""From where to where, and how many: as in the first example of its documentation."""

MOST = 10_000_000
"""Steps after which a learning rate is given up."""

NETWORK = parse_network("64-32-relu-10")
DIGITS = ROOT / "examples" / "digits.csv"
BATCH = 64
STEPS = 1_000
UNSEEN = 1_000
"""Of the start and the batches with which what was suggested is tried."""


class Suggestion(NamedTuple):
    """What a side says, and what shows that it looked at the same."""

    lr: float
    rates: Vector
    """Those that it tried; the range test stops where the loss is lost."""
    first_loss: float


def _range_test(model: nn.Module, criterion: nn.Module, rows: DataLoader[Any]) -> Suggestion:
    """As its documentation shows it; the picture that makes the suggestion goes to no window."""
    from matplotlib.figure import Figure  # Whoever only asks what there is shall not wait for it.

    optimizer = torch.optim.SGD(model.parameters(), lr=RANGE[0])
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),  # a bar of progress
    ):
        warnings.simplefilter("ignore")
        finder = importlib.import_module("torch_lr_finder").LRFinder(model, optimizer, criterion)
        finder.range_test(rows, end_lr=RANGE[1], num_iter=COUNT)
        _, suggested = finder.plot(ax=Figure().subplots())
        finder.reset()
    tried = np.array(finder.history["lr"])
    return Suggestion(float(suggested), tried, float(finder.history["loss"][0]))


def _demand_same_rates(ours: Suggestion, theirs: Suggestion) -> None:
    tried = len(theirs.rates)
    # Ours are rounded, to three digits where they are shown to people who train networks.
    if len(ours.rates) != COUNT or not np.allclose(ours.rates[:tried], theirs.rates, rtol=5e-3):
        raise DifferentWorkError("the two sides did not try the same learning rates")
    if not np.isclose(ours.first_loss, theirs.first_loss, rtol=1e-5):
        raise DifferentWorkError(
            f"the losses at the start are {ours.first_loss} and {theirs.first_loss}"
        )


def _side_by_side(
    effort: Effort,
    ours: Callable[[], Suggestion],
    theirs: Callable[[], Suggestion],
    outcome: Callable[[float], str],
) -> Samples:
    """`outcome` says where a descent with a learning rate ended."""
    said: list[tuple[float, float]] = []
    threads = torch.get_num_threads()

    def check(mine: Suggestion, other: Suggestion) -> None:
        _demand_same_rates(mine, other)
        said.append((mine.lr, other.lr))

    torch.set_num_threads(1)  # of networks as small as these more of them take longer
    try:
        first = f"our first call, which compiles, {duration(first_call(ours))}"
        found = compare(ours, theirs, check, rounds=effort.rounds, per="suggestion")
        words = []
        for who, suggested in zip(("ours", "theirs"), zip(*said, strict=True), strict=True):
            each = [
                f"{lr:.3g} in {count} of {len(said)} ({outcome(lr)})"
                for lr, count in sorted(Counter(suggested).items())
            ]
            words.append(f"{who} suggests " + ", ".join(each))
    finally:
        torch.set_num_threads(threads)
    return Samples(found.values, "; ".join([found.detail, first, *words]))


# The tutorial's problem


def _linear(setup: Setup) -> tuple[nn.Module, DataLoader[Any]]:
    """The model as a layer over time**2 and time, scaled or not, at the setup's start."""
    time = setup.columns["time"]
    inputs = torch.tensor(np.stack([time**2, time], axis=1))
    model = nn.Linear(2, 1, dtype=torch.float64)
    with torch.no_grad():
        model.weight.copy_(torch.tensor(setup.start[None, :2]))
        model.bias.copy_(torch.tensor(setup.start[2:]))
    rows = TensorDataset(inputs, torch.tensor(columns()[1][:, None]))
    return model, DataLoader(rows, batch_size=len(inputs))


def _steps_to_the_goal(setup: Setup, lr: float) -> str:
    """Walked, every step of them."""
    trial = try_rates(
        setup.moving,
        Settings(),
        setup.start,
        np.array([lr]),
        goal=ONE_PERCENT.loss,
        steps=MOST,
        seconds=60.0,
        scale=setup.scale,
    )[0]
    if trial.diverged:
        return "diverges"
    if trial.steps is None:
        return f"not within 1 % after {trial.limit:,} steps"
    return f"within 1 % after {trial.steps:,} steps"


def _on_the_problem(name: str, how: str, *, standardize: bool) -> None:
    @benchmark(
        f"lr-finder-{name}",
        f"a learning rate for the tutorial's problem{how}: steepest.sweep of {COUNT} rates, each "
        "run or computed until it is within 1 % of the minimum or diverges, against "
        f"pytorch-lr-finder's range test of {COUNT} rates",
        bound=None,
    )
    def measure(effort: Effort) -> Samples:
        demand_installed("torch_lr_finder")
        setup = prepare_fit(DATA, FORMULA, Options(start=START, standardize=standardize))
        time, speed = columns()

        def ours() -> Suggestion:
            swept = steepest.sweep(
                {"time": time, "speed": speed},
                FORMULA,
                (*RANGE, COUNT),
                start=START,
                standardize=standardize,
            )
            assert swept.best is not None
            return Suggestion(
                swept.best.lr,
                np.array([rate.lr for rate in swept.rates]),
                setup.objective.value(setup.start),
            )

        def theirs() -> Suggestion:
            model, rows = _linear(setup)
            return _range_test(model, nn.MSELoss(), rows)

        return _side_by_side(effort, ours, theirs, partial(_steps_to_the_goal, setup))


_on_the_problem("speed", "", standardize=False)
_on_the_problem("speed-standardized", " on standardized columns", standardize=True)


# A network


@cache
def _digits() -> tuple[torch.Tensor, torch.Tensor]:
    with DIGITS.open(encoding="utf-8") as lines:
        place = lines.readline().strip().split(",").index("digit")
        table = np.loadtxt(lines, delimiter=",")
    inputs = np.delete(table, place, axis=1)
    return torch.tensor(inputs, dtype=torch.float32), torch.tensor(table[:, place]).long()


def _network(seed: int) -> nn.Module:
    """At the first weights that a sweep with this seed begins with."""
    model = nn.Sequential(nn.Linear(NETWORK.inputs, 32), nn.ReLU(), nn.Linear(32, NETWORK.outputs))
    leaves = jax.tree.leaves(first_weights(NETWORK, seed))
    with torch.no_grad():
        for parameter, weights in zip(model.parameters(), leaves, strict=True):
            parameter.copy_(torch.from_numpy(np.array(weights)))
    return model


def _loss_of(model: nn.Module) -> float:
    """Over all rows."""
    inputs, targets = _digits()
    with torch.no_grad():
        return float(nn.functional.cross_entropy(model(inputs), targets))


def _trained(lr: float) -> str:
    """STEPS steps of an eager PyTorch loop with it, from a start that neither side has seen."""
    inputs, targets = _digits()
    model, drawn = _network(UNSEEN), torch.Generator().manual_seed(UNSEEN)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for _ in range(STEPS):
        batch = torch.randint(0, len(targets), (BATCH,), generator=drawn)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs[batch]), targets[batch]).backward()
        optimizer.step()
    return f"a loss of {_loss_of(model):.2g} after {STEPS:,} steps"


@benchmark(
    "lr-finder-digits",
    f"a learning rate for {NETWORK.text} on the digits at batch {BATCH}: steepest.sweep_network of "
    f"{COUNT} rates with up to {STEPS:,} steps, against pytorch-lr-finder's range test of {COUNT} "
    "rates, with another start and other batches in each round",
    bound=None,
)
def on_digits(effort: Effort) -> Samples:
    demand_installed("torch_lr_finder")
    # Ours is called once more, before the rounds.
    ours_seeds, their_seeds = itertools.count(-1), itertools.count()

    def ours() -> Suggestion:
        swept = steepest.sweep_network(
            DIGITS,
            NETWORK.text,
            target="digit",
            lr=(*RANGE, COUNT),
            batch_size=BATCH,
            steps=STEPS,
            seed=max(0, next(ours_seeds)),
        )
        assert swept.best is not None
        rates = np.array([trial.lr for trial in swept.trials])
        return Suggestion(swept.best.lr, rates, swept.record.start)

    def theirs() -> Suggestion:
        seed = next(their_seeds)
        drawn, model = torch.Generator().manual_seed(seed), _network(seed)
        first = _loss_of(model)
        table = TensorDataset(*_digits())
        rows = DataLoader(table, batch_size=BATCH, shuffle=True, generator=drawn)
        # What it tells is the loss of its first batch.
        return _range_test(model, nn.CrossEntropyLoss(), rows)._replace(first_loss=first)

    return _side_by_side(effort, ours, theirs, _trained)
