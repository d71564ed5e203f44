"""Changes to a training that are worth trying, each as lines of Python."""

from __future__ import annotations

import math
from typing import Any, Final

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from steepest.records.training import ONE_GROUP, SCALED_INPUTS
from steepest.watching.kept_steps import KeptSteps
from steepest.watching.replay import Change, at_start

_WARM_UP: Final = 0.2
"""Share of the steps over which the rate rises."""

_ACCUMULATED: Final = 4

_FEATURES: Final = 24
"""So many inputs are scaled each by its own numbers; more are scaled alike."""

_SEEN: Final = 64
"""KeptSteps from which scales are taken."""

_RESET: Final = """\
with torch.random.fork_rng():
    torch.manual_seed(0)
    for module in model.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
"""

_KAIMING: Final = """\
with torch.random.fork_rng():
    torch.manual_seed(0)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.kaiming_uniform_(parameter, nonlinearity="relu")
"""


def rate(factor: float) -> Change:
    """All learning rates so many times as large."""
    return Change(f"learning rate ×{factor:g}", "learning rate", factor)


def rate_of(group: int, factor: float) -> Change:
    """The learning rate of one parameter group so many times as large."""
    name = f"learning rate of group {group} ×{factor:g}"
    return Change(name, ONE_GROUP, factor, group=group)


def others(kept: KeptSteps, factor: float, steps: int) -> list[Change]:
    """Changes other than the learning rate, beside rates that are `factor` times as large."""
    optimizer = kept.optimizers[0]
    beside = "" if factor == 1 else f", learning rate ×{factor:g}"
    found = [
        Change(
            f"warm-up{beside}",
            "warm-up",
            factor,
            setup="warmup = torch.optim.lr_scheduler.LinearLR(\n"
            f"    optimizer, start_factor=0.01, total_iters={max(5, round(_WARM_UP * steps))}\n)\n",
            after="warmup.step()\n",
        ),
        Change(
            f"clipping{beside}",
            "clipping",
            factor,
            between="torch.nn.utils.clip_grad_norm_(\n"
            '    [p for group in optimizer.param_groups for p in group["params"]], 1.0\n)\n',
        ),
        Change(
            f"batches {_ACCUMULATED} times as large{beside}",
            "accumulation",
            factor,
            batches=_ACCUMULATED,
        ),
    ]
    groups = optimizer.param_groups
    if isinstance(optimizer, torch.optim.SGD) and not any(g.get("momentum") for g in groups):
        lines = 'for group in optimizer.param_groups:\n    group["momentum"] = 0.9\n'
        found.append(Change(f"momentum{beside}", "momentum", factor, setup=lines))
    return found


def structural(kept: KeptSteps, factor: float) -> list[Change]:
    """Another start, and inputs or outputs that are scaled."""
    if kept.model is None:
        return []
    beside = "" if factor == 1 else f", learning rate ×{factor:g}"
    found = []
    if any(hasattr(module, "reset_parameters") for module in kept.model.modules()):
        found.append(Change(f"another start{beside}", "initialization", factor, setup=_RESET))
    if any(parameter.dim() > 1 for parameter in kept.model.parameters()):
        name = f"Kaiming's start{beside}"
        found.append(Change(name, "initialization", factor, setup=_KAIMING))
    seen = _Seen(kept.model)
    seen.look(kept)
    inputs, targets = seen.inputs_scaled(), seen.outputs_scaled()
    if inputs is not None:
        found.append(Change(f"{SCALED_INPUTS}{beside}", SCALED_INPUTS, factor, setup=inputs))
    if targets is not None:
        lines, deviation = targets
        found.append(Change(f"scaled outputs{beside}", "scaled outputs", factor, setup=lines))
        if isinstance(kept.optimizers[0], torch.optim.SGD) and deviation:
            # The gradient grows by the square of the scale, and the step of SGD with it.
            by = float(f"{factor / deviation**2:.3g}")
            name = f"scaled outputs, learning rate ×{by:g}"
            found.append(Change(name, "scaled outputs", by, setup=lines))
    return found


class _Seen(TorchFunctionMode):
    """What goes into the model, and the numbers that its outputs are compared with."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self._model = model
        self._inputs: list[torch.Tensor] = []
        self._targets: list[torch.Tensor] = []
        self._outputs: list[torch.Tensor] = []
        self._found = False

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Note the first comparison of what is learned with what is given."""
        kwargs = kwargs or {}
        if not self._found and getattr(function, "__name__", "") in _COMPARES:
            pair = [value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)]
            if len(pair) >= 2:
                first, second = pair[:2]
                if second.requires_grad and not first.requires_grad:
                    first, second = second, first
                if _comparable(first, second):
                    self._found = True
                    self._outputs.append(first.detach().reshape(-1).float())
                    self._targets.append(second.detach().reshape(-1).float())
        return function(*args, **kwargs)

    def look(self, kept: KeptSteps) -> None:
        """Call the losses of the first batches once."""

        def note(_: nn.Module, args: Any) -> None:
            if args and isinstance(args[0], torch.Tensor) and args[0].is_floating_point():
                self._inputs.append(args[0].detach())

        with at_start(kept):
            handle = self._model.register_forward_pre_hook(note)
            try:
                for batch in kept.kept[:_SEEN]:
                    self._found = False
                    with self:
                        batch.closure()
            finally:
                handle.remove()

    def outputs_scaled(self) -> tuple[str, float] | None:
        """Lines that let the model give numbers like the targets, and the targets' deviation."""
        if not self._targets:
            return None
        targets, outputs = torch.cat(self._targets), torch.cat(self._outputs)
        mean, deviation = float(targets.mean()), float(targets.std())
        if not math.isfinite(mean + deviation) or deviation <= 0:
            return None
        if 0.2 < deviation < 5 and abs(mean - float(outputs.mean())) < 5 * deviation:
            return None  # the outputs are of that size already
        lines = (
            "model.register_forward_hook(\n"
            f"    lambda module, inputs, output: output * {deviation:.6g} + {mean:.6g}\n)\n"
        )
        return lines, deviation

    def inputs_scaled(self) -> str | None:
        """Lines that scale what goes into the model to mean 0 and deviation 1."""
        if not self._inputs or len({tuple(part.shape[1:]) for part in self._inputs}) > 1:
            return None
        rows = torch.cat([part.reshape(len(part), -1) for part in self._inputs]).double()
        if len(rows) < 2:
            return None
        if rows.shape[1] > _FEATURES or self._inputs[0].dim() != 2:
            rows = rows.reshape(-1, 1)
        mean, deviation = rows.mean(0), rows.std(0)
        deviation[deviation == 0] = 1.0
        if not bool(torch.isfinite(mean + deviation).all()):
            return None
        if bool(((mean.abs() < 3 * deviation) & (deviation > 0.2) & (deviation < 5)).all()):
            return None
        return (
            f"mean = torch.tensor({_numbers(mean)})\n"
            f"deviation = torch.tensor({_numbers(deviation)})\n"
            "model.register_forward_pre_hook(\n"
            "    lambda module, inputs: ((inputs[0] - mean) / deviation, *inputs[1:])\n)\n"
        )


_COMPARES: Final = frozenset(
    {"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "sub", "__sub__", "__rsub__"}
)


def _comparable(output: torch.Tensor, target: torch.Tensor) -> bool:
    return (
        output.requires_grad
        and not target.requires_grad
        and target.is_floating_point()
        and output.numel() == target.numel()
        and target.numel() > 1
    )


def _numbers(values: torch.Tensor) -> str:
    texts = [f"{value:.6g}" for value in values.tolist()]
    if len(texts) == 1:
        return texts[0]
    lines = [", ".join(texts[at : at + 8]) for at in range(0, len(texts), 8)]
    return "[" + ",\n    ".join(lines) + "]"
