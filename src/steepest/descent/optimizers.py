"""The optimizers as optax has them, with PyTorch's conventions and defaults.

So a path walked here is the path that torch.optim walks with the same learning rate: heavy ball
without dampening, Adam's epsilon outside the root, AdamW's decay of 0.01, RMSprop's decay of 0.99.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import optax

from steepest.methods.optimizers import optimizer_of

Rate = float | jax.Array


def transformation(optimizer: str, lr: Rate, momentum: Rate) -> Any:
    """The optax transformation. `lr` and `momentum` may be traced; only the name is fixed."""
    call = optimizer_of(optimizer).optax
    if call is None:
        raise ValueError(f"{optimizer} is no optimizer of optax")
    return getattr(optax, call.function)(lr, **call.filled(momentum))


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
