"""What a person sees: as wide as the terminal, and nothing in it torn apart."""

import io
import re
import sys
from pathlib import Path

import click
import pytest
from docs import generate
from tests.show.terminal.lines import too_long

from steepest.cli import failures
from steepest.words.errors import FormulaError, InputError
from steepest.words.wording import pathname


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture(params=[40, 60, 80, 200])
def columns(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    width: int = request.param
    monkeypatch.setenv("COLUMNS", str(width))
    return width


def test_an_error_fills_the_terminal_and_no_more(columns: int, tmp_path: Path) -> None:
    path = tmp_path / "a folder of a rather long name" / "its-data.csv"
    stream = Terminal()
    failures.report(InputError(f"{pathname(path)} has no column.", instead="Do it. " * 9), stream)
    shown = stream.getvalue()
    assert any(f'"{path}"' in line for line in shown.splitlines())
    assert not too_long(shown, columns)
    assert max(map(len, shown.splitlines())) > columns // 2
    assert all(line.startswith("  ") for line in shown.splitlines()[1:])


def test_a_note_too(columns: int) -> None:
    stream = Terminal()
    failures.note("One sentence of some length. " * 5, stream)
    assert max(map(len, stream.getvalue().splitlines())) <= columns


def test_a_caret_stands_under_its_place(columns: int) -> None:
    stream = Terminal()
    formula = "".join(chr(ord("a") + i % 26) for i in range(500))
    failures.report(FormulaError("Here.", formula=formula, column=333, length=3), stream)
    _, shown, caret = stream.getvalue().splitlines()
    assert len(shown) == columns
    assert shown[caret.index("^") :].startswith(formula[333:336])


def test_help_keeps_options_and_their_values_whole(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    for path, command, _ in generate.commands():
        shown = helped(command, path)
        assert not too_long(shown, max(52, min(columns, 100)))
        assert not re.search(r"[\w-]-\n", shown), path
        assert not re.search(r"\[default:\n", shown), path
        for option in command.params:
            text = getattr(option, "help", None) or ""
            for example in re.findall(r"\"[^\"]+\"|\d\S* (?:steps|%)", text):
                assert example in shown


def helped(command: click.Command, path: str) -> str:
    return command.get_help(command.context_class(command, info_name=path))


def test_help_that_is_piped_is_the_same_on_every_machine(columns: int) -> None:
    for path, command, shown in generate.commands():
        assert helped(command, path).splitlines()[2:] == shown.splitlines()[2:]
