"""Connections that do not say what they want: none may keep others out."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS: Final = 10.0
"""For the head of a request, from when its connection is open or the answer before it is sent."""

MOST_SILENT: Final = 128
"""Connections that may be without a whole request; of more, the oldest is closed."""

# In one process there is one event loop, and one lab.
_SILENT: Final[dict[Patience, asyncio.TimerHandle]] = {}


class Patience(H11Protocol):
    """HTTP as uvicorn speaks it, but that silence ends, and that the oldest silence makes room.

    A request of whoever may ask arrives whole, and at once: its connection is among the silent ones
    for no longer than that takes, however many others there are.
    """

    _heard: Any = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take what arrived; once a request is whole, nothing is waited for."""
        super().data_received(data)
        if self.cycle is not self._heard:
            self._heard = self.cycle
            self._rest()

    def on_response_complete(self) -> None:
        """Wait for the next request of this connection."""
        super().on_response_complete()
        if not self.transport.is_closing() and self.cycle is self._heard:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._rest()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._rest()
        _SILENT[self] = self.loop.call_later(HEAD_SECONDS, self._end)
        while len(_SILENT) > MOST_SILENT:
            next(iter(_SILENT))._end()

    def _rest(self) -> None:
        timer = _SILENT.pop(self, None)
        if timer is not None:
            timer.cancel()

    def _end(self) -> None:
        self._rest()
        self.transport.abort()
