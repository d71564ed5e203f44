"""What was sent to a route, read and checked: nothing that arrives is trusted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request

from steepest.jobs.live import Window
from steepest.lab.problem import shown
from steepest.words.errors import InputError, UsageError

MOST_BYTES: Final = 20_000_000
"""Of an upload."""
MOST_JSON: Final = 100_000
READ_SECONDS: Final = 30.0
"""For a whole body."""

LONGEST_TAB: Final = 64
LONGEST_TURN: Final = 2**53

JSON: Final = "application/json"


async def body(request: Request, most: int) -> bytes:
    """The body, at most so many bytes of it. Raises HTTPException."""
    # Told before it is sent: what is too large or without an end is not even read.
    length = request.headers.get("content-length")
    if length is None or not length.isdecimal():
        raise HTTPException(411, "The lab needs to know how long a request is (Content-Length).")
    if int(length[:20]) > most:
        raise HTTPException(413, _too_large(most))
    parts, size = [], 0
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise HTTPException(413, _too_large(most))
                parts.append(part)
    except TimeoutError:
        raise HTTPException(408, "The request took too long to arrive.") from None
    return b"".join(parts)


def _too_large(most: int) -> str:
    return f"This is more than the lab takes at once: {most:,} bytes."


def has_type(request: Request, wanted: str) -> None:
    """Refuse a body of another type. Raises HTTPException."""
    given = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if given != wanted:
        raise HTTPException(415, f"The lab takes {wanted} here (Content-Type).")


async def fields(request: Request) -> dict[str, Any]:
    """The fields of a JSON object. Raises HTTPException and SteepestError."""
    has_type(request, JSON)
    content = await body(request, MOST_JSON)
    try:
        given = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise InputError("The request is not JSON.") from None
    if not isinstance(given, dict):
        raise InputError("The request must be a JSON object.")
    return given


def turn_of(given: Mapping[str, Any]) -> tuple[str, int] | None:
    """Which tab asks, and how often it has: (tab, turn)."""
    tab, turn = given.get("tab"), given.get("turn")
    if tab is None and turn is None:
        return None
    is_whole = isinstance(turn, int) and not isinstance(turn, bool)
    if not isinstance(tab, str) or len(tab) > LONGEST_TAB or not is_whole:
        raise UsageError(
            "tab must be a short text and turn a whole number.", given=shown([tab, turn])
        )
    assert isinstance(turn, int)
    if abs(turn) > LONGEST_TURN:
        raise UsageError("turn is too large.", given=shown(turn))
    return tab, turn


def drag_of(given: Any) -> dict[str, float] | None:
    """Where a start was dragged to, by weight. Raises UsageError."""
    if given is None:
        return None
    if not isinstance(given, dict) or not all(_is_number(value) for value in given.values()):
        raise UsageError("drag must be numbers by weight.", given=shown(given))
    return {name: float(value) for name, value in given.items()}


def moved_row(given: Mapping[str, Any]) -> tuple[int, float]:
    """A row, counted from 0, and the target that it is to have. Raises UsageError."""
    match given:
        case {"row": int() as row, "value": int() | float() as value}:
            if not isinstance(row, bool) and not isinstance(value, bool):
                return row, float(value)
    raise UsageError(
        "row must be a whole number and value a number.",
        given=shown([given.get("row"), given.get("value")]),
    )


def plane_of(given: Any) -> Window | None:
    """The plane of a contour, None for the most telling one. Raises UsageError."""
    if given is None:
        return None
    wrong = UsageError(
        "plane must name two different weights, with the lowest and the highest of each.",
        given=shown(given),
        instead='For example {"weights": ["a", "c"], "x": [0, 1], "y": [-1, 1]}.',
    )
    if not isinstance(given, dict):
        raise wrong
    match given.get("weights"):
        case [str(first), str(second)] if first != second:
            x, y = _span(given.get("x")), _span(given.get("y"))
            if x is not None and y is not None:
                return Window((first, second), x, y)
    raise wrong


def _span(given: Any) -> tuple[float, float] | None:
    match given:
        case [int() | float() as low, int() | float() as high] if -1e300 <= low < high <= 1e300:
            return float(low), float(high)
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
