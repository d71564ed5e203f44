"""Where samples come from: a folder of IDX files, a folder of pictures, or a table."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from steepest.data.samples.classes import places
from steepest.data.samples.columns import read_columns, read_like
from steepest.data.samples.idx import holds_idx, names_of, read_idx
from steepest.data.samples.pictures import (
    ENDINGS,
    Layout,
    files_by_class,
    holds_pictures,
    pictures_in,
    read_files,
    read_pictures,
)
from steepest.data.samples.record import NewRows, Samples
from steepest.data.table.source import PARQUET, read_table
from steepest.words.errors import InputError, UsageError
from steepest.words.wording import count, escaped, listed, origin, pathname
from steepest.words.wording import names as spoken


@contextmanager
def _told() -> Iterator[None]:
    """Turn a path that cannot be looked at into an InputError."""
    try:
        yield
    except OSError as error:
        raise _unreadable(str(error.filename), error.strerror or "it gives no reason") from None


def _unreadable(source: str, reason: str) -> InputError:
    return InputError(f"{pathname(source)} cannot be read: {escaped(reason, 200)}.")


@_told()
def read_samples(
    data: Any,
    target: str | None = None,
    *,
    inputs: Sequence[str] | None = None,
    numbers: bool = False,
    where: str | None = None,
) -> Samples:
    """Read what a network learns from.

    `data` is a folder of IDX files (the training's are read), a folder whose subfolders are classes
    of pictures, or anything that `read_table` takes; then `target` names the column to be found.
    The other settings are for tables alone. Raises SteepestError.
    """
    folder = _folder(data)
    kind = "table" if folder is None else _kind(folder)
    if folder is None or kind == "table":
        table = read_table(data)
        if target is None:
            raise UsageError(
                f"The column of {origin(table.source)} that is to be found is not named.",
                instead=f"Name it with --target: {spoken(table.names, most=8)}.",
            )
        return read_columns(table, target, inputs=inputs, numbers=numbers, where=where)
    _only_for_tables(data, {"--target": target, "--inputs": inputs, "--where": where})
    if numbers:
        raise UsageError(
            "The loss is one for numbers, and pictures have classes.",
            instead="Use --loss cross-entropy.",
        )
    return read_idx(folder, "train") if kind == "idx" else read_pictures(folder)


@_told()
def as_given(training: Samples, data: Any, *, where: str | None = None) -> NewRows:
    """Read new rows in the form that a training had them, to predict them.

    `data` is what `read_samples` takes, where it holds the same inputs; what is to be found may be
    missing. An array (n, d) or (d,) holds the inputs alone. For a training on pictures it may also
    be one picture, or a folder of them without classes; of IDX files the test's are read where
    they are there. Raises SteepestError, also for a class that the training never saw.
    """
    if isinstance(data, np.ndarray):
        return _from_array(training, data)
    if training.kind == "table":
        folder = _folder(data)
        if folder is not None and _kind(folder) != "table":
            raise InputError(
                f"{pathname(str(data))} is a folder of pictures, but the training learned from "
                "a table.",
                instead="Give a table with the same columns.",
            )
        return read_like(training, read_table(data), where)
    _only_for_tables(data, {"--where": where})
    if not isinstance(data, str | os.PathLike):
        raise UsageError(
            "The training learned from pictures.",
            given=f"a {type(data).__name__}",
            instead="Give a picture, a folder of pictures, or an array with a row for each.",
        )
    return _from_pictures(training, os.fsdecode(data))


def _from_pictures(training: Samples, source: str) -> NewRows:
    try:
        path = Path(source).expanduser()
    except RuntimeError as error:  # there is no such user
        raise _unreadable(source, str(error)) from None
    if path.is_dir() and holds_idx(path):
        return _from_idx(training, path, source)
    by_class: dict[str, list[Path]] = {}
    if path.is_dir():
        files = pictures_in(path)
        if not files:
            by_class = files_by_class(path, source)
            files = [file for of_class in by_class.values() for file in of_class]
        folder = path
    elif path.suffix.lower() in ENDINGS:
        files, folder = [path], path.parent
    else:
        raise InputError(
            f"{pathname(source)} is neither a picture nor a folder of pictures.",
            instead=f"Known are {listed(ENDINGS)}.",
        )
    targets = None
    if by_class:
        names = [name for name, of_class in by_class.items() for _ in of_class]
        targets = _places(names, training, f"The folder {pathname(source)}")
    assert training.picture is not None
    _, inputs = read_files(files, folder, Layout(*training.picture, training.channels))
    return NewRows(source, inputs, np.arange(len(files), dtype=np.int64), targets)


def _from_idx(training: Samples, folder: Path, source: str) -> NewRows:
    has_test = any((folder / name).exists() for name in names_of("test", "images"))
    found = read_idx(folder, "test" if has_test else "train", classes=training.classes)
    if (found.picture, 1) != (training.picture, training.channels):
        assert found.picture is not None
        assert training.picture is not None
        colour = " in colour" if training.channels == 3 else ""
        raise InputError(
            f"The pictures in {pathname(source)} have {found.picture[1]}×{found.picture[0]} "
            f"gray pixels, those of the training {training.picture[1]}×{training.picture[0]}"
            f"{colour}."
        )
    return NewRows(source, found.inputs, found.rows, found.targets)


def _from_array(training: Samples, data: NDArray[Any]) -> NewRows:
    inputs = len(training.names)
    rows = data[None, :] if data.ndim == 1 else data
    if rows.ndim != 2 or rows.shape[1] != inputs or data.dtype.kind not in "biuf":
        raise InputError(
            f"The training learned from {count(inputs, 'input')} a row.",
            given=f"an array of shape {data.shape} and type {data.dtype}",
            instead=f"Give an array of numbers of shape (rows, {inputs}).",
        )
    with np.errstate(over="ignore"):
        single = np.array(rows, dtype=np.float32)
    complete = np.isfinite(single).all(axis=1)
    if not complete.any():
        raise InputError("No row of the array has a finite number in every place.")
    return NewRows(
        source="array",
        inputs=single[complete],
        rows=np.flatnonzero(complete).astype(np.int64),
        left_out=int(np.count_nonzero(~complete)),
    )


def _places(names: Sequence[str], training: Samples, of: str) -> NDArray[np.int32]:
    labels = np.empty(len(names), dtype=object)
    labels[:] = names
    assert training.classes is not None
    return places(labels, training.classes, of)


def _folder(data: Any) -> Path | None:
    if not isinstance(data, str | os.PathLike):
        return None
    try:
        path = Path(os.fsdecode(data)).expanduser()
        return path if path.is_dir() else None
    except (OSError, RuntimeError, ValueError):  # what is wrong with it, read_table says
        return None


def _kind(folder: Path) -> Literal["idx", "pictures", "table"]:
    if holds_idx(folder):
        return "idx"
    if holds_pictures(folder):
        return "pictures"
    if any(path.suffix.lower() in PARQUET for path in folder.rglob("*")):
        return "table"
    raise InputError(
        f"The folder {pathname(folder)} holds nothing to learn from.",
        instead="Give a folder of IDX files, one whose folders are classes of pictures "
        f"({spoken(ENDINGS)}), or one of Parquet files.",
    )


def _only_for_tables(data: Any, settings: dict[str, object]) -> None:
    for option, value in settings.items():
        if value is not None:
            raise UsageError(
                f"{option} is for tables, and {pathname(str(data))} holds pictures.",
                instead="Leave it out.",
            )
