"""Export: a run as a script that walks the same path, its steps as a table or for TensorBoard."""

from steepest.show.export.data import CsvFile, Inline, Source
from steepest.show.export.jax import to_jax
from steepest.show.export.pytorch import to_parts, to_pytorch
from steepest.show.export.tables import Columns, table_of, to_csv, to_parquet, training_table
from steepest.show.export.tensorboard import FILE_NAME, to_tensorboard

__all__ = [
    "FILE_NAME",
    "Columns",
    "CsvFile",
    "Inline",
    "Source",
    "table_of",
    "to_csv",
    "to_jax",
    "to_parquet",
    "to_parts",
    "to_pytorch",
    "to_tensorboard",
    "training_table",
]
