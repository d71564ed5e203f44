"""One full-batch loss and gradient, against the time in which the memory copies as many bytes.

Two columns of float64 must be read: 16 bytes a row. A copy of one such column reads 8 bytes a row
and writes 8, so it moves as many; it is numpy's, with a thread on each core, over arrays that fit
no cache. Both are timed by the clock. The loss and each slope must be those of sums in extended
precision to 1e-12 before times count.
"""

from __future__ import annotations

import os
import time as clock
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.registry import FULL, DifferentWorkError, Effort, Samples, benchmark
from benchmarks.timing import compare, duration
from steepest.engine.xla import float64
from steepest.formula.parse import parse_model
from steepest.objective.objective import Objective, formula_objective
from steepest.records.arrays import Vector

ROWS = 10_000_000
QUICK_ROWS = 4_000_000
"""Their columns are 64 MB together, and 32 MB of them are copied to as many."""

PASSES = 5
SHARE = 0.6
TOLERANCE = 1e-12

Found = tuple[float, Vector]
Functions = Mapping[str, Callable[[jax.Array], jax.Array]]
"""By name, those that a row's loss and slopes cannot be had without."""


def _columns(rows: int) -> dict[str, Vector]:
    draws = np.random.default_rng(rows)
    time = draws.uniform(0.0, 10.0, rows)
    speed = draws.normal(7.0, 1.0, rows) + time * (0.3 * time - 2.0)
    return {"time": time, "speed": speed, "late": (speed < 5.0).astype(np.float64)}


def _squared(columns: Mapping[str, Vector], at: Vector) -> Found:
    """The mean squared error of a*time**2 + b*time + c and its slopes, in extended precision."""
    time = columns["time"].astype(np.longdouble)
    residual = (at[0] * time + at[1]) * time + at[2] - columns["speed"]
    slopes = [2 * np.mean(residual * part) for part in (time * time, time, 1.0)]
    return float(np.mean(residual * residual)), np.array(slopes, dtype=np.float64)


def _logistic(columns: Mapping[str, Vector], at: Vector) -> Found:
    """The cross-entropy of the logit a*time + b and its slopes, in extended precision."""
    time, target = columns["time"].astype(np.longdouble), columns["late"]
    logit = at[0] * time + at[1]
    pull = 1 / (1 + np.exp(-logit)) - target
    value = np.mean(np.log1p(np.exp(logit)) - target * logit)
    return float(value), np.array([np.mean(pull * time), np.mean(pull)], dtype=np.float64)


def demand_same(found: Found, wanted: Found) -> None:
    """Raise DifferentWorkError unless loss and slopes agree to TOLERANCE."""
    for mine, other in zip((found[0], *found[1]), (wanted[0], *wanted[1]), strict=True):
        if not abs(mine - other) <= TOLERANCE * abs(other):
            raise DifferentWorkError(f"{mine} here is {other} in extended precision")


class Copy:
    """A copy of one column, a part of it on each core."""

    def __init__(self, source: Vector):
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
        target = np.zeros_like(source)
        self._parts = list(
            zip(np.array_split(target, threads), np.array_split(source, threads), strict=True)
        )
        self._pool = ThreadPoolExecutor(threads)

    def __call__(self) -> None:
        """Copy all of it."""
        list(self._pool.map(lambda part: np.copyto(*part), self._parts))


def _passes(once: Callable[[], Any]) -> Any:
    for _ in range(PASSES - 1):
        once()
    return once()


def _seconds(once: Callable[[], Any], rounds: int) -> float:
    once()
    taken = []
    for _ in range(rounds):
        began = clock.perf_counter()
        once()
        taken.append(clock.perf_counter() - began)
    return median(taken)


def _sum_of(function: Callable[[jax.Array], jax.Array], column: jax.Array) -> Callable[[], Any]:
    """A function's sum over a column, by XLA's library of functions."""
    compiled = jax.jit(lambda x: jnp.sum(function(x)))
    return lambda: compiled(column).block_until_ready()


def _profile(
    name: str, objective: Objective, at: Vector, copy: Copy, functions: Functions, rounds: int
) -> str:
    """Where the time of a pass goes: what it is made of, each for itself on the same rows."""
    kernel, data = objective.kernel, objective.data
    with float64():
        plain = jax.jit(jax.value_and_grad(kernel.loss))
        column = data["rows"]["columns"]["time"]
        of_copy = _seconds(copy, rounds)
        of_functions = {
            what: _seconds(_sum_of(function, column), rounds)
            for what, function in functions.items()
        }
        timed = {
            "a copy of as many bytes": of_copy,
            "one column read and added up": _seconds(_sum_of(lambda x: x, column), rounds),
            **{f"{what} of one column, added up": t for what, t in of_functions.items()},
            "the loss alone": _seconds(lambda: objective.value(at), rounds),
            "loss and gradient, as measured above": _seconds(
                lambda: objective.value_and_gradient(at), rounds
            ),
            "the same where JAX differentiates the mean as it stands": _seconds(
                lambda: jax.block_until_ready(plain(at, data)), rounds
            ),
        }
    lines = [
        f"| {what} | {duration(seconds)} | {_a_row(seconds, objective)} |"
        for what, seconds in timed.items()
    ]
    head = ["| on the same rows, by the clock | time | a row |", "|---|---|---|"]
    found = [f"## {name}: where the time goes", "", *head, *lines]
    if functions:
        found += [
            "",
            f"{100 * SHARE:.0f} % of the copy's bandwidth would leave "
            f"{_a_row(of_copy / SHARE, objective)} a row. {' and '.join(functions)} must be taken "
            f"of every row; alone they take {_a_row(sum(of_functions.values()), objective)}.",
        ]
    return "\n".join(found)


def _a_row(seconds: float, objective: Objective) -> str:
    return f"{1e9 * seconds / objective.rows:.2f} ns"


def _against_copy(
    effort: Effort,
    name: str,
    formula: str,
    at: Vector,
    wanted_of: Callable[[Mapping[str, Vector], Vector], Found],
    functions: Functions,
    **more: Any,
) -> Samples:
    columns = _columns(ROWS if effort is FULL else QUICK_ROWS)
    objective = formula_objective(parse_model(formula, tuple(columns)), columns, **more)
    copy = Copy(columns["time"])
    wanted = wanted_of(columns, at)
    samples = compare(
        lambda: _passes(lambda: objective.value_and_gradient(at)),
        lambda: _passes(copy),
        lambda ours, _: demand_same(ours, wanted),
        rounds=3 * effort.rounds,
        ours_steps=PASSES,
        theirs_steps=PASSES,
        per="pass",
        judged="passed",
    )
    copied = f"{100 / samples.median:.0f} % of the copy's bandwidth"
    section = _profile(name, objective, at, copy, functions, effort.rounds)
    return replace(samples, detail=f"{copied}; {samples.detail}", section=section)


@benchmark(
    "bandwidth",
    f"one loss and gradient of a*time**2 + b*time + c under mse on {ROWS:,} rows, against a copy "
    "of as many bytes as must be read (16 a row)",
    bound=1 / SHARE,
)
def measure(effort: Effort) -> Samples:
    """The bound is 60 % of the copy's bandwidth."""
    return _against_copy(
        effort,
        "bandwidth",
        "speed ~ a*time**2 + b*time + c",
        np.array([0.5, -1.0, -2.0]),
        _squared,
        {},
        loss="mse",
    )


@benchmark(
    "bandwidth-logistic",
    f"one loss and gradient of a logistic regression on {ROWS:,} rows, against a copy of as many "
    "bytes as must be read (16 a row)",
    bound=None,
)
def measure_logistic(effort: Effort) -> Samples:
    """No bound: two exponentials and a logarithm a row take longer than the row from memory."""
    return _against_copy(
        effort,
        "bandwidth-logistic",
        "late ~ a*time + b",
        np.array([-0.5, 1.0]),
        _logistic,
        {
            "log(1 + exp(-abs(x)))": lambda x: jnp.log1p(jnp.exp(-jnp.abs(x))),
            "sigmoid(x)": jax.nn.sigmoid,
        },
        loss="cross-entropy",
        gives="logit",
    )
