"""Data sets that are too large to ship: what they are, and how they are fetched."""

from __future__ import annotations

from steepest.data.datasets.download import fetch
from steepest.data.datasets.known import DATASETS, Dataset, File, default_folder, files_in

__all__ = ["DATASETS", "Dataset", "File", "default_folder", "fetch", "files_in"]
