"""Lines: wrapped, aligned, safe."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.show.terminal.page import Page, safe


def lines(page: Page) -> list[str]:
    return [line.plain for line in page.lines]


def test_a_paragraph_hangs_from_its_label() -> None:
    page = Page(30)
    page.say("one two three four five six", label="7  Stop", indent=10)
    assert lines(page) == ["7  Stop   one two three four", "          five six"]


def test_a_label_that_does_not_fit_has_its_own_line() -> None:
    page = Page(30)
    page.say("text", label="a longer label", indent=6)
    assert lines(page) == ["a longer label", "      text"]


def test_a_number_keeps_its_percent_sign() -> None:
    page = Page(20)
    page.say("this is a share of 28 %")
    assert lines(page) == ["this is a share of", "28 %"]


def test_empty_lines_do_not_add_up() -> None:
    page = Page()
    page.blank()
    page.say("first")
    page.blank()
    page.heading("second")
    assert lines(page) == ["first", "", "second"]


@pytest.mark.parametrize(
    ("share", "ascii_only", "bar"),
    [
        pytest.param(1.0, False, "████", id="full"),
        pytest.param(0.5, False, "██", id="half"),
        pytest.param(0.28, False, "█▏", id="eighth"),
        pytest.param(0.0, False, "", id="empty"),
        pytest.param(7.0, False, "████", id="too long"),
        pytest.param(0.5, True, "##", id="ascii"),
    ],
)
def test_bars(share: float, ascii_only: bool, bar: str) -> None:
    assert Page(ascii_only=ascii_only).bar(share, 4) == bar


@pytest.mark.parametrize(
    ("text", "shown", "in_ascii"),
    [
        pytest.param("a → b", "a → b", "a -> b", id="arrow"),
        pytest.param("\x1b[0m\x00", r"\x1b[0m\x00", r"\x1b[0m\x00", id="control"),
        pytest.param("a\nb\tc", "a b c", "a b c", id="line break"),
        pytest.param("größe", "größe", r"gr\xf6\xdfe", id="umlaut"),
        pytest.param("\ud800", r"\ud800", r"\ud800", id="surrogate"),
        pytest.param("\ue000", r"\ue000", r"\ue000", id="private"),
    ],
)
def test_what_could_steer_a_terminal_is_written_out(text: str, shown: str, in_ascii: str) -> None:
    assert safe(text) == shown
    assert safe(text, ascii_only=True) == in_ascii


words = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=40)


@given(st.lists(st.one_of(words, words.map(lambda word: f"--{word}")), max_size=12))
def test_a_broken_command_is_the_same_to_a_shell(arguments: list[str]) -> None:
    # What a page cannot show as it is (a blank that is no space, say) is not copied from it.
    arguments = [word for word in arguments if safe(word) == word]
    page = Page()
    page.command(shlex.join(["steepest", "fit", *arguments]))
    script = "\n".join(lines(page)).replace("\\\n", "")
    assert shlex.split(script) == ["steepest", "fit", *arguments]


def test_an_option_keeps_its_value_beside_it() -> None:
    page = Page(40)
    page.command("steepest fit data.csv 'y ~ a*x' --start a=1 --lr 0.125", indent=2)
    assert lines(page) == [
        "  steepest fit data.csv 'y ~ a*x' \\",
        "    --start a=1 --lr 0.125",
    ]
