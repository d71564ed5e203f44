"""The oracle is torch.optim with the same settings, over 100 steps in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch
from tests.autograd import OPTIMIZERS as THEIRS
from tests.autograd import formula_of, tensor
from torch import Tensor

from steepest.descent.optimizers import transformation
from steepest.descent.run import descend
from steepest.engine.xla import float64
from steepest.methods.optimizers import (
    ADAPTIVE,
    OPTIMIZERS,
    WITH_MOMENTUM,
    momentum_of,
    optimizer_of,
)
from steepest.objective.least_squares import centred, solve
from steepest.objective.objective import formula_objective
from steepest.records.arrays import Vector
from steepest.records.problem import Settings
from steepest.words.errors import UsageError

STEPS = 100
DRAW = np.random.default_rng(4)
X = DRAW.uniform(-1, 2, 25)
Y = 1.7 * np.exp(-0.6 * X) + 0.4 + 0.1 * DRAW.normal(size=25)
COLUMNS = {"x": X, "y": Y}
START = np.array([0.5, 0.3, -0.2])

Maker = Callable[[Iterable[Tensor]], torch.optim.Optimizer]

CASES: dict[str, tuple[str, float | None, float]] = {
    **{name: (name, None, theirs.lr) for name, theirs in THEIRS.items()},
    "momentum-0.5": ("momentum", 0.5, 0.02),
    "momentum-0": ("momentum", 0.0, 0.02),
    "adam-0.5": ("adam", 0.5, 0.03),
}


def maker(optimizer: str, lr: float, momentum: float | None) -> Maker:
    return lambda w: THEIRS[optimizer].make(w, lr, 0.9 if momentum is None else momentum)


def test_every_optimizer_has_its_line() -> None:
    assert {*THEIRS} == {*OPTIMIZERS}


def torch_path(
    make: Maker, model: Callable[[Tensor], Tensor], start: Vector, y: Vector
) -> tuple[Vector, Vector, Vector]:
    """Weights, gradients and losses at steps 0 to STEPS."""
    w = torch.nn.Parameter(tensor(start))
    optimizer = make([w])
    weights, gradients, losses = [], [], []
    for _ in range(STEPS + 1):
        optimizer.zero_grad()
        loss = ((model(w) - tensor(y)) ** 2).mean()
        loss.backward()
        assert w.grad is not None
        weights.append(w.detach().numpy().copy())
        gradients.append(w.grad.numpy().copy())
        losses.append(loss.item())
        optimizer.step()
    return np.array(weights), np.array(gradients), np.array(losses)


def close(found: Vector, wanted: Vector, tolerance: float, of: str) -> None:
    size = np.max(np.abs(wanted), axis=0)
    gap = np.abs(found - wanted) / np.maximum(np.abs(wanted), 0.1 * size)
    worst = int(np.argmax(np.max(gap.reshape(len(gap), -1), axis=1)))
    assert np.max(gap) <= tolerance, f"{of} leave torch's at step {worst} by {np.max(gap):.2g}"


@pytest.mark.parametrize("case", CASES)
def test_path_is_that_of_torch(case: str) -> None:
    optimizer, momentum, lr = CASES[case]
    make = maker(optimizer, lr, momentum)
    objective = formula_objective(formula_of("y ~ a*exp(-b*x) + c", COLUMNS), COLUMNS, loss="mse")
    settings = Settings(optimizer=optimizer, lr=lr, momentum=momentum, steps=STEPS)
    trace = descend(objective, settings, START).trace
    x = tensor(X)
    weights, gradients, losses = torch_path(
        make, lambda w: w[0] * torch.exp(-w[1] * x) + w[2], START, Y
    )
    tolerance = 1e-8 if optimizer == "adagrad" else 1e-10
    np.testing.assert_array_equal(trace.step, np.arange(STEPS + 1))
    close(trace.weights, weights, tolerance, "weights")
    close(trace.gradient, gradients, 100 * tolerance, "gradients")
    close(trace.loss, losses, tolerance, "losses")


@pytest.mark.parametrize("case", [case for case in CASES if "-" not in case])
def test_path_of_the_centred_quadratic_is_that_of_torch(case: str) -> None:
    """Counted from the minimum: AdamW must still pull the weights, not the distance, to zero."""
    optimizer, momentum, lr = CASES[case]
    make = maker(optimizer, lr, momentum)
    direct = formula_objective(formula_of("y ~ a*x**2 + b*x + c", COLUMNS), COLUMNS, loss="mse")
    objective = centred(direct, solve(direct))
    settings = Settings(optimizer=optimizer, lr=lr, momentum=momentum, steps=STEPS)
    trace = descend(objective, settings, START).trace
    x = tensor(X)
    weights, _, losses = torch_path(make, lambda w: w[0] * x**2 + w[1] * x + w[2], START, Y)
    tolerance = 1e-8 if optimizer == "adagrad" else 1e-9
    close(trace.weights, weights, tolerance, "weights")
    close(trace.loss, losses, tolerance, "losses")


RATES = np.array([1.0, 0.3, 0.02])
"""Of each weight, as a share of the largest."""


@pytest.mark.parametrize("case", CASES)
def test_a_rate_for_each_weight_is_a_parameter_group_for_each(case: str) -> None:
    optimizer, momentum, lr = CASES[case]
    objective = formula_objective(formula_of("y ~ a*exp(-b*x) + c", COLUMNS), COLUMNS, loss="mse")
    settings = Settings(optimizer=optimizer, lr=lr, momentum=momentum, steps=STEPS)
    trace = descend(objective.paced(RATES), settings, START).trace
    x, leaves = tensor(X), [torch.nn.Parameter(tensor(value)) for value in START]
    pairs = zip(leaves, RATES, strict=True)
    groups: Any = [{"params": [one], "lr": lr * rate} for one, rate in pairs]
    theirs = maker(optimizer, lr, momentum)(groups)
    walked = []
    for _ in range(STEPS + 1):
        walked.append([one.item() for one in leaves])
        theirs.zero_grad()
        (((leaves[0] * torch.exp(-leaves[1] * x) + leaves[2]) - tensor(Y)) ** 2).mean().backward()
        theirs.step()
    tolerance = 1e-8 if optimizer == "adagrad" else 1e-10
    close(trace.weights, np.array(walked), tolerance, "weights")


@pytest.mark.parametrize("optimizer", [name for name in THEIRS if THEIRS[name].divisor])
def test_preconditioner_is_what_torch_divides_by(optimizer: str) -> None:
    _, lr, divisor = THEIRS[optimizer]
    w = torch.nn.Parameter(tensor(START))
    theirs: Any = maker(optimizer, lr, None)([w])
    for _ in range(STEPS):
        theirs.zero_grad()
        loss = ((w[0] * tensor(X) + w[1] - w[2] - tensor(Y)) ** 2).mean()
        loss.backward()
        theirs.step()
    objective = formula_objective(formula_of("y ~ a*x + b - c", COLUMNS), COLUMNS, loss="mse")
    done = descend(objective, Settings(optimizer=optimizer, lr=lr, steps=STEPS), START)
    found = done.preconditioner
    assert found is not None
    assert divisor is not None
    np.testing.assert_allclose(found, divisor(theirs.state[w]).numpy(), rtol=1e-8)


def test_plain_descent_divides_by_nothing() -> None:
    objective = formula_objective(formula_of("y ~ a*x + b - c", COLUMNS), COLUMNS, loss="mse")
    assert descend(objective, Settings(lr=0.01, steps=3), START).preconditioner is None


LINEAR = [name for name in OPTIMIZERS if optimizer_of(name).is_linear]


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", LINEAR)
def test_a_linear_method_is_that_of_optax_to_the_bit(
    optimizer: str, dtype: type, compiled: bool
) -> None:
    import jax
    import optax

    known = optimizer_of(optimizer)
    assert known.optax is not None
    draw = np.random.default_rng(5)
    weights: list[Any] = [draw.normal(size=(3, 2)).astype(dtype), draw.normal(size=2).astype(dtype)]
    rate, beta = dtype(0.037), dtype(0.83)
    theirs = getattr(optax, known.optax.function)(rate, **known.optax.filled(beta))
    with float64():
        paths = []
        for method in (transformation(optimizer, rate, beta), theirs):
            update = jax.jit(method.update) if compiled else method.update
            slots, changes = method.init(weights), []
            for step in range(6):
                gradient: list[Any] = [(one * (step - 2.5)).astype(dtype) for one in weights]
                change, slots = update(gradient, slots, weights)
                changes.append([*change, *jax.tree.leaves(slots)])
            paths.append(changes)
        for ours, other in zip(*paths, strict=True):
            assert len(ours) == len(other)
            for one, two in zip(ours, other, strict=True):
                assert one.dtype == two.dtype == dtype
                np.testing.assert_array_equal(one, two)


def test_momentum_in_force() -> None:
    assert momentum_of("gd", None) is None
    assert momentum_of("adam", None) == 0.9
    assert momentum_of("momentum", 0.0) == 0.0
    with_momentum = {name for name in OPTIMIZERS if momentum_of(name, None) is not None}
    assert with_momentum == {*WITH_MOMENTUM}
    assert {*ADAPTIVE} == {name for name in THEIRS if THEIRS[name].divisor}


@pytest.mark.parametrize(
    ("optimizer", "momentum", "says"),
    [
        ("sgd", None, "not known"),
        ("gd", 0.9, "has no momentum"),
        ("rmsprop", 0.5, "has no momentum"),
        ("adam", 1.0, "at least 0 and below 1"),
        ("momentum", -0.1, "at least 0 and below 1"),
        ("momentum", float("nan"), "at least 0 and below 1"),
    ],
)
def test_momentum_that_cannot_be_used(optimizer: str, momentum: float | None, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        momentum_of(optimizer, momentum)
