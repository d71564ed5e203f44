"""Escape codes only where a terminal wants them."""

import io

import pytest

from steepest.show.terminal import console_for


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
        pytest.param(io.StringIO(), "FORCE_COLOR", "1", id="piped, whatever is forced"),
    ],
)
def test_no_escape_codes(
    stream: io.StringIO, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    assert printed(stream) == "word\n"
