"""Two or three processes' heartbeats in one: who is lost, and who only left."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from steepest.objective.passes import heartbeat as module
from steepest.objective.passes.heartbeat import Heartbeat
from steepest.words.errors import LostProcessError


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENT_SECONDS", 1.0)
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(module, "REACHING_SECONDS", 0.5)


@pytest.fixture
def three() -> Iterator[list[Heartbeat]]:
    first, address = Heartbeat.listening("localhost")
    every = [first, Heartbeat.heard_by(address), Heartbeat.heard_by(address)]
    for one in every:
        one.begin()
    until(lambda: sum(link.known for link in first._links) == 2)
    yield every
    for one in every:
        one.leave()
    until(lambda: not any(thread.name == "heartbeat" for thread in threading.enumerate()))


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < ends, "it did not happen in 20 seconds"
        time.sleep(0.02)


def test_all_who_speak_are_there(three: list[Heartbeat]) -> None:
    time.sleep(2.5)
    assert [one.lost for one in three] == [False] * 3


@pytest.mark.parametrize("who", [0, 1])
def test_one_whose_connection_ends_is_lost_to_all(three: list[Heartbeat], who: int) -> None:
    for link in three[who]._links:
        link.end.shutdown(socket.SHUT_RDWR)
    until(lambda: all(one.lost for one in three))


@pytest.mark.parametrize("who", [0, 2])
def test_one_that_is_silent_is_lost_to_all(
    three: list[Heartbeat], who: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(three[who], "_speak", lambda link: None)
    until(lambda: all(one.lost for one in three))


def test_one_that_leaves_is_not_lost(three: list[Heartbeat]) -> None:
    three[1].leave()
    time.sleep(2.5)
    assert not three[0].lost
    assert not three[2].lost


def test_a_stranger_is_nobody(three: list[Heartbeat]) -> None:
    listener = three[0]._listener
    assert listener is not None
    port = listener.getsockname()[1]
    for said in (b"GET / HTTP/1.1\r\n\r\n", b"x" * 16):
        with socket.create_connection(("localhost", port)) as stranger:
            stranger.sendall(said)
            with suppress(ConnectionResetError):
                assert stranger.recv(1) == b"", "it was not sent away"
    for said in (b"", b"short"):
        with socket.create_connection(("localhost", port)) as stranger:
            stranger.sendall(said)
            until(lambda: len(three[0]._links) == 3)
        until(lambda: len(three[0]._links) == 2)
    assert not any(one.lost for one in three)


def test_a_process_0_that_is_not_reached_is_said() -> None:
    with pytest.raises(LostProcessError, match="is not reached"):
        Heartbeat.heard_by(b"localhost 1 00")


def test_a_key_that_comes_in_pieces_says_no_farewell() -> None:
    first, address = Heartbeat.listening("localhost")
    key = b"!" * 16
    first._key = key
    first.begin()
    port = int(address.split()[1])
    with socket.create_connection(("localhost", port)) as other:
        other.sendall(key[:5])
        until(lambda: any(link.said for link in first._links))
        other.sendall(key[5:])
        until(lambda: any(link.known for link in first._links))
        assert not any(link.left for link in first._links)
    until(lambda: first.lost)
