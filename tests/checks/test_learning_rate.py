"""The three words, and SD101 to SD103: a specimen and a near-miss each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from steepest.checks import judge
from steepest.records.descent import Goal
from steepest.records.point import Breakdown, Minimum
from steepest.records.verdict import Measurements

FALLING = Minimum(-math.inf, {}, "it fell without end", unbounded=True)
AT_ZERO = Minimum(0.0, {"x": 0.0, "y": 0.0}, "closed form")


NOTHING: Mapping[str, Any] = MappingProxyType({})


class Case(NamedTuple):
    name: str
    word: str
    own: tuple[float, int | None, int | None] | None = (0.1, 1000, None)
    trials: tuple[Any, ...] = ()
    descent: Mapping[str, Any] = NOTHING
    limit: float | None = None
    measured: Mapping[str, Any] = NOTHING


DIVERGED: dict[str, Any] = {"stopped": "diverged", "final_loss": 1e12, "tenfold_step": 3}
GROWING: dict[str, Any] = {"growing": True, "final_loss": 5.0}
LINEAR: dict[str, Any] = {"linear_in_weights": True, "loss": "mse"}
FELL: dict[str, Any] = {"stopped": "diverged", "final_loss": -1e12, "first_loss": 10.0}

WORDS = (
    # Diverged.
    Case("diverged", "too large", descent=DIVERGED),
    Case("diverged, nothing else measured", "too large", own=None, descent=DIVERGED),
    Case("diverged below the limit", "too large", descent=DIVERGED, limit=1.0),
    Case("diverged though a larger one arrives", "too large", (0.1, None, None), ((1.0, 5),),
         descent=DIVERGED),
    Case("fell without end, said so", "not measured", descent=FELL,
         measured={"minimum": FALLING}),
    Case("fell without end, no minimum known", "not measured", descent=FELL),
    Case("fell without end and a smaller one was tried", "not measured", trials=((0.01, 5),),
         descent=FELL),
    Case("diverged upwards, no minimum exists", "not measured", descent=DIVERGED,
         measured={"minimum": FALLING}),
    Case("out of the numbers from below the start, a minimum is known", "too large",
         descent=DIVERGED | {"final_loss": 4.0}, measured={"minimum": AT_ZERO}),
    Case("no finite number at the start", "not measured",
         descent={"stopped": "diverged", "final_loss": math.nan, "first_loss": math.nan,
                  "non_finite_step": 0},
         measured={"breakdown": Breakdown(0, "log(x)", None, 3)}),
    Case("no finite gradient at the start", "not measured",
         descent={"stopped": "diverged", "final_loss": 0.0, "first_loss": 0.0,
                  "non_finite_step": 0},
         measured={"breakdown": Breakdown(0, "the gradient", "a", 3)}),
    # Above the limit, and growing.
    Case("above the limit and growing", "too large", descent=GROWING, limit=0.09,
         trials=((0.2, 990),)),
    Case("above the limit and growing, no trials", "too large", own=None, descent=GROWING,
         limit=0.09),
    Case("above a limit that moves, it has regained a tenth", "too large",
         descent=GROWING | {"final_loss": 1.91}, limit=0.09, trials=((0.2, 990),)),
    Case("above a limit that moves, it has regained less", "just right",
         descent=GROWING | {"final_loss": 1.89}, limit=0.09, trials=((0.2, 990),)),
    Case("above a constant limit a slow growth goes on for ever", "too large",
         descent=GROWING | {"final_loss": 1.01}, limit=0.09, trials=((0.2, 990),),
         measured={"problem": LINEAR}),
    Case("an adaptive optimizer moves its limit", "just right",
         descent=GROWING | {"final_loss": 1.01, "optimizer": "rmsprop"}, limit=0.09,
         trials=((0.2, 990),), measured={"problem": LINEAR}),
    Case("growing from the first step", "too large",
         descent={"growing": True, "final_loss": 10.5, "lowest_loss": 10.0}, limit=0.09,
         trials=((0.2, 990),)),
    Case("above the limit, still falling", "just right", limit=0.09, trials=((0.2, 990),)),
    Case("growing below the limit", "just right", descent=GROWING, limit=0.11,
         trials=((0.2, 990),)),
    Case("growing exactly at the limit", "just right", descent=GROWING, limit=0.1,
         trials=((0.2, 990),)),
    Case("growing, limit not measured", "just right", descent=GROWING,
         trials=((0.2, 990),)),
    # A smaller one is ten times as quick.
    Case("a smaller one needs a tenth", "too large", trials=((0.05, 100),)),
    Case("a smaller one needs a little more than a tenth", "just right", trials=((0.05, 101),)),
    Case("a smaller one needs a tenth by the closed form alone", "not measured",
         trials=((0.05, 100, False),)),
    Case("the closed form promises more than the run shows", "too large",
         trials=((0.04, 20, False), (0.05, 100, True))),
    Case("own never arrives, a smaller one does", "too large", (0.1, None, None),
         ((0.05, 10**6),)),
    Case("own did not in its limit, a smaller one in a tenth of it", "too large",
         (0.1, None, 5000), ((0.05, 500),)),
    Case("own did not in its limit, a smaller one in just more", "just right",
         (0.1, None, 5000), ((0.05, 501),)),
    # A larger one is ten times as quick.
    Case("a larger one needs a tenth", "too small", trials=((0.5, 100),)),
    Case("a larger one needs a little more than a tenth", "just right", trials=((0.5, 101),)),
    Case("a larger one needs a tenth by the closed form alone", "not measured",
         trials=((0.5, 100, False),)),
    Case("own never arrives, a larger one does", "too small", (0.1, None, None),
         ((0.5, 10**6),)),
    Case("own did not in its limit, a larger one in a tenth of it", "too small",
         (0.1, None, 5000), ((0.5, 500),)),
    # Both sides.
    Case("both arrive, the smaller one is quicker", "too large", (0.1, None, None),
         ((0.05, 20), (0.5, 30))),
    Case("both arrive, the larger one is quicker", "too small", (0.1, None, None),
         ((0.05, 30), (0.5, 20))),
    Case("the quicker side was not run", "too small", (0.1, None, None),
         ((0.05, 20, False), (0.5, 30))),
    # Neither.
    Case("the others are slower", "just right", trials=((0.05, 2000), (0.5, None))),
    Case("nobody arrives", "not measured", (0.1, None, 5000), ((0.05, None), (0.5, None))),
    Case("nobody arrives by the closed form", "not measured", (0.1, None, None),
         ((0.05, None, False), (0.5, None, False))),
    Case("only a much slower one arrives", "just right", (0.1, None, 5000), ((0.05, 4999),)),
    Case("arrives in nine steps, nothing else tried", "just right", (0.1, 9, None)),
    Case("arrives in ten steps, another one in one", "too small", (0.1, 10, None), ((0.5, 1),)),
    Case("at the goal from the start", "just right", (0.1, 0, None), ((0.5, 0),)),
    # Not measured.
    Case("nothing was tried", "not measured", own=None),
    Case("only the own rate was tried", "not measured", trials=((0.1, 1000),)),
    Case("a trial that is not a number is no evidence", "not measured", trials=((math.nan, 5),)),
)  # fmt: skip


@pytest.mark.parametrize("case", WORDS, ids=lambda case: case.name)
def test_the_word(make: Any, case: Case) -> None:
    rates = None if case.own is None else make.study(case.own, case.trials)
    m = make.build(descent=case.descent, rates=rates, stability_limit=case.limit, **case.measured)
    verdict = judge(m)
    assert verdict.learning_rate == case.word
    # A word is never said without the finding that stands for it.
    codes = {finding.code for finding in verdict.findings}
    assert bool(codes & {"SD101", "SD103"}) == (case.word == "too large")
    assert ("SD102" in codes) == (case.word == "too small")


def test_run_on_it_diverges(make: Any) -> None:
    """It was cut short while still finite: it never arrives, however few steps it then had."""
    study = make.study((0.1, None, 30), [(0.05, 12)])
    m = make.build(rates=replace(study, own=replace(study.own, diverged=True)))
    assert judge(m).learning_rate == "too large"
    assert one(m, "SD101").sentence == (
        "The learning rate 0.1 is too large: 0.05 gets within 1 % of the minimum in 12 steps, "
        "this one diverges."
    )


def test_the_best_run_is_evidence_too(make: Any) -> None:
    study = make.study((0.1, 1000, None), [(0.2, 600)])
    best = make.trial(0.5, 50)
    m = make.build(rates=type(study)(study.goal, study.own, study.trials, best))
    assert judge(m).learning_rate == "too small"
    (found,) = judge(m).findings
    assert found.evidence == {
        "lr": 0.1, "stability_limit": None, "steps": 1000, "goal": 0.01,
        "to": "within 1 % of the minimum", "better_lr": 0.5, "better_steps": 50,
    }  # fmt: skip


def one(m: Measurements, code: str) -> Any:
    (found,) = [finding for finding in judge(m).findings if finding.code == code]
    return found


def test_sd101_on_the_tutorial(tutorial: Any) -> None:
    found = one(tutorial(5e-5, 30), "SD101")
    assert found.severity == "error"
    assert found.sentence == (
        "The learning rate 5e-05 is too large: it is 1.41 times the stability limit, 3.53986e-05. "
        "The loss passed ten times its start at step 3."
    )
    assert found.evidence["ratio"] == pytest.approx(1.412484, rel=1e-6)
    assert found.evidence["tenfold_step"] == 3


SD101_SENTENCES = {
    "where the limit differs from place to place": (
        {"stability_limit": 0.05, "at": "start"},
        {"tenfold_step": 4, "non_finite_step": 9},
        "it is 2 times the stability limit, 0.05 at the start. The loss passed ten times its "
        "start at step 4 and was no longer a finite number at step 9.",
    ),
    "no limit known": (
        {},
        {"tenfold_step": 1234},
        "the loss passed ten times its start at step 1,234.",
    ),
    "a loss that is no number did not pass ten times its start": (
        {"breakdown": Breakdown(3, "log(x)", None, 7)},
        {"tenfold_step": 3, "non_finite_step": 3},
        "the first value that is not a finite number came at step 3, in log(x), at row 7.",
    ),
    "nobody knows where it broke": (
        {},
        {"tenfold_step": None, "non_finite_step": 3},
        "the loss or its gradient is not a finite number from step 3 on.",
    ),
}


@pytest.mark.parametrize("case", SD101_SENTENCES.values(), ids=SD101_SENTENCES)
def test_sd101_says_what_is_known(make: Any, case: Any) -> None:
    measured, descent, text = case
    measured = dict(measured)
    at = measured.pop("at", None)
    if at is not None:
        measured["spectrum"] = make.spectrum([40.0, 2.0], at=at)
    m = make.build(descent=DIVERGED | descent, **measured)
    assert one(m, "SD101").sentence == f"The learning rate 0.1 is too large: {text}"


def test_sd101_is_a_warning_where_it_only_bounces(make: Any) -> None:
    found = one(make.build(rates=make.study((0.1, 400, None), [(0.05, 12)])), "SD101")
    assert found.severity == "warning"
    assert found.sentence == (
        "The learning rate 0.1 is too large: 0.05 gets within 1 % of the minimum in 12 steps, "
        "this one needs 400."
    )


def test_sd102_on_the_tutorial(tutorial: Any) -> None:
    found = one(tutorial(1e-7), "SD102")
    assert found.severity == "warning"
    assert found.evidence["steps"] == 197_172_392
    assert 550_000 < found.evidence["better_steps"] < 565_000
    assert found.sentence.startswith(
        "The learning rate 1e-07 is too small: 3.53951e-05 gets within 1 % of the minimum in 557,"
    )
    assert found.sentence.endswith("this one needs 197 million.")
    assert not [f for f in judge(tutorial()).findings if f.code == "SD102"]


@pytest.mark.parametrize(
    ("own", "goal", "text"),
    [
        ((0.1, None, None), None,
         "0.5 gets within 1 % of the minimum in 1 step, this one never does."),
        ((0.1, None, 20_000), None,
         "0.5 gets within 1 % of the minimum in 1 step, this one did not in 20,000 steps."),
        ((0.1, 1000, None), Goal(1.0, "the loss this run ended with"),
         "0.5 reaches the loss this run ended with in 1 step, this one needs 1,000."),
    ],
    ids=["never", "not in its limit", "a goal that is no minimum"],
)  # fmt: skip
def test_sd102_sentence(make: Any, own: Any, goal: Any, text: str) -> None:
    found = one(make.build(rates=make.study(own, [(0.5, 1)], goal=goal)), "SD102")
    assert found.sentence == f"The learning rate 0.1 is too small: {text}"


SUMMED = (
    " The factor is about the number of rows, 100: a loss that is the sum over the rows, and not "
    "their mean as here, needs a learning rate smaller by as much."
)


@pytest.mark.parametrize(
    ("rows", "factor", "said"),
    [(100, 100.0, True), (100, 80.0, True), (100, 120.0, True), (100, 160.0, False),
     (100, 60.0, False), (100, 1.2, False), (8, 8.0, False), (None, 100.0, False)],
)  # fmt: skip
def test_a_factor_of_the_number_of_rows(
    make: Any, rows: int | None, factor: float, said: bool
) -> None:
    """A summed loss needs a learning rate smaller by the number of rows."""
    m = make.build(
        problem={"rows": rows}, descent=DIVERGED | {"lr": factor * 0.01}, stability_limit=0.01
    )
    assert one(m, "SD101").sentence.endswith(SUMMED) == said
    small = make.build(
        problem={"rows": rows}, descent={"lr": 0.001},
        rates=make.study((0.001, 5000, None), [(0.001 * factor, 10)]),
    )  # fmt: skip
    assert one(small, "SD102").sentence.endswith(SUMMED) == said


def test_rates_that_look_alike_are_written_with_more_digits(make: Any) -> None:
    m = make.build(descent={"lr": 0.99999}, rates=make.study((0.99999, None, None), [(0.99996, 9)]))
    assert "0.99996 gets" in one(m, "SD101").sentence


def bouncing(make: Any, lr: float = 1.0, **descent: Any) -> Measurements:
    """x**2 from -1.5 with learning rate 1: x - lr * 2x = -x."""
    steps = 10
    found: Measurements = make.build(
        problem={"formula": "x**2", "weights": ("x",)},
        descent={
            "lr": lr, "first_loss": 2.25, "final_loss": 2.25, "final_step": steps, "turn": -1.0,
            "recent_fall": 0.0, **descent,
        },
        final_weights={"x": -1.5}, final_gradient={"x": -3.0}, first_gradient={"x": -3.0},
        stability_limit=1.0, spectrum=make.spectrum([2.0]),
        minimum=Minimum(0.0, {"x": 0.0}, "solver"), goal=Goal(2.25e-6, "within 1 % of the minimum"),
        rates=make.study((lr, None, None), [(0.5, 1)]),
    )  # fmt: skip
    return found


def test_sd103_bounces(make: Any) -> None:
    verdict = judge(bouncing(make))
    assert verdict.learning_rate == "too large"
    found = one(bouncing(make), "SD103")
    assert found.severity == "warning"
    assert found.sentence == (
        "The learning rate 1 is at the stability limit 1: x bounces between -1.5 and 1.5, and the "
        "loss neither falls nor grows."
    )
    assert found.evidence["ratio"] == 1.0
    assert found.evidence["turn"] == -1.0
    # The loss is flat and far from its minimum, but it is not slow: SD205 has nothing to add.
    assert [f.code for f in verdict.findings] == ["SD103"]


SD103_NEAR_MISSES = {
    "2.1 % below the limit": {"lr": 0.979},
    "2.1 % above the limit": {"lr": 1.021},
    "the steps turn, but not back": {"turn": -0.89},
    "the turn was not measured": {"turn": None},
    "it diverged": {"stopped": "diverged", "final_loss": 1e13},
    "it is growing above the limit": {"lr": 1.01, "growing": True},
}


@pytest.mark.parametrize("descent", SD103_NEAR_MISSES.values(), ids=SD103_NEAR_MISSES)
def test_sd103_near_misses(make: Any, descent: dict[str, Any]) -> None:
    codes = {finding.code for finding in judge(bouncing(make, **descent)).findings}
    assert "SD103" not in codes


def test_sd103_needs_a_limit(make: Any) -> None:
    m = make.build(descent={"turn": -1.0, "recent_fall": 0.0})
    assert "SD103" not in {finding.code for finding in judge(m).findings}


def test_sd103_is_normal_while_the_loss_falls(make: Any) -> None:
    m = make.build(
        descent={"lr": 0.99, "turn": -0.95, "recent_fall": 0.01}, stability_limit=1.0,
        rates=make.study((0.99, 500, None), [(0.5, 400)]),
    )  # fmt: skip
    found = one(m, "SD103")
    assert found.severity == "info"
    assert found.sentence == (
        "The learning rate 0.99 is 99 % of the stability limit 1, and every step undoes most of "
        "the one before. The loss has fallen all the same, so this is normal."
    )


def test_sd103_names_the_weight_that_bounces_most(make: Any) -> None:
    """After a step of plain descent the next point is known: w - lr * g."""
    m = make.build(
        descent={"lr": 0.05, "turn": -0.99, "recent_fall": 1e-5}, stability_limit=0.05,
        final_weights={"x": 0.2, "y": 0.7}, final_gradient={"x": 0.01, "y": 24.0},
    )  # fmt: skip
    assert "y bounces between -0.5 and 0.7" in one(m, "SD103").sentence


@pytest.mark.parametrize(
    "change",
    [{"descent": {"optimizer": "nesterov"}}, {"settings": {"batch_size": 8}}],
    ids=["momentum", "batches"],
)
def test_sd103_does_not_guess_the_next_point(make: Any, change: dict[str, Any]) -> None:
    descent = {"lr": 0.05, "turn": -0.99, "recent_fall": 0.0} | change.get("descent", {})
    m = make.build(descent=descent, settings=change.get("settings"), stability_limit=0.05)
    assert "the weights bounce to and fro" in one(m, "SD103").sentence
