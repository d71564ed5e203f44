"""The store: runs in one SQLite file, whole or not at all, written while they go on."""

from steepest.store.arrays import Array
from steepest.store.kept import Ending, KeptData, Opening, Progress, Snapshot
from steepest.store.recording import MOST_DATA, Recording
from steepest.store.store import Store, default_path

__all__ = [
    "MOST_DATA",
    "Array",
    "Ending",
    "KeptData",
    "Opening",
    "Progress",
    "Recording",
    "Snapshot",
    "Store",
    "default_path",
]
