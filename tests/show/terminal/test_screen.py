"""The default report fits the screen of a terminal.

`STEEPEST_SNAPSHOTS=write python -m pytest tests/show/terminal` writes the snapshots anew.
"""

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests import specimens
from tests.show.terminal.test_network import network
from tests.show.terminal.test_report import held, standardized

import steepest
from steepest.checks import CHECKS
from steepest.records.point import Partial
from steepest.records.run import RunRecord
from steepest.records.training import TrainingRecord
from steepest.records.verdict import Finding, WeightStatistics
from steepest.show.terminal import Report, TrainingReport, plain
from steepest.show.terminal.screen import HEIGHT, LEAST_FINDINGS
from steepest.words.wording import number

WHY = "print(run.why())"
SNAPSHOTS = Path(__file__).parent / "snapshots"
MAKERS: dict[str, Callable[[], RunRecord | TrainingRecord]] = {
    "tutorial": specimens.tutorial,
    "standardized": standardized,
    "held": held,
    "diverged": specimens.diverged,
    "parabola": specimens.parabola,
    "network": network,
}


def screen(record: RunRecord | TrainingRecord, width: int = 80) -> str:
    made = (Report if isinstance(record, RunRecord) else TrainingReport)(record, why=WHY)  # type: ignore[arg-type]
    return plain(made, width=width)


def weighing(many: int) -> RunRecord:
    """The tutorial's run with so many weights."""
    record = specimens.tutorial()
    names = tuple(f"w{place}" for place in range(many))
    partials = tuple(
        Partial(name, -1.25 * place, 1e-9, None, None) for place, name in enumerate(names)
    )
    found = specimens.statistics(record.trace.weights[-1])
    entries = tuple(WeightStatistics(name, 1 / 3, 0.25) for name in names)
    measured = record.measurements
    assert measured.minimum is not None
    return replace(
        record,
        problem=replace(record.problem, weights=names),
        explanation=replace(record.explanation, partials=partials),
        measurements=replace(
            measured,
            minimum=replace(measured.minimum, weights=dict.fromkeys(names, 1 / 3)),
            statistics=replace(found, weights=entries, correlations=np.eye(many)),
        ),
    )


@pytest.mark.parametrize("name", MAKERS)
def test_the_screen_reads_as_it_was_approved(name: str) -> None:
    path = SNAPSHOTS / f"screen-{name}.txt"
    shown = screen(MAKERS[name]())
    if os.environ.get("STEEPEST_SNAPSHOTS") == "write":
        path.write_text(shown, "utf-8")
    assert shown == path.read_text("utf-8")
    assert len(shown.splitlines()) <= HEIGHT


@pytest.mark.parametrize("many", [1, 5, 6, 40, 4000])
def test_any_number_of_weights_fits(many: int) -> None:
    record = weighing(many)
    shown = screen(record).splitlines()
    rows = [line for line in shown if re.match(r"  w\d", line)]
    assert len(rows) == (many if many <= 6 else 5)
    assert all("0.333333" in row and "0.25" in row and "1e-09" in row for row in rows)
    assert any(f"and {many - 5:,} weights more" in line for line in shown) is (many > 6)
    assert len(shown) <= 24
    assert max(map(len, shown)) <= 80


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("many", [0, 1, 3, 12, len(CHECKS)])
def test_every_code_that_was_found_is_named(many: int, width: int) -> None:
    record = weighing(5)
    findings = tuple(Finding(code, "warning", f"{code} at length. " * 9) for code in CHECKS)[:many]
    shown = screen(replace(record, verdict=replace(record.verdict, findings=findings)), width)
    lines = shown.splitlines()
    listed = [code for code in CHECKS if any(line.startswith(code) for line in lines)]
    assert all(code in shown for code in list(CHECKS)[:many])
    assert min(many, LEAST_FINDINGS) <= len(listed) <= many
    assert lines[-2 if width == 40 else -1].startswith("Why: ") or width < 80
    if width >= 80 and many <= len(CHECKS) // 2:
        assert len(lines) <= 24


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_row_of_a_weight_is_one_line(width: int) -> None:
    record = specimens.tutorial()
    lines = screen(record, width).splitlines()
    for partial in record.explanation.partials:
        (row,) = [line for line in lines if line.startswith(f"  {partial.weight} ")]
        assert row.split()[-1] == number(partial.amount)
        assert len(row) <= width


def test_what_a_check_is_about_fits_a_line() -> None:
    for check in CHECKS.values():
        assert len(f"{check.code}  warning  {check.summary}") <= 80, check.code


def test_the_command_that_helps_most_comes_with_its_count() -> None:
    record = specimens.tutorial()
    shown = " ".join(screen(record).replace("\\\n", " ").split())
    best = record.remedies[0]
    assert best.command in shown
    assert f"Helps most: {best.change}. Run, it" in shown
    assert f"in {best.measured_steps:,} steps" in shown
    missed = replace(best, reached=False, measured_steps=None, measured_loss=123.5)
    shown = screen(replace(record, remedies=(missed,)))
    assert f"Helps most: {best.change}. Run, it ends with loss 123.5." in shown
    assert "Helps" not in screen(replace(record, remedies=()))


def test_what_concerns_one_weight() -> None:
    record = specimens.tutorial()
    shown = plain(Report(record, weight="b"))
    partial = record.explanation.partials[1]
    assert partial.weight == "b"
    assert partial.text is not None
    assert partial.text in shown
    assert "raise b by " in shown
    assert "raise a by " not in shown
    values = record.trace.weights[:, 1]
    for value in (values[0], values[-1]):
        assert f"{value:.6g}" in shown


def test_a_rate_that_jumps_out_of_a_valley_is_not_offered_beside_the_own() -> None:
    run = steepest.minimize("x**4 - 3*x**2 + x", start={"x": 2}, lr=0.05, remedies=False)
    study = run.measurements.rates
    assert study is not None
    assert study.by_luck
    assert "at best" not in str(run)
    assert "which is luck" in run.figure("sweep").title
