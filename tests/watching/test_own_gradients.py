"""Loops that put gradients in their places by themselves, and optimizers that step in turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.watching.test_misread import INPUTS, blamed, groups, some
from torch import nn
from torch.nn import functional

import steepest
from steepest.records.verdict import Verdict

Step = Callable[[nn.Module, torch.optim.Optimizer, torch.Tensor, torch.Tensor], Any]


def model_of(size: int = 16) -> nn.Sequential:
    return nn.Sequential(nn.Linear(INPUTS, size), nn.Tanh(), nn.Linear(size, 4))


def by_hand(model: nn.Module, optimizer: Any, x: torch.Tensor, y: torch.Tensor) -> Any:
    """Nothing is added to what is there, so nothing needs a reset."""
    loss = functional.cross_entropy(model(x), y)
    parameters = list(model.parameters())
    for weight, slope in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        weight.grad = slope
    return loss


def first_order(model: nn.Module, optimizer: Any, x: torch.Tensor, y: torch.Tensor) -> Any:
    """The gradient at weights that one step on half the rows leads to (first-order MAML)."""
    names, parameters = zip(*model.named_parameters(), strict=True)
    inner = torch.autograd.grad(functional.cross_entropy(model(x[:16]), y[:16]), parameters)
    fast = [
        (w - 0.05 * g).detach().requires_grad_() for w, g in zip(parameters, inner, strict=True)
    ]
    out = torch.func.functional_call(model, dict(zip(names, fast, strict=True)), (x[16:],))
    loss = functional.cross_entropy(out, y[16:])
    optimizer.zero_grad()
    for weight, slope in zip(parameters, torch.autograd.grad(loss, fast), strict=True):
        weight.grad = slope
    return loss


def without_biases(model: nn.Module, optimizer: Any, x: torch.Tensor, y: torch.Tensor) -> Any:
    loss = functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    for name, weight in model.named_parameters():
        if name.endswith("bias"):
            assert weight.grad is not None
            weight.grad.zero_()
    return loss


def last_bias_held(model: nn.Module, optimizer: Any, x: torch.Tensor, y: torch.Tensor) -> Any:
    loss = functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    model.get_parameter("2.bias").grad = None
    return loss


def of_each_row(model: nn.Module, optimizer: Any, x: torch.Tensor, y: torch.Tensor) -> Any:
    """As for privacy: each row's gradient, clipped, then their mean."""

    def loss_of(parameters: Any, row: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        out = torch.func.functional_call(model, parameters, (row[None],))
        return functional.cross_entropy(out, target[None])

    known = {name: weight.detach() for name, weight in model.named_parameters()}
    slopes = torch.func.vmap(torch.func.grad(loss_of), (None, 0, 0))(known, x, y)
    for name, weight in model.named_parameters():
        weight.grad = slopes[name].clamp(-1, 1).mean(0)
    return functional.cross_entropy(model(x), y)


def watched(step: Step, steps: int = 100) -> tuple[Verdict, list[float], Any]:
    torch.manual_seed(0)
    x, y = groups()
    model = model_of()
    optimizer, losses = torch.optim.SGD(model.parameters(), 0.2), []
    with steepest.watch(model, optimizer, store=False) as watch:
        for i in range(steps):
            loss = step(model, optimizer, x[some(i)], y[some(i)])
            watch.loss(loss)
            losses.append(float(loss.detach()))
            optimizer.step()
    assert watch.run is not None
    return watch.verdict, losses, watch.run.record


@pytest.mark.parametrize(
    "step", [by_hand, first_order, without_biases, last_bias_held, of_each_row]
)
def test_gradients_that_the_loop_puts_there_are_no_fault(step: Step) -> None:
    verdict, losses, record = watched(step)
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])
    assert blamed(verdict) == []
    assert not record.dropped


def test_a_gradient_that_the_loop_takes_away_was_not_cut() -> None:
    (found,) = [one for one in watched(last_bias_held)[0].findings if one.code == "SD405"]
    assert "the loop takes it away before step()" in found.sentence


def test_gradients_that_are_added_up_are_told_though_others_are_asked_for() -> None:
    """A gradient that is logged by `autograd.grad` is no pass of its own."""

    def step(model: nn.Module, optimizer: Any, x: torch.Tensor, y: torch.Tensor) -> Any:
        loss = functional.cross_entropy(model(x), y)
        torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
        loss.backward()
        return loss

    verdict, _, record = watched(step)
    assert record.resets.not_reset >= 95
    assert [one.severity for one in verdict.findings if one.code == "SD407"] == ["error"]


def test_a_gradient_of_zero_was_not_reset_away() -> None:
    """An inner gradient arrives; that of the loss, by weights that were detached, is zero."""

    def step(model: nn.Module, optimizer: Any, x: torch.Tensor, y: torch.Tensor) -> Any:
        names, parameters = zip(*model.named_parameters(), strict=True)
        inner = torch.autograd.grad(functional.cross_entropy(model(x), y), parameters)
        fast = [w.detach() - 0.05 * g for w, g in zip(parameters, inner, strict=True)]
        out = torch.func.functional_call(model, dict(zip(names, fast, strict=True)), (x,))
        loss = functional.cross_entropy(out, y) + sum((w - w).sum() for w in parameters)
        optimizer.zero_grad()
        loss.backward()
        return loss

    codes = {one.code for one in watched(step)[0].findings if one.severity == "error"}
    assert codes == {"SD409"}


@pytest.mark.parametrize("every", [5, 1000])
def test_an_optimizer_that_steps_less_often_has_lost_no_numbers(every: int) -> None:
    torch.manual_seed(0)
    maker, judge = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
    both = nn.ModuleDict({"maker": maker, "judge": judge})
    ours, theirs = (torch.optim.Adam(part.parameters(), 1e-3) for part in (maker, judge))
    with steepest.watch(both, [theirs, ours], store=False) as watch:
        for i in range(150):
            real, drawn = torch.randn(32, 2) + 2, torch.randn(32, 2)
            loss = functional.softplus(-judge(real)).mean()
            loss = loss + functional.softplus(judge(maker(drawn).detach())).mean()
            watch.loss(loss)
            theirs.zero_grad()
            loss.backward()
            theirs.step()
            if i % every == every - 1:
                ours.zero_grad()
                functional.softplus(-judge(maker(drawn))).mean().backward()
                ours.step()
    assert watch.run is not None
    said = {one.code: one.sentence for one in watch.verdict.findings if one.severity != "info"}
    if every == 5:
        assert said == {}
    else:
        assert list(said) == ["SD408"]
        assert "maker.bias never moved in 150 steps: the optimizer that has them" in said["SD408"]
