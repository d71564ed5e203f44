"""Export: a run as a script of PyTorch or JAX that walks the same path, its trace as a table."""

from steepest.export.data import CsvFile, Inline, Source
from steepest.export.jax import to_jax
from steepest.export.pytorch import to_pytorch
from steepest.export.tables import table_of, to_csv, to_parquet

__all__ = [
    "CsvFile",
    "Inline",
    "Source",
    "table_of",
    "to_csv",
    "to_jax",
    "to_parquet",
    "to_pytorch",
]
