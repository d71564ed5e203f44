"""Inputs that are pictures: rows that pull hardest, what they ask for, and rows told wrong."""

from __future__ import annotations

import math
from typing import Final, TypedDict

import numpy as np

from steepest.records.arrays import Matrix, Steps
from steepest.records.training import GradientExplained, Learned, RowPull, TrainingRecord
from steepest.show.figures.figure import Axis, Figure, Frames, finite
from steepest.words.wording import count, escaped, number, percent

MissedData = TypedDict("MissedData", {"row": int, "is": str, "said": str, "pixels": list[int]})
"""A row that was told wrong, with levels from 0 to 255."""


class RowData(MissedData):
    """A row that pulls hard."""

    wrong: bool
    share: float | None


class UnitData(TypedDict):
    """A unit of the first layer, with levels from -100 to 100."""

    unit: int
    length: float | None
    weights: list[int]
    asked: list[int]


class PicturesData(TypedDict):
    """What `pictures` draws. `inked`: large numbers are ink on paper, rather than light."""

    width: int
    height: int
    channels: int
    inked: bool
    rows: list[RowData]
    missed: list[MissedData]
    units: list[UnitData]
    weight: float | None
    asked: float | None


MOST_ROWS: Final = 10
MOST_WRONG: Final = 12
MOST_UNITS: Final = 8
_WIDEST: Final = 32
"""Pixels a side; larger pictures are drawn as the means of squares of pixels."""
LONGEST: Final = 24
"""Characters of a class."""
GRAYS: Final = 255
SIGNED: Final = 100
"""Levels on each side of zero."""


def pictures_figure(frames: Frames, record: TrainingRecord) -> Figure | str:
    """Rows as pictures, and units of the first layer: their weights and minus their gradients.

    Why not, where the inputs are no pictures. `rows` have levels from 0 to 255 (channels last),
    units from -100 to 100, where 100 is the largest |weight|, and |entry| of a gradient, of all
    units that are shown; of several channels it is their mean.
    """
    learned = record.learned
    if learned is None or learned.picture is None:
        return "Its inputs are no pictures."
    found = learned.explained
    if found is None or not found.pulls or not len(found.units):
        return "No gradient was explained."
    tall, wide = learned.picture
    block = max(1, -(-max(tall, wide) // _WIDEST))
    pulls = found.pulls[:MOST_ROWS]
    pixels = found.pictures[: len(pulls)]
    missed = _missed(learned)
    if missed:
        assert learned.wrong_inputs is not None
        pixels = np.concatenate([pixels, learned.wrong_inputs[: len(missed)]])
    most = min(MOST_UNITS, len(found.units))
    inked = learned.channels == 1 and learned.kind != "pictures"
    shown = _coarse(pixels, learned, block)
    grays = _grays(shown).tolist()
    weights, weight = _signed(_coarse(found.unit_weights[:most], learned, block).mean(axis=-1))
    asked, slope = _signed(-_coarse(found.unit_gradients[:most], learned, block).mean(axis=-1))
    title = _title(found, learned)
    return Figure(
        kind="pictures",
        title=title,
        text=_text(title, found, learned),
        x=Axis(""),
        y=Axis(""),
        frames=frames,
        data={
            "width": shown.shape[2],
            "height": shown.shape[1],
            "channels": learned.channels,
            "inked": inked,
            "rows": [
                {
                    "row": pull.row,
                    "is": class_of(learned, pull.target),
                    "said": class_of(learned, pull.output),
                    "wrong": learned.classes is not None and pull.target != pull.output,
                    "share": share_of(found, pull),
                    "pixels": levels,
                }
                for pull, levels in zip(pulls, grays, strict=False)
            ],
            "missed": [
                {
                    "row": row,
                    "is": class_of(learned, own),
                    "said": class_of(learned, other),
                    "pixels": levels,
                }
                for (row, own, other), levels in zip(missed, grays[len(pulls) :], strict=True)
            ],
            "units": [
                {
                    "unit": unit + 1,
                    "length": finite(float(np.linalg.norm(found.unit_gradients[place]))),
                    "weights": weights[place],
                    "asked": asked[place],
                }
                for place, unit in enumerate(found.units[:most])
            ],
            "weight": finite(weight),
            "asked": finite(slope),
        },
        notes=_notes(found, learned, block, inked),
    )


def _missed(learned: Learned) -> list[tuple[int, int, int]]:
    """Rows that were given another class and whose inputs are known: row, own, and other class."""
    if learned.wrong is None or learned.wrong_inputs is None:
        return []
    most = min(MOST_WRONG, len(learned.wrong), len(learned.wrong_inputs))
    return [(int(row), int(own), int(other)) for row, own, other in learned.wrong[:most]]


def class_of(learned: Learned, value: float) -> str:
    """A target or an output in words: the name of a class, or a number."""
    if learned.classes is None:
        return number(value, 3)
    place = int(value) if math.isfinite(value) else -1
    known = 0 <= place < len(learned.classes)
    return escaped(learned.classes[place], LONGEST) if known else number(value, 3)


def share_of(found: GradientExplained, pull: RowPull) -> float | None:
    """What a row adds to the gradient of the batch, along it, over its length."""
    length = math.hypot(*(tensor.gradient for tensor in found.tensors))
    return finite(pull.pull / (found.rows * length)) if length > 0 else None


def _coarse(values: Matrix, learned: Learned, block: int) -> Matrix:
    """(n, inputs) as (n, tall, wide, channels), each number the mean of a square of pixels."""
    assert learned.picture is not None
    tall, wide = learned.picture
    whole = np.asarray(values, np.float64).reshape(len(values), tall, wide, learned.channels)
    if block == 1:
        return whole
    padded = np.pad(whole, ((0, 0), (0, -tall % block), (0, -wide % block), (0, 0)), mode="edge")
    n, high, broad, channels = padded.shape
    squares = padded.reshape(n, high // block, block, broad // block, block, channels)
    return np.asarray(squares.mean(axis=(2, 4)))


def _grays(shown: Matrix) -> Steps:
    """(n, pixels · channels): from the lowest of all numbers, 0, to the highest, 255."""
    flat = shown.reshape(len(shown), -1)
    known = flat[np.isfinite(flat)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    share = (np.nan_to_num(flat, nan=low, posinf=high, neginf=low) - low) / ((high - low) or 1.0)
    return np.rint(GRAYS * share).astype(np.int64)


def _signed(values: Matrix) -> tuple[Steps, float]:
    """(n, pixels) from -SIGNED to SIGNED, and the size that SIGNED stands for."""
    flat = values.reshape(len(values), -1)
    known = np.abs(flat[np.isfinite(flat)])
    most = float(known.max()) if len(known) else math.nan
    share = np.nan_to_num(flat, nan=0.0, posinf=most, neginf=-most) / (most or 1.0)
    return np.rint(SIGNED * np.nan_to_num(share)).astype(np.int64), most


def _title(found: GradientExplained, learned: Learned) -> str:
    first = found.pulls[0]
    share = share_of(found, first)
    if share is None:
        return f"None of {count(found.rows, 'row')} pulls at any weight: their gradient is zero."
    length = float(np.linalg.norm(found.unit_gradients[0]))
    ended = (
        f"unit {count(found.units[0] + 1)} of the first layer has the longest gradient, "
        f"{number(length, 3)}"
    )
    if length == 0:
        ended = "the gradient of every unit of the first layer is zero"
    return (
        f"Of {count(found.rows, 'row')} row {count(first.row)} pulls hardest, with "
        f"{percent(share)} of the gradient's length: it is {class_of(learned, first.target)}, the "
        f"network says {class_of(learned, first.output)}; {ended}."
    )


def _text(title: str, found: GradientExplained, learned: Learned) -> str:
    rows = "; ".join(_of_row(found, pull, learned) for pull in found.pulls[:MOST_ROWS])
    units = ", ".join(
        f"{count(unit + 1)} ({number(float(np.linalg.norm(found.unit_gradients[place])), 3)})"
        for place, unit in enumerate(found.units[:MOST_UNITS])
    )
    said = f"{title} The rows: {rows}. The units with their gradients' lengths: {units}."
    wrong = "; ".join(
        f"{count(row)} is {class_of(learned, own)}, the network says {class_of(learned, other)}"
        for row, own, other in _missed(learned)
    )
    return f"{said} Told wrong: {wrong}." if wrong else said


def _of_row(found: GradientExplained, pull: RowPull, learned: Learned) -> str:
    share = share_of(found, pull)
    said = "" if share is None else f", {percent(share)}"
    return (
        f"{count(pull.row)} is {class_of(learned, pull.target)}, the network says "
        f"{class_of(learned, pull.output)}{said}"
    )


def _notes(found: GradientExplained, learned: Learned, block: int, inked: bool) -> tuple[str, ...]:
    notes = [
        f"A batch of {count(found.rows, 'row')} at step {count(found.step)}. A percentage is what "
        "the row adds to the gradient, of its length. Units count from 1.",
        "Minus the gradient is what this batch asks the unit to see more of (ochre) and less of "
        "(blue).",
    ]
    missed = len(_missed(learned))
    wrong = 0 if learned.confusion is None else int(learned.confusion.sum())
    wrong -= 0 if learned.confusion is None else int(np.trace(learned.confusion))
    if 0 < missed < wrong:
        notes.append(f"Drawn are {missed} of {count(wrong, 'row')} told wrong.")
    if inked:
        notes.append("Rows: the larger a number, the more ink.")
    if learned.channels > 1:
        notes.append("Of weights and gradients the mean over the colours is shown.")
    if block > 1:
        notes.append(f"A dot is the mean of {block} × {block} pixels.")
    return tuple(notes)
