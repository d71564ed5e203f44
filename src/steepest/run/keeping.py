"""Keeping a run in a store while it goes on: how often, and what when it fails."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final, Self

from steepest.run.place import Place, store_at
from steepest.store.kept import Opening
from steepest.store.recording import Recording
from steepest.words.errors import StoreError, StoreWarning

SAVE_SECONDS: Final = 0.5
"""Between two times that a descent is kept while it goes on, at least."""

KEEP_SECONDS: Final = 3.0
"""Between two times that a training is kept while it goes on, at least."""

MOST_OLD: Final = 4.0
"""Seconds, at most, by which what is kept is behind: with the second between two looks, no more
than five are lost where a process is killed."""

WRITING_SHARE: Final = 0.05
"""Of the time that making and writing it may take, unless more would be lost."""

WATCHING_SHARE: Final = 0.01
"""The same for a loop that is watched."""

Write = Callable[[Recording], Future[None]]


class Keeper:
    """Writes a run piece by piece; trouble with the store never stops the run."""

    def __init__(
        self,
        recording: Recording | None,
        seconds: float,
        share: float,
        *,
        unsaved: StoreError | None = None,
        written: Callable[[BaseException | None], object] = lambda error: None,
    ):
        """Without a recording nothing is kept; `unsaved` says why, where it should have been.

        `written` is called when a piece is written, or with why it was not.
        """
        self._recording = recording
        self._seconds, self._share = seconds, share
        self._unsaved, self._written = unsaved, written
        self._writing: Future[None] | None = None
        self._next = time.monotonic() + seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """A run that is broken off is kept as far as it came."""
        if kind is not None and self._recording is not None:
            self._recording.close()

    @property
    def run(self) -> str | None:
        """What the run is called in the store; None where it is not there."""
        return (self._recording.run or None) if self._recording else None

    @property
    def is_entered(self) -> bool:
        """Whether it is in the store, or on its way there."""
        return self._recording is not None

    @property
    def is_due(self) -> bool:
        """Whether it is time for a piece: the one before is written, and was so long ago."""
        if self._writing is not None and self._writing.done():
            self._wait()
        return self._writing is None and time.monotonic() >= self._next

    def enter(self, path: Path, opening: Opening) -> None:
        """Enter the run without waiting for it."""
        self._recording = Recording(path)
        self._writing = self._recording.begin(opening)

    def keep(self, write: Write) -> None:
        """Have a piece made and written, where there is a store; the next is due later."""
        if self._recording is None:
            return
        began = time.monotonic()

        def written(_: Future[None]) -> None:
            took = time.monotonic() - began
            # What is lost at worst was done from the making of a piece to the end of the next.
            rest = min(took / self._share, MOST_OLD - took)
            self._next = began + max(self._seconds, took, rest)

        self._writing = write(self._recording)
        self._writing.add_done_callback(written)

    def keep_now(self, write: Write) -> None:
        """The same, once the one before is written."""
        self._wait()
        self.keep(write)

    def end(self, write: Write) -> BaseException | None:
        """Write the last piece, and wait for it; the reason where that failed."""
        self._wait()
        if self._recording is None:
            return self._unsaved
        self._writing = write(self._recording)
        self._recording.close()
        return self._wait()

    def end_saying(self, write: Write) -> StoreError | None:
        """The same, and a StoreWarning where that failed; of what never began one was said."""
        error = self.end(write)
        if error is None or error is self._unsaved:
            return self._unsaved
        unsaved = error if isinstance(error, StoreError) else StoreError(str(error))
        _warn(unsaved)
        return unsaved

    def _wait(self) -> BaseException | None:
        """Wait for what is being written; the reason where that failed."""
        if self._writing is None:
            return None
        error, self._writing = self._writing.exception(), None
        if self._recording is not None and not self._recording.run:
            self._recording.close()
            self._recording = None
        self._written(error)
        return error


def recording_for(
    opening: Opening, save: bool | None, store: Place
) -> tuple[Recording | None, StoreError | None]:
    """Where the run is written, as the caller wants it kept; beside it why it cannot be.

    That is a StoreWarning at once: a run may take hours. Raises StoreError where the file is no
    store, or a damaged one: that is an input at fault.
    """
    if save is False or (save is None and store is None):
        return None, None
    try:
        return store_at(store).begin(opening), None
    except StoreError as error:
        if error.is_of_the_file:
            raise
        _warn(error)
        return None, error


def _warn(unsaved: StoreError) -> None:
    warnings.warn(f"The run is not kept. {unsaved}", StoreWarning, stacklevel=5)
