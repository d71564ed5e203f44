"""Every verdict right on problems with known truth, whatever the seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.truth import generator

import steepest
from steepest.records.verdict import Remedy
from steepest.run.run import Run

SEED = 20260
OTHER_SEED = 7

NAMES = generator.names()


def run(problem: Any, **options: Any) -> Run:
    if problem.data is None:
        return steepest.minimize(problem.text, **problem.options, **options)
    return steepest.fit(problem.data, problem.text, **problem.options, **options)


def test_there_are_enough() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 60
    kinds = {name.split(",")[0].rstrip(" 0123456789") for name in NAMES}
    assert kinds >= {
        "too small", "just right", "too large", "a tenth above the best", "ill-conditioned",
        "looks flat", "flat direction", "at the minimum", "edge of stability", "saddle",
        "local minimum",
    }  # fmt: skip


def judged(problem: Any) -> None:
    found = run(problem, remedies=False)
    truth, m = problem.truth, found.measurements
    codes = {finding.code for finding in found.verdict.findings}
    said = f"{found.verdict.headline} {sorted(codes)} {m.not_measured}"
    assert found.verdict.learning_rate in truth.words, said
    assert truth.present <= codes, said
    assert not truth.absent & codes, said
    assert not truth.one_of or truth.one_of & codes, said

    assert m.minimum is not None
    assert m.minimum.loss == pytest.approx(truth.minimum, rel=1e-6, abs=1e-9)
    if truth.limit is not None and m.descent.stopped != "diverged":
        assert m.stability_limit == pytest.approx(truth.limit, rel=1e-3)

    assert m.forecast is not None
    if truth.steps is not None:
        assert m.forecast.steps is not None, m.forecast.basis
        share = 1.1 if problem.quadratic else 2.0
        assert truth.steps / share <= m.forecast.steps <= truth.steps * share
        if truth.steps <= 20_000:
            rates = np.array([problem.lr])
            counted = generator.descend(
                problem.loss, problem.gradient, problem.point, rates, problem.goal, 25_000
            )[0]
            assert counted / share <= m.forecast.steps <= counted * share
    elif truth.counted:
        assert m.forecast.steps is None
        assert m.forecast.basis

    for code in ("SD202", "SD203"):
        if truth.direction is not None and code in truth.present:
            (finding,) = [f for f in found.verdict.findings if f.code == code]
            way: Any = finding.evidence["direction"]
            ours = np.array([way.get(name, 0.0) for name in truth.direction])
            theirs = np.array(list(truth.direction.values()))
            assert abs(ours @ theirs) / np.linalg.norm(ours) == pytest.approx(1, abs=1e-4)
    if "SD203" in truth.present:
        leaves_the_saddle(found, problem)
    the_evidence_holds(found, problem)


def leaves_the_saddle(found: Run, problem: Any) -> None:
    """The way out that is shown does lower the loss, by as much as is said."""
    escape = found.measurements.escape
    assert escape is not None
    here = np.array(list(found.weights.values()))
    there = here + escape.by * np.array(list(escape.direction.values()))
    change = float(problem.loss(there) - problem.loss(here))
    assert change < 0
    assert change == pytest.approx(escape.change, rel=1e-6)


def the_evidence_holds(found: Run, problem: Any) -> None:
    """A word other than just right names a learning rate; the plain loop gets there with it."""
    for finding in found.verdict.findings:
        if finding.code not in ("SD101", "SD102", "SD103") or "better_lr" not in finding.evidence:
            continue
        evidence: Any = finding.evidence
        if evidence["better_steps"] > 50_000:
            continue
        rates = np.array([evidence["better_lr"]])
        counted = generator.descend(
            problem.loss, problem.gradient, problem.point, rates, evidence["goal"], 60_000
        )[0]
        # Learning rates are reported to six digits, and near the limit a digit is a few steps.
        assert counted == pytest.approx(evidence["better_steps"], rel=0.05, abs=2)


@pytest.mark.parametrize("name", NAMES)
def test_the_verdict(name: str) -> None:
    judged(generator.problem(SEED, name))


@pytest.mark.parametrize("name", generator.names(1))
def test_another_seed(name: str) -> None:
    judged(generator.problem(OTHER_SEED, name))


WITH_REMEDIES = (
    "too small 1", "just right 1", "too large, diverges 1", "too large, bounces 1",
    "ill-conditioned 1", "flat direction 1", "at the minimum 1", "edge of stability 1",
    "too small, decay 1", "too large, logistic 1", "local minimum 1",
    "ill-conditioned, valley 1",
)  # fmt: skip


@pytest.mark.parametrize("name", WITH_REMEDIES)
def test_no_remedy_makes_it_worse(name: str) -> None:
    problem = generator.problem(SEED, name)
    found = run(problem)
    goal = found.measurements.goal
    assert goal is not None
    assert goal.loss == pytest.approx(problem.goal, rel=1e-6, abs=1e-9)
    needed = problem.truth.steps
    if needed is None:
        # Someone gets there, or it would not be among these.
        assert found.remedies
    for remedy in found.remedies:
        if needed is not None:
            assert remedy.reached
        if remedy.reached:
            assert remedy.measured_steps is not None
            assert needed is None or remedy.measured_steps < needed
            at = np.array([remedy.weights[name] for name in problem.start])
            assert float(problem.loss(at)) <= goal.loss * (1 + 1e-9) + 1e-12
        else:
            assert remedy.measured_loss < found.loss
        again(remedy.record, problem, goal.loss)


def again(remedy: Remedy, problem: Any, goal: float) -> None:
    """Walk a remedy's descent in NumPy, and count."""
    settings = remedy.settings
    assert settings is not None
    if not remedy.reached or (remedy.measured_steps or 0) > 50_000:
        return
    changed = {"standardize", "rescale"} & set(remedy.options or ())
    step = STEPS.get(settings.optimizer)
    if step is None or changed or settings.lr is None:
        return
    beta = 0.9 if settings.momentum is None else settings.momentum
    rates = np.array([settings.rates.get(name, settings.lr) for name in problem.start])
    at, memory = problem.point, np.zeros(len(problem.point))
    counted = 0
    while float(problem.loss(at)) > goal:
        gradient = problem.gradient(at)
        memory = beta * memory + gradient
        at = at - rates * step(gradient, memory, beta)
        counted += 1
        assert counted < 60_000
    assert counted == pytest.approx(remedy.measured_steps, rel=0.05, abs=2)


STEPS: dict[str, Callable[[Any, Any, float], Any]] = {
    "gd": lambda gradient, memory, beta: gradient,
    "momentum": lambda gradient, memory, beta: memory,
    "nesterov": lambda gradient, memory, beta: gradient + beta * memory,
}
"""As torch.optim.SGD defines them, with dampening 0."""
