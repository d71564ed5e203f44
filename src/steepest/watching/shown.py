"""An optimizer that is not PyTorch's own, shown as one, so that its steps can be watched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch


def shown_as(
    kind: str,
    tensors: Iterable[torch.Tensor],
    move: Callable[[], None],
    versions: Mapping[str, str],
    **options: Any,
) -> torch.optim.Optimizer:
    """An optimizer of PyTorch's kind of this name whose `step` is `move`.

    `versions` are those of the library whose it is. `options` are those of PyTorch's own; of a kind
    that PyTorch does not have, `lr` alone is told.
    """
    known = getattr(torch.optim, kind, None)
    base: Any = known or torch.optim.Optimizer

    class Shown(base):  # type: ignore[misc]
        shown_from = versions

        def step(self, closure: Any = None) -> None:
            move()

    Shown.__name__ = kind
    made = Shown(list(tensors), **options) if known else Shown(list(tensors), options)
    assert isinstance(made, torch.optim.Optimizer)
    return made


def versions_of(optimizers: Iterable[torch.optim.Optimizer]) -> dict[str, str]:
    """Those of the libraries whose optimizers are shown."""
    found: dict[str, str] = {}
    for optimizer in optimizers:
        found |= getattr(optimizer, "shown_from", {})
    return found
