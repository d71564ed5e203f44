"""What Python makes of real runs is what the kit draws: nothing missing, nothing that breaks."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.browser.pages import Show
from tests.browser.test_accessibility import findings

import steepest

ROOT = Path(__file__).parents[2]
START = {"a": 0.0121, "b": -0.6397, "c": 0.6416}


def tutorial() -> steepest.Run:
    data = ROOT / "examples/speed.csv"
    return steepest.fit(data, "speed ~ a*time**2 + b*time + c", start=START, lr=1e-5, steps=10)


def parabola() -> steepest.Run:
    return steepest.minimize("x**2", start={"x": 3.0}, lr=0.1, steps=20)


def diverging() -> steepest.Run:
    return steepest.minimize("x**2 + 10*y**2", start={"x": 3.0, "y": 1.0}, lr=0.5, steps=2000)


@pytest.mark.parametrize("run", [tutorial, parabola, diverging])
def test_a_board_is_drawn_whole(run: Callable[[], steepest.Run], show: Show) -> None:
    board = run().figures().to_dict()
    shown = show(board)
    page = shown.page
    assert page.locator("h1").text_content() == board["headline"]
    assert page.locator("figcaption").all_text_contents() == [
        figure["title"] for figure in board["figures"]
    ]
    for key in ("Home", "ArrowRight", "Shift+ArrowRight", "End"):
        page.keyboard.press(key)
        assert not [line for line in shown.says() if re.search("NaN,|undefined|null", line)]
    # Whatever is drawn has something in it.
    for figure in page.locator("figure").all():
        assert figure.locator("path, circle, rect").count() > 3
    assert findings(shown) == []
