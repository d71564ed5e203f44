"""A run and a sweep in words, for a terminal: `Report` and `SweepReport` are rich renderables.

Each name is loaded when it is first used: a list of runs needs none of what a report does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steepest.show.terminal.kept import Comparison, RunList
    from steepest.show.terminal.page import WIDEST, Page, columns_of, console_for, forced, plain
    from steepest.show.terminal.report import Report
    from steepest.show.terminal.sweep import SweepReport
    from steepest.show.terminal.training import TrainingReport
    from steepest.show.terminal.trials import TrialReport

_HOMES = {
    **dict.fromkeys(("Comparison", "RunList"), "kept"),
    **dict.fromkeys(("WIDEST", "Page", "columns_of", "console_for", "forced", "plain"), "page"),
    "Report": "report",
    "SweepReport": "sweep",
    "TrainingReport": "training",
    "TrialReport": "trials",
}

__all__ = [
    "WIDEST",
    "Comparison",
    "Page",
    "Report",
    "RunList",
    "SweepReport",
    "TrainingReport",
    "TrialReport",
    "columns_of",
    "console_for",
    "forced",
    "plain",
]


def __getattr__(name: str) -> Any:
    """Load a name from the file that has it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
