"""Computing beside the event loop: threads that can be stopped, and never more than so many."""

from __future__ import annotations

import asyncio
import ctypes
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final, Generic, TypeVar

from steepest.measure.deadline import Deadline

_T = TypeVar("_T")

MOST_WAITING: Final = 200
"""Jobs that may wait for a thread."""

WAITING_SECONDS: Final = 30.0
STOP_AGAIN_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 0.02
"""Between two looks at whether a job can be stopped, or has taken too long."""


class Stopped(BaseException):
    """Raised inside of a job whose answer nobody waits for any more."""


@contextmanager
def stopping_quietly() -> Iterator[None]:
    """Say nothing of work that is stopped where exceptions are ignored, as in collecting garbage.

    It is stopped again a second later.
    """
    before = sys.unraisablehook

    def hook(ignored: sys.UnraisableHookArgs) -> None:
        if not issubclass(ignored.exc_type, Stopped):
            before(ignored)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


class BusyError(Exception):
    """Too many jobs wait already, or one waited too long."""


class TooLongError(Exception):
    """A job took longer than it may."""


class SupersededError(Exception):
    """The same tab has asked something newer."""


class GoneError(Exception):
    """Whoever asked has left."""


class _Job(Generic[_T]):
    """One call in a thread of its own.

    It is stopped by an exception raised in its thread, as Ctrl-C would be: between two of Python's
    instructions. What runs in compiled code goes on until it returns, so such calls are kept short.
    So does compiling: what JAX keeps of a program whose making was broken off is made anew at
    every later call of it. And importing: of a package that was broken off parts stay, and the next
    import of it may find half of it.
    """

    def __init__(self, work: Callable[[], _T], ended: Callable[[], None]):
        self._work = work
        self._ended = ended
        self._lock = threading.Lock()
        self._over = False
        self._outcome: tuple[_T | None, BaseException | None] | None = None
        self._loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[_T] = self._loop.create_future()
        # Nobody may be left to ask for an error of a job that was stopped.
        self.answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._thread = threading.Thread(target=self._run, name="job", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the work soon; again and again, should something on the way swallow it."""
        with self._lock:
            if self._over:
                return
            goes_on = _must_go_on(sys._current_frames().get(self._thread.ident or 0))
            if not goes_on:
                _raise_in(self._thread, Stopped)
        self._loop.call_later(LOOK_SECONDS if goes_on else STOP_AGAIN_SECONDS, self.stop)

    def _run(self) -> None:
        while True:
            try:
                if self._outcome is None:
                    self._outcome = self._attempt()
                with self._lock:
                    self._over = True
                    _raise_in(self._thread, None)
                break
            except Stopped as stopped:
                self._outcome = (None, stopped)
        with suppress(RuntimeError):  # The loop is closed: the server has ended.
            self._loop.call_soon_threadsafe(self._tell)

    def _attempt(self) -> tuple[_T | None, BaseException | None]:
        try:
            return self._work(), None
        except Stopped:
            raise
        except BaseException as error:
            return None, error

    def _tell(self) -> None:
        self._ended()
        assert self._outcome is not None
        result, error = self._outcome
        if self.answer.done():
            return
        if isinstance(error, Stopped):
            self.answer.cancel()
        elif error is not None:
            self.answer.set_exception(error)
        else:
            self.answer.set_result(result)  # type: ignore[arg-type]


_WHOLE: Final = ("jax", "jaxlib", "importlib")
"""Packages whose work is not to be broken off."""


def _must_go_on(frame: FrameType | None) -> bool:
    """Whether a thread that stands in this frame traces, compiles or imports, or is about to."""
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] in _WHOLE:
            return True
        frame = frame.f_back
    return False


def _raise_in(thread: threading.Thread, error: type[BaseException] | None) -> None:
    """Raise an exception in another thread, or with None take back one that is on its way."""
    wanted = ctypes.py_object() if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), wanted)


class Workers:
    """At most so many jobs at once; the others wait, first come first served."""

    def __init__(self, at_once: int):
        self._slots = asyncio.Semaphore(at_once)
        self._waiting = 0
        self._jobs: set[_Job[Any]] = set()

    async def run(self, work: Callable[[], _T], seconds: float, *others: asyncio.Future[Any]) -> _T:
        """The answer of `work`, unless one of `others` is done before: then its error is raised.

        Raises BusyError, TooLongError after so many `seconds`, and what `work` raises. On a machine
        that others keep busy it may take longer: see `Deadline`.
        """
        await self._slot(others)
        job: _Job[_T] | None = None

        def ended() -> None:
            self._slots.release()
            if job is not None:
                self._jobs.discard(job)

        try:
            job = _Job(work, ended)
        except BaseException:  # no thread can be had
            self._slots.release()
            raise
        self._jobs.add(job)
        ends, done = Deadline(seconds), set[asyncio.Future[Any]]()
        try:
            while not done and not ends.passed:
                left = max(ends.left, LOOK_SECONDS)
                done = await _first({job.answer, *others}, left)
        except BaseException:
            job.stop()
            raise
        if job.answer in done:
            return job.answer.result()
        job.stop()
        _raise_of(done)
        raise TooLongError

    async def _slot(self, others: tuple[asyncio.Future[Any], ...]) -> None:
        if self._waiting >= MOST_WAITING:
            raise BusyError
        self._waiting += 1
        turn = asyncio.ensure_future(self._slots.acquire())
        try:
            done = await _first({turn, *others}, WAITING_SECONDS)
        except BaseException:
            self._give_up(turn)
            raise
        finally:
            self._waiting -= 1
        if turn in done and len(done) == 1:
            return
        self._give_up(turn)
        _raise_of(done - {turn})
        raise BusyError

    def _give_up(self, turn: asyncio.Future[Any]) -> None:
        if turn.done() and not turn.cancelled():
            self._slots.release()
        else:
            turn.cancel()

    async def end(self, seconds: float) -> None:
        """Stop all jobs and wait for them, so long."""
        for job in list(self._jobs):
            job.stop()
        ends = asyncio.get_running_loop().time() + seconds
        while self._jobs and asyncio.get_running_loop().time() < ends:
            await asyncio.sleep(0.01)


async def _first(futures: set[asyncio.Future[Any]], seconds: float) -> set[asyncio.Future[Any]]:
    done, _ = await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    return done


def _raise_of(done: set[asyncio.Future[Any]]) -> None:
    for other in done:
        other.result()


class Turns:
    """What each tab of the page asked last of each path: a later turn ends an earlier one."""

    MOST: Final = 2000

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], tuple[int, asyncio.Future[None]]] = {}

    def take(self, tab: str, path: str, turn: int) -> asyncio.Future[None]:
        """A future that fails with SupersededError once a later turn is taken.

        Raises SupersededError where one has been already.
        """
        key = (tab, path)
        last = self._last.pop(key, None)
        if last is not None:
            if last[0] >= turn:
                self._last[key] = last
                raise SupersededError
            if not last[1].done():
                last[1].set_exception(SupersededError())
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        mine.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._last[key] = (turn, mine)
        while len(self._last) > self.MOST:
            del self._last[next(iter(self._last))]
        return mine
