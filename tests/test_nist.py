"""NIST's certified nonlinear regressions: a remedy gets from every start to the answer."""

from functools import cache

import pytest
from tests.nist import NAMES, Certified, load

import steepest
from steepest.descent.solver import solve_by
from steepest.measure.minimum import find_minimum
from steepest.problem.options import Options
from steepest.problem.prepare import prepare_fit
from steepest.problem.setup import Setup
from steepest.records.arrays import Vector
from steepest.records.problem import Settings
from steepest.run.run import Run
from steepest.study.aim import MINIMUM_SECONDS

BELOW_ROUNDING = "Lanczos1"
"""Its residual sum, 1.4e-25, is less than rounding leaves, so its weights are compared instead."""

REACHED = 1e-6
WEIGHTS = 1e-4

STARTS = [
    pytest.param(name, which, id=f"{name}-start-{which + 1}") for name in NAMES for which in (0, 1)
]

# MGH10 and Misra1a: curvatures 1e13 times apart. BoxBOD: from this start Levenberg-Marquardt ends
# at 8.3 times the certified sum. DanWood: gradient descent does get there.
WHOLE = [("MGH10", 0), ("Misra1a", 0), ("BoxBOD", 0), ("DanWood", 1)]


@cache
def certified(name: str) -> Certified:
    return load(name)


@cache
def prepared(name: str, which: int) -> Setup:
    given = certified(name)
    return prepare_fit(given.columns, given.formula, Options(start=given.starts[which]))


@cache
def fitted(name: str, which: int) -> Run:
    given = certified(name)
    return steepest.fit(given.columns, given.formula, start=given.starts[which])


def is_certified(name: str, loss: float, weights: dict[str, float]) -> bool:
    given = certified(name)
    close = weights == pytest.approx(given.weights, rel=WEIGHTS)
    if name == BELOW_ROUNDING:
        return close
    return close and loss * given.rows == pytest.approx(given.residual_sum, rel=REACHED)


def by_levenberg_marquardt(setup: Setup, start: Vector) -> tuple[float, dict[str, float]]:
    found = solve_by(setup.objective, Settings(optimizer="lm", steps=1000), start)
    return found.descent.final_loss, setup.in_user_units(found.final_weights)


def test_all_data_sets_are_there() -> None:
    assert len(NAMES) == 27
    assert len({param.id for param in STARTS}) == 54


@pytest.mark.parametrize("name", NAMES)
def test_the_formula_is_the_certified_model(name: str) -> None:
    given, objective = certified(name), prepared(name, 0).objective
    loss = objective.value(objective.vector(given.weights))
    if name == BELOW_ROUNDING:
        # The weights are given to 11 digits, and the data are of the order of 1.
        assert 0 <= loss < 1e-20
    else:
        assert loss * given.rows == pytest.approx(given.residual_sum, rel=1e-8)


@pytest.mark.parametrize(("name", "which"), STARTS)
def test_a_start_has_a_remedy_to_the_certified_answer(name: str, which: int) -> None:
    setup = prepared(name, which)
    loss, weights = by_levenberg_marquardt(setup, setup.start)
    if not is_certified(name, loss, weights):
        lower = find_minimum(setup.objective, setup.start, seconds=MINIMUM_SECONDS)
        assert lower is not None
        assert lower.start is not None
        assert lower.loss < loss
        loss, weights = by_levenberg_marquardt(setup, setup.objective.vector(lower.start))
    assert is_certified(name, loss, weights), (loss, weights)


@pytest.mark.parametrize(("name", "which"), WHOLE)
class TestTheWholeRun:
    def test_offers_a_remedy_that_gets_there(self, name: str, which: int) -> None:
        offered = fitted(name, which).remedies
        assert any(
            remedy.reached and is_certified(name, remedy.measured_loss, dict(remedy.weights))
            for remedy in offered
        ), [(remedy.change, remedy.measured_loss) for remedy in offered]

    def test_offers_only_what_stays_where_its_sentence_says(self, name: str, which: int) -> None:
        run = fitted(name, which)
        goal = run.measurements.goal
        assert goal is not None
        for remedy in run.remedies:
            assert remedy.reached == (remedy.measured_loss <= goal.loss), remedy.change

    def test_claims_the_minimum_only_where_it_is(self, name: str, which: int) -> None:
        run, given = fitted(name, which), certified(name)
        there = run.loss * given.rows <= 1.01 * given.residual_sum * (1 + 1e-9)
        codes = {finding.code for finding in run.verdict.findings}
        assert ("SD206" in codes) == there
        assert run.verdict.headline.startswith("At the minimum") == there
        forecast = run.measurements.forecast
        assert forecast is not None
        if forecast.steps is None:
            assert run.verdict.learning_rate != "just right"

    def test_knows_the_certified_minimum(self, name: str, which: int) -> None:
        minimum = fitted(name, which).measurements.minimum
        assert minimum is not None
        assert is_certified(name, minimum.loss, dict(minimum.weights))


@pytest.mark.parametrize("name", ["MGH10", "Misra1a"])
def test_where_gradient_descent_is_the_wrong_tool_it_is_said(name: str) -> None:
    run = fitted(name, 0)
    given = certified(name)
    assert run.loss * given.rows > 10 * given.residual_sum
    assert "no learning rate that was tried gets within 1 % of the minimum" in run.verdict.headline
    first = run.remedies[0]
    assert first.change in ("lbfgs", "Levenberg-Marquardt")
    assert "gradient descent is the wrong tool here" in first.sentence
