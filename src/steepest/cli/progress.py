"""A progress bar on standard error, for jobs that last and people who watch."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

_now = time.monotonic

PATIENCE = 0.3
"""Seconds after which a bar appears."""


READING = "reading rows"
"""The phase of a pass over rows that are not held; one may be part of every step."""


class Progress:
    """Called by the bench with a phase, the steps or rows done, their total and the loss.

    Nothing is written unless the stream is a terminal and the job has lasted PATIENCE seconds.
    The bar is gone when the job is done.
    """

    def __init__(self, stream: TextIO):
        self.stream = stream
        self.watched = stream.isatty()
        self.began = _now()
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._phase: str | None = None
        self._pass = self.began
        self._first = self._read = 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, phase: str, done: int, total: int | None, loss: float | None) -> None:
        """Say how far the job is."""
        if not self.watched:
            return
        if self._bar is None:
            if _now() - self.began < PATIENCE:
                return
            self._bar = self._opened()
        is_new = phase != self._phase
        speed = ""
        if phase == READING:
            anew, speed = self._rows_a_second(done)
            if self._task is not None and self._phase == "descending":
                self._bar.update(self._task, speed=speed)
                return
            is_new = is_new or anew
        if is_new:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(
                _escaped(phase), total=total, count="", loss="", speed=""
            )
            self._phase = phase
        assert self._task is not None
        self._bar.update(
            self._task,
            completed=done,
            total=total,
            count=_count(phase, done, total),
            loss="" if loss is None else f"loss {loss:.6g}",
        )
        if speed:
            self._bar.update(self._task, speed=speed)

    def _rows_a_second(self, done: int) -> tuple[bool, str]:
        """Whether another pass begins, and how quickly rows are read in it."""
        now = _now()
        if done <= self._read:
            self._pass, self._first, self._read = now, done, done
            return True, " "
        self._read = done
        speed = (done - self._first) / max(now - self._pass, 1e-9)
        return False, f"{speed / 1e6:.1f} million a second"

    def _opened(self) -> Bar:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        from steepest.show.terminal import console_for

        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[count]}", style="progress.download"),
            TextColumn("{task.fields[loss]}"),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=console_for(self.stream),
            transient=True,
            expand=False,
            refresh_per_second=10,
        )
        bar.start()
        return bar


def _count(phase: str, done: int, total: int | None) -> str:
    """How much is done, of how much.

    >>> _count("descending", 1500, 20000), _count(READING, 2_883_584, 30_900_000)
    ('1,500/20,000', '2.9 of 30.9 million')
    """
    if total is None:
        return ""
    if phase == READING:
        return f"{done / 1e6:.1f} of {total / 1e6:.1f} million"
    return f"{done:,}/{total:,}"


def _escaped(phase: str) -> str:
    from rich.markup import escape

    return escape(phase)
