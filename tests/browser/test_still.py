"""A figure drawn without a browser has the marks that the browser draws, and its colours."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest
from tests.browser.boards import every_kind, only
from tests.browser.pages import Show

from steepest.show.figures import FIGURE_KINDS, Theme
from steepest.show.render import to_svg

WIDTH = 568 + 2 * 24
"""Pixels of a page beside which no figure has a neighbour: a drawing and the edges."""

# What is seen of each picture, in the order in which it is drawn, as the browser computes it.
SEEN = """
(roots) => {
  const looks = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity",
    "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "paint-order"];
  const letters = ["font-size", "font-weight", "text-anchor"];
  const places = ["d", "x", "y", "r", "rx", "width", "height", "viewBox", "transform",
    "shape-rendering"];
  const of255 = (part) => Math.round(255 * part + 1e-3);
  const mixed = (value) => value.replace(/color\\(srgb ([\\d. ]+)\\)/,
    (_, parts) => `rgb(${parts.split(" ").map(of255).join(", ")})`);
  return roots.map((root) => [...root.querySelectorAll("g, path, circle, rect, text, svg")]
    .filter((one) => one.getAttribute("class") !== "chooser" && one.getAttribute("d") !== "")
    .filter((one) => !one.matches("g, text") || one.textContent || one.children.length)
    .map((one) => {
      const style = getComputedStyle(one);
      return [one.tagName, one.tagName === "text" ? one.textContent : "",
        ...places.map((name) => one.getAttribute(name)),
        ...[...(one.tagName === "svg" ? [] : looks), ...(one.tagName === "text" ? letters : [])]
          .map((name) => mixed(style.getPropertyValue(name)))];
    }));
}
"""
MOUNTED = """
([board, width]) => {
  const place = document.createElement("div");
  place.style.width = `${width}px`;
  document.body.replaceChildren(place);
  Steepest.mount(place, board, { words: false }).setStep(board.at);
  const seen = SEEN;
  return seen([...place.querySelectorAll(".drawing > svg")]);
}
""".replace("SEEN", SEEN.strip())
PARSED = """
(text) => {
  const made = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  document.body.replaceChildren(made);
  const seen = SEEN;
  return seen([...made.children].filter((one) => one.getAttribute("role") === "img"
    || one.getAttribute("aria-hidden") === "true" && one.getAttribute("width") > 22));
}
""".replace("SEEN", SEEN.strip())


@pytest.mark.parametrize("theme", get_args(Theme))
@pytest.mark.parametrize("kind", FIGURE_KINDS)
def test_the_marks_are_those_of_the_browser(kind: str, theme: Theme, show: Show) -> None:
    board: Any = only(every_kind(), kind) | {"at": 4}
    page = show(board, color_scheme=theme).page
    drawn = page.evaluate(MOUNTED, [board, WIDTH])
    assert drawn
    assert all(len(marks) > 3 for marks in drawn)
    # The policy of a page has no room for images; dots are looked at elsewhere.
    svg = re.sub("<image[^>]*/>", "", to_svg(board, frame=4, theme=theme))
    still = page.evaluate(PARSED, svg)
    assert len(still) == len(drawn)
    for here, there in zip(still, drawn, strict=True):
        assert here == there
