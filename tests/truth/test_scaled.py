"""A loss counted in another unit is the same problem: the words about it are the same."""

import os
import random

import numpy as np
import pytest

import steepest

MANY = int(os.environ.get("STEEPEST_SCALES", "1"))
"""Scales for each problem; 300 are 1,200 problems."""

EXPRESSIONS = (
    "(x - 1)**2",
    "(x - 1)**2 + 10*(y + 2)**2",
    "x**4 - 3*x",
)
X = np.linspace(0.5, 3.0, 12)
Y = 2 * X + 1 + 0.1 * np.sin(17 * X)

scales = [10.0 ** random.Random(23 + place).uniform(-150, 150) for place in range(MANY)]


def words(run: steepest.Run) -> tuple[str, tuple[str, ...], str]:
    codes = tuple(finding.code for finding in run.verdict.findings)
    return run.verdict.learning_rate, codes, run.record.descent.stopped


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_times_a_number(expression: str) -> None:
    wanted = words(steepest.minimize(expression, steps=200, remedies=False))
    for scale in scales:
        found = steepest.minimize(f"{scale!r}*({expression})", steps=200, remedies=False)
        assert words(found) == wanted, scale


def test_a_target_in_another_unit() -> None:
    start = {"a": 1.0, "b": 0.0}
    wanted = words(
        steepest.fit({"x": X, "y": Y}, "y ~ a*x + b", start=start, steps=200, remedies=False)
    )
    for scale in scales:
        begins = {name: scale * value for name, value in start.items()}
        found = steepest.fit(
            {"x": X, "y": scale * Y}, "y ~ a*x + b", start=begins, steps=200, remedies=False
        )
        assert words(found) == wanted, scale
