"""Whether a model learns in train or in eval mode, and what its frozen layers do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import nn

from steepest.records.loss_graph import ModeFacts

_DROPS: Final = (nn.modules.dropout._DropoutNd,)
_NORMS: Final = (nn.modules.batchnorm._BatchNorm,)
_MOST: Final = 100


class ModeWatch:
    """Looks at a model before each pass that is learned from."""

    def __init__(self, model: nn.Module | None):
        self._model = model
        self._passes = self._in_eval = 0
        self._first: int | None = None
        self._frozen: dict[str, tuple[nn.Module, dict[str, torch.Tensor]]] | None = None

    def passes(self, step: int) -> None:
        """A pass begins at this step."""
        if self._model is None:
            return
        if self._frozen is None:
            self._frozen = {
                name: (module, {n: b.detach().clone() for n, b in module.named_buffers()})
                for name, module in self._model.named_modules()
                if isinstance(module, _NORMS) and _is_frozen(module)
            }
        self._passes += 1
        if not self._model.training:
            self._in_eval += 1
            self._first = step if self._first is None else self._first

    def facts(self) -> ModeFacts:
        """What was seen."""
        return ModeFacts(
            passes=self._passes,
            in_eval=self._in_eval,
            first_in_eval=self._first,
            affected=self._affected() if self._in_eval else (),
            moved_buffers=tuple(
                name
                for name, (module, before) in (self._frozen or {}).items()
                if _is_frozen(module)
                and any(not torch.equal(b, before[n]) for n, b in module.named_buffers())
            ),
        )

    def _affected(self) -> tuple[str, ...]:
        if self._model is None:
            return ()
        found = [
            name or type(module).__name__
            for name, module in self._model.named_modules()
            if (isinstance(module, _DROPS) and module.p > 0)
            or (isinstance(module, _NORMS) and module.track_running_stats and _learns(module))
        ]
        return tuple(found[:_MOST])


def eps_lost(
    model: nn.Module | None, optimizers: Sequence[torch.optim.Optimizer]
) -> tuple[str, ...]:
    """Where an eps is added to numbers of float16, and is 0 among them."""
    found = [
        f"{type(optimizer).__name__} (eps={group['eps']})"
        for optimizer in optimizers
        for group in optimizer.param_groups
        if group.get("eps") is not None
        and _is_lost(group["eps"])
        and any(tensor.dtype == torch.float16 for tensor in group["params"])
    ]
    for name, module in () if model is None else model.named_modules():
        eps = getattr(module, "eps", None)
        own = module.parameters(recurse=False)
        if isinstance(eps, float) and _is_lost(eps) and any(t.dtype == torch.float16 for t in own):
            found.append(f"{name or type(module).__name__} (eps={eps:g})")
    return tuple(dict.fromkeys(found))


def _is_lost(eps: Any) -> bool:
    """Some optimizers have two of them, as Adafactor."""
    given = [one for one in (eps if isinstance(eps, tuple | list) else (eps,)) if one is not None]
    return any(float(one) > 0 and not bool(torch.tensor(one, dtype=torch.float16)) for one in given)


def _is_frozen(module: nn.Module) -> bool:
    own = list(module.parameters())
    return bool(own) and not any(tensor.requires_grad for tensor in own)


def _learns(module: nn.Module) -> bool:
    own = list(module.parameters())
    return not own or any(tensor.requires_grad for tensor in own)
