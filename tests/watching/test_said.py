"""What a loop did is said as it was: which losses were given, which were lost, how many rows."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

import steepest

STEPS, ROWS = 40, 4


def watched(
    *,
    every: int = 1,
    lost: range = range(0),
    passes: int = 1,
    moves: bool = True,
    factor: float = 1,
) -> Any:
    """A loop; its loss is given at every so many steps, and infinite at some, which it leaves."""
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    inputs = torch.randn(64, 3)
    with steepest.watch(model, optimizer, store=False) as watch:
        for step in range(STEPS):
            for _ in range(passes):
                x = inputs[torch.randperm(64)[:ROWS]]
                y = x.sum(1, keepdim=True) + factor * torch.randn(ROWS, 1)
                loss = (model(x) - y).square().mean() * (math.inf if step in lost else 1)
                if step % every == 0:
                    watch.loss(loss)
                loss.backward()
            if step in lost:
                optimizer.zero_grad()
            if moves:
                optimizer.step()
                optimizer.zero_grad()
    return watch


def codes(watch: Any) -> list[str]:
    return [finding.code for finding in watch.verdict.findings]


def test_a_loss_that_is_given_now_and_then_is_not_lost_between() -> None:
    watch = watched(every=3)
    assert "SD406" not in codes(watch)
    assert watch.run.record.losses.count == len(range(0, STEPS, 3))


def test_a_loss_that_was_lost_for_one_step_is_not_said_to_be_gone() -> None:
    watch = watched(lost=range(20, 21))
    (found,) = [f.sentence for f in watch.verdict.findings if f.code == "SD406"]
    assert found == "At step 20 the loss was not a finite number, and later it was again."
    assert "no finite number at the end" not in " ".join(str(watch.run).split())
    assert "not finite" not in watch.run.figure("training").title


def test_the_loss_of_the_end_is_not_the_last_finite_one() -> None:
    watch = watched(lost=range(30, STEPS))
    assert math.isnan(watch.run.record.losses.end)
    assert "no finite number at the end" in " ".join(str(watch.run).split())
    assert "is not a finite number any more" in str(codes(watch)) + watch.verdict.headline
    assert "not finite from step 30 on" in watch.run.figure("training").title
    never = watched(lost=range(STEPS))
    assert "never a finite number" in str(never.run)


def test_a_gradient_that_is_lost_for_one_step_comes_back() -> None:
    """As under a GradScaler, which leaves such a step out; the weights stay finite."""
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    watch = steepest.watch(model, optimizer, store=False)
    for step in range(STEPS):
        loss = (model(torch.randn(ROWS, 3)) - 1).square().mean()
        watch.loss(loss)
        optimizer.zero_grad()
        loss.backward()
        if step == 7:
            for group in optimizer.param_groups:
                group["lr"] = 0.0
            model.bias.grad = torch.full((1,), math.inf)
            model.bias.data = model.bias.data.clone()
            before = model.bias.detach().clone()
        optimizer.step()
        if step == 7:
            model.bias.data.copy_(before)
            optimizer.param_groups[0]["lr"] = 0.05
    watch.close()
    (found,) = [f.sentence for f in watch.verdict.findings if f.code == "SD406"]
    assert "any more" not in found


@pytest.mark.parametrize("passes", [1, 8])
def test_a_batch_has_the_rows_of_all_passes_of_a_step(passes: int) -> None:
    watch = watched(passes=passes, factor=30)
    assert watch.run.record.inputs.rows == passes * ROWS
    said = [f.sentence for f in watch.verdict.findings if f.code == "SD501"]
    assert all(f"In a batch of {passes * ROWS} rows" in sentence for sentence in said)
    assert all(("8 passes a step" in sentence) == (passes == 8) for sentence in said)


def test_losses_without_a_step_are_not_said_to_be_missing() -> None:
    watch = watched(moves=False)
    assert "was not given" not in watch.verdict.headline + str(watch.run)
    assert "no step was taken" in watch.run.record.not_measured["loss"]
    (found,) = [f.sentence for f in watch.verdict.findings if f.code == "SD408"]
    assert "optimizer.step() was never called" in found
