"""`--lr auto` is just right by its own verdict, or says why that was not measured."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from tests.truth import generator

import steepest
from steepest.methods.optimizers import OPTIMIZERS

SEED = 20260
WAYS = tuple(product(OPTIMIZERS, (10, 100, 1000)))

# One way a problem, and another step limit for the next with the same optimizer.
CASES = [
    pytest.param(name, *WAYS[place * 4 % len(WAYS)], id=f"{name}-{place}")
    for place, name in enumerate(generator.names(1))
]

# What a search once chose badly. Too small: another learning rate comes upon the goal by luck.
FOUND: list[tuple[str, str, int, int]] = [
    ("saddle, product 1", "momentum", 10, 20260),
    ("local minimum 1", "gd", 1000, 20260),
    ("too small 1", "rmsprop", 1000, 20260),
    ("just right, product 1", "adamw", 100, 7),
    ("ill-conditioned, valley 1", "nesterov", 100, 7),
]


def judged(problem: Any, optimizer: str, steps: int) -> None:
    options = {"start": problem.start, "fix": problem.fix, "optimizer": optimizer, "steps": steps}
    if problem.data is None:
        run = steepest.minimize(problem.text, remedies=False, **options)
    else:
        run = steepest.fit(problem.data, problem.text, remedies=False, **options)
    word = run.verdict.learning_rate
    assert word in ("just right", "not measured"), run.verdict.headline
    if word == "not measured":
        assert run.measurements.not_measured.get("rates")


@pytest.mark.parametrize(("name", "optimizer", "steps"), CASES)
def test_auto_is_never_too_small_or_too_large(name: str, optimizer: str, steps: int) -> None:
    judged(generator.problem(SEED, name), optimizer, steps)


@pytest.mark.parametrize(("name", "optimizer", "steps", "seed"), FOUND)
def test_what_a_search_once_chose_badly(name: str, optimizer: str, steps: int, seed: int) -> None:
    judged(generator.problem(seed, name), optimizer, steps)
