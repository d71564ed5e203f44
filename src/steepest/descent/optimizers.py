"""The optimizers, with PyTorch's conventions and defaults: optax's, where they remember scales.

So a path walked here is the path that torch.optim walks with the same learning rate: heavy ball
without dampening, Adam's epsilon outside the root, AdamW's decay of 0.01, RMSprop's decay of 0.99.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from steepest.engine.late import jax, jnp
from steepest.methods.optimizers import optimizer_of

Rate: TypeAlias = "float | jax.Array"


class Method(NamedTuple):
    """What moves: as optax's transformations do, over arrays or trees of them."""

    init: Callable[[Any], Any]
    """weights -> memory"""
    update: Callable[[Any, Any, Any], tuple[Any, Any]]
    """gradient, memory, weights -> change, memory"""


def transformation(optimizer: str, lr: Rate, momentum: Rate) -> Any:
    """The optimizer's Method. `lr` and `momentum` may be traced; only the name is fixed."""
    known = optimizer_of(optimizer)
    if known.optax is None:
        raise ValueError(f"{optimizer} is no optimizer of optax")
    if known.is_linear:
        # optax's to the bit, in a line or two: importing it takes longer than most descents.
        return _with_momentum(lr, momentum, known.looks_ahead) if known.has_momentum else _plain(lr)
    import optax

    return getattr(optax, known.optax.function)(lr, **known.optax.filled(momentum))


def _plain(lr: Rate) -> Method:
    return Method(lambda _: (), lambda gradient, slots, _: (_scaled(-lr, gradient), slots))


def _with_momentum(lr: Rate, momentum: Rate, looks_ahead: bool) -> Method:
    def onward(gradient: Any, velocity: Any) -> Any:
        return jax.tree.map(lambda g, v: g + momentum * v, gradient, velocity)

    def update(gradient: Any, before: Any, _: Any) -> tuple[Any, Any]:
        velocity = onward(gradient, before)
        along = onward(gradient, velocity) if looks_ahead else velocity
        return _scaled(-lr, along), velocity

    return Method(lambda weights: jax.tree.map(jnp.zeros_like, weights), update)


def _scaled(by: Rate, gradient: Any) -> Any:
    return jax.tree.map(lambda part: by * part, gradient)


def preconditioner(optimizer: str, slots: Any) -> Any:
    """The diagonal P (p,) by which an adaptive optimizer divides its steps, None for the others."""
    scaling = optimizer_of(optimizer).scaling
    if scaling is None:
        return None
    for part in jax.tree.leaves(slots, is_leaf=lambda x: hasattr(x, "_fields")):
        if hasattr(part, scaling.memory):
            leaves = jax.tree.leaves(getattr(part, scaling.memory))
            memory = np.concatenate([np.ravel(leaf) for leaf in leaves])
            if scaling.decay is not None:
                memory = memory / max(1.0 - scaling.decay ** float(part.count), 1e-300)
            return (np.sqrt(memory) if scaling.root else memory) + scaling.epsilon
    return None
