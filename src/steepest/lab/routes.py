"""The lab's routes: each reads what was sent, has it computed, and answers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import wraps
from importlib import resources
from typing import Any, Final, TypeVar
from urllib.parse import quote

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from steepest.bench.live import Window
from steepest.errors import FormulaError, InputError, SteepestError, StoreError, UsageError
from steepest.lab.answers import Answers
from steepest.lab.guard import refusal
from steepest.lab.problem import examples, read_problem, shown
from steepest.lab.runs import NoSuchRunError, Runs
from steepest.lab.uploads import Uploads, file_name
from steepest.lab.work import BusyError, GoneError, SupersededError, TooLongError, Turns, Workers

MOST_BYTES: Final = 20_000_000
"""Of an upload."""
MOST_JSON: Final = 100_000
READ_SECONDS: Final = 30.0
"""For a whole body."""

LIVE_SECONDS: Final = 2.0
PREPARE_SECONDS: Final = 20.0
BOARD_SECONDS: Final = 20.0
REMEDIES_SECONDS: Final = 30.0
RUNS_SECONDS: Final = 10.0
UPLOAD_SECONDS: Final = 20.0

LONGEST_TAB: Final = 64
LONGEST_TURN: Final = 2**53

JSON: Final = "application/json"
_TYPES: Final = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".map": JSON,
}

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Response]]


class Lab:
    """The state of a lab while it runs, and its routes."""

    def __init__(self, runs: Runs, cores: int | None = None) -> None:
        at_once = cores or os.cpu_count() or 1
        self.uploads = Uploads()
        self.answers = Answers(self.uploads)
        self._runs = runs
        self._static = static_files()
        self._turns = Turns()
        # Dragging never waits for what takes seconds.
        self._quick = Workers(at_once)
        self._slow = Workers(max(1, at_once // 2))

    def app(self) -> Starlette:
        """The routes as an application."""
        routes = [
            Route("/", _told(self.page)),
            Route("/static/{name}", _told(self.static)),
            Route("/api/examples", _told(self.examples)),
            Route("/api/examples/{name}/data", _told(self.example_data)),
            Route("/api/upload", _told(self.upload), methods=["POST"]),
            Route("/api/live", _told(self.live), methods=["POST"]),
            Route("/api/board", _told(self.board), methods=["POST"]),
            Route("/api/remedies", _told(self.remedies), methods=["POST"]),
            Route("/api/race", _told(self.race), methods=["POST"]),
            Route("/api/report", _told(self.report), methods=["POST"]),
            Route("/api/runs", _told(self.runs)),
            Route("/api/runs/{run}", _told(self.run), methods=["GET"]),
            Route("/api/runs/{run}", _told(self.delete), methods=["DELETE"]),
            Route("/api/runs/{run}/report", _told(self.run_report)),
            Route("/api/runs/{run}/export", _told(self.run_export)),
        ]
        app = Starlette(routes=routes, exception_handlers={HTTPException: _no_such})
        app.router.redirect_slashes = False
        return app

    async def warm(self) -> None:
        """Prepare the first example, so that the first visitor does not wait for compilers."""
        problem = next(iter(examples().values())).problem
        with suppress(SteepestError, BusyError, TooLongError):
            await self._quick.run(lambda: self.answers.live(problem), PREPARE_SECONDS)
            await self._slow.run(lambda: self.answers.board(problem), BOARD_SECONDS)

    async def end(self, seconds: float) -> None:
        """Stop what is computing, and wait for it so long."""
        await asyncio.gather(self._quick.end(seconds), self._slow.end(seconds))

    # The page

    async def page(self, request: Request) -> Response:
        """The page itself."""
        return _file(*self._static["lab.html"])

    async def static(self, request: Request) -> Response:
        """A file of the page: one of those that there were at the start."""
        found = self._static.get(request.path_params["name"])
        return refusal(404, "There is no such file.") if found is None else _file(*found)

    async def examples(self, request: Request) -> Response:
        """The examples, each with the problem that it is."""
        listed = [
            {"id": e.id, "title": e.title, "says": e.says, "problem": e.problem.to_dict()}
            for e in examples().values()
        ]
        return _answer(orjson.dumps(listed))

    async def example_data(self, request: Request) -> Response:
        """The data of an example, as a file."""
        found = examples().get(request.path_params["name"])
        if found is None or found.data is None:
            return refusal(404, "There is no example with such data.")
        return _download(found.data, "text/csv", found.name or "data.csv")

    # Problems

    async def upload(self, request: Request) -> Response:
        """Keep data while the lab runs."""
        _has_type(request, "text/csv")
        content = await _body(request, MOST_BYTES)
        name = file_name(request.headers.get("x-name", ""))
        kept = await self._done(
            request, lambda: self.uploads.add(content, name), UPLOAD_SECONDS, self._slow
        )
        return _answer(orjson.dumps(kept.to_dict()), 201)

    async def live(self, request: Request) -> Response:
        """The quick view, for dragging."""
        given = await _fields(request)
        asked = read_problem(given)
        drag, plane = _drag(given.get("drag")), _plane(given.get("plane"))
        again = given.get("again") is True
        is_ready = self.answers.is_prepared(asked)
        found = await self._done(
            request,
            lambda: self.answers.live(asked, drag, plane, again),
            LIVE_SECONDS if is_ready else PREPARE_SECONDS,
            self._quick,
            given,
        )
        return _answer(found)

    async def board(self, request: Request) -> Response:
        """The judged run with all its figures."""
        given = await _fields(request)
        asked = read_problem(given)
        return _answer(
            await self._done(
                request, lambda: self.answers.board(asked), BOARD_SECONDS, self._slow, given
            )
        )

    async def remedies(self, request: Request) -> Response:
        """What helps, proven."""
        given = await _fields(request)
        asked = read_problem(given)
        return _answer(
            await self._done(
                request, lambda: self.answers.remedies(asked), REMEDIES_SECONDS, self._slow, given
            )
        )

    async def race(self, request: Request) -> Response:
        """Several optimizers from one start."""
        given = await _fields(request)
        asked = read_problem(given)
        optimizers = given.get("optimizers")
        if not isinstance(optimizers, list) or not all(isinstance(o, str) for o in optimizers):
            raise UsageError("optimizers must be a list of names.", given=shown(optimizers))
        return _answer(
            await self._done(
                request,
                lambda: self.answers.race(asked, optimizers),
                BOARD_SECONDS,
                self._slow,
                given,
            )
        )

    async def report(self, request: Request) -> Response:
        """The report of a problem, as a file."""
        given = await _fields(request)
        asked = read_problem(given)
        page = await self._done(
            request, lambda: self.answers.report(asked), BOARD_SECONDS, self._slow, given
        )
        return _download(page, "text/html", "steepest.html")

    # Runs

    async def runs(self, request: Request) -> Response:
        """The runs in the store; with `since` those that have changed."""
        since = request.query_params.get("since")
        return await self._of_runs(request, lambda: self._runs.changed(since))

    async def run(self, request: Request) -> Response:
        """One run: its summary, and its document and figures or how far it is."""
        name = request.path_params["run"]
        return await self._of_runs(request, lambda: self._runs.one(name))

    async def delete(self, request: Request) -> Response:
        """Take a run out of the store."""
        name = request.path_params["run"]
        return await self._of_runs(request, lambda: self._runs.delete(name))

    async def run_report(self, request: Request) -> Response:
        """The report of a run, as a file."""
        name = request.path_params["run"]
        page = await self._done(request, lambda: self._runs.report(name), BOARD_SECONDS, self._slow)
        return _download(page, "text/html", f"{name}.html")

    async def run_export(self, request: Request) -> Response:
        """A run as a file of another kind."""
        name, kind = request.path_params["run"], request.query_params.get("to", "json")
        content, media_type, file = await self._done(
            request, lambda: self._runs.export(name, kind), BOARD_SECONDS, self._slow
        )
        return _download(content, media_type, file)

    async def _of_runs(self, request: Request, work: Callable[[], bytes]) -> Response:
        return _answer(await self._done(request, work, RUNS_SECONDS, self._quick))

    async def _done(
        self,
        request: Request,
        work: Callable[[], T],
        seconds: float,
        workers: Workers,
        given: Mapping[str, Any] | None = None,
    ) -> T:
        """What `work` gives, computed beside the event loop while somebody waits for it."""
        others: list[asyncio.Future[Any]] = []
        turn = _turn(given or {})
        if turn is not None:
            others.append(self._turns.take(turn[0], request.url.path, turn[1]))
        left = asyncio.ensure_future(_left(request))
        try:
            return await workers.run(work, seconds, left, *others)
        finally:
            left.cancel()


def static_files() -> Mapping[str, tuple[bytes, str]]:
    """Every file of the page with its type, by name: nothing else is ever served."""
    folder = resources.files("steepest") / "static"
    found = {}
    for file in folder.iterdir():
        suffix = os.path.splitext(file.name)[1]
        if file.is_file() and suffix in _TYPES:
            found[file.name] = (file.read_bytes(), _TYPES[suffix])
    return found


# What was sent


async def _body(request: Request, most: int) -> bytes:
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


def _has_type(request: Request, wanted: str) -> None:
    given = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if given != wanted:
        raise HTTPException(415, f"The lab takes {wanted} here (Content-Type).")


async def _fields(request: Request) -> dict[str, Any]:
    """The fields of a JSON object. Raises HTTPException and SteepestError."""
    _has_type(request, JSON)
    content = await _body(request, MOST_JSON)
    try:
        given = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise InputError("The request is not JSON.") from None
    if not isinstance(given, dict):
        raise InputError("The request must be a JSON object.")
    return given


def _turn(given: Mapping[str, Any]) -> tuple[str, int] | None:
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


def _drag(given: Any) -> dict[str, float] | None:
    if given is None:
        return None
    if not isinstance(given, dict) or not all(_is_number(value) for value in given.values()):
        raise UsageError("drag must be numbers by weight.", given=shown(given))
    return {name: float(value) for name, value in given.items()}


def _plane(given: Any) -> Window | None:
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


async def _left(request: Request) -> None:
    """Wait until whoever asked has left. Raises GoneError."""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise GoneError


# What is answered


def _told(handler: Handler) -> Handler:
    """Everything that may be wrong as a 4xx or a 503, with one sentence."""

    @wraps(handler)
    async def told(request: Request) -> Response:
        try:
            return await handler(request)
        except FormulaError as error:
            place = {"column": error.column, "length": error.length}
            sentence = error.message.split("\n", 1)[0]
            return refusal(400, sentence, field="formula", formula=error.formula, **place)
        except NoSuchRunError as error:
            return refusal(404, error.message)
        except StoreError as error:
            return refusal(409, error.message)
        except SteepestError as error:
            return refusal(400, error.message)
        except SupersededError:
            return refusal(409, "This tab has asked something newer.")
        except BusyError:
            return refusal(503, "The lab is busy with other requests. Try again in a moment.")
        except TooLongError:
            return refusal(
                503,
                "This takes longer than the lab waits for an answer, so it was stopped. "
                "The command line has no such limit.",
            )
        except (GoneError, ClientDisconnect):
            return Response(status_code=499)
        except MemoryError:
            return refusal(503, "This needs more memory than there is.")
        except HTTPException as error:
            answer = refusal(error.status_code, error.detail)
            if error.status_code in (408, 411, 413):
                # The rest of the body may still be on its way, and nobody wants it.
                answer.headers["connection"] = "close"
            return answer

    return told


async def _no_such(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    if status == 405:
        return refusal(405, "This address does not take such a request.")
    return refusal(status, "There is nothing at this address.")


def _answer(content: bytes, status: int = 200) -> Response:
    return Response(content, status, media_type=JSON)


def _file(content: bytes, media_type: str) -> Response:
    # The page must fit the server: nothing of an earlier version is taken from a cache.
    return Response(content, media_type=media_type, headers={"cache-control": "no-cache"})


def _download(content: bytes, media_type: str, name: str) -> Response:
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return Response(content, media_type=media_type, headers={"content-disposition": disposition})
