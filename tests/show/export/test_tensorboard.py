"""The event file, read back record by record with checksums computed on their own."""

import struct
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from steepest.records.descent import Trace
from steepest.records.verdict import Finding, Verdict
from steepest.show.export import Tracked, table_of, to_tensorboard
from steepest.words.errors import UsageError

TRACE = Trace(
    names=("a", "速度"),
    step=np.array([0, 5, 10]),
    loss=np.array([9.0, np.nan, np.inf]),
    weights=np.array([[1.0, 2.0], [3.0, 4.0], [0.1, -np.inf]]),
    gradient=np.array([[-1.0, 0.0], [1e-30, 1e300], [7.0, 8.0]]),
    validation=np.array([9.5, 8.5, 7.5]),
)
TRACKED = Tracked(
    run=None,
    name="n",
    version="1",
    parameters={},
    verdict=Verdict("too large", "It *is* <b>.", (Finding("SD101", "error", "It `grows`."),)),
    table=table_of(TRACE),
    figures=(),
    page="",
)


def crc32c(data: bytes) -> int:
    """Castagnoli's polynomial, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> int:
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(content: bytes) -> Iterator[bytes]:
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        data = content[12 : 12 + length]
        checks = struct.unpack("<I", content[8:12]), struct.unpack("<I", content[12 + length :][:4])
        assert checks == ((masked(content[:8]),), (masked(data),))
        yield data
        content = content[16 + length :]


def test_the_checksum_is_that_of_the_specification() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720's check value


def test_every_recorded_step_comes_back() -> None:
    from tensorboardX.proto.event_pb2 import Event

    first, text, *events = [Event.FromString(data) for data in records(to_tensorboard(TRACKED))]
    assert first.file_version == "brain.Event:2"
    assert text.summary.value[0].tensor.string_val == [
        b"It \\*is\\* \\<b\\>.\n\nLearning rate: too large\n\n"
        b"- **SD101** (error) It \\`grows\\`.\n\nSteepest 1"
    ]
    assert [event.step for event in events] == TRACE.step.tolist()
    for place, event in enumerate(events):
        found = {value.tag: value.simple_value for value in event.summary.value}
        exact = {
            "loss": TRACE.loss[place],
            "validation": TRACE.validation[place],  # type: ignore[index]
            "weights/a": TRACE.weights[place, 0],
            "weights/速度": TRACE.weights[place, 1],
            "gradient/a": TRACE.gradient[place, 0],
            "gradient/速度": TRACE.gradient[place, 1],
        }
        assert list(found) == list(exact)
        with np.errstate(over="ignore"):
            wanted = np.array(list(exact.values())).astype(np.float32)
        np.testing.assert_array_equal(np.array(list(found.values()), dtype=np.float32), wanted)


def test_without_tensorboard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX.proto.event_pb2", None)
    with pytest.raises(UsageError, match=r'pip install "steepest\[tensorboard\]"'):
        to_tensorboard(TRACKED)
