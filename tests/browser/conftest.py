"""One browser, and pages in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.browser.pages import Show
from tests.browser.visits import address, visit

__all__ = ["address", "visit"]

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("There is no Chromium here; as root, `make test` installs Debian's.")
    # Chromium refuses its sandbox to root.
    sandbox = [] if os.geteuid() else ["--no-sandbox"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *sandbox])
        yield chromium
        chromium.close()


@pytest.fixture
def show(browser: Browser) -> Iterator[Show]:
    """Every page that a test opens has to stay quiet, and to ask for nothing."""
    show = Show(browser)
    yield show
    found = [(one.complaints, one.requests) for one in show.opened]
    for one in show.opened:
        one.page.context.close()
    assert found == [([], [])] * len(found)
