"""A run as a script of PyTorch."""

from __future__ import annotations

from typing import Final

from steepest.formula.nodes import Formula
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
    still="{}.detach()",
)


def to_pytorch(record: RunRecord, formula: Formula, source: Source) -> str:
    """A script that walks the path of a run step by step in PyTorch, in float64.

    `formula` is the run's, `source` its rows. The script prints step, loss and weights, those of
    the scaled columns where they were scaled. Raises UsageError for a solver's run.
    """
    check(record)
    script = Script(record, formula, source, _TORCH)
    lines = _data(script)
    if script.batch_size is None:
        lines.append("")
    lines += [*_start(script), *script.table_head(), script.loop()]
    if script.batch_size is None:
        body = [*script.unpacked(), *_model(script, "loss =")]
    else:
        body = ["loss = loss_on(slice(None))  # of all rows"]
    body += [*script.report_lines(), _backward(script), *_step(script)]
    return joined([*lines, *indented(body)])


def to_parts(record: RunRecord, formula: Formula, source: Source) -> dict[str, list[str]]:
    """The lines of PyTorch that do each part of a step, by its name, `data` before the first.

    Run one after the other they walk the path: up to `step` the first step, in `repeat` those that
    are left; `stop` says where that ends. Raises UsageError for a solver's run.
    """
    check(record)
    script = Script(record, formula, source, _TORCH)
    start, before, draw = _start(script), [], []
    if script.batch_size is not None:
        start = [*start, "stream = batches()"]
        before = ["rows = slice(None)  # all of them"]
        draw = ["rows = next(stream)"]
    model = _model(script, "loss =")
    predicted = next((n for n, line in enumerate(model, 1) if line.startswith("prediction")), 0)
    predict = [*before, *script.unpacked(), *model[:predicted]]
    loss, backward = model[predicted:], [*draw, _backward(script)]
    slopes = "[one.grad for one in parameters]" if script.in_groups else f"{script.moving}.grad"
    again = [*predict, *loss, *backward, *_step(script)]
    return {
        "data": _data(script),
        "initialize": start,
        "predict": predict,
        "loss": [*loss, "print(loss.item())"],
        "gradient": [*backward, f"print({slopes})"],
        "step": _step(script),
        "repeat": [f"for step in range(1, {script.last}):", *indented(again)],
        "stop": [*predict, *loss, "print(loss.item())"],
        "length": [] if script.in_groups else [f"print({slopes}.norm())"],
        "reset": [_reset(script)],
    }


def _data(script: Script) -> list[str]:
    """What does not change: the imports, the rows, and where steps are of batches the loss."""
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
    return lines


def _start(script: Script) -> list[str]:
    """Learning rate, weights and optimizer."""
    lines = [*([] if script.in_groups else [f"lr = {script.lr!r}"]), *_weights(script)]
    optimizer = _optimizer(script)
    return lines if optimizer is None else [*lines, f"optimizer = torch.optim.{optimizer}"]


def _weights(script: Script) -> list[str]:
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


def _backward(script: Script) -> str:
    return f"{'loss' if script.batch_size is None else 'loss_on(rows)'}.backward()"


def _is_written_out(script: Script) -> bool:
    return script.record.descent.optimizer == GD.name and not script.in_groups


def _reset(script: Script) -> str:
    return f"{script.moving}.grad.zero_()" if _is_written_out(script) else "optimizer.zero_grad()"


def _step(script: Script) -> list[str]:
    moving = script.moving
    plain = _is_written_out(script)
    lines = [] if plain else ["optimizer.step()"]
    within = [f"{moving} -= lr * {moving}.grad"] if plain else []
    if script.bounds and script.in_groups:
        within.append("for one, low, high in zip(parameters, lower, upper):")
        within += indented(["one.clamp_(low, high)"])
    elif script.bounds:
        within.append(f"{moving}.clamp_({', '.join(script.edges)})")
    if within:
        lines += ["with torch.no_grad():", *indented(within)]
    return [*lines, _reset(script)]
