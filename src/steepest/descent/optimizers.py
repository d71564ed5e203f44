"""The contract's optimizers, all from optax, with PyTorch's conventions and defaults.

So a path walked here is the path that torch.optim walks with the same learning rate: heavy ball
without dampening, Adam's epsilon outside the root, AdamW's decay of 0.01, RMSprop's decay of 0.99.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import jax
import numpy as np
import optax

from steepest.methods.optimizers import ADAPTIVE

WEIGHT_DECAY: Final = 0.01
RMSPROP_DECAY: Final = 0.99
BETA2: Final = 0.999
EPSILON: Final = 1e-8
ADAGRAD_EPSILON: Final = 1e-20
"""optax puts it inside the root, PyTorch puts 1e-10 outside."""

Rate = float | jax.Array

_MAKERS: Final[dict[str, Callable[[Rate, Rate], optax.GradientTransformation]]] = {
    "gd": lambda lr, beta: optax.sgd(lr),
    "momentum": lambda lr, beta: optax.sgd(lr, momentum=beta),
    "nesterov": lambda lr, beta: optax.sgd(lr, momentum=beta, nesterov=True),
    "rmsprop": lambda lr, beta: optax.rmsprop(
        lr, decay=RMSPROP_DECAY, eps=EPSILON, eps_in_sqrt=False
    ),
    "adagrad": lambda lr, beta: optax.adagrad(
        lr, initial_accumulator_value=0.0, eps=ADAGRAD_EPSILON
    ),
    "adam": lambda lr, beta: optax.adam(lr, b1=beta, b2=BETA2, eps=EPSILON),
    "adamw": lambda lr, beta: optax.adamw(
        lr, b1=beta, b2=BETA2, eps=EPSILON, weight_decay=WEIGHT_DECAY
    ),
}


def transformation(optimizer: str, lr: Rate, momentum: Rate) -> Any:
    """The optax transformation. `lr` and `momentum` may be traced; only the name is fixed."""
    return _MAKERS[optimizer](lr, momentum)


def preconditioner(optimizer: str, slots: Any, momentum: float | None) -> Any:
    """The diagonal P (p,) by which an adaptive optimizer divides its steps, None for the others.

    Adam and AdamW: sqrt of the bias-corrected second moment, plus epsilon; RMSprop without the
    correction; AdaGrad: the root of the sum of squares.
    """
    if optimizer not in ADAPTIVE:
        return None
    for part in jax.tree.leaves(slots, is_leaf=lambda x: hasattr(x, "_fields")):
        if hasattr(part, "nu"):
            second = _flat(part.nu)
            if "count" in part._fields:  # every tuple has a method of this name
                second = second / max(1.0 - BETA2 ** float(part.count), 1e-300)
            return np.sqrt(second) + EPSILON
        if hasattr(part, "sum_of_squares"):
            return np.sqrt(_flat(part.sum_of_squares)) + 1e-10
    return None


def _flat(tree: Any) -> Any:
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])
