"""Whether the other processes of a job are still there, heard beside the sums.

Process 0 listens, every other one keeps a connection to it, and both say something every two
seconds. One that was silent for 20 seconds is lost, and one whose connection ends without a word;
process 0 then ends the other connections too, so that all learn of it. JAX's own service would end
the whole process, wherever it is and whatever it has to keep.
"""

from __future__ import annotations

import hmac
import secrets
import selectors
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import Final

from steepest.words.errors import LostProcessError
from steepest.words.wording import escaped

SILENT_SECONDS: Final = 20
BEAT_SECONDS: Final = 2
REACHING_SECONDS: Final = 30

_BEAT: Final = b"."
_BYE: Final = b"!"
_KEY_BYTES: Final = 16


@dataclass
class _Link:
    """A connection to another process; `heard` is when it last said something."""

    end: socket.socket
    heard: float = field(default_factory=time.monotonic)
    said: bytes = b""
    """What is not yet as long as the key, of one that comes to process 0."""
    known: bool = False
    left: bool = False


class Heartbeat:
    """The connections of this process, watched by a thread of their own."""

    def __init__(self, listener: socket.socket | None = None, key: bytes = b""):
        self.lost = False
        self._left = False
        self._key = key
        self._links: list[_Link] = []
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        if listener is not None:
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ)

    @classmethod
    def heard_by(cls, address: bytes) -> Heartbeat:
        """In another process than 0, which said its `address`. Raises LostProcessError."""
        host, port, key = address.decode().split(" ")
        ends = time.monotonic() + REACHING_SECONDS
        while True:
            try:
                end = socket.create_connection((host, int(port)), timeout=REACHING_SECONDS)
                end.sendall(bytes.fromhex(key))
                break
            except OSError as error:
                if time.monotonic() > ends:
                    raise LostProcessError(
                        "Process 0 of this job is not reached beside the sums.",
                        given=escaped(f"{host}, port {port}: {error}", 200),
                        instead="Its name must lead to it from here, with no firewall between.",
                    ) from error
                time.sleep(0.1)
        found = cls()
        found._take(end, known=True)
        return found

    @classmethod
    def listening(cls, host: str) -> tuple[Heartbeat, bytes]:
        """In process 0, which the others reach by the name `host`: and what to tell them."""
        if socket.has_dualstack_ipv6():
            listener = socket.create_server(
                ("", 0), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024
            )
        else:
            listener = socket.create_server(("", 0), backlog=1024)
        key = secrets.token_bytes(_KEY_BYTES)
        return cls(listener, key), f"{host} {listener.getsockname()[1]} {key.hex()}".encode()

    def begin(self) -> None:
        """Hear and be heard, from now on."""
        Thread(target=self._watch, name="heartbeat", daemon=True).start()

    def leave(self) -> None:
        """Say that this process leaves as it should. It goes on hearing until all others have."""
        self._left = True
        for link in list(self._links):
            with suppress(OSError):
                link.end.send(_BYE)

    def _take(self, end: socket.socket, *, known: bool) -> None:
        end.setblocking(False)
        link = _Link(end, known=known)
        self._links.append(link)
        self._selector.register(end, selectors.EVENT_READ, link)

    def _watch(self) -> None:
        spoken = 0.0
        while not self.lost and not (self._left and all(link.left for link in self._links)):
            for key, _ in self._selector.select(BEAT_SECONDS / 2):
                if key.data is None:
                    self._greet()
                else:
                    self._hear(key.data)
            now = time.monotonic()
            if now - spoken >= BEAT_SECONDS and not self._left:
                spoken = now
                for link in [one for one in self._links if one.known and not one.left]:
                    self._speak(link)
            for link in list(self._links):
                if not link.left and now - link.heard > SILENT_SECONDS:
                    self._end(link)
        for link in self._links:
            link.end.close()
        if self._listener is not None:
            self._listener.close()
        self._selector.close()

    def _greet(self) -> None:
        assert self._listener is not None
        with suppress(OSError):
            self._take(self._listener.accept()[0], known=False)

    def _hear(self, link: _Link) -> None:
        try:
            said = link.end.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if not link.known:
            link.said += said
            if said and len(link.said) < _KEY_BYTES:
                return
            if not hmac.compare_digest(link.said[:_KEY_BYTES], self._key):
                self._end(link)
                return
            link.known, said = True, link.said[_KEY_BYTES:] or _BEAT
        link.heard = time.monotonic()
        if _BYE in said:
            link.left = True
        if not said:
            self._end(link)

    def _speak(self, link: _Link) -> None:
        try:
            link.end.send(_BEAT)
        except BlockingIOError:
            pass  # It does not read: its silence will tell.
        except OSError:
            self._end(link)

    def _end(self, link: _Link) -> None:
        """It is gone. A stranger, who never had the key, is nobody's loss."""
        if link not in self._links:
            return
        self._links.remove(link)
        self._selector.unregister(link.end)
        link.end.close()
        self.lost |= link.known and not link.left and not self._left
