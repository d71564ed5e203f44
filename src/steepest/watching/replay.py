"""A training's first steps run again from its start, with one change, and all put back."""

from __future__ import annotations

import math
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import nn

from steepest.watching.kept_steps import KeptState, KeptStep, KeptSteps, chance, copied
from steepest.watching.undisturbed import put, undisturbed

_LOOK: Final = 16
"""Steps from one look at the losses to the next: a look waits for the device."""

_HOOKS: Final = ("_forward_hooks", "_forward_pre_hooks", "_forward_hooks_with_kwargs",
                 "_forward_pre_hooks_with_kwargs", "_forward_hooks_always_called")  # fmt: skip

EndsEarly = Callable[[Sequence[float]], bool]
"""Of the losses so far: whether to end early."""


@dataclass(frozen=True)
class Change:
    """A change to a plain loop, as the lines of Python that are run for it and offered after it."""

    name: str
    kind: str
    factor: float = 1.0
    """Of the learning rates, beside what else is changed."""
    setup: str = ""
    """Run once, when the optimizer was made."""
    between: str = ""
    """Run after backward() and before step()."""
    after: str = ""
    """Run after step()."""
    group: int | None = None
    """The parameter group whose rate alone is changed; None: of all."""
    batches: int = 1
    """Whose gradients are averaged for one step."""

    @property
    def lines(self) -> str:
        """What to add to a loop, with comments that say where."""
        parts = [
            ("when the optimizer is made", _rates(self.factor, self.group) + self.setup),
            ("after loss.backward()", self.between),
            ("after optimizer.step()", self.after),
        ]
        return "".join(f"# {where}:\n{lines}" for where, lines in parts if lines)


PLAIN_LOOP: Final = Change("the plain loop", "plain loop")


def _rates(factor: float, group: int | None) -> str:
    if factor == 1:
        return ""
    if group is not None:
        return f'optimizer.param_groups[{group}]["lr"] *= {factor:g}\n'
    return f'for group in optimizer.param_groups:\n    group["lr"] *= {factor:g}\n'


def can_replay(kept: KeptSteps) -> str | None:
    """Why the steps cannot be run again; None where they can."""
    if len(kept.optimizers) != 1:
        several = "several optimizers share" if kept.optimizers else "no optimizer has"
        return f"{several} the training, and a plain loop is one with one optimizer"
    if any(group.get("maximize") for group in kept.optimizers[0].param_groups):
        return "its optimizer climbs (maximize=True), and changes are judged by how a loss falls"
    if isinstance(kept.optimizers[0], torch.optim.LBFGS):
        return "its optimizer calls the loss by itself, as often as it likes"
    if kept.missed is not None and len(kept.kept) < 2:
        return kept.missed
    if not kept.kept or kept.start is None:
        return "no closure was given; call watch.probe(closure) before every step"
    if any(hasattr(tensor, "to_local") for tensor in kept.tensors):
        return "each process has a part of the tensors only"
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return "several processes train together, and one that runs alone would wait for the others"
    for step, batch in enumerate(kept.kept):
        if batch.overwritten:
            return (
                f"a tensor in the batch of step {step} was overwritten later; give each step "
                "tensors of its own"
            )
    return None


def replay(
    kept: KeptSteps, change: Change, steps: int, stop: EndsEarly = lambda losses: False
) -> list[float]:
    """The loss of each batch before its step, from the start with one change.

    Weights, buffers, gradients, modes, random numbers and the user's optimizer are afterwards as
    they were, to the bit. Ends early where no loss is finite any more, or `stop` says so.
    """
    assert kept.start is not None
    found: list[float] = []
    waiting: list[torch.Tensor] = []
    with _put_back(kept), torch.enable_grad():
        _stand(kept, kept.start)
        optimizer = _twin(kept.optimizers[0], kept.kept[0], kept.start)
        names: dict[str, Any] = {"torch": torch, "model": kept.model, "optimizer": optimizer}
        given = [_rate(batch.groups[0]) for batch in kept.kept]
        # The change is made where the optimizer is, before a schedule has set its rate.
        nominal = next((rate for rate in given if rate), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = float(group["lr"]) or nominal
        made = [float(group["lr"]) for group in optimizer.param_groups]
        _run(_rates(change.factor, change.group) + change.setup, names)
        same = names["optimizer"] is optimizer
        optimizer = names["optimizer"]
        factors = [
            float(group["lr"]) / (made[place] if same else nominal)
            for place, group in enumerate(optimizer.param_groups)
        ]
        optimizer.zero_grad()
        for step, batch in enumerate(kept.kept[:steps]):
            _modes(kept.model, batch)
            batch.chance.restore()
            loss = batch.closure().mean()
            waiting.append(loss.detach())
            if len(waiting) == _LOOK or step == steps - 1:
                found += torch.stack(waiting).tolist()
                waiting = []
                if not any(map(math.isfinite, found[-_LOOK:])) or stop(found):
                    break
            (loss / change.batches if change.batches > 1 else loss).backward()
            if (step + 1) % change.batches:
                continue
            _follow(optimizer, batch, kept.kept[0], factors, same=same)
            _run(change.between, names)
            optimizer.step()
            if change.after:
                before = [float(group["lr"]) for group in optimizer.param_groups]
                _run(change.after, names)
                for place, group in enumerate(optimizer.param_groups):
                    if before[place]:
                        factors[place] *= float(group["lr"]) / before[place]
            optimizer.zero_grad()
    return found


def losses_at(kept: KeptSteps, standing: KeptState) -> tuple[float, float | None]:
    """What the closure of a step gives where the training stood then, and what the loop said."""
    batch = kept.kept[standing.step]
    with _put_back(kept), torch.enable_grad():  # a loss may be one of derivatives
        _stand(kept, standing)
        _modes(kept.model, batch)
        batch.chance.restore()
        found = float(batch.closure().detach().mean())
    own = kept.losses.get(standing.step)
    return found, None if own is None else float(own)


@contextmanager
def at_start(kept: KeptSteps) -> Iterator[None]:
    """Be where the training began, for as long as this lasts."""
    assert kept.start is not None
    with _put_back(kept), torch.enable_grad():
        _stand(kept, kept.start)
        _modes(kept.model, kept.kept[0])
        yield


@contextmanager
def _put_back(kept: KeptSteps) -> Iterator[None]:
    """Have all as it was afterwards."""
    weights = [tensor.detach().clone() for tensor in kept.tensors]
    devices = list({tensor.device for tensor in kept.tensors})
    with ExitStack() as stack:
        stack.callback(chance(kept.tensors).restore)
        stack.callback(put, kept.tensors, weights)
        for name in _HOOKS:
            hooks = getattr(kept.model, name, None)
            if isinstance(hooks, OrderedDict):
                stack.callback(_refill, hooks, OrderedDict(hooks))
        stack.enter_context(undisturbed(kept.model, kept.tensors, devices))
        yield


def _refill(hooks: OrderedDict[Any, Any], before: OrderedDict[Any, Any]) -> None:
    hooks.clear()
    hooks.update(before)


def _stand(kept: KeptSteps, at: KeptState) -> None:
    put(kept.tensors, at.weights)
    for module, name, buffer in at.buffers:
        module._buffers[name] = buffer.clone()


def _modes(model: nn.Module | None, batch: KeptStep) -> None:
    for module, mode in zip([] if model is None else model.modules(), batch.modes, strict=True):
        module.training = mode


def _twin(
    optimizer: torch.optim.Optimizer, first: KeptStep, start: KeptState
) -> torch.optim.Optimizer:
    """An optimizer of the same tensors, with a memory and options of its own, and no hooks."""
    twin: torch.optim.Optimizer = object.__new__(type(optimizer))
    twin.__dict__.update(optimizer.__dict__)
    twin.__dict__.pop("step", None)  # a schedule counts its calls
    for name, value in optimizer.__dict__.items():
        if name.endswith("_hooks") and isinstance(value, OrderedDict):
            setattr(twin, name, OrderedDict())
    twin.param_groups = [
        {**{name: copied(value) for name, value in then.items()}, "params": list(group["params"])}
        for group, then in zip(optimizer.param_groups, first.groups, strict=True)
    ]
    memory = {tensor: copied(state) for tensor, state in start.memory.items()}
    twin.state = defaultdict(dict, memory)
    return twin


def _follow(
    optimizer: torch.optim.Optimizer,
    batch: KeptStep,
    first: KeptStep,
    factors: Sequence[float],
    *,
    same: bool,
) -> None:
    """Let the options of the groups go where they went, and the rates beside them."""
    for place, group in enumerate(optimizer.param_groups):
        now = batch.groups[place if same else 0]
        group["lr"] = _rate(now) * factors[place]
        if same:  # a schedule may change others, such as the momentum
            then = first.groups[place]
            group.update({k: v for k, v in now.items() if k != "lr" and v != then[k]})


def _rate(group: Mapping[str, Any]) -> float:
    return float(group.get("lr", math.nan))


def _run(lines: str, names: dict[str, Any]) -> None:
    """Run what is offered: so it is true of the very lines."""
    if lines:
        exec(lines, names)
