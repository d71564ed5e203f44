"""The lab's routes: each reads what was sent, has it computed, and answers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final, TypeVar

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from steepest.jobs.workers import BusyError, GoneError, TooLongError, Turns, Workers
from steepest.lab.answers import Answers, example_table
from steepest.lab.guard import refusal
from steepest.lab.lesson import own_lesson, read_lesson
from steepest.lab.networks import network_examples as all_networks
from steepest.lab.problem import examples, read_problem, shown
from steepest.lab.replies import answer, download, no_such, page_file, told
from steepest.lab.requests import (
    JSON,
    MOST_BYTES,
    body,
    drag_of,
    fields,
    has_type,
    moved_row,
    plane_of,
    turn_of,
)
from steepest.lab.runs import Runs
from steepest.lab.saved import saved_lab
from steepest.lab.uploads import Uploads, as_csv, file_name
from steepest.words.errors import SteepestError, UsageError

LIVE_SECONDS: Final = 2.0
PREPARE_SECONDS: Final = 20.0
BOARD_SECONDS: Final = 20.0
REMEDIES_SECONDS: Final = 30.0
RUNS_SECONDS: Final = 10.0
NETWORK_SECONDS: Final = 60.0
UPLOAD_SECONDS: Final = 20.0

_TYPES: Final = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".map": JSON,
}

_T = TypeVar("_T")


class Lab:
    """The state of a lab while it runs, and its routes."""

    def __init__(
        self, runs: Runs, cores: int | None = None, lesson: Traversable | None = None
    ) -> None:
        at_once = cores or os.cpu_count() or 1
        self.uploads = Uploads()
        self.answers = Answers(self.uploads)
        self._stops = read_lesson(lesson or own_lesson(), self.uploads)
        self._opens = lesson is not None
        self._runs = runs
        self._static = static_files()
        # Importing what reads tables takes a moment: not while the first visitor waits.
        example_table(next(iter(examples())))
        self._turns = Turns()
        # Dragging never waits for what takes seconds.
        self._quick = Workers(at_once)
        self._slow = Workers(max(1, at_once // 2))

    def app(self) -> Starlette:
        """The routes as an application."""
        routes = [
            Route("/", told(self.page)),
            Route("/static/{name}", told(self.static)),
            Route("/api/examples", told(self.examples)),
            Route("/api/examples/{name}/data", told(self.example_data)),
            Route("/api/lesson", told(self.lesson)),
            Route("/api/upload", told(self.upload), methods=["POST"]),
            Route("/api/uploads/{name}", told(self.uploaded)),
            Route("/api/move", told(self.move), methods=["POST"]),
            Route("/api/live", told(self.live), methods=["POST"]),
            Route("/api/board", told(self.board), methods=["POST"]),
            Route("/api/remedies", told(self.remedies), methods=["POST"]),
            Route("/api/race", told(self.race), methods=["POST"]),
            Route("/api/report", told(self.report), methods=["POST"]),
            Route("/api/save", told(self.save), methods=["POST"]),
            Route("/api/networks", told(self.networks)),
            Route("/api/networks/{name}", told(self.train), methods=["POST"]),
            Route("/api/runs", told(self.runs)),
            Route("/api/runs/{run}", told(self.run), methods=["GET"]),
            Route("/api/runs/{run}", told(self.delete), methods=["DELETE"]),
            Route("/api/runs/{run}/report", told(self.run_report)),
            Route("/api/runs/{run}/export", told(self.run_export)),
        ]
        # Numbers as text: a view takes a quarter of the bytes.
        compressing = [Middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)]
        app = Starlette(
            routes=routes, exception_handlers={HTTPException: no_such}, middleware=compressing
        )
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
        return page_file(*self._static["lab.html"])

    async def static(self, request: Request) -> Response:
        """A file of the page: one of those that there were at the start."""
        found = self._static.get(request.path_params["name"])
        return refusal(404, "There is no such file.") if found is None else page_file(*found)

    async def examples(self, request: Request) -> Response:
        """The examples, each with the problem that it is."""
        listed = [
            {"id": e.id, "title": e.title, "says": e.says, "problem": e.problem.to_dict()}
            for e in examples().values()
        ]
        return answer(orjson.dumps(listed))

    async def example_data(self, request: Request) -> Response:
        """The data of an example, as a file."""
        found = examples().get(request.path_params["name"])
        if found is None or found.data is None:
            return refusal(404, "There is no example with such data.")
        return download(found.data, "text/csv", found.name or "data.csv")

    async def lesson(self, request: Request) -> Response:
        """The stops of the lesson, and whether the page begins with it."""
        stops = [stop.to_dict() for stop in self._stops]
        return answer(orjson.dumps({"opens": self._opens, "stops": stops}))

    # Problems

    async def upload(self, request: Request) -> Response:
        """Keep data while the lab runs."""
        has_type(request, "text/csv")
        content = await body(request, MOST_BYTES)
        name = file_name(request.headers.get("x-name", ""))
        kept = await self._done(
            request, lambda: self.uploads.add(content, name), UPLOAD_SECONDS, self._slow
        )
        return answer(orjson.dumps(kept.to_dict()), 201)

    async def uploaded(self, request: Request) -> Response:
        """Data that is kept here, as a file."""
        found = self.uploads.get(request.path_params["name"])
        content = await self._done(request, lambda: as_csv(found.table), UPLOAD_SECONDS, self._slow)
        return download(content, "text/csv", found.name)

    async def move(self, request: Request) -> Response:
        """Keep a copy of the data in which one row has another target."""
        given = await fields(request)
        asked, (row, value) = read_problem(given), moved_row(given)
        kept = await self._done(
            request,
            lambda: self.answers.moved(asked, row, value),
            UPLOAD_SECONDS,
            self._slow,
            given,
        )
        return answer(orjson.dumps(kept.to_dict()), 201)

    async def live(self, request: Request) -> Response:
        """The quick view, for dragging."""
        given = await fields(request)
        asked = read_problem(given)
        drag, plane = drag_of(given.get("drag")), plane_of(given.get("plane"))
        again = given.get("again") is True
        is_ready = self.answers.is_prepared(asked)
        found = await self._done(
            request,
            lambda: self.answers.live(asked, drag, plane, again),
            LIVE_SECONDS if is_ready else PREPARE_SECONDS,
            self._quick,
            given,
        )
        return answer(found)

    async def board(self, request: Request) -> Response:
        """The judged run with all its figures."""
        given = await fields(request)
        asked = read_problem(given)
        return answer(
            await self._done(
                request, lambda: self.answers.board(asked), BOARD_SECONDS, self._slow, given
            )
        )

    async def remedies(self, request: Request) -> Response:
        """What helps, proven."""
        given = await fields(request)
        asked = read_problem(given)
        return answer(
            await self._done(
                request, lambda: self.answers.remedies(asked), REMEDIES_SECONDS, self._slow, given
            )
        )

    async def race(self, request: Request) -> Response:
        """Several optimizers from one start."""
        given = await fields(request)
        asked = read_problem(given)
        optimizers, drag = given.get("optimizers"), drag_of(given.get("drag"))
        if not isinstance(optimizers, list) or not all(isinstance(o, str) for o in optimizers):
            raise UsageError("optimizers must be a list of names.", given=shown(optimizers))
        return answer(
            await self._done(
                request,
                lambda: self.answers.race(asked, optimizers, drag),
                BOARD_SECONDS,
                self._slow,
                given,
            )
        )

    async def report(self, request: Request) -> Response:
        """The report of a problem, as a file."""
        given = await fields(request)
        asked = read_problem(given)
        page = await self._done(
            request, lambda: self.answers.report(asked), BOARD_SECONDS, self._slow, given
        )
        return download(page, "text/html", "steepest.html")

    async def save(self, request: Request) -> Response:
        """The lab of a problem as a file."""
        given = await fields(request)
        asked = read_problem(given)
        page = await self._done(
            request, lambda: saved_lab(self.answers, asked), REMEDIES_SECONDS, self._slow, given
        )
        return download(page, "text/html", "steepest-lab.html")

    # Networks

    async def networks(self, request: Request) -> Response:
        """The networks that can be trained here."""
        listed = [{"id": n.id, "title": n.title, "says": n.says} for n in all_networks().values()]
        return answer(orjson.dumps(listed))

    async def train(self, request: Request) -> Response:
        """Train a network into the store."""
        given = await fields(request)
        name = request.path_params["name"]
        run = await self._done(
            request, lambda: self._runs.train(name), NETWORK_SECONDS, self._slow, given
        )
        return answer(orjson.dumps({"run": run}), 201)

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
        return download(page, "text/html", f"{name}.html")

    async def run_export(self, request: Request) -> Response:
        """A run as a file of another kind."""
        name, kind = request.path_params["run"], request.query_params.get("to", "json")
        content, media_type, file = await self._done(
            request, lambda: self._runs.export(name, kind), BOARD_SECONDS, self._slow
        )
        return download(content, media_type, file)

    async def _of_runs(self, request: Request, work: Callable[[], bytes]) -> Response:
        return answer(await self._done(request, work, RUNS_SECONDS, self._quick))

    async def _done(
        self,
        request: Request,
        work: Callable[[], _T],
        seconds: float,
        workers: Workers,
        given: Mapping[str, Any] | None = None,
    ) -> _T:
        """What `work` gives, computed beside the event loop while somebody waits for it."""
        others: list[asyncio.Future[Any]] = []
        turn = turn_of(given or {})
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


async def _left(request: Request) -> None:
    """Wait until whoever asked has left. Raises GoneError."""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise GoneError
