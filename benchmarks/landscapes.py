"""The loss over two weights on 200 by 200 points, against loss-landscapes' loop over the same grid.

The other side is `planar_interpolation` of a PyTorch module of the same formula in float64, with
its own `Loss`, as its page shows. It is asked for fewer points of the same grid, since all of them
would take half a minute, and a point of it costs the same however many there are; the losses must
be ours to 1e-9 before times count. PyTorch has one thread, with which a point takes least work.

Ours starts from the formula and its columns: where the model is linear in all its weights the pass
over the rows that finds the quadratic is counted, and where it is linear in one of the two, the
passes that find each line's parabola. The last comparison has neither.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.peers import demand_installed
from benchmarks.registry import DifferentWorkError, Effort, Samples, benchmark
from benchmarks.timing import compare
from steepest.formula.parse import parse_model
from steepest.measure.landscape import over
from steepest.objective.least_squares import centred, is_quadratic, solve
from steepest.objective.objective import Objective, formula_objective
from steepest.records.arrays import Matrix, Vector

SIDE = 200
FEW = 20
MANY = 100_000
AT = {"a": -0.2, "b": -0.3, "c": 0.5}
SPANS = {"a": (-0.2, 0.4), "b": (-0.3, 0.2)}
TOLERANCE = 1e-9

Model = Callable[[Any, Any, Any, torch.Tensor], Any]


def quadratic(a: Any, b: Any, c: Any, time: torch.Tensor) -> Any:
    return a * time**2 + b * time + c


def growth(a: Any, b: Any, c: Any, time: torch.Tensor) -> Any:
    return a * torch.exp(b * time) + c


def two_growths(a: Any, b: Any, c: Any, time: torch.Tensor) -> Any:
    return torch.exp(a * time) + torch.exp(b * time) + c


class Module(nn.Module):
    """A formula with its three weights as parameters."""

    def __init__(self, model: Model, weights: dict[str, float]):
        super().__init__()
        self.model = model
        for name, value in weights.items():
            setattr(self, name, nn.Parameter(torch.tensor(value, dtype=torch.float64)))

    def forward(self, time: torch.Tensor) -> Any:
        return self.model(self.a, self.b, self.c, time)


def _data(rows: int) -> dict[str, Vector]:
    draws = np.random.default_rng(rows)
    time = draws.uniform(0.0, 10.0, rows)
    noise = draws.normal(0.0, 1.0, rows)
    return {"time": time, "speed": 0.3 * time**2 - 2.0 * time + 7.0 + noise}


def _ours(objective: Objective, axes: dict[str, Vector]) -> Matrix:
    moving = centred(objective, solve(objective)) if is_quadratic(objective) else objective
    places = objective.names.index("a"), objective.names.index("b")
    return over(moving, objective.vector(AT), places, axes["a"], axes["b"])


def _theirs(model: Model, data: dict[str, Vector], axes: dict[str, Vector], side: int) -> Matrix:
    library = importlib.import_module("loss_landscapes")
    metrics = importlib.import_module("loss_landscapes.metrics")
    time, speed = (torch.from_numpy(data[name]) for name in ("time", "speed"))
    stride = (len(axes["a"]) - 1) // side
    # It goes a `side`-th of the way at each step.
    far = {name: float(axis[side * stride]) for name, axis in axes.items()}
    return np.asarray(
        library.planar_interpolation(
            Module(model, AT),
            Module(model, {**AT, "a": far["a"]}),
            Module(model, {**AT, "b": far["b"]}),
            metrics.Loss(nn.functional.mse_loss, time, speed),
            steps=side,
        )
    )


def demand_same(ours: Matrix, theirs: Matrix) -> None:
    """Raise DifferentWorkError unless their points are ours, a row for each value of b.

    Theirs has a row for each value of a. It moves along b before it looks, so that every other row
    of it begins one step further on: there it walks back.
    """
    side = len(theirs)
    stride = (len(ours) - 1) // side
    one, two = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    mine = ours[(two + (one % 2 == 0)) * stride, one * stride]
    difference = float(np.max(np.abs(mine - theirs) / np.abs(theirs)))
    if not difference <= TOLERANCE:
        raise DifferentWorkError(f"the losses differ by {difference:.1e}, relative")


@dataclass(frozen=True)
class Grid:
    """A formula's landscape: which, on how many rows, and on how many points along either axis."""

    name: str
    rows: int
    text: str
    model: Model
    linear: str
    side: int = SIDE


def _register(grid: Grid, bound: float | None) -> None:
    @benchmark(
        f"landscape-{grid.name}",
        f"a point of {grid.side} by {grid.side} over a and b of {grid.text} on {grid.rows:,} rows, "
        f"linear in {grid.linear}, against a point of the same grid in loss-landscapes' loop with "
        "one thread",
        bound=bound,
    )
    def measure(effort: Effort) -> Samples:
        demand_installed("loss_landscapes")
        data = _data(grid.rows)
        formula = parse_model(f"speed ~ {grid.text}", tuple(data))
        objective = formula_objective(formula, data, loss="mse")
        axes = {name: np.linspace(*span, grid.side) for name, span in SPANS.items()}
        few = grid.rows == FEW
        # On few rows the whole grid takes a third of a millisecond, too little for one look.
        times = 10 if few else 1
        side = math.isqrt(effort.eager_steps if few else effort.direct_steps)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return compare(
                lambda: [_ours(objective, axes) for _ in range(times)][-1],
                lambda: _theirs(grid.model, data, axes, side),
                demand_same,
                rounds=effort.rounds,
                ours_steps=times * grid.side**2,
                theirs_steps=side**2,
                per="point",
            )
        finally:
            torch.set_num_threads(threads)


_SQUARES = "a*time**2 + b*time + c", quadratic, "all weights"
_register(Grid("few", FEW, *_SQUARES), 1 / 500)
_register(Grid("many", MANY, *_SQUARES), 1 / 20)
_register(Grid("line", MANY, "a*exp(b*time) + c", growth, "a"), 1 / 20)
# No bound: either side takes two exponentials of every row at every point.
_register(
    Grid("points", MANY, "exp(a*time) + exp(b*time) + c", two_growths, "neither", side=40), None
)
