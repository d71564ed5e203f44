"""What every kind of run answers: a fit, a minimization, a training, a loop that was watched."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import Any, Final, NoReturn

from rich.console import RenderableType

from steepest.records.run import RunRecord
from steepest.records.training import TrainingRecord
from steepest.records.verdict import Verdict
from steepest.show.export import Columns, Tracked
from steepest.show.figures import Board
from steepest.show.terminal import plain
from steepest.words.errors import SteepestError, StoreError, UsageError
from steepest.words.gate import gated

_WHY: Final = "print(run.why())"


@gated
class BaseRun(ABC):
    """A run that can be shown, reported and exported, whatever it did."""

    record: RunRecord | TrainingRecord
    """All of it as plain data."""

    unsaved: StoreError | None = None
    """Why the run could not be kept, though that was asked for; else None."""

    @property
    def id(self) -> str | None:
        """What the run is called in its store; None where it is not kept."""
        return self.record.run

    @property
    @abstractmethod
    def verdict(self) -> Verdict:
        """The findings together, with one headline."""

    @abstractmethod
    def figures(self) -> Board:
        """All figures that make sense for the run, linked by one step cursor."""

    @abstractmethod
    def table(self) -> Columns:
        """The recorded steps, one row each, as columns by name; masked where there is nothing."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The JSON document, in terms of Python."""

    @abstractmethod
    def report_of(
        self, *, why: str | None = None, weight: str | None = None, backward: bool = False
    ) -> RenderableType:
        """The run in words: all of it, what concerns a weight, or with `why` one screen.

        `why` is what shows the rest.
        """

    @property
    @abstractmethod
    def _title(self) -> str:
        """What the run is called on a page."""

    def summary(self) -> str:
        """One screen: how it ended and why, what helps most, the weights, the findings."""
        return plain(self.report_of(why=_WHY)).rstrip("\n")

    def why(self, weight: str | None = None) -> str:
        """The whole report, or what concerns one weight (of a training: one tensor).

        Raises UsageError for a weight that is not there.
        """
        return plain(self.report_of(weight=weight)).rstrip("\n")

    def report(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Write a page with all figures and the report in words: one file, no network.

        Raises InputError where the file is there (unless `force`) or cannot be written.
        """
        from steepest.run.showing import write_page

        write_page(self.page, path, force=force)

    def page(self) -> str:
        """The same page as HTML."""
        from steepest.run.showing import page_of

        return page_of(self.figures(), self._title, plain(self.report_of()))

    def widget(self) -> Any:
        """The figures as an anywidget; its trait `step` is read and set from either side.

        Raises UsageError where anywidget is not installed (the extra `notebook`).
        """
        from steepest.run.showing import widget

        return widget(self.figures())

    def export(self, to: str, output: str | os.PathLike[str], *, force: bool = False) -> str:
        """Add the run to a tracker of experiments, and say where it is there.

        `to` is "tensorboard", "mlflow" or "wandb-offline", `output` a folder (for MLflow also a
        tracking URI). Written are verdict, recorded steps, figures and report. Raises UsageError
        where its library is not installed (extras of the same names), InputError where it cannot
        be written, or where there is such an event file (unless `force`).
        """
        from steepest.run.tracking import track

        return track(self._tracked, to, os.fsdecode(output), force=force)

    def _tracked(self) -> Tracked:
        """What a tracker gets."""
        from steepest.run.tracking import tracked_of

        words = plain(self.report_of())
        parts = (self.verdict, self.table(), self.figures(), self.to_dict())
        return tracked_of(self.id, self._title, *parts, words)

    def predict(self, data: Any) -> Any:
        """What the run says of other rows. Raises UsageError where it has nothing to say."""
        self._refuse("predict: the weights of a loop that is watched stay in its model")

    def to_pytorch(self) -> str:
        """A short script of PyTorch that walks the same path. Raises UsageError without one."""
        self._refuse("be written as a short script: run.table() has its steps")

    def to_jax(self) -> str:
        """The same as a script of JAX."""
        return self.to_pytorch()

    def _refuse(self, what: str) -> NoReturn:
        raise UsageError(f"A training cannot {what}.")

    def __rich__(self) -> RenderableType:
        return self.report_of(why=_WHY)

    def __str__(self) -> str:
        return self.summary()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """What a notebook may show, by MIME type. What fails is left out: the text stays."""
        from steepest.run.showing import bundle_of

        words = plain(self.report_of(why=_WHY))
        try:
            board = self.figures()
        except SteepestError:
            return {"text/plain": words}
        return bundle_of(board, self._title, words)
