"""SD501 of a fit: the noise of batches keeps the loss up. Judged beside loops in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steepest

ROWS = 64


def noisy(seed: int, scatter: float = 0.3) -> tuple[Any, Any]:
    draw = np.random.default_rng(seed)
    x = draw.normal(size=ROWS)
    return x, 2 * x + 1 + scatter * draw.normal(size=ROWS)


def fitted(seed: int, scatter: float = 0.3, **options: Any) -> steepest.Run:
    x, y = noisy(seed, scatter)
    given: dict[str, Any] = {"start": {"a": 0.0, "b": 0.0}, "steps": 500, "batch_size": 1}
    given |= {"remedies": False, "save": False, **options}
    return steepest.fit({"x": x, "y": y}, "y ~ a*x + b", **given)


def levels(seed: int, lr: float, size: int, beta: float, steps: int) -> float:
    """The mean loss of all rows over the second half of a descent on batches of another order."""
    x, y = noisy(seed)
    design = np.stack([x, np.ones(ROWS)], axis=1)
    order = np.random.default_rng(seed + 1)
    weights, velocity, losses = np.zeros(2), np.zeros(2), []
    rows = order.permutation(ROWS)
    for step in range(steps):
        place = step * size % ROWS
        if not place:
            rows = order.permutation(ROWS)
        batch = rows[place : place + size]
        off = design[batch] @ weights - y[batch]
        velocity = beta * velocity + 2 * design[batch].T @ off / size
        weights = weights - lr * velocity
        losses.append(np.mean((design @ weights - y) ** 2))
    return float(np.mean(losses[steps // 2 :]))


def found(run: steepest.Run) -> Any:
    return next((one for one in run.verdict.findings if one.code == "SD501"), None)


@pytest.mark.parametrize(
    ("optimizer", "beta", "size", "lr"),
    [("gd", 0, 1, 0.2), ("gd", 0, 4, 0.5), ("momentum", 0.9, 1, 0.02), ("momentum", 0.9, 4, 0.06)],
)
@pytest.mark.parametrize("seed", range(3))
def test_noise_that_keeps_the_loss_up_is_said(
    seed: int, optimizer: str, beta: float, size: int, lr: float
) -> None:
    run = fitted(seed, optimizer=optimizer, batch_size=size, lr=lr)
    finding, least = found(run), run.measurements.minimum
    assert finding is not None, run.verdict.headline
    assert least is not None
    assert run.verdict.headline.startswith("The loss goes up and down around ")
    told = finding.evidence
    level, calmer = (levels(seed, rate, size, beta, 8000) for rate in (lr, told["calmer_lr"]))
    for mean, true in ((told["run_on"], level), (told["calmer"], calmer)):
        assert mean - least.loss == pytest.approx(true - least.loss, rel=0.7)
    assert calmer - least.loss < 0.5 * (level - least.loss)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": None, "lr": 0.2},
        {"batch_size": 1, "lr": 1e-4},
        {"batch_size": 1, "lr": "auto"},
        {"batch_size": 16, "lr": "auto", "optimizer": "momentum"},
        {"batch_size": 1, "lr": 0.2, "scatter": 0.0},
        {"batch_size": 1, "lr": 0.2, "steps": 30},
    ],
    ids=["all rows", "still falling", "chosen", "chosen, 16", "no scatter", "too few steps"],
)
def test_near_misses_are_not_said(seed: int, options: dict[str, Any]) -> None:
    run = fitted(seed, **options)
    assert found(run) is None, run.verdict.headline


def test_what_is_said_holds_where_it_is_done() -> None:
    """The calmer rate for so much longer, as the sentence says: there it is as low as it says."""
    run = fitted(0, lr=0.2)
    told = found(run).evidence
    again = fitted(0, lr=told["calmer_lr"], steps=4000)
    trace = again.trace
    assert np.mean(trace.loss[trace.step > 2000]) == pytest.approx(told["calmer"], rel=1e-9)


def across(lr: float, steps: int) -> float:
    """The mean of |x - 1| + 0.1·y² over the second half of a descent from (0, 1)."""
    x, y, losses = 0.0, 1.0, []
    for _ in range(steps):
        x, y = x - lr * np.sign(x - 1), y - lr * 0.2 * y
        losses.append(abs(x - 1) + 0.1 * y**2)
    return float(np.mean(losses[steps // 2 :]))


@pytest.mark.parametrize("lr", [0.3, 0.07, 0.41])
def test_steps_that_leap_over_a_kink_are_told_so(lr: float) -> None:
    """A rate of 1 lands on it by chance: nothing says that this one is too small."""
    run = steepest.minimize(
        "abs(x - 1) + 0.1*y**2", start={"x": 0, "y": 1}, lr=lr, steps=200, save=False
    )
    told = run.measurements.hovering
    assert told is not None, run.verdict.headline
    assert told.cause == "kink"
    assert told.later == pytest.approx(across(lr, 400), rel=1e-2)
    assert told.calmer == pytest.approx(across(told.lr, 1600), rel=1e-2)
    assert "it has a kink, where the slope does not shrink" in run.verdict.headline
    assert run.verdict.learning_rate == "not measured"
    assert not [one for one in run.remedies if one.change == "better learning rate"]


def test_absolute_errors_that_a_model_meets_exactly_are_told_so() -> None:
    x = np.linspace(0, 10, 50)
    run = steepest.fit(
        {"x": x, "y": 2 * x + 1}, "y ~ a*x + b", start={"a": 0, "b": 0}, loss="mae", lr=0.05,
        steps=300, remedies=False, save=False,
    )  # fmt: skip
    assert "it has a kink" in run.verdict.headline


@pytest.mark.parametrize(
    ("expression", "options"),
    [
        ("(x - 1)**2 + 0.1*y**2", {"lr": 0.3}),
        ("(x - 1)**2 + 0.1*y**2", {"lr": 0.999}),
        ("abs(x - 1) + 0.1*y**2", {"lr": 1e-4}),
        ("abs(x - 1) + 0.1*y**2", {"lr": 0.3, "optimizer": "adam"}),
        ("abs(x - 3.7)**3 + 0.1*y**2", {"lr": 0.05}),
        ("(x**4 + y**4) + 0*abs(x)", {"lr": 0.02}),
    ],
)
def test_near_misses_of_a_kink_are_not_said(expression: str, options: dict[str, Any]) -> None:
    run = steepest.minimize(
        expression, start={"x": 0.1, "y": 1}, steps=200, remedies=False, save=False, **options
    )
    assert run.measurements.hovering is None, run.verdict.headline
