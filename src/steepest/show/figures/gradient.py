"""The length of the gradient by step: how fast the descent comes to rest, and whether it does."""

from __future__ import annotations

from typing import Final, TypedDict

import numpy as np

from steepest.records.arrays import Steps, Vector
from steepest.records.descent import Trace
from steepest.records.document import MOST_POINTS, thinned
from steepest.show.figures.figure import Axis, Figure, Frames, curve
from steepest.show.figures.loss import LINEAR_STEPS, loss_scale
from steepest.words.wording import count, number, together

_SAME: Final = 0.01
"""Within this share of its first length the gradient is said to be as long as before."""


class GradientData(TypedDict):
    """What `gradient` draws."""

    step: Steps
    length: Vector


def gradient_figure(frames: Frames, trace: Trace) -> Figure | str:
    """The length at every recorded step, at most 1,001 of them, or why there is none.

    >>> one, two = np.zeros((1, 2)), np.array([[3.0, 4.0]])
    >>> frames = Frames(("a", "b"), np.array([0]), one, two, np.ones(1))
    >>> trace = Trace(("a", "b"), np.array([0]), np.ones(1), one, two)
    >>> gradient_figure(frames, trace).data["length"].tolist()
    [5.0]
    """
    kept = thinned(trace, MOST_POINTS)
    step = trace.step[kept]
    with np.errstate(over="ignore"):
        length = np.linalg.norm(trace.gradient[kept], axis=1)
    if not np.isfinite(length).any():
        return "The gradient is not finite at any step."
    title = title_of(step, length)
    return Figure(
        kind="gradient",
        title=title,
        text=f"{title} A line of {count(len(length), 'point')}. At a minimum the length is zero.",
        x=Axis("step", "linear" if step[-1] <= LINEAR_STEPS else "symlog"),
        y=Axis("length of the gradient", loss_scale(length)),
        frames=frames,
        data={"step": step, "length": curve(length)},
    )


def title_of(step: Steps, length: Vector) -> str:
    """Say how the length went.

    >>> title_of(np.array([0, 5, 9]), np.array([8.0, 2.0, 0.5]))
    'The gradient shrinks from a length of 8 to 0.5 in 9 steps.'
    >>> title_of(np.array([0, 1]), np.array([3.0, 3.0]))
    'The gradient is as long after 1 step as before, about 3.'
    >>> title_of(np.array([0, 1, 2]), np.array([1.0, 5.0, np.inf]))
    'The gradient grows from a length of 1 to 5 in 1 step, and is not finite from step 2 on.'
    >>> title_of(np.array([0]), np.array([0.25]))
    'The gradient has a length of 0.25 at the start.'
    """
    known = np.flatnonzero(np.isfinite(length))
    first, last = known[0], known[-1]
    before, after = together(float(length[first]), float(length[last]))
    done = count(int(step[last] - step[first]), "step")
    ends = "" if last + 1 == len(step) else f", and is not finite from step {step[last + 1]} on"
    if first == last:
        return f"The gradient has a length of {before} at {_place(int(step[first]))}{ends}."
    if abs(length[last] - length[first]) <= _SAME * length[first]:
        about = number(float(length[first]), 3)
        return f"The gradient is as long after {done} as before, about {about}{ends}."
    went = "shrinks" if length[last] < length[first] else "grows"
    return f"The gradient {went} from a length of {before} to {after} in {done}{ends}."


def _place(step: int) -> str:
    return f"step {count(step)}" if step else "the start"
