"""Fits that people asked about, with what scipy, numpy, mpmath or a closed form says of each.

`minimum` is to all its digits; `said` must stand in what the report says, `unsaid` must not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest
from steepest.words.errors import InputError

FITS = Path(__file__).parents[1] / "cases" / "fits"


@dataclass(frozen=True)
class Asked:
    """A fit, or an expression where there is no `formula`, and the truth about it."""

    data: str
    formula: str | None
    options: dict[str, Any]
    minimum: float | None
    weights: dict[str, float] = field(default_factory=dict)
    codes: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()
    limit: float | None = None
    condition: float | None = None
    errors: dict[str, float] = field(default_factory=dict)


POWERS = " + ".join(["b0", "b1*size", *(f"b{k}*size**{k}" for k in range(2, 10))])
ZERO = {"a": 0.0, "b": 0.0}
ONES = {"a": 1.0, "b": 1.0, "c": 1.0}

CASES = {
    "growth": Asked(
        "growth", "y ~ a*exp(b*x)", {"start": {"a": 1.0, "b": 2.0}}, 0.0589453,
        {"a": 1.98181, "b": 0.300883}, ("SD307",), unsaid=("no minimum",),
    ),
    "logistic-of-years": Asked(
        "logistic-of-years", "Value ~ A/(1+exp(-b*(Year-c)))", {}, 3.265412e22,
        {"A": 1.0763e13, "b": 0.25271, "c": 2007.70}, ("SD307",),
        unsaid=("curved valley", "too large"), errors={"A": 4.114e11, "b": 0.01124, "c": 0.3815},
    ),
    "sine": Asked(
        "sine", "y ~ sin(a*x)", {"start": {"a": 1.5}}, 0.0, {"a": 1.759}, ("SD204",),
        said=("0 at a = 1.759",),
    ),
    "step": Asked(
        "step", "y ~ where(x < c, a, b)", {"start": {"a": 1.0, "b": 1.0, "c": 4.0}}, 0.00645,
        codes=("SD409",), said=("c stands only in a condition",),
    ),
    "rents": Asked(
        "rents", "`Rental Price` ~ w0 + w1*Size + w2*Floor + w3*`Broadband Rate`",
        {"start": {"w0": -0.146, "w1": 0.185, "w2": -0.044, "w3": 0.119}, "lr": 1e-7, "steps": 500},
        302.30343, codes=("SD201", "SD304"), limit=1.816393e-6, condition=13_086_335,
    ),
    "far-exponential": Asked(
        "far-exponential", "y ~ a*exp(-b*x) + c", {"start": ONES}, 20782.900,
        {"a": 5.3863, "b": -0.08736, "c": -265.25}, ("SD307",),
        said=("gradients are all but zero for a and b",), unsaid=("curved valley",),
    ),
    "tiny-units": Asked(
        "tiny-units", "y ~ a*exp(-b*x) - c", {"start": ONES}, 4.9356865e-14,
        {"a": 3.0843e-5, "b": 41440, "c": 6.0746e-6}, ("SD307",), said=("of another scale",),
    ),
    "power-law": Asked(
        "power-law", "y ~ A*x**(-B)", {"start": {"A": 1.0, "B": 2.0}}, None,
        {"A": 0.7151, "B": 1.6444}, ("SD306", "SD206"),
    ),
    "power-law with sigma": Asked(
        "power-law", "y ~ A*x**(-B)", {"start": {"A": 1.0, "B": 2.0}, "sigma": "sig"}, None,
        {"A": 0.96996, "B": 2.01226}, errors={"A": 0.0775, "B": 0.01164},
    ),
    "kink": Asked(
        "kink", "y ~ w*x + b",
        {"loss": "mae", "start": {"w": 0.0, "b": 0.0}, "lr": 0.1, "steps": 1000}, 2.400296,
    ),
    "grades": Asked(
        "grades", "admitted ~ sigmoid(w1*exam1 + w2*exam2 + b)",
        {"loss": "cross-entropy", "start": {"w1": 0.0, "w2": 0.0, "b": 0.0}, "lr": 0.01,
         "steps": 1500},
        0.28759394, {"w1": 0.15121, "w2": 0.12862, "b": -17.9469}, ("SD101",), limit=0.00093,
    ),
    "degree-9": Asked(
        # Its ten rows are met by ten weights, whose terms are of 1e12 and more.
        "degree-9", f"price ~ {POWERS}", {}, None, codes=("SD201", "SD304"),
        said=("zero to within rounding",), unsaid=("the data say 0",),
        condition=(2.85683e24 / 1.34007e-8) ** 2,
    ),
    "zero-power": Asked(
        "zero-power", "y ~ a*x**b", {"start": {"a": 1.0, "b": 1.0}}, 0.1229333,
        {"a": 2.36554, "b": 1.70567}, errors={"a": 0.03016, "b": 0.006037},
    ),
    "unix-time": Asked(
        "unix-time", "y ~ a*t + b", {"start": ZERO}, None, codes=("SD201", "SD304"),
        said=("t has mean 1.6",), condition=(1.1085711e10 / 2.159417e-4) ** 2,
    ),
    "large": Asked(
        "large", "y ~ a*exp(-b*x)", {"start": {"a": 5e11, "b": 1.0}}, 8.62e18,
        unsaid=("too large",),
    ),
    "useless": Asked(
        "../../../examples/speed", "speed ~ a*time + b", {}, None, said=("the fit is useless",),
    ),
    "where-branch": Asked(
        "where-branch", "y ~ where(x > 2, a*sqrt(x - 2), b)",
        {"start": {"a": 1.0, "b": 1.0}, "steps": 50}, None, codes=("SD206",),
        unsaid=("not a number",),
    ),
    "exponential and line": Asked(
        "", None, {"text": "exp(x) - 3*x", "start": {"x": 45.0}}, 3 - 3 * math.log(3),
        {"x": math.log(3)}, unsaid=("no minimum",),
    ),
    "fourth power": Asked(
        "", None, {"text": "x**4", "start": {"x": 1.0}, "lr": 0.6}, 0.0, codes=("SD101",),
        limit=2 / 12,
    ),
    "a line of minima": Asked("", None, {"text": "(x+y)**2"}, 0.0, codes=("SD202",)),
    "a curve of minima": Asked("", None, {"text": "(x*y-1)**2"}, 0.0, codes=("SD202",)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_asked(case: Asked) -> None:
    options = {"remedies": False, **case.options}
    found: Any = (
        steepest.minimize(options.pop("text"), **options)
        if case.formula is None
        else steepest.fit(FITS / f"{case.data}.csv", case.formula, **options)
    )
    m = found.measurements
    minimum = m.minimum
    assert minimum is not None
    assert minimum.exists
    if case.minimum is not None:
        digits = len(f"{case.minimum!r}".split("e")[0].replace(".", "").strip("0-")) or 1
        near = max(10.0 ** (1 - digits), 1e-9)
        assert minimum.loss == pytest.approx(case.minimum, rel=near, abs=1e-20)
    for name, value in case.weights.items():
        assert minimum.weights[name] == pytest.approx(value, rel=1e-3)
    if case.errors:
        errors = {entry.weight: entry.error for entry in m.statistics.weights}
        for name, error in case.errors.items():
            assert errors[name] == pytest.approx(error, rel=1e-3)
    if case.limit is not None:
        assert m.stability_limit == pytest.approx(case.limit, rel=0.01)
    codes = {one.code: one for one in found.verdict.findings}
    assert set(case.codes) <= set(codes)
    if case.condition is not None:
        assert codes["SD201"].evidence["condition"] == pytest.approx(case.condition, rel=1e-3)
    words = " ".join([found.verdict.headline, *(one.sentence for one in codes.values())])
    for part in case.said:
        assert part in words
    for part in case.unsaid:
        assert part not in words


def test_a_step_that_a_logistic_curve_follows() -> None:
    """The lowest known has one row, day 16, on the rise: numpy computes its loss anew."""
    found = steepest.fit(
        FITS / "step-logistic.csv", "level ~ b/(1+exp(-(c+d*day)))", remedies=False,
        start={"b": 0.5, "c": 0.5, "d": 0.5},
    )  # fmt: skip
    minimum = found.measurements.minimum
    assert minimum is not None
    assert minimum.loss < 0.0298185
    rows = np.genfromtxt(FITS / "step-logistic.csv", delimiter=",", names=True)
    b, c, d = (minimum.weights[name] for name in "bcd")
    said = b / (1 + np.exp(np.minimum(-(c + d * rows["day"]), 700)))
    assert np.mean((said - rows["level"]) ** 2) == pytest.approx(minimum.loss, rel=1e-6)
    assert "SD202" in {one.code for one in found.verdict.findings}


def test_deviations_of_zero_are_counted_and_left_out_by_what_is_offered() -> None:
    formula = "count ~ a*exp(-(center-m)**2/(2*s**2))"
    start = {"a": 60.0, "m": 0.0, "s": 0.5}
    with pytest.raises(InputError, match=r"22 rows of 60 .* --where 'err > 0'"):
        steepest.fit(FITS / "zero-sigma.csv", formula, start=start, sigma="err")
    found = steepest.fit(
        FITS / "zero-sigma.csv", formula, start=start, sigma="err", where="err > 0",
        steps=1, remedies=False,
    )  # fmt: skip
    assert found.to_dict()["problem"]["rows"] == 38


@pytest.mark.parametrize(
    ("text", "start"),
    [("log(x)", -1.5), ("log(x)", 1.5), ("x - 1/x**2", 1.0), ("log(x - 2) + (x - 2)**2", 5.0)],
)
def test_a_fall_to_the_edge_has_no_minimum(text: str, start: float) -> None:
    found = steepest.minimize(text, start={"x": start}, steps=20, remedies=False)
    assert "no minimum" in found.verdict.headline
    assert found.to_dict()["minimum"] is None or "-Infinity" in str(found.to_dict()["minimum"])


@pytest.mark.parametrize(
    ("text", "start", "loss"),
    [
        ("x*log(x)", 1.0, -1 / math.e),
        ("-sqrt(x) + x", 1.0, -0.25),
        ("x - log(x)", 2.0, 1.0),
        ("-sqrt(1 - x)", 0.5, -math.inf),
    ],
)
def test_an_edge_alone_is_no_endless_fall(text: str, start: float, loss: float) -> None:
    found = steepest.minimize(text, start={"x": start}, steps=200, remedies=False)
    minimum = found.measurements.minimum
    assert minimum is not None
    if math.isinf(loss):
        assert minimum.unbounded  # -sqrt(1 - x) falls as x goes to minus infinity.
    else:
        assert not minimum.unbounded
        assert minimum.loss == pytest.approx(loss, rel=1e-6)


def test_one_row() -> None:
    """(2*a + b - 3)**2 from a = b = 0: the gradient is -12 and -6, the minimum 0 on a line."""
    found = steepest.fit(
        {"x": [2.0], "y": [3.0]}, "y ~ a*x + b", start=ZERO, lr=0.05, steps=1, remedies=False
    )
    assert found.loss == pytest.approx((2 * 0.6 + 0.3 - 3) ** 2)
    assert found.weights == pytest.approx({"a": 0.6, "b": 0.3})
    assert "SD202" in {one.code for one in found.verdict.findings}


def test_the_target_is_no_input() -> None:
    formula = "log(`Rental Price`) ~ w0 + w1*Size + w2*Floor + w3*`Broadband Rate`"
    found = steepest.fit(FITS / "rents.csv", formula, lr=1e-7, steps=1, remedies=False)
    (unscaled,) = [one for one in found.verdict.findings if one.code == "SD304"]
    columns: Any = unscaled.evidence["columns"]
    assert set(columns) == {"Size", "Floor", "Broadband Rate"}
