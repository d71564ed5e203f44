"""One figure of a run, or all that make sense for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from steepest.records.descent import Trace
from steepest.records.document import MOST_POINTS, thinned
from steepest.records.run import RunRecord
from steepest.run.figures.planes import contours, function, planes, slices, surface
from steepest.run.figures.rates import spectrum, sweep
from steepest.run.figures.rows import backward, fit_and_residuals, panels, pulls
from steepest.run.figures.scene import MOST_FRAMES, Scene, batch_notes, recorded_frames, scene_of
from steepest.run.slices import place_of
from steepest.run.walk import Past
from steepest.show.figures import RUN, Board, Figure, Frames, Range, loss_figure
from steepest.words.errors import SteepestError, UsageError
from steepest.words.suggest import suggest
from steepest.words.wording import count, escaped

_KINDS = tuple(RUN)

_USUAL_PANELS, MOST_PANELS = 4, 24

FROM_THE_RECORD = (
    *("loss", "sweep", "spectrum"),
    *(kind for kind, (_, make) in RUN.items() if make is not None),
)
"""Kinds that need neither the data nor the path walked again."""


def figure_of(
    past: Past,
    kind: str,
    weight: str | None,
    weights: Sequence[str] | None,
    step: int | None,
    steps: Sequence[int] | None,
    ylim: Range | None,
) -> Figure:
    """One figure. Raises UsageError where the run has none of this kind."""
    _check(past.record, kind, weight, weights, step)
    if kind == "panels":
        return _one(kind, panels(scene_of(past, only=_panels(past.record, steps, ylim)), ylim))
    if steps is not None or ylim is not None:
        raise UsageError("steps= and ylim= are for panels.", given=f"a {kind} figure")
    if kind in FROM_THE_RECORD and step is None:
        frames = recorded_frames(past.record)
        return _one(kind, _from_record(past.record, kind, frames, None))
    scene = scene_of(past, step)
    shown = scene.frames.weights
    for name in (weight, *(weights or ())):
        if name is not None and name not in shown:
            raise UsageError(
                f"Of {count(len(scene.values[0]), 'weight')}, figures show the {len(shown)} most "
                "telling.",
                given=name,
                instead=f"For this one there is run.slice({name!r}).",
            )
    if kind in FROM_THE_RECORD:
        return _one(kind, _from_record(past.record, kind, scene.frames, scene))
    if kind == "slice":
        return slices(scene, weight or shown[scene.telling[0]])[0]
    if kind in ("contour", "surface"):
        pair = None if weights is None else (shown.index(weights[0]), shown.index(weights[1]))
        found = planes(scene, pair)[:1]
        if not found:
            return _one(kind, "It takes two weights.")
        return contours(scene, found)[0] if kind == "contour" else surface(scene, found[0])
    if kind in ("fit", "residuals"):
        both = fit_and_residuals(scene)
        return _one(kind, both if isinstance(both, str) else both[kind == "residuals"])
    made = {"pulls": pulls, "backward": backward, "function": function}[kind]
    return _one(kind, made(scene))


def board_of(past: Past) -> Board:
    """All figures of a run that make sense for it; `notes` say which do not, and why."""
    record = past.record
    notes: list[str] = []
    figures: list[Figure] = []

    def add(kind: str, made: Figure | str) -> None:
        if isinstance(made, str):
            notes.append(f"There is no {kind} figure. {made}")
        else:
            figures.append(made)

    scene: Scene | None = None
    frames = recorded_frames(record)
    try:
        scene = scene_of(past)
        frames = scene.frames
    except SteepestError as error:
        notes.append(f"Figures around the path are left out. {error}")
    if scene is not None and record.command == "fit":
        both = fit_and_residuals(scene)
        add("fit", both if isinstance(both, str) else both[0])
    if scene is not None and record.command == "minimize" and len(scene.values[0]) == 1:
        add("function", function(scene))
    add("loss", _from_record(record, "loss", frames, scene))
    for kind, (_, make) in RUN.items():
        if make is not None:
            add(kind, _from_record(record, kind, frames, scene))
    add("sweep", _from_record(record, "sweep", frames, scene))
    if scene is not None:
        found = planes(scene)
        figures += contours(scene, found)
        if record.command == "fit" or len(scene.values[0]) > 1:
            figures += slices(scene)
        if record.command == "fit":
            add("pulls", pulls(scene))
            if not isinstance(both, str):
                figures.append(both[1])
    add("spectrum", _from_record(record, "spectrum", frames, scene))
    if scene is not None:
        add("backward", backward(scene))
        figures += [surface(scene, plane) for plane in found[:1]]
    hidden = len(record.problem.weights) - len(frames.weights)
    if hidden:
        notes.append(
            f"Shown are the {len(frames.weights)} most telling of "
            f"{count(len(record.problem.weights), 'weight')}."
        )
    return Board(
        version=record.version,
        formula=record.problem.formula,
        headline=record.verdict.headline,
        learning_rate=record.verdict.learning_rate,
        findings=record.verdict.findings,
        remedies=record.remedies,
        frames=frames,
        figures=tuple(figures),
        notes=tuple(notes),
    )


def _from_record(record: RunRecord, kind: str, frames: Frames, scene: Scene | None) -> Figure | str:
    make = RUN[kind].make
    if make is not None:
        made = make(frames, record.trace)
        notes = batch_notes(record)
        return made if isinstance(made, str) else replace(made, notes=(*made.notes, *notes))
    if kind == "sweep":
        return sweep(record, frames, scene)
    if kind == "spectrum":
        return spectrum(record, frames)
    measured = record.measurements
    return loss_figure(
        frames,
        _drawn(record.trace, None if scene is None else frames),
        record.descent,
        minimum=measured.minimum,
        goal=measured.goal,
        forecast=measured.forecast,
        notes=batch_notes(record),
    )


def _drawn(trace: Trace, frames: Frames | None) -> Trace:
    """The trace as a figure draws it: thinned evenly, and the frames, of which many are early."""
    kept = thinned(trace, MOST_POINTS if frames is None else MOST_POINTS - MOST_FRAMES)
    step, loss = trace.step[kept], trace.loss[kept]
    validation = None if trace.validation is None else trace.validation[kept]
    if frames is not None:
        new = ~np.isin(frames.step, step)
        order = np.argsort(np.concatenate([step, frames.step[new]]), kind="stable")
        step = np.concatenate([step, frames.step[new]])[order]
        loss = np.concatenate([loss, frames.loss[new]])[order]
        if validation is not None:
            validation = np.concatenate([validation, np.full(int(np.sum(new)), np.nan)])[order]
    nothing = np.zeros((len(step), 0))
    return Trace((), step, loss, nothing, nothing, validation)


def _one(kind: str, made: Figure | str) -> Figure:
    if isinstance(made, str):
        raise UsageError(f"This run has no {kind} figure. {made}")
    return made


def _panels(record: RunRecord, steps: Sequence[int] | None, ylim: Range | None) -> Sequence[int]:
    """The steps of the panels. Raises UsageError for those that are not there."""
    wanted = range(min(_USUAL_PANELS, record.descent.steps + 1)) if steps is None else steps
    if not 0 < len(set(wanted)) <= MOST_PANELS:
        raise UsageError(
            f"There are panels of 1 to {MOST_PANELS} steps.", given=f"{len(set(wanted))} steps"
        )
    for step in wanted:
        _is_step(record, step)
    if ylim is not None and not -np.inf < ylim[0] < ylim[1] < np.inf:
        raise UsageError(
            "ylim is the lower and the upper end of the vertical axis.",
            given=f"{ylim}",
            instead="Write ylim=(-300, 100).",
        )
    return wanted


def _is_step(record: RunRecord, step: int) -> None:
    if not 0 <= step <= record.descent.steps:
        raise UsageError(
            "There is no such step in this descent.",
            given=f"{step}",
            instead=f"Ask for steps 0 to {record.descent.steps}.",
        )


def _check(
    record: RunRecord,
    kind: str,
    weight: str | None,
    weights: Sequence[str] | None,
    step: int | None,
) -> None:
    if kind not in _KINDS:
        near = suggest(kind, _KINDS)
        raise UsageError(
            "There is no such kind of figure.",
            given=escaped(kind),
            instead=f"Did you mean {near[0]}?" if near else f"The kinds are {', '.join(_KINDS)}.",
        )
    if weight is not None:
        if kind != "slice":
            raise UsageError(
                "weight= is for a slice.", given=f"{escaped(weight)} for a {kind} figure"
            )
        place_of(record, weight)
    if weights is not None:
        if kind not in ("contour", "surface"):
            raise UsageError("weights= is for a contour or a surface.", given=f"a {kind} figure")
        if len(weights) != 2 or weights[0] == weights[1]:
            raise UsageError(
                f"A {kind} needs two different weights.", given=", ".join(map(escaped, weights))
            )
        for name in weights:
            place_of(record, name)
    if step is not None:
        _is_step(record, step)
