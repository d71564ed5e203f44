"""Logs of trainings that are over: files of several libraries, read into one table."""

from steepest.data.logs.columns import ChosenColumns, chosen_columns
from steepest.data.logs.source import read_log, state_of
from steepest.data.logs.table import LogColumn, LogTable

__all__ = ["ChosenColumns", "LogColumn", "LogTable", "chosen_columns", "read_log", "state_of"]
