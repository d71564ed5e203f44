"""Export: a run as a script that walks the same path, its trace as a table or for TensorBoard."""

from steepest.show.export.data import CsvFile, Inline, Source
from steepest.show.export.jax import to_jax
from steepest.show.export.pytorch import to_pytorch
from steepest.show.export.tables import table_of, to_csv, to_parquet
from steepest.show.export.tensorboard import FILE_NAME, to_tensorboard

__all__ = [
    "FILE_NAME",
    "CsvFile",
    "Inline",
    "Source",
    "table_of",
    "to_csv",
    "to_jax",
    "to_parquet",
    "to_pytorch",
    "to_tensorboard",
]
