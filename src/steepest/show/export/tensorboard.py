"""A run as an event file, which TensorBoard shows: the extra `tensorboard`."""

from __future__ import annotations

import os
import struct
from typing import Any, Final

from steepest.show.export.tracked import Drawn, Tracked
from steepest.show.written import check_new, write_file
from steepest.words.errors import needing

FILE_NAME: Final = "events.out.tfevents"
"""What the name of such a file must contain."""

_RGBA: Final = 4


def write_events(tracked: Tracked, folder: str, force: bool) -> str:
    """Write the event file into a folder, and say where. Raises UsageError, InputError."""
    content = to_tensorboard(tracked)
    path = os.path.join(folder, f"{FILE_NAME}.{tracked.run or 'steepest'}")
    check_new(path, force=force)
    write_file(path, content, folder=True)
    return path


def to_tensorboard(tracked: Tracked) -> bytes:
    """One event a row: `loss`, `validation`, `weights/NAME`, `gradient/NAME` and so on.

    Before them stands the verdict as a text, after them each figure as a picture. TensorBoard
    keeps numbers in 32 bits, about seven digits; NaN and the infinities stay. When a step was
    taken is not kept, so every event is at time 0. Raises UsageError where tensorboardX is not
    installed.
    """
    with needing(
        "tensorboardX",
        "Writing for TensorBoard needs tensorboardX",
        install="steepest[tensorboard]",
    ):
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.summary_pb2 import Summary
        from tensorboardX.summary import text

    records = [_framed(Event(file_version="brain.Event:2"))]
    records.append(_framed(Event(summary=text("verdict", tracked.told))))
    for step, values in tracked.rows():
        scalars = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
        records.append(_framed(Event(step=step, summary=Summary(value=scalars))))
    for drawn in tracked.figures:
        shown = Summary.Value(tag=f"figures/{drawn.name}", image=_image(Summary, drawn))
        records.append(_framed(Event(step=drawn.step, summary=Summary(value=[shown]))))
    return b"".join(records)


def _image(summary: Any, drawn: Drawn) -> Any:
    # Where every PNG has its size.
    width, height = struct.unpack(">II", drawn.png[16:24])
    return summary.Image(
        width=width, height=height, colorspace=_RGBA, encoded_image_string=drawn.png
    )


def _framed(event: Any) -> bytes:
    """A TFRecord: length, its checksum, the data, its checksum, all little-endian."""
    from tensorboardX.record_writer import masked_crc32c

    data: bytes = event.SerializeToString()
    length = struct.pack("<Q", len(data))
    checks = [struct.pack("<I", masked_crc32c(part)) for part in (length, data)]
    return length + checks[0] + data + checks[1]
