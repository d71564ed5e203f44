"""Words on a page: no line ends inside a number, and what a line is stands clear of it."""

import pytest
from tests.browser.boards import every_kind, only
from tests.browser.pages import Show

SENTENCE = "From 5.123e-05 to 3.53986e-05 every step of 1,062.5e-12 is 1.5 % " * 6


@pytest.mark.parametrize("width", [320, 411])
def test_no_line_ends_inside_a_number(width: int, show: Show) -> None:
    finding = {"code": "SD101", "severity": "error", "sentence": SENTENCE}
    board = only(every_kind(), "loss") | {"headline": SENTENCE, "findings": [finding]}
    page = show(board, width=width).page
    numbers = page.locator(".headline .unbroken, .findings .unbroken")
    assert numbers.count() == 48
    lines = numbers.evaluate_all("all => all.map((one) => one.getClientRects().length)")
    assert set(lines) == {1}
    copied = page.evaluate(
        "getSelection().selectAllChildren(document.querySelector('h1')); `${getSelection()}`"
    )
    assert copied.strip() == SENTENCE.strip()


@pytest.mark.parametrize("width", [320, 411, 1280])
def test_no_line_crosses_the_name_of_the_limit(width: int, show: Show) -> None:
    page = show(only(every_kind(), "training"), width=width).page
    name = page.locator("figure.training text", has_text="limit").bounding_box()
    plot = page.locator("figure.training .drawing > svg > svg").last.bounding_box()
    rates = page.locator("figure.training text.aside").last.bounding_box()
    assert name
    assert plot
    assert rates
    assert name["y"] + name["height"] <= plot["y"]
    assert name["x"] + name["width"] < rates["x"]
