"""Logs of trainings that are over: files of several libraries, read into one table."""

from steepest.data.logs.columns import Chosen, chosen
from steepest.data.logs.source import read_log
from steepest.data.logs.table import LogColumn, LogTable

__all__ = ["Chosen", "LogColumn", "LogTable", "chosen", "read_log"]
