"""A run and a sweep in words, for a terminal: `Report` and `SweepReport` are rich renderables."""

from steepest.show.terminal.kept import Comparison, RunList
from steepest.show.terminal.page import WIDEST, Page, columns_of, console_for, forced, plain
from steepest.show.terminal.report import Report
from steepest.show.terminal.sweep import SweepReport
from steepest.show.terminal.training import TrainingReport
from steepest.show.terminal.trials import TrialReport

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
