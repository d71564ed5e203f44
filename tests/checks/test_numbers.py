"""SD406: where a value stopped being a finite number."""

from __future__ import annotations

from typing import Any

import pytest

from steepest.checks import judge
from steepest.records.point import Breakdown
from steepest.records.verdict import Finding, Measurements


def found(m: Measurements) -> list[Finding]:
    return [finding for finding in judge(m).findings if finding.code == "SD406"]


@pytest.mark.parametrize(
    ("breakdown", "place"),
    [
        (Breakdown(7, "exp(b*time)", None, 19), "at step 7, in exp(b*time), at row 19"),
        (
            Breakdown(1234, "the gradient", "a", 5),
            "at step 1,234, in the gradient, for weight a, at row 5",
        ),
        (Breakdown(0, "log(x)", None, None), "at step 0, in log(x)"),
        (Breakdown(2, "the weight b itself", "b", None), "at step 2, in the weight b itself"),
        (Breakdown(2, "x\x1b[2J", None, None), "at step 2, in x\\x1b[2J"),
    ],
    ids=["a row", "a weight", "the start", "the weight is named already", "a hostile name"],
)
def test_sd406(make: Any, breakdown: Breakdown, place: str) -> None:
    (one,) = found(make.build(breakdown=breakdown, descent={"final_step": 1}))
    assert one.severity == "error"
    assert one.sentence == f"The first value that is not a finite number came {place}."
    assert one.evidence == {
        "step": breakdown.step, "where": breakdown.where, "weight": breakdown.weight,
        "row": breakdown.row, "last_finite_step": 1,
    }  # fmt: skip


def test_sd406_where_only_the_step_is_known(make: Any) -> None:
    (one,) = found(make.build(descent={"non_finite_step": 1583}))
    assert one.sentence == "The loss or its gradient is not a finite number from step 1,583 on."
    assert one.evidence["where"] is None


def test_sd406_near_miss_a_large_loss_is_a_number(make: Any, tutorial: Any) -> None:
    assert not found(make.build(descent={"stopped": "diverged", "final_loss": 1e300}))
    assert not found(tutorial(5e-5, 30))
