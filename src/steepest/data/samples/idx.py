"""IDX files, in which MNIST and its relatives are shipped: pictures of bytes, and their labels."""

from __future__ import annotations

import gzip
import math
import os
import stat
import zlib
from pathlib import Path
from typing import IO, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from steepest.data.samples.classes import check_classes, places
from steepest.data.samples.record import Samples
from steepest.data.table.labels import in_order
from steepest.words.errors import InputError
from steepest.words.wording import count, escaped, listed, pathname

Which = Literal["train", "test"]

MOST_VALUES: Final = 1 << 31
"""Of one set of samples; as float32 they take 8 GiB."""

_PREFIX: Final = {"train": "train", "test": "t10k"}
_KIND: Final = {"images": 3, "labels": 1}
_UNSIGNED_BYTES: Final = 8
_CHUNK: Final = 1 << 20
_ANEW: Final = "Fetch the file anew."


def names_of(which: Which, what: Literal["images", "labels"]) -> tuple[str, ...]:
    """List the names that a file may have.

    >>> names_of("test", "labels")[:2]
    ('t10k-labels-idx1-ubyte', 't10k-labels.idx1-ubyte')
    """
    plain = [f"{_PREFIX[which]}-{what}{mark}idx{_KIND[what]}-ubyte" for mark in "-."]
    return (*plain, *(f"{name}.gz" for name in plain))


def holds_idx(folder: Path) -> bool:
    """Whether a file of any such name is in the folder."""
    return any(
        (folder / name).exists()
        for which in ("train", "test")
        for what in ("images", "labels")
        for name in names_of(which, what)
    )


def read_idx(
    folder: str | os.PathLike[str], which: Which, *, classes: tuple[str, ...] | None = None
) -> Samples:
    """Read the pictures of a folder and their labels; pixels are scaled from 0..255 to 0..1.

    Where `classes` is None they are the labels of the training, also for which="test", if its file
    is there. Raises InputError for a file that is missing, is not IDX, is broken or has bytes
    too few or too many, for unequal counts, and for a label that is none of the classes.
    """
    source = os.fsdecode(folder)
    path = Path(source).expanduser()
    image_file = _find(path, source, which, "images")
    label_file = _find(path, source, which, "labels")
    pictures = _read(image_file, 3)
    labels = _read(label_file, 1)
    if len(pictures) != len(labels):
        raise InputError(
            f"{_named(image_file)} holds {count(len(pictures), 'picture')} "
            f"and {_named(label_file)} {count(len(labels), 'label')}.",
            instead="Give files that belong together.",
        )
    classes = classes or _classes(path, which, labels)
    of = _named(label_file)
    check_classes(classes, of)
    return Samples(
        source=source,
        inputs=_scaled(pictures),
        targets=places(_texts(labels), classes, of),
        rows=np.arange(len(labels), dtype=np.int64),
        names=_pixel_names(*pictures.shape[1:]),
        target="label",
        classes=classes,
        picture=(pictures.shape[1], pictures.shape[2]),
        kind="idx",
    )


def _find(folder: Path, source: str, which: Which, what: Literal["images", "labels"]) -> Path:
    names = names_of(which, what)
    for name in names:
        if (folder / name).exists():
            return folder / name
    raise InputError(
        f"The folder {pathname(source)} has no file of "
        f"{'test' if which == 'test' else 'training'} {what}.",
        instead=f"Looked for {listed(names)}.",
    )


def _classes(folder: Path, which: Which, labels: NDArray[np.uint8]) -> tuple[str, ...]:
    if which == "test":
        known = [folder / name for name in names_of("train", "labels")]
        training = next((path for path in known if path.exists()), None)
        if training is not None:
            labels = _read(training, 1)
    return in_order(str(label) for label in np.unique(labels).tolist())


def _texts(labels: NDArray[np.uint8]) -> NDArray[np.object_]:
    texts = np.array([str(label) for label in range(256)], dtype=object)
    return texts[labels]


def _scaled(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    flat = pictures.reshape(len(pictures), -1)
    return np.divide(flat, np.float32(255), dtype=np.float32)


def _pixel_names(height: int, width: int) -> tuple[str, ...]:
    return tuple(f"r{row}c{column}" for row in range(height) for column in range(width))


def _read(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read the array of bytes in an IDX file; no more is unpacked than its header announces."""
    with _opened(path) as stream:
        reader: Any = gzip.GzipFile(fileobj=stream) if path.suffix == ".gz" else stream
        header = _taken(reader, path, 4 + 4 * dimensions)
        shape = _shape(header, path, dimensions)
        size = len(header) + math.prod(shape)
        body = _taken(reader, path, math.prod(shape) + 1, len(header), size)
    found = len(header) + len(body)
    if found != size:
        of = (
            f"{count(shape[0], 'picture')} of {shape[1]}×{shape[2]} pixels"
            if dimensions == 3
            else count(shape[0], "label")
        )
        raise InputError(
            f"{_named(path)} is damaged: {of} take {count(size, 'byte')} with the header, and "
            f"{f'it has {count(found)}' if found < size else 'it has more'}.",
            instead=_ANEW,
        )
    return np.frombuffer(body, dtype=np.uint8).reshape(shape)


def _taken(
    reader: Any, path: Path, most: int, before: int = 0, size: int | None = None
) -> bytearray:
    """Take up to `most` bytes; `before` and `size` are for the sentence about a broken file."""
    taken = bytearray()
    try:
        while len(taken) < most and (chunk := reader.read1(min(_CHUNK, most - len(taken)))):
            taken += chunk
    except (EOFError, zlib.error, gzip.BadGzipFile):
        wanted = "" if size is None else f" of {count(size)}"
        raise InputError(
            f"{_named(path)} is not a whole gzip file: it breaks off, or is damaged, after "
            f"{count(before + len(taken))}{wanted} unpacked bytes.",
            instead=_ANEW,
        ) from None
    except OSError as error:
        raise _unreadable(path, error) from None
    return taken


def _shape(header: bytearray, path: Path, dimensions: int) -> tuple[int, ...]:
    wanted = bytes((0, 0, _UNSIGNED_BYTES, dimensions))
    if header[:4] != wanted:
        what = "pictures" if dimensions == 3 else "labels"
        raise InputError(
            f"{_named(path)} is no IDX file of {what}: it must begin with the bytes "
            f"{wanted.hex(' ')}.",
            given=header[:4].hex(" ") or "an empty file",
            instead="Let its name end in .gz." if header.startswith(b"\x1f\x8b") else None,
        )
    if len(header) < 4 + 4 * dimensions:
        raise InputError(
            f"{_named(path)} is damaged: its header takes {4 + 4 * dimensions} bytes, and the file "
            f"has {len(header)}.",
            instead=_ANEW,
        )
    shape = tuple(int(size) for size in np.frombuffer(header[4:], dtype=">u4"))
    if 0 in shape:
        raise InputError(f"{_named(path)} holds nothing: its header says {_by(shape)}.")
    if math.prod(shape) > MOST_VALUES:
        raise InputError(
            f"{_named(path)} announces {_by(shape)} bytes, more than the {count(MOST_VALUES)} "
            "that are read."
        )
    return shape


def _by(shape: tuple[int, ...]) -> str:
    return " × ".join(count(size) for size in shape)


def _opened(path: Path) -> IO[bytes]:
    try:
        # Before it is opened: a pipe would wait for a writer.
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError(f"{_named(path)} is not a file.")
        return path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"{_named(path)} cannot be read: {escaped(error.strerror or '', 200)}.")


def _named(path: Path) -> str:
    return pathname(path.name)
