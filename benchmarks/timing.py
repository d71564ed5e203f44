"""Two sides in turn, so that whatever else the machine does falls on both."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Literal, NamedTuple, TypeVar

from benchmarks.registry import Samples

Ours = TypeVar("Ours")
Theirs = TypeVar("Theirs")
Result = TypeVar("Result")

Judged = Literal["processor", "passed"]


class Seconds(NamedTuple):
    """What one side took: the processor's time, all threads together, and the time that passed."""

    processor: float
    passed: float


def compare(
    ours: Callable[[], Ours],
    theirs: Callable[[], Theirs],
    check: Callable[[Ours, Theirs], None],
    *,
    rounds: int,
    ours_steps: int = 1,
    theirs_steps: int = 1,
    per: str = "step",
    judged: Judged = "processor",
) -> Samples:
    """Seconds a step of ours over seconds a step of theirs, one ratio a round.

    The processor's time is judged unless the work is done by other processes: on a busy machine a
    long side waits for its turn more often than a short one, which would flatter the short one.
    Threads that help are counted in full.

    An untimed round comes first, for what happens once (compiling, first touch of memory); who
    begins changes from round to round. `check` raises DifferentWorkError, and sees every round.
    """
    check(ours(), theirs())
    mine, others = [], []
    for number in range(rounds):
        with _undisturbed():
            if number % 2:
                their_seconds, their_result = _timed(theirs)
                our_seconds, our_result = _timed(ours)
            else:
                our_seconds, our_result = _timed(ours)
                their_seconds, their_result = _timed(theirs)
        check(our_result, their_result)
        mine.append(Seconds(*(taken / ours_steps for taken in our_seconds)))
        others.append(Seconds(*(taken / theirs_steps for taken in their_seconds)))
    ours_median, theirs_median = (
        duration(median(getattr(seconds, judged) for seconds in side)) for side in (mine, others)
    )
    detail = f"{ours_median} against {theirs_median} a {per}"
    if judged == "processor":
        passed = median(a.passed / b.passed for a, b in zip(mine, others, strict=True))
        detail += f"; by the clock {ratio(passed)}"
    return Samples(
        tuple(getattr(a, judged) / getattr(b, judged) for a, b in zip(mine, others, strict=True)),
        detail,
    )


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No garbage is collected inside: one side would pay for what others left."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _timed(side: Callable[[], Result]) -> tuple[Seconds, Result]:
    began = time.process_time(), time.perf_counter()
    result = side()
    ended = time.process_time(), time.perf_counter()
    return Seconds(ended[0] - began[0], ended[1] - began[1]), result


def ratio(value: float) -> str:
    """A ratio, as a fraction where it is small.

    >>> ratio(0.004), ratio(1.234)
    ('1/250', '1.23')
    """
    return f"1/{1 / value:.0f}" if 0 < value < 0.2 else f"{value:.2f}"


def duration(seconds: float) -> str:
    """Seconds in the unit that people would use.

    >>> duration(4.56e-7), duration(0.0123), duration(3.0)
    ('0.456 µs', '12.3 ms', '3 s')
    """
    if seconds < 1e-3:
        return f"{seconds * 1e6:.3g} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
