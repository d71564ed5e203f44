"""A search that shares the machine is not cut short for it."""

import time

import pytest

from steepest.measure.deadline import Deadline


@pytest.mark.parametrize(
    ("clock", "worked", "left"),
    [
        (1.0, 1.0, 2.0),
        # Others had the processor for two of three seconds.
        (3.0, 1.0, 2.0),
        # Two threads worked at once: nobody waits longer than by the clock.
        (1.0, 2.0, 2.0),
        # It waited so long that it ends all the same.
        (3.0 * 4, 0.1, 0.0),
    ],
)
def test_only_seconds_of_work_count(
    clock: float, worked: float, left: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = {"clock": 100.0, "worked": 7.0}
    monkeypatch.setattr(time, "monotonic", lambda: now["clock"])
    monkeypatch.setattr(time, "process_time", lambda: now["worked"])
    deadline = Deadline(3.0, longest=4.0)
    now["clock"] += clock
    now["worked"] += worked
    assert deadline.left == pytest.approx(left)
    assert deadline.passed == (left <= 0)
