"""The lab as a process: how it begins and ends, and many who ask it at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from tests.lab.conftest import in_a_loop

from steepest.cli.lab import open_by

STEEPEST = (sys.executable, "-m", "steepest", "lab", "--no-open")

SECONDS = float(os.environ.get("STEEPEST_LAB_SECONDS", "2.5"))
"""How long the crowd stays; for what is promised of it, a minute."""
CLIENTS = 40
BAD_CLIENTS = 10
PAUSE = 2.0


@dataclass
class Running:
    """A lab in a process of its own."""

    process: subprocess.Popen[str]
    address: str

    @property
    def base(self) -> str:
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def place(self) -> tuple[str, int]:
        parts = urlsplit(self.address)
        return str(parts.hostname), int(parts.port or 0)

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.address.rpartition('=')[2]}"}

    def memory(self) -> float:
        """Megabytes that the process has in memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextlib.contextmanager
def lab(*options: str, store: Path) -> Iterator[Running]:
    environment = {**os.environ, "STEEPEST_STORE": str(store), "JAX_PLATFORMS": "cpu"}
    process = subprocess.Popen(
        [*STEEPEST, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        # Ctrl-C in a terminal goes to all of a group: not to whoever runs the tests.
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Lab: http://"), line
        yield Running(process, line.removeprefix("Lab: ").strip())
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with lab("--port", "0", store=tmp_path_factory.mktemp("store") / "runs.db") as found:
        yield found


def test_it_says_where_it_is_and_ends_quietly_at_ctrl_c(tmp_path: Path) -> None:
    with lab("--port", "0", store=tmp_path / "runs.db") as running:
        assert running.place[0] == "127.0.0.1"
        with httpx.Client(follow_redirects=True) as client:
            page = client.get(running.address)
        assert page.status_code == 200
        assert "token" not in str(page.url)
        running.process.send_signal(signal.SIGINT)
        rest, errors = running.process.communicate(timeout=30)
    assert running.process.returncode == 0
    assert (rest, errors) == ("", "")


def test_it_ends_while_something_is_computed(tmp_path: Path) -> None:
    with lab("--port", "0", store=tmp_path / "runs.db") as running:
        problem = {"formula": "(1-x)**2 + 100*(y-x**2)**2", "lr": 1e-9, "steps": 10_000_000}
        with socket.create_connection(running.place) as asking:
            body = httpx.Request(
                "POST", running.base + "/api/board", json=problem, headers=running.headers
            )
            head = "".join(f"{name}: {value}\r\n" for name, value in body.headers.items())
            asking.sendall(f"POST /api/board HTTP/1.1\r\n{head}\r\n".encode() + body.read())
            time.sleep(2)
            running.process.send_signal(signal.SIGINT)
            _, errors = running.process.communicate(timeout=30)
    assert running.process.returncode == 0
    assert errors == ""


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        pytest.param(("--host", "0.0.0.0"), 2, "--token", id="host-without-token"),
        pytest.param(("--token", "short"), 2, "16 characters", id="short-token"),
        pytest.param(("--token", "with spaces and more"), 2, "letters", id="odd-token"),
        pytest.param(("--port", "70000"), 2, "65535", id="port"),
        pytest.param(
            ("--host", "256.0.0.1", "--token", "0123456789abcdef"), 1, "address", id="no-address"
        ),
    ],
)
def test_what_it_cannot_do_it_says(options: tuple[str, ...], code: int, words: str) -> None:
    found = subprocess.run([*STEEPEST, *options], capture_output=True, text=True, timeout=60)
    assert found.returncode == code
    assert found.stdout == ""
    assert words in " ".join(found.stderr.split())
    assert "Traceback" not in found.stderr


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        found = subprocess.run(
            [*STEEPEST, "--port", port], capture_output=True, text=True, timeout=60
        )
    assert found.returncode == 1
    assert port in found.stderr


def test_a_shared_lab_has_the_token_that_was_chosen(tmp_path: Path) -> None:
    token = "for-the-whole-class"
    options = ("--port", "0", "--host", "127.0.0.1", "--token", token)
    with lab(*options, store=tmp_path / "runs.db") as running:
        assert running.address.endswith(f"/?token={token}")
        assert httpx.get(running.address).status_code == 303
        assert httpx.get(running.address + "x").status_code == 401


def test_bytes_that_are_no_request(running: Running) -> None:
    draw = random.Random(1)
    for _ in range(20):
        with socket.create_connection(running.place, timeout=10) as asking:
            asking.sendall(draw.randbytes(300) + b"\r\n\r\n")
            asking.shutdown(socket.SHUT_WR)
            answer = asking.recv(1000)
        assert answer.startswith(b"HTTP/1.1 4")
        assert b"Traceback" not in answer
    assert httpx.get(running.base + "/api/examples", headers=running.headers).status_code == 200


# A crowd


async def dragging(running: Running, until: float, number: int, took: list[float]) -> None:
    """Somebody who drags the start of the tutorial's example every two seconds."""
    draw = random.Random(number)
    async with httpx.AsyncClient(base_url=running.base, headers=running.headers) as client:
        await asyncio.sleep(draw.uniform(0, PAUSE))
        turn = 0
        while turn == 0 or time.monotonic() < until:
            turn += 1
            body = {
                **{"example": "speed", "tab": f"{until}-{number}", "turn": turn, "again": True},
                "drag": {"a": draw.uniform(-1, 1), "c": draw.uniform(-50, 50)},
            }
            began = time.monotonic()
            answer = await client.post("/api/live", json=body, timeout=30)
            took.append(time.monotonic() - began)
            assert answer.status_code == 200, answer.text[:200]
            assert len(answer.json()["rates"]) == 121
            await asyncio.sleep(PAUSE)


async def misbehaving(running: Running, until: float, number: int) -> None:
    """Somebody who sends too much, never ends a request, or never reads an answer."""
    while time.monotonic() < until:
        reader, writer = await asyncio.open_connection(*running.place)
        token = running.headers["authorization"]
        host = urlsplit(running.base).netloc
        head = f"Host: {host}\r\nAuthorization: {token}\r\n"
        json_head = f"POST /api/live HTTP/1.1\r\n{head}Content-Type: application/json\r\n"
        with contextlib.suppress(OSError):
            if number % 3 == 0:
                size = 50_000_000
                writer.write(
                    f"POST /api/upload HTTP/1.1\r\n{head}Content-Type: text/csv\r\n"
                    f"Transfer-Encoding: chunked\r\n\r\n".encode()
                )
                for _ in range(size // 1_000_000):
                    writer.write(b"f4240\r\n" + b"1" * 1_000_000 + b"\r\n")
                    await asyncio.wait_for(writer.drain(), 5)
            elif number % 3 == 1:
                writer.write(
                    f"{json_head}Transfer-Encoding: chunked\r\n\r\n"
                    'e\r\n{"formula": "x\r\n'.encode()
                )
                for _ in range(20):
                    writer.write(b"64\r\n" + b"+x" * 50 + b"\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.1)
            else:
                body = b'{"example": "speed"}'
                asked = f"{json_head}Content-Length: {len(body)}\r\n\r\n".encode() + body
                for _ in range(40):
                    writer.write(asked)
                await asyncio.wait_for(writer.drain(), 5)
                await asyncio.sleep(2)
        writer.transport.abort()
        del reader


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_who_says_nothing_keeps_nobody_out(running: Running) -> None:
    """600 connections with half a request, and no token: more than the lab holds at once."""
    with contextlib.ExitStack() as silent:
        for _ in range(600):
            one = silent.enter_context(socket.create_connection(running.place, 5))
            one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        answer = httpx.get(f"{running.base}/api/examples", headers=running.headers, timeout=10)
        assert answer.status_code == 200
        # Numbers as text are sent packed.
        assert answer.headers["content-encoding"] == "gzip"


def test_the_browser_is_led_by_a_file_of_this_user_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every user of a machine can read what a browser was started with."""
    opened: list[str] = []

    class Browser:
        def open(self, address: str) -> None:
            opened.append(address)

    monkeypatch.setattr("webbrowser.get", Browser)
    door = tmp_path / "lab.html"
    open_by(door, "http://127.0.0.1:1/?token=secret")
    assert opened == [door.as_uri()]
    assert "url=http://127.0.0.1:1/?token=secret" in door.read_text()
    assert door.stat().st_mode & 0o777 == 0o600


def test_a_crowd_does_not_disturb_each_other(running: Running) -> None:
    took: list[float] = []

    async def crowd(seconds: float, bad: int) -> None:
        until = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(dragging(running, until, number, took))
            for number in range(bad):
                group.create_task(misbehaving(running, until, number))

    in_a_loop(crowd(min(SECONDS, 4), 0))
    before, alone = running.memory(), sorted(took)[int(0.95 * len(took))]
    took.clear()
    in_a_loop(crowd(SECONDS, BAD_CLIENTS))
    after = running.memory()
    slow = sorted(took)[int(0.95 * len(took))]
    print(
        f"{len(took)} requests in {SECONDS:.0f} s: median {sorted(took)[len(took) // 2]:.3f} s, "
        f"p95 {slow:.3f} s, worst {max(took):.3f} s; memory {before:.0f} MB, then {after:.0f} MB"
    )
    assert len(took) >= CLIENTS
    assert after < before + 100
    # What is promised holds on a machine of its own. Here other work runs beside it, before the
    # others came too.
    own = "STEEPEST_LAB_SECONDS" in os.environ
    assert slow < (0.3 if own else max(3.0, 10 * alone))
