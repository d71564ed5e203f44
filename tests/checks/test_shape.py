"""SD201 to SD206: a specimen that must be found, near-misses that must not."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from steepest.checks import judge
from steepest.records.descent import Forecast, Goal
from steepest.records.point import Escape, Minimum
from steepest.records.verdict import Finding, Measurements

WITHIN = "within 1 % of the minimum"


def found(m: Measurements, code: str) -> list[Finding]:
    return [finding for finding in judge(m).findings if finding.code == code]


# SD201

TURNED = [[math.sqrt(0.5), math.sqrt(0.5)], [math.sqrt(0.5), -math.sqrt(0.5)]]


def curved(make: Any, values: list[float], steps: int | None = 50, arrived: bool = False,
           **more: Any) -> Measurements:  # fmt: skip
    vectors = more.pop("vectors", None)
    at = more.pop("at", "end")
    changes = more.pop("changes", {})
    m: Measurements = make.build(
        descent={"final_loss": 1.005 if arrived else 1.5} | more.pop("descent", {}),
        minimum=more.pop("minimum", Minimum(1.0, {"x": 0.0, "y": 0.0}, "solver")),
        goal=Goal(1.01, WITHIN),
        forecast=Forecast(WITHIN, steps, ""),
        spectrum=make.spectrum(values, vectors, at, **changes),
        **more,
    )
    return m


def test_sd201_on_the_tutorial(tutorial: Any) -> None:
    (one,) = found(tutorial(), "SD201")
    assert one.severity == "warning"
    assert one.sentence == (
        "The curvature is 56,499 along one direction of the weights and 0.259 along another, "
        "218,451 times apart. Scale makes 896 times of it: the curvature along a alone is 28,133 "
        "times that along c, and learning rates in inverse proportion would take that away. "
        "Correlation makes the other 244 times: a change of one weight is nearly made up for by "
        "changes of others, and whatever the learning rate of each weight, at least 81.3 times "
        "stay."
    )
    assert one.evidence["condition"] == pytest.approx(218_450.6, rel=1e-6)
    assert (one.evidence["most_curved_weight"], one.evidence["least_curved_weight"]) == ("a", "c")


@pytest.mark.parametrize(
    ("condition", "steps", "arrived", "severity"),
    [
        (1000.0, 50, False, "warning"),
        (1000.0, 1000, True, "warning"),
        (1000.0, 999, True, "info"),
        (1000.0, None, True, "info"),
        (999.0, 50, False, "info"),
        (999.0, 5000, True, None),
        (100.0, 50, False, "info"),
        (99.0, 50, False, None),
        (99.0, 50_000, False, None),
    ],
)
def test_sd201_thresholds(
    make: Any, condition: float, steps: int | None, arrived: bool, severity: str | None
) -> None:
    m = curved(make, [condition, 1.0], steps, arrived)
    severities = [one.severity for one in found(m, "SD201")]
    assert severities == ([] if severity is None else [severity])


def test_sd201_names_no_weight_where_the_directions_are_mixtures(make: Any) -> None:
    (one,) = found(curved(make, [5000.0, 1.0], vectors=TURNED), "SD201")
    assert one.sentence == (
        "The curvature is 5,000 along one direction of the weights and 1 along another, 5,000 "
        "times apart. That is correlation: a change of one weight is nearly made up for by changes "
        "of others. Learning rates in inverse proportion leave 5,000 times."
    )


def test_sd201_after_the_optimizer_has_scaled_the_weights(make: Any) -> None:
    m = curved(
        make, [5000.0, 1.0], descent={"optimizer": "adam"}, changes={"preconditioned": "adam"}
    )
    (one,) = found(m, "SD201")
    assert one.sentence.endswith("5,000 times apart, even after adam has scaled each weight.")


def steps_with(rates: np.ndarray, hessian: np.ndarray, share: float = 1e-4) -> int:
    """How often w <- w - rates * (hessian @ w) is done until w'Hw is that share of what it was."""
    at = np.linalg.solve(hessian, np.ones(len(hessian)))
    first, steps = at @ hessian @ at, 0
    while at @ hessian @ at > share * first:
        at, steps = at - rates * (hessian @ at), steps + 1
    return steps


@pytest.mark.parametrize("seed", range(10))
def test_sd201_each_cause_is_what_its_cure_takes_away(make: Any, seed: int) -> None:
    """The sentence done to the letter: learning rates in inverse proportion, and then the rest."""
    random = np.random.default_rng(seed)
    angle = random.uniform(0.2, 0.6)
    unit = np.array([[1.0, math.cos(angle)], [math.cos(angle), 1.0]])
    size = np.diag([1.0, 10 ** random.uniform(-2, -1)])
    hessian = size @ unit @ size
    values, vectors = np.linalg.eigh(hessian)
    (one,) = found(curved(make, list(values[::-1]), vectors=vectors[:, ::-1]), "SD201")
    evidence: dict[str, Any] = dict(one.evidence)
    left = (1 + math.cos(angle)) / (1 - math.cos(angle))
    assert evidence["by_correlation"] == pytest.approx(left, rel=1e-9)
    assert evidence["by_scale"] * left == pytest.approx(values[1] / values[0], rel=1e-9)
    assert evidence["own_curvatures"] == pytest.approx({"x": hessian[0, 0], "y": hessian[1, 1]})
    # With them the descent is as quick as one whose condition number is correlation's.
    own = np.diag(hessian)
    scaled = unit * 2 / (np.linalg.eigvalsh(unit).sum())
    assert steps_with(1 / own, hessian) <= 1.1 * steps_with(np.ones(2), scaled) + 1
    assert steps_with(1 / own, hessian) < 0.2 * steps_with(np.full(2, 1 / values[1]), hessian)


@pytest.mark.parametrize(
    ("by", "words"), [(0.9, "That is correlation"), (1e-3, "Scale makes"), (1e-6, "Scale makes")]
)
def test_sd201_beyond_rounding_no_cause_is_told(make: Any, by: float, words: str) -> None:
    size = np.diag([1.0, by])
    hessian = size @ np.array([[1.0, 0.999], [0.999, 1.0]]) @ size
    values, vectors = np.linalg.eigh(hessian)
    (one,) = found(curved(make, list(values[::-1]), vectors=vectors[:, ::-1]), "SD201")
    told = values[1] / values[0] <= 1e12
    assert (words in one.sentence) == told
    assert ("by_scale" in one.evidence) == told


SD201_NEAR_MISSES = {
    "an eigenvalue did not converge": {"changes": {"residuals": [0.0, 1e-3]}},
    "not every eigenvalue is known, and the last one is zero": {"changes": {"complete": False}},
}


@pytest.mark.parametrize("changes", SD201_NEAR_MISSES.values(), ids=SD201_NEAR_MISSES)
def test_sd201_near_misses(make: Any, changes: dict[str, Any]) -> None:
    given = {key: np.array(v) if key == "residuals" else v for key, v in changes["changes"].items()}
    values = [5000.0, 0.0] if "complete" in given else [5000.0, 1.0]
    assert not found(curved(make, values, changes=given), "SD201")


def in_a_valley(make: Any, at_minimum: list[float], ended: float = -3.0) -> Measurements:
    return make.build(  # type: ignore[no-any-return]
        spectrum=make.spectrum([200.0, ended]),
        minimum=Minimum(0.0, {"x": 1.0, "y": 1.0}, "BFGS"),
        goal=Goal(0.01, "within 1 % of the minimum"),
        minimum_spectrum=make.spectrum(at_minimum, at="minimum"),
        descent={"final_loss": 5.0},
    )


def test_sd201_in_a_curved_valley_speaks_of_the_minimum(make: Any) -> None:
    (one,) = found(in_a_valley(make, [1000.0, 0.4]), "SD201")
    assert one.severity == "warning"
    assert one.sentence.startswith("At the minimum the curvature is 1,000 along one direction")
    assert "2,500 times apart" in one.sentence
    assert one.sentence.endswith(
        "where the descent ended, the curvature is -3 along one direction."
    )
    assert (one.evidence["at"], one.evidence["most_negative"]) == ("minimum", -3.0)


@pytest.mark.parametrize(
    ("at_minimum", "ended"),
    [([1000.0, 20.0], -3.0), ([1000.0, 0.4], 100.0)],
    ids=["the minimum is round", "nothing is negative where it ended"],
)
def test_sd201_near_misses_in_a_valley(make: Any, at_minimum: list[float], ended: float) -> None:
    assert not found(in_a_valley(make, at_minimum, ended), "SD201")


def test_sd201_leaves_directions_without_any_curvature_to_sd202(make: Any) -> None:
    flat = Minimum(1.0, {}, "solver", flat=({"x": 0.6, "y": 0.8},))
    assert not found(curved(make, [50.0, 1e-9], minimum=flat), "SD201")
    assert not found(curved(make, [50.0, 0.0]), "SD201")
    assert not found(curved(make, [50.0, -1.0]), "SD201")
    assert found(curved(make, [50.0, 1e-9]), "SD201")


# SD202


def flat(make: Any, *directions: dict[str, float], **problem: Any) -> Measurements:
    m: Measurements = make.build(
        problem={"command": "fit", "weights": ("a", "b", "c", "d", "e"), **problem},
        minimum=Minimum(1.0, {}, "solver", flat=directions),
    )
    return m


@pytest.mark.parametrize(
    ("direction", "sentence", "combination"),
    [
        ({"a": 0.8944272, "b": -0.4472136, "c": 1e-14},
         "Raising a by 1 while lowering b by 0.5 changes no prediction, so the data cannot tell "
         "them apart.", "a - 0.5*b"),
        ({"a": -0.4472136, "b": 0.8944272},
         "Raising b by 1 while lowering a by 0.5 changes no prediction, so the data cannot tell "
         "them apart.", "-0.5*a + b"),
        ({"a": 0.7071068, "c": 0.7071068},
         "Raising a by 1 while raising c by 1 changes no prediction, so the data cannot tell "
         "them apart.", "a + c"),
        ({"b": -1.0},
         "Changing b changes no prediction, so the data cannot tell what it should be.", "b"),
        ({"a": 0.5, "b": 0.5, "c": -0.5, "d": 0.4, "e": 0.3},
         "Raising a by 1 while raising b by 1, lowering c by 1, raising d by 0.8 and 1 more "
         "changes no prediction, so the data cannot tell them apart.",
         "a + b - c + 0.8*d + 0.6*e"),
    ],
    ids=["tutorial of the page", "largest first", "both up", "one weight", "many"],
)  # fmt: skip
def test_sd202(make: Any, direction: dict[str, float], sentence: str, combination: str) -> None:
    (one,) = found(flat(make, direction), "SD202")
    assert (one.severity, one.sentence) == ("warning", sentence)
    assert one.evidence["combination"] == combination


def test_sd202_of_an_expression_speaks_of_the_loss(make: Any) -> None:
    (one,) = found(flat(make, {"a": 0.6, "b": 0.6}, command="minimize"), "SD202")
    assert one.sentence == (
        "Raising a by 1 while raising b by 1 leaves the loss as it is, so the loss cannot tell "
        "them apart."
    )


def test_sd202_near_misses_and_at_most_three(make: Any, tutorial: Any) -> None:
    assert not found(tutorial(), "SD202")
    assert not found(flat(make, {"a": math.nan, "b": 0.0}), "SD202")
    many = found(flat(make, {"a": 1.0}, {"b": 1.0}, {"c": 1.0}, {"d": 1.0}), "SD202")
    assert len(many) == 3
    assert many[0].evidence["flat_directions"] == 4


# SD203: x**2 - y**2 + y**4 from (1, 0) with learning rate 0.1: x is 0.8**k.


def at_saddle(make: Any, steps: int = 40, **changes: Any) -> Measurements:
    x = 0.8**steps
    m: Measurements = make.build(
        problem={"formula": "x**2 - y**2 + y**4"},
        descent={"first_loss": 1.0, "final_loss": x**2, "final_step": steps, "recent_fall": 0.36},
        first_gradient={"x": 2.0, "y": 0.0}, final_gradient={"x": 2 * x, "y": 0.0},
        final_weights={"x": x, "y": 0.0}, spectrum=make.spectrum([2.0, -2.0]),
        minimum=Minimum(-0.25, {"x": 0.0, "y": math.sqrt(0.5)}, "solver"),
        goal=Goal(-0.2475, WITHIN),
    )  # fmt: skip
    return replace(m, **changes)


def test_sd203(make: Any) -> None:
    (one,) = found(at_saddle(make), "SD203")
    assert one.severity == "warning"
    assert one.sentence == (
        "The gradient is nearly zero, but this is a saddle point and not a minimum: the curvature "
        "is -2 along y, so a small step in y, either way, lowers the loss."
    )
    assert one.evidence["most_negative"] == -2.0
    assert one.evidence["direction"] == {"y": 1.0}


def test_sd203_where_the_way_out_is_a_mixture(make: Any) -> None:
    (one,) = found(at_saddle(make, spectrum=make.spectrum([2.0, -2.0], TURNED)), "SD203")
    assert "a small step along x - y, either way" in one.sentence


def test_sd203_shows_the_way_out(make: Any) -> None:
    """At the saddle x**2 - y**2 + y**4, y = 0.1 takes 0.01 - 0.0001 off the loss."""
    way = Escape({"x": 0.0, "y": 1.0}, -0.1, -0.0099)
    (one,) = found(at_saddle(make, escape=way), "SD203")
    assert one.sentence.endswith(
        "lowers the loss. A step there that moves y by -0.1 takes 0.0099 off it: start again from "
        "there."
    )
    assert one.evidence["escape"] == {
        "direction": {"x": 0.0, "y": 1.0}, "by": -0.1, "loss_change": -0.0099,
    }  # fmt: skip
    turned = Escape({"x": 0.6, "y": 0.8}, 0.5, -0.01)
    (one,) = found(at_saddle(make, escape=turned, spectrum=make.spectrum([2.0, -2.0], TURNED)),
                   "SD203")  # fmt: skip
    assert "that moves y by 0.4 and the rest with it takes 0.01 off it" in one.sentence


def test_sd203_at_a_start_on_the_saddle(make: Any) -> None:
    still = {"x": 0.0, "y": 0.0}
    assert found(at_saddle(make, first_gradient=still, final_gradient=still), "SD203")


SD203_NEAR_MISSES = {
    "the gradient is still long": lambda make: at_saddle(make, steps=25),
    "a minimum": lambda make: at_saddle(make, spectrum=make.spectrum([2.0, 1.0])),
    "flat, not downwards": lambda make: at_saddle(make, spectrum=make.spectrum([2.0, -1e-16])),
    "measured somewhere else": lambda make: at_saddle(
        make, spectrum=make.spectrum([2.0, -2.0], at="start")
    ),
    "not measured": lambda make: at_saddle(make, spectrum=None),
    # A long valley: the gradient is short, but its floor goes down and down.
    "a short gradient, and far to go": lambda make: at_saddle(
        make, final_gradient={"x": 0.0, "y": 1.9e-3}, spectrum=make.spectrum([2.0, -2e-6])
    ),
}


@pytest.mark.parametrize("near_miss", SD203_NEAR_MISSES.values(), ids=SD203_NEAR_MISSES)
def test_sd203_near_misses(make: Any, near_miss: Any) -> None:
    assert not found(near_miss(make), "SD203")


# SD204: x**4 - 3*x**2 + x. The minima are the outer roots of 4*x**3 - 6*x + 1.


def in_local(make: Any, **changes: Any) -> Measurements:
    x, low = 1.1309011226, -1.3008395659

    def value(at: float) -> float:
        return at**4 - 3 * at**2 + at

    lower = Minimum(value(low), {"x": low}, "solver, from 20 starts")
    m: Measurements = make.build(
        problem={"formula": "x**4 - 3*x**2 + x", "weights": ("x",)},
        descent={"first_loss": 6.0, "final_loss": value(x), "recent_fall": 0.0},
        first_gradient={"x": 21.0}, final_gradient={"x": 1e-9}, final_weights={"x": x},
        spectrum=make.spectrum([12 * x * x - 6]), minimum=lower, lower_minimum=lower,
        goal=Goal(value(low) * 0.99, WITHIN), forecast=Forecast(WITHIN, None, "never"),
    )  # fmt: skip
    return replace(m, **changes)


def test_sd204(make: Any) -> None:
    (one,) = found(in_local(make), "SD204")
    assert one.severity == "warning"
    assert one.sentence == (
        "This is a local minimum: the loss is -1.07 here, and -3.51 at another one, at x = -1.301."
    )
    assert one.evidence["lower_loss"] == pytest.approx(-3.513905, abs=1e-6)
    assert not found(in_local(make), "SD205"), "the loss is flat there for another reason"


SD204_NEAR_MISSES = {
    "no lower one known": lambda make: in_local(make, lower_minimum=None),
    "on its way and not settled": lambda make: in_local(make, final_gradient={"x": 1.0}),
    "the lower one is the same": lambda make: in_local(
        make, lower_minimum=Minimum(-1.0703, {}, ""), minimum=Minimum(-1.0703, {}, ""),
        goal=Goal(-1.06, WITHIN),
    ),
    "diverged": lambda make: in_local(
        make, descent=replace(in_local(make).descent, stopped="diverged")
    ),
}  # fmt: skip


@pytest.mark.parametrize("near_miss", SD204_NEAR_MISSES.values(), ids=SD204_NEAR_MISSES)
def test_sd204_near_misses(make: Any, near_miss: Any) -> None:
    assert not found(near_miss(make), "SD204")


# SD205


def test_sd205_on_the_tutorial(tutorial: Any) -> None:
    (one,) = found(tutorial(), "SD205")
    assert one.severity == "error"
    assert one.sentence == (
        "The last step took only 0.00084 % off the loss, so it looks settled at 283.99, but the "
        "minimum is 1.04, and getting within 1 % of the minimum takes 1,971,722 steps."
    )
    assert one.evidence["gap"] == pytest.approx(282.9427, abs=1e-4)


def stuck(make: Any, loss: float, fall: float = 1e-5, floor: float = 1.0, allowed: float = 0.01,
          **more: Any) -> Measurements:  # fmt: skip
    m: Measurements = make.build(
        descent={"final_loss": loss, "first_loss": 100.0, "recent_fall": fall},
        minimum=Minimum(floor, {}, "solver"),
        goal=Goal(floor + allowed, WITHIN),
        **more,
    )
    return m


@pytest.mark.parametrize(
    ("loss", "fall", "severity"),
    [
        (1.1001, 1e-5, "warning"),
        (1.0999, 1e-5, None),
        (1.9999, 1e-5, "warning"),
        (2.0, 1e-5, "error"),
        (2.0, 0.000999, "error"),
        (2.0, 0.001, None),
        (2.0, 0.0, "error"),
        (2.0, -1e-6, "error"),
        (2.0, -0.01, None),
    ],
)
def test_sd205_thresholds(make: Any, loss: float, fall: float, severity: str | None) -> None:
    severities = [f.severity for f in found(stuck(make, loss, fall), "SD205")]
    assert severities == ([] if severity is None else [severity])


def test_sd205_of_a_step_that_took_nothing(make: Any) -> None:
    (one,) = found(stuck(make, 2.0, 0.0), "SD205")
    assert one.sentence == (
        "The last step took nothing off the loss, so it looks settled at 2, but the minimum is 1."
    )


@pytest.mark.parametrize(
    ("loss", "reference", "fires"),
    [(0.2, 100.0, True), (0.09, 100.0, False), (0.2, None, True), (0.09, None, False)],
    ids=["0.2 % of the reference", "0.09 % of it", "0.2 % of the start", "0.09 % of it too"],
)
def test_sd205_of_a_minimum_at_zero(
    make: Any, loss: float, reference: float | None, fires: bool
) -> None:
    m = stuck(make, loss, floor=0.0, allowed=1e-8, reference_loss=reference)
    assert bool(found(m, "SD205")) == fires


def test_sd205_near_misses(make: Any) -> None:
    assert not found(make.build(descent={"recent_fall": 0.0}), "SD205"), "no minimum known"
    far = stuck(make, 50.0)
    assert found(far, "SD205")
    ended = replace(far, goal=Goal(50.0, "the loss this run ended with"))
    assert not found(ended, "SD205")
    unmeasured = replace(far, descent=replace(far.descent, recent_fall=None))
    assert not found(unmeasured, "SD205")
    endless = replace(far, minimum=Minimum(1.0, {}, "", unbounded=True))
    assert not found(endless, "SD205")


# SD206


def test_sd206(make: Any) -> None:
    m = curved(make, [2.0, 2.0], arrived=True)
    (one,) = found(m, "SD206")
    assert one.severity == "info"
    assert one.sentence == (
        "This is the minimum: the loss is 1.005 after 5 steps, and the lowest one known is 1."
    )
    early = replace(m, descent=replace(m.descent, goal_step=2, stays_step=3))
    assert "after 5 steps and within 1 % of the minimum since step 3," in (
        found(early, "SD206")[0].sentence
    )


SD206_NEAR_MISSES = {
    "just outside": {"descent": {"final_loss": 1.0101}},
    "diverged": {"descent": {"final_loss": 1.0, "stopped": "diverged"}},
    "the goal is only the loss it ended with": {
        "descent": {"final_loss": 1.005}, "goal": Goal(1.005, "the loss this run ended with"),
    },
    "no minimum known": {"descent": {"final_loss": 1.005}, "minimum": None},
    "no minimum exists": {
        "descent": {"final_loss": 1.005}, "minimum": Minimum(1.0, {}, "", separable=True),
    },
    "a lower one is known": {
        "descent": {"final_loss": 1.005}, "lower_minimum": Minimum(0.5, {}, ""),
    },
}  # fmt: skip


@pytest.mark.parametrize("changes", SD206_NEAR_MISSES.values(), ids=SD206_NEAR_MISSES)
def test_sd206_near_misses(make: Any, changes: dict[str, Any]) -> None:
    given = {"minimum": Minimum(1.0, {}, "solver"), "goal": Goal(1.01, WITHIN), **changes}
    assert not found(make.build(**given), "SD206")
