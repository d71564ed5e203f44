"""The list of kept runs and two of them side by side, from summaries made up by hand."""

from datetime import datetime

import pytest
from tests.show.terminal.lines import too_long

from steepest.records.choices import Status
from steepest.records.summary import RunSummary
from steepest.show.terminal import Comparison, RunList, plain

STARTED = datetime(2026, 11, 21, 9, 5).timestamp()


def summary(status: Status = "finished", **more: object) -> RunSummary:
    facts = {
        "id": "261121-04kzm7qa",
        "command": "fit",
        "formula": "y ~ a*x",
        "optimizer": "gd",
        "status": status,
        "started": STARTED,
        "step_limit": 1000,
        "weights": ("a",),
        "version": "0.1.0",
        "source": "rows.csv",
        "steps": 1000,
        "loss": 1.5,
        "learning_rate": "too small",
    }
    return RunSummary(**{**facts, **more})  # type: ignore[arg-type]


def test_a_run_in_the_list() -> None:
    assert plain(RunList([summary(name="first")])) == (
        "261121-04kzm7qa  2026-11-21 09:05  finished     1,000 steps, loss 1.5\n"
        "                 first: y ~ a*x, gd, rows.csv, learning rate too small\n"
    )


def test_a_run_that_was_killed_before_its_first_step() -> None:
    killed = summary("killed", steps=None, loss=None, learning_rate=None, source=None)
    assert plain(RunList([killed])) == (
        "261121-04kzm7qa  2026-11-21 09:05  killed\n                 y ~ a*x, gd\n"
    )


def test_ten_million_steps_fit_beside_their_loss() -> None:
    line = plain(RunList([summary(steps=10**7, loss=283.985539)])).splitlines()[0]
    assert line.endswith("10,000,000 steps, loss 283.986")


@pytest.mark.parametrize("width", [20, 40, 80, 100])
def test_nothing_is_wider_than_the_terminal_or_steers_it(width: int) -> None:
    formula = "y ~ " + " + ".join(["a*x"] * 60)
    hostile = summary(name="\x1b[31m\u202e" + "long " * 30, formula=formula)
    shown = plain(RunList([hostile]), width=width)
    # The formula is one piece.
    (line,) = (line for line in shown.splitlines() if formula in line)
    assert line.strip() == f"{formula},"
    assert not too_long(shown.replace(line, ""), width)
    assert all(c == "\n" or c.isprintable() for c in shown)


def test_side_by_side_or_one_below_the_other() -> None:
    long = "y ~ " + " + ".join(["a*x"] * 14)
    rows = [("lr", "0.1", "0.2"), ("formula", long, "y ~ a*x"), ("steps", "10", "10")]
    shown = plain(Comparison(("261121-04kzm7qa", "261121-04kzm7qb"), rows, "Both ended."))
    lines = shown.splitlines()
    assert lines[0] == "Both ended."
    first, second = lines[3].index("261121-04kzm7qa"), lines[3].index("261121-04kzm7qb")
    assert (lines[4].index("0.1"), lines[4].index("0.2")) == (first, second)
    assert f"formula  {long}" in lines
    assert lines[-1].split() == ["steps", "10"]
    assert lines[lines.index("The same") + 1] == lines[-1]
    assert max(len(line) for line in lines if long not in line) <= 80
