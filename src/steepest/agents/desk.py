"""What an agent may ask: each answer is brief, and the whole document stays at hand for a while.

Nothing is written, unless runs are to be kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from steepest.agents.brief import brief, part_of, sizes
from steepest.agents.files import path_below
from steepest.checks.about import about, all_pages
from steepest.jobs.load import TRAININGS, load
from steepest.records.document import summary_document
from steepest.store.store import Store
from steepest.words.errors import SteepestError, UsageError
from steepest.words.gate import gated
from steepest.words.wording import escaped

_MOST_KEPT: Final = 20
"""Documents at hand; the oldest goes."""
_MOST_RUNS: Final = 50
_MOST_CELLS: Final = 1_000_000
MOST_SECONDS: Final = 60.0
_SECONDS: Final = 20.0
"""Of a descent, where the caller sets no limit."""

_LISTED: Final = ("id", "name", "command", "formula", "status", "started", "steps", "loss")


@gated
class Desk:
    """One agent's desk: the folder that it may read, the store, and its last results."""

    def __init__(self, folder: Path, store: Store, *, keep: bool = False):
        self._folder = folder.resolve()
        self._store = store
        self._keep = keep
        self._results: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._made = 0

    def fit(self, data: Any, formula: str, **options: Any) -> dict[str, Any]:
        """Fit a formula to a file or to columns."""
        from steepest.jobs.fit import fit

        run = fit(self._data(data), formula, **self._bounded(options), **self._kept())
        return self._answer(run.to_dict())

    def minimize(self, expression: str, **options: Any) -> dict[str, Any]:
        """Minimize an expression of its variables."""
        from steepest.jobs.fit import minimize

        run = minimize(expression, **self._bounded(options), **self._kept())
        return self._answer(run.to_dict())

    def sweep(self, data: Any, formula: str, **options: Any) -> dict[str, Any]:
        """Try many learning rates on a fit."""
        from steepest.jobs.sweep import sweep

        return self._answer(sweep(self._data(data), formula, **self._bounded(options)).to_dict())

    def judge(self, log: str, **columns: str | None) -> dict[str, Any]:
        """Judge a training that is over, from its log."""
        from steepest.jobs.judge import judge

        named: Any = columns
        run = judge(path_below(self._folder, log), **named, **self._kept())
        return self._answer(run.to_dict())

    def explain(self, what: str | None = None) -> dict[str, Any]:
        """The page about a check or a word; without either, what there is."""
        return all_pages() if what is None else about(what)

    def runs(self) -> dict[str, Any]:
        """The runs that are kept, the newest first."""
        summaries = self._store.summaries()
        shown = [summary_document(one) for one in summaries[:_MOST_RUNS]]
        listed = [
            {name: one[name] for name in (*_LISTED, "learning_rate", "headline")} for one in shown
        ]
        return {"runs": listed, "left_out": len(summaries) - len(shown)}

    def show(self, run: str) -> dict[str, Any]:
        """A run that is kept; of a training that goes on, what is known so far."""
        summary = self._store.summary(run)
        if summary.status == "running" and summary.command not in TRAININGS:
            so_far = summary_document(summary)
            return {"status": "running", **{name: so_far[name] for name in _LISTED}}
        answer = self._answer(load(summary.id, self._store).to_dict())
        return {"status": summary.status, **answer}

    def watched(self) -> dict[str, Any]:
        """The newest training that goes on, judged so far. Raises UsageError where none does."""
        running = (one for one in self._store.summaries() if one.status == "running")
        newest = next((one.id for one in running if one.command in TRAININGS), None)
        if newest is None:
            raise UsageError(
                "No training of this store is running.", instead="runs lists those that are over."
            )
        return self.show(newest)

    def rest(self, result: str, part: str = "", offset: int = 0) -> dict[str, Any]:
        """A part of a result's document, or of that of a run that is kept."""
        document = self._results.get(result)
        if document is None:
            try:
                document = load(result, self._store).to_dict()
            except SteepestError:
                raise UsageError(
                    "There is no such result.",
                    given=f'"{escaped(result)}"',
                    instead=f"The last {_MOST_KEPT} are at hand, and kept runs by their id.",
                ) from None
        return part_of(document, part, offset)

    def _answer(self, document: dict[str, Any]) -> dict[str, Any]:
        self._made += 1
        name = f"result-{self._made}"
        self._results[name] = document
        if len(self._results) > _MOST_KEPT:
            self._results.popitem(last=False)
        return {**brief(document), "result": name, "parts": sizes(document)}

    def _data(self, given: Any) -> Any:
        if isinstance(given, str):
            return path_below(self._folder, given)
        columns = isinstance(given, Mapping) and all(
            isinstance(one, list) for one in given.values()
        )
        if not columns:
            raise UsageError(
                "data must be the path of a file, or columns.",
                given=escaped(str(given)),
                instead='For example "data.csv" or {"x": [0, 1], "y": [1, 3]}.',
            )
        if sum(map(len, given.values())) > _MOST_CELLS:
            raise UsageError(
                f"The columns have more than {_MOST_CELLS:,} values.", instead="Name a file."
            )
        return given

    def _bounded(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options with a time limit."""
        bounds = options.get("bounds")
        if isinstance(bounds, Mapping):
            # As answers write what is not finite: an open side.
            ends = {name: _ends(pair) for name, pair in bounds.items()}
            options = {**options, "bounds": ends}
        limit = options.get("time_limit")
        if limit is None:
            return {**options, "time_limit": _SECONDS}
        if isinstance(limit, int | float) and limit > MOST_SECONDS:
            raise UsageError(
                "time_limit is too long for an answer.",
                given=escaped(str(limit)),
                instead=f"At most {MOST_SECONDS:.0f} seconds.",
            )
        return dict(options)

    def _kept(self) -> dict[str, Any]:
        return {"save": True, "store": self._store} if self._keep else {"save": False}


def _ends(pair: Any) -> Any:
    if not isinstance(pair, list):
        return pair
    return [None if end in ("Infinity", "-Infinity") else end for end in pair]
