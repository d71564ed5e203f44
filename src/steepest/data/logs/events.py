"""TensorBoard's event files, read without TensorFlow: the extra `tensorboard`."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from steepest.data.logs.table import LogTable, log_table
from steepest.words.errors import needing
from steepest.words.wording import count

_NAME: Final = "events.out.tfevents"

_HEAD, _CHECK = 12, 4
"""Bytes before the data of a record, its length and that's checksum; and after it."""

_LARGEST: Final = 100_000
"""A record of more bytes is a picture or a graph, and passed over."""

_FLOAT, _DOUBLE = 1, 2
"""How TensorFlow numbers its types."""


def is_events(path: Path) -> bool:
    """Whether the name is that of an event file."""
    return _NAME in path.name


def from_events(root: Path, files: Sequence[Path]) -> LogTable:
    """The scalars of the files, a row a step. Those of a folder further in have its name before.

    Raises NotInstalledError where tensorboardX is not installed.
    """
    with needing(
        "tensorboardX", "Reading event files needs tensorboardX", install="steepest[tensorboard]"
    ):
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
        from tensorboardX.proto.event_pb2 import Event
    rows: dict[int, dict[str, float]] = {}
    broken = 0
    for path in files:
        folder = path.parent.relative_to(root).as_posix()
        before = "" if folder == "." else f"{folder}/"
        try:
            for data in _records(path.read_bytes()):
                event = Event.FromString(data)
                for value in event.summary.value:
                    number = _number(value)
                    if number is not None:
                        row = rows.setdefault(event.step, {"step": float(event.step)})
                        row[before + value.tag] = number
        except (_DamagedError, DecodeError):
            broken += 1
    note = f"{count(broken, 'file')} read up to a damaged or unfinished record"
    ordered = (rows[step] for step in sorted(rows))
    return log_table(str(root), "TensorBoard's events", ordered, (note,) if broken else ())


class _DamagedError(Exception):
    """A record is not as its checksum says, or not all there."""


def _records(data: bytes) -> Iterator[bytes]:
    """The records of a TFRecord file, up to a damaged one."""
    from tensorboardX.record_writer import masked_crc32c

    at = 0
    while at < len(data):
        head = data[at : at + _HEAD]
        if len(head) < _HEAD:
            raise _DamagedError
        length, check = struct.unpack("<QI", head)
        end = at + _HEAD + length
        if check != masked_crc32c(head[:8]) or end + _CHECK > len(data):
            raise _DamagedError
        if length > _LARGEST:
            at = end + _CHECK
            continue
        part = data[at + _HEAD : end]
        if struct.unpack("<I", data[end : end + _CHECK])[0] != masked_crc32c(part):
            raise _DamagedError
        yield part
        at = end + _CHECK


def _number(value: Any) -> float | None:
    """A scalar: a number of its own, or a tensor of one number, as TensorFlow 2 writes it."""
    if value.HasField("simple_value"):
        return float(value.simple_value)
    if not value.HasField("tensor"):
        return None
    tensor = value.tensor
    kinds = {_FLOAT: ("<f", tensor.float_val), _DOUBLE: ("<d", tensor.double_val)}
    if tensor.dtype not in kinds or any(part.size != 1 for part in tensor.tensor_shape.dim):
        return None
    form, given = kinds[tensor.dtype]
    if len(given) == 1:
        return float(given[0])
    content = bytes(tensor.tensor_content)
    return float(struct.unpack(form, content)[0]) if len(content) == struct.calcsize(form) else None
