"""A finding on a terminal: its code, how grave it is, and what was found beside them."""

from __future__ import annotations

from typing import Final

from steepest.records.verdict import Finding
from steepest.show.terminal.page import Page
from steepest.show.terminal.styles import SEVERITY_STYLE

BESIDE: Final = 16
"""Columns of a finding's code and severity."""


def say_finding(page: Page, finding: Finding, said: str) -> None:
    """Write it, with what is said of it hanging beside its code and severity."""
    severity = (finding.severity, SEVERITY_STYLE[finding.severity])
    page.say(said, label=[(finding.code, "bold"), "  ", severity], indent=BESIDE)
