"""Who may ask: the one door that every request passes, and the headers of every answer.

The lab is a server on somebody's machine. So any page in their browser could try to talk to it, a
page of another origin by a form or by a name that leads here (DNS rebinding). A request must name
this host, carry the token of this launch, and a change must come from this origin.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import socket
import sys
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")

SEND_SECONDS: Final = 20.0
"""Until whoever does not read an answer is left alone."""

HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}

NO_TOKEN: Final = "Open the lab by the address that steepest lab printed: it holds the token."

# The same page again, but asked for by this page: a strict cookie is not sent along a link from
# another site, nor along a redirect that such a link led to.
_ONWARD: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Steepest lab</title>'
    '<meta http-equiv="refresh" content="0;url=/"><p><a href="/">Open the lab</a></p></html>'
)


@dataclass(frozen=True)
class Address:
    """Where the lab listens, and what it is called there."""

    host: str
    port: int
    is_shared: bool = False
    """Whether other machines may ask."""

    def is_called(self, name: str) -> bool:
        """Whether a Host header names this lab.

        Where it is shared it may have any of the machine's addresses: by number no name can be
        made to lead here.
        """
        host, _, port = name.rpartition(":")
        if not host or name.endswith("]"):
            host, port = name, "80"
        host = host.lower()
        if port != str(self.port) or not port.isdecimal():
            return False
        if host in LOOPBACK or host == self.host.lower():
            return True
        if not self.is_shared:
            return False
        return _is_number(host) or host in _names_of_machine()


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _names_of_machine() -> set[str]:
    name = socket.gethostname().lower()
    return {name, f"{name}.local", socket.getfqdn().lower()}


class Guard:
    """Lets through what may ask, and answers the rest with a sentence and a 4xx."""

    def __init__(self, app: ASGIApp, address: Address, token: str) -> None:
        self._app = app
        self._address = address
        self._token = token
        # Cookies do not know ports: each lab on a machine has its own.
        self.cookie = f"steepest-lab-{address.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        guarded = _Guarded(send)
        answer = self._refusal(scope)
        if answer is not None:
            await answer(scope, receive, guarded)
            return
        try:
            await self._app(scope, receive, guarded)
        except Exception as error:
            # A client that does not read its answer is no fault. Whatever else comes here is one
            # of the lab itself: it is told on the terminal, and never to the page.
            if not isinstance(error, TimeoutError):
                traceback.print_exception(error, file=sys.stderr)
            if guarded.begun:
                raise
            await refusal(500, "The lab could not answer this; its terminal says why.")(
                scope, receive, guarded
            )

    def _refusal(self, scope: Scope) -> Response | None:
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        method, path = scope["method"], scope["path"]
        if not self._address.is_called(headers.get("host", "")):
            return refusal(403, "This lab has another address than the one that was asked.")
        origin = headers.get("origin")
        if origin is not None and not self._is_own(origin, headers["host"]):
            return refusal(403, "Another page may not ask this lab.")
        if path.startswith("/static/"):
            return None
        if path == "/" and method == "GET":
            given = _tokens(scope["query_string"])
            if given:
                return self._welcome(given, headers)
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        by_bearer = kind.lower() == "bearer" and self._is_token(bearer)
        if not by_bearer and not self._is_token(self._cookie_of(headers)):
            if path == "/":
                return PlainTextResponse(f"{NO_TOKEN}\n", 401)
            return refusal(401, NO_TOKEN)
        if method not in ("GET", "HEAD") and origin is None and not by_bearer:
            return refusal(403, "A change must say which page asks for it (Origin).")
        return None

    def _welcome(self, given: Iterable[str], headers: Mapping[str, str]) -> Response:
        if not any(map(self._is_token, given)):
            return PlainTextResponse(f"This token is not that of this launch. {NO_TOKEN}\n", 401)
        answer: Response
        if headers.get("sec-fetch-site") == "cross-site":
            answer = Response(_ONWARD, media_type="text/html")
        else:
            answer = Response(status_code=303, headers={"location": "/"})
        answer.set_cookie(self.cookie, self._token, httponly=True, samesite="strict", path="/")
        answer.headers["cache-control"] = "no-store"
        return answer

    def _is_own(self, origin: str, host: str) -> bool:
        return origin.lower() == f"http://{host.lower()}"

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode("utf-8", "replace"), self._token.encode())

    def _cookie_of(self, headers: Mapping[str, str]) -> str:
        for part in headers.get("cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == self.cookie:
                return value.strip('"')
        return ""


class _Guarded:
    """Sends an answer with the lab's headers, and not for ever."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-store")
        async with asyncio.timeout(SEND_SECONDS):
            await self._send(message)


def refusal(status: int, sentence: str, **more: Any) -> JSONResponse:
    """An answer that says in one sentence what is wrong."""
    return JSONResponse({"error": sentence, **more}, status)


def _tokens(query: bytes) -> list[str]:
    try:
        return parse_qs(query.decode("latin-1"), max_num_fields=20).get("token", [])
    except ValueError:
        return []
