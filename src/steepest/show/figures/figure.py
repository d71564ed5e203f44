"""A figure and a board as plain data: what Python makes and the figure kit draws."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from steepest.records.arrays import Matrix, Steps, Vector
from steepest.records.document import plain
from steepest.records.verdict import Finding, Remedy
from steepest.show.render import Theme, save, to_png, to_svg
from steepest.words.errors import UsageError
from steepest.words.gate import gated
from steepest.words.wording import count

Scale = Literal["linear", "log", "symlog"]

DIGITS = 5
"""Significant digits of curves and grids: a picture shows no more."""


@dataclass(frozen=True)
class Axis:
    """What an axis shows, and how; symlog is linear up to 1 and logarithmic beyond."""

    label: str
    scale: Scale = "linear"


@dataclass(frozen=True)
class Frames:
    """The steps (F,) at which the cursor can stand, and the descent there.

    `values`, `gradient` and `following` are (F, p), columns in the order of `weights`; `loss` is
    (F,). `following` are the weights after the next step, at the last frame where it would lead.
    """

    weights: tuple[str, ...]
    step: Steps
    values: Matrix
    gradient: Matrix
    loss: Vector
    following: Matrix | None = None
    """None where the next steps are not at hand."""
    at: int = -1
    """The frame at which a figure opens."""

    def __len__(self) -> int:
        return len(self.step)

    @property
    def opens(self) -> int:
        """The place of the frame at which a figure opens, counted from 0."""
        return self.at % len(self) if len(self) else 0

    @property
    def last(self) -> int:
        """The last step."""
        return int(self.step[-1]) if len(self) else 0

    def place(self, step: int | None) -> int:
        """The place of a step among the frames. Raises UsageError where it is none of them."""
        if step is None:
            return self.opens
        found = np.flatnonzero(self.step == step)
        if not len(found):
            near = int(self.step[np.argmin(np.abs(self.step - step))]) if len(self) else 0
            raise UsageError(
                "This figure has no frame at that step.",
                given=f"{step}",
                instead=f"The nearest is {count(near)}; run.figure(kind, step={step}) makes one.",
            )
        return int(found[0])


@gated
@dataclass(frozen=True)
class Figure:
    """One picture as plain data. `title` says in a sentence what one sees.

    `data` holds the arrays of its kind by name; those with a first axis of frames have one entry
    for each of `frames`.
    """

    kind: str
    title: str
    text: str
    """The whole figure in words, for who cannot see it."""
    x: Axis
    y: Axis
    frames: Frames
    data: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    z: Axis | None = None

    def to_dict(self) -> dict[str, Any]:
        """Everything in terms of JSON, with its own frames: a board of one."""
        frames = self.frames
        cursor = {"frames": frames.step, "at": frames.opens, "weights": frames.weights}
        written: dict[str, Any] = plain({**self._body(), **cursor})
        return written

    def _body(self) -> dict[str, Any]:
        axes = {"x": self.x, "y": self.y, **({} if self.z is None else {"z": self.z})}
        head = {"kind": self.kind, "title": self.title, "text": self.text, **axes}
        return {**head, "notes": self.notes, **self.data}

    def savefig(
        self,
        path: str | os.PathLike[str],
        *,
        step: int | None = None,
        theme: Theme = "light",
        dpi: int = 150,
    ) -> None:
        """Draw the figure into a file: .png, .svg or .pdf, by the end of its name.

        `step` is a step of its frames (None: where it opens), `dpi` is of a PNG. Needs the extra
        `figures`. Raises UsageError for another step or another kind of file, InputError where the
        file cannot be written.
        """
        save(self.to_dict(), path, frame=self.frames.place(step), theme=theme, dpi=dpi)

    def to_svg(self, *, step: int | None = None, theme: Theme = "light") -> str:
        """The figure as the text of an SVG, the same every time. Needs the extra `figures`."""
        return to_svg(self.to_dict(), frame=self.frames.place(step), theme=theme)

    def to_png(self, *, step: int | None = None, theme: Theme = "light", dpi: int = 150) -> bytes:
        """The figure as the bytes of a PNG. Needs the extra `figures`."""
        return to_png(self.to_dict(), frame=self.frames.place(step), theme=theme, dpi=dpi)


@gated
@dataclass(frozen=True)
class Board:
    """All figures of one run, linked by one step cursor."""

    version: str
    formula: str
    headline: str
    learning_rate: str
    """The verdict's word."""
    findings: tuple[Finding, ...]
    remedies: tuple[Remedy, ...]
    frames: Frames
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()
    """What could not be shown, and why."""

    def to_dict(self) -> dict[str, Any]:
        """Everything in terms of JSON; numbers that are not finite are written by their names."""
        frames = self.frames
        written: dict[str, Any] = plain(
            {
                "steepest": self.version,
                "formula": self.formula,
                "headline": self.headline,
                "learning_rate": self.learning_rate,
                "findings": [
                    {"code": f.code, "severity": f.severity, "sentence": f.sentence}
                    for f in self.findings
                ],
                "remedies": [
                    {"change": r.change, "sentence": r.sentence, "command": r.command}
                    for r in self.remedies
                ],
                "frames": frames.step,
                "at": frames.opens,
                "weights": frames.weights,
                "values": frames.values,
                "gradient": frames.gradient,
                "loss": frames.loss,
                "notes": self.notes,
                "figures": [figure._body() for figure in self.figures],
            }
        )
        return written

    def savefig(
        self,
        path: str | os.PathLike[str],
        *,
        step: int | None = None,
        theme: Theme = "light",
        dpi: int = 150,
    ) -> None:
        """Draw all figures into one file, as `Figure.savefig` does one."""
        save(self.to_dict(), path, frame=self.frames.place(step), theme=theme, dpi=dpi)

    def to_png(self, *, step: int | None = None, theme: Theme = "light", dpi: int = 150) -> bytes:
        """All figures as the bytes of a PNG. Needs the extra `figures`: UsageError without it."""
        return to_png(self.to_dict(), frame=self.frames.place(step), theme=theme, dpi=dpi)


def curve(values: Any, digits: int = DIGITS) -> Any:
    """The same array with so many significant digits.

    >>> curve(np.array([283.98554, 1.0428363e-9, np.inf, 0.0])).tolist()
    [283.99, 1.0428e-09, inf, 0.0]
    """
    given = np.asarray(values, dtype=np.float64)
    short = [float(f"{value:.{digits - 1}e}") for value in given.ravel().tolist()]
    return np.array(short, dtype=np.float64).reshape(given.shape)


def finite(value: float | None) -> float | None:
    """The number, None where it is not finite."""
    return value if value is not None and math.isfinite(value) else None
