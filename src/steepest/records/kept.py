"""Records to and from what a store keeps, exactly: NaN, infinities and arrays survive."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import numpy as np

from steepest.records.run import RunRecord
from steepest.records.training import TrainingRecord
from steepest.words.errors import StoreError

FORMAT: Final = 2
"""Version of what `encode` writes. Raised when an older `decode` could not read it."""

KeptRecord = RunRecord | TrainingRecord

_KINDS: Final[Mapping[str, type[KeptRecord]]] = {"run": RunRecord, "training": TrainingRecord}

_Array = np.ndarray[Any, Any]


def encode(record: KeptRecord) -> tuple[str, dict[str, _Array]]:
    """The record as JSON, and its arrays by the number that stands there for each.

    The JSON is Python's, with NaN and Infinity; equal arrays have one number. `decode` gives the
    record back, bit for bit, but for tuples where anything may stand: they come back as lists.
    """
    arrays: dict[str, _Array] = {}
    known: dict[tuple[str, tuple[int, ...], bytes], int] = {}

    def aside(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return _plain(value)
        if value.dtype.kind not in "bfiu":
            raise TypeError(f"an array of {value.dtype} cannot be kept")
        number = known.setdefault((value.dtype.str, value.shape, value.tobytes()), len(known))
        arrays.setdefault(str(number), value)
        return number

    kind = next(kind for kind, wanted in _KINDS.items() if isinstance(record, wanted))
    found = {"format": FORMAT, "kind": kind, "record": record}
    return _text(msgspec.to_builtins(found, enc_hook=aside)), arrays


def decode(text: str | bytes, arrays: Mapping[str, _Array]) -> KeptRecord:
    """The record that `encode` was given.

    Raises StoreError for a version that this Steepest does not know, and for what is no record.
    """

    def put_back(kind: Any, value: Any) -> Any:
        if kind is object or isinstance(value, np.ndarray):
            return value
        return arrays[str(value)]

    try:
        kept = json.loads(text)
        version = kept["format"]
        if type(version) is not int:
            raise TypeError("no format version")
        if version not in (1, FORMAT):
            raise StoreError(
                "This run was kept in a format that this version of Steepest does not know.",
                given=f"format {version}, and known is {FORMAT}",
                instead="Install a newer Steepest to read it." if version > FORMAT else None,
            )
        found = _unmarked(kept["record"], arrays) if version == 1 else kept["record"]
        return msgspec.convert(found, _KINDS[kept.get("kind", "run")], dec_hook=put_back)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise StoreError("A part of the store is damaged: the run cannot be read.") from error


def encode_values(values: Mapping[str, Any]) -> str:
    """Named values, such as options, as JSON; `decode_values` gives them back."""
    return _text(msgspec.to_builtins(values, enc_hook=_plain))


def decode_values(text: str) -> dict[str, Any]:
    """What `encode_values` was given, tuples as lists. Raises StoreError where it is damaged."""
    try:
        return dict(_unmarked(json.loads(text), {}))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise StoreError("A part of the store is damaged: a run cannot be read.") from error


def _text(found: Any) -> str:
    # A file name that is not UTF-8 has lone surrogates, which JSON writes as escapes.
    return json.dumps(found, separators=(",", ":"))


def _plain(value: Any) -> Any:
    """What a value is by its nature, where its class is only a kind of that."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    raise TypeError(f"{type(value).__name__} cannot be kept")


def _unmarked(value: Any, arrays: Mapping[str, _Array]) -> Any:
    """What format 1 wrote, which marked all that JSON has not, and mappings too."""
    match value:
        case {"$float": name}:
            return float(name)
        case {"$tuple": parts}:
            return tuple(_unmarked(part, arrays) for part in parts)
        case {"$map": pairs}:
            return {str(key): _unmarked(part, arrays) for key, part in pairs}
        case {"$scalar": part}:
            return _unmarked(part, arrays)[()]
        case {"$array": text, "type": kind, "shape": shape}:
            found = np.frombuffer(base64.b64decode(text, validate=True), dtype=kind)
            return found.astype(found.dtype.newbyteorder("=")).reshape(shape)
        case {"$beside": number, "shape": shape}:
            return arrays[str(number)].reshape(shape)
        case dict():
            return {key: _unmarked(part, arrays) for key, part in value.items()}
        case list():
            return [_unmarked(part, arrays) for part in value]
    return value
