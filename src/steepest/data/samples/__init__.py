"""Rows that a network learns from: out of a table, a folder of pictures, or IDX files."""

from __future__ import annotations

from steepest.data.samples.record import NewRows, Samples
from steepest.data.samples.source import as_given, read_samples

__all__ = ["NewRows", "Samples", "as_given", "read_samples"]
