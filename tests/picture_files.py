"""Small pictures in the forms in which they are found: IDX files, and folders of them."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 3, 4), dtype=np.uint8)
LABELS = np.array([7, 3, 3, 7, 0, 3], dtype=np.uint8)
GRAY = np.random.default_rng(0).integers(0, 256, (5, 2, 3), dtype=np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (2, 3, 3), dtype=np.uint8)


def idx(array: Any) -> bytes:
    """An array of bytes in the format, as LeCun's page describes it."""
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    content: bytes = array.tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + content


IMAGES = idx(PIXELS)
NAMES = idx(LABELS)


def write_idx(folder: Path, images: bytes = IMAGES, labels: bytes = NAMES, end: str = "") -> Path:
    """The files of a training."""
    (folder / f"train-images-idx3-ubyte{end}").write_bytes(images)
    (folder / f"train-labels-idx1-ubyte{end}").write_bytes(labels)
    return folder


def save(folder: Path, name: str, pixels: Any = GRAY[0]) -> Path:
    """One picture; its folder is made."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path
