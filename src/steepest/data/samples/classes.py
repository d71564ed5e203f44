"""Labels to classes: which there are, in what order, and the place of each row's."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from steepest.data.table.cells import is_number
from steepest.data.table.labels import LARGEST, Labels, in_order
from steepest.data.table.wording import nearest, quoted
from steepest.words.errors import InputError
from steepest.words.wording import count, listed

MOST_CLASSES = 1_000

_OF_NUMBERS = "To predict a number and not a class, choose a loss for numbers: --loss mse."
_INFINITE = frozenset(sign + word for sign in ("", "+", "-") for word in ("inf", "infinity"))


def class_labels(labels: Labels, of: str) -> Labels:
    """Labels (rows,) as names of classes: 3, 3.0 and 03 are one where all are whole numbers.

    A label that is an infinite number is missing, where the others are numbers. `of` is how a
    sentence names the column. Raises InputError for numbers that are not whole.
    """
    distinct = {label for label in labels.tolist() if label is not None}
    finite = {label for label in distinct if label.lower() not in _INFINITE}
    if not finite or not all(is_number(label) for label in finite):
        return labels
    broken = next((x for x in labels.tolist() if x in finite and not _is_whole(x)), None)
    if broken is not None:
        raise InputError(
            f"{of} holds numbers that are not whole, so they name no classes.",
            given=quoted(broken),
            instead=_OF_NUMBERS,
        )
    # Whole numbers too long for a float stay as they are written: they are names, such as ids.
    short = all(abs(float(label)) < LARGEST for label in finite)
    names = {label: str(int(float(label))) if short else label for label in finite}
    chosen = np.empty(len(labels), dtype=object)
    chosen[:] = [names.get(label) for label in labels.tolist()]
    return chosen


def check_classes(classes: Sequence[str], of: str) -> None:
    """Raise InputError unless there are at least two classes, and no more than MOST_CLASSES."""
    if len(classes) < 2:
        raise InputError(
            f"{of} holds one class only, so there is nothing to tell apart.",
            given=quoted(classes[0]),
            instead="Give rows of at least two classes.",
        )
    if len(classes) > MOST_CLASSES:
        raise InputError(
            f"{of} holds {count(len(classes))} different values, which is too many for classes: "
            f"at most {count(MOST_CLASSES)}.",
            given=listed([quoted(name) for name in classes], most=3),
            instead=_OF_NUMBERS if _is_whole(classes[0]) else "Name a column that has fewer.",
        )


def places(labels: Labels, classes: tuple[str, ...], of: str) -> NDArray[np.int32]:
    """Labels (rows,), none missing, to their places in `classes`.

    Raises InputError for a label that is none of them.
    """
    place = {name: number for number, name in enumerate(classes)}
    unseen = in_order(label for label in labels.tolist() if label not in place)
    if unseen:
        raise InputError(
            f"{of} holds {'a class' if len(unseen) == 1 else 'classes'} never seen in training.",
            given=listed([quoted(name) for name in unseen], most=3),
            instead=nearest(unseen[0], classes)
            or f"The classes are {listed([quoted(name) for name in classes], most=10)}.",
        )
    return np.array([place[label] for label in labels.tolist()], dtype=np.int32)


def _is_whole(label: str) -> bool:
    if not is_number(label):
        return False
    value = float(label)
    return math.isfinite(value) and value.is_integer()
