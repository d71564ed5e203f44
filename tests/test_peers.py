"""The comparisons with other libraries run, and both sides do the same work.

What they need and is not installed is skipped here, as it is left out of their table.
"""

import importlib.util
import math
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from benchmarks import c_loops, lr_finder, one_percent
from benchmarks.__main__ import main
from benchmarks.baselines import eager
from benchmarks.c_loops import compiler, over_quadratic, quadratic_of
from benchmarks.compiled_step import CompiledSteps
from benchmarks.one_percent import LOOP_STEPS, Found, Way
from benchmarks.peers import MINIMUM, ONE_PERCENT, demand_installed, lowest_loss
from benchmarks.problem import LR, columns, demand_same, start
from benchmarks.registry import (
    RATIO,
    REGISTRY,
    Benchmark,
    DifferentWorkError,
    Effort,
    NotMeasuredError,
    Samples,
)
from click.testing import CliRunner

from steepest.cli import steepest as command

BRIEF = Effort(rounds=1, eager_steps=50, direct_steps=1)

# `make bench` has the rest: what the compiler of PyTorch makes, millions of steps, and processes.
LEFT_OUT = re.compile(r"^peer-torch-compile|^lr-finder-speed$")
MEASURED = [
    name
    for name in REGISTRY
    if name.startswith(("peer-", "lr-finder-")) and not LEFT_OUT.search(name)
]


@pytest.mark.parametrize("name", MEASURED)
def test_both_sides_do_the_same_work(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lr_finder, "STEPS", 20)
    try:
        found = REGISTRY[name].measure(BRIEF)
    except NotMeasuredError as reason:
        pytest.skip(f"not measured: {reason}")
    assert all(value > 0 for value in found.values), found


def test_compiled_steps_walk_the_tutorials_path() -> None:
    # The graph is traced and run without a compiler: three steps at a time, and the rest cut off.
    found = CompiledSteps(3, backend="aot_eager").walk(*columns(), start(), LR, 10)
    demand_same(found, eager(*columns(), start(), LR, 10))


def test_weights_that_are_not_good_enough_are_refused() -> None:
    time, speed = columns()
    best = np.polyfit(time, speed, 2)
    MINIMUM.demand(best, best)
    with pytest.raises(DifferentWorkError, match="goal"):
        MINIMUM.demand(best, best + np.array([0, 0, 1e-3]))
    with pytest.raises(DifferentWorkError, match="nan"):
        ONE_PERCENT.demand(best * math.nan)


def in_this_process(arguments: Sequence[str], store: Path) -> tuple[float, str]:
    kept = {"STEEPEST_STORE": str(store)}
    answer = CliRunner().invoke(command, list(arguments), env=kept, catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    assert store.exists()
    return 2.0, answer.stdout


def test_the_command_of_the_best_remedy_arrives() -> None:
    ways = one_percent.steepest_ways(in_this_process)
    for name, found in ways.items():
        assert found.loss is not None, name
        assert lowest_loss() < found.loss <= ONE_PERCENT.loss, name
    assert ways[one_percent.WITH_REMEDY].seconds == 4.0
    assert ways[one_percent.REMEDY].seconds == ways[one_percent.INSIDE].seconds == 2.0


def test_a_process_that_fails_has_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_percent, "CURVE_FIT", "import no_such_library")
    with pytest.raises(DifferentWorkError, match="no_such_library"):
        one_percent.curve_fit_way()


@pytest.mark.skipif(importlib.util.find_spec("sklearn") is None, reason="sklearn is not installed")
def test_a_regression_arrives_with_all_its_passes() -> None:
    found = one_percent.sgd_way(one_percent.ALL_PASSES)
    assert found.loss is not None
    assert lowest_loss() < found.loss <= ONE_PERCENT.loss
    assert found.steps == "50,000 passes"


def test_the_other_scripts_end_where_they_should() -> None:
    assert one_percent.curve_fit_way().loss == pytest.approx(lowest_loss(), rel=1e-9)
    found, spent = one_percent.loop_way(10)
    assert found.loss == pytest.approx(283.9855, abs=1e-4)
    assert 0 < spent < found.seconds


def test_the_loop_needs_as_many_steps_as_is_said() -> None:
    try:
        compiler()
    except NotMeasuredError as reason:
        pytest.skip(f"not measured: {reason}")
    given, weights, losses = quadratic_of(*columns()), start(), np.empty(0)
    piece = 200_000
    for first in range(0, LOOP_STEPS + 1, piece):
        steps = min(piece, LOOP_STEPS - first)
        found = over_quadratic(given, weights, LR, steps)
        weights, losses = found.weights[-1].copy(), found.loss[-2:].copy()
    assert losses[0] > ONE_PERCENT.loss >= losses[1]


def test_the_table_says_who_did_not_arrive() -> None:
    low, high = ONE_PERCENT.loss, 1.001 * ONE_PERCENT.loss
    ways = (
        Way("lost", (Found(0.1, math.nan, "6 passes"),)),
        Way("once above", (Found(0.1, low, "1 step"), Found(0.3, high, "1 step"))),
        Way("absent", note="sklearn is not installed"),
        Way("slow", (Found(90.0, None, "9 steps"),), "extrapolated"),
        Way("good", (Found(2.0, low, "5 steps"), Found(3.0, low, "5 steps"))),
    )
    lines = one_percent.section(ways).splitlines()[-5:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [(row[0], row[1], row[-1]) for row in cells] == [
        ("good", "2.5", "yes"),
        ("slow", "90", "not measured"),
        ("lost", "0.1", "no"),
        ("once above", "0.2", "no"),
        ("absent", "not measured: sklearn is not installed", "-"),
    ]


def line(samples: Samples | None) -> Benchmark:
    def measure(effort: Effort) -> Samples:
        if samples is None:
            demand_installed("math", "no_such_library")
        assert samples is not None
        return samples

    return Benchmark("name", "this against that", None, RATIO, measure)


def test_what_is_not_installed_is_named_in_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "RESULTS.md"
    assert main([], {"name": line(None)}, kept) == 0
    shown = "not measured"
    for text in (capsys.readouterr().out, kept.read_text("utf-8")):
        (found,) = (row for row in text.splitlines() if "this against" in row)
        assert shown in found
        assert "no_such_library is not installed" in found


def test_a_section_stands_below_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "RESULTS.md"
    assert main([], {"name": line(Samples((1.0,), section="## More\n\nIt says more."))}, kept) == 0
    for text in (capsys.readouterr().out, kept.read_text("utf-8")):
        assert text.index("this against") < text.index("\n## More\n") < text.index("Python 3")


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler here")
def test_a_loop_in_c_leaves_small_numbers_as_they_are() -> None:
    """Fast mathematics would make them zero, for all code in this process from then on."""
    c_loops._library()
    assert np.float64(5e-324) * 1.0 > 0
