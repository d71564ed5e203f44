"""One browser, and pages in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from benchmarks.chromium import CHROMIUM, launched
from playwright.sync_api import Browser, sync_playwright
from tests.browser.pages import Show
from tests.browser.visits import address, visit

__all__ = ["address", "visit"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("There is no Chromium here; as root, `make test` installs Debian's.")
    with sync_playwright() as playwright:
        chromium = launched(playwright)
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
