"""PyTorch's side of the tests, in float64: the losses and where PyTorch's autograd is asked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import SGD, Adagrad, Adam, Adamax, AdamW, RMSprop

from steepest.formula.nodes import Formula
from steepest.formula.parse import parse_model
from steepest.records.arrays import Vector

Model = Callable[..., Tensor]
"""The formula written by hand: its parameters are the names of the weights and columns."""


def tensor(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def softplus(z: Tensor) -> Tensor:
    # torch.nn.functional.softplus is a straight line from 20 on.
    return torch.logaddexp(z, torch.zeros_like(z))


def _mean(values: Tensor, weight: Tensor | None) -> Tensor:
    return values.mean() if weight is None else (weight * values).sum() / weight.sum()


ROW_COSTS: Mapping[tuple[str, str], Callable[[Tensor, Tensor], Tensor]] = {
    ("mse", "value"): lambda z, y: (z - y) ** 2,
    ("mae", "value"): lambda z, y: (z - y).abs(),
    ("rmse", "value"): lambda z, y: (z - y) ** 2,
    ("huber", "value"): lambda z, y: functional.huber_loss(z, y, reduction="none"),
    ("log-cosh", "value"): lambda z, y: (z - y).cosh().log(),
    ("cross-entropy", "logit"): lambda z, y: functional.binary_cross_entropy_with_logits(
        z, y, reduction="none"
    ),
    ("cross-entropy", "probability"): lambda z, y: functional.binary_cross_entropy(
        z, y, reduction="none"
    ),
}
"""What a row costs, a line each: every test of losses runs them all."""


def _loss(key: tuple[str, str], z: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    found = _mean(ROW_COSTS[key](z, y), weight)
    return found.sqrt() if key[0] == "rmse" else found


LOSSES: Mapping[tuple[str, str], Callable[..., Tensor]] = {
    key: partial(_loss, key) for key in ROW_COSTS
}
NAMED_LOSSES = [" of ".join(dict.fromkeys(key)).replace(" of value", "") for key in LOSSES]


class Theirs(NamedTuple):
    """An optimizer of PyTorch's: from parameters, learning rate and momentum."""

    make: Callable[[Iterable[Tensor], float, float], torch.optim.Optimizer]
    lr: float
    """With which it walks well on a curve."""
    divisor: Callable[[Mapping[str, Tensor]], Tensor] | None = None
    """By what it divides its steps, from its state."""


OPTIMIZERS: Mapping[str, Theirs] = {
    "gd": Theirs(lambda w, lr, b: SGD(w, lr), 0.02),
    "momentum": Theirs(lambda w, lr, b: SGD(w, lr, momentum=b), 0.01),
    "nesterov": Theirs(lambda w, lr, b: SGD(w, lr, momentum=b, nesterov=True), 0.01),
    "rmsprop": Theirs(
        lambda w, lr, b: RMSprop(w, lr), 0.01, lambda at: at["square_avg"].sqrt() + 1e-8
    ),
    "adagrad": Theirs(lambda w, lr, b: Adagrad(w, lr), 0.1, lambda at: at["sum"].sqrt() + 1e-10),
    "adam": Theirs(lambda w, lr, b: Adam(w, lr, (b, 0.999)), 0.03, lambda at: _second(at)),
    "adamax": Theirs(lambda w, lr, b: Adamax(w, lr, (b, 0.999)), 0.03, lambda at: at["exp_inf"]),
    "adamw": Theirs(lambda w, lr, b: AdamW(w, lr, (b, 0.999)), 0.03, lambda at: _second(at)),
}
"""A line each: every test of optimizers runs them all."""


def _second(state: Mapping[str, Tensor]) -> Tensor:
    mean = state["exp_avg_sq"] / (1 - 0.999 ** state["step"].item())
    return mean.sqrt() + 1e-8


def predicted(model: Model, values: Mapping[str, Tensor], rows: int) -> Tensor:
    names = inspect.signature(model).parameters
    return torch.as_tensor(model(**{name: values[name] for name in names})).expand(rows)


def loss_and_gradient(
    model: Model,
    loss: tuple[str, str],
    weights: Mapping[str, float],
    columns: Mapping[str, Vector],
    target: Vector,
    row_weight: Vector | None = None,
) -> tuple[float, Vector]:
    """The loss, and its gradient (p,) in the order of `weights`."""
    leaves = {name: tensor(value).requires_grad_() for name, value in weights.items()}
    values = {**leaves, **{name: tensor(column) for name, column in columns.items()}}
    given = None if row_weight is None else tensor(row_weight)
    total = LOSSES[loss](predicted(model, values, len(target)), tensor(target), given)
    slopes = torch.autograd.grad(
        total, list(leaves.values()), allow_unused=True, materialize_grads=True
    )
    return total.item(), np.array([slope.item() for slope in slopes])


def pulls(
    model: Model,
    loss: tuple[str, str],
    weights: Mapping[str, float],
    columns: Mapping[str, Vector],
    target: Vector,
    row_weight: Vector | None = None,
) -> Vector:
    """The gradient row by row, (n, p): every row gets a copy of the weights of its own."""
    rows = len(target)
    leaves = {
        name: tensor(np.full(rows, value)).requires_grad_() for name, value in weights.items()
    }
    values = {**leaves, **{name: tensor(column) for name, column in columns.items()}}
    given = None if row_weight is None else tensor(row_weight)
    total = LOSSES[loss](predicted(model, values, rows), tensor(target), given)
    slopes = torch.autograd.grad(total, list(leaves.values()))
    return np.stack([slope.numpy() for slope in slopes], axis=1)


def formula_of(text: str, columns: Mapping[str, Vector]) -> Formula:
    return parse_model(text, [*columns])
