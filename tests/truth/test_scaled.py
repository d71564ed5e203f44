"""A loss counted in another unit is the same problem: the words about it are the same."""

import os
import random
import re

import numpy as np
import pytest

import steepest

MANY = int(os.environ.get("STEEPEST_SCALES", "1"))
"""Scales for each problem, and twice as many drawn problems."""

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


def drawn(seed: int) -> tuple[str, dict[str, float], float]:
    """An expression of two terms with its start, and a number to multiply it by."""
    draw = random.Random(seed)

    def number() -> str:
        return f"{draw.uniform(0.3, 3) * 10 ** draw.randint(-2, 2):.3g}"

    def term(name: str) -> str:
        a, b = number(), number()
        return draw.choice(
            [
                f"{a}*({name} - {b})**2",
                f"({name}**4 - {a}*{name}**2)",
                f"{a}*({name}**2 - {b}*{name})",
                f"exp({name}) - {a}*{name}",
                f"log(1 + exp({name} - {a}))",
                f"{name}**2/(1 + {name}**2)",
                f"cos({name}) + {a}*{name}",
                f"abs({name} - {a})",
            ]
        )

    start = {"x": draw.choice([0.0, 1.0, draw.gauss(0, 2)]), "y": draw.gauss(0, 1)}
    joined = draw.choice(["{} + {}", "{} - {}"]).format(term("x"), term("y"))
    # By a power of two nothing is rounded otherwise.
    return joined, start, 2.0 ** draw.randint(-498, 498)


def said(run: steepest.Run) -> tuple[object, ...]:
    """The words of the headline without its numbers, and the codes."""
    headline = re.sub(r"-?\d([\d,.]*\d)?(e[+-]?\d+)?", "N", run.verdict.headline)
    # Where both ways are equally low, either may be told.
    return headline.replace("minus infinity", "infinity"), words(run)


@pytest.mark.parametrize("seed", range(2 * MANY))
def test_a_drawn_expression_times_a_number(seed: int) -> None:
    expression, start, scale = drawn(seed)
    wanted, found = (
        said(steepest.minimize(text, start=start, steps=200, remedies=False))
        for text in (expression, f"{scale!r}*({expression})")
    )
    assert found == wanted, (expression, start, scale)


@pytest.mark.parametrize(
    ("expression", "start"),
    [
        ("tan(x)", {"x": 1.5707963}),
        ("y**2 - 1/(x - 1)", {"x": 1.0000001, "y": 1}),
    ],
)
def test_beside_a_pole_nothing_is_a_minimum(expression: str, start: dict[str, float]) -> None:
    run = steepest.minimize(expression, start=start, remedies=False)
    told = f"{run.verdict.headline} {run.verdict.findings}"
    assert run.verdict.headline.startswith("The loss has no minimum: it falls without end.")
    assert "rounding" not in told
    assert "SD206" not in told


@pytest.mark.parametrize(
    ("expression", "start", "why"),
    [
        ("1e308*x**2", 1.0, "beyond the largest"),
        ("1e200*x**2", 1e-200, "too small"),
        ("1e-200*1e-200*x**2", 1.0, "too small"),
    ],
)
def test_what_64_bits_cannot_hold_is_refused(expression: str, start: float, why: str) -> None:
    with pytest.raises(steepest.SteepestError, match=why):
        steepest.minimize(expression, start={"x": start}, remedies=False)
