"""Pages that hold a board and nothing else, and what can be asked of them."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Route

import steepest

STATIC = Path(steepest.__file__).parent / "static"
HOME = "http://board.test/"

# Texts in their order; of a path its first and its last point, how many there are, and its box.
SAYS = """
() => {
  const round = (value) => String(Math.round(Number(value)));
  const path = (element) => {
    const d = element.getAttribute("d");
    if (!d) return "nothing";
    const points = d.match(/[MLHVC]?-?[\\d.]+(?:[, ]-?[\\d.]+)*/g) ?? [];
    const short = (text) => text.replace(/-?[\\d.]+/g, round);
    const { x, y, width, height } = element.getBBox();
    const box = [x, y, x + width, y + height].map(round).join(" ");
    return points.length < 5
      ? short(d)
      : `${points.length} points from ${short(points[0])} to ${short(points.at(-1))} in ${box}`;
  };
  const lines = [];
  for (const figure of document.querySelectorAll("figure")) {
    lines.push(`# ${figure.className}: ${figure.querySelector("figcaption").textContent}`);
    for (const picture of figure.querySelectorAll("[role=img]")) {
      lines.push(`says: ${picture.getAttribute("aria-label")}`);
      const cells = picture.querySelectorAll(".cell").length;
      if (cells) lines.push(`${cells > 100 ? "more than 100" : cells} cells`);
      for (const part of picture.querySelectorAll("text, path:not(.cell, .mesh), circle, rect")) {
        const name = `${part.tagName} ${part.getAttribute("class") ?? ""}`.trim();
        const place = part.closest("[transform]")?.getAttribute("transform") ?? "";
        const at = part.hasAttribute("transform")
          ? ` at ${place.replace(/-?[\\d.]+/g, round).replace("translate", "")}`
          : "";
        if (part.tagName === "text") lines.push(`${name}: ${part.textContent}`);
        else if (part.tagName === "path") lines.push(`${name}: ${path(part)}${at}`);
        else if (part.tagName === "rect") {
          const sides = ["x", "y", "width", "height"].map((side) => part.getAttribute(side) ?? 0);
          lines.push(`${name}: ${sides.map(round).join(" ")}${at}`);
        } else lines.push(`${name}${at}`);
      }
    }
    const notes = figure.querySelector(".notes");
    if (notes) lines.push(`notes: ${notes.textContent}`);
  }
  return lines;
}
"""


def inline(text: str) -> str:
    """The source that a policy allows for this very script or style."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


@dataclass
class Shown:
    """A page with a board, and what went wrong on it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings on the console, and breaches of the page's policy."""
    requests: list[str] = field(default_factory=list)
    """Whatever the page asked for, but for itself."""

    @property
    def said(self) -> str:
        return self.page.inner_text("output")

    @property
    def frame(self) -> int:
        return int(self.page.input_value("input[type=range]"))

    def says(self) -> list[str]:
        """What each figure says, line by line."""
        found: list[str] = self.page.evaluate(SAYS)
        return found


class Show:
    """Opens boards as a report does: one page, everything in it, a strict policy."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.opened: list[Shown] = []

    def __call__(self, board: Any, *, width: int = 1280, head: str = "", **context: Any) -> Shown:
        script = (STATIC / "steepest.js").read_text("utf-8")
        style = (STATIC / "steepest.css").read_text("utf-8")
        policy = (
            f"default-src 'none'; script-src {inline(script)}; style-src {inline(style)}; "
            "base-uri 'none'; form-action 'none'"
        )
        data = json.dumps(board).replace("<", "\\u003c")
        body = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A board</title>'
            f'<meta name="viewport" content="width=device-width">{head}<style>{style}</style>'
            '</head><body><main id="steepest"></main>'
            f'<script type="application/json" id="board">{data}</script>'
            f"<script>{script}</script></body></html>"
        )
        context.setdefault("viewport", {"width": width, "height": 900})
        shown = Shown(self.browser.new_context(**context).new_page())
        self.opened.append(shown)

        def answer(route: Route) -> None:
            if route.request.url == HOME:
                headers = {"content-security-policy": policy}
                route.fulfill(body=body, content_type="text/html", headers=headers)
            else:
                shown.requests.append(route.request.url)
                route.abort()

        page = shown.page
        page.route("**/*", answer)
        page.on("console", lambda message: shown.complaints.append(message.text))
        page.on("pageerror", lambda error: shown.complaints.append(str(error)))
        page.goto(HOME)
        return shown
