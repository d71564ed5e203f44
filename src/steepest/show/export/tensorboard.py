"""A run's steps as an event file, which TensorBoard shows: the extra `tensorboard`."""

from __future__ import annotations

import struct
from typing import Final

from steepest.show.export.tables import Columns
from steepest.words.errors import needing

FILE_NAME: Final = "events.out.tfevents"
"""What the name of such a file must contain."""


def to_tensorboard(table: Columns) -> bytes:
    """One event a row: `loss`, `validation`, `weights/NAME`, `gradient/NAME` and so on.

    TensorBoard keeps numbers in 32 bits, about seven digits; NaN and the infinities stay. When a
    step was taken is not kept, so every event is at time 0. Raises UsageError where tensorboardX
    is not installed.
    """
    with needing(
        "tensorboardX",
        "Writing for TensorBoard needs tensorboardX",
        install="steepest[tensorboard]",
    ):
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.summary_pb2 import Summary
    columns = {_tag(name): part.tolist() for name, part in table.items()}
    steps = columns.pop("step")
    records = [_framed(Event(file_version="brain.Event:2").SerializeToString())]
    for place, step in enumerate(steps):
        values = [
            Summary.Value(tag=tag, simple_value=part[place])
            for tag, part in columns.items()
            if part[place] is not None
        ]
        event = Event(step=step, summary=Summary(value=values))
        records.append(_framed(event.SerializeToString()))
    return b"".join(records)


def _tag(column: str) -> str:
    """TensorBoard groups by what stands before a slash."""
    group, dot, name = column.partition(".")
    return f"{'weights' if group == 'weight' else group}/{name}" if dot else column


def _framed(data: bytes) -> bytes:
    """A TFRecord: length, its checksum, the data, its checksum, all little-endian."""
    from tensorboardX.record_writer import masked_crc32c

    length = struct.pack("<Q", len(data))
    checks = [struct.pack("<I", masked_crc32c(part)) for part in (length, data)]
    return length + checks[0] + data + checks[1]
