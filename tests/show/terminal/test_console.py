"""Escape codes only where a terminal wants them."""

import io

import pytest

from steepest.show.terminal import columns_of, console_for


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(stream: io.StringIO) -> str:
    console_for(stream).print("word", style="bold red")
    return stream.getvalue()


def test_a_terminal_gets_styles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1;31mword" in printed(Terminal())


@pytest.mark.parametrize(
    ("stream", "name", "value"),
    [
        pytest.param(Terminal(), "NO_COLOR", "1", id="NO_COLOR"),
        pytest.param(Terminal(), "TERM", "dumb", id="dumb terminal"),
        pytest.param(io.StringIO(), "TERM", "xterm", id="piped"),
    ],
)
def test_no_escape_codes(
    stream: io.StringIO, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    assert printed(stream) == "word\n"


def test_a_log_gets_styles_where_they_are_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1;31mword" in printed(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert printed(io.StringIO()) == "word\n"


@pytest.mark.parametrize(("said", "columns"), [("120", 120), ("60", 60), ("", 80), ("x", 80)])
def test_what_is_piped_is_as_wide_as_columns_says(
    said: str, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", said)
    assert columns_of(io.StringIO()) == columns
    assert console_for(io.StringIO()).width == columns
