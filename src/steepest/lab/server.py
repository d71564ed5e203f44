"""The lab as a running server: its socket, its token, its beginning and its end."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvicorn

from steepest.jobs.workers import stopping_quietly
from steepest.lab.guard import Address, Guard
from steepest.lab.patience import Patience
from steepest.store.store import Store
from steepest.words.errors import InputError, UsageError

if TYPE_CHECKING:
    from steepest.lab.routes import Lab

HERE: Final = "127.0.0.1"
PORT: Final = 8765
"""Where none is given; the next free one if it is taken."""
PORTS_TRIED: Final = 20

LEAST_TOKEN: Final = 16
MOST_CONNECTIONS: Final = 512
END_SECONDS: Final = 5.0

_IN_TOKEN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~")


def serve(
    ready: Callable[[str], None],
    *,
    port: int | None = None,
    host: str | None = None,
    token: str | None = None,
    store: Store | None = None,
    lesson: Path | None = None,
) -> None:
    """Run the lab until Ctrl-C. `ready` is told its address, once it answers.

    `port` None is the usual one, or the next that is free; 0 any free one. With `host` other
    machines may ask as well, and a `token` must be given. Raises SteepestError.
    """
    if host is not None and token is None:
        raise UsageError(
            "--host lets other machines in, so it needs a token of your choice.",
            given=f"--host {host}",
            instead=f"Add --token with {LEAST_TOKEN} characters or more.",
        )
    if token is not None:
        _check_token(token)
    listening = _listen(host or HERE, port)
    # Only now what takes a second or two to import: what is wrong was said at once.
    from steepest.lab.routes import Lab
    from steepest.lab.runs import Runs

    bound = listening.getsockname()[1]
    key = token or secrets.token_urlsafe(24)
    address = Address(host or HERE, bound, is_shared=host is not None)
    lab = Lab(Runs(store or Store()), lesson=lesson)
    config = uvicorn.Config(
        Guard(lab.app(), address, key),
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="off",
        http=Patience,
        ws="none",
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config, lab, lambda: ready(f"http://{_shown(address)}:{bound}/?token={key}"))
    # It ends itself at Ctrl-C, and then says so once more.
    with listening, stopping_quietly(), suppress(KeyboardInterrupt):
        server.run([listening])


class _Server(uvicorn.Server):
    """Says when it answers, and ends what is computing when it ends."""

    def __init__(self, config: uvicorn.Config, lab: Lab, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._lab = lab
        self._ready = ready
        self._warming: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._warming = asyncio.create_task(self._lab.warm())
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._warming is not None:
            self._warming.cancel()
        await self._lab.end(END_SECONDS)
        await super().shutdown(sockets)


def _check_token(token: str) -> None:
    if len(token) < LEAST_TOKEN or not _IN_TOKEN.issuperset(token):
        raise UsageError(
            f"A token has {LEAST_TOKEN} characters or more, all of them letters, digits or one of "
            "- _ . ~",
            instead='For example what python -c "import secrets; print(secrets.token_urlsafe())" '
            "prints.",
        )


def _listen(host: str, port: int | None) -> socket.socket:
    """A socket that listens. Raises InputError where the port cannot be had."""
    wanted = [port] if port is not None else range(PORT, PORT + PORTS_TRIED)
    why = ""
    for one in wanted:
        try:
            family, _, _, _, where = socket.getaddrinfo(
                host, one, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            listening = socket.socket(family, socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise InputError("This machine has no such address.", given=ascii(host)[:80]) from error
        try:
            if hasattr(socket, "SO_REUSEADDR"):
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(where)
            listening.listen(256)
            listening.setblocking(False)
        except OSError as error:
            listening.close()
            why = error.strerror or str(error)
            continue
        return listening
    raise InputError(
        f"The lab cannot listen at {ascii(host)[1:-1][:80]}: {why}.",
        given=f"port {wanted[0]}",
        instead="Give another one, or --port 0 for any that is free.",
    )


def _shown(address: Address) -> str:
    """The host as a browser elsewhere can ask for it."""
    host = address.host
    if host in ("0.0.0.0", "::", ""):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
