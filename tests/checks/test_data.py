"""SD301 to SD304: a specimen that must be found, near-misses that must not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from steepest.checks import judge
from steepest.records.point import Minimum
from steepest.records.verdict import (
    ColumnFacts,
    Finding,
    Measurements,
    RowShare,
)


def found(m: Measurements, code: str) -> list[Finding]:
    return [finding for finding in judge(m).findings if finding.code == code]


FIT: dict[str, Any] = {
    "command": "fit", "formula": "y ~ a*x + b*z + c", "weights": ("a", "b"), "target": "y",
    "columns": ("x", "z", "y"), "rows": 17, "rows_read": 20,
}  # fmt: skip


# SD301


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        ({"missing": {"x": 2, "y": 0}, "non_finite": {"x": 0, "y": 1}},
         "3 of 20 rows were left out: 2 have no x and 1 has no finite y."),
        ({"missing": {"x": 1}, "rows": 19}, "1 of 20 rows was left out: 1 has no x."),
        ({"missing": {"x": 2, "z": 2}, "rows": 18},
         "2 of 20 rows were left out: 2 have no x and 2 have no z."),
        ({"missing": {"x": 3}, "rows": 10, "excluded_by_where": 5, "validation_rows": 2},
         "3 of 20 rows were left out: 3 have no x."),
        ({"missing": {"x": 3}, "rows_read": None}, "Rows were left out: 3 have no x."),
        ({"missing": {f"x{i}": 1 for i in range(6)}},
         "3 of 20 rows were left out: 1 has no x0, 1 has no x1, 1 has no x2, 1 has no x3 and "
         "2 more."),
        ({"missing": {"x\x1b[31m\n": 1}, "rows": 19},
         "1 of 20 rows was left out: 1 has no x\\x1b[31m\\n."),
    ],
    ids=["both kinds", "one row", "same rows", "where and validation", "count unknown", "many",
         "a hostile name"],
)  # fmt: skip
def test_sd301(make: Any, problem: dict[str, Any], sentence: str) -> None:
    (one,) = found(make.build(problem=FIT | problem), "SD301")
    assert (one.severity, one.sentence) == ("warning", sentence)


def test_sd301_evidence_and_near_miss(make: Any) -> None:
    problem = FIT | {"missing": {"x": 2, "y": 0}, "non_finite": {"x": 1, "y": 0}}
    (one,) = found(make.build(problem=problem), "SD301")
    assert one.evidence == {
        "rows_left_out": 3, "rows_read": 20, "rows": 17, "missing": {"x": 2},
        "non_finite": {"x": 1},
    }  # fmt: skip
    # Rows that a condition or the validation took are no missing values.
    whole = FIT | {"missing": {"x": 0}, "rows": 10, "excluded_by_where": 5, "validation_rows": 5}
    assert not found(make.build(problem=whole), "SD301")


# SD302


def test_sd302_constant(make: Any) -> None:
    # A thousand times 0.1 has a mean that is off by a rounding, and a deviation of that size.
    tenths = np.full(1000, 0.1)
    columns = (
        ColumnFacts("x", float(tenths.mean()), float(tenths.std()), 0.1),
        ColumnFacts("z", 5.0, 2.0, 9.0),
    )
    (one,) = found(make.build(problem=FIT, columns=columns), "SD302")
    assert one.severity == "warning"
    assert one.sentence == (
        "Column x (always 0.1) is constant, so no weight can be learned from it that a plain "
        "number would not give."
    )
    assert one.evidence == {"columns": ["x"]}


def test_sd302_duplicates(make: Any) -> None:
    columns = (ColumnFacts("x", 5.0, 2.0, 9.0), ColumnFacts("z", 5.0, 2.0, 9.0, duplicate_of="x"))
    (one,) = found(make.build(problem=FIT, columns=columns), "SD302")
    assert one.sentence == (
        "A column holds the same values as another: z repeats x. The data cannot tell their "
        "weights apart."
    )
    assert one.evidence == {"duplicates": {"z": "x"}}


def test_sd302_names_at_most_three_of_thousands(make: Any) -> None:
    columns = tuple(ColumnFacts(f"x{i}", 0.0, 0.0, 0.0) for i in range(4000))
    problem = FIT | {"columns": tuple(column.name for column in columns)}
    (one,) = found(make.build(problem=problem, columns=columns), "SD302")
    assert "x2 (always 0) and 3,997 more are constant" in one.sentence


SD302_NEAR_MISSES = {
    "hardly any deviation": ColumnFacts("x", 1.7e9, 1e-3, 1.7e9),
    "around zero": ColumnFacts("x", 0.0, 1e-300, 1e-300),
    "a column that the formula does not use": ColumnFacts("w", 1.0, 0.0, 1.0, duplicate_of="x"),
}


@pytest.mark.parametrize("column", SD302_NEAR_MISSES.values(), ids=SD302_NEAR_MISSES)
def test_sd302_near_misses(make: Any, column: ColumnFacts) -> None:
    assert not found(make.build(problem=FIT, columns=(column,)), "SD302")


# SD303


def shares(inputs: np.ndarray, target: np.ndarray, weights: np.ndarray) -> tuple[RowShare, ...]:
    """Each row's share of the pulls, with every weight's pulls brought to the same length."""
    pulls = inputs * (inputs @ weights - target)[:, None]
    lengths = np.linalg.norm(pulls / np.linalg.norm(pulls, axis=0), axis=1)
    part = lengths / lengths.sum()
    return tuple(RowShare(int(row), float(part[row])) for row in np.argsort(-part)[:10])


def line_with_a_mistake() -> tuple[np.ndarray, np.ndarray]:
    x = np.arange(50.0)
    y = 2 * x + 1
    y[49] = 9900.0
    return np.stack([x, np.ones(50)], axis=1), y


def test_sd303_one_outlier_in_fifty(make: Any) -> None:
    inputs, target = line_with_a_mistake()
    rows = shares(inputs, target, np.zeros(2))
    (one,) = found(make.build(problem=FIT | {"rows": 50}, row_shares=rows), "SD303")
    assert one.severity == "warning"
    assert one.sentence == (
        "Row 49 makes 83 % of the gradient at the start, out of 50 rows (counted from 0)."
    )
    assert one.evidence["rows"] == [49]


def test_sd303_still_finds_it_near_the_minimum_where_the_pulls_cancel(make: Any) -> None:
    inputs, target = line_with_a_mistake()
    solution, *_ = np.linalg.lstsq(inputs, target, rcond=None)
    rows = shares(inputs, target, solution)
    assert rows[0].share < 0.5
    (one,) = found(make.build(problem=FIT | {"rows": 50}, row_shares=rows), "SD303")
    assert one.evidence["rows"] == [49]


def test_sd303_of_several_rows_with_leverage(make: Any) -> None:
    rows = (
        RowShare(7, 0.3, 0.91), RowShare(3, 0.25, 0.6), RowShare(4, 0.01, 0.99),
    )  # fmt: skip
    (one,) = found(make.build(problem=FIT | {"rows": 100}, row_shares=rows), "SD303")
    assert one.sentence == (
        "Rows 7 and 3 make 55 % of the gradient at the start, out of 100 rows (counted from 0); "
        "the fit leans hardest on row 7 (leverage 0.91 of at most 1)."
    )
    alone = (RowShare(1234, 0.7, 0.97),)
    (one,) = found(make.build(problem=FIT | {"rows": 2000}, row_shares=alone), "SD303")
    assert one.sentence == (
        "Row 1,234 makes 70 % of the gradient at the start, out of 2,000 rows (counted from 0); "
        "its inputs are so unlike the others' that the fit leans on it (leverage 0.97 of at most "
        "1)."
    )


@pytest.mark.parametrize("seed", range(20))
def test_sd303_is_silent_on_honest_curves(make: Any, seed: int) -> None:
    """Rows with a large squared input always pull hardest; that is no finding."""
    random = np.random.default_rng(seed)
    x = random.uniform(0, 20, 40)
    inputs = np.stack([x**2, x, np.ones_like(x)], axis=1)
    target = inputs @ random.normal(size=3) + random.normal(size=40)
    solution, *_ = np.linalg.lstsq(inputs, target, rcond=None)
    for weights in (np.zeros(3), solution):
        rows = shares(inputs, target, weights)
        assert not found(make.build(problem=FIT | {"rows": 40}, row_shares=rows), "SD303")


def test_sd303_near_misses(make: Any, tutorial: Any) -> None:
    assert not found(tutorial(), "SD303")
    # The same three rows make 65 % of one partial, as the largest times do of any parabola.
    squared = tuple(RowShare(19 - row, share) for row, share in enumerate([0.288, 0.207, 0.157]))
    assert not found(make.build(problem=FIT | {"rows": 20}, row_shares=squared), "SD303")
    nine = tuple(RowShare(row, share) for row, share in enumerate([0.9, 0.05, 0.05]))
    assert not found(make.build(problem=FIT | {"rows": 9}, row_shares=nine), "SD303")
    # Eleven rows of 200 are no longer few, and the ten largest fall short.
    ten = tuple(RowShare(row, 0.039) for row in range(10))
    assert not found(make.build(problem=FIT | {"rows": 200}, row_shares=ten), "SD303")
    # In a dozen rows one always makes much.
    dozen = (RowShare(0, 0.6),)
    assert not found(make.build(problem=FIT | {"rows": 12}, row_shares=dozen), "SD303")
    assert not found(make.build(problem=FIT | {"rows": None}, row_shares=dozen), "SD303")


# SD304


def scaled(make: Any, *columns: ColumnFacts, condition: float = 1e4, **more: Any) -> Measurements:
    problem = FIT | more.pop("problem", {})
    m: Measurements = make.build(
        problem=problem, columns=columns, spectrum=make.spectrum([condition, 1.0]), **more
    )
    return m


Y = ColumnFacts("y", 5000.0, 1.0, 5002.0)


@pytest.mark.parametrize(
    ("columns", "severity", "why"),
    [
        ((ColumnFacts("x", 2010.5, 5.766, 2020.0), Y), "warning",
         "x has mean 2,010.5 and deviation 5.77"),
        ((ColumnFacts("x", 0.0, 500.0, 900.0), ColumnFacts("z", 0.0, 0.5, 1.0), Y), "warning",
         "the deviation of x is 1,000 times that of z"),
        ((ColumnFacts("x", 9.5, 5.766, 19.0), Y), "info",
         "x has mean 9.5 and deviation 5.77, and reaches 19"),
    ],
    ids=["far from zero", "different scales", "large"],
)  # fmt: skip
def test_sd304(make: Any, columns: Any, severity: str, why: str) -> None:
    (one,) = found(scaled(make, *columns), "SD304")
    assert one.severity == severity
    assert one.sentence == (
        f"The inputs are not scaled: {why}. Scaled to mean 0 and deviation 1 (--standardize), one "
        "learning rate may suit all weights."
    )


def test_sd304_on_the_tutorial_is_only_mentioned(tutorial: Any) -> None:
    (one,) = found(tutorial(), "SD304")
    assert one.severity == "info"
    assert one.evidence["columns"] == {
        "time": {"mean": 9.5, "deviation": pytest.approx(5.766281, abs=1e-6)}
    }


OFFSET = ColumnFacts("x", 2010.5, 5.766, 2020.0)
SD304_NEAR_MISSES = {
    "well conditioned": lambda make: scaled(make, OFFSET, condition=999.0),
    "condition not measured": lambda make: replace(scaled(make, OFFSET), spectrum=None),
    "only the target is far from zero": lambda make: scaled(make, Y),
    "scaled already": lambda make: scaled(
        make, OFFSET, problem={"standardized": {"x": (2010.5, 5.766)}}
    ),
    "a mean of three deviations, small values": lambda make: scaled(
        make, ColumnFacts("x", 3.0, 1.0, 5.0), ColumnFacts("z", 0.0, 0.01, 0.02)
    ),
    "a constant column is another matter": lambda make: scaled(
        make, ColumnFacts("x", 2010.0, 0.0, 2010.0)
    ),
    "an expression has no inputs": lambda make: scaled(
        make, OFFSET, problem={"command": "minimize"}
    ),
}


@pytest.mark.parametrize("near_miss", SD304_NEAR_MISSES.values(), ids=SD304_NEAR_MISSES)
def test_sd304_near_misses(make: Any, near_miss: Any) -> None:
    assert not found(near_miss(make), "SD304")


def test_sd304_is_mild_once_the_descent_has_arrived(make: Any, tutorial: Any) -> None:
    m = tutorial()
    assert isinstance(m.minimum, Minimum)
    there = replace(m, descent=replace(m.descent, final_loss=1.05))
    assert not found(there, "SD304")
    offset = replace(there, columns=(ColumnFacts("time", 2010.5, 5.766, 2020.0),))
    (one,) = found(offset, "SD304")
    assert one.severity == "info"
