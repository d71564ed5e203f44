"""What is chosen by a name, and how a name that somebody writes is understood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from steepest.words.errors import UsageError
from steepest.words.suggest import suggest
from steepest.words.wording import escaped


class Named(Protocol):
    """Something that is chosen by its name."""

    @property
    def name(self) -> str:
        """Its own name."""

    @property
    def synonyms(self) -> tuple[str, ...]:
        """What other libraries call it, where they mean the same."""


@dataclass(frozen=True)
class Word:
    """A name with nothing more to know."""

    name: str
    synonyms: tuple[str, ...] = ()


One = TypeVar("One", bound=Named)


def by_name(records: Sequence[One]) -> dict[str, One]:
    """The records by their own names."""
    return {record.name: record for record in records}


def canonical(records: Mapping[str, Named], given: str) -> str | None:
    """The name that is meant, by a synonym too and in any case; None where none is.

    >>> from steepest.methods.optimizers import OPTIMIZER
    >>> canonical(OPTIMIZER, "SGD"), canonical(OPTIMIZER, "adan")
    ('gd', None)
    """
    plain = given.strip().lower().replace("_", "-")
    for name, record in records.items():
        if plain == name or plain in record.synonyms:
            return name
    return None


def nearest(records: Mapping[str, Named], given: str) -> str | None:
    """The name that may have been meant by one that is none."""
    known = [word for name, record in records.items() for word in (name, *record.synonyms)]
    near = suggest(given, known, count=1)
    return canonical(records, near[0]) if near else None


def not_known(what: str, records: Mapping[str, Named], given: str) -> UsageError:
    """The error for a name that is none of these, with the nearest one."""
    near = nearest(records, given)
    hint = "" if near is None else f"Did you mean {near}? "
    return UsageError(
        what, given=escaped(given), instead=f"{hint}Write one of {', '.join(records)}."
    )
