"""The command and the Python line that do the same again, with some options changed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from steepest.problem.options import Options
from steepest.records.problem import Problem


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


def typed(words: Sequence[str], given: Mapping[str, Any]) -> str:
    """What to type: these words and the options by their long names, quoted for a shell."""
    parts = list(words)
    for name, value in given.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            parts.append(flag)
        elif value is False:
            parts.append(f"--no-{flag[2:]}")
        elif name == "bounds":
            parts += [flag, _edges(value)]
        elif isinstance(value, Mapping):
            parts += [flag, _pairs(value)]
        elif isinstance(value, tuple):
            parts += [flag, ",".join(value)]
        elif value is not None:
            parts += [flag, number(value) if isinstance(value, float) else str(value)]
    return " ".join(shlex.quote(part) for part in parts)


def called(function: str, arguments: Sequence[str], given: Mapping[str, Any]) -> str:
    """The same as a call of the package; the arguments are Python already."""

    def plain(value: Any) -> str:
        if isinstance(value, Mapping):
            inner = ", ".join(f"{key!r}: {plain(item)}" for key, item in value.items())
            return "{" + inner + "}"
        return repr(value)

    named = [f"{name}={plain(value)}" for name, value in given.items()]
    return f"steepest.{function}({', '.join([*arguments, *named])})"


def command_line(command: str, data: str | None, formula: str, options: Options) -> str:
    """The command that fits a formula or minimizes an expression with these options."""
    return typed(["steepest", command, *([] if data is None else [data]), formula], options.given())


def python_line(
    command: str,
    data: str | None,
    formula: str,
    options: Options,
    columns: Sequence[str] | None = None,
) -> str:
    """The same in Python. Of data without a name, `columns` are those that it needs."""
    source = "data" if data is None else repr(data)
    if data is None and columns is not None and all(name.isidentifier() for name in columns):
        source = "{" + ", ".join(f'"{name}": {name}' for name in columns) + "}"
    arguments = [*([] if command == "minimize" else [source]), repr(formula)]
    return called(command, arguments, options.given())


def offered_lines(problem: Problem, data: str | None, options: Options) -> tuple[str, str]:
    """What to type for what is offered, and the same in Python.

    What was handed over in Python no command line can name: then both are the call.
    """
    named = problem.columns if problem.source == "mapping" else None
    in_python = python_line(problem.command, data, problem.formula, options, named)
    if data is None and problem.command == "fit":
        return in_python, in_python
    return command_line(problem.command, data, problem.formula, options), in_python
