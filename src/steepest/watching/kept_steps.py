"""The batches of a training's first steps, kept so that it can be run again from its start."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import CellType, CodeType, FunctionType
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from steepest.watching.probe import Closure

_MOST_STEPS: Final = 1000
"""Steps that are kept, from the first on."""

_MOST_BYTES: Final = 256 * 2**20
"""Of batches, beyond which no further step is kept. A tensor that several hold counts once."""

_DEEPEST: Final = 3
"""Functions that call functions of the same file are followed so far."""


@dataclass(frozen=True)
class Chance:
    """The states of all random numbers that a step may draw."""

    cpu: torch.Tensor
    devices: tuple[tuple[str, int, torch.Tensor], ...]
    numpy: Any
    python: Any

    def restore(self) -> None:
        """Go on from here."""
        torch.set_rng_state(self.cpu)
        for kind, index, state in self.devices:
            torch.get_device_module(kind).set_rng_state(state, index)
        np.random.set_state(self.numpy)
        random.setstate(self.python)


@dataclass(frozen=True)
class KeptStep:
    """One step's loss, as a function that needs nothing which the loop changes."""

    closure: Closure
    chance: Chance
    modes: tuple[bool, ...]
    """Of each module, whether it was in train mode."""
    groups: tuple[Mapping[str, Any], ...]
    """The options of the optimizer's groups, such as the learning rate of this step."""
    versions: tuple[tuple[torch.Tensor, int], ...]
    """The tensors that it holds, and how often each had been written to."""

    @property
    def overwritten(self) -> bool:
        """Whether something was written into a tensor that it holds."""
        return any(tensor._version != version for tensor, version in self.versions)


@dataclass(frozen=True)
class KeptState:
    """Where a training stands between two steps."""

    step: int
    weights: tuple[torch.Tensor, ...]
    buffers: tuple[tuple[nn.Module, str, torch.Tensor], ...]
    memory: Mapping[torch.Tensor, Any] = field(default_factory=dict)
    """Of the optimizer, by tensor."""


class KeptSteps:
    """Keeps what is needed to run a training again, step by step from the first one."""

    def __init__(
        self,
        model: nn.Module | None,
        tensors: Sequence[torch.Tensor],
        optimizers: Sequence[torch.optim.Optimizer],
    ):
        self.model = model
        self.tensors = list(tensors)
        self.optimizers = list(optimizers)
        self.start: KeptState | None = None
        self.later: KeptState | None = None
        """After a power of two of steps: whether a closure still gives the loss that it gave."""
        self.kept: list[KeptStep] = []
        self.losses: dict[int, torch.Tensor | float] = {}
        self.missed: str | None = None
        """Why not all steps that were seen are kept."""
        self._own = {id(tensor) for tensor in tensors}
        self._sizes: dict[int, int] = {}
        self._chance: Chance | None = None

    @property
    def open(self) -> bool:
        """Whether further steps are kept."""
        return self.missed is None and len(self.kept) < _MOST_STEPS

    def begins(self) -> None:
        """A pass through the model begins: the first of a step draws what its loss draws.

        It also writes into buffers, such as those of batch norm.
        """
        if self._chance is None and self.open:
            self._chance = chance(self.tensors)
            self._note_standing()

    def loss(self, step: int, loss: Any) -> None:
        """The loop's own loss of a step that is kept."""
        if self.open or step < len(self.kept):
            kept = loss.detach().clone() if isinstance(loss, torch.Tensor) else float(loss)
            self.losses[step] = kept.float().mean() if isinstance(kept, torch.Tensor) else kept

    def take(self, step: int, closure: Closure) -> None:
        """Keep the loss of a step, before the optimizer moves."""
        if not self.open:
            return
        if step < len(self.kept):
            self.missed = f"a second closure was given before the optimizer moved, at step {step}"
            self.kept.clear()
            return
        if step > len(self.kept):
            self.missed = (
                "watch.probe(closure) was not called before every step"
                if not self.kept
                else f"watch.probe(closure) was not called before step {len(self.kept)}"
            )
            return
        self.begins()
        assert self._chance is not None
        function, held = frozen(closure)
        others = [tensor for tensor in held if id(tensor) not in self._own]
        for tensor in others:
            self._sizes.setdefault(id(tensor), tensor.untyped_storage().nbytes())
        if sum(self._sizes.values()) > _MOST_BYTES and self.kept:
            self.missed = f"the batches are larger than {_MOST_BYTES // 2**20} MiB together"
            return
        self.kept.append(
            KeptStep(
                closure=function,
                chance=self._chance,
                modes=modes(self.model),
                groups=tuple(
                    {name: value for name, value in group.items() if name != "params"}
                    for optimizer in self.optimizers
                    for group in optimizer.param_groups
                ),
                versions=tuple((tensor, tensor._version) for tensor in others),
            )
        )

    def _note_standing(self) -> None:
        step = len(self.kept)
        if step == 0:
            self.start = standing(0, self.model, self.tensors, self.optimizers)
        elif step & (step - 1) == 0:
            self.later = standing(step, self.model, self.tensors, self.optimizers)

    def moved(self) -> None:
        """A step has ended."""
        self._chance = None


def modes(model: nn.Module | None) -> tuple[bool, ...]:
    """Of each module, whether it is in train mode."""
    return () if model is None else tuple(module.training for module in model.modules())


def chance(tensors: Sequence[torch.Tensor]) -> Chance:
    """Note the states of all random numbers. No device is waited for."""
    devices = {
        (tensor.device.type, tensor.device.index or 0)
        for tensor in tensors
        if tensor.device.type not in ("cpu", "meta")
    }
    return Chance(
        torch.get_rng_state(),
        tuple((k, i, torch.get_device_module(k).get_rng_state(i)) for k, i in sorted(devices)),
        np.random.get_state(),
        random.getstate(),
    )


def standing(
    step: int,
    model: nn.Module | None,
    tensors: Sequence[torch.Tensor],
    optimizers: Sequence[torch.optim.Optimizer],
) -> KeptState:
    """Copy weights, buffers and the optimizer's memory."""
    return KeptState(
        step,
        tuple(tensor.detach().clone() for tensor in tensors),
        tuple(
            (module, name, buffer.detach().clone())
            for module in ([] if model is None else model.modules())
            for name, buffer in module._buffers.items()
            if buffer is not None
        ),
        {
            tensor: copied(state)
            for optimizer in optimizers
            for tensor, state in optimizer.state.items()
        },
    )


def copied(value: Any) -> Any:
    """A copy of an optimizer's memory, with tensors of its own."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, Mapping):
        return {key: copied(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(copied(part) for part in value)
    return value


def frozen(function: Any, depth: int = 0) -> tuple[Any, list[torch.Tensor]]:
    """The function with the names that it reads as they are now, and the tensors among those.

    A loop binds the names of a closure anew in every step: called later, it would read the last
    batch. Functions of the same file that it calls are treated alike; NumPy's arrays, lists and
    dicts are copied.
    """
    if isinstance(function, partial):
        inner, held = frozen(function.func, depth)
        given = _tensors([*function.args, *function.keywords.values()])
        return partial(inner, *function.args, **function.keywords), [*held, *given]
    if not isinstance(function, FunctionType) or depth > _DEEPEST:
        return function, []
    held = []

    def now(value: Any) -> Any:
        if isinstance(value, np.ndarray) or type(value) in (dict, list):
            held.extend(_tensors(value))
            return value.copy()
        same = isinstance(value, FunctionType) and value.__module__ == function.__module__
        if same and value is not function:
            inner, more = frozen(value, depth + 1)
            held.extend(more)
            return inner
        held.extend(_tensors(value))
        return value

    cells = tuple(_cell(cell, now) for cell in function.__closure__ or ())
    names = {name for name in _names(function.__code__) if name in function.__globals__}
    around = {name: now(function.__globals__[name]) for name in names}
    around |= {
        name: function.__globals__[name]
        for name in ("__builtins__", "__name__")
        if name in function.__globals__
    }
    held += _tensors(function.__defaults__)
    found = FunctionType(
        function.__code__, around, function.__name__, function.__defaults__, cells or None
    )
    found.__kwdefaults__ = function.__kwdefaults__
    return found, held


def _cell(cell: CellType, now: Callable[[Any], Any]) -> CellType:
    try:
        return CellType(now(cell.cell_contents))
    except ValueError:  # nothing was bound to it yet
        return CellType()


def _names(code: CodeType) -> set[str]:
    """What a function and those within it read from outside of them."""
    inner = (part for part in code.co_consts if isinstance(part, CodeType))
    return set(code.co_names).union(*(_names(part) for part in inner))


def _tensors(value: Any, depth: int = 0) -> list[torch.Tensor]:
    """The tensors in a batch: of a tuple, a list, a dict."""
    if isinstance(value, torch.Tensor):
        return [value]
    if depth > _DEEPEST or isinstance(value, str | bytes | nn.Module):
        return []
    if isinstance(value, Mapping):
        return [t for part in value.values() for t in _tensors(part, depth + 1)]
    if isinstance(value, list | tuple):
        return [t for part in value for t in _tensors(part, depth + 1)]
    return []
