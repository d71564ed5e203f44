"""A run and a sweep in words, for a terminal: `Report` and `SweepReport` are rich renderables."""

from steepest.terminal.kept import Comparison, RunList
from steepest.terminal.page import WIDEST, Page, console_for, plain
from steepest.terminal.report import Report
from steepest.terminal.sweep import SweepReport
from steepest.terminal.training import TrainingReport
from steepest.terminal.trials import TrialReport

__all__ = [
    "WIDEST",
    "Comparison",
    "Page",
    "Report",
    "RunList",
    "SweepReport",
    "TrainingReport",
    "TrialReport",
    "console_for",
    "plain",
]
