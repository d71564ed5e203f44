"""What there is to watch: the tensors of a model or a list, and the optimizers' groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
from torch import nn

from steepest.methods.optimizers import ADAPTIVE, GD, MOMENTUM, NESTEROV, optimizer_of
from steepest.records.training import Group, Tensor
from steepest.words.errors import UsageError
from steepest.words.given import shown_value

Watched = nn.Module | Mapping[str, torch.Tensor] | Iterable[Any] | torch.Tensor

is_transformed: Final = getattr(
    getattr(torch._C, "_functorch", None), "peek_interpreter_stack", lambda: None
)
"""What is not None inside of `torch.func.vmap`, `grad` and their like."""

FULL: Final = 10_000_000
"""Up to so many weights in all, the change of each is measured; above, that of a sample."""

SAMPLE: Final = 263
"""Above FULL, one weight in so many. A prime number, so that no column is always left out."""

LEAST: Final = 10_000
"""Tensors of up to so many entries are always measured in full."""


@dataclass(frozen=True)
class Found:
    """The tensors, and beside each what the records say of it."""

    tensors: tuple[torch.Tensor, ...]
    records: tuple[Tensor, ...]
    groups: tuple[Group, ...]
    owned: tuple[tuple[int, ...], ...]
    """For each optimizer, the places of its tensors; for the first, also those that none has."""


def find(watched: Watched, optimizers: Sequence[torch.optim.Optimizer]) -> Found:
    """Name every tensor once, in the order of the model, then what only an optimizer has.

    Raises UsageError where there is nothing to watch.
    """
    named = list(named_tensors(watched))
    known = {id(tensor) for _, _, _, tensor in named}
    number = 0
    places: dict[int, int] = {}
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            for index, tensor in enumerate(group["params"]):
                places.setdefault(id(tensor), number)
                if id(tensor) not in known:
                    known.add(id(tensor))
                    named.append((f"group {number}[{index}]", "", "", tensor))
            number += 1
    if not named:
        raise UsageError(
            "There is nothing to watch: the model has no parameters.",
            instead="Give a model, or the tensors that are learned: steepest.watch([params]).",
        )
    large = sum(tensor.numel() for *_, tensor in named) > FULL
    at = {id(tensor): place for place, (*_, tensor) in enumerate(named)}
    return Found(
        tensors=tuple(tensor for *_, tensor in named),
        records=tuple(
            Tensor(
                name=name,
                layer=layer,
                kind=kind,
                shape=tuple(tensor.shape),
                group=places.get(id(tensor)),
                learns=bool(tensor.requires_grad),
                sampled=-(-tensor.numel() // SAMPLE) if large and tensor.numel() > LEAST else None,
                part=hasattr(tensor, "to_local"),
            )
            for name, layer, kind, tensor in named
        ),
        groups=tuple(group_of(o, group) for o in optimizers for group in o.param_groups),
        owned=_owned(optimizers, at),
    )


def _owned(
    optimizers: Sequence[torch.optim.Optimizer], at: Mapping[int, int]
) -> tuple[tuple[int, ...], ...]:
    owned = [
        [at[id(tensor)] for group in optimizer.param_groups for tensor in group["params"]]
        for optimizer in optimizers
    ]
    if owned:
        known = {place for places in owned for place in places}
        owned[0] += [place for place in at.values() if place not in known]
    return tuple(tuple(dict.fromkeys(places)) for places in owned)


def named_tensors(watched: Watched) -> Iterable[tuple[str, str, str, torch.Tensor]]:
    """Name, layer, the layer's class, tensor; a shared tensor once, under its first name."""
    if isinstance(watched, nn.Module):
        watched = unwrapped(watched)
        modules = dict(watched.named_modules())
        for name, tensor in watched.named_parameters():
            layer = name.rpartition(".")[0]
            module = modules.get(layer)
            kind = "" if module is None else type(module).__name__
            yield _plain(name), _plain(layer), kind, tensor
        return
    seen: set[int] = set()
    for place, entry in enumerate(_entries(watched)):
        name, tensor = entry if isinstance(entry, tuple) else (f"[{place}]", entry)
        if not isinstance(tensor, torch.Tensor):
            raise UsageError(
                "Only tensors can be watched.",
                given=shown_value(tensor),
                instead="Give a model, or the tensors that are learned: steepest.watch([params]).",
            )
        if id(tensor) not in seen:
            seen.add(id(tensor))
            yield str(name), str(name).rpartition(".")[0], "", tensor


def _entries(watched: Any) -> Iterable[Any]:
    if isinstance(watched, torch.Tensor):
        return [watched]
    if isinstance(watched, Mapping):
        return list(watched.items())
    if isinstance(watched, Iterable):
        return watched
    raise UsageError(
        "Only models and tensors can be watched.",
        given=shown_value(watched),
        instead="steepest.watch(model, optimizer)",
    )


def unwrapped(model: nn.Module) -> nn.Module:
    """The user's own model, inside of what compiles it or spreads it over processes."""
    spread = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    while True:
        inner = model.module if isinstance(model, spread) else getattr(model, "_orig_mod", None)
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def _plain(name: str) -> str:
    """Names as the user wrote them, without what wrappers put before."""
    parts = name.split(".")
    return ".".join(part for part in parts if part not in ("_orig_mod", "_fsdp_wrapped_module"))


def group_of(optimizer: torch.optim.Optimizer, group: Mapping[str, Any]) -> Group:
    """What the records say of a parameter group: its method, momentum, decay and direction."""
    return replace(
        _method_of(optimizer, group),
        weight_decay=float(group.get("weight_decay") or 0.0),
        maximizes=bool(group.get("maximize")),
    )


def _method_of(optimizer: torch.optim.Optimizer, group: Mapping[str, Any]) -> Group:
    kind = type(optimizer)
    if isinstance(optimizer, torch.optim.SGD):
        momentum = float(group.get("momentum") or 0.0)
        if not momentum:
            return Group(kind.__name__, GD.name)
        if group.get("dampening"):
            # A moving average of the gradients: it takes as much curvature as Adam's.
            same = float(group["dampening"]) == momentum
            return Group(kind.__name__, "ema" if same else None, momentum)
        method = NESTEROV if group.get("nesterov") else MOMENTUM
        return Group(kind.__name__, method.name, momentum)
    for ancestor in kind.__mro__:
        for method in map(optimizer_of, ADAPTIVE):
            if method.torch is None or ancestor is not getattr(torch.optim, method.torch.function):
                continue
            if method.has_momentum:
                return Group(kind.__name__, method.name, float(group["betas"][0]))
            return Group(kind.__name__, None if group.get("momentum") else method.name)
    return Group(kind.__name__, None)
