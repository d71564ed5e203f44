"""The picture and the table of a sweep, from records made up by hand."""

import re
from dataclasses import replace

import pytest
from tests.show.terminal.lines import too_long

from steepest.records.descent import (
    Goal,
    RateTrial,
    SweepRecord,
    SweptRate,
)
from steepest.records.point import Minimum
from steepest.records.problem import Problem, Settings
from steepest.show.terminal import SweepReport, plain
from steepest.show.terminal.sweep import BEST, MOST_IN_TABLE, chosen
from steepest.study.zones import (
    edge,
    headline_of,
    judged,
    lowest,
    quickest,
)

Outcome = int | str | None


def record(outcomes: dict[float, Outcome], *, limit: float | None = None) -> SweepRecord:
    """Learning rate -> steps to the goal, "x" for diverged, None for not in 1,000 steps."""
    rates = judged(
        [
            SweptRate(
                lr,
                "not measured",
                (
                    RateTrial(
                        lr=lr,
                        steps=outcome if isinstance(outcome, int) else None,
                        limit=1000,
                        lowest_loss=3 - lr if outcome is None else 1.0,
                        diverged=outcome == "x",
                        measured=True,
                    ),
                ),
            )
            for lr, outcome in outcomes.items()
        ]
    )
    goal = Goal(1.01, "within 1 % of the minimum")
    stable, diverging = edge(rates)
    return SweepRecord(
        version="0.1.0",
        problem=Problem("fit", "y ~ a*x", ("a",), True, loss="mse", rows=3, source="rows.csv"),
        settings=Settings(),
        momentum=None,
        starts=({"a": 0.0},),
        rates=rates,
        best=quickest(rates) or lowest(rates),
        headline=headline_of(rates, goal, limit, 1000),
        seconds=0.5,
        goal=goal,
        minimum=Minimum(1.0, {"a": 2.0}, "least squares"),
        stability_limit=limit,
        stability_limit_at=None if limit is None else "minimum",
        largest_stable=stable,
        smallest_diverging=diverging,
    )


DECADES: dict[float, Outcome] = {1e-5: None, 1e-4: None, 1e-3: 700, 1e-2: 70, 1e-1: "x", 1.0: "x"}


def picture(shown: str) -> list[str]:
    """The lines between the axes."""
    lines = shown.splitlines()
    end = next(i for i, line in enumerate(lines) if "└" in line or "+--" in line)
    return [line for line in lines[:end] if "│" in line or " |" in line]


def test_every_learning_rate_stands_at_its_place() -> None:
    lines = picture(plain(SweepReport(record(DECADES, limit=0.03))))
    width = 80 - 12
    at = {lr: 12 + round(place / 5 * (width - 1)) for place, lr in enumerate(DECADES)}
    found = {
        (line[:10].strip(), column, line[column])
        for line in lines
        for column in range(12, len(line))
        if line[column] not in " ┊"
    }
    assert {(name, column, mark) for name, column, mark in found if name} == {
        ("diverges", at[1e-1], "x"),
        ("diverges", at[1.0], "x"),
        ("not there", at[1e-5], "<"),
        ("not there", at[1e-4], "<"),
    }
    marks = {(column, mark) for name, column, mark in found if not name}
    assert marks == {(at[1e-3], "<"), (at[1e-2], BEST)}
    # The scale ends at the powers of ten around 70 and 700: 13 rows for two decades.
    rows = [i for i, line in enumerate(lines[2:]) if line[12:].replace("┊", " ").strip()]
    assert rows == [1, 7]
    assert [line[:10].strip() for line in lines[2:] if line[:10].strip()] == ["1,000", "100", "10"]


def test_the_predicted_limit_is_drawn_in() -> None:
    lines = picture(plain(SweepReport(record(DECADES, limit=0.01 * 10**0.5))))
    # Half a decade beyond the fourth of six learning rates.
    assert {line.index("┊") for line in lines} == {12 + round(3.5 / 5 * 67)}
    for beyond in (1e-6, 10.0, None):
        shown = plain(SweepReport(record(DECADES, limit=beyond)))
        assert "┊" not in shown
        assert "no prediction" in shown or f"{beyond:g} predicted" in shown


def test_zones_are_named_below_the_picture() -> None:
    shown = plain(SweepReport(record(DECADES)))
    strip = next(line for line in shown.splitlines() if "<< too small <<" in line)
    assert strip.index("too small") < strip.index("o just right o") < strip.index("too large")
    assert "   <  too small     1e-05 to 0.001\n" in shown
    assert "   o  just right    0.01\n" in shown
    assert "   >  too large     0.1 to 1 (x diverges)\n" in shown
    assert "   *  quickest      0.01\n" in shown
    assert shown.startswith("Quickest: 0.01 with 70 steps; at 0.1 it diverges.\n")


def test_where_nobody_arrives_the_lowest_losses_are_drawn() -> None:
    shown = plain(SweepReport(record({0.1: None, 0.5: None, 1.0: None})))
    assert "Lowest loss against the learning rate, both on logarithmic scales" in shown
    assert "   *  lowest        1\n" in shown
    assert re.search(r"^  \*  +1  +2  not measured  +run$", shown, flags=re.MULTILINE)
    assert "steps to the goal" not in shown


def test_where_all_diverge_there_is_nothing_to_draw() -> None:
    shown = plain(SweepReport(record({0.1: "x", 1.0: "x"}, limit=0.01)))
    assert "both on logarithmic scales" not in shown
    assert "0.1, the smallest of this sweep, diverged." in " ".join(shown.split())
    assert shown.startswith("All 2 learning rates diverge; the predicted limit is 0.01.\n")


def test_a_single_learning_rate_can_be_drawn() -> None:
    shown = plain(SweepReport(record({0.1: 25})))
    assert sum(BEST in line for line in picture(shown)) == 1
    assert shown.startswith("Quickest: 0.1 with 25 steps; it does not diverge.\n")


def test_the_table_is_thinned_and_keeps_what_matters() -> None:
    outcomes: dict[float, Outcome] = {float(lr): 40_000 // lr for lr in range(1, 81)}
    outcomes |= {float(lr): "x" for lr in range(81, 101)}
    made = record(outcomes)
    shown = [rate.lr for rate in chosen(made)]
    assert len(shown) == MOST_IN_TABLE
    assert {1, 8, 9, 80, 81, 100} <= set(shown)
    assert "15 of 100 learning rates; --json has all." in plain(SweepReport(made))
    jagged = record({float(lr): 9000 if lr % 2 else 90 for lr in range(1, 61)})
    assert len(chosen(jagged)) == MOST_IN_TABLE
    assert jagged.best in chosen(jagged)


@pytest.mark.parametrize("width", [20, 41, 42, 80, 100])
def test_it_fits_any_terminal_and_ascii(width: int) -> None:
    made = record(DECADES, limit=0.03)
    hostile = replace(made, problem=replace(made.problem, source="\x1b[31m\u202erows.csv"))
    for ascii_only in (False, True):
        shown = plain(SweepReport(hostile), width=width, ascii_only=ascii_only)
        assert not too_long(shown, width)
        assert all(line == line.rstrip() for line in shown.splitlines())
        assert all(c == "\n" or c.isprintable() for c in shown)
        assert shown.isascii() or not ascii_only
