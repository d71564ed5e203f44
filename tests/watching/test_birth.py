"""Where the first number was made that is not finite: planted, and found again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from steepest.checks.training import judge_training
from steepest.records.loss_graph import Birth
from steepest.watching import Attached

ROWS, WIDE, STEP, ROW = 8, 4, 3, 5

Operation = Callable[[torch.Tensor], torch.Tensor]

INF = float("inf")

KINDS: dict[str, tuple[Operation, float, str, str, str]] = {
    # name: what is done to numbers of 1 and more, the number that is planted, the phase, the
    # operation, and words of its cause
    "log of 0": (lambda z: torch.log(z), 0.0, "forward", "log", "log of 0"),
    "log below 0": (lambda z: z.log(), -1.0, "forward", "log", "below 0"),
    "log2": (lambda z: torch.log2(z), 0.0, "forward", "log", "log of 0"),
    "root below 0": (lambda z: torch.sqrt(z), -1.0, "forward", "square root", "below 0"),
    "root at 0": (lambda z: z.sqrt(), 0.0, "backward", "square root", "at 0"),
    "one over root": (lambda z: torch.rsqrt(z), 0.0, "forward", "rsqrt", "division by 0"),
    "divided by 0": (lambda z: 1 / z, 0.0, "forward", "reciprocal", "division by 0"),
    "0 by 0": (lambda z: z / z, 0.0, "forward", "divided by", "0 divided by 0"),
    "negative power": (lambda z: z**-2, 0.0, "forward", "to the power", "power of 0"),
    "fraction of a negative": (lambda z: z**0.3, -1.0, "forward", "to the power", "below 0"),
    "power below 1": (lambda z: z**0.3, 0.0, "backward", "to the power", "at 0"),
    "exp": (lambda z: torch.exp(z), 200.0, "forward", "exp", "so large"),
    "all masked": (
        lambda z: z.masked_fill(z == 7, -INF).softmax(1), 7.0, "forward", "softmax", "masked",
    ),
    "acos beyond 1": (lambda z: torch.acos(z / 1e3), 2e3, "forward", "acos", "outside"),
    "acos at 1": (lambda z: torch.acos(z / 1e3), 1e3, "backward", "acos", "infinite"),
    "equal numbers": (
        lambda z: z.var(1, keepdim=True).sqrt() * z, 2.0, "backward", "square root", "at 0",
    ),
    "log1p": (lambda z: torch.log1p(-z / 1e3), 1e3, "forward", "log", ""),
    "root under where": (
        lambda z: torch.where(z > 0, torch.sqrt(z), z), 0.0, "backward", "square root", "where()",
    ),
    "log under where": (
        lambda z: torch.where(z > 0, torch.log(z), z), 0.0, "", "log", "log of 0",
    ),
    "by 0 under where": (
        lambda z: torch.where(z > 0, 3 / z, z), 0.0, "", "", "division by 0",
    ),
    "too large": (lambda z: z * 1e38 * 0, 1e6, "forward", "times", "too large"),
    "infinity minus infinity": (
        lambda z: torch.exp(z) - torch.exp(z), 200.0, "forward", "exp", "so large",
    ),
}  # fmt: skip


class Planted(nn.Module):
    """Does it to what comes in, of which one row is replaced at one step."""

    def __init__(self, does: Operation, value: float):
        super().__init__()
        self.linear, self.does, self.value = nn.Linear(WIDE, WIDE), does, value
        self.active = False

    def forward(self, x: torch.Tensor) -> Any:
        return planted(self.linear(x), self)


def planted(y: torch.Tensor, of: Planted) -> torch.Tensor:
    z = 1 + torch.tanh(y).abs()
    if of.active:
        row = torch.zeros(len(y), 1)
        row[ROW] = 1
        z = z * (1 - row) + row * of.value + 0 * y
    return y + of.does(z)


PLACES = ("first", "middle.1", "after the model")


def birth_of(name: str, place: str, *, closure: bool) -> tuple[Birth | None, Any]:
    torch.manual_seed(0)
    does, value, *_ = KINDS[name]
    sick, plain = Planted(does, value), nn.Linear(WIDE, WIDE)
    model = nn.Sequential()
    model.add_module("first", sick if place == "first" else plain)
    inner = sick if place == "middle.1" else nn.Linear(WIDE, WIDE)
    model.add_module("middle", nn.Sequential(nn.Tanh(), inner, nn.Tanh()))
    model.add_module("last", nn.Linear(WIDE, WIDE))
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    watch = Attached(model, [optimizer], probe_every=1000)
    for step in range(STEP + 2):
        sick.active = step == STEP
        x = torch.randn(ROWS, WIDE)

        def loss_of(x: torch.Tensor = x) -> torch.Tensor:
            out = model(x)
            out = planted(out, sick) if place == "after the model" else out
            return torch.tanh(out).square().mean()

        loss = loss_of()
        watch.loss(loss)
        if closure:
            watch.probe(loss_of)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    watch.detach()
    record = watch.record("0")
    assert not record.dropped
    return record.birth, judge_training(record)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", KINDS)
def test_a_planted_birth_is_found(name: str, place: str) -> None:
    _, _, phase, operation, cause = KINDS[name]
    birth, verdict = birth_of(name, place, closure=True)
    assert birth is not None
    assert birth.step == STEP
    if phase:
        assert birth.phase == phase
    assert operation in birth.operation
    assert cause in (birth.cause or "")
    assert birth.row == ROW
    assert birth.layer == (None if place == "after the model" else place)
    assert birth.line is not None
    assert birth.line.startswith("test_birth.py:")
    assert birth.source == "the closure"
    said = next(found.sentence for found in verdict.findings if found.code == "SD406")
    assert f"row {ROW} of the batch" in said


@pytest.mark.parametrize("place", PLACES[:2])
@pytest.mark.parametrize("name", KINDS)
def test_without_a_closure_the_model_is_run_again(name: str, place: str) -> None:
    birth, _ = birth_of(name, place, closure=False)
    assert birth is not None
    assert (birth.step, birth.row, birth.layer) == (STEP, ROW, place)
    assert birth.source == "the model on the batch"


def test_what_the_optimizer_loses() -> None:
    """Adam in float16: its eps is 0 there, and a gradient of 0 is divided by 0."""
    torch.manual_seed(0)
    model = nn.Linear(4, 2).half()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    watch = Attached(model, [optimizer])
    for _ in range(6):
        x = torch.randn(8, 4).half()
        x[:, 1] = 0
        loss = model(x).float().square().mean()
        watch.loss(loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    watch.detach()
    record = watch.record("0")
    assert record.eps_lost[0] == "Adam (eps=1e-08)"
    assert record.birth is not None
    assert (record.birth.phase, record.birth.step) == ("optimizer", 0)
    codes = {found.code: found.sentence for found in judge_training(record).findings}
    assert "weights" in codes["SD406"]
    assert "eps" in codes["SD416"]
