"""Calling a training's own functions without leaving a trace in it."""

from __future__ import annotations

import copy
import random
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import numpy as np
import torch
from torch import nn


@contextmanager
def undisturbed(
    model: nn.Module | None, tensors: Sequence[torch.Tensor], devices: Sequence[torch.device]
) -> Iterator[None]:
    """Have everything afterwards as it was: random numbers, buffers, gradients, train and eval.

    No other process is waited for. Weights are not put back: whoever changes those does.
    """
    accelerators = [d for d in devices if d.type not in ("cpu", "meta")]
    with ExitStack() as stack:
        for kind in {device.type for device in accelerators} or {"cuda"}:
            chosen = [d for d in accelerators if d.type == kind]
            stack.enter_context(torch.random.fork_rng(devices=chosen, device_type=kind))
        stack.callback(random.setstate, random.getstate())
        stack.callback(np.random.set_state, np.random.get_state())
        for tensor in tensors:  # leaves
            # The same object comes back, so nothing is copied, and a graph still knows it.
            stack.callback(setattr, tensor, "grad", tensor.grad)
            tensor.grad = None
        for module in () if model is None else model.modules():
            _lend(stack, module)
        _alone(stack, model)
        # Casts of the weights are kept by autocast, here of weights that are about to change.
        torch.clear_autocast_cache()
        stack.callback(torch.clear_autocast_cache)
        yield


_OF_MODULES: Final = frozenset(vars(nn.Module()))
"""What every module has, of which the rest is put back one by one."""

_GENERATORS: Final = (np.random.Generator, np.random.RandomState, random.Random)


def _lend(stack: ExitStack, module: nn.Module) -> None:
    """Let the module write into copies of its buffers and of what else it keeps in attributes.

    It goes back to train or eval.
    """
    own = {name: value for name, value in vars(module).items() if name not in _OF_MODULES}
    stack.callback(_give_back, module, own)
    vars(module).update(
        {name: lent for name, value in own.items() if (lent := _lent(value)) is not None}
    )
    stack.callback(setattr, module, "training", module.training)
    for name, buffer in module._buffers.items():
        if buffer is not None:
            stack.callback(module._buffers.__setitem__, name, buffer)
            module._buffers[name] = buffer.detach().clone()


def _lent(value: Any) -> Any:
    """A copy of what a pass may write into; None where it cannot, or nobody knows how."""
    if isinstance(value, torch.Tensor):
        return None if value.requires_grad else value.clone()
    if type(value) in (list, dict, set, deque):
        return copy.copy(value)
    if isinstance(value, torch.Generator):
        return torch.Generator(value.device).set_state(value.get_state())
    return copy.deepcopy(value) if isinstance(value, _GENERATORS) else None


def _give_back(module: nn.Module, own: dict[str, Any]) -> None:
    for name in [name for name in vars(module) if name not in _OF_MODULES and name not in own]:
        del vars(module)[name]
    vars(module).update(own)


def _alone(stack: ExitStack, model: Any) -> None:
    """Keep a model that is spread over processes from talking to the others."""
    if not hasattr(model, "no_sync") or not hasattr(model, "require_forward_param_sync"):
        return
    stack.enter_context(model.no_sync())
    before = model.require_forward_param_sync
    stack.callback(setattr, model, "require_forward_param_sync", before)
    model.require_forward_param_sync = False


def put(tensors: Sequence[torch.Tensor], values: Sequence[torch.Tensor]) -> None:
    """Put values in, unseen by a graph that waits for its backward pass."""
    for tensor, value in zip(tensors, values, strict=True):
        tensor.data.copy_(value)
