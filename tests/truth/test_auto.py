"""`--lr auto` is just right by its own verdict, or says why that was not measured."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
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


def curved(seed: list[int], model: Callable[[float, float, Any], Any]) -> tuple[Any, Any, Any]:
    """Rows of a curve of two weights with some scatter, in units of their own, and a start."""
    draw = np.random.default_rng(seed)
    of_x, of_y = (float(10.0 ** draw.uniform(-1, 1)) for _ in range(2))
    x = np.sort(draw.uniform(0.5, 10, 40)) * of_x
    true = {"a": 8.0 * of_y, "b": 3.0 * of_x}
    clean = model(true["a"], true["b"], x)
    y = clean + 0.03 * float(np.ptp(clean)) * draw.normal(size=40)
    start = {name: float(value * 10 ** draw.normal(scale=0.2)) for name, value in true.items()}
    return x, y, start


def test_where_no_rate_arrives_the_chosen_one_is_half_as_good_as_the_best() -> None:
    """In the steps at hand; it once was on a detour above its start when they were over."""
    x, y, start = curved([98, 7], lambda a, b, x: a * x**2 / (b**2 + x**2))
    run = steepest.fit(
        {"x": x, "y": y}, "y ~ a*x**2/(b**2 + x**2)", start=start, steps=200, remedies=False
    )
    chosen = run.record.descent.lr
    rates = np.append(chosen * np.geomspace(1e-2, 1e2, 81), chosen)
    a, b = (np.full(len(rates), value) for value in start.values())

    def left() -> Any:
        return (a[:, None] * x**2 / (b[:, None] ** 2 + x**2)) - y

    first = float(np.mean(left()[0] ** 2))
    with np.errstate(all="ignore"):
        for _ in range(200):
            share, off = x**2 / (b[:, None] ** 2 + x**2), left()
            slope = -2 * (a * b)[:, None] * share / (b[:, None] ** 2 + x**2)
            a, b = (
                a - rates * 2 * np.mean(off * share, axis=1),
                b - rates * 2 * np.mean(off * slope, axis=1),
            )
        final = np.mean(left() ** 2, axis=1)
    assert run.loss == pytest.approx(final[-1], rel=1e-6)
    assert first - final[-1] >= 0.5 * (first - np.nanmin(final))


def test_a_chosen_rate_that_arrives_nowhere_ends_below_its_start() -> None:
    """One that jumps across a valley is low on its way; it once was chosen for that."""
    x, y, start = curved([11, 48], lambda a, b, x: a / (1 + x / b))
    run = steepest.fit({"x": x, "y": y}, "y ~ a/(1 + x/b)", start=start, steps=200, remedies=False)
    a, b = start.values()
    losses = []
    for _ in range(201):
        off = a / (1 + x / b) - y
        losses.append(np.mean(off**2))
        slopes = np.stack([1 / (1 + x / b), a * x / (b + x) ** 2])
        a, b = np.array([a, b]) - run.record.descent.lr * 2 * np.mean(off * slopes, axis=1)
    assert run.loss == pytest.approx(losses[-1], rel=1e-6)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("seed", [66, 91, 116])
def test_where_the_lowest_leaps_the_chosen_one_takes_off_half_as_much(seed: int) -> None:
    """Far above the limit a sine ends anywhere, often low; the smallest was once chosen for it."""
    draw = np.random.default_rng([1, seed, 77])
    of_x, of_y = (float(10.0 ** draw.uniform(-1, 1)) for _ in range(2))
    x = np.sort(draw.uniform(0.5, 10, 40)) * of_x
    true = {"a": 3.0 * of_y, "b": 1.4 / of_x, "c": 0.5}
    clean = true["a"] * np.sin(true["b"] * x + true["c"])
    y = clean + 0.03 * float(np.ptp(clean)) * draw.normal(size=40)
    start = {name: float(value * 10 ** draw.normal(scale=0.2)) for name, value in true.items()}
    run = steepest.fit(
        {"x": x, "y": y}, "y ~ a*sin(b*x + c)", start=start, steps=200, remedies=False
    )
    rates = np.append(run.record.descent.lr * np.geomspace(1e-3, 1e3, 121), run.record.descent.lr)
    at = np.tile(list(start.values()), (len(rates), 1)).T
    losses = []
    with np.errstate(all="ignore"):
        for _ in range(201):
            a, b, c = at[:, :, None]
            off, along = a * np.sin(b * x + c) - y, 2 * a * np.cos(b * x + c)
            losses.append(np.mean(off**2, axis=1))
            slopes = np.stack([2 * off * np.sin(b * x + c), off * along * x, off * along])
            at = at - rates * np.mean(slopes, axis=2)
    first, last = losses[0][0], np.max(losses[-20:], axis=0)
    assert run.loss == pytest.approx(losses[-1][-1], rel=1e-6)
    assert first - last[-1] >= 0.5 * (first - np.nanmin(last))
