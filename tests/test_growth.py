"""How cost grows: what is measured still runs, and grows no faster than it may."""

import doctest
import math
import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from benchmarks.growth import drawing, exponent, plan, sweep, works
from benchmarks.growth.__main__ import main
from benchmarks.growth.exponent import fitted
from benchmarks.growth.page import page
from benchmarks.growth.plan import PLAN
from benchmarks.growth.sweep import Course, NotMeasuredError, by_process, course
from benchmarks.growth.works import WORKS, Cost, WrongResultError, demand, measure

NOTED = {"rows": 2_000, "weights": 300, "steps": 2_000, "rates": 30}
"""Sizes at which every work is done here."""

SERIES = [
    pytest.param(growth, series, id=series.work) for growth in PLAN for series in growth.series
]


@pytest.fixture(autouse=True)
def little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(works, "ENOUGH_SECONDS", 0.02)
    monkeypatch.setattr(sweep, "COPIED", 1 << 20)


def cost_of(size: int, seconds: float, peak: int = 300_000_000) -> Cost:
    return Cost(size, 1.0, seconds, 1, 3, 200_000_000, peak, 16.0 * size, 8.0 * size)


def linear(work: str, size: int) -> Cost:
    return cost_of(size, 1e-7 * size, 200_000_000 + 100 * size)


@pytest.mark.parametrize(("growth", "series"), SERIES)
def test_a_work_gives_what_it_must(growth: plan.Growth, series: plan.Series) -> None:
    found = measure(series.work, NOTED[growth.name])
    assert found.seconds > 0
    # A network has not any number of weights.
    assert found.size == pytest.approx(NOTED[growth.name], rel=0.1)
    # Whatever it does, a process with Python, NumPy and JAX has a few megabytes.
    assert found.before > 5_000_000
    assert found.peak > 5_000_000


def test_every_work_is_in_the_plan() -> None:
    assert {series.work for growth in PLAN for series in growth.series} == set(WORKS)


@pytest.mark.parametrize(
    ("work", "sizes", "low", "high"),
    [
        # Once the rows no longer fit into a cache, each costs more than before.
        pytest.param("full_gradient", (100_000, 1_000_000), 0.5, 1.7, id="rows"),
        pytest.param("later_step", (1_000, 100_000), -0.3, 0.3, id="a-later-step"),
        pytest.param("network", (10_000, 100_000), 0.4, 1.6, id="weights"),
        pytest.param("formula_steps", (100_000, 1_000_000), 0.6, 1.3, id="steps"),
        # Of a quadratic those alone are computed that are kept: as many of the longer descent.
        pytest.param("quadratic_steps", (100_000, 1_000_000), -0.6, 0.5, id="kept-steps"),
        pytest.param("full_traces", (1_000, 3_000), 0.4, 1.5, id="rates"),
    ],
)
def test_time_grows_as_it_may(work: str, sizes: tuple[int, ...], low: float, high: float) -> None:
    for _ in range(3):
        found = Course(tuple(measure(work, size) for size in sizes)).time
        assert found is not None
        if low <= found.value <= high:
            return  # Other work on the machine can spoil one measurement; it rarely spoils three.
    raise AssertionError(f"{work} grows to the power {found} from {sizes[0]:,} to {sizes[-1]:,}")


def test_memory_levels_with_the_steps() -> None:
    few, many = (by_process("formula_steps", steps) for steps in (10, 2_000_000))
    assert many.seconds > 10 * few.seconds
    grown = (many.peak - few.peak) / 1e6
    # All that was recorded would be 112 MB.
    assert grown < 60, f"2,000,000 steps take {grown:.0f} MB more than 10"


def test_an_exponent_is_that_of_the_upper_decades() -> None:
    sizes = [10**k for k in range(1, 8)]
    found = fitted(sizes, [1e-3 + 1e-9 * size**1.5 for size in sizes])
    assert found is not None
    assert (found.low, found.high) == (10**5, 10**7)
    assert found.value == pytest.approx(1.5, abs=0.02)
    assert found.at(10**7) == pytest.approx(1e-9 * 10 ** (7 * 1.5), rel=0.02)


def test_the_error_of_an_exponent_is_that_of_least_squares() -> None:
    sizes = [10, 31, 100, 316, 1000]
    noise = np.random.default_rng(0).normal(0, 0.1, len(sizes))
    found = fitted(sizes, list(10 ** (0.9 * np.log10(sizes) + noise)))
    _, covariance = np.polyfit(np.log10(sizes), 0.9 * np.log10(sizes) + noise, 1, cov=True)
    assert found is not None
    assert found.error == pytest.approx(math.sqrt(covariance[0, 0]), rel=1e-9)


def test_nothing_above_zero_has_no_exponent() -> None:
    assert fitted([10, 100], [0.0, -1.0]) is None


def test_a_copy_is_as_fast_as_memory() -> None:
    assert 1e8 < sweep.bandwidth() < 1e13


def test_a_course_ends_before_the_memory_does() -> None:
    found = course("any", [10**k for k in range(2, 9)], measure=linear, memory=1.5e9)
    assert found.sizes == (100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
    assert found.ended == "100,000,000: would need about 10 GB of memory, and 2 GB are allowed"


def test_what_could_not_be_measured_is_said() -> None:
    def fails(work: str, size: int) -> Cost:
        if size > 100:
            raise NotMeasuredError(f"{size}: no")
        return linear(work, size)

    found = course("any", [10, 100, 1000], measure=fails, memory=1e12)
    assert (found.sizes, found.ended) == ((10, 100), "1000: no")


def test_a_process_that_fails_says_why() -> None:
    with pytest.raises(NotMeasuredError, match="KeyError: 'nothing'"):
        by_process("nothing", 10)


def test_a_wrong_result_is_noticed() -> None:
    demand("it", [1.0, 2.0], [1.0, 2.0 + 1e-12], 1e-9)
    with pytest.raises(WrongResultError, match=r"it differs by 9\.1e-02"):
        demand("it", [1.0, 2.0], [1.0, 2.2], 1e-9)
    with pytest.raises(WrongResultError, match="it"):
        demand("it", [1.0, math.nan], [1.0, 2.0], 1e-9)


def test_the_closed_form_is_the_published_path() -> None:
    losses = [works.losses_after(steps, np.array([works.LR]))[0] for steps in (0, 1, 10)]
    np.testing.assert_allclose(losses, [679.2726, 358.8021, 283.9855], atol=1e-4)


def test_a_complete_measurement_is_written_with_its_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([], linear, tmp_path) == 0
    assert "1.00 ± 0.00" in capsys.readouterr().out
    written = (tmp_path / "GROWTH.md").read_text("utf-8")
    shown = set(re.findall(r'(?:src|srcset)="([^"]+)"', written))
    assert shown == {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.svg")}
    assert len(shown) == 2 * len(PLAN)
    for name in shown:
        assert "n^1.00" in (tmp_path / name).read_text("utf-8")
    assert str(Path.cwd()) not in written


@pytest.mark.parametrize("arguments", [["--quick"], ["--only", "steps"]], ids=["quick", "some"])
def test_only_a_complete_measurement_is_kept(arguments: list[str], tmp_path: Path) -> None:
    asked: list[int] = []

    def noted(work: str, size: int) -> Cost:
        asked.append(size)
        return linear(work, size)

    assert main(arguments, noted, tmp_path) == 0
    assert not list(tmp_path.iterdir())
    assert max(asked) == (10_000 if arguments == ["--quick"] else 100_000_000)


def test_what_a_cache_has_is_not_measured_again(tmp_path: Path) -> None:
    cache = str(tmp_path / "costs.json")
    assert main(["--only", "rates", "--cache", cache], linear, tmp_path) == 0

    def again(work: str, size: int) -> Cost:
        raise NotMeasuredError("it was known")

    assert main(["--only", "rates", "--cache", cache], again, tmp_path) == 0


def test_the_page_says_what_is_missing() -> None:
    some = course("any", [100, 1_000], measure=linear, memory=1e12)
    ended = replace(some, ended="10,000: would need about 99 GB of memory")
    courses = {growth.name: [ended for _ in growth.series] for growth in PLAN}
    assert "ends there. 10,000: would need about 99 GB of memory." in page(courses, 1e10)


@pytest.mark.parametrize(
    "module", [drawing, exponent, plan, sweep], ids=lambda module: module.__name__
)
def test_examples_hold(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
