"""Schedules against PyTorch's, step by step."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from steepest.descent.schedules import learning_rates
from steepest.methods.schedules import LEAST, SCHEDULE, WARM
from steepest.words.errors import UsageError

STEPS = 40
WARMED = round(WARM * STEPS)


def warm_cosine(optimizer: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
    return lr_scheduler.SequentialLR(
        optimizer,
        [
            lr_scheduler.LinearLR(optimizer, 1 / WARMED, 1.0, WARMED),
            lr_scheduler.CosineAnnealingLR(optimizer, STEPS - WARMED),
        ],
        [WARMED],
    )


COUNTERPARTS: dict[str, Callable[[Any], lr_scheduler.LRScheduler]] = {
    "constant": lambda o: lr_scheduler.ConstantLR(o, 1.0),
    "linear": lambda o: lr_scheduler.LinearLR(o, 1.0, 0.0, STEPS),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS),
    "exponential": lambda o: lr_scheduler.ExponentialLR(o, LEAST ** (1 / STEPS)),
    "warmup-cosine": warm_cosine,
}


def rates_of(make: Callable[[Any], lr_scheduler.LRScheduler]) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.3)
    found = []
    with warnings.catch_warnings():
        # One schedule after the other still passes the epoch that PyTorch no longer wants.
        warnings.simplefilter("ignore", UserWarning)
        scheduler = make(optimizer)
        for _ in range(STEPS):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    return found


@pytest.mark.parametrize("name", SCHEDULE)
def test_a_schedule_is_that_of_pytorch(name: str) -> None:
    found = learning_rates(name, 0.3, STEPS, 0, STEPS)
    np.testing.assert_allclose(found, rates_of(COUNTERPARTS[name]), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", SCHEDULE)
def test_parts_of_a_schedule_are_the_whole(name: str) -> None:
    whole = learning_rates(name, 0.1, 23, 0, 30)
    parts = [learning_rates(name, 0.1, 23, first, first + 6) for first in range(0, 30, 6)]
    assert np.array_equal(whole, np.concatenate(parts))
    assert np.isfinite(whole).all()
    assert (whole >= 0).all()
    assert len(set(whole[23:])) == 1, "later steps have the rate of the last"


@pytest.mark.parametrize("name", SCHEDULE)
@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_the_shortest_schedules_begin_with_a_step(name: str, steps: int) -> None:
    found = learning_rates(name, 0.1, steps, 0, max(1, steps))
    assert np.isfinite(found).all()
    assert found[0] > 0


def test_an_unknown_schedule_is_said() -> None:
    with pytest.raises(UsageError, match="constant, linear, cosine"):
        learning_rates("step", 0.1, 10, 0, 1)
