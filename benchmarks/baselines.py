"""The other sides: the same descent as one would write it by hand. None of it uses Steepest."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

from benchmarks.problem import Walked
from steepest.records.arrays import Matrix, Vector


def eager(time: Vector, speed: Vector, start: Vector, lr: float, steps: int) -> Walked:
    """An eager PyTorch loop as courses write it, in float64, keeping what each step showed.

    The start and `steps` steps are recorded.
    """
    x, y = torch.tensor(time), torch.tensor(speed)
    weights = torch.tensor(start).requires_grad_()
    losses, path, gradients = [], [], []
    for _ in range(steps + 1):
        a, b, c = weights
        loss = ((a * x**2 + b * x + c - y) ** 2).mean()
        loss.backward()
        gradient = weights.grad
        assert gradient is not None
        losses.append(loss.item())
        path.append(weights.detach().clone())
        gradients.append(gradient.clone())
        with torch.no_grad():
            weights -= lr * gradient
        gradient.zero_()
    return Walked(np.array(losses), torch.stack(path).numpy(), torch.stack(gradients).numpy())


@partial(jax.jit, static_argnames="steps")
def _scan(time: Any, speed: Any, start: Any, lr: Any, steps: int) -> Any:
    def loss_at(weights: Any) -> Any:
        a, b, c = weights
        return jnp.mean((a * time**2 + b * time + c - speed) ** 2)

    def step(weights: Any, _: None) -> Any:
        loss, gradient = jax.value_and_grad(loss_at)(weights)
        return weights - lr * gradient, (loss, weights, gradient)

    return jax.lax.scan(step, start, None, length=steps + 1)[1]


def scan(time: Vector, speed: Vector, start: Vector, lr: float, steps: int) -> Walked:
    """One compiled jax.lax.scan over the start and `steps` steps, in float64, without stop rules.

    It is compiled in this process, so under the XLA flags that importing Steepest has set.
    """
    with jax.enable_x64(True):
        return Walked(*map(np.asarray, _scan(time, speed, start, np.float64(lr), steps)))


def by_hand(design: Matrix, target: Vector, start: Vector, rates: Vector, steps: int) -> Walked:
    """Descents on mean((design @ w - target)**2) in NumPy, side by side, one for each rate.

    `design` is (n, p); with m rates the loss is (steps + 1, m), the rest (steps + 1, m, p).
    """
    rows = len(target)
    weights = np.repeat(start[None, :], len(rates), axis=0)
    losses, path, gradients = [], [], []
    for _ in range(steps + 1):
        residual = weights @ design.T - target
        gradient = 2.0 / rows * (residual @ design)
        losses.append(np.einsum("mn,mn->m", residual, residual) / rows)
        path.append(weights)
        gradients.append(gradient)
        weights = weights - rates[:, None] * gradient
    return Walked(np.array(losses), np.array(path), np.array(gradients))
