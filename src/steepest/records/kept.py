"""Records to and from what a store keeps, exactly: NaN, infinities and arrays survive."""

from __future__ import annotations

import base64
import math
import types
import typing
from collections.abc import (
    Mapping,
    Sequence,
)
from dataclasses import (
    MISSING,
    fields,
    is_dataclass,
)
from functools import (
    cache,
)
from typing import (
    Any,
    Final,
)

import numpy as np

from steepest.records.document import non_finite_name
from steepest.records.run import RunRecord
from steepest.records.training import TrainingRecord
from steepest.words.errors import InputError

FORMAT: Final = 1
"""Version of what `encode` writes. Raised when an older `decode` could not read it."""

_NAMES: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


_Kept = RunRecord | TrainingRecord

_KINDS: Final[Mapping[str, type[_Kept]]] = {"run": RunRecord, "training": TrainingRecord}


def encode(record: _Kept) -> dict[str, Any]:
    """The whole record in terms of what JSON has; `decode` gives it back, bit for bit.

    Arrays are base64 of their bytes in little-endian order.
    """
    kind = next(kind for kind, wanted in _KINDS.items() if isinstance(record, wanted))
    return {"format": FORMAT, "kind": kind, "record": _encode(record)}


def decode(kept: Mapping[str, Any]) -> _Kept:
    """The record that `encode` was given.

    Raises InputError for a version that this Steepest does not know, and for what is no run.
    """
    version = kept.get("format")
    if type(version) is not int:
        raise _damaged("it has no format version")
    if version != FORMAT:
        newer = version > FORMAT
        raise InputError(
            "This run was kept in a format that this version of Steepest does not know.",
            given=f"format {version}, and known is {FORMAT}",
            instead="Install a newer Steepest to read it." if newer else None,
        )
    kind = kept.get("kind", "run")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise _damaged("it is of no known kind")
    record: _Kept = _decode(_KINDS[kind], kept.get("record"), "record")
    return record


def encode_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Named values, such as options, in terms of what JSON has; `decode_values` gives them back."""
    return {name: _encode(value) for name, value in values.items()}


def decode_values(kept: Mapping[str, Any]) -> dict[str, Any]:
    """What `encode_values` was given. Raises InputError where it is damaged."""
    return {name: _decode(object, value, name) for name, value in kept.items()}


def _damaged(what: str) -> InputError:
    return InputError(f"The kept run cannot be read: {what}.")


def _encode(value: Any) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, np.ndarray):
        return _encode_array(value)
    if isinstance(value, np.generic):
        return {"$scalar": _encode_array(np.asarray(value))}
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": non_finite_name(value)}
    if is_dataclass(value):
        return {field.name: _encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        # Pairs, because a name that someone else chose may look like one of our marks.
        return {"$map": [[_encode(key), _encode(part)] for key, part in value.items()]}
    if isinstance(value, tuple):
        return {"$tuple": [_encode(part) for part in value]}
    if isinstance(value, Sequence):
        return [_encode(part) for part in value]
    raise TypeError(f"{type(value).__name__} cannot be kept")


def _encode_array(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    if array.dtype.kind not in "bfiu":
        raise TypeError(f"an array of {array.dtype} cannot be kept")
    ordered = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return {
        "$array": base64.b64encode(ordered.tobytes()).decode("ascii"),
        "type": array.dtype.newbyteorder("<").str,
        "shape": list(array.shape),
    }


def _decode(wanted: Any, value: Any, where: str) -> Any:
    """The value, as the annotation `wanted` says; `where` names the place in messages."""
    record = _record_type(wanted, value)
    if record is not None:
        return _decode_record(record, value, where)
    inner = _inner(wanted)
    if isinstance(value, list):
        return [_decode(inner, part, where) for part in value]
    if not isinstance(value, dict):
        return value
    if "$float" in value:
        if value["$float"] not in _NAMES:
            raise _damaged(f"{where} is no number")
        return _NAMES[value["$float"]]
    if "$array" in value:
        return _decode_array(value, where)
    if "$scalar" in value:
        return _decode_array(value["$scalar"], where)[()]
    if isinstance(value.get("$map"), list):
        try:
            return {
                _decode(str, key, where): _decode(inner, part, where) for key, part in value["$map"]
            }
        except (TypeError, ValueError) as error:
            raise _damaged(f"{where} is no mapping") from error
    if isinstance(value.get("$tuple"), list):
        return tuple(_decode(inner, part, where) for part in value["$tuple"])
    raise _damaged(f"{where} is not understood")


def _decode_record(record: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise _damaged(f"{where} is missing")
    hints: dict[str, Any] = _hints(record)
    unknown = sorted(set(value) - set(hints))
    if unknown:
        raise _damaged(f"{where}.{unknown[0][:40]!a} is not known")
    given = {}
    for field in fields(record):
        name = f"{where}.{field.name}"
        if field.name in value:
            given[field.name] = _decode(hints[field.name], value[field.name], name)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise _damaged(f"{name} is missing")
    return record(**given)


def _decode_array(value: Any, where: str) -> np.ndarray[Any, Any]:
    try:
        data = base64.b64decode(value["$array"], validate=True)
        kind = np.dtype(value["type"])
        if kind.kind not in "bfiu":
            raise ValueError
        array = np.frombuffer(data, dtype=kind).reshape(value["shape"])
        return array.astype(kind.newbyteorder("="))
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(f"{where} is no array") from error


@cache
def _hints(record: Any) -> dict[str, Any]:
    return typing.get_type_hints(record)


def _record_type(wanted: Any, value: Any) -> type[Any] | None:
    """The record that an annotation asks for: itself, or the one in `Record | None`."""
    if isinstance(wanted, type) and is_dataclass(wanted):
        return wanted
    if typing.get_origin(wanted) in (types.UnionType, typing.Union) and value is not None:
        for part in typing.get_args(wanted):
            if isinstance(part, type) and is_dataclass(part):
                return part
    return None


def _inner(wanted: Any) -> Any:
    """What a sequence or a mapping holds, by its annotation."""
    if typing.get_origin(wanted) in (types.UnionType, typing.Union):
        wanted = next((a for a in typing.get_args(wanted) if a is not types.NoneType), object)
    arguments = [a for a in typing.get_args(wanted) if a is not Ellipsis]
    if not arguments or typing.get_origin(wanted) is typing.Literal:
        return object
    return arguments[-1]
