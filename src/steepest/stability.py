"""How large a curvature a learning rate can take, for each optimizer."""

from __future__ import annotations


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
