"""A bar for people who wait, and nothing for anyone else."""

import io

import pytest

from steepest.cli import progress
from steepest.cli.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that the bar believes it is."""
    now = [100.0]
    monkeypatch.setattr(progress, "_now", lambda: now[0])
    return now


def watched(stream: io.StringIO, clock: list[float], seconds: float) -> str:
    with Progress(stream) as report:
        clock[0] += seconds
        report("descent", 10, 100, 283.98554)
        report("remedy [bold]1[/]", 3, None, None)
    return stream.getvalue()


def test_a_long_job_shows_a_bar_on_a_terminal(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    shown = watched(Terminal(), clock, 1.0)
    assert "[bold]1[/]" in shown
    assert shown.endswith("\x1b[2K")


def test_reading_says_how_quickly(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass that is part of a step leaves the bar of the steps where it is."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    with Progress(stream) as report:
        clock[0] += 1.0
        for done in (1_000_000, 3_000_000, 6_000_000):
            report("reading rows", done, 8_000_000, None)
            clock[0] += 1.0
        assert report._bar is not None
        report._bar.refresh()
        assert "2.0 million a second" in stream.getvalue()
        report("descending", 3, 10, 0.5)
        for done in (1_000_000, 5_000_000):
            report("reading rows", done, 8_000_000, None)
            clock[0] += 1.0
        report._bar.refresh()
    last = stream.getvalue().rpartition("descending")[2]
    assert "3/10" in last
    assert "4.0 million a second" in last


def test_a_short_job_shows_nothing(clock: list[float]) -> None:
    assert watched(Terminal(), clock, 0.1) == ""


def test_nothing_where_nobody_watches(clock: list[float]) -> None:
    assert watched(io.StringIO(), clock, 60.0) == ""
