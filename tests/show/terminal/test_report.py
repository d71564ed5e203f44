"""What a terminal shows of a run.

`STEEPEST_SNAPSHOTS=write python -m pytest tests/show/terminal` writes the snapshots anew.
"""

import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from tests import specimens
from tests.show.terminal.lines import too_long

from steepest.records.point import Explanation
from steepest.records.problem import Problem
from steepest.records.run import RunRecord
from steepest.records.verdict import WeightStatistics
from steepest.show.terminal import Report, plain
from steepest.show.terminal.page import safe
from steepest.show.terminal.workflow import chosen, lengths

SNAPSHOTS = Path(__file__).parent / "snapshots"


def at_the_start() -> RunRecord:
    record = specimens.tutorial()
    return replace(record, explanation=record.beginning)


def standardized() -> RunRecord:
    record = specimens.tutorial()
    plain_units = record.measurements.statistics
    assert plain_units is not None
    scaled = (specimens.TIME - 9.5) / 5.766281
    inputs = np.stack([scaled**2, scaled, np.ones_like(scaled)], axis=1)
    best = np.asarray(np.linalg.lstsq(inputs, specimens.SPEEDS)[0], dtype=np.float64)
    return replace(
        record,
        problem=replace(record.problem, standardized={"time": (9.5, 5.766281)}),
        user_units={"a": (0.0121, 0.503), "b": (-0.6397, -9.57), "c": (0.6416, 46.34)},
        measurements=replace(
            record.measurements,
            statistics=replace(
                specimens.statistics(best, inputs), user_weights=plain_units.weights
            ),
        ),
    )


def held() -> RunRecord:
    """At its lower bound b stopped, the data do not tell a from c, and the rows have a sigma."""
    record = specimens.tutorial()
    found = specimens.statistics(np.array([0.278859, -5.0, 30.6009]))
    a, b, c = found.weights
    first, *rest = record.explanation.partials
    return replace(
        record,
        explanation=replace(record.explanation, partials=(replace(first, at_bound="lower"), *rest)),
        measurements=replace(
            record.measurements,
            statistics=replace(
                found,
                weights=(
                    replace(a, error=None, identifiable=False),
                    replace(b, error=None, at_bound="lower"),
                    replace(c, error=None, identifiable=False),
                ),
                correlations=np.full((3, 3), np.nan),
                aic=None,
                bic=None,
                sigma="noise",
                not_measured={"aic": "There is no scatter.", "bic": "There is no scatter."},
            ),
        ),
    )


CASES: dict[str, tuple[Callable[[], RunRecord], bool, bool]] = {
    "tutorial": (specimens.tutorial, False, False),
    "tutorial-start-backward": (at_the_start, True, False),
    "standardized": (standardized, False, False),
    "held": (held, False, False),
    "diverged": (specimens.diverged, False, False),
    "diverged-ascii": (specimens.diverged, True, True),
    "parabola": (specimens.parabola, True, False),
}


@pytest.mark.parametrize(("make", "backward", "ascii_only"), CASES.values(), ids=CASES)
def test_the_page_reads_as_it_was_approved(
    make: Callable[[], RunRecord],
    backward: bool,
    ascii_only: bool,
    request: pytest.FixtureRequest,
) -> None:
    path = SNAPSHOTS / f"{request.node.callspec.id}.txt"
    shown = plain(Report(make(), backward=backward), ascii_only=ascii_only)
    if os.environ.get("STEEPEST_SNAPSHOTS") == "write":
        path.write_text(shown, "utf-8")
    assert shown == path.read_text("utf-8")


def test_the_start_says_what_the_tutorial_leaves_out() -> None:
    shown = plain(Report(at_the_start()))
    assert "raise a by 0.001: predicted -6.66888, actual -6.64074" in shown
    assert "row 19 -1,922.05 (29 %), row 18 " in shown
    assert shown.startswith("The loss of 283.99 is not the minimum")


@pytest.mark.parametrize("make", [specimens.tutorial, specimens.diverged, specimens.parabola])
def test_ascii_pages_have_nothing_else(make: Callable[[], RunRecord]) -> None:
    assert plain(Report(make(), backward=True), ascii_only=True).isascii()


def test_commands_can_be_copied() -> None:
    record = specimens.tutorial()
    shown = plain(Report(record))
    joined = " ".join(shown.replace("\\\n", " ").split())
    for remedy in record.remedies:
        assert remedy.command in joined


def test_a_long_word_of_a_command_stays_whole() -> None:
    record = specimens.tutorial()
    name = "x" * 120 + ".csv"
    remedy = replace(record.remedies[0], command=f"steepest fit {name} 'y ~ a*x' --lr 0.1")
    assert name in plain(Report(replace(record, remedies=(remedy,))))


def test_names_from_outside_can_neither_style_nor_steer() -> None:
    hostile = "[bold red]x[/] \x1b[31m\x07\u202e"
    record = specimens.tutorial()
    problem = replace(record.problem, source=hostile, formula=f"y ~ a*`{hostile}`")
    shown = plain(Report(replace(record, problem=problem)))
    assert r"[bold red]x[/] \x1b[31m\x07\u202e" in shown
    assert not any(c != "\n" and not c.isprintable() for c in shown)


def test_what_is_held_and_how_rows_count_is_said() -> None:
    record = specimens.tutorial()
    problem = replace(record.problem, sigma="noise")
    shown = plain(Report(replace(record, problem=problem, call={"fix": {"d": 2.0}})))
    shown = " ".join(shown.split())
    assert "Held, and not learned, is d = 2." in shown
    assert "mean over rows, weighted by 1/noise**2 like every mean here, of (prediction" in shown


def test_columns_that_are_only_divided_are_shown_so() -> None:
    record = specimens.tutorial()
    problem = replace(record.problem, standardized={"time": (0.0, 5.5), "x": (1.5, 2.0)})
    shown = " ".join(plain(Report(replace(record, problem=problem))).split())
    assert "scaled to time/5.5 and (x - 1.5)/2" in shown


def styled(record: RunRecord, no_color: bool) -> str:
    stream = io.StringIO()
    Console(
        file=stream,
        force_terminal=True,
        width=80,
        color_system=None if no_color else "standard",
        legacy_windows=False,
    ).print(Report(record), crop=False)
    return stream.getvalue()


def test_colour_only_adds_to_what_is_said() -> None:
    record = specimens.tutorial()
    with_colour = styled(record, no_color=False)
    assert "\x1b[1;32mjust right" in with_colour
    assert styled(record, no_color=True) == plain(Report(record))


texts = st.text(st.characters(), max_size=120)
numbers = st.floats(allow_nan=True, allow_infinity=True)


def renamed(record: RunRecord, name: str, text: str, number: float) -> RunRecord:
    """The run with one weight, one text and one number that someone else chose."""

    def other(explanation: Explanation) -> Explanation:
        first, *rest = explanation.partials
        first = replace(first, weight=name, value=number, amount=number, text=text)
        nodes = tuple(replace(node, text=text) for node in explanation.backward)
        return replace(explanation, partials=(first, *rest), backward=nodes)

    problem: Problem = replace(
        record.problem, formula=text, source=text, doubtful_names=((name, text),)
    )
    values = np.full_like(record.trace.loss, number)
    entry = WeightStatistics(name, number, number)
    stated = replace(
        specimens.statistics(record.trace.weights[-1]),
        weights=(entry,) * 3,
        user_weights=(entry,),
        correlations=np.full((3, 3), 0.99),
        r_squared=number,
        sigma=text,
        not_measured={"aic": text},
        aic=None,
    )
    return replace(
        record,
        problem=problem,
        start={**record.start, name: number},
        trace=replace(record.trace, loss=values, validation=values),
        beginning=other(record.beginning),
        explanation=other(record.explanation),
        measurements=replace(
            record.measurements,
            stability_limit=number,
            not_measured={text: text},
            statistics=stated,
        ),
        verdict=replace(record.verdict, headline=text),
        user_units={name: (number, number)},
    )


@settings(max_examples=60)
@given(texts, texts, numbers, st.sampled_from([40, 60, 80, 200]), st.booleans())
def test_no_line_is_wider_than_the_page(
    name: str, text: str, number: float, width: int, ascii_only: bool
) -> None:
    record = replace(renamed(specimens.tutorial(), name, text, number), remedies=())
    shown = plain(Report(record, backward=True), width=width, ascii_only=ascii_only)
    # What a table is about is one piece, whatever it is called.
    named = {safe(other, ascii_only=ascii_only).strip() for other in (name, text)}
    assert {line.strip() for line in too_long(shown, min(width, 100))} <= named
    assert all(line == line.rstrip() for line in shown.split("\n"))
    assert not any(c != "\n" and not (c.isprintable() or c.isspace()) for c in shown)


@settings(max_examples=60)
@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=300, unique=True))
def test_a_dozen_losses_at_most_with_both_ends(steps: list[int]) -> None:
    kept = np.array([0, *sorted(steps)], dtype=np.int64)
    places = chosen(kept)
    assert places[0] == 0
    assert places[-1] == len(kept) - 1
    assert places == sorted(set(places))
    assert len(places) <= 15


@given(st.lists(numbers, min_size=1, max_size=20))
def test_bars_are_shares(losses: list[float]) -> None:
    _, shares = lengths(losses)
    assert len(shares) == len(losses)
    assert all(-1e-9 <= share <= 1 + 1e-9 for share in shares)


def test_losses_that_span_orders_of_magnitude_are_shown_by_their_logarithm() -> None:
    assert lengths([1000.0, 500.0, 1.5]) == (False, [1.0, 0.5, 0.0015])
    logarithmic, shares = lengths([1e6, 1e3, 1.0])
    assert logarithmic
    assert shares[0] == 1.0
    assert shares[1] - shares[2] == pytest.approx(shares[0] - shares[1])


def test_a_minimum_of_rounding_leaves_the_falls_to_be_seen() -> None:
    falls = [679.0, 359.0, 284.0]
    logarithmic, shares = lengths([*falls, 1e-30], len(falls))
    assert not logarithmic
    assert shares == pytest.approx([1.0, 359 / 679, 284 / 679, 0.0])
    for lowest in (1e-30, 0.0):
        logarithmic, shares = lengths([1e6, 1e3, 1.0, lowest], 3)
        assert logarithmic
        assert shares[0] - shares[1] == pytest.approx(shares[1] - shares[2])
        assert shares[0] - shares[1] > 0.4
        assert shares[3] == 0.0


def test_rows_held_out_are_counted() -> None:
    record = specimens.tutorial()
    problem = replace(record.problem, rows=16, validation_rows=4)
    shown = plain(Report(replace(record, problem=problem)))
    assert "Data            16 rows of examples/speed.csv, and 4 more held out" in shown


def test_a_model_without_a_column_is_called_constant() -> None:
    record = specimens.tutorial()
    problem = replace(record.problem, constant=True)
    shown = " ".join(plain(Report(replace(record, problem=problem))).split())
    said = "The model uses no column of the data, so it predicts the same value for every row."
    assert said in shown
    assert said not in " ".join(plain(Report(record)).split())


@pytest.mark.parametrize("optimizer", ["gd", "adam"])
def test_a_limit_of_scaled_steps_is_no_promise(optimizer: str) -> None:
    record = specimens.tutorial()
    record = replace(record, descent=replace(record.descent, optimizer=optimizer))
    shown = " ".join(plain(Report(record)).split())
    holds = "as long as the scaling of its steps stays as it was at the end" in shown
    assert holds == (optimizer == "adam")
