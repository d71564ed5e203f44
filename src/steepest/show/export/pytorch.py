"""A run as a script of PyTorch."""

from __future__ import annotations

from typing import Final

from steepest.formula import Formula
from steepest.methods.optimizers import GD, optimizer_of
from steepest.records.run import RunRecord
from steepest.show.export.data import Source
from steepest.show.export.expression import Library
from steepest.show.export.layout import indented, listing
from steepest.show.export.script import Script, check, joined

_TORCH: Final = Library(
    module="torch",
    functions={
        "abs": "torch.abs({})",
        "softplus": "torch.logaddexp({}, torch.tensor(0.0))",
        "xlogy": "torch.xlogy",
        "xlog1py": "torch.special.xlog1py",
    },
    number="torch.tensor({})",
    array="torch.tensor",
    along_rows="dim=0",
)


def to_pytorch(record: RunRecord, formula: Formula, source: Source) -> str:
    """A script that walks the path of a run step by step in PyTorch, in float64.

    `formula` is the run's, `source` its rows. The script prints step, loss and weights, those of
    the scaled columns where they were scaled. Raises UsageError for a solver's run.
    """
    check(record)
    script = Script(record, formula, source, _TORCH)
    lines = [
        *script.heading(
            "Gradient descent step by step, in PyTorch.",
            ["import torch"],
            "torch.set_default_dtype(torch.float64)",
        ),
        *script.problem_lines(),
    ]
    if script.batch_size is not None:
        lines += [*script.batch_lines(), "", "", "def loss_on(rows):"]
        lines += [*indented([*script.unpacked(), *_model(script, "return")]), "", ""]
    else:
        lines.append("")
    lines += [*([] if script.in_groups else [f"lr = {script.lr!r}"]), *_start(script)]
    optimizer = _optimizer(script)
    if optimizer is not None:
        lines.append(f"optimizer = torch.optim.{optimizer}")
    lines += [*script.table_head(), script.loop()]
    if script.batch_size is None:
        body = [*script.unpacked(), *_model(script, "loss =")]
    else:
        body = ["loss = loss_on(slice(None))  # of all rows"]
    body += [*script.report_lines(), *_step(script)]
    return joined([*lines, *indented(body)])


def _start(script: Script) -> list[str]:
    if script.in_groups:
        return [
            *listing("start = [", script.start, "]"),
            *listing("rates = [", script.rates, "]"),
            "parameters = [torch.tensor(value, requires_grad=True) for value in start]",
            'groups = [{"params": [one], "lr": lr} for one, lr in zip(parameters, rates)]',
        ]
    if script.rescaled:
        first = listing("weights = torch.tensor([", script.start, "])")
        return [*first, "counts = (weights / unit).requires_grad_()"]
    return listing("weights = torch.tensor([", script.start, "]).requires_grad_()")


def _model(script: Script, result: str) -> list[str]:
    lines, loss = script.model_lines()
    if not script.has_slope:
        # PyTorch wants something to differentiate.
        total = "sum(parameters)" if script.in_groups else f"{script.moving}.sum()"
        loss += f" + 0 * {total}"
    if script.loss_is_root:
        # The slope of the root at 0 would not be a number; a perfect fit has none.
        return [*lines, f"mse = {loss}", f"{result} mse.sqrt() if mse != 0 else 0 * mse"]
    return [*lines, f"{result} {loss}"]


def _optimizer(script: Script) -> str | None:
    descent = script.record.descent
    call = optimizer_of(descent.optimizer).torch
    if call is not None and script.in_groups:
        return call.written("groups", descent.momentum)
    if call is None or not call.arguments:
        return None  # Plain descent is written out.
    return call.written(f"[{script.moving}], lr=lr", descent.momentum)


def _step(script: Script) -> list[str]:
    moving = script.moving
    backward = "loss" if script.batch_size is None else "loss_on(rows)"
    plain = script.record.descent.optimizer == GD.name and not script.in_groups
    lines = [f"{backward}.backward()"]
    if not plain:
        lines.append("optimizer.step()")
    within = [f"{moving} -= lr * {moving}.grad"] if plain else []
    if script.bounds and script.in_groups:
        within.append("for one, low, high in zip(parameters, lower, upper):")
        within += indented(["one.clamp_(low, high)"])
    elif script.bounds:
        within.append(f"{moving}.clamp_({', '.join(script.edges)})")
    if within:
        lines += ["with torch.no_grad():", *indented(within)]
    lines.append(f"{moving}.grad.zero_()" if plain else "optimizer.zero_grad()")
    return lines
