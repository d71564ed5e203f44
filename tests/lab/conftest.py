"""A lab without a socket, and who asks it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from steepest.lab.guard import Address, Guard
from steepest.lab.routes import Lab
from steepest.lab.runs import Runs
from steepest.store.store import Store

TOKEN = "a-token-of-the-tests"
HOST = "127.0.0.1:8765"
HERE = f"http://{HOST}"
BEARER = {"authorization": f"Bearer {TOKEN}"}

T = TypeVar("T")


def in_a_loop(work: Coroutine[Any, Any, T]) -> T:
    """What it gives, in a loop of its own: browser tests before it leave one running here."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


class Asking:
    """One lab, asked over ASGI: each call is a request of somebody who may ask."""

    def __init__(self, lab: Lab, loop: asyncio.AbstractEventLoop) -> None:
        self.lab = lab
        self.guard = Guard(lab.app(), Address("127.0.0.1", 8765), TOKEN)
        self._loop = loop

    def all(self, work: Callable[[httpx.AsyncClient], Coroutine[Any, Any, T]]) -> T:
        """Requests that run at the same time."""

        async def run() -> T:
            transport = httpx.ASGITransport(app=self.guard)
            async with httpx.AsyncClient(transport=transport, base_url=HERE, timeout=60) as client:
                return await work(client)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(120)

    def __call__(self, method: str, path: str, **given: Any) -> httpx.Response:
        headers = {**BEARER, **given.pop("headers", {})}

        async def one(client: httpx.AsyncClient) -> httpx.Response:
            return await client.request(method, path, headers=headers, **given)

        return self.all(one)

    def post(self, path: str, problem: Any, **given: Any) -> httpx.Response:
        return self("POST", path, json=problem, **given)

    def upload(self, content: bytes, name: str = "data.csv") -> httpx.Response:
        return self(
            "POST",
            "/api/upload",
            content=content,
            headers={"content-type": "text/csv", "x-name": name},
        )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(Path(tmp_path_factory.mktemp("lab")) / "runs.db")


@pytest.fixture(scope="module")
def lab(store: Store) -> Iterator[Asking]:
    """Its answers are kept for the whole module, so little is computed twice."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield Asking(Lab(Runs(store), cores=2), loop)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
