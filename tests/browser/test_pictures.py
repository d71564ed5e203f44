"""Pictures of few dots on a page: their colours, that they stay square, and the theme's change."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page
from tests.browser.boards import every_kind, only
from tests.browser.pages import Show

DOTS = """
() => [...document.querySelectorAll("canvas")].map((canvas) => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height);
  const pen = copy.getContext("2d", { willReadFrequently: true });
  pen.drawImage(canvas, 0, 0);
  const all = pen.getImageData(0, 0, canvas.width, canvas.height).data;
  return Array.from({ length: all.length / 4 }, (_, dot) => [...all.slice(4 * dot, 4 * dot + 3)]);
})
"""
PAPER, INK = [255, 255, 255], [27, 29, 32]
BLUE, OCHRE = [0, 114, 178], [230, 159, 0]


def dots(page: Page) -> list[list[list[int]]]:
    found: list[list[list[int]]] = page.evaluate(DOTS)
    return found


def test_the_dots_have_the_colours_of_their_numbers(show: Show) -> None:
    page = show(only(every_kind(), "pictures"), color_scheme="light").page
    row, _, weights, asked, _ = dots(page)
    # 0, 255, 128 and 0 of 255: from paper to ink.
    assert row[0] == row[3] == PAPER
    assert row[1] == INK
    assert all(abs(dot - (p + i) / 2) <= 2 for dot, p, i in zip(row[2], PAPER, INK, strict=True))
    # 50, -100, 0 and 25 of 100; -75, 100, 0 and 0.
    assert (weights[1], weights[2]) == (BLUE, PAPER)
    assert asked[1] == OCHRE
    assert asked[0][2] > asked[0][0]
    assert weights[0][0] > weights[0][2]


def test_they_stay_square_and_follow_the_theme(show: Show) -> None:
    page = show(only(every_kind(), "pictures"), color_scheme="light").page
    assert page.evaluate(
        "() => [...document.querySelectorAll('canvas')].every((canvas) => {"
        " const { width, height } = canvas.getBoundingClientRect();"
        " return Math.abs(width - height) < 0.6 && width > 40"
        " && getComputedStyle(canvas).imageRendering === 'pixelated'; })"
    )
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"() => ({DOTS.strip()})()[0][0][0] < 60")
    assert dots(page)[0][1] == [231, 231, 227]


def test_colours_are_shown_as_they_are(show: Show) -> None:
    board: Any = only(every_kind(), "pictures")
    pixels = [255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30]
    board["figures"][0]["rows"][0]["pixels"] = pixels
    board["figures"][0] |= {"channels": 3, "inked": False}
    found = dots(show(board).page)[0]
    assert found == [[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]]


def test_wrong_rows_say_so(show: Show) -> None:
    page = show(only(every_kind(), "pictures")).page
    tiles = page.locator(".tile.wrong").all()
    assert [tile.locator("text").all_text_contents() for tile in tiles] == [
        ["seven, said", "one", "row 7", "50 %"],
        ["three, said", "seven", "row 9"],
    ]
