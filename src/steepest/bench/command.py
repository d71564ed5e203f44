"""The command and the Python line that do the same again, with some options changed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from steepest.bench.options import Options


def number(value: float) -> str:
    """The shortest text that reads back as the same number."""
    text = repr(float(value))
    return text[:-2] if text.endswith(".0") else text


def _pairs(values: Mapping[str, float]) -> str:
    return ",".join(f"{name}={number(value)}" for name, value in values.items())


def _edges(bounds: Mapping[str, tuple[float, float]]) -> str:
    def edge(value: float) -> str:
        return "" if value in (float("inf"), float("-inf")) else number(value)

    return ",".join(f"{name}={edge(low)}:{edge(high)}" for name, (low, high) in bounds.items())


def command_line(command: str, data: str | None, formula: str, options: Options) -> str:
    """What to type, quoted for a shell."""
    words = ["steepest", command, *([] if data is None else [data]), formula]
    for name, value in options.given().items():
        flag = "--" + name.replace("_", "-")
        if name == "remedies":
            words.append("--no-remedies")
        elif value is True:
            words.append(flag)
        elif name in ("start", "fix"):
            words += [flag, _pairs(value)]
        elif name == "bounds":
            words += [flag, _edges(value)]
        elif isinstance(value, float):
            words += [flag, number(value)]
        elif value is not None:
            words += [flag, str(value)]
    return " ".join(shlex.quote(word) for word in words)


def python_line(command: str, data: str | None, formula: str, options: Options) -> str:
    """The same as a call of the package."""

    def plain(value: Any) -> str:
        if isinstance(value, Mapping):
            inner = ", ".join(f"{key!r}: {plain(item)}" for key, item in value.items())
            return "{" + inner + "}"
        return repr(value)

    arguments = [] if command == "minimize" else ["data" if data is None else repr(data)]
    arguments.append(repr(formula))
    arguments += [f"{name}={plain(value)}" for name, value in options.given().items()]
    return f"steepest.{command}({', '.join(arguments)})"
