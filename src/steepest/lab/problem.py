"""A problem as the page states it: read from JSON, checked, and with a key to keep answers by."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

import orjson

from steepest.methods.option import options_of
from steepest.problem.options import Options, check, read_options
from steepest.records.choices import Command
from steepest.words.errors import InputError, UsageError

OPTIONS: Final = tuple(options_of(Options, "lab"))
"""Fields of a problem that are options of the command line by the same name."""

_MOST_STEPS: Final = 10_000_000
"""Of one descent in the lab; the command line has no such limit."""

_LONGEST_NAME: Final = 100
_SHOWN: Final = 60


@dataclass(frozen=True)
class Asked:
    """A problem that somebody asked about."""

    command: Command
    formula: str
    options: Options
    example: str | None
    upload: str | None

    def to_dict(self) -> dict[str, Any]:
        """The problem in terms of JSON, every field in it."""
        chosen = {name: getattr(self.options, name) for name in OPTIONS}
        return {
            "example": self.example,
            "upload": self.upload,
            "command": self.command,
            "formula": self.formula,
            **chosen,
            "lr": "auto" if self.options.rate is None else self.options.rate,
            "loss": self.options.loss if self.command == "fit" else None,
            "start": dict(self.options.start),
        }

    def key(self, *without: str) -> bytes:
        """The same for problems that are the same but for the fields `without`."""
        fields = {name: value for name, value in self.to_dict().items() if name not in without}
        return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


@dataclass(frozen=True)
class Example:
    """A problem to begin with, what it is called, and what one learns from it."""

    id: str
    title: str
    says: str
    problem: Asked
    data: bytes | None
    name: str | None
    """Of the file with the data."""


@cache
def examples() -> Mapping[str, Example]:
    """The examples by their ids, in the order in which they are offered."""
    folder = resources.files("steepest.lab") / "examples"
    listed = tomllib.loads((folder / "examples.toml").read_text("utf-8"))["example"]
    found = {}
    for given in listed:
        name = given.get("data")
        problem = Asked(
            command="minimize" if name is None else "fit",
            formula=given["formula"],
            options=read_options({key: given[key] for key in OPTIONS if key in given}),
            example=given["id"],
            upload=None,
        )
        data = None if name is None else (folder / name).read_bytes()
        found[problem.example or ""] = Example(
            given["id"], given["title"], given["says"], problem, data, name
        )
    return found


def read_problem(given: Mapping[str, Any]) -> Asked:
    """A problem from its fields. Raises SteepestError.

    What is left out is that of the example, else the default of the command line.
    """
    example = _named(given, "example")
    upload = _named(given, "upload")
    fields = dict(given)
    if example is not None:
        if example not in examples():
            raise InputError(
                "There is no such example.",
                given=shown(example),
                instead=f"The examples are {', '.join(examples())}.",
            )
        fields = {**examples()[example].problem.to_dict(), **given}
    command = _command(fields.get("command") or ("fit" if upload is not None else "minimize"))
    formula = fields.get("formula")
    if not isinstance(formula, str) or not formula.strip():
        raise InputError("formula must be text that is not empty.", given=shown(formula))
    has_data = upload is not None or (example is not None and examples()[example].data is not None)
    if command == "fit" and not has_data:
        raise InputError(
            "A fit needs data.", instead="Name an example that has some, or upload a file."
        )
    given_options = {name: fields[name] for name in OPTIONS if fields.get(name) is not None}
    if command == "minimize":
        given_options.pop("loss", None)
    options = read_options(given_options)
    check(options)
    if options.rates:
        raise UsageError(
            "The lab takes one learning rate for all weights.",
            given=", ".join(f"{shown(name)}: {rate:g}" for name, rate in options.rates.items())[
                :60
            ],
            instead="The command line takes one for each.",
        )
    if options.steps > _MOST_STEPS:
        raise UsageError(
            f"The lab takes at most {_MOST_STEPS:,} steps.",
            given=f"{options.steps:.6g}",
            instead="The command line has no such limit.",
        )
    return Asked(
        command=command,
        formula=formula.strip(),
        options=options,
        example=example,
        upload=upload,
    )


def _command(given: Any) -> Command:
    if given == "fit":
        return "fit"
    if given == "minimize":
        return "minimize"
    raise UsageError("command must be fit or minimize.", given=shown(given))


def _named(given: Mapping[str, Any], field: str) -> str | None:
    name = given.get(field)
    if name is None:
        return None
    if not isinstance(name, str) or not name or len(name) > _LONGEST_NAME:
        raise InputError(f"{field} must be a name, or null.", given=shown(name))
    return name


def shown(value: Any) -> str:
    """A value from outside as a message shows it."""
    text = ascii(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
