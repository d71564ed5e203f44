"""What all figures of a run share: the frames of its cursor, and the problem around them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from steepest.measure.landscape import losses, span_around
from steepest.problem.setup import Setup
from steepest.records.arrays import Mask, Matrix, Steps, Vector
from steepest.records.descent import Trace
from steepest.records.run import RunRecord
from steepest.run.slices import minimum_of
from steepest.run.walk import Past, Walk
from steepest.show.figures import Frames
from steepest.words.wording import count

MOST_FRAMES = 61
FEWER_FRAMES = 31
"""For a run of more than FEW_WEIGHTS weights."""
FEW_WEIGHTS = 4
_MOST_WEIGHTS = 24
"""Weights of which values and gradients are shown."""

REPLAYED = 4096
"""First steps that are walked again in one go: most of the frames of a long run are there."""

_FAR = 100.0
"""Where a descent diverges, it is shown until its loss is so many times what it was."""

LEAP = 4.0
"""A next step is in the picture where it leads at most so many times its width away."""

LIGHT = 2e8
"""Elementary operations that a figure may cost before it gets fewer points."""


@dataclass(frozen=True)
class Scene:
    """A run ready to be measured at its frames.

    `values` and `following` (F, p) are all weights at the frames and after the next step;
    `shown` are the places of those in `frames`.
    """

    record: RunRecord
    setup: Setup
    trace: Trace
    frames: Frames
    values: Matrix
    following: Matrix
    shown: tuple[int, ...]
    telling: tuple[int, ...]
    """Places of `shown`, the most telling weights first."""
    notes: tuple[str, ...]

    @property
    def minimum(self) -> Vector | None:
        """All weights at the known minimum."""
        found = [minimum_of(self.record, name) for name in self.setup.objective.names]
        known = [value for value in found if value is not None]
        return np.array(known) if len(known) == len(found) else None

    @property
    def seen(self) -> Mask:
        """Which points of the trace lie in the pictures: all, unless the descent diverges."""
        return self.near(self.trace.loss, self.trace.step)

    def near(self, loss: Vector, step: Steps) -> Mask:
        """Whether points of the path lie in the pictures."""
        descent = self.record.descent
        inside = (step <= descent.final_step) & np.isfinite(loss)
        if descent.stopped != "diverged":
            return np.asarray(inside)
        usual = max(abs(descent.first_loss), self.setup.scale)
        if not math.isfinite(usual):
            return np.asarray(inside)
        close = inside & (np.abs(loss) <= _FAR * usual)
        return np.asarray(close | (step == 0))

    def span(self, place: int) -> tuple[float, float]:
        """The lowest and the highest value of a weight in the pictures."""
        seen = self.near(self.frames.loss, self.frames.step)
        points = [self.trace.weights[self.seen, place], self.values[seen, place]]
        best = self.minimum
        inside = np.concatenate([*points, [] if best is None else [best[place]]])
        # The next steps too, unless the descent runs away with them.
        low, high = span_around(inside)
        after = self.following[seen, place]
        near = np.abs(after - 0.5 * (low + high)) <= LEAP * (high - low)
        return span_around(np.concatenate([inside, after[near]]))

    @property
    def beyond(self) -> tuple[str, ...]:
        """A note where a part of the path lies outside of the pictures."""
        away = self.trace.step[~self.seen]
        if not len(away):
            return ()
        return (f"From step {count(int(away[0]))} on the descent is outside of this picture.",)

    def points(self, most: int, least: int, evaluations: int) -> int:
        """Points of a curve (or of a side of a grid, squared) that a figure can afford.

        `evaluations` is how many losses one point costs.
        """
        cost = max(self.setup.at_hand.moving.work, 1) * max(evaluations, 1)
        return int(min(most, max(least, LIGHT // cost)))

    def losses(self, weights: Matrix) -> Vector:
        """The loss (m,) at many weights (m, p)."""
        return losses(self.setup.at_hand.moving, weights)


def scene_of(past: Past, also: int | None = None, only: Sequence[int] | None = None) -> Scene:
    """Walk a run to its frames, `also` to a step of choice, or to `only` these.

    Raises SteepestError.
    """
    walk, record = past.walk, past.record
    setup, trace = walk.setup, past.trace
    names = setup.objective.names
    most = MOST_FRAMES if len(names) <= FEW_WEIGHTS else FEWER_FRAMES
    step = chosen_steps(record, most, also) if only is None else np.unique(only).astype(np.int64)
    found, following = _walked(walk, trace, step)
    order = telling_weights(record)
    shown = tuple(sorted(order[:_MOST_WEIGHTS]))
    columns = list(shown)
    frames = Frames(
        weights=tuple(names[place] for place in columns),
        step=step,
        values=found.weights[:, columns],
        gradient=found.gradient[:, columns],
        loss=found.loss,
        following=following[:, columns],
    )
    scene = Scene(
        record=record,
        setup=setup,
        trace=trace,
        frames=frames,
        values=found.weights,
        following=following,
        shown=shown,
        telling=tuple(shown.index(place) for place in order[:_MOST_WEIGHTS]),
        notes=notes_of(record),
    )
    seen = scene.near(frames.loss, frames.step)
    at = np.flatnonzero(seen if also is None else step == also)
    return replace(scene, frames=replace(frames, at=int(at[-1]) if len(at) else 0))


def notes_of(record: RunRecord) -> tuple[str, ...]:
    """What must be known to read any figure of a run."""
    notes = batch_notes(record)
    if record.problem.standardized:
        notes = ("The weights are those for the columns after scaling.", *notes)
    return notes


def batch_notes(record: RunRecord) -> tuple[str, ...]:
    """What must be known where each step saw only a part of the rows."""
    size = record.settings.batch_size
    if size is None or size >= (record.problem.rows or 0):
        return ()
    rows = count(size, "row")
    return (f"The loss and the slope at a step are those of its batch of {rows}, not of all.",)


def chosen_steps(record: RunRecord, most: int, also: int | None = None) -> Steps:
    """Steps at which the cursor can stand: all of a short run, else evenly by their logarithm."""
    last, final = record.descent.steps, record.descent.final_step
    if last < most:
        return np.arange(last + 1, dtype=np.int64)
    spread = np.expm1(np.linspace(0.0, math.log1p(last), most - 2))
    asked = {min(round(step), last) for step in spread.tolist()} | {0, final, last}
    return np.array(sorted(asked if also is None else asked | {also}), dtype=np.int64)


def recorded_frames(record: RunRecord) -> Frames:
    """The frames of a run as its record has them, without walking it again."""
    trace = record.trace
    order = sorted(telling_weights(record)[:_MOST_WEIGHTS])
    most = MOST_FRAMES if len(trace.names) <= FEW_WEIGHTS else FEWER_FRAMES
    wanted = chosen_steps(record, most)
    places = np.unique(np.clip(np.searchsorted(trace.step, wanted), 0, max(len(trace) - 1, 0)))
    step = trace.step[places]
    final = np.flatnonzero(step <= record.descent.final_step)
    return Frames(
        weights=tuple(trace.names[place] for place in order),
        step=step,
        values=trace.weights[places][:, order],
        gradient=trace.gradient[places][:, order],
        loss=trace.loss[places],
        at=int(final[-1]) if len(final) else 0,
    )


def _walked(walk: Walk, trace: Trace, steps: Steps) -> tuple[Trace, Matrix]:
    """The descent at `steps` (F,) exactly, and the weights (F, p) after the step from each."""
    walked = walk.descended
    last = walked.descent.steps
    early = trace
    if len(trace) <= last:
        early = walked.replay(0, min(last, REPLAYED))
    moments, following = [], []
    for step in steps.tolist():
        after = min(step + 1, last)
        source = early if after < len(early) else walked.replay(step, after)
        place = step - int(source.step[0])
        moments.append((source, place))
        if step < last:
            following.append(source.weights[place + 1])
        else:
            move = walked.move_from(step)
            here = source.weights[place]
            following.append(here if move is None else here + move)
    found = Trace(
        names=trace.names,
        step=steps,
        loss=np.array([source.loss[place] for source, place in moments]),
        weights=np.stack([source.weights[place] for source, place in moments]),
        gradient=np.stack([source.gradient[place] for source, place in moments]),
    )
    return found, np.stack(following)


def telling_weights(record: RunRecord) -> list[int]:
    """Places of all weights of a run, the most telling first."""
    names = record.problem.weights
    spectrum = record.measurements.spectrum
    first = record.measurements.first_gradient
    slopes = [abs(first.get(name, 0.0)) for name in names]
    return telling(len(names), None if spectrum is None else spectrum.vectors, slopes)


def telling(weights: int, vectors: Matrix | None, slopes: Sequence[float] | Vector) -> list[int]:
    """Places of so many weights, the most telling first.

    By the principal directions of the curvature, the steepest, the flattest, the second steepest
    and so on: from each the weight that it moves most and that is not there yet. Where they are
    not known, by the size of the `slopes` at the start.
    """
    order: list[int] = []
    if vectors is not None and len(vectors) == weights:
        ways = list(np.abs(vectors).T)
        ends = [way for pair in zip(ways, reversed(ways), strict=True) for way in pair]
        for way in ends[: len(ways)]:
            left = [place for place in range(weights) if place not in order]
            order.append(max(left, key=lambda place: way[place]))
    else:
        order = sorted(range(weights), key=lambda place: -abs(float(slopes[place])))
    return [*order, *(place for place in range(weights) if place not in order)]


def pairs_of(telling: Sequence[int], most: int) -> list[tuple[int, int]]:
    """Pairs of the most telling weights, each in the order of the weights."""
    found = [
        (min(first, second), max(first, second))
        for place, second in enumerate(telling)
        for first in telling[:place]
    ]
    return found[:most]
