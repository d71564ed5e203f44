"""Where data comes from: a path, a folder, standard input, a data frame or a mapping."""

from __future__ import annotations

import gzip
import io
import os
import stat
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from steepest.data.table.arrays import read_mapping
from steepest.data.table.columns import Table
from steepest.data.table.delimited import read_delimited
from steepest.data.table.frames import read_frame
from steepest.data.table.parquet import read_parquet
from steepest.data.table.paths import READABLE, files_of, unreadable
from steepest.data.table.wording import quoted
from steepest.words.errors import InputError
from steepest.words.wording import pathname

# A separator of None is found in the text.
_DELIMITED: Final[dict[str, str | None]] = {".csv": None, ".txt": None, ".tsv": "\t"}
PARQUET: Final = (".parquet", ".pq")
_SHEETS: Final = (".xlsx", ".xls", ".ods", ".numbers")
_OF_OTHERS: Final = "Save the data as one of these."
_OF_SHEETS: Final = "Save the sheet as .csv; in Python, give what pandas.read_excel reads."
_MOST_UNPACKED: Final = 8 << 30


def read_table(data: Any) -> Table:
    """Make a table of `data`; its columns are read when they are asked for.

    `data` is a path to .csv, .tsv or .txt (also .gz: at most 8 GiB unpacked) or .parquet, a folder
    or glob of Parquet files (read in the order of their names), "-" for CSV on standard input, a
    data frame of any library that narwhals knows, a mapping of names to arrays (rows,), or a
    Table. Other names are errors, except that a file without a suffix and a pipe are read as CSV.

    Missing are an empty cell, NA, N/A, #N/A, <NA>, NaN, NaT, null, None, - and ?, in any case, and
    a spreadsheet's #DIV/0!, #VALUE!, #REF!, #NAME?, #NUM! and #NULL!.
    true and false are 1 and 0. Raises InputError.
    """
    if isinstance(data, Table):
        return data
    if isinstance(data, str | os.PathLike):
        text = os.fsdecode(data)
        return _from_standard_input() if text == "-" else _from_path(text)
    if isinstance(data, Mapping):
        return read_mapping(data)
    return read_frame(data)


def _from_standard_input() -> Table:
    source = "standard input"
    stream: Any = sys.stdin
    if stream is None:
        raise InputError("There is no standard input to read.")
    # A text stream without bytes below it stands in for standard input in notebooks and tests.
    try:
        content = stream.buffer.read() if hasattr(stream, "buffer") else stream.read().encode()
    except (OSError, ValueError) as error:
        raise unreadable(source, error) from None
    return read_delimited(content, source)


def _from_path(text: str) -> Table:
    files = files_of(text)
    if len(files) > 1:
        return _from_pattern(files, text)
    path = files[0]
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise unreadable(text, error) from None
    if stat.S_ISDIR(mode):
        files = [p for p in path.rglob("*") if p.suffix.lower() in PARQUET and _is_visible(p, path)]
        if not files:
            raise InputError(
                f"The folder {pathname(text)} holds no Parquet files.",
                instead="Give the path of a file, or a folder of .parquet files.",
            )
        by_folder = any("=" in part for p in files for part in p.relative_to(path).parent.parts)
        return read_parquet(sorted(files), text, by_folder=by_folder)
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        raise InputError(f"{pathname(text)} is not a file.", instead="Give the path of a file.")
    return _from_file(path, text)


def _is_visible(path: Path, folder: Path) -> bool:
    # Names with a dot or underscore in front are what other tools leave beside the data.
    return path.is_file() and not any(
        part.startswith((".", "_")) for part in path.relative_to(folder).parts
    )


def _from_pattern(files: list[Path], text: str) -> Table:
    other = [path for path in files if path.suffix.lower() not in PARQUET]
    if other:
        raise InputError(
            f"{pathname(text)} stands for {len(files)} files, and not all are Parquet.",
            given=pathname(other[0]),
            instead="Give one file, or a pattern for Parquet files alone.",
        )
    by_folder = any("=" in part for path in files for part in path.parent.parts)
    return read_parquet(files, text, by_folder=by_folder)


def _from_file(path: Path, source: str) -> Table:
    *rest, last = [""] + [suffix.lower() for suffix in path.suffixes]
    packed = last == ".gz"
    kind = (rest[-1] if rest else "") if packed else last
    if kind in PARQUET and not packed:
        return read_parquet([path], source)
    if kind not in _DELIMITED and (kind or packed):
        raise InputError(
            f"Steepest does not know what kind of file {pathname(source)} is.",
            given=f"the suffix {quoted(kind + last if packed else kind)}",
            instead=f"{READABLE} {_OF_SHEETS if kind in _SHEETS else _OF_OTHERS}",
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(source, error) from None
    if packed:
        content = _unpacked(content, source)
    return read_delimited(content, source, _DELIMITED.get(kind))


def _unpacked(content: bytes, source: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            unpacked = stream.read(_MOST_UNPACKED + 1)
    except (OSError, EOFError, zlib.error):
        raise InputError(
            f"{pathname(source)} is not a whole gzip file.",
            instead="Unpack it, or copy it anew.",
        ) from None
    if len(unpacked) > _MOST_UNPACKED:
        raise InputError(
            f"{pathname(source)} unpacks to more than {_MOST_UNPACKED / 2**30:g} GiB.",
            instead="Save the data as Parquet.",
        )
    return unpacked
