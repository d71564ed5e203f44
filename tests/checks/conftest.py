"""Measurements for the checks to judge: built by hand, or computed here with NumPy alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steepest.records.descent import (
    Descent,
    Forecast,
    Goal,
    RateStudy,
    RateTrial,
)
from steepest.records.point import Minimum, Spectrum
from steepest.records.problem import Problem, Settings
from steepest.records.verdict import ColumnFacts, Measurements, RowShare

SPEED = Path(__file__).parents[2] / "examples" / "speed.csv"
WITHIN = "within 1 % of the minimum"
ENDED = "the loss this run ended with"

Trial = tuple[float, int | None] | tuple[float, int | None, bool]


def trial(
    lr: float, steps: int | None, measured: bool = True, limit: int | None = None
) -> RateTrial:
    return RateTrial(lr, steps, limit, 0.0, diverged=False, measured=measured)


def study(
    own: tuple[float, int | None, int | None],
    trials: Sequence[Trial],
    *,
    goal: Goal | None = None,
) -> RateStudy:
    """`own` is (lr, steps, limit); each trial is (lr, steps) or (lr, steps, measured)."""
    others = tuple(trial(*given) for given in trials)
    run = [one for one in others if one.measured and one.steps is not None]
    return RateStudy(
        goal or Goal(0.01, WITHIN),
        trial(own[0], own[1], own[1] is not None and own[2] is not None, own[2]),
        others,
        min(run, key=lambda one: one.steps or 0, default=None),
    )


def spectrum(
    values: Sequence[float] | np.ndarray, vectors: Any = None, at: str = "end", **changes: Any
) -> Spectrum:
    size = len(values)
    found = Spectrum(
        at=at,  # type: ignore[arg-type]
        values=np.array(values, dtype=float),
        vectors=np.eye(size) if vectors is None else np.array(vectors, dtype=float),
        residuals=np.zeros(size),
        complete=True,
    )
    return replace(found, **changes)


def build(
    *,
    problem: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    descent: Mapping[str, Any] | None = None,
    **measured: Any,
) -> Measurements:
    """A descent on x**2 + y**2, half way, of which nothing else was measured; then `measured`."""
    return Measurements(
        **{
            "problem": replace(
                Problem("minimize", "x**2 + y**2", ("x", "y"), False), **(problem or {})
            ),
            "settings": replace(Settings(lr=0.1), **(settings or {})),
            "descent": replace(
                Descent(
                    optimizer="gd", lr=0.1, lr_chosen="given", momentum=None, steps=5,
                    stopped="step limit", stopped_why="", seconds=0.0, final_loss=1.0,
                    final_step=5, first_loss=10.0, lowest_loss=1.0, lowest_step=5,
                    turn=1.0, recent_fall=0.5,
                ),
                **(descent or {}),
            ),
            "final_gradient": {"x": 2.0, "y": 0.0},
            "first_gradient": {"x": 6.0, "y": 2.0},
            "final_weights": {"x": 1.0, "y": 0.0},
            **measured,
        }
    )  # fmt: skip


def speed(lr: float = 1e-5, steps: int = 10) -> Measurements:
    """The tutorial's descent, from its data: NumPy, step by step."""
    time, target = np.loadtxt(SPEED, delimiter=",", skiprows=1).T
    inputs = np.stack([time**2, time, np.ones_like(time)], axis=1)
    names = ("a", "b", "c")
    rows = len(time)
    hessian = 2 * inputs.T @ inputs / rows
    values, vectors = np.linalg.eigh(hessian)
    solution, *_ = np.linalg.lstsq(inputs, target, rcond=None)
    floor = float(np.mean((inputs @ solution - target) ** 2))
    goal = Goal(1.01 * floor, WITHIN)
    start = np.array([0.0121, -0.6397, 0.6416])

    def loss(at: np.ndarray) -> float:
        return float(np.mean((inputs @ at - target) ** 2))

    def gradient(at: np.ndarray) -> np.ndarray:
        return np.asarray(2 * inputs.T @ (inputs @ at - target) / rows)

    points = [start]
    for _ in range(steps):
        points.append(points[-1] - lr * gradient(points[-1]))
        if loss(points[-1]) > 1e10 * loss(start):
            break
    losses = [loss(point) for point in points]
    moves = np.diff(points[-3:], axis=0)
    tenfold = [step for step, value in enumerate(losses) if value > 10 * losses[0]]
    diverged = losses[-1] > 10 * losses[0]

    along = vectors.T @ (start - solution)

    def steps_to_goal(rate: float) -> int | None:
        if rate >= 2 / values[-1]:
            return None
        low, high = 0, 10**10
        while high - low > 1:
            middle = (low + high) // 2
            excess = np.sum(0.5 * values * along**2 * (1 - rate * values) ** (2 * middle))
            low, high = (low, middle) if floor + excess <= goal.loss else (middle, high)
        return high

    own = steps_to_goal(lr)
    # The best single rate to three digits, found by trying.
    rates = np.linspace(0.9, 0.9999, 1000) * 2 / values[-1]
    best = min(rates, key=lambda rate: steps_to_goal(float(rate)) or 10**18)
    quickest = trial(float(best), steps_to_goal(float(best)))
    pulls = inputs * (inputs @ start - target)[:, None]
    shares = np.linalg.norm(pulls / np.linalg.norm(pulls, axis=0), axis=1)
    shares = shares / shares.sum()
    return Measurements(
        problem=Problem(
            "fit", "speed ~ a*time**2 + b*time + c", names, True, loss="mse", target="speed",
            columns=("time", "speed"), source="speed.csv", rows=rows, rows_read=rows,
        ),
        settings=Settings(lr=lr, steps=steps),
        descent=Descent(
            optimizer="gd", lr=lr, lr_chosen="given", momentum=None, steps=len(points) - 1,
            stopped="diverged" if diverged else "step limit", stopped_why="", seconds=0.0,
            final_loss=losses[-1], final_step=len(points) - 1, first_loss=losses[0],
            lowest_loss=min(losses), lowest_step=int(np.argmin(losses)),
            tenfold_step=tenfold[0] if tenfold else None,
            growing=losses[-1] > losses[-2],
            turn=float(moves[0] @ moves[1] / np.linalg.norm(moves[0]) / np.linalg.norm(moves[1])),
            recent_fall=(losses[-2] - losses[-1]) / losses[-1],
        ),
        final_gradient=dict(zip(names, map(float, gradient(points[-1])), strict=True)),
        first_gradient=dict(zip(names, map(float, gradient(start)), strict=True)),
        final_weights=dict(zip(names, map(float, points[-1]), strict=True)),
        spectrum=spectrum(values[::-1], vectors[:, ::-1]),
        stability_limit=float(2 / values[-1]),
        minimum=Minimum(floor, dict(zip(names, map(float, solution), strict=True)), "closed form"),
        goal=goal,
        forecast=Forecast(WITHIN, own, "from the spectrum"),
        rates=RateStudy(goal, trial(lr, own, False), (quickest,), quickest),
        columns=(
            ColumnFacts("time", float(time.mean()), float(time.std()), float(np.abs(time).max())),
            ColumnFacts("speed", float(target.mean()), float(target.std()), float(target.max())),
        ),
        row_shares=tuple(
            RowShare(int(row), float(shares[row])) for row in np.argsort(-shares)[:10]
        ),
        reference_loss=float(target.var()),
    )  # fmt: skip


# Test files cannot import each other, so what they share comes as fixtures.
class Making:
    build = staticmethod(build)
    study = staticmethod(study)
    trial = staticmethod(trial)
    spectrum = staticmethod(spectrum)
    speed = staticmethod(speed)


@pytest.fixture(scope="session")
def make() -> type[Making]:
    return Making


@pytest.fixture(scope="session")
def tutorial() -> Callable[..., Measurements]:
    known: dict[tuple[float, int], Measurements] = {}

    def one(lr: float = 1e-5, steps: int = 10) -> Measurements:
        if (lr, steps) not in known:
            known[lr, steps] = speed(lr, steps)
        return known[lr, steps]

    return one
