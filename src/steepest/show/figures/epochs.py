"""A training by epoch: the loss on what is learned from and on rows held out, and accuracy."""

from __future__ import annotations

import math
from typing import Final, TypedDict

import numpy as np

from steepest.records.arrays import Vector
from steepest.records.training import Epoch, Learned, TrainingRecord
from steepest.show.figures.figure import Axis, Figure, Frames, curve
from steepest.show.figures.loss import loss_scale
from steepest.show.figures.training import evenly
from steepest.words.wording import count, number, percent, together


class EpochsData(TypedDict):
    """What `epochs` draws; `step` is how many steps had been taken at the end of each."""

    epoch: list[int]
    step: list[int]
    loss: Vector
    held_out: Vector | None
    accuracy: Vector | None
    held_out_accuracy: Vector | None
    best: int | None


MOST_EPOCHS: Final = 400


def epochs_figure(frames: Frames, record: TrainingRecord) -> Figure | str:
    """Two plots over the epochs: the losses, and of classes the accuracies below them.

    Why not, where no epoch was finished. `best` is the epoch whose weights were kept.
    """
    learned = record.learned
    if learned is None:
        return "Only a training by steepest.train has epochs."
    every = learned.epochs
    if not every:
        return "No epoch was finished."
    best = next((epoch for epoch in every if epoch.number == learned.best), None)
    shown = _shown(every, best)
    loss = np.array([epoch.loss for epoch in shown])
    held_out = _column([epoch.validation_loss for epoch in shown])
    accuracy = _column([epoch.accuracy for epoch in shown])
    title = _title(every, best)
    notes = ["The loss of an epoch is the mean over its batches, each before its step."]
    if len(shown) < len(every):
        notes.append(f"Drawn are {count(len(shown))} of {count(len(every), 'epoch')}.")
    drawn = loss if held_out is None else np.concatenate([loss, held_out])
    return Figure(
        kind="epochs",
        title=title,
        text=_text(title, learned, every, best),
        x=Axis("epoch"),
        y=Axis("loss", loss_scale(drawn)),
        z=None if accuracy is None else Axis("right"),
        frames=frames,
        data={
            "epoch": [epoch.number for epoch in shown],
            "step": [epoch.step for epoch in shown],
            "loss": curve(loss),
            "held_out": None if held_out is None else curve(held_out),
            "accuracy": None if accuracy is None else curve(accuracy),
            "held_out_accuracy": _short([epoch.validation_accuracy for epoch in shown]),
            "best": None if best is None else best.number,
        },
        notes=tuple(notes),
    )


def _shown(every: tuple[Epoch, ...], best: Epoch | None) -> list[Epoch]:
    places = set(evenly(len(every), MOST_EPOCHS).tolist())
    return [epoch for place, epoch in enumerate(every) if place in places or epoch is best]


def _column(values: list[float | None]) -> Vector | None:
    """One number an epoch, NaN where there is none; None where there is none at all."""
    if all(value is None for value in values):
        return None
    return np.array([math.nan if value is None else value for value in values])


def _short(values: list[float | None]) -> Vector | None:
    found = _column(values)
    return None if found is None else np.asarray(curve(found))


def _title(every: tuple[Epoch, ...], best: Epoch | None) -> str:
    first, last = every[0], every[-1]
    if len(every) == 1:
        said = f"In the first epoch the loss is {number(first.loss, 4)}"
    elif not (math.isfinite(first.loss) and math.isfinite(last.loss)):
        said = f"In {count(len(every), 'epoch')} the loss goes from {number(first.loss, 4)} to one "
        said += f"that is {number(last.loss, 4)}"
    else:
        word = "falls" if last.loss < first.loss else "grows"
        before, after = together(first.loss, last.loss)
        said = f"In {count(len(every), 'epoch')} the loss {word} from {before} to {after}"
    if best is None or best.validation_loss is None:
        return f"{said}."
    low = number(best.validation_loss, 4)
    right = ""
    if best.validation_accuracy is not None:
        right = f", with {percent(best.validation_accuracy, 3)} right"
    where = f"after epoch {count(best.number)}"
    if best is last:
        where += ", the last"
    return f"{said}; on the rows held out it is lowest {where}: {low}{right}."


def _text(title: str, learned: Learned, every: tuple[Epoch, ...], best: Epoch | None) -> str:
    said = [title]
    last = every[-1]
    if best is not None and best is not last and last.validation_loss is not None:
        said.append(
            f"After the last epoch it is {number(last.validation_loss, 4)}; the weights of epoch "
            f"{count(best.number)} were kept."
        )
    if last.accuracy is not None:
        known = f"{percent(last.accuracy, 3)} of the rows that are learned from"
        if last.validation_accuracy is not None:
            known += f" and {percent(last.validation_accuracy, 3)} of those held out"
        said.append(f"In the last epoch {known} are right.")
    said.append(f"Learned from are {count(learned.rows, 'row')}, held out {learned.held_out:,}.")
    return " ".join(said)
