"""Take the pictures of lab.md: `python -m docs.screens`, with a Chromium at hand.

They are no part of `make check`: browsers and their fonts draw the same page a little differently.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.chromium import CHROMIUM, launched
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

import steepest

DOCS = Path(__file__).parent
PICTURES = DOCS / "pictures" / "lab"
DATA = DOCS.parent / "examples" / "speed.csv"
SECONDS = 60_000
QUALITY = 62
"""Of the WebP: text stays sharp, and all pictures together stay small."""


@dataclass(frozen=True)
class Screen:
    """A picture: what is done on the page before it is taken, and how large it is."""

    name: str
    visit: Callable[[Page], None]
    width: int = 1440
    height: int = 900
    scheme: Literal["light", "dark"] = "light"
    part: str | None = None
    """Of the page; else what is in sight."""


def first(page: Page) -> None:
    """Nothing is done."""


def too_large(page: Page) -> None:
    """The ball is moved into the zone that is too large."""
    page.focus("[role=slider]")
    for _ in range(2):
        page.keyboard.press("Shift+ArrowRight")
    page.wait_for_timeout(600)
    judged(page)
    page.evaluate("document.activeElement.blur()")


def try_it(page: Page) -> None:
    """The first remedy is tried."""
    page.locator(".try").first.click()
    page.locator(".before-swatch").wait_for(timeout=SECONDS)
    page.wait_for_timeout(600)
    judged(page)
    page.evaluate("scrollTo(0, 0)")


def asked(page: Page) -> None:
    """A number is asked where it comes from."""
    step(page, 1)
    page.locator(".courses .partial").first.click()


def part_of(number: int) -> Callable[[Page], None]:
    """A part of a step is opened, at step 2."""

    def visit(page: Page) -> None:
        step(page, 2)
        page.keyboard.press(str(number))
        # Nothing is to lie over it.
        page.add_style_tag(content=STILL)

    return visit


def room(title: str) -> Callable[[Page], None]:
    """One of the rooms below the figures is opened."""

    def visit(page: Page) -> None:
        page.get_by_text(title, exact=True).click()
        page.locator(".room[open]").wait_for()
        if title == RACE:
            page.get_by_role("button", name="Race them").click()
            page.get_by_role("list", name="Racers").locator("li").first.wait_for(timeout=SECONDS)
        if title == RUNS:
            page.get_by_role("list", name="Runs").locator("li").nth(1).wait_for(timeout=SECONDS)
            for which in range(2):
                page.get_by_role("button", name=re.compile("^Compare")).nth(which).click()
            page.locator(".opened svg").first.wait_for(timeout=SECONDS)

        page.add_style_tag(content=STILL)

    return visit


def file_with_faults(page: Page) -> None:
    """A file is dropped in which cells are missing."""
    rows = ("size,rooms,note,price", "50,2,new,100", "70,,old,140", "80,3,old,nan", "100,4,new,200")
    page.set_input_files(
        "input[type=file]",
        {"name": "homes.csv", "mimeType": "text/csv", "buffer": "\n".join(rows).encode()},
    )
    page.locator(".preview summary").click(timeout=SECONDS)
    # Drawn from the file's own seed, and not the example's.
    expect(page.locator("#start")).to_have_value(re.compile("^a=0.12"), timeout=SECONDS)
    judged(page)
    page.fill("#formula", "price ~ a*rooms + b)")
    page.press("#formula", "Enter")
    page.locator(".refused").filter(has_text="parenthesis").wait_for(timeout=SECONDS)


def step(page: Page, number: int) -> None:
    """The cursor goes to a step."""
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Home")
    for _ in range(number):
        page.keyboard.press("ArrowRight")


def judged(page: Page) -> None:
    """Wait until the run is judged, and its remedies are known."""
    page.wait_for_selector(".columns:not(.stale) .facts", timeout=SECONDS)
    page.wait_for_selector(".helps .try, .helps .waiting:not([role])", timeout=SECONDS)


SPACE, MODES = "In three dimensions", "Direction by direction"
RACE, RUNS = "A race of optimizers", "Kept runs"
STILL = ".timeline { display: none; } .part { border: 0; }"
"""What lies over the page is in the way of a picture of a part."""

SCREENS = (
    Screen("first", first),
    Screen("first-dark", first, scheme="dark"),
    Screen("first-phone", first, 360, 740),
    Screen("too-large", too_large),
    Screen("try-it", try_it),
    Screen("asked", asked),
    Screen("loss", part_of(3), 1024, 768, part="#part"),
    Screen("gradient", part_of(4), 1024, 768, part="#part"),
    Screen("space", room(SPACE), 1024, 768, part=".room[open]"),
    Screen("modes", room(MODES), 1024, 768, part=".room[open]"),
    Screen("race", room(RACE), 1024, 768, part=".room[open]"),
    Screen("runs", room(RUNS), 1024, 768, part=".room[open]"),
    Screen("faults", file_with_faults, 1024, 768),
)


def take(browser: Browser, address: str, screen: Screen) -> bytes:
    """The picture as WebP."""
    context = browser.new_context(
        viewport={"width": screen.width, "height": screen.height},
        color_scheme=screen.scheme,
        reduced_motion="reduce",
        bypass_csp=True,
    )
    page = context.new_page()
    page.goto(address)
    judged(page)
    screen.visit(page)
    page.wait_for_timeout(400)
    shown = page.locator(screen.part).screenshot() if screen.part else page.screenshot()
    context.close()
    packed = io.BytesIO()
    Image.open(io.BytesIO(shown)).convert("RGB").save(packed, "WEBP", quality=QUALITY, method=6)
    return packed.getvalue()


@contextmanager
def lab() -> Iterator[str]:
    """The address of a lab with a few runs in its store."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "runs.db"
        start = {"a": 0.0121, "b": -0.6397, "c": 0.6416}
        for lr, steps in ((1e-5, 10), (3e-5, 300)):
            steepest.fit(
                DATA,
                "speed ~ a*time**2 + b*time + c",
                start=start,
                lr=lr,
                steps=steps,
                store=store,
                remedies=False,
            )
        server = subprocess.Popen(
            [sys.executable, "-m", "steepest", "lab", "--port", "0", "--no-open", "--store", store],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        try:
            yield server.stdout.readline().removeprefix("Lab:").strip()
        finally:
            server.terminate()
            server.communicate(timeout=20)


def main() -> int:
    """Take all pictures, or those named; returns the exit code."""
    wanted = set(sys.argv[1:]) or {screen.name for screen in SCREENS}
    if CHROMIUM is None:
        print("Chromium is missing: `make test` installs it.", file=sys.stderr)
        return 1
    PICTURES.mkdir(parents=True, exist_ok=True)
    with lab() as address, sync_playwright() as playwright:
        browser = launched(playwright)
        for screen in SCREENS:
            if screen.name in wanted:
                (PICTURES / f"{screen.name}.webp").write_bytes(take(browser, address, screen))
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
