"""Chromium as tests, benchmarks and the docs' screens begin it."""

from __future__ import annotations

import os
import shutil
from typing import Final

from playwright.sync_api import Browser, Playwright

CHROMIUM: Final = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)

_FLAGS: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
)


def launched(playwright: Playwright, *flags: str) -> Browser:
    """A browser without a window, quiet, and with the same colours everywhere."""
    # Chromium refuses its sandbox to root.
    sandbox = () if os.geteuid() else ("--no-sandbox",)
    environment: dict[str, str | float | bool] = dict(os.environ)
    if os.path.isdir("/tmp"):
        # Its socket stands there, and the name of a socket has 107 characters at most.
        environment["TMPDIR"] = "/tmp"
    return playwright.chromium.launch(
        executable_path=CHROMIUM, args=[*_FLAGS, *flags, *sandbox], env=environment
    )
