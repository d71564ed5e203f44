"""Named arrays to bytes and back, bit for bit: compressed, and without pickle."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from math import prod
from typing import Any, Final

import numpy as np

from steepest.words.errors import StoreError

Array = np.ndarray[Any, Any]
_Arrays = Mapping[str, Array]

LEVEL: Final = 1

MOST_UNPACKED: Final = 2 << 30
"""Unpacked, as a store may come from strangers: more than SQLite takes of learned numbers."""
_KINDS: Final = "bfiu"


def pack(arrays: _Arrays) -> bytes:
    """The arrays as one blob: a line of JSON with names, types and shapes, then compressed bytes.

    The first bytes of all numbers stand together, then the second ones, and so on: numbers that
    lie near each other share most of them, so that they compress.
    """
    header, parts = [], []
    for name, array in arrays.items():
        if array.dtype.kind not in _KINDS:
            raise TypeError(f"an array of {array.dtype} cannot be kept")
        kind = array.dtype.newbyteorder("<")
        header.append([name, kind.str, list(array.shape)])
        plain = np.ascontiguousarray(array, dtype=kind).reshape(-1)
        if plain.size:
            parts.append(plain.view(np.uint8).reshape(-1, kind.itemsize).T.tobytes())
    return json.dumps(header).encode("ascii") + b"\n" + zlib.compress(b"".join(parts), LEVEL)


def inflated(body: bytes, most: int) -> bytes:
    """What was compressed. Raises StoreError where it is more than so many bytes, zlib.error."""
    stream = zlib.decompressobj()
    plain = stream.decompress(body, most)
    if stream.unconsumed_tail:
        raise StoreError(
            f"A part of the store unpacks to more than {most >> 20:,} MiB, and is not read."
        )
    if not stream.eof:
        raise zlib.error("cut short")
    return plain


def unpack(blob: bytes) -> dict[str, Array]:
    """The arrays that `pack` was given. Raises StoreError where the blob is damaged."""
    try:
        header, _, body = blob.partition(b"\n")
        plain = inflated(body, MOST_UNPACKED)
        found: dict[str, Array] = {}
        place = 0
        for name, text, shape in json.loads(header):
            kind = np.dtype(text)
            if kind.kind not in _KINDS:
                raise ValueError(text)
            size = prod(shape) * kind.itemsize
            part = np.frombuffer(plain, np.uint8, count=size, offset=place)
            place += size
            numbers = np.ascontiguousarray(part.reshape(kind.itemsize, -1).T) if size else part
            found[str(name)] = (
                numbers.reshape(-1).view(kind).astype(kind.newbyteorder("=")).reshape(shape)
            )
    except (ValueError, TypeError, KeyError, zlib.error, RecursionError) as error:
        raise StoreError("A part of the store is damaged: its numbers cannot be read.") from error
    return found
