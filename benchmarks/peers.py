"""The tutorial's problem by others, each in the way that its documentation shows.

First a recorded step: against a step that torch.compile compiled, and against loops in C, which
are the limit. Then the whole problem: against libraries that find the same weights. Those that
solve least squares directly need microseconds where a descent needs a hundred steps, and a call of
`steepest.fit` also measures, explains and judges: its ratio says what that costs.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import time as clock
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import jax
import numpy as np
import torch
from scipy.optimize import curve_fit

import steepest
from benchmarks.c_loops import compiler_version, over_quadratic, over_rows, quadratic_of
from benchmarks.compiled_step import CompiledSteps
from benchmarks.problem import DATA, FORMULA, LR, START, Walked, columns, descended, start
from benchmarks.registry import (
    DifferentWorkError,
    Effort,
    NotMeasuredError,
    Samples,
    benchmark,
)
from benchmarks.steps import LONG, LONGEST, SHORT, demand_same_beginning, demand_same_ends
from benchmarks.timing import compare, duration
from steepest.descent.run import descend
from steepest.problem.options import Options
from steepest.problem.prepare import prepare_fit
from steepest.records.arrays import Vector
from steepest.records.problem import Settings


def demand_installed(*modules: str) -> None:
    """Raise NotMeasuredError, naming the first package of these that is not there."""
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise NotMeasuredError(f"{module} is not installed")


# A recorded step


def first_call(ours: Callable[[], object]) -> float:
    """Seconds of a call that finds nothing compiled."""
    jax.clear_caches()
    began = clock.perf_counter()
    ours()
    return clock.perf_counter() - began


def _against_compiled(at_once: int) -> None:
    graph = "one step" if at_once == 1 else f"{at_once} steps, unrolled,"

    @benchmark(
        f"peer-torch-compile-{at_once}",
        f"a recorded step of {LONG:,} on the quadratic, against the same step in a loop in which "
        f"torch.compile made {graph} one graph, with one thread",
        bound=None,
    )
    def measure(effort: Effort) -> Samples:
        default = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            theirs = CompiledSteps(at_once)
            found = compare(
                lambda: descended("quadratic", LONG),
                lambda: theirs.walk(*columns(), start(), LR, effort.eager_steps),
                demand_same_beginning,
                rounds=effort.rounds,
                ours_steps=LONG,
                theirs_steps=effort.eager_steps,
            )
        finally:
            torch.set_num_threads(default)
        compiling = duration(first_call(lambda: descended("quadratic", SHORT)))
        first = f"the first call, which compiles, {compiling} against {duration(theirs.compiling)}"
        return Samples(found.values, f"{found.detail}; {first}")


for _at_once in (1, 10):
    _against_compiled(_at_once)


def _in_c(engine: str, steps: int) -> Callable[[], Walked]:
    time, speed = columns()
    if engine == "formula":
        return partial(over_rows, time, speed, start(), LR, steps)
    return partial(over_quadratic, quadratic_of(time, speed), start(), LR, steps)


def _against_c(engine: str, steps: int) -> None:
    loop = "its three by three quadratic" if engine == "quadratic" else "its twenty rows"

    @benchmark(
        f"peer-c-{engine}" + {SHORT: "-short", LONG: "", LONGEST: "-long"}[steps],
        f"a recorded step of {steps:,} on the {engine}, against a hand-written loop in C over "
        f"{loop}, which is the limit",
        bound=None,
    )
    def measure(effort: Effort) -> Samples:
        found = compare(
            lambda: descended(engine, steps),
            _in_c(engine, steps),
            demand_same_ends if steps >= LONG else demand_same_beginning,
            rounds=3 * effort.rounds,
            ours_steps=steps,
            theirs_steps=steps,
        )
        return Samples(found.values, f"{found.detail}; {compiler_version()}")


_against_c("quadratic", LONGEST)
_against_c("quadratic", LONG)
_against_c("quadratic", SHORT)
_against_c("formula", LONG)


# The whole problem


@dataclass(frozen=True)
class Goal:
    """A loss of at most `factor` times that of least squares."""

    words: str
    factor: float

    @property
    def loss(self) -> float:
        """The highest that is good enough."""
        return self.factor * lowest_loss()

    def demand(self, *weights: Vector) -> None:
        """Raise DifferentWorkError unless each of these weights (3,) is good enough."""
        for found in map(loss_at, weights):
            if not found <= self.loss:
                raise DifferentWorkError(f"a loss of {found:.9g}, and the goal is {self.loss:.9g}")


def _design() -> Any:
    time, _ = columns()
    return np.stack([time**2, time, np.ones_like(time)], axis=1)


def loss_at(weights: Vector) -> float:
    """The tutorial's loss at weights (3,), by NumPy."""
    return float(np.mean((_design() @ weights - columns()[1]) ** 2))


@cache
def lowest_loss() -> float:
    """Its minimum, by least squares."""
    return loss_at(np.linalg.lstsq(_design(), columns()[1])[0])


MINIMUM = Goal("its minimum, to nine digits", 1 + 1e-9)
ONE_PERCENT = Goal("1 % above its minimum", 1.01)


def parabola(t: Any, a: Any, b: Any, c: Any) -> Any:
    """The tutorial's model."""
    return a * t**2 + b * t + c


def _curve_fit() -> Callable[[], Vector]:
    time, speed = columns()
    return lambda: np.asarray(curve_fit(parabola, time, speed, p0=list(START.values()))[0])


def _lmfit() -> Callable[[], Vector]:
    demand_installed("lmfit")
    lmfit = importlib.import_module("lmfit")
    time, speed = columns()

    def solve() -> Vector:
        found = lmfit.Model(parabola).fit(speed, t=time, **START).best_values
        return np.array([found[name] for name in START])

    return solve


def _sgd() -> Callable[[], Vector]:
    """Scaled, and as many passes as it takes to see a million rows, as its guide advises.

    With the tolerance that it has by default it stops too early (see `one_percent`); the penalty,
    which moves the minimum, is turned off.
    """
    demand_installed("sklearn")
    linear, made, scaled = (
        importlib.import_module(f"sklearn.{part}")
        for part in ("linear_model", "pipeline", "preprocessing")
    )
    time, speed = columns()
    passes = math.ceil(1e6 / len(time))

    def solve() -> Vector:
        model = made.make_pipeline(
            scaled.StandardScaler(),
            scaled.PolynomialFeatures(2, include_bias=False),
            linear.SGDRegressor(max_iter=passes, tol=None, penalty=None, random_state=0),
        )
        model.fit(time[:, None], speed)
        # Of a parabola its values at three places are its weights.
        places = np.array([0.0, 1.0, 2.0])
        return np.asarray(np.polyfit(places, model.predict(places[:, None]), 2))

    return solve


@dataclass(frozen=True)
class Peer:
    """Another library that finds the tutorial's weights."""

    name: str
    what: str
    goal: Goal
    solver: Callable[[], Callable[[], Vector]]
    times: int
    """Solutions in a round."""


PEERS = (
    Peer("curve-fit", "scipy.optimize.curve_fit", MINIMUM, _curve_fit, 20),
    Peer("lmfit", "lmfit's Model.fit", MINIMUM, _lmfit, 20),
    Peer("sgd", "scikit-learn's SGDRegressor, scaled, with a million rows", ONE_PERCENT, _sgd, 1),
)


def _fitted(**options: Any) -> steepest.Run:
    """All of `steepest.fit`, from the columns."""
    time, speed = columns()
    return steepest.fit({"time": time, "speed": speed}, FORMULA, start=START, **options)


def _weights_of(named: Mapping[str, float]) -> Vector:
    return np.array([named[name] for name in START])


def _by_fit(**options: Any) -> Vector:
    return _weights_of(_fitted(**options).weights)


@cache
def _chosen_rate() -> float:
    rate = _fitted(standardize=True, remedies=False).record.settings.lr
    assert rate is not None
    return rate


def _by_descent(goal: Goal) -> Callable[[], Vector]:
    """Only the descent, on standardized columns, with the learning rate that fit chooses."""
    setup = prepare_fit(DATA, FORMULA, Options(start=START, standardize=True))
    settings = Settings(lr=_chosen_rate(), steps=1000)

    def solve() -> Vector:
        found = descend(
            setup.moving,
            settings,
            setup.start,
            goal=goal.loss,
            stop_at_goal=True,
            scale=setup.scale,
        )
        return _weights_of(setup.in_user_units(found.final_weights))

    return solve


def _repeated(solve: Callable[[], Vector], times: int) -> Callable[[], Vector]:
    def again() -> Vector:
        for _ in range(times - 1):
            solve()
        return solve()

    return again


def _against_solver(
    name: str, what: str, peer: Peer, ours: Callable[[], Callable[[], Vector]], times: int = 1
) -> None:
    @benchmark(
        name,
        f"the tutorial's problem to {peer.goal.words}: {what}, against {peer.what}",
        bound=None,
    )
    def measure(effort: Effort) -> Samples:
        return compare(
            _repeated(ours(), times),
            _repeated(peer.solver(), peer.times),
            peer.goal.demand,
            rounds=3 * effort.rounds,
            ours_steps=times,
            theirs_steps=peer.times,
            per="solution",
        )


for _peer in PEERS:
    _against_solver(
        f"peer-{_peer.name}",
        "all of steepest.fit on standardized columns, with what it measures, explains and judges",
        _peer,
        lambda: partial(_by_fit, standardize=True),
    )
    _against_solver(
        f"peer-{_peer.name}-descent",
        "only its descent on standardized columns, with the learning rate that it chose",
        _peer,
        partial(_by_descent, _peer.goal),
        times=20,
    )
_against_solver(
    "peer-curve-fit-lm",
    "all of steepest.fit with the optimizer lm, which is the same method",
    PEERS[0],
    lambda: partial(_by_fit, optimizer="lm"),
)
