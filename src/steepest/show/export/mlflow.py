"""A run for MLflow, written by its own client: the extra `mlflow`."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from steepest.show.export.tracked import PROJECT, Tracked, write_files
from steepest.words.errors import InputError, needing
from steepest.words.wording import escaped

_DATABASE: Final = "mlflow.db"
"""What `mlflow ui` looks for in the folder in which it is started."""

_AT_ONCE: Final = 1000
"""Numbers that its client takes in one call."""

_PARAMETERS_AT_ONCE: Final = 100

# Characters that one of its versions or another takes.
_LONGEST_KEY: Final = 250
_LONGEST_VALUE: Final = 500
_LONGEST_TAG: Final = 5000


def write_mlflow(tracked: Tracked, output: str) -> str:
    """Add the run to a tracking store of MLflow, and say where it is.

    `output` is a folder, in which `mlflow.db` holds runs and `mlruns` their files, or a tracking
    URI (`http://...`, `sqlite:///...`). The experiment is the one that MLFLOW_EXPERIMENT_NAME
    names, else `steepest`. Raises UsageError where MLflow is not installed, InputError where it
    cannot write.
    """
    # Its client tells its makers of every use unless it is told not to.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    folder = None if "://" in output else Path(output).absolute()
    for module in ("mlflow", *(() if folder is None else ("sqlalchemy", "alembic"))):
        with needing(module, f"Writing for MLflow needs {module}", install="steepest[mlflow]"):
            import_module(module)
    from mlflow.exceptions import MlflowException

    logging.getLogger("mlflow.store").setLevel(logging.WARNING)  # it tells of each table it makes
    try:
        if folder is None:
            return _written(tracked, output, None)
        folder.mkdir(parents=True, exist_ok=True)
        return _written(tracked, f"sqlite:///{folder / _DATABASE}", f"{folder.as_uri()}/mlruns")
    except (MlflowException, OSError) as error:
        said = str(error).strip().partition("\n")[0].rstrip(".")
        raise InputError(
            f"MLflow cannot write there: {escaped(said, 300)}.", given=output
        ) from error


def _written(tracked: Tracked, uri: str, files: str | None) -> str:
    from mlflow import MlflowClient
    from mlflow.entities import Param

    client, name = MlflowClient(uri), os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
    found = client.get_experiment_by_name(name)
    experiment = client.create_experiment(name, files) if found is None else found.experiment_id
    tags = {
        "mlflow.note.content": tracked.told,
        "steepest.version": tracked.version,
        "steepest.run": tracked.run or "",
        "steepest.learning_rate": tracked.verdict.learning_rate,
        "steepest.headline": tracked.verdict.headline,
        "steepest.findings": ", ".join(tracked.codes),
    }
    cut = {key: value[:_LONGEST_TAG] for key, value in tags.items() if value}
    run = client.create_run(experiment, run_name=tracked.name, tags=cut).info.run_id
    parameters = [
        Param(_key(key), str(value)[:_LONGEST_VALUE]) for key, value in tracked.parameters.items()
    ]
    for part in _parts(parameters, _PARAMETERS_AT_ONCE):
        client.log_batch(run, params=part)
    for part in _parts(_metrics(tracked), _AT_ONCE):
        client.log_batch(run, metrics=part)
    with TemporaryDirectory() as folder:
        write_files(tracked, Path(folder))
        client.log_artifacts(run, folder, "steepest")
    client.set_terminated(run)
    return f"{uri}/#/experiments/{experiment}/runs/{run}"  # with http the address of its page


def _metrics(tracked: Tracked) -> list[Any]:
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    return [
        Metric(_key(tag), value, now, step)
        for step, values in tracked.rows()
        for tag, value in values.items()
    ]


def _parts(values: list[Any], most: int) -> Iterator[list[Any]]:
    return (values[first : first + most] for first in range(0, len(values), most))


def _key(name: str) -> str:
    """A name that MLflow takes: of letters, digits and `_-./ :`."""
    return re.sub(r"[^\w\-./ :]", "_", name)[:_LONGEST_KEY]
