"""What is known of an option, wherever it is written: its kind, its default, what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal

from steepest.methods.names import Named

# fmt: off
Kind = Literal["text", "whole", "real", "truth", "choice", "rate", "rates", "rate each", "numbers",
               "pairs", "names", "network"]
# fmt: on
"""`numbers` and `pairs` are by weight, and so may a `rate each` be; `names` are of columns; `rates`
are LOW:HIGH:COUNT."""

Job = Literal["fit", "minimize", "sweep", "train", "lab"]

_KEY: Final = "option"


@dataclass(frozen=True)
class Option:
    """An option of a job."""

    help: str
    kind: Kind
    default: Any = None
    example: str = ""
    """A value as it is written in Python."""
    metavar: str = ""
    """What stands for its value on the command line."""
    unset: str = ""
    """What happens where it is not given, if no default says so."""
    choices: Mapping[str, Named] | None = None
    refused: str = ""
    """The sentence about a name that is no choice."""
    least: int | None = None
    serves: tuple[Job, ...] = ()
    synonyms: tuple[str, ...] = ()
    told: str = ""
    """Its section in the docs, in Markdown, with an example; not for those told there by hand."""


class Asked:
    """A record of options, as they were read."""

    lr: Any

    @property
    def rate(self) -> float | None:
        """The learning rate as a number, None where it is to be chosen.

        Where each weight has its own, the largest of them.
        """
        if self.rates:
            return max(self.rates.values())
        return None if self.lr is None or self.lr == "auto" else float(self.lr)

    @property
    def rates(self) -> Mapping[str, float]:
        """The learning rate of each weight; empty where all have the same."""
        return self.lr if isinstance(self.lr, Mapping) else {}

    def given(self) -> dict[str, Any]:
        """The options that differ from their defaults, for a command that does the same."""
        plain = type(self)()
        return {
            name: getattr(self, name)
            for name in options_of(type(self))
            if getattr(self, name) != getattr(plain, name)
        }


def option(default: Any, help: str, kind: Kind, **more: Any) -> Any:
    """A field of a record of options."""
    found = Option(help, kind, default, **more)
    keep: Any = {"metadata": {_KEY: found}}
    if isinstance(default, dict):
        return field(default_factory=dict, **keep)
    return field(default=default, **keep)


def options_of(record: type, job: Job | None = None) -> dict[str, Option]:
    """The options that are fields of a record, by name; those of one job."""
    found = {item.name: item.metadata[_KEY] for item in fields(record)}
    return {name: one for name, one in found.items() if job is None or job in one.serves}


def flag(name: str) -> str:
    """The option as it is written on the command line.

    >>> flag("batch_size")
    '--batch-size'
    """
    return "--" + name.replace("_", "-")
