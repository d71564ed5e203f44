"""What someone copies from a terminal is whole, however wide it is and whatever it is called."""

import os
import re
import shlex
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from steepest.cli.failures import lines_of
from steepest.words.errors import InputError
from steepest.words.wording import number, pathname
from steepest.words.wrapping import wrapped

widths = st.integers(40, 200)
letters = st.characters(categories=["L", "N"])
# With blanks and dashes, as folders are called, and longer than any line.
paths = st.lists(
    st.text(st.one_of(letters, st.sampled_from(" -_.()'$\"&=:~")), min_size=1, max_size=90),
    min_size=1,
    max_size=5,
).map(lambda parts: "/" + "/".join(parts) + ".csv")
fillers = st.sampled_from(["the", "rows", "of", "it", "cannot", "be", "read,", "because"])
units = st.sampled_from(["%", "% of it", "of it", "rows", "steps", "MB", "million steps", "times"])
amounts = st.floats(-1e9, 1e9).map(number)
numbers = st.builds("{} {}".format, amounts, units)
equations = st.builds("{} = {}".format, st.sampled_from(["a", "lr", "w1"]), amounts)
options = st.builds("--{} {}".format, st.sampled_from(["lr", "batch-size", "start"]), amounts)
commands = st.one_of(
    st.sampled_from(["steepest explain SD201", "steepest runs list", "steepest fit"]),
    paths.map(lambda path: f"steepest fit {shlex.quote(path)} 'y ~ a*x' --lr 0.1"),
)
pieces = st.one_of(paths.map(pathname), numbers, equations, options, commands)


@given(st.lists(st.tuples(fillers, pieces), min_size=1, max_size=8), widths)
def test_every_piece_is_whole(text: list[tuple[str, str]], width: int) -> None:
    joined = " ".join(f"{filler} {piece};" for filler, piece in text)
    lines = wrapped(joined, width)
    for _, piece in text:
        assert any(piece in line for line in lines), piece
    assert " ".join(lines) == joined
    # Only one piece that is longer than a line by itself makes a line longer.
    longer = [line for line in lines if cell_len(line) > width]
    assert {line.rstrip(";") for line in longer} <= {piece for _, piece in text}


@given(paths, widths, st.booleans())
@example("/tmp/it's/a b.csv", 40, False)
@example('/tmp/say "a b" for $5.csv', 40, True)
@example("/0$ '々.csv", 40, False)
def test_a_path_in_an_error_is_that_path_to_a_shell(path: str, width: int, bare: bool) -> None:
    error = InputError(
        f"There is no file {pathname(path)}.",
        given=pathname(path, bare=bare),
        instead=f"Did you mean {pathname('data.csv')}?",
    )
    lines = lines_of(error, width)
    for said in (pathname(path), pathname(path, bare=bare)):
        assert shlex.split(said) == [path]
        assert any(f"{said}." in line for line in lines)
    # What is no terminal has no columns.
    assert lines_of(error, None) == [f"Error: {error.message}"]


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_the_path_that_was_broken(width: int, tmp_path: Path) -> None:
    path = os.path.join(tmp_path, "a-folder-of-a-long-name" * 3, "data.csv")
    error = InputError(f'{pathname(path, bare=True)} has no column "v w".', given="x")
    shown = lines_of(error, width)
    assert any(path in line for line in shown)
    assert any('"v w"' in line for line in shown)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("the owner's own x", ["the", "owner's", "own", "x"], id="apostrophe"),
        pytest.param('an " alone', ["an", '"', "alone"], id="quote alone"),
        pytest.param("in 2020. It", ["in", "2020.", "It"], id="end of a sentence"),
        pytest.param("row 17 2.5", ["row", "17", "2.5"], id="two numbers"),
        pytest.param("3 and 4", ["3", "and", "4"], id="no unit"),
        pytest.param("28 × 28 pixels", ["28 × 28 pixels"], id="size"),
        pytest.param("[default: all rows]", ["[default: all rows]"], id="default"),
        pytest.param("the steepest of all", ["the", "steepest of", "all"], id="no command"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_where_a_line_may_be_broken(text: str, lines: list[str]) -> None:
    assert wrapped(text, 1) == lines


def test_later_lines_are_indented_and_have_less_room() -> None:
    lines = wrapped("one two three four five six", 9, indent=2)
    assert lines == ["one two", "  three", "  four", "  five", "  six"]


@given(st.text(st.characters(exclude_categories=["Cs"])), widths)
def test_nothing_is_lost(text: str, width: int) -> None:
    joined = " ".join(re.sub(" +", " ", text).strip(" ").split(" "))
    assert " ".join(wrapped(joined, width)) == joined.replace("\ue000", " ")
