"""Which classes are taken for which: a table of counts as a heat map."""

from __future__ import annotations

from typing import Final, TypedDict

import numpy as np

from steepest.records.arrays import Matrix, Steps, Vector
from steepest.records.training import TrainingRecord
from steepest.show.figures.figure import Axis, Figure, Frames
from steepest.words.wording import count, escaped, listed, percent


class ConfusionData(TypedDict):
    """What `confusion` draws: down what they are, across what the network says."""

    classes: list[str]
    counts: Matrix
    totals: Vector


MOST_CLASSES: Final = 14
LONGEST: Final = 40
"""Characters of a class."""
NAMED: Final = 2
"""Mistakes that the title names."""
TOLD: Final = 10
"""Mistakes that the words for who cannot see tell."""


def confusion_figure(frames: Frames, record: TrainingRecord) -> Figure | str:
    """Counts of rows (classes, classes): down what they are, across what the network says.

    Of many classes those that are mistaken most; why not, where there are no classes.
    """
    learned = record.learned
    if learned is None or learned.classes is None or learned.confusion is None:
        return "Only a network that tells classes has one."
    table = np.asarray(learned.confusion)
    names = [escaped(name, LONGEST) for name in learned.classes]
    kept = _mistaken(table)
    which = "held out" if learned.held_out else "learned from"
    title = _title(table, names, which)
    notes = []
    if len(kept) < len(names):
        inside = table[np.ix_(kept, kept)]
        missed = int(table.sum() - np.trace(table))
        seen = int(inside.sum() - np.trace(inside))
        notes.append(
            f"Drawn are the {len(kept)} of {count(len(names))} classes that are mistaken most, "
            f"with {count(seen)} of {count(missed, 'mistake')}."
        )
    return Figure(
        kind="confusion",
        title=title,
        text=_text(title, table, names),
        x=Axis("what the network says"),
        y=Axis("what it is"),
        frames=frames,
        data={
            "classes": [names[place] for place in kept],
            "counts": table[np.ix_(kept, kept)],
            "totals": table.sum(axis=1)[kept],
        },
        notes=tuple(notes),
    )


def _mistaken(table: Steps) -> list[int]:
    """The places of the classes with the most mistakes, in their own order."""
    if len(table) <= MOST_CLASSES:
        return list(range(len(table)))
    off = table - np.diag(np.diag(table))
    most = np.argsort(-(off.sum(axis=0) + off.sum(axis=1)), kind="stable")[:MOST_CLASSES]
    return sorted(most.tolist())


def _mistakes(table: Steps) -> list[tuple[int, int, int]]:
    """(how many, what they are, what the network says), the most frequent first."""
    found = [
        (int(table[row, column]), int(row), int(column))
        for row, column in np.argwhere(table > 0)
        if row != column
    ]
    return sorted(found, key=lambda mistake: (-mistake[0], mistake[1:]))


def _title(table: Steps, names: list[str], which: str) -> str:
    rows, right = int(table.sum()), int(np.trace(table))
    if not rows:
        return f"There are no rows {which} to tell apart."
    if right == rows:
        return f"All of {count(rows, 'row')} {which} are given their own class."
    said = f"Of {count(rows, 'row')} {which} {count(right)} are given their own class "
    said += f"({percent(right / rows, 3)})"
    found = _mistakes(table)
    most = found[0][0]
    often = [f"{names[row]} for {names[column]}" for many, row, column in found if many == most]
    if most == 1:
        return f"{said}; no mistake is made twice."
    times = "twice" if most == 2 else f"{count(most)} times"
    if len(often) > 1:
        times += " each"
    return f"{said}; most often it takes {listed(often, most=NAMED)}, {times}."


def _text(title: str, table: Steps, names: list[str]) -> str:
    told = [
        f"{names[row]} for {names[column]}: {count(many)}" for many, row, column in _mistakes(table)
    ]
    totals = table.sum(axis=1)
    shares = [
        f"{name} {percent(table[place, place] / totals[place], 3)}"
        for place, name in enumerate(names[:40])
        if totals[place]
    ]
    said = [title]
    if told:
        said.append(f"It takes {'; '.join(told[:TOLD])}.")
        if len(told) > TOLD:
            said.append(f"{count(len(told) - TOLD)} more kinds of mistakes are not told.")
    said.append(f"Found of each class: {', '.join(shares)}.")
    return " ".join(said)
