"""Calling a training's own functions without leaving a trace in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn


@contextmanager
def undisturbed(model: nn.Module | None, devices: Sequence[torch.device]) -> Iterator[None]:
    """Put back random numbers and buffers at the end, bit for bit; have no other process wait.

    Gradients and weights are not put back: whoever changes those does.
    """
    buffers = [] if model is None else [(b, b.detach().clone()) for b in model.buffers()]
    accelerators = [d for d in devices if d.type not in ("cpu", "meta")]
    with ExitStack() as stack:
        for kind in {device.type for device in accelerators} or {"cuda"}:
            chosen = [d for d in accelerators if d.type == kind]
            stack.enter_context(torch.random.fork_rng(devices=chosen, device_type=kind))
        _alone(stack, model)
        try:
            yield
        finally:
            with torch.no_grad():
                for buffer, before in buffers:
                    buffer.copy_(before)


def _alone(stack: ExitStack, model: Any) -> None:
    """Keep a model that is spread over processes from talking to the others."""
    if not hasattr(model, "no_sync") or not hasattr(model, "require_forward_param_sync"):
        return
    stack.enter_context(model.no_sync())
    before = model.require_forward_param_sync
    stack.callback(setattr, model, "require_forward_param_sync", before)
    model.require_forward_param_sync = False
