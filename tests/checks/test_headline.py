"""The headline, word for word."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.agree import contradictions

import steepest
from steepest.checks import judge
from steepest.checks.remedies import BETTER_RATE, ladder
from steepest.records.descent import Forecast, Goal
from steepest.records.point import Breakdown, Minimum
from steepest.records.verdict import Measurements

WITHIN = "within 1 % of the minimum"
FLOOR = Minimum(1.0, {"x": 0.0, "y": 0.0}, "solver")
GOAL = Goal(1.01, WITHIN)


def test_the_tutorial(tutorial: Callable[..., Measurements]) -> None:
    assert judge(tutorial()).headline == (
        "The learning rate is within 3.54 times of the best, but 283.99 is not the minimum, 1.04 "
        "is: the curvature is 218,451 times as large along one direction of the weights as along "
        "another (896 times by scale, 244 times by correlation), so getting within 1 % of the "
        "minimum takes 1,971,722 steps."
    )


def test_the_tutorial_diverging(tutorial: Callable[..., Measurements]) -> None:
    assert judge(tutorial(5e-5, 30)).headline == (
        "The learning rate 5e-05 is too large: above 3.53986e-05 every step overshoots, and the "
        "loss passed ten times its start at step 3."
    )


def test_the_tutorial_crawling(tutorial: Callable[..., Measurements]) -> None:
    m = tutorial(1e-7)
    assert m.rates is not None
    assert m.rates.best is not None
    # The search for the best rate is not under test: the number is set.
    best = replace(m.rates.best, steps=557_217)
    m = replace(m, rates=replace(m.rates, trials=(), best=best))
    assert judge(m).headline == (
        "The learning rate 1e-07 is too small: 3.53951e-05 gets within 1 % of the minimum in "
        "557,217 steps, this one needs 197 million."
    )


def test_the_tutorial_at_its_minimum(tutorial: Callable[..., Measurements]) -> None:
    m = tutorial()
    there = replace(m.descent, final_loss=1.0532646, final_step=1_971_722, recent_fall=1e-9)
    assert judge(replace(m, descent=there)).headline == (
        "At the minimum: loss 1.05326 after 1,971,722 steps."
    )


FELL: dict[str, Any] = {"stopped": "diverged", "final_loss": -1e12, "final_step": 52}

HEADLINES: dict[str, tuple[Callable[[Any], Measurements], str]] = {
    "right, on its way": (
        lambda make: make.build(
            descent={"final_loss": 3.5}, minimum=FLOOR, goal=GOAL,
            forecast=Forecast(WITHIN, 1234, ""), rates=make.study((0.1, 1234, None), [(0.2, 700)]),
        ),
        "The learning rate is within 1.76 times of the best, but 3.5 is not the minimum, 1 is: "
        "getting within 1 % of the minimum takes 1,234 steps.",
    ),
    "right, and no forecast": (
        lambda make: make.build(
            descent={"final_loss": 3.512}, minimum=FLOOR, goal=GOAL,
            rates=make.study((0.1, 1234, None), [(0.2, 1150)]),
        ),
        "The learning rate is right, but 3.51 is not the minimum, 1 is.",
    ),
    "right, and adam": (
        lambda make: make.build(
            descent={"final_loss": 3.512, "optimizer": "adam"}, minimum=FLOOR, goal=GOAL,
            forecast=Forecast(WITHIN, 1234, ""), spectrum=make.spectrum([5000.0, 1.0]),
            rates=make.study((0.1, 1234, None), [(0.2, 700)]),
        ),
        "The learning rate is within 1.76 times of the best, but 3.51 is not the minimum, 1 is: "
        "the curvature is 5,000 times as large along one direction of the weights as along "
        "another, and getting within 1 % of the minimum takes 1,234 steps.",
    ),
    "right, and no minimum known": (
        lambda make: make.build(rates=make.study((0.1, 1234, None), [(0.2, 1150)])),
        "The learning rate is right. The loss went from 10 to 1 in 5 steps; no minimum is known.",
    ),
    "right, and nothing lower is known": (
        lambda make: make.build(
            minimum=FLOOR, goal=Goal(1.0, "the loss this run ended with"),
            rates=make.study((0.1, 1234, None), [(0.2, 1300)]),
        ),
        "The learning rate is right. The loss is 1, the lowest one known.",
    ),
    "not the best, and how far from it is not known": (
        lambda make: make.build(
            descent={"final_loss": 3.512}, minimum=FLOOR, goal=GOAL,
            rates=make.study((0.1, None, 5000), [(0.2, 700)]),
        ),
        "The learning rate is not the best that was run, but 3.51 is not the minimum, 1 is.",
    ),
    "not measured": (
        lambda make: make.build(
            descent={"final_loss": 3.512}, minimum=FLOOR, goal=GOAL,
            not_measured={"rates": "the time for it was over."},
        ),
        "Whether the learning rate is right was not measured: the time for it was over. 3.51 is "
        "not the minimum, 1 is.",
    ),
    "nothing measured": (
        lambda make: make.build(),
        "Whether the learning rate is right was not measured: no other learning rate was run. The "
        "loss went from 10 to 1 in 5 steps; no minimum is known.",
    ),
    "bounces": (
        lambda make: make.build(
            problem={"weights": ("x",)}, final_weights={"x": -1.5}, final_gradient={"x": -3.0},
            descent={"lr": 1.0, "turn": -1.0, "recent_fall": 0.0, "final_loss": 2.25,
                     "first_loss": 2.25},
            stability_limit=1.0, minimum=replace(FLOOR, loss=0.0), goal=Goal(1e-6, WITHIN),
            rates=make.study((1.0, None, None), [(0.5, 1)]),
        ),
        "The learning rate 1 is too large: x bounces between -1.5 and 1.5, while 0.5 gets within "
        "1 % of the minimum in 1 step.",
    ),
    "bounces, and nothing else was run": (
        lambda make: make.build(
            final_weights={"x": -1.5}, final_gradient={"x": -3.0}, stability_limit=1.0,
            descent={"lr": 1.0, "turn": -1.0, "recent_fall": 0.0},
        ),
        "The learning rate 1 is at the stability limit: x bounces between -1.5 and 1.5.",
    ),
    "too large without divergence": (
        lambda make: make.build(rates=make.study((0.1, 300, None), [(0.05, 12)])),
        "The learning rate 0.1 is too large: 0.05 gets within 1 % of the minimum in 12 steps, this "
        "one needs 300.",
    ),
    "growing above the limit": (
        lambda make: make.build(
            descent={"growing": True, "final_loss": 12.0, "optimizer": "momentum"},
            problem={"linear_in_weights": True, "loss": "mse"}, stability_limit=0.08,
        ),
        "The learning rate 0.1 is too large: above 0.08 the steps grow, and the loss went from 10 "
        "to 12 in 5 steps.",
    ),
    "diverged where the curvature changes": (
        lambda make: make.build(
            descent={"stopped": "diverged", "tenfold_step": 4, "final_loss": 1e9},
            stability_limit=0.05, spectrum=make.spectrum([40.0, 2.0], at="start"),
        ),
        "The learning rate 0.1 is too large: above 0.05 every step overshoots at the start, and "
        "the loss passed ten times its start at step 4.",
    ),
    "diverged below the limit": (
        lambda make: make.build(
            descent={"stopped": "diverged", "tenfold_step": 4, "final_loss": 1e9},
            stability_limit=0.5,
        ),
        "The learning rate 0.1 is too large: the loss passed ten times its start at step 4.",
    ),
    "stepped to where the formula has no value": (
        lambda make: make.build(
            descent={"stopped": "diverged", "tenfold_step": 3, "non_finite_step": 3},
            minimum=FLOOR, goal=GOAL, breakdown=Breakdown(3, "log(x)", None, None),
        ),
        "The learning rate 0.1 is too large: the first value that is not a finite number came at "
        "step 3, in log(x).",
    ),
    "fell without end": (
        lambda make: make.build(descent=FELL, minimum=Minimum(-math.inf, {}, "", unbounded=True)),
        "The loss has no minimum: it falls without end, to -1e+12 at step 52.",
    ),
    "falls without end, stopped in time": (
        lambda make: make.build(
            descent={"final_loss": -7.25}, minimum=Minimum(-math.inf, {}, "", unbounded=True)
        ),
        "The loss has no minimum: it falls without end. It is -7.25 at step 5.",
    ),
    "fell out of the numbers": (
        lambda make: make.build(
            descent={"stopped": "diverged", "final_loss": 3.0, "non_finite_step": 6},
            breakdown=Breakdown(6, "log(x)", None, None),
        ),
        "The first value that is not a finite number came at step 6, in log(x); until then the "
        "loss fell to 3, and no minimum is known.",
    ),
    "classes without an overlap": (
        lambda make: make.build(
            descent={"final_loss": 0.0125, "final_step": 1000},
            minimum=Minimum(0.0, {}, "", separable=True),
            rates=make.study((0.1, 1000, None), [(0.2, 500)]),
        ),
        "The loss has no minimum: the classes can be told apart without an error, so the weights "
        "grow for ever. It is 0.0125 at step 1,000, and nears 0 without reaching it.",
    ),
    "a part of the rows without an overlap": (
        lambda make: make.build(
            descent={"final_loss": 0.352, "final_step": 300},
            minimum=Minimum(0.3365, {}, "", separable=True),
            rates=make.study((0.1, 300, None), [(0.2, 290)]),
        ),
        "The loss has no minimum: a part of the rows can be told apart without an error, so "
        "weights grow for ever. It is 0.352 at step 300, and nears 0.3365.",
    ),
    "no learning rate arrives": (
        lambda make: make.build(
            descent={"final_loss": 3.512}, minimum=FLOOR, goal=GOAL,
            rates=make.study((0.1, None, 20_000), [(0.2, None), (0.3, None)]),
        ),
        "The loss is 3.51, the minimum is 1, and no learning rate that was tried gets within 1 % "
        "of the minimum in 20,000 steps.",
    ),
    "at the minimum, slowly": (
        lambda make: make.build(
            descent={"final_loss": 1.005, "final_step": 2000}, minimum=FLOOR, goal=GOAL,
            rates=make.study((0.1, 1500, None), [(0.5, 15)]),
        ),
        "At the minimum: loss 1.005 after 2,000 steps, but the learning rate is too small: 0.5 "
        "gets within 1 % of the minimum in 15 steps.",
    ),
    "at one of many minima": (
        lambda make: make.build(
            descent={"final_loss": 1.005}, goal=GOAL,
            minimum=replace(FLOOR, flat=({"x": 0.6, "y": 0.8},)),
        ),
        "At the minimum: loss 1.005 after 5 steps, but x and y are not the only weights that reach "
        "it.",
    ),
    "at a saddle": (
        lambda make: make.build(
            final_gradient={"x": 0.0, "y": 0.0}, spectrum=make.spectrum([2.0, -2.0]),
            rates=make.study((0.1, 1500, None), [(0.5, 15)]), minimum=replace(FLOOR, loss=-1.0),
            goal=Goal(-0.99, WITHIN),
        ),
        "Stopped at a saddle point, not at a minimum: the loss is 1 and still falls to both sides.",
    ),
    "in a local minimum": (
        lambda make: make.build(
            final_gradient={"x": 0.0, "y": 0.0},
            minimum=Minimum(-3.5139, {"x": -1.3008, "y": 0.0}, "solver"),
            lower_minimum=Minimum(-3.5139, {"x": -1.3008, "y": 0.0}, "solver"),
            goal=Goal(-3.4788, WITHIN), descent={"final_loss": -1.07},
        ),
        "In a local minimum: the loss is -1.07 here, and -3.51 at x = -1.301, y = 0.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HEADLINES.values(), ids=HEADLINES)
def test_headline(make: Any, case: tuple[Callable[[Any], Measurements], str]) -> None:
    built, text = case
    assert judge(built(make)).headline == text


@pytest.mark.parametrize("case", HEADLINES.values(), ids=HEADLINES)
def test_headline_is_one_or_two_plain_sentences(make: Any, case: Any) -> None:
    headline = judge(case[0](make)).headline
    assert headline.endswith(".")
    assert headline.count(". ") <= 2
    assert len(headline) <= 240


@pytest.mark.parametrize("case", HEADLINES.values(), ids=HEADLINES)
def test_nothing_is_tried_that_the_headline_denies(make: Any, case: Any) -> None:
    m = case[0](make)
    assert contradictions(judge(m), m, [(one.change, None) for one in ladder(m)]) == []


def test_a_contradiction_is_seen(make: Any) -> None:
    m = HEADLINES["right, on its way"][0](make)
    assert BETTER_RATE in {one.change for one in ladder(m)}
    denying = replace(judge(m), headline="The learning rate is right, but 3.5 is not the minimum.")
    assert contradictions(denying, m, [(BETTER_RATE, None)])


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("(x - 3)**2 + 40000*(y - 5)**2", "(by scale alone)"),
        ("40000*(x + y - 1)**2 + (x - y - 90)**2", "(by correlation alone)"),
        # With y in halves of its unit. What Jacobi's scaling leaves is that of the line above.
        (
            "40000*(x + 2*y - 8)**2 + (x - 2*y)**2",
            "(1.56 times by scale, 40,000 times by correlation)",
        ),
    ],
)
def test_a_cause_without_a_share_is_not_named(formula: str, said: str) -> None:
    run = steepest.minimize(formula, start={"x": 0, "y": 1}, lr=3e-6, steps=9, remedies=False)
    assert said in run.verdict.headline
