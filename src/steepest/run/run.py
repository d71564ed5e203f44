"""Run: a finished job that can be asked about any of its steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from steepest.problem.options import Options
from steepest.records.arrays import Vector
from steepest.records.descent import Trace
from steepest.records.document import document
from steepest.records.point import BackwardNode, Explanation, Landscape, Partial, Slice
from steepest.records.run import RunRecord
from steepest.records.verdict import Measurements, Remedy, Statistics, Verdict
from steepest.run.base import BaseRun
from steepest.run.place import Place
from steepest.run.walk import Moment, Past, Span, Walk, explanation_at
from steepest.show.export import Columns, table_of
from steepest.show.figures import Board, Figure
from steepest.show.terminal import Report
from steepest.show.terminal.weight import partial_in
from steepest.store.kept import Snapshot
from steepest.words.errors import StoreError
from steepest.words.gate import gated

if TYPE_CHECKING:
    from steepest.descent import Walked
    from steepest.problem.setup import Setup


@gated
class Run(BaseRun):
    """A descent that was run, explained and judged.

    `record` holds all of it as plain data; the rest are ways to read it. Any step can be asked
    for, also where the trace was thinned: it is walked again, bit for bit. `again` runs a remedy.
    """

    def __init__(
        self,
        record: RunRecord,
        options: Options,
        walk: Callable[[], Walk],
        again: Callable[[Run, Remedy], Run],
        *,
        trace: Callable[[], Trace] | None = None,
        snapshot: Snapshot | None = None,
        unsaved: StoreError | None = None,
    ):
        self.record: RunRecord = record
        """All of it as plain data. Of a run from a store the trace in it is thinned to 1,001
        points, and `.trace` has all that were recorded."""
        self.unsaved = unsaved
        self._options = options
        self._walk = walk
        self._again = again
        self._trace = trace or (lambda: record.trace)
        self._snapshot = snapshot

    @property
    def weights(self) -> dict[str, float]:
        """The weights where the descent ended, in the user's own units."""
        units = self.record.user_units
        if units is not None:
            return {name: value for name, (_, value) in units.items()}
        return dict(self.record.measurements.final_weights)

    @property
    def loss(self) -> float:
        """The loss there."""
        return self.record.descent.final_loss

    @property
    def trace(self) -> Trace:
        """The recorded steps, thinned evenly where there are many."""
        return self._trace()

    @property
    def measurements(self) -> Measurements:
        """All that was measured."""
        return self.record.measurements

    @property
    def statistics(self) -> Statistics | None:
        """How sure the fit is of its weights, at the known minimum; None where not measured."""
        return self.record.measurements.statistics

    @property
    def verdict(self) -> Verdict:
        """The findings together, with one headline."""
        return self.record.verdict

    @property
    def remedies(self) -> tuple[ProvenRemedy, ...]:
        """What was tried and helped, best first."""
        return tuple(ProvenRemedy(remedy, self) for remedy in self.record.remedies)

    def at(self, step: int) -> Moment:
        """One step exactly. Raises UsageError for a step that was not done."""
        return self._past.at(step)

    def replay(self, first: int, last: int) -> Trace:
        """Every step from `first` to `last`, bit for bit as they were."""
        return self._descended.replay(first, last)

    def explain(self, weight: str, step: int | None = None) -> Partial:
        """What the gradient of one weight means at a step (the last, unless given).

        Raises UsageError for a weight or a step that is not there.
        """
        return partial_in(self.explanation(step), weight)

    def explanation(self, step: int | None = None) -> Explanation:
        """Every gradient's meaning at a step (the last, unless given)."""
        if step is None or step == self.record.explanation.step:
            return self.record.explanation
        return explanation_at(self._setup, self._descended, step)

    def backward(self, step: int | None = None) -> tuple[BackwardNode, ...]:
        """The backward pass as it happened: every node with its value and adjoint."""
        return self.explanation(step).backward

    def predict(self, data: Any) -> Vector:
        """The formula's value with the final weights on other rows: a path, frame or mapping."""
        from steepest.study.predict import predict

        return predict(self._setup, self._descended.final_weights, data)

    def bands(self, data: Any = None, level: float = 0.95) -> dict[str, Vector]:
        """The fit at the known minimum with its bands, on other rows or on those of the fit.

        Each (n,): `prediction`; `confidence_low` and `confidence_high`, where the mean lies;
        `prediction_low` and `prediction_high`, where one new target lies. Pointwise, at `level`,
        by Student's t; NaN where the data do not determine the prediction. Other rows need the
        column of --sigma where the fit had one. Raises UsageError where there are no bands.
        """
        from steepest.study.bands import bands_of

        return bands_of(self._setup, self.record.measurements.minimum, data, level)

    def save(self, store: Place = None, *, name: str | None = None) -> str:
        """Keep the run in a store (None: the default one), and say its id there.

        Raises StoreError where that fails; the run in memory stays as it is.
        """
        from steepest.run.saving import save

        whole = replace(self.record, trace=self.trace)
        kept = save(whole, self._options, self._walk(), self._snapshot, store, name).run
        self.record, self.unsaved = replace(self.record, run=kept), None
        assert kept is not None
        return kept

    def slice(
        self, weight: str, *, step: int | None = None, span: Span = None, points: int = 201
    ) -> Slice:
        """The loss along one weight, the others held where they were at a step (the last one).

        `span` is (lowest, highest); the default contains the path and the known minimum. Raises
        UsageError for a weight or a step that is not there.
        """
        from steepest.run.slices import slice_of

        return slice_of(self._past, weight, step, span, points)

    def landscape(
        self,
        first: str,
        second: str,
        *,
        step: int | None = None,
        first_span: Span = None,
        second_span: Span = None,
        points: int = 60,
    ) -> Landscape:
        """The loss over two weights, the others held where they were at a step (the last one).

        `points` each way. Spans are (lowest, highest); the defaults contain the path and the known
        minimum. Raises UsageError for a weight or a step that is not there.
        """
        from steepest.run.slices import landscape_of

        return landscape_of(self._past, (first, second), step, (first_span, second_span), points)

    def figure(
        self,
        kind: str,
        *,
        weight: str | None = None,
        weights: tuple[str, str] | None = None,
        step: int | None = None,
        steps: Sequence[int] | None = None,
        ylim: tuple[float, float] | None = None,
    ) -> Figure:
        """One figure as plain data: `.title` says what one sees, `.savefig(path)` draws it.

        `kind` is one of `steepest.show.figures.RUN`, such as loss, fit or contour. `weight` is
        that of a slice, `weights` are the two of a contour or a surface; the defaults are the most
        telling. `step` is where it opens, the last one with finite numbers unless given. `steps`
        are those of panels, the first four unless given, and `ylim` the ends of their vertical
        axis. `.data` are its arrays. Raises UsageError where the run has no such figure.
        """
        from steepest.run.figures import figure_of

        return figure_of(self._past, kind, weight, weights, step, steps, ylim)

    def figures(self) -> Board:
        """All figures that make sense for this run, linked by one step cursor."""
        from steepest.run.figures import board_of

        return board_of(self._past)

    def to_pytorch(self) -> str:
        """A short script of PyTorch that walks the same path, step by step.

        Up to 200 rows stand in it; more are read from the CSV file that they came from. Raises
        UsageError for a run that no such script can walk.
        """
        return self._script("pytorch")

    def to_jax(self) -> str:
        """The same as a script of JAX, with optax where an optimizer is needed."""
        return self._script("jax")

    def _script(self, library: Literal["pytorch", "jax"]) -> str:
        from steepest.run.exporting import script_of

        return script_of(self.record, self._options, self._walk(), library)

    def table(self) -> Columns:
        """The recorded steps, one row each: `step`, `loss`, `weight.NAME`, `gradient.NAME`."""
        return table_of(self.trace)

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of the contract."""
        return document(self.record)

    @property
    def _past(self) -> Past:
        return Past(self.record, self._trace, self._walk)

    @property
    def _setup(self) -> Setup:
        return self._walk().setup

    @property
    def _descended(self) -> Walked:
        return self._walk().descended

    def report_of(
        self, *, why: str | None = None, weight: str | None = None, backward: bool = False
    ) -> Report:
        """The run in words, for a terminal: one screen with `why`, else all of it."""
        return Report(self.record, why=why, weight=weight, backward=backward)

    @property
    def _title(self) -> str:
        return self.record.problem.formula

    def __repr__(self) -> str:
        descent = self.record.descent
        return (
            f"<steepest.Run {self.record.problem.formula!r}: loss {descent.final_loss:.6g} "
            f"after {descent.steps:,} steps. {self.verdict.headline}>"
        )


class ProvenRemedy:
    """A remedy as the verdict offers it; `.run` is the descent that proved it."""

    def __init__(self, remedy: Remedy, parent: Run):
        self.record = remedy
        self._parent = parent

    def __getattr__(self, name: str) -> Any:
        return getattr(self.record, name)

    @property
    def run(self) -> Run:
        """The remedy as a Run of its own, walked again from the same start."""
        return self._parent._again(self._parent, self.record)

    def __repr__(self) -> str:
        return f"<steepest.Remedy {self.record.change}: {self.record.sentence}>"
