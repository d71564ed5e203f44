"""Visits of the lab: a real server, and pages in which a visitor does something."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

import steepest

SECONDS = 60_000
TUTORIAL = re.compile("283.99 is not the minimum, 1.04 is")
START = {"a": 0.0121, "b": -0.6397, "c": 0.6416}


@contextmanager
def serving(store: Path) -> Iterator[str]:
    """A lab of this store in a process of its own: its address."""
    server = subprocess.Popen(
        [sys.executable, "-m", "steepest", "lab", "--port", "0", "--no-open", "--store", store],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )
    assert server.stdout is not None
    try:
        yield server.stdout.readline().removeprefix("Lab:").strip()
    finally:
        server.terminate()
        server.communicate(timeout=20)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A lab of its own, with one run in its store."""
    store = tmp_path_factory.mktemp("lab") / "runs.db"
    data = Path(__file__).parents[2] / "examples/speed.csv"
    steepest.fit(
        data,
        "speed ~ a*time**2 + b*time + c",
        start=START,
        lr=1e-5,
        steps=10,
        store=store,
        name="ten <b>steps</b>",
        remedies=False,
    )
    with serving(store) as found:
        yield found


@dataclass
class Visit:
    """A page of the lab, and what went wrong on it."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def judged(self, headline: str | re.Pattern[str]) -> None:
        """Wait until the run is judged, its remedies are known, and nothing plays."""
        expect(self.page.locator("h1")).to_have_text(headline, timeout=SECONDS)
        expect(self.page.locator(".columns:not(.stale)")).to_be_visible(timeout=SECONDS)
        self.rests()

    def rests(self) -> None:
        """Wait until nothing plays, as it does once on a first visit."""
        film = self.page.locator(".timeline").get_by_role("button", name="Play", exact=True)
        expect(film).to_be_visible(timeout=SECONDS)

    @property
    def rate(self) -> str:
        """What the slider says aloud."""
        return (
            self.page.get_by_role("slider", name="Learning rate").get_attribute("aria-valuetext")
            or ""
        )

    @property
    def step(self) -> str:
        return self.page.inner_text("output.step")


Open = Callable[..., Visit]


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Open]:
    """Opens the lab. Every visit has to stay quiet, but for what the server refuses."""
    visits: list[Visit] = []

    def opened(fragment: str = "", *, width: int = 1280, **context: Any) -> Visit:
        context.setdefault("viewport", {"width": width, "height": 900})
        page = browser.new_context(**context).new_page()
        found = Visit(page)
        visits.append(found)
        page.on("pageerror", lambda error: found.complaints.append(str(error)))
        page.on("console", lambda message: found.complaints.append(message.text))
        page.goto(address + fragment)
        return found

    yield opened
    complaints = [one for visit in visits for one in visit.complaints]
    for one in visits:
        one.page.context.close()
    assert [one for one in complaints if "400 (Bad Request)" not in one] == []
