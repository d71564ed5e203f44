"""How often JAX compiles when a descent is repeated with other numbers of the same shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

import steepest
from benchmarks.problem import FORMULA, columns
from benchmarks.registry import DifferentWorkError, Effort, Samples, benchmark
from steepest.descent.run import descend
from steepest.descent.sweep import paths
from steepest.problem.options import Options
from steepest.problem.prepare import prepare_fit
from steepest.records.problem import Settings

COMPILED = "/jax/core/compile/backend_compile_duration"

Job = Callable[[dict[str, Any], dict[str, float], float, int], int]
"""(data, start, lr, steps) -> steps done."""


@contextmanager
def counted() -> Iterator[list[str]]:
    """A list that grows by one entry with each compilation."""
    seen: list[str] = []

    def note(event: str, duration_secs: float, **details: str | int) -> None:
        if event == COMPILED:
            seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        yield seen
    finally:
        jax.monitoring.unregister_event_duration_listener(note)


def _on(engine: str) -> Job:
    def job(data: dict[str, Any], start: dict[str, float], lr: float, steps: int) -> int:
        setup = prepare_fit(data, FORMULA, Options(start=start, lr=lr))
        moving = setup.moving if engine == "quadratic" else setup.objective
        settings = Settings(lr=lr, steps=steps)
        return descend(moving, settings, setup.start, scale=setup.scale).descent.steps

    return job


def _sweep(data: dict[str, Any], start: dict[str, float], lr: float, steps: int) -> int:
    setup = prepare_fit(data, FORMULA, Options(start=start, lr=lr))
    found = paths(setup.moving, Settings(), setup.start, lr * np.linspace(0.1, 1, 121), steps)
    return int(found.step[-1])


def _fit(data: dict[str, Any], start: dict[str, float], lr: float, steps: int) -> int:
    run = steepest.fit(data, FORMULA, start=start, lr=lr, steps=steps)
    return run.record.descent.steps


def _register(
    name: str, what: str, job: Job, steps: tuple[int, int, int], *, ever: bool = True
) -> None:
    """`ever` says whether anything is compiled at all."""

    @benchmark(
        f"compilations-{name}",
        f"{what}, repeated with other steps, learning rate, start and data of the same shape",
        bound=0,
        unit="compilations",
    )
    def measure(effort: Effort) -> Samples:
        time, speed = columns()
        other = np.random.default_rng(3).permutation(speed) + 0.5 * time
        plain = {"time": time, "speed": speed}
        begin, elsewhere = {"a": 0.0121, "b": -0.6397, "c": 0.6416}, {"a": -1.0, "b": 2.0, "c": 3.0}
        few, some, many = steps
        changes: dict[str, tuple[dict[str, Any], dict[str, float], float, int]] = {
            "more steps": (plain, begin, 1e-5, many),
            "fewer steps": (plain, begin, 1e-5, few),
            "learning rate": (plain, begin, 3e-5, some),
            "start": (plain, elsewhere, 1e-5, some),
            "data": ({"time": time + 0.25, "speed": other}, begin, 1e-5, some),
        }
        jax.clear_caches()
        with counted() as seen:
            job(plain, begin, 1e-5, some)
        first = len(seen)
        if bool(first) != ever:
            raise DifferentWorkError(f"{first} programs were compiled the first time")
        anew = {}
        for change, given in changes.items():
            with counted() as seen:
                done = job(*given)
            if done != given[-1]:
                raise DifferentWorkError(f"{change}: stopped at step {done}, not at {given[-1]}")
            anew[change] = len(seen)
        compiled = ", ".join(f"{change}: {count}" for change, count in anew.items() if count)
        none = f"{first or 'none'} the first time, none afterwards"
        return Samples((float(sum(anew.values())),), compiled or none)


MANY = (10, 2_000, 123_456)

_register("quadratic", "a descent on the quadratic", _on("quadratic"), MANY, ever=False)
_register("formula", "a descent on the formula", _on("formula"), MANY)
_register("sweep", "121 learning rates with full traces", _sweep, (1_025, 1_500, 2_000))
_register("fit", "a whole steepest.fit", _fit, MANY, ever=False)
