"""Export: a run as a script that walks the same path, its steps as a table, all for trackers."""

from steepest.show.export.data import CsvFile, Inline, Source
from steepest.show.export.jax import to_jax
from steepest.show.export.mlflow import write_mlflow
from steepest.show.export.pytorch import to_parts, to_pytorch
from steepest.show.export.tables import Columns, table_of, to_csv, to_parquet, training_table
from steepest.show.export.tensorboard import to_tensorboard, write_events
from steepest.show.export.tracked import Drawn, Tracked
from steepest.show.export.wandb import write_wandb

__all__ = [
    "Columns",
    "CsvFile",
    "Drawn",
    "Inline",
    "Source",
    "Tracked",
    "table_of",
    "to_csv",
    "to_jax",
    "to_parquet",
    "to_parts",
    "to_pytorch",
    "to_tensorboard",
    "training_table",
    "write_events",
    "write_mlflow",
    "write_wandb",
]
