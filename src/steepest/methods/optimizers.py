"""The optimizers by name, their momentum, and how large a curvature each can take."""

from __future__ import annotations

import math
from typing import Final

from steepest.words.errors import InputError, UsageError

OPTIMIZERS: Final = ("gd", "momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw")
WITH_MOMENTUM: Final = ("momentum", "nesterov", "adam", "adamw")
ADAPTIVE: Final = ("rmsprop", "adagrad", "adam", "adamw")
DEFAULT_MOMENTUM: Final = 0.9

SOLVERS: Final = ("lbfgs", "lm")
"""scipy's, which choose the length of their steps by themselves."""


def momentum_of(optimizer: str, momentum: float | None) -> float | None:
    """The momentum in force: the given one, 0.9 where the optimizer has one, else None.

    Raises UsageError for an unknown optimizer and for a momentum that cannot be used.
    """
    if optimizer not in OPTIMIZERS + SOLVERS:
        raise UsageError(
            "This optimizer is not known.",
            given=optimizer,
            instead=f"Write one of {', '.join(OPTIMIZERS + SOLVERS)}.",
        )
    if optimizer not in WITH_MOMENTUM:
        if momentum is not None:
            raise UsageError(
                f"The optimizer {optimizer} has no momentum.",
                given=f"--momentum {momentum:g}",
                instead="Leave it out, or choose --optimizer momentum.",
            )
        return None
    if momentum is None:
        return DEFAULT_MOMENTUM
    if not 0 <= momentum < 1:
        raise UsageError(
            "Momentum must be at least 0 and below 1.",
            given=f"--momentum {momentum:g}",
            instead="0.9 is usual.",
        )
    return momentum


def check_rate(lr: float | None) -> None:
    """Raise InputError for a learning rate that cannot be used; None is one still to be chosen."""
    if lr is not None and not (math.isfinite(lr) and lr > 0):
        raise InputError(
            "The learning rate must be a positive finite number.",
            given=f"{lr:g}",
            instead="Write a number such as 0.01, or leave it out to have one chosen.",
        )


def stability_factor(optimizer: str, momentum: float | None) -> float | None:
    """The stability limit times the largest eigenvalue; None where there is no such number.

    Gradient descent 2; heavy ball 2(1+β); Nesterov as in PyTorch (2+2β)/(1+2β); Adam with the
    preconditioned eigenvalue 2(1+β₁)/(1-β₁) (Cohen et al., arXiv 2207.14484); RMSprop 2 with the
    preconditioned eigenvalue. AdaGrad's steps shrink for ever, so it has no fixed limit.

    >>> stability_factor("momentum", 0.9)
    3.8
    """
    beta = momentum or 0.0
    if optimizer == "gd":
        return 2.0
    if optimizer == "momentum":
        return 2.0 * (1.0 + beta)
    if optimizer == "nesterov":
        return (2.0 + 2.0 * beta) / (1.0 + 2.0 * beta)
    if optimizer in ("adam", "adamw"):
        return 2.0 * (1.0 + beta) / (1.0 - beta)
    if optimizer == "rmsprop":
        return 2.0
    return None
