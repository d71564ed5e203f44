"""What the lab knows and answers. Computing, and so never called on the event loop."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from typing import Any, Final

import numpy as np
import orjson

from steepest.checks.facts import undetermined
from steepest.data.table.columns import Table
from steepest.data.table.delimited import read_delimited
from steepest.engine.xla import forget_compiled
from steepest.jobs.fit import fit, minimize
from steepest.jobs.live import Contour, Live, View, Window, live
from steepest.jobs.race import racer
from steepest.jobs.rated import Rated, rated, rated_with
from steepest.lab.equations import equations_of
from steepest.lab.kept import Kept
from steepest.lab.model import model_of
from steepest.lab.problem import OPTIONS, Asked, examples, shown
from steepest.lab.uploads import Upload, Uploads, moved_name, with_cell
from steepest.methods.optimizers import OPTIMIZERS, SOLVERS
from steepest.problem.command import command_line, python_line
from steepest.problem.options import Options
from steepest.records.arrays import Vector
from steepest.records.document import plain, to_json
from steepest.records.verdict import Remedy
from steepest.run.exporting import parts_of
from steepest.run.run import Run
from steepest.show.figures.contour import levels_of
from steepest.study.prove import prove
from steepest.words.errors import SteepestError, UsageError

MOST_LIVES: Final = 40
MOST_RUNS: Final = 24
MOST_BOARDS: Final = 60
MOST_COMPILED: Final = 32
"""Problems after which compiled code is let go of: each leaves some 10 MB of it behind."""

MOST_RACERS: Final = len(OPTIMIZERS)

_NUMPY: Final = orjson.OPT_SERIALIZE_NUMPY


class Answers:
    """Answers about problems, with what was prepared for the latest of them. For many threads."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self._lives: Kept[bytes, Live] = Kept(MOST_LIVES)
        self._runs: Kept[bytes, Run] = Kept(MOST_RUNS)
        self._boards: Kept[bytes, bytes] = Kept(MOST_BOARDS)
        self._compiled: set[bytes] = set()

    def live(
        self,
        asked: Asked,
        drag: Mapping[str, float] | None = None,
        plane: Window | None = None,
        again: bool = False,
        rates: Vector | None = None,
    ) -> bytes:
        """The quick view: all learning rates from one start. Raises SteepestError.

        `rates` are others than those that `rates` finds, ascending. `again` leaves out what does
        not depend on the start: the model, and the contour unless there is a `plane`.
        """
        prepared = self._live(asked)
        start = prepared.start_of(asked.options, drag)
        if rates is None:
            rates = prepared.rates(asked.options.rate)
        view = prepared.view(
            start, rates, asked.options.steps, plane=plane, contour=plane is not None or not again
        )
        found = _view(prepared, view)
        if not again:
            found["model"] = model_of(prepared)
        return orjson.dumps(found, option=_NUMPY)

    def rates(self, asked: Asked) -> Vector:
        """The learning rates of the quick view, ascending. Raises SteepestError."""
        return self._live(asked).rates(asked.options.rate)

    def moved(self, asked: Asked, row: int, value: float) -> Upload:
        """The data with another target in one row, counted from 0, kept beside what it was.

        Raises SteepestError.
        """
        table, name = self._table(asked), self._name(asked)
        target = self._live(asked).setup.problem.target
        if table is None or name is None or target not in table.names:
            raise UsageError("Only a target that is a column as it stands can be moved.")
        return self._uploads.add(with_cell(table, target, row, value), moved_name(name))

    def is_prepared(self, asked: Asked) -> bool:
        """Whether the quick view of this problem is prepared already."""
        return self._live_key(asked) in self._lives

    def board(self, asked: Asked) -> bytes:
        """The whole judged run with its figures, without remedies. Raises SteepestError."""
        return self._boards.get(asked.key(), lambda: self._board(asked))

    def remedies(self, asked: Asked) -> bytes:
        """What helps, each run before it is offered. Raises SteepestError."""
        run = self._run(asked)
        found = prove(
            run._setup,
            asked.options,
            self._name(asked),
            run.record.measurements,
        )
        return _json({"remedies": [_remedy(asked, remedy) for remedy in found]})

    def race(
        self,
        asked: Asked,
        optimizers: Sequence[str],
        drag: Mapping[str, float] | None = None,
    ) -> bytes:
        """Several optimizers from one start, each at its own best learning rate.

        `drag` moves the start, as in `live`. Raises SteepestError.
        """
        if not 1 <= len(optimizers) <= MOST_RACERS or len(set(optimizers)) != len(optimizers):
            raise UsageError(
                f"A race needs 1 to {MOST_RACERS} different optimizers.",
                given=shown(list(optimizers)),
            )
        racers = [self._racer(asked, name, drag) for name in optimizers]
        return orjson.dumps({"racers": racers}, option=_NUMPY)

    def report(self, asked: Asked) -> bytes:
        """The report page. Raises SteepestError."""
        return self._run(asked).page().encode("utf-8", "replace")

    def _table(self, asked: Asked) -> Table | None:
        if asked.command == "minimize":
            return None
        if asked.upload is not None:
            return self._uploads.get(asked.upload).table
        return example_table(asked.example or "")

    def _name(self, asked: Asked) -> str | None:
        """What the file with the data is called in a command."""
        if asked.command == "minimize":
            return None
        if asked.upload is not None:
            return self._uploads.get(asked.upload).name
        return examples()[asked.example or ""].name

    def _live_key(self, asked: Asked) -> bytes:
        # Which weights are given matters: such a name is none of a column.
        return asked.key("lr", "steps", "start") + repr(sorted(asked.options.start)).encode()

    def _live(self, asked: Asked) -> Live:
        table = self._table(asked)

        def make() -> Live:
            made = live(asked.command, table, asked.formula, asked.options)
            # The first view compiles. Whoever is told that this is prepared must not wait for that.
            made.view(made.start_of(asked.options), made.rates(), asked.options.steps)
            return made

        key = self._live_key(asked)
        if key not in self._lives:
            self._compiles(asked)
        return self._lives.get(key, make)

    def _run(self, asked: Asked) -> Run:
        table = self._table(asked)
        options = asked.options.changed(remedies=False).given()

        def make() -> Run:
            self._compiles(asked)
            if table is None:
                return minimize(asked.formula, save=False, **options)
            return fit(table, asked.formula, save=False, **options)

        return self._runs.get(asked.key(), make)

    def _compiles(self, asked: Asked) -> None:
        """Note a problem that something is compiled for: new numbers in it compile nothing."""
        self._compiled.add(asked.key("lr", "steps", "start", "seed", "momentum"))
        if len(self._compiled) > MOST_COMPILED:
            self._compiled.clear()
            forget_compiled()
            # What was prepared would have to be compiled again.
            self._lives = Kept(MOST_LIVES)

    def _board(self, asked: Asked) -> bytes:
        run = self._run(asked)
        name = self._name(asked)
        command = run.record.command
        try:
            pytorch: str | None = run.to_pytorch()
            parts: Mapping[str, Sequence[str]] = parts_of(run.record, run._options, run._walk())
        except SteepestError:
            pytorch, parts = None, {}
        line = python_line(command, name, asked.formula, asked.options)
        return _json(
            {
                "board": run.figures().to_dict(),
                "rated": self._rated(asked, run),
                "document": run.to_dict(),
                "equations": equations_of(run),
                "command": command_line(command, name, asked.formula, asked.options),
                "python": f"import steepest\n\nrun = {line}\nprint(run.verdict.headline)\n",
                "pytorch": pytorch,
                "torch": parts,
            }
        )

    def _rated(self, asked: Asked, run: Run) -> dict[str, Any] | None:
        """The learning rates beside that of a judged run; None where there are none to choose."""
        prepared = self._live(asked)
        lr = run.record.descent.lr
        if not prepared.lanes or not math.isfinite(lr):
            return None
        study, word = run.record.measurements.rates, run.verdict.learning_rate
        start = prepared.start_of(asked.options)
        found = rated_with(prepared, start, lr, study, word)
        return {"lr": lr, **_curve(found)}

    def _racer(
        self, asked: Asked, optimizer: str, drag: Mapping[str, float] | None
    ) -> dict[str, Any]:
        if optimizer in SOLVERS:
            raise UsageError(
                f"{optimizer} chooses the length of its steps by itself, so it is in no race.",
                instead=f"Choose among {', '.join(OPTIMIZERS)}.",
            )
        own = asked.options.optimizer == optimizer
        options = asked.options.changed(
            optimizer=optimizer, momentum=asked.options.momentum if own else None
        )
        prepared = self._live(replace(asked, options=options))
        # What was judged began elsewhere where the start is dragged.
        study = self._run(asked).record.measurements.rates if own and not drag else None
        found = racer(prepared, prepared.start_of(options, drag), study)
        return {
            "optimizer": optimizer,
            "lr": None if found.trial is None else found.trial.lr,
            "steps": None if found.trial is None else found.trial.steps,
            "said": found.said,
            "lucky": found.lucky,
            "weights": prepared.setup.objective.names,
            "frames": found.steps,
            "values": _single(found.weights),
            "loss": _single(found.loss),
        }


def _json(found: Any) -> bytes:
    return to_json(plain(found)).encode()


@cache
def example_table(name: str) -> Table:
    """The data of an example."""
    example = examples()[name]
    assert example.data is not None
    table = read_delimited(example.data, example.name or name)
    table.load(table.names)
    return table


def _view(prepared: Live, view: View) -> dict[str, Any]:
    minimum = prepared.minimum
    shown_minimum = None
    if minimum is not None and minimum.exists and math.isfinite(minimum.loss):
        shown_minimum = {
            "loss": minimum.loss,
            "weights": dict(minimum.weights),
            "undetermined": undetermined(minimum),
        }
    return {
        "weights": view.weights,
        "start": dict(view.start),
        **_curve(rated(view)),
        "walked": view.walked,
        "best": view.best,
        "limit": prepared.limit,
        "limit_at": prepared.limit_at,
        "goal": None if view.goal is None else view.goal.loss,
        "minimum": shown_minimum,
        "measured_steps": prepared.steps,
        "frames": view.frames,
        "values": _single(view.values),
        "loss": _single(view.loss),
        "contour": None if view.contour is None else _contour(view.contour),
        "notes": prepared.notes,
    }


def _single(values: Any) -> Any:
    """As float32; JSON has null for what is not finite there."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, dtype=np.float32)


def _contour(contour: Contour) -> dict[str, Any]:
    return {
        "weights": contour.weights,
        "grid_x": _single(contour.x),
        "grid_y": _single(contour.y),
        "grid": _single(contour.loss),
        "levels": levels_of(contour.loss),
    }


def _curve(found: Rated) -> dict[str, Any]:
    """Steps to the goal by learning rate, with what is said of each."""
    return {
        "rates": [rate.lr for rate in found.rates],
        "steps": [rate.steps for rate in found.rates],
        "diverged": [rate.diverged for rate in found.rates],
        "said": [found.said(rate) for rate in found.rates],
        "zones": [asdict(zone) for zone in found.zones()],
    }


def _remedy(asked: Asked, remedy: Remedy) -> dict[str, Any]:
    options: Mapping[str, Any] = dict(remedy.options or {})
    chosen = {name: value for name, value in options.items() if name in OPTIONS}
    problem = replace(asked, options=Options(**chosen))
    return {
        "change": remedy.change,
        "sentence": remedy.sentence,
        "command": remedy.command,
        "predicted_steps": remedy.predicted_steps,
        "measured_steps": remedy.measured_steps,
        "measured_loss": remedy.measured_loss,
        "reached": remedy.reached,
        # The slider is one learning rate for all weights.
        "problem": None if problem.options.rates else problem.to_dict(),
    }
