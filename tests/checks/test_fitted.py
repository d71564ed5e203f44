"""SD305 and SD306: what is said of a fit, and that nothing is said without a measurement."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from steepest.checks import judge
from steepest.records.fitted import DecidingRows, Misfit, MovedWeight, OutlyingRow, Refit
from steepest.records.verdict import Finding, Measurements

FIT: dict[str, Any] = {
    "command": "fit", "formula": "y ~ a*x + b", "weights": ("a", "b"), "target": "y",
    "columns": ("x", "y"), "rows": 20, "rows_read": 20, "loss": "mse",
}  # fmt: skip
ROW = OutlyingRow(7, 200.0, 16.82, 0.06, 0.57, 205.0, 5e-29)
SLOPE = MovedWeight("a", 1.2878, 1.9765, 0.03378, 1.9715)
OFFSET = MovedWeight("b", 17.397, 1.0072, 0.4105, 1.131)
DECIDING = DecidingRows((ROW,), (OFFSET, SLOPE), 41.9, 0.867)
TERM = Refit("term", "y ~ a*x + b + q*x**2", None, 5, 55.9, 0.4958, 126.27, 0.009, 0.175)


def found(m: Measurements, code: str) -> list[Finding]:
    return [finding for finding in judge(m).findings if finding.code == code]


def test_sd305(make: Any) -> None:
    (one,) = found(make.build(problem=FIT, deciding=DECIDING), "SD305")
    assert (one.severity, one.sentence) == (
        "warning",
        "Row 7 decides the fit (counted from 0): its y is 200, and the fit to the others says "
        "16.82, which is 205 times their scatter away. Without it b goes from 17.4 to 1.01 (40 "
        "standard errors of the fit without) and a goes from 1.29 to 1.98 (20 standard errors of "
        "the fit without). With all rows and --loss huber b is 1.131 and a is 1.972, which agrees "
        "with the fit without.",
    )
    assert one.evidence["rows"][0]["row"] == 7  # type: ignore[index]
    assert one.evidence["weights"][0]["moved"] == pytest.approx(39.93, abs=0.01)  # type: ignore[index]


def test_sd305_of_two_rows_where_huber_does_not_help(make: Any) -> None:
    far = replace(OFFSET, huber=9.0)
    two = replace(DECIDING, rows=(ROW, replace(ROW, row=9)), weights=(far, SLOPE))
    problem = FIT | {"standardized": {"x": (1.0, 2.0)}}
    (one,) = found(make.build(problem=problem, deciding=two), "SD305")
    assert one.sentence.startswith("Rows 7 and 9 decide the fit (counted from 0): on row 7 y is")
    assert "for the scaled columns. With all rows and --loss huber b is 9 and a is" in one.sentence
    assert "agrees" not in one.sentence
    plain = replace(DECIDING, weights=(replace(OFFSET, huber=None),))
    (one,) = found(make.build(problem=FIT, deciding=plain), "SD305")
    assert "huber" not in one.sentence


SD306 = {
    "bent": (
        Misfit("curved", "x", 1e-9, refit=TERM),
        "the residuals bend along x. With y ~ a*x + b + q*x**2 the mean squared error on rows held "
        "out (5 parts, each once) is 0.496, not 126."),
    "no intercept": (
        Misfit("curved", None, 1e-9, refit=replace(TERM, formula="y ~ a*x + q", loss=1.0,
                                                   loss_before=2.0)),
        "the residuals do not lie around zero. With y ~ a*x + q the mean squared error on rows "
        "held out (5 parts, each once) is 1, not 2."),
    "in percent": (
        Misfit("spread", None, 1e-9, spread=(0.5, 40.0),
               refit=Refit("log", "log(y) ~ log(a*x + b)", None, 5, 80.0, None, 9.0, 0.1, 0.62)),
        "the residuals grow with the prediction, from a root mean square of 0.5 in the third of "
        "the rows with the smallest predictions to 40 in the third with the largest, so these "
        "decide alone. With log(y) ~ log(a*x + b) the middle one of the predictions on rows held "
        "out (5 parts, each once) is off by 10 % of its target, not by 62 %."),
    "a column knows": (
        Misfit("spread", None, 1e-9, spread=(0.5, 40.0),
               refit=Refit("sigma", "y ~ a*x + b", "err", 5, 80.0, None, 9.0, None, None)),
        "With --sigma err what was seen on rows held out (5 parts, each once) is e^80 times as "
        "likely."),
    "runs": (
        Misfit("runs", "x", 1e-9, runs=8, expected_runs=50.9),
        "in the order of x the residuals come in 8 runs of one sign, where chance gives 51. "
        "Further powers of the columns take no more off than chance would. The standard errors "
        "take the rows to be independent, which these are not."),
    "spread that nothing follows": (
        Misfit("spread", None, 1e-9, spread=(0.5, 40.0), tried=("log(y) ~ log(a*x)",)),
        "On rows held out none of what was tried does better: log(y) ~ log(a*x). A column of the "
        "rows' standard deviations (--sigma) would weigh them evenly."),
}  # fmt: skip


@pytest.mark.parametrize(("misfit", "says"), SD306.values(), ids=SD306)
def test_sd306(make: Any, misfit: Misfit, says: str) -> None:
    (one,) = found(make.build(problem=FIT, misfit=misfit), "SD306")
    assert one.severity == "warning"
    assert one.sentence.startswith("The model does not follow the data: ")
    assert one.sentence.endswith(says)
    assert one.evidence["kind"] == misfit.kind


def test_nothing_is_said_that_was_not_measured(make: Any) -> None:
    m = make.build(problem=FIT)
    assert not found(m, "SD305")
    assert not found(m, "SD306")
