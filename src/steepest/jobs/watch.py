"""Watching a PyTorch training: recorded, judged and kept while it goes on."""

from __future__ import annotations

import logging
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any
from weakref import WeakSet

import numpy as np

from steepest.checks.proof import offered
from steepest.checks.training import judge_training
from steepest.records.training import TrainingRecord
from steepest.records.verdict import Finding, Remedy, Verdict
from steepest.run import keeping
from steepest.run.keeping import Keeper
from steepest.run.place import Place, store_at
from steepest.run.training import TrainingRun
from steepest.store.kept import Opening
from steepest.store.recording import Recording
from steepest.store.store import Store
from steepest.watching import Attached, Optimizer, Watched
from steepest.words.errors import UsageError
from steepest.words.gate import gated
from steepest.words.version import version
from steepest.words.wording import count

Alarm = Callable[[Finding], None]

_log = logging.getLogger("steepest")

_going_on: WeakSet[Watch] = WeakSet()
"""Those that are not closed."""


class Watch(Attached):
    """The recorder attached to a training loop. Made by `steepest.watch`.

    As a context manager it closes itself; else call `close`. It never raises into the loop: what
    it could not record is counted, and said once by the logger "steepest".
    """

    def __init__(
        self,
        watched: Watched,
        optimizers: Sequence[Optimizer],
        *,
        name: str | None,
        every: int,
        probe_every: int,
        store: Store | None,
        on_alarm: Alarm | None,
        prove: float | bool = False,
    ):
        super().__init__(
            watched, optimizers, every=every, probe_every=probe_every, keep=prove is not False
        )
        self._seconds = None if isinstance(prove, bool) else float(prove)
        self._name = name
        self._store = store
        self._on_alarm = on_alarm
        self._alarmed: set[str] = set()
        # The loop waits for nothing, as another process may be writing; only its end does.
        self._keeper = Keeper(
            None, keeping.KEEP_SECONDS, keeping.WATCHING_SHARE, written=self._was_kept
        )
        self._final: TrainingRecord | None = None
        _going_on.add(self)
        _keep_when_told()

    def close(self) -> None:
        """Take the hooks away, judge, and keep what was recorded. Only the first call does it."""
        self._end("closed")

    def prove(self, seconds: float = 30.0) -> tuple[Remedy, ...]:
        """Run the first steps again with changes, on copies, and return what helped, best first.

        For `seconds`, beside the step that is under way then. Needs a watch made with `prove=` and
        `watch.probe(closure)` before every step; where it cannot be done,
        `.run.record.not_measured` says why. Weights, random numbers and all else of the training
        are afterwards as they were.
        """
        self._guarded("a proof", self.try_changes)(seconds)
        if self._final is not None:
            reasons = {**self._final.not_measured, **self._reasons()}
            if self._proof is not None:
                reasons.pop("proof", None)
            record = replace(self._final, proof=self._proof, not_measured=reasons, verdict=None)
            self._final = self._told(record)
            self._keep_again(self._final)
        return self.run.record.remedies

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end("closed" if kind is None else "an error in the loop")

    @property
    def run(self) -> TrainingRun:
        """What is known so far; after `close`, what was kept."""
        return TrainingRun(self._final or self._judged())

    @property
    def verdict(self) -> Verdict:
        """The verdict so far."""
        return self.run.verdict

    def on_rows(self, rows: object) -> None:
        """Judge and keep, where it is time to."""
        # Asking may tell that the run could not be entered.
        if not self._keeper.is_due or self._store is None:
            return
        if self._keeper.run is None:
            self._keeper.enter(self._store.path, _opening(self._judged()))
        else:
            self._keeper.keep(lambda recording: recording.training(self._judged()))

    def _judged(self) -> TrainingRecord:
        record = self.record(version())
        return self._told(replace(record, name=self._name, run=self._keeper.run))

    def _told(self, record: TrainingRecord) -> TrainingRecord:
        """The record with what is said of it."""
        try:
            record = replace(record, remedies=offered(record))
            record = replace(record, verdict=judge_training(record))
        except Exception as error:
            self.drop("the verdict", error)
        self._alarm(record)
        return record

    def _alarm(self, record: TrainingRecord) -> None:
        """Tell of each error once, when it is first found."""
        if self._on_alarm is None or record.verdict is None:
            return
        for finding in record.verdict.findings:
            if finding.severity == "error" and finding.code not in self._alarmed:
                self._alarmed.add(finding.code)
                try:
                    self._on_alarm(finding)
                except Exception as error:
                    self.drop("an alarm", error)

    def _end(self, how: Any) -> None:
        # A process that was forked off has nothing to end.
        if self._final is not None or os.getpid() != self._process:
            return
        _going_on.discard(self)
        self.detach(how)
        if self._seconds is not None and how == "closed":
            self._guarded("a proof", self.try_changes)(self._seconds)
        record = self._judged()
        if self._store is not None and record.steps:
            if not self._keeper.is_entered:
                self._keeper.enter(self._store.path, _opening(record))
            self._keeper.end(lambda recording: recording.training(record))
        self._final = replace(record, run=self._keeper.run, dropped=dict(self._dropped))

    def keep_and_say(self) -> None:
        """The system ends the process: keep what was recorded, and say so."""
        self._end("SIGTERM")
        if self._final is not None and self._final.run is not None:
            steps, run = count(self._final.steps, "step"), self._final.run
            _log.warning("SIGTERM: %s of the loop are kept as the run %s.", steps, run)

    def _keep_again(self, record: TrainingRecord) -> None:
        """Put a record in the place of the one that was kept at the end."""
        if self._store is None or record.run is None:
            return
        recording = Recording(self._store.path, record.run)
        done = recording.training(record)
        recording.close()
        error = done.exception()
        if error is not None:
            self.drop("the run in the store", error)

    def _was_kept(self, error: BaseException | None) -> None:
        """Count what could not be kept; where the run could not even be entered, give that up."""
        if error is not None:
            self.drop("the run in the store", error)
        if self._keeper.run is None:
            self._store = None


def _keep_when_told() -> None:
    """Where SIGTERM would end this process at once, what is watched is kept before it does.

    A loop with a handler of its own keeps that.
    """
    here = threading.current_thread() is threading.main_thread()
    if here and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _told)


def _told(number: int, _: Any) -> None:
    for one in list(_going_on):
        one.keep_and_say()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


@gated
def watch(
    model_or_parameters: Watched,
    optimizer: Optimizer | Sequence[Optimizer] | None = None,
    *,
    name: str | None = None,
    every: int = 1,
    probe_every: int | None = None,
    store: Place | bool = None,
    on_alarm: Alarm | None = None,
    prove: float | bool = False,
) -> Watch:
    """Attach to a PyTorch training loop, which stays as it is.

    Args:
        model_or_parameters: A model, or the tensors that are learned (a list, or a mapping from
            their names).
        optimizer: Its optimizer or a list of them; None for a loop that moves the tensors by
            itself, and says so by `watch.step(loss)` at the end of each step.
        name: What to call the run.
        every: Record every so many steps.
        probe_every: Steps between two probes, where `watch.probe(closure)` is called; 64.
        store: Where to keep the run: a path, None for the default store, False for nowhere.
        on_alarm: Called with a Finding of severity "error", once for each code, when it is found.
        prove: True keeps the batches of the first steps (give `watch.probe(closure)` before every
            step), so that `watch.prove()` can run the training again with changes; so many seconds
            let the end of the watch do it.

    Returns:
        A Watch: call `.loss(loss)`, `.validation(loss)`, `.probe(closure)` in the loop, then
        `.close()` (or use it in a `with` statement); `.run` and `.verdict` say what was found.

    Raises UsageError for what cannot be watched; after that it raises nothing.
    """
    if optimizer is None:
        optimizers: list[Optimizer] = []
    elif isinstance(optimizer, Sequence):
        optimizers = list(optimizer)
    else:
        optimizers = [optimizer]
    for given in optimizers:
        if not isinstance(given, Optimizer):
            raise UsageError(
                "This is no optimizer of PyTorch.",
                given=type(given).__name__,
                instead="steepest.watch(model, torch.optim.SGD(model.parameters(), lr=0.1))",
            )
    counts: tuple[tuple[str, Any], ...] = (("every", every), ("probe_every", probe_every))
    for option, value in counts:
        if value is not None and (not isinstance(value, int) or value < 1):
            raise UsageError(
                f"{option} must be a whole number of steps, 1 or more.", given=repr(value)[:40]
            )
    if not isinstance(prove, bool) and not 0 < prove < math.inf:
        raise UsageError(
            "prove must be True, False or a number of seconds.", given=repr(prove)[:40]
        )
    if store is True:
        store = None
    return Watch(
        model_or_parameters,
        optimizers,
        name=name,
        every=every,
        probe_every=64 if probe_every is None else probe_every,
        store=None if store is False else store_at(store),
        on_alarm=on_alarm,
        prove=prove,
    )


def _opening(record: TrainingRecord) -> Opening:
    kinds = dict.fromkeys(group.optimizer for group in record.groups)
    return Opening(
        command="watch",
        formula=record.model or "tensors",
        weights=tuple(tensor.name for tensor in record.tensors),
        optimizer=", ".join(kinds) or "none",
        step_limit=0,
        options={
            "every": record.every,
            **({} if record.rank is None else {"rank": record.rank, "job": record.job}),
        },
        versions={"steepest": record.version, **record.versions, "numpy": np.__version__},
        name=record.name,
        # It is entered seconds later, or at its end: ranks are put together by when they ran.
        started=time.time() - record.seconds,
    )
