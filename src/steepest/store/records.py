"""A record as bytes: JSON, with the large arrays beside it and equal ones only once."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from steepest.records.kept import decode, encode
from steepest.records.run import RunRecord
from steepest.records.training import TrainingRecord
from steepest.store.arrays import LEVEL, pack, unpack
from steepest.words.errors import InputError, StoreError

_LARGE: Final = 4096
"""Characters of base64 from which an array stands beside the JSON."""

_BESIDE: Final = "$beside"


def to_bytes(record: RunRecord | TrainingRecord) -> tuple[bytes, list[bytes]]:
    """The record, and its large arrays."""
    beside: dict[tuple[str, str, str], int] = {}
    blobs: list[bytes] = []

    def taken_out(value: Any) -> Any:
        if isinstance(value, list):
            return [taken_out(part) for part in value]
        if not isinstance(value, dict):
            return value
        text = value.get("$array")
        if not isinstance(text, str) or len(text) < _LARGE:
            return {key: taken_out(part) for key, part in value.items()}
        same = (text, value["type"], str(value["shape"]))
        if same not in beside:
            beside[same] = len(blobs)
            numbers = np.frombuffer(base64.b64decode(text), dtype=value["type"])
            blobs.append(pack({"": numbers}))
        return {_BESIDE: beside[same], "type": value["type"], "shape": value["shape"]}

    text = json.dumps(taken_out(encode(record)), allow_nan=False, separators=(",", ":"))
    # A file name that is not UTF-8 has lone surrogates, which JSON writes as escapes.
    return zlib.compress(text.encode("ascii"), LEVEL), blobs


def from_bytes(body: bytes, blobs: Mapping[int, bytes]) -> RunRecord | TrainingRecord:
    """The record that `to_bytes` was given. Raises StoreError where it is damaged."""

    def put_back(value: Any) -> Any:
        if isinstance(value, list):
            return [put_back(part) for part in value]
        if not isinstance(value, dict):
            return value
        if _BESIDE not in value:
            return {key: put_back(part) for key, part in value.items()}
        numbers = unpack(blobs[value[_BESIDE]])[""]
        ordered = np.ascontiguousarray(numbers, dtype=value["type"])
        text = base64.b64encode(ordered.tobytes()).decode("ascii")
        return {"$array": text, "type": value["type"], "shape": value["shape"]}

    try:
        return decode(put_back(json.loads(zlib.decompress(body))))
    except InputError as error:
        raise StoreError(error.problem, given=error.given, instead=error.instead) from error
    except (ValueError, TypeError, KeyError, zlib.error, RecursionError) as error:
        raise StoreError("A part of the store is damaged: the run cannot be read.") from error
