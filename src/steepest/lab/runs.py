"""The runs of a store as the page shows them: those that go on move."""

from __future__ import annotations

import math
import re
import time
from typing import Any, Final

import numpy as np

from steepest.jobs.load import TRAININGS, exported, load
from steepest.lab.networks import train_example
from steepest.records.descent import Trace
from steepest.records.document import plain, summary_document, to_json
from steepest.records.summary import RunSummary
from steepest.records.training import TrainingRecord
from steepest.run.data import changed_data
from steepest.show.figures.training import MOST_POINTS, evenly
from steepest.store.store import Store
from steepest.words.errors import SteepestError, UsageError

_KINDS: Final = {
    "json": ("json", "application/json"),
    "csv": ("csv", "text/csv"),
    "pytorch": ("py", "text/x-python"),
    "jax": ("py", "text/x-python"),
}
"""What a run can be exported to from the page, with the file's ending and type; the command line
knows more."""

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")
_ENTERED_LATE: Final = 60.0
"""Seconds: a run says when it ended, and is seen to have ended when that is written, which waits
while others write. What ended so shortly before is told once more."""
_POINTS: Final = 301
"""Of the loss of a run that goes on."""


class NoSuchRunError(UsageError):
    """The store has no run of this id."""


class Runs:
    """What the page asks of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def changed(self, since: str | None) -> bytes:
        """The runs, newest first; with `since` only those that run or have begun or ended then.

        `since` is what an earlier answer called `now`. Raises SteepestError.
        """
        now = time.time()
        after = -math.inf
        if since is not None:
            try:
                after = float(since)
            except ValueError:
                after = math.nan
            if math.isnan(after):
                raise UsageError("since must be a number of seconds.", given=ascii(since)[:40])
        every = self._every()
        shown = [one for one in every if _latest(one) >= after - _ENTERED_LATE]
        return _json(
            {
                "now": now,
                "ids": [one.id for one in every],
                "runs": [_summary(self._store, one) for one in shown],
            }
        )

    def one(self, run: str) -> bytes:
        """A run: its summary, its document and figures; while it goes on its loss so far.

        A training that goes on has figures, too: of its document only the trace's loss is here.
        """
        summary = self._summary(run)
        found: dict[str, Any] = {"summary": summary_document(summary)}
        if summary.status == "running" and summary.command not in TRAININGS:
            return _json({**found, "document": None, "board": None, **self._curve(run)})
        try:
            shown = load(summary.id, self._store)
        except SteepestError as error:
            # Killed or not judged yet: the reason, and the loss as far as it was kept.
            why = {"why": error.message}
            return _json({**found, "document": None, "board": None, **why, **self._curve(run)})
        board = shown.figures().to_dict()
        if isinstance(shown.record, TrainingRecord):
            return _json({**found, "document": _loss_only(shown.record), "board": board})
        return _json(
            {
                **found,
                "document": shown.to_dict(),
                "board": board,
                "note": changed_data(self._store, run),
            }
        )

    def train(self, name: str) -> str:
        """Train an example's network into the store; the id of its run. Raises SteepestError."""
        return train_example(self._store, name)

    def delete(self, run: str) -> bytes:
        """Take a run out; its whole id is needed."""
        return _json({"deleted": self._store.delete(self._summary(run).id)})

    def report(self, run: str) -> bytes:
        """The report of a run as a page."""
        return load(self._summary(run).id, self._store).page().encode("utf-8", "replace")

    def export(self, run: str, kind: str) -> tuple[bytes, str, str]:
        """A run as (content, type, name of the file)."""
        if kind not in _KINDS:
            raise UsageError(
                "The lab cannot export to this.",
                given=ascii(kind)[:40],
                instead=f"It can to {', '.join(_KINDS)}; steepest runs export to more.",
            )
        name = self._summary(run).id
        ending, type_ = _KINDS[kind]
        return exported(name, kind, self._store), type_, f"{name}.{ending}"

    def _every(self) -> list[RunSummary]:
        # A store is made with its first run.
        return self._store.summaries() if self._store.path.exists() else []

    def _summary(self, run: str) -> RunSummary:
        """By its whole id: what is shortened could be another one by now."""
        if _ID.fullmatch(run):
            for one in self._every():
                if one.id == run:
                    return one
        raise NoSuchRunError("There is no such run in the store.", given=ascii(run)[:40])

    def _curve(self, run: str) -> dict[str, Any]:
        return {"curve": _thin(self._store.curve(run))}


def _latest(one: RunSummary) -> float:
    return math.inf if one.status == "running" else max(one.started, one.ended or 0.0)


def _summary(store: Store, one: RunSummary) -> dict[str, Any]:
    found = summary_document(one)
    if one.status == "running":
        found["curve"] = _thin(store.curve(one.id))
    return found


def _thin(trace: Trace) -> dict[str, Any]:
    places = np.unique(np.linspace(0, max(len(trace) - 1, 0), _POINTS).round().astype(np.int64))
    places = places[: len(trace)]
    return {"step": trace.step[places], "loss": trace.loss[places]}


def _loss_only(record: TrainingRecord) -> dict[str, Any]:
    places = evenly(len(record.trace), MOST_POINTS)
    return {"trace": {"step": record.trace.step[places], "loss": record.trace.loss[places]}}


def _json(found: Any) -> bytes:
    return to_json(plain(found)).encode()
