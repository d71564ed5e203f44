"""Fetching against a server on this machine that does whatever a server may do."""

import contextlib
import hashlib
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from steepest.data.datasets import (
    DATASETS,
    Dataset,
    File,
    default_folder,
    fetch,
    files_in,
)
from steepest.data.datasets.download import _Redirects
from steepest.words.errors import FetchError

CONTENT = bytes(range(256)) * 1_000
FILE = File("digits.gz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


class Request(BaseHTTPRequestHandler):
    """Hands each request to the server's behaviour."""

    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.seen.append(self.headers.get("Range"))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.server.behave(self)

    def log_message(self, format: str, *args: object) -> None:
        pass

    @property
    def start(self) -> int:
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        return int(found[1]) if found else 0

    def head(self, code: int = 200, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def send(self, content: bytes = CONTENT, most: int | None = None) -> None:
        """As a server that knows ranges; `most` bytes of what it announces."""
        rest = content[self.start :]
        place = f"bytes {self.start}-{len(content) - 1}/{len(content)}"
        ranged = {"Content_Range": place} if self.start else {}
        self.head(206 if self.start else 200, Content_Length=str(len(rest)), **ranged)
        self.wfile.write(rest[:most])


Behaviour = Callable[[Request], object]


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, behave: Behaviour):
        super().__init__(("127.0.0.1", 0), Request)
        self.behave = behave
        self.seen: list[str | None] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


@dataclass
class Place:
    """Servers that are up, and the folder that is fetched into."""

    folder: Path
    stack: contextlib.ExitStack
    servers: list[Server] = field(default_factory=list)

    def mirrored(self, *behaviours: Behaviour, file: File = FILE) -> Dataset:
        for behave in behaviours:
            server = Server(behave)
            self.servers.append(server)
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            self.stack.callback(thread.join)
            self.stack.callback(server.server_close)
            self.stack.callback(server.shutdown)
        mirrors = tuple(server.address for server in self.servers)
        return Dataset("digits", "Digits.", (file,), mirrors)

    @property
    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.folder.iterdir())}

    def is_done(self) -> bool:
        return self.files == {"digits.gz": CONTENT}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr("steepest.data.datasets.download._SECONDS", 30.0)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with contextlib.ExitStack() as stack:
        yield Place(tmp_path / "data", stack)


def test_a_file_comes_whole_and_once(place: Place) -> None:
    dataset = place.mirrored(Request.send)
    told: list[tuple[str, int, int]] = []
    assert fetch(dataset, place.folder, lambda *now: told.append(now)) == ("digits.gz",)
    assert place.is_done()
    assert told[-1] == ("digits.gz", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert files_in(place.folder, dataset) == (FILE,)
    assert fetch(dataset, place.folder) == ()
    assert place.servers[0].seen == [None]


def test_what_came_before_is_not_fetched_again(place: Place) -> None:
    dataset = place.mirrored(Request.send)
    place.folder.mkdir()
    (place.folder / "digits.gz.part").write_bytes(CONTENT[:100_000])
    fetch(dataset, place.folder)
    assert place.servers[0].seen == ["bytes=100000-"]
    assert place.is_done()


def test_a_whole_part_needs_no_server(place: Place) -> None:
    place.folder.mkdir()
    (place.folder / "digits.gz.part").write_bytes(CONTENT)
    fetch(Dataset("digits", "Digits.", (FILE,), ("http://127.0.0.1:9/",)), place.folder)
    assert place.is_done()


def test_it_goes_on_where_the_connection_broke(place: Place) -> None:
    dataset = place.mirrored(lambda request: request.send(most=90_000))
    fetch(dataset, place.folder)
    assert place.servers[0].seen == [None, "bytes=90000-", "bytes=180000-"]
    assert place.is_done()


def test_another_mirror_goes_on_where_one_left(place: Place) -> None:
    dataset = place.mirrored(lambda request: request.send(most=5_000), Request.send)
    fetch(dataset, place.folder)
    assert [server.seen for server in place.servers] == [[None], ["bytes=5000-"]]
    assert place.is_done()


def test_a_server_without_ranges_sends_it_all(place: Place) -> None:
    def whole(request: Request) -> None:
        request.head(Content_Length=str(len(CONTENT)))
        request.wfile.write(CONTENT)

    dataset = place.mirrored(whole)
    place.folder.mkdir()
    (place.folder / "digits.gz.part").write_bytes(b"x" * 1_000)
    fetch(dataset, place.folder)
    assert place.is_done()


def test_a_part_of_other_bytes_is_thrown_away(place: Place) -> None:
    dataset = place.mirrored(Request.send)
    place.folder.mkdir()
    (place.folder / "digits.gz.part").write_bytes(b"x" * 1_000)
    fetch(dataset, place.folder)
    assert place.servers[0].seen == ["bytes=1000-", None]
    assert place.is_done()


def test_a_redirect_is_followed(place: Place) -> None:
    def redirect(request: Request) -> None:
        target = place.servers[1].address + "digits.gz"
        request.head(302, Location=target)

    dataset = place.mirrored(redirect, Request.send)
    place.folder.mkdir()
    (place.folder / "digits.gz.part").write_bytes(CONTENT[:10])
    fetch(replace(dataset, mirrors=dataset.mirrors[:1]), place.folder)
    assert place.servers[1].seen == ["bytes=10-"]
    assert place.is_done()


def endless(request: Request) -> None:
    request.head()
    while True:
        request.wfile.write(bytes(1 << 16))


def chunked(request: Request) -> None:
    request.protocol_version = "HTTP/1.1"
    request.head(Transfer_Encoding="chunked", Connection="close")
    while True:
        request.wfile.write(b"10000\r\n" + bytes(1 << 16) + b"\r\n")


def silent(request: Request) -> None:
    request.head(Content_Length=str(len(CONTENT)))
    request.wfile.flush()
    threading.Event().wait(1.5)


def another_range(request: Request) -> None:
    request.head(206, Content_Range=f"bytes 0-9/{len(CONTENT)}", Content_Length="10")


def status(code: int, **headers: str) -> Behaviour:
    return lambda request: request.head(code, Content_Length="0", **headers)


def broken_head(request: Request) -> None:
    request.wfile.write(b"\x1b[2J\r\n\r\n")


def long_head(request: Request) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000)


# id: what the server does, the bytes that are there before, what the message names, what is kept
REFUSED: dict[str, tuple[Behaviour, int, str, int]] = {
    "other bytes": (lambda r: r.send(CONTENT[::-1]), 0, "another SHA-256", 0),
    "other bytes, twice": (lambda r: r.send(CONTENT[::-1]), 9, "another SHA-256", 0),
    "other bytes, broken off": (
        lambda r: r.send(CONTENT[::-1], most=150_000),
        0,
        "another SHA-256",
        0,
    ),
    "too long": (lambda r: r.send(CONTENT + b"x"), 0, "announces 256001 bytes", 0),
    "too short": (lambda r: r.send(CONTENT[:-1]), 0, "announces 255999 bytes", 0),
    "without end": (endless, 0, "more than the 256,000 bytes", 0),
    "without end, in chunks": (chunked, 0, "more than the 256,000 bytes", 0),
    "breaks off at once": (lambda r: r.send(most=10), 0, "after 10 of 256,000", 10),
    "says nothing": (silent, 0, "no word from it", 0),
    "another range": (another_range, 5, "another range", 0),
    "404": (status(404), 0, "it answers 404 Not Found", 0),
    "416": (status(416), 5, "it answers 416", 0),
    "503": (status(503), 5, "it answers 503", 5),
    "nothing in it": (status(204), 0, "it answers 204", 0),
    "redirect to itself": (status(302, Location="/digits.gz"), 0, "it answers 302", 0),
    "redirect to a file": (status(302, Location="file:///etc/passwd"), 0, "it answers 302", 0),
    "redirect to FTP": (status(302, Location="ftp://127.0.0.1/x"), 0, "unknown url type", 0),
    "redirect to nowhere": (status(302, Location="http://["), 0, "127.0.0.1", 0),
    "no HTTP at all": (broken_head, 0, "127.0.0.1", 0),
    "a head without end": (long_head, 0, "127.0.0.1", 0),
}


@pytest.mark.parametrize(("behave", "before", "named", "kept"), REFUSED.values(), ids=REFUSED)
def test_nothing_gets_its_name_unless_it_is_right(
    place: Place,
    behave: Behaviour,
    before: int,
    named: str,
    kept: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if behave is silent:
        monkeypatch.setattr("steepest.data.datasets.download._SECONDS", 0.5)
    dataset = place.mirrored(behave)
    place.folder.mkdir()
    (place.folder / "digits.gz.part").write_bytes(CONTENT[:before])
    with pytest.raises(FetchError) as caught:
        fetch(dataset, place.folder)
    message = caught.value.message
    assert named in message
    assert str(place.folder) in message
    assert message.isprintable()
    assert len(message) < 700
    assert place.files == ({"digits.gz.part": CONTENT[:kept]} if kept else {})
    assert ("goes on from there" in message) == bool(kept)


@pytest.mark.parametrize(
    "behave", [endless, chunked, status(500)], ids=["endless", "chunked", "500"]
)
def test_the_second_mirror_serves_where_the_first_does_not(place: Place, behave: Behaviour) -> None:
    fetch(place.mirrored(behave, Request.send), place.folder)
    assert place.is_done()


def test_without_a_network(place: Place) -> None:
    dataset = Dataset("digits", "Digits.", (FILE,), ("http://127.0.0.1:9/", "http://a.invalid/"))
    with pytest.raises(FetchError) as caught:
        fetch(dataset, place.folder)
    for word in ["127.0.0.1 (", "a.invalid (", "network does not allow it", str(place.folder)]:
        assert word in caught.value.message


@pytest.mark.parametrize("target", ["http://other/x", "ftp://other/x", "file:///x", "//[::1"])
def test_no_redirect_leaves_encryption(target: str) -> None:
    from urllib.request import Request as Asked

    asked = Asked("https://ossci-datasets.s3.amazonaws.com/mnist/x")
    with pytest.raises((OSError, ValueError)):
        _Redirects().redirect_request(asked, None, 302, "", {}, target)
    followed = _Redirects().redirect_request(asked, None, 302, "", {}, "https://other/x")
    assert followed is not None
    assert followed.full_url == "https://other/x"


def test_a_file_of_other_content_is_not_written_over(place: Place) -> None:
    dataset = place.mirrored(Request.send)
    place.folder.mkdir()
    (place.folder / "digits.gz").write_bytes(b"my own")
    with pytest.raises(FetchError, match=r"not the file of that name.*--to"):
        fetch(dataset, place.folder)
    assert place.files == {"digits.gz": b"my own"}
    assert place.servers[0].seen == []


def test_a_folder_that_cannot_be(place: Place) -> None:
    dataset = place.mirrored(Request.send)
    place.folder.write_bytes(b"a file")
    with pytest.raises(FetchError, match="cannot be written"):
        fetch(dataset, place.folder)
    with pytest.raises(FetchError, match="cannot be written"):
        fetch(dataset, place.folder / "below")


def test_a_part_that_is_a_link_is_not_followed(place: Place, tmp_path: Path) -> None:
    dataset = place.mirrored(Request.send)
    place.folder.mkdir()
    (tmp_path / "diary").write_bytes(b"dear")
    (place.folder / "digits.gz.part").symlink_to(tmp_path / "diary")
    with pytest.raises(FetchError, match="cannot be written"):
        fetch(dataset, place.folder)
    assert (tmp_path / "diary").read_bytes() == b"dear"


def test_two_at_once_do_not_disturb_each_other(place: Place) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(request: Request) -> None:
        begun.set()
        go_on.wait(5)
        request.send()

    dataset = place.mirrored(slow)
    first = threading.Thread(target=fetch, args=(dataset, place.folder))
    first.start()
    begun.wait(5)
    try:
        with pytest.raises(FetchError, match="Another process"):
            fetch(dataset, place.folder)
    finally:
        go_on.set()
        first.join()
    assert place.is_done()


def test_an_interruption_keeps_what_came(place: Place) -> None:
    dataset = place.mirrored(Request.send)

    def interrupt(name: str, done: int, total: int) -> None:
        if done > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(dataset, place.folder, interrupt)
    (kept,) = place.files.values()
    assert CONTENT.startswith(kept)
    assert len(kept) > 100_000
    fetch(dataset, place.folder)
    assert place.servers[0].seen == [None, f"bytes={len(kept)}-"]
    assert place.is_done()


def test_a_killed_process_leaves_what_came(place: Place) -> None:
    sent, killed = threading.Event(), threading.Event()

    def stops(request: Request) -> None:
        request.send(most=100_000)
        request.wfile.flush()
        sent.set()
        killed.wait(10)

    dataset = place.mirrored(lambda request: request.send() if sent.is_set() else stops(request))
    program = f"""if True:
        from pathlib import Path
        from steepest.data.datasets import Dataset, File, fetch

        fetch({dataset!r}, Path({str(place.folder)!r}))
    """
    process = subprocess.Popen([sys.executable, "-c", program])
    part = place.folder / "digits.gz.part"
    try:
        deadline = time.monotonic() + 20
        while not (part.exists() and part.stat().st_size == 100_000):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
        killed.set()
    fetch(dataset, place.folder)
    assert place.servers[0].seen == [None, "bytes=100000-"]
    assert place.is_done()


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_what_is_known(dataset: Dataset) -> None:
    assert all(re.fullmatch(r"https://\S+/", mirror) for mirror in dataset.mirrors)
    assert all(re.fullmatch(r"[0-9a-f]{64}", file.sha256) for file in dataset.files)
    assert default_folder(dataset).is_absolute()
    assert default_folder(dataset).name == dataset.name


def test_mnist_has_the_sizes_that_its_page_gave() -> None:
    sizes = {file.name: file.size for file in DATASETS["mnist"].files}
    assert sizes == {
        "train-images-idx3-ubyte.gz": 9912422,
        "train-labels-idx1-ubyte.gz": 28881,
        "t10k-images-idx3-ubyte.gz": 1648877,
        "t10k-labels-idx1-ubyte.gz": 4542,
    }
