"""Errors that a user can act on: what was wrong, what was given, what to write instead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from steepest.words.wording import LONGEST_PATH, escaped


class SteepestError(Exception):
    """Base of every error that Steepest raises on purpose.

    The message is one or two plain sentences. `given` and `instead` are kept apart so
    that a terminal, a notebook and a web page can each show them in their own way.
    """

    exit_code = 1
    kind = "input"

    def __init__(self, problem: str, *, given: str | None = None, instead: str | None = None):
        self.problem = problem
        # It may come from outside: nothing in it breaks the line, or steers a terminal.
        self.given = None if given is None else escaped(given, LONGEST_PATH)
        self.instead = instead
        super().__init__(self.message)

    @property
    def sentence(self) -> str:
        """The whole message on one line."""
        parts = [self.problem]
        if self.given is not None:
            parts.append(f"Given: {self.given}.")
        if self.instead is not None:
            parts.append(self.instead)
        return " ".join(parts)

    @property
    def message(self) -> str:
        """The whole message, on one line unless a formula is pointed at."""
        return self.sentence

    def to_dict(self) -> dict[str, Any]:
        """What a program is told: every error has these keys."""
        return {
            "kind": self.kind,
            "message": self.sentence,
            "problem": self.problem,
            "given": self.given,
            "instead": self.instead,
            "exit_code": self.exit_code,
            "place": None,
        }


class InputError(SteepestError):
    """The data, the formula or a value is at fault (exit code 1)."""


class UsageError(SteepestError):
    """The command line or the call is at fault (exit code 2)."""

    exit_code = 2
    kind = "usage"


class NotInstalledError(UsageError, ImportError):
    """A library that Steepest does without until it is used is not installed (exit code 2)."""

    kind = "not installed"


@contextmanager
def needing(module: str, problem: str, *, install: str) -> Iterator[None]:
    """Imports in this context are of a library that Steepest does without until it is used.

    Where `module` is missing, raises NotInstalledError with the problem and what pip is to
    install. A library that is there and breaks raises what it raises.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != module:
            raise
        raise NotInstalledError(
            f"{problem}, which is not installed.",
            instead=f'Install it with pip install "{install}".',
        ) from error


class StoreError(SteepestError):
    """The store of runs cannot be read or written (exit code 1). A run in memory is not lost.

    `is_of_the_file`: what the file is, is at fault, such as another format; else it is the disk
    or a permission.
    """

    kind = "store"

    def __init__(
        self,
        problem: str,
        *,
        given: str | None = None,
        instead: str | None = None,
        is_of_the_file: bool = False,
    ):
        self.is_of_the_file = is_of_the_file
        super().__init__(problem, given=given, instead=instead)


class FetchError(SteepestError):
    """A file cannot be fetched from the network, or not be kept (exit code 1)."""

    kind = "fetch"


class DataWarning(UserWarning):
    """Data can be read in more than one way, and it says which was taken."""


class StoreWarning(UserWarning):
    """A run could not be kept, or computes differently here than where it was made."""


class FormulaError(InputError):
    """A formula that cannot be read. Points at the place with a caret.

    `column` counts characters of `formula` from 0.
    """

    kind = "formula"

    def __init__(
        self,
        problem: str,
        *,
        formula: str,
        column: int | None = None,
        length: int = 1,
        instead: str | None = None,
    ):
        self.formula = formula
        self.column = column
        self.length = length
        super().__init__(problem, instead=instead)

    @property
    def message(self) -> str:
        """The message, then the formula with a caret under the place."""
        text = self.sentence
        if self.column is None:
            return text
        start = max(0, self.column - 50)
        shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in self.formula)
        window = shown[start : self.column + 50]
        caret = " " * (self.column - start) + "^" * max(1, min(self.length, 50))
        return f"{text}\n  {window}\n  {caret}"

    def to_dict(self) -> dict[str, Any]:
        """The same, with the place in the formula."""
        place = {"formula": self.formula, "column": self.column, "length": self.length}
        return super().to_dict() | {"place": None if self.column is None else place}


class LostProcessError(SteepestError):
    """Another process of the same job ended or cannot be reached (exit code 1)."""

    kind = "lost process"
