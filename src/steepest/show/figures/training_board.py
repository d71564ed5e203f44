"""All figures of a training, linked by one step cursor."""

from __future__ import annotations

from typing import Final

from steepest.records.training import TrainingRecord
from steepest.show.figures.figure import Board, Figure, Frames
from steepest.show.figures.kinds import TRAINING
from steepest.show.figures.layers import Seen, layers_figure
from steepest.show.figures.training import training_frames
from steepest.words.wording import count, escaped, listed

SAID: Final = "fan"
"""The kind whose absence is said: whoever trains can have it."""


def training_board(record: TrainingRecord) -> Board:
    """The board of a training; `notes` say which figure there is none of, and why."""
    frames = training_frames(record)
    figures: list[Figure] = []
    notes: list[str] = []
    for kind in TRAINING:
        found = training_view(kind, frames, record)
        if not isinstance(found, str):
            figures.append(found)
        elif kind == SAID:
            notes.append(f"There is no {kind} figure. {found}")
    verdict = record.verdict
    return Board(
        version=record.version,
        formula=subject(record),
        headline="" if verdict is None else verdict.headline,
        learning_rate="not measured" if verdict is None else verdict.learning_rate,
        findings=() if verdict is None else verdict.findings,
        remedies=(),
        frames=frames,
        figures=tuple(figures),
        notes=tuple(notes),
    )


def training_view(
    kind: str, frames: Frames, record: TrainingRecord, of: Seen = "update ratio"
) -> Figure | str:
    """The figure of a kind, or why the training has none. `of` is what the heat map shows."""
    if kind == "layers":
        return layers_figure(frames, record, of)
    return TRAINING[kind].make(frames, record)


def subject(record: TrainingRecord) -> str:
    """What was trained: its name, the model and the optimizer."""
    if record.log is not None:
        return (
            record.model if record.name is None else f"{escaped(record.name, 80)}: {record.model}"
        )
    weights = sum(tensor.size for tensor in record.tensors)
    kinds = list(dict.fromkeys(group.optimizer for group in record.groups))
    said = [
        f"{record.model or 'tensors'}, {count(weights, 'weight')}",
        *([listed(kinds, most=3)] if kinds else []),
    ]
    name = [] if record.name is None else [escaped(record.name, 80)]
    return " \u00b7 ".join([*name, *said])
