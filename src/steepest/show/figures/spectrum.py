"""The curvatures along the principal directions, and what the learning rate allows."""

from __future__ import annotations

import math
from typing import TypedDict

import numpy as np

from steepest.records.arrays import Matrix, Vector
from steepest.records.point import Spectrum
from steepest.show.figures.figure import Axis, Figure, Frames, curve
from steepest.words.wording import count, number, times

_MOST = 40
"""Curvatures that are drawn; of more, the largest and the smallest."""


class SpectrumData(TypedDict):
    """What `spectrum` draws."""

    eigenvalues: Vector
    vectors: Matrix
    bound: float | None
    bound_text: str
    where: str


def spectrum_figure(
    frames: Frames,
    spectrum: Spectrum,
    *,
    bound: float | None,
    bound_text: str,
    notes: tuple[str, ...] = (),
) -> Figure:
    """The eigenvalues with their directions; `bound` is the largest that does not grow."""
    order = np.argsort(spectrum.values, kind="stable")
    if len(order) > _MOST:
        few = f"Drawn are the {_MOST // 2} smallest and the {_MOST // 2} largest of "
        notes = (f"{few}{count(len(order))} curvatures.", *notes)
        order = np.concatenate([order[: _MOST // 2], order[-_MOST // 2 :]])
    if not spectrum.complete:
        notes = ("Measured are the largest curvatures and the smallest.", *notes)
    values, vectors = spectrum.values[order], spectrum.vectors[:, order].T
    known = values[values > spectrum.noise]
    log = len(known) == len(values)
    title = _title(spectrum, bound)
    said = [
        f"{number(float(v), 4)} mostly along {_along(frames, d)}"
        for v, d in zip(values[:3], vectors[:3], strict=True)
    ]
    if len(values) > 3:
        said.append(
            f"… up to {number(float(values[-1]), 4)} mostly along {_along(frames, vectors[-1])}"
        )
    return Figure(
        kind="spectrum",
        title=title,
        text=f"{title} Curvatures: {'; '.join(said)}. {bound_text}".rstrip(),
        x=Axis("curvature", "log" if log else "symlog"),
        y=Axis("direction"),
        frames=frames,
        data={
            "eigenvalues": curve(values),
            "vectors": curve(vectors),
            "bound": bound,
            "bound_text": bound_text,
            "where": "start" if spectrum.at == "start" else "end",
        },
        notes=notes,
    )


def _along(frames: Frames, direction: np.ndarray) -> str:
    return frames.weights[int(np.argmax(np.abs(direction)))]


def _title(spectrum: Spectrum, bound: float | None) -> str:
    top, low = spectrum.largest, spectrum.smallest
    where = "at the start" if spectrum.at == "start" else "where the descent ended"
    allowed = ""
    if bound is not None and math.isfinite(bound):
        over = top > bound
        allowed = (
            f", above the {number(bound, 4)} that this learning rate allows"
            if over
            else f"; this learning rate allows up to {number(bound, 4)}"
        )
    if len(spectrum.values) == 1:
        return f"The curvature {where} is {number(top, 4)}{allowed}."
    if spectrum.most_negative is not None:
        return (
            f"The loss curves downward along one direction {where}, by {number(low, 3)}; the "
            f"largest curvature is {number(top, 4)}{allowed}."
        )
    condition = spectrum.condition
    if condition is None or low <= spectrum.noise:
        return f"The largest curvature {where} is {number(top, 4)}{allowed}."
    return (
        f"The curvature is {times(condition)} larger along one direction than along another: "
        f"{number(top, 4)} against {number(low, 3)}{allowed}."
    )
