"""All figures of a training, linked by one step cursor."""

from __future__ import annotations

from steepest.figures.fan import fan_figure
from steepest.figures.figure import Board
from steepest.figures.layers import layers_figure
from steepest.figures.training import training_figure, training_frames
from steepest.training import TrainingRecord
from steepest.wording import count, escaped, listed


def training_board(record: TrainingRecord) -> Board:
    """The board of a training; `notes` say which figure there is none of, and why."""
    frames = training_frames(record)
    figures = [training_figure(frames, record)]
    notes: list[str] = []
    if len(frames) and record.tensors:
        figures.append(layers_figure(frames, record))
    fan = fan_figure(frames, record)
    if isinstance(fan, str):
        notes.append(f"There is no fan figure. {fan}")
    else:
        figures.append(fan)
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


def subject(record: TrainingRecord) -> str:
    """What was trained: its name, the model and the optimizer."""
    weights = sum(tensor.size for tensor in record.tensors)
    kinds = list(dict.fromkeys(group.optimizer for group in record.groups))
    said = [
        f"{record.model or 'tensors'}, {count(weights, 'weight')}",
        *([listed(kinds, most=3)] if kinds else []),
    ]
    name = [] if record.name is None else [escaped(record.name, 80)]
    return " \u00b7 ".join([*name, *said])
