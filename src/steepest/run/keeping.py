"""Keeping a training in a store while it goes on."""

from __future__ import annotations

import os
import time
import warnings
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Final

import numpy as np

from steepest.records.training import TrainingRecord
from steepest.run.place import Place, store_at
from steepest.run.saving import versions
from steepest.run.teller import Teller, path_of
from steepest.store import Opening, Recording
from steepest.study.train.course import Course
from steepest.study.train.options import TrainOptions
from steepest.study.train.plan import Plan
from steepest.words.errors import StoreError, StoreWarning

KEEP_SECONDS: Final = 5.0
"""Between two times that a training is kept while it goes on."""

WRITING_SHARE: Final = 0.05
"""Of the time that writing may take."""


class Keeper:
    """Keeps a training in a store while it goes on; trouble with the store never stops it."""

    def __init__(self, recording: Recording | None, unsaved: StoreError | None = None):
        self._recording, self._unsaved = recording, unsaved
        self._writing: Future[None] | None = None
        self._next = time.monotonic() + KEEP_SECONDS

    def __enter__(self) -> Keeper:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """A training that is broken off is kept as far as it came."""
        if kind is not None and self._recording is not None:
            self._recording.close()

    def taking(self, teller: Teller) -> Any:
        """What a course calls between its steps."""

        def take(_: Course) -> None:
            if self._recording is None or time.monotonic() < self._next:
                return
            if self._writing is not None and not self._writing.done():
                return
            began = time.monotonic()
            self._writing = self._recording.training(teller.record())
            took = time.monotonic() - began
            self._next = time.monotonic() + max(KEEP_SECONDS, took / WRITING_SHARE)

        return take

    def end(self, record: TrainingRecord) -> tuple[TrainingRecord, StoreError | None]:
        """Keep the whole record; beside it why it could not be kept."""
        if self._recording is None:
            return record, self._unsaved
        record = replace(record, run=self._recording.run)
        written = self._recording.training(record)
        self._recording.close()
        error = written.exception()
        if error is None:
            return record, None
        unsaved = error if isinstance(error, StoreError) else StoreError(str(error))
        warnings.warn(f"The run was not kept: {unsaved}", StoreWarning, stacklevel=5)
        return replace(record, run=None), unsaved


def keeper_for(
    asked: TrainOptions, data: Any, plan: Plan, save: bool | None, store: Place, name: str | None
) -> Keeper:
    """What keeps the training, as the caller wants it kept.

    Raises StoreError where the file is no store; where it cannot be written, that is a warning.
    """
    if save is False or (save is None and store is None):
        return Keeper(None)
    path = path_of(data)
    opening = Opening(
        command="train",
        formula=plan.network.text,
        weights=plan.network.names,
        optimizer=plan.optimizer,
        step_limit=plan.steps,
        options=asked.given(),
        versions={**versions(), "numpy": np.__version__},
        name=name,
        source=plan.split.learned.source,
        path=None if path is None else os.path.abspath(path),
    )
    try:
        return Keeper(store_at(store).begin(opening))
    except StoreError as error:
        if error.is_of_the_file:
            raise
        warnings.warn(f"The run is not kept: {error}", StoreWarning, stacklevel=4)
        return Keeper(None, error)
