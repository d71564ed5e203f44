"""Which column of a log is the loss, the step, the learning rate: named by the user, or guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from steepest.data.logs.table import LogTable
from steepest.words.errors import UsageError
from steepest.words.wording import escaped, listed

Role = Literal["loss", "step", "lr", "grad_norm", "validation"]

_OPTIONS: Final[Mapping[Role, str]] = {
    "loss": "--loss",
    "step": "--step",
    "lr": "--lr",
    "grad_norm": "--grad-norm",
    "validation": "--validation",
}

_HELD_OUT: Final = {"val", "valid", "validation", "eval", "evaluation", "test", "dev", "holdout"}

_LEARNED_FROM: Final = {"train", "training", "trainer", "metrics"}
"""Words that say no more than that it is of the training."""

_LOSS: Final = (("loss",), ("loss", "step"), ("total", "loss"), ("loss", "total"),
                ("batch", "loss"), ("loss", "batch"),
                ("epoch", "loss"), ("loss", "epoch"), ("mse",), ("nll",))  # fmt: skip
_STEP: Final = (("step",), ("global", "step"), ("iteration",), ("iter",), ("iterations",),
                ("update",), ("batch",), ("epoch",))  # fmt: skip
_RATE: Final = (("lr",), ("learning", "rate"), ("learningrate",), ("lr", "pg0"), ("lr", "0"))
_NORM: Final = (("grad", "norm"), ("gradient", "norm"), ("gnorm",), ("gradnorm",),
                ("grad", "norm", "total"), ("grad", "2", "0", "norm", "total"),
                ("total", "grad", "norm"), ("grad", "norm", "step"))  # fmt: skip

_MOST_NAMED: Final = 8


@dataclass(frozen=True)
class ChosenColumns:
    """The columns that are read, by what they are."""

    columns: Mapping[Role, str]
    guessed: tuple[Role, ...]
    """Those of them that the user did not name."""


def chosen_columns(table: LogTable, named: Mapping[Role, str | None]) -> ChosenColumns:
    """The column of each role, named or guessed. Raises UsageError without a loss."""
    found: dict[Role, str] = {}
    for role, name in named.items():
        if name is not None:
            found[role] = _existing(table, role, name)
    given = set(found)
    free = [name for name in table.columns if name not in found.values()]
    guesses: Mapping[Role, tuple[Sequence[tuple[str, ...]], bool]] = {
        "loss": (_LOSS, False),
        "validation": (_LOSS, True),
        "step": (_STEP, False),
        "lr": (_RATE, False),
        "grad_norm": (_NORM, False),
    }
    for role, (forms, held_out) in guesses.items():
        if role in found:
            continue
        guess = _guess(table, free, forms, held_out)
        if guess is None and role == "lr":
            guess = _first_rate(free)
        if guess is None and role in ("loss", "validation"):
            guess = _only_loss(free, held_out)
        if guess is not None:
            found[role] = guess
            free.remove(guess)
    if "loss" not in found:
        names = [escaped(name, 40) for name in table.columns]
        raise UsageError(
            "Which column is the loss cannot be told from the names.",
            given=listed(names, most=_MOST_NAMED),
            instead="Name it with --loss COLUMN.",
        )
    return ChosenColumns(found, tuple(role for role in found if role not in given))


def words_of(name: str) -> tuple[str, ...]:
    """The words of a column's name, in small letters.

    >>> words_of("train/grad_norm"), words_of("lr-AdamW"), words_of("brisk-sun-7 - valLoss")
    (('train', 'grad', 'norm'), ('lr', 'adam', 'w'), ('val', 'loss'))
    """
    name = name.rpartition(" - ")[2]  # Weights & Biases puts the run's name before it
    parts = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return tuple(part for part in re.split(r"[^a-z0-9]+", parts.lower()) if part)


def _existing(table: LogTable, role: Role, name: str) -> str:
    if name in table.columns:
        return name
    ends = [one for one in table.columns if one.rpartition(" - ")[2] == name]
    if len(ends) == 1:
        return ends[0]
    raise UsageError(
        f"The log has no column of numbers that {_OPTIONS[role]} names.",
        given=name[:80],
        instead=f"It has {listed([escaped(one, 40) for one in table.columns], most=_MOST_NAMED)}.",
    )


def _guess(
    table: LogTable, free: Sequence[str], forms: Sequence[tuple[str, ...]], held_out: bool
) -> str | None:
    """The column whose name is one of the forms; of several the form that comes first."""
    ranked = []
    for place, name in enumerate(free):
        words = words_of(name)
        if bool(_HELD_OUT & set(words)) is not held_out:
            continue
        core = tuple(word for word in words if word not in (_LEARNED_FROM | _HELD_OUT))
        if core in forms:
            many = int(np.count_nonzero(table.columns[name].told))
            ranked.append((many <= 1, forms.index(core), -many, len(words), place, name))
    return min(ranked)[-1] if ranked else None


def _first_rate(free: Sequence[str]) -> str | None:
    """Of several groups' rates the first, as Lightning names them after the optimizer."""
    return next((name for name in free if words_of(name)[:1] == ("lr",)), None)


def _only_loss(free: Sequence[str], held_out: bool) -> str | None:
    """A name with the word loss in it, where there is just one."""
    found = [
        name
        for name in free
        if "loss" in words_of(name) and bool(_HELD_OUT & set(words_of(name))) is held_out
    ]
    return found[0] if len(found) == 1 else None
