"""The Model Context Protocol, spoken on standard input and output with its official SDK."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import anyio
from mcp import types
from mcp.server import Server
from mcp.server.stdio import stdio_server

from steepest.agents.desk import MOST_SECONDS, Desk
from steepest.jobs.workers import BusyError, TooLongError, Workers
from steepest.methods.option import Option, options_of
from steepest.methods.options import SWEEP_OPTIONS, FitOptions
from steepest.words.errors import SteepestError, UsageError
from steepest.words.suggest import suggest
from steepest.words.version import version
from steepest.words.wording import escaped

_BESIDE: Final = 60.0
"""Seconds that measuring and trying remedies may take, beside the descent."""
_AT_ONCE: Final = 2

_ABOUT: Final = """\
A debugger for gradient descent. Every claim is a measurement; what was not measured is null, with
a reason. Answers are brief: the headline, findings with their codes, the change that helped most
(it was run). `rest` gives any part of the whole document by the names and sizes under `parts`;
`explain` gives the page about a code, with what to do. An error has problem, given, instead, and
its place in a formula. Nothing is written, unless the server was started with --keep."""

_Schema = Mapping[str, Any]

_TYPES: Final[Mapping[str, _Schema]] = {
    "whole": {"type": "integer"},
    "real": {"type": "number"},
    "truth": {"type": "boolean"},
    "rate": {"type": ["number", "string"]},
    "rate each": {"type": ["number", "string", "object"]},
    "rates": {"type": ["array", "string"]},
    "numbers": {"type": "object", "additionalProperties": {"type": "number"}},
    "pairs": {"type": "object", "additionalProperties": {"type": "array"}},
    "names": {"type": "array", "items": {"type": "string"}},
}


def _text(what: str) -> _Schema:
    return {"type": "string", "description": what}


def _schemas(options: Mapping[str, Option]) -> dict[str, _Schema]:
    """What each option is, for whoever fills it in."""
    return {
        name: {
            **_TYPES.get(one.kind, {"type": "string"}),
            "description": one.help,
            **({"enum": list(one.choices)} if one.choices else {}),
        }
        for name, one in options.items()
    }


@dataclass(frozen=True)
class _Tool:
    """What can be asked, by the name of a method of the desk."""

    says: str
    needs: Mapping[str, _Schema]
    takes: Mapping[str, _Schema]

    def schema(self) -> dict[str, Any]:
        properties = {**self.needs, **self.takes}
        needed = list(self.needs)
        return {
            "type": "object",
            "properties": properties,
            "required": needed,
            "additionalProperties": False,
        }

    def check(self, given: Mapping[str, Any]) -> None:
        """Raises UsageError for a name that is missing or not known."""
        known = [*self.needs, *self.takes]
        for name in given:
            if name not in known:
                near = suggest(name, known)
                hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(known)}."
                raise UsageError("There is no such argument.", given=escaped(name), instead=hint)
        for name, schema in self.needs.items():
            if name not in given:
                raise UsageError(f"{name} is missing.", instead=schema["description"])


_FITTED: Final[Mapping[str, _Schema]] = {
    "data": {
        "type": ["string", "object"],
        "additionalProperties": {"type": "array"},
        "description": "Path of a .csv, .tsv or .parquet file, or columns: names with values.",
    },
    "formula": _text(
        '"target ~ model"; names in it that are no columns are weights. Powers are **.'
    ),
}

TOOLS: Final = {
    "fit": _Tool(
        "Fit a formula to data by gradient descent: is the rate right, why, and what helps.",
        _FITTED,
        _schemas(options_of(FitOptions, "fit")),
    ),
    "minimize": _Tool(
        "Minimize an expression of its variables by gradient descent.",
        {"expression": _text('Such as "(1-x)**2 + 100*(y-x**2)**2".')},
        _schemas(options_of(FitOptions, "minimize")),
    ),
    "sweep": _Tool(
        "Try many learning rates on a fit: steps to the minimum by rate, and the limit.",
        _FITTED,
        _schemas(SWEEP_OPTIONS),
    ),
    "explain": _Tool(
        "The page about a code or a word of the field; without either, the list.",
        {},
        {"what": _text("Such as SD201 or gradient.")},
    ),
    "runs": _Tool("The runs that are kept, the newest first.", {}, {}),
    "show": _Tool(
        "A run that is kept; of one that goes on, what is known so far.",
        {"run": _text("Its id, or the beginning of it.")},
        {},
    ),
    "judge": _Tool(
        "Judge a training that is over from its log: CSV, JSON lines, TensorBoard events and more.",
        {"log": _text("Path of the log.")},
        {
            name: _text(f"Which column is the {what}; guessed without.")
            for name, what in (
                ("loss", "loss"),
                ("step", "step"),
                ("lr", "learning rate"),
                ("grad_norm", "gradient's norm"),
                ("validation", "loss on held-out rows"),
            )
        },
    ),
    "watched": _Tool("The newest training that runs under steepest.watch, so far.", {}, {}),
    "rest": _Tool(
        "A part of the whole document of a result or of a kept run.",
        {"result": _text("The result's name, or a run's id.")},
        {
            "part": _text('Its dotted path, such as "weights.a" or "remedies.0".'),
            "offset": {"type": "integer", "description": "Of a large part: where to go on."},
        },
    ),
}


def serve(desk: Desk, *, keep: bool) -> None:
    """Answer until standard input ends."""
    anyio.run(partial(_serve, desk, keep=keep))


async def _serve(desk: Desk, *, keep: bool) -> None:
    workers = Workers(_AT_ONCE)
    hints = types.ToolAnnotations(
        read_only_hint=not keep, destructive_hint=False, open_world_hint=False
    )
    listed = [
        types.Tool(name=name, description=one.says, input_schema=one.schema(), annotations=hints)
        for name, one in TOOLS.items()
    ]

    async def tools(context: Any, asked: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=listed)

    async def call(context: Any, asked: types.CallToolRequestParams) -> types.CallToolResult:
        try:
            work = _work(desk, asked.name, asked.arguments or {})
            return _told(await workers.run(work, MOST_SECONDS + _BESIDE))
        except SteepestError as error:
            return _told({"error": error.to_dict()}, at_fault=True)
        except (TooLongError, BusyError):
            late = UsageError(
                "This takes too long for an answer.",
                instead="Give fewer rows, weights or steps, or remedies=false.",
            )
            return _told({"error": late.to_dict()}, at_fault=True)

    server = Server(
        "steepest",
        version=version(),
        instructions=_ABOUT,
        on_list_tools=tools,
        on_call_tool=call,
    )
    async with stdio_server() as (asked, answered):
        await server.run(asked, answered, server.create_initialization_options())


def _work(desk: Desk, name: str, given: Mapping[str, Any]) -> Callable[[], dict[str, Any]]:
    """What is to be done. Raises UsageError."""
    if name not in TOOLS:
        raise UsageError(
            "There is no such tool.", given=escaped(name), instead=f"There are {', '.join(TOOLS)}."
        )
    TOOLS[name].check(given)
    work: Callable[[], dict[str, Any]] = partial(getattr(desk, name), **given)
    return work


def _told(answer: dict[str, Any], *, at_fault: bool = False) -> types.CallToolResult:
    text = json.dumps(answer, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)],
        structured_content=json.loads(text),
        is_error=at_fault,
    )
