"""The lab's page with its own server: from a move to the painted picture, and until one sees it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.chromium import CHROMIUM, launched
from benchmarks.registry import DifferentWorkError, Effort, Samples, benchmark

MOVES = 120
SECONDS = 60_000
DRAG_SECONDS = 3.0

# What a hand on the keys does: one learning rate on or back, or ten. The run is judged only after
# the slider has rested, so no move waits for that.
MOVE = """
async ({ moves, seed }) => {
  const painted = () => new Promise((done) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = done;
    channel.port2.postMessage(0);
  }));
  const slider = document.querySelector(".rate-slider");
  const taken = [];
  let random = seed;
  for (let index = 0; index < moves; index += 1) {
    random = (random * 48271) % 2147483647;
    const now = Number(slider.getAttribute("aria-valuenow"));
    const on = now < 20 || (now < 100 && random % 2 === 0);
    const key = on ? "ArrowRight" : "ArrowLeft";
    const given = { key, shiftKey: random % 3 === 0, bubbles: true, cancelable: true };
    await new Promise((done) => setTimeout(done, random % 17));
    // Small learning rates have paths that are alike to a tenth of a pixel; the ball always moves.
    const place = () => slider.querySelector(".ball").parentElement.getAttribute("transform");
    const before = place();
    const began = performance.now();
    slider.dispatchEvent(new KeyboardEvent("keydown", given));
    await painted();
    taken.push(performance.now() - began);
    if (place() === before) return { taken, trouble: "the ball stayed" };
  }
  return { taken, trouble: null };
}
"""

# When the first figure has been painted, since the address was opened.
WATCH = """
const look = () => {
  if (document.querySelector(".live figure svg .path")) {
    requestAnimationFrame(() => setTimeout(() => (window.useful = performance.now())));
  } else requestAnimationFrame(look);
};
look();
"""


@contextmanager
def _lab() -> Iterator[tuple[Browser, str]]:
    """A browser, and the address of a lab that has answered once."""
    if CHROMIUM is None:
        raise DifferentWorkError("Chromium is missing: `make test` installs it")
    server = subprocess.Popen(
        [sys.executable, "-m", "steepest", "lab", "--port", "0", "--no-open"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        address = server.stdout.readline().removeprefix("Lab:").strip()
        with sync_playwright() as playwright:
            browser = launched(playwright)
            _opened(browser, address).close()
            yield browser, address
            browser.close()
    finally:
        server.terminate()
        server.communicate(timeout=20)


def _opened(browser: Browser, address: str) -> Page:
    """The page, once the run is judged and its remedies are known."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.add_init_script(WATCH)
    page.goto(address)
    page.wait_for_selector(".remedies li", timeout=SECONDS)
    return page


def _p95(taken: list[float]) -> float:
    return float(np.quantile(taken, 0.95))


@benchmark(
    "lab-slider",
    f"from a move of the lab's learning rate to the painted page, 95th percentile of {MOVES} moves:"
    " slider, headline, fit, loss, contour and weights on a screen of 60 Hz",
    bound=20.0,
    unit="ms",
)
def slider_to_paint(effort: Effort) -> Samples:
    with _lab() as (browser, address):
        page = _opened(browser, address)
        found: list[list[float]] = []
        for number in range(effort.rounds + 1):
            answer: dict[str, Any] = page.evaluate(MOVE, {"moves": MOVES, "seed": number + 1})
            if answer["trouble"]:
                raise DifferentWorkError(answer["trouble"])
            found.append(answer["taken"])
    half = float(np.median(np.concatenate(found[1:])))
    return Samples(tuple(map(_p95, found[1:])), f"half of the moves within {half:.3g} ms")


@benchmark(
    "lab-open",
    "from opening the lab's address to its first painted figure, the server having answered once",
    bound=1000.0,
    unit="ms",
)
def until_useful(effort: Effort) -> Samples:
    with _lab() as (browser, address):
        taken = []
        for _ in range(effort.rounds):
            page = _opened(browser, address)
            taken.append(float(page.evaluate("window.useful")))
            page.context.close()
    return Samples(tuple(taken))


@benchmark(
    "lab-drag",
    f"between two descents drawn anew while the start is dragged for {DRAG_SECONDS:.0f} s: 121"
    " learning rates of 20 rows each time",
    bound=50.0,
    unit="ms",
)
def between_updates(effort: Effort) -> Samples:
    with _lab() as (browser, address):
        page = _opened(browser, address)
        taken = [_drag(page) for _ in range(effort.rounds)]
    return Samples(tuple(taken))


def _drag(page: Page) -> float:
    """Milliseconds an update, while the hand never rests."""
    answers: list[str] = []

    def count(response: Any) -> None:
        if response.url.endswith("/api/live"):
            answers.append(response.url)

    knob = page.locator(".handle.begin .start").bounding_box()
    assert knob is not None
    x, y = knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.on("response", count)
    began = page.evaluate("performance.now()")
    move = 0
    while (now := page.evaluate("performance.now()") - began) < 1000 * DRAG_SECONDS:
        move += 1
        page.mouse.move(x + 30 * np.sin(move / 9), y - 25 * (1 - np.cos(move / 7)))
    page.remove_listener("response", count)
    page.mouse.move(x, y)
    page.mouse.up()
    page.wait_for_selector(".remedies li", timeout=SECONDS)
    if not answers:
        raise DifferentWorkError("the start was not dragged")
    return float(now) / len(answers)
