"""Folders of pictures: each subfolder is a class, and each file in it a picture of it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steepest.data.samples.classes import check_classes
from steepest.data.samples.idx import MOST_VALUES
from steepest.data.samples.record import Samples
from steepest.data.table.labels import in_order
from steepest.words.errors import InputError, needing
from steepest.words.wording import count, escaped, listed, pathname

if TYPE_CHECKING:
    from PIL.Image import Image

ENDINGS: Final = (".png", ".jpg", ".jpeg", ".pgm", ".ppm", ".bmp")
_FORMATS: Final = ("PNG", "JPEG", "PPM", "BMP")
_GRAY: Final = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L")
_MOST_PIXELS: Final = 1 << 24
"""Of one picture: 4,096 × 4,096."""
_LEFT_BY_SYSTEMS: Final = ("thumbs.db", "desktop.ini", "__macosx")


class Layout(NamedTuple):
    """What all pictures of a folder share."""

    height: int
    width: int
    channels: int


def read_pictures(folder: str | os.PathLike[str]) -> Samples:
    """Read a folder whose subfolders are the classes; the rows go by class, then by file name.

    Pixels are scaled to 0..1, row by row. Where every picture is gray there is one number a pixel,
    else red, green and blue; what is transparent shows white. Raises InputError for an empty
    folder, one class only, a file that is no picture, pictures of unequal size, and a link that
    leads out of the folder; UsageError where Pillow is not installed.
    """
    source = os.fsdecode(folder)
    path = Path(source).expanduser()
    files = files_by_class(path, source)
    classes = in_order(files)
    check_classes(classes, f"The folder {pathname(source)}")
    listed_files = [file for name in classes for file in files[name]]
    layout, inputs = read_files(listed_files, path)
    places = [place for place, name in enumerate(classes) for _ in files[name]]
    return Samples(
        source=source,
        inputs=inputs,
        targets=np.array(places, dtype=np.int32),
        rows=np.arange(len(listed_files), dtype=np.int64),
        names=_names(layout),
        target="folder",
        classes=classes,
        picture=(layout.height, layout.width),
        channels=layout.channels,
        kind="pictures",
    )


def holds_pictures(folder: Path) -> bool:
    """Whether there are pictures in the folder, or in a visible folder of it."""
    return any(
        _is_picture(entry) or (entry.is_dir() and any(map(_is_picture, _visible(entry))))
        for entry in _visible(folder)
    )


def pictures_in(folder: Path) -> list[Path]:
    """List the pictures that stand in the folder itself, by name."""
    return [path for path in _visible(folder) if _is_picture(path)]


def read_files(
    files: Sequence[Path], folder: Path, wanted: Layout | None = None
) -> tuple[Layout, NDArray[np.float32]]:
    """Read pictures to (files, height · width · channels), scaled to 0..1.

    All have the size of `wanted`, or of the first. Errors name a file by its place in `folder`.
    """
    needs_pillow()
    headers = [_header(file, folder) for file in files]
    first = headers[0]
    channels = 3 if any(header.colour for header in headers) else 1
    layout = wanted or Layout(first.height, first.width, channels)
    for file, header in zip(files, headers, strict=True):
        if (header.height, header.width) != layout[:2]:
            like = "those of the training have" if wanted else f"{_named(files[0], folder)} has"
            raise InputError(
                f"Pictures must have one size: {_named(file, folder)} has {header.width}×"
                f"{header.height} pixels, {like} {layout.width}×{layout.height}.",
                instead="Scale them to one size.",
            )
    values = layout.height * layout.width * layout.channels
    if values * len(files) > MOST_VALUES:
        raise InputError(
            f"{count(len(files), 'picture')} of {layout.width}×{layout.height} pixels are too much "
            f"to read: at most {count(MOST_VALUES)} numbers are.",
            instead="Scale the pictures down, or give fewer.",
        )
    inputs = np.empty((len(files), values), dtype=np.float32)
    for row, file in enumerate(files):
        inputs[row] = _pixels(file, folder, layout)
    return layout, inputs


def needs_pillow() -> None:
    """Raise UsageError where Pillow is not installed."""
    with needing("PIL", "Reading pictures needs Pillow", install="steepest[pictures]"):
        import PIL.Image  # noqa: F401


class _Header(NamedTuple):
    height: int
    width: int
    colour: bool


def _header(file: Path, folder: Path) -> _Header:
    with _opened(file, folder) as image:
        return _Header(image.height, image.width, image.mode not in _GRAY)


def _pixels(file: Path, folder: Path, layout: Layout) -> NDArray[np.float32]:
    from PIL import Image

    with _opened(file, folder) as image:
        if image.mode.startswith("I"):
            # 16 bits, which Pillow would cut to 8 and not scale.
            deep = np.asarray(image, dtype=np.float32) / np.float32(65535)
            return np.repeat(deep.reshape(-1), layout.channels)
        flat: Image.Image = image
        if image.has_transparency_data:
            white = Image.new("RGBA", image.size, "white")
            flat = Image.alpha_composite(white, image.convert("RGBA"))
        flat = flat.convert("RGB" if layout.channels == 3 else "L")
        return np.asarray(flat, dtype=np.float32).reshape(-1) / np.float32(255)


@contextmanager
def _opened(file: Path, folder: Path) -> Iterator[Image]:
    """A picture whose header is read. What Pillow makes of broken bytes becomes an InputError."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures; the limit here is lower.
            warnings.simplefilter("ignore")
            with Image.open(file, formats=_FORMATS) as image:
                if image.width * image.height > _MOST_PIXELS:
                    raise InputError(
                        f"The picture {_named(file, folder)} has {count(image.width)} × "
                        f"{count(image.height)} pixels; at most {count(_MOST_PIXELS)} are read.",
                        instead="Scale it down.",
                    )
                if image.mode == "F":
                    raise InputError(
                        f"The picture {_named(file, folder)} has pixels of 32 bits.",
                        instead="Save it with 8 or 16 bits.",
                    )
                yield image
    except InputError:
        raise
    except Exception as error:  # each of Pillow's readers raises its own
        reason = str(error).replace(str(file), file.name).splitlines() or [type(error).__name__]
        raise InputError(
            f"The file {_named(file, folder)} is no picture, or a broken one.",
            given=escaped(reason[0], 160),
            instead="Save it anew, or take it out of the folder.",
        ) from None


def files_by_class(folder: Path, source: str) -> dict[str, list[Path]]:
    """List the pictures of each class. Raises InputError as `read_pictures` does."""
    files = {
        entry.name: _pictures_of_class(entry, folder)
        for entry in _visible(folder)
        if entry.is_dir()
    }
    if not files:
        raise InputError(
            f"The folder {pathname(source)} holds no folders of pictures.",
            instead="Put the pictures of each class into a folder that is named as the class.",
        )
    return files


def _pictures_of_class(folder: Path, root: Path) -> list[Path]:
    _check_inside(folder, root)
    files = _visible(folder)
    for file in files:
        _check_inside(file, root)
        if file.is_dir():
            raise InputError(
                f"The folder {_named(folder, root)} is taken for a class, but holds the folder "
                f"{pathname(file.name)}.",
                instead="Give the folder in which each class is a folder of pictures.",
            )
        if not _is_picture(file):
            raise InputError(
                f"The file {_named(file, root)} is no picture that Steepest reads.",
                instead=f"Known are {listed(ENDINGS)}. Convert it, or take it out of the folder.",
            )
    if not files:
        raise InputError(
            f"The folder {_named(folder, root)} holds no pictures.",
            instead="Fill it, or take it away.",
        )
    return files


def _check_inside(path: Path, root: Path) -> None:
    if path.is_symlink() and not _target(path).is_relative_to(root.resolve()):
        raise InputError(
            f"The link {_named(path, root)} leads out of the folder.",
            instead="Copy what it points at.",
        )


def _target(link: Path) -> Path:
    try:
        return link.resolve(strict=True)
    except (OSError, RuntimeError):  # it points nowhere, or in a circle
        return Path(os.devnull)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and path.is_file()


def _visible(folder: Path) -> list[Path]:
    """List what is in a folder by name, without what systems leave there."""
    try:
        return sorted(
            path
            for path in folder.iterdir()
            if not path.name.startswith(".") and path.name.lower() not in _LEFT_BY_SYSTEMS
        )
    except OSError as error:
        raise InputError(
            f"The folder {pathname(folder)} cannot be read: {escaped(error.strerror or '', 200)}."
        ) from None


def _names(layout: Layout) -> tuple[str, ...]:
    ends = ("",) if layout.channels == 1 else (" red", " green", " blue")
    return tuple(
        f"r{row}c{column}{end}"
        for row in range(layout.height)
        for column in range(layout.width)
        for end in ends
    )


def _named(path: Path, folder: Path) -> str:
    return pathname(path.relative_to(folder))
