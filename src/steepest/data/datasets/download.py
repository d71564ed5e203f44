"""Fetch the files of a data set: resumed where a connection broke off, and verified.

What came so far stands in NAME.part, and another run goes on from there, from whichever mirror.
A file has its name only once its SHA-256 is right.
"""

from __future__ import annotations

import hashlib
import http.client
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from steepest.data.datasets.known import Dataset, File
from steepest.words.errors import FetchError
from steepest.words.wording import count, escaped, pathname

try:
    import fcntl
except ImportError:  # where a file that is open cannot be renamed, which serves as well
    fcntl = None  # type: ignore[assignment]

Progress = Callable[[str, int, int], None]
"""Called with the name of a file, the bytes that are here, and all its bytes."""

_SECONDS: Final = 30.0
"""Without a word from the server, before it is given up."""
_CHUNK: Final = 1 << 16
_WORTH_ANOTHER_TRY: Final = 1 << 16
"""Bytes that a connection brought before it broke off."""


class _Failed(Exception):  # noqa: N818
    """Why a mirror gave nothing, or nothing more; the reason ends a sentence."""


def fetch(dataset: Dataset, folder: Path, progress: Progress | None = None) -> tuple[str, ...]:
    """Bring every file of the data set into the folder; return the names of those that were not.

    Raises FetchError where no mirror has the right bytes, a file of another content is in the way,
    the folder cannot be written, or another process is fetching the same.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None
    missing = [file for file in dataset.files if not _is_there(folder / file.name, file)]
    for file in missing:
        _fetch(file, dataset, folder, progress or _silent)
    return tuple(file.name for file in missing)


def _silent(name: str, done: int, total: int) -> None:
    pass


def _is_there(path: Path, file: File) -> bool:
    try:
        with path.open("rb") as stream:
            is_right = _is_right(stream, file)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise FetchError(f"{_shown(path)} cannot be read: {error.strerror}.") from None
    if not is_right:
        raise FetchError(
            f"{_shown(path)} is not the file of that name: its size or its SHA-256 is another.",
            instead="Delete it, or name another folder: --to FOLDER.",
        )
    return True


def _is_right(stream: IO[bytes], file: File) -> bool:
    if stream.seek(0, os.SEEK_END) != file.size:
        return False
    stream.seek(0)
    return hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256  # type: ignore[arg-type]


def _fetch(file: File, dataset: Dataset, folder: Path, progress: Progress) -> None:
    part = folder / f"{file.name}.part"
    reasons = []
    with _claimed(part) as stream:
        for mirror in dataset.mirrors:
            try:
                _fetch_from(mirror, file, stream, progress)
            except _Failed as failed:
                host = urlsplit(mirror).hostname or mirror
                reasons.append(f"{host} ({failed})")
                continue
            break
        else:
            raise _not_fetched(file, dataset, folder, reasons, stream.seek(0, os.SEEK_END))
        stream.flush()
        os.fsync(stream.fileno())
    try:
        part.replace(folder / file.name)
    except OSError as error:
        raise _unwritable(folder, error) from None


def _not_fetched(
    file: File, dataset: Dataset, folder: Path, reasons: list[str], kept: int
) -> FetchError:
    what = "the file" if len(dataset.files) == 1 else f"the {len(dataset.files)} files"
    so_far = (
        f" {count(kept, 'byte')} of {count(file.size)} are kept, and the same command goes on "
        "from there."
        if kept
        else ""
    )
    return FetchError(
        f"{file.name} cannot be fetched: {'; '.join(reasons)}.{so_far}",
        instead=f"Where this machine's network does not allow it, copy {what} of {dataset.name} "
        f"from another one into {_shown(folder)}.",
    )


def _fetch_from(mirror: str, file: File, stream: IO[bytes], progress: Progress) -> None:
    """Bring the stream to the whole file, from wherever it is. Raises _Failed."""
    is_anew = False
    while True:
        before = stream.seek(0, os.SEEK_END)
        if before < file.size:
            try:
                _receive(mirror + file.name, file, stream, progress)
            except _Failed:
                if stream.seek(0, os.SEEK_END) - before < _WORTH_ANOTHER_TRY:
                    raise
                continue
        if _is_right(stream, file):
            return
        stream.truncate(0)
        if is_anew or before == 0:
            raise _Failed("its bytes have another SHA-256")
        # Only the end came now: what was here before may be at fault, so all of it comes once more.
        is_anew = True


def _receive(url: str, file: File, stream: IO[bytes], progress: Progress) -> None:
    """Append what is missing. What was written stays, also where this raises _Failed."""
    done = stream.seek(0, os.SEEK_END)
    # No compression on the way, so that a range counts the bytes of the file.
    request = Request(url, headers={"User-Agent": "steepest", "Accept-Encoding": "identity"})
    if done:
        request.add_header("Range", f"bytes={done}-")
    try:
        with _opener().open(request, timeout=_SECONDS) as response:
            done = _start(response, done, file, stream)
            while chunk := response.read1(_CHUNK):
                done += len(chunk)
                if done > file.size:
                    stream.truncate(0)
                    raise _Failed(f"it sends more than the {count(file.size)} bytes of the file")
                _write(stream, chunk)
                progress(file.name, done, file.size)
    except HTTPError as error:
        error.close()
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            stream.truncate(0)
        raise _Failed(f"it answers {error.code} {escaped(str(error.reason), 80)}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _Failed(_reason(error)) from None
    if done < file.size:
        raise _Failed(f"the connection ended after {count(done)} of {count(file.size)} bytes")


def _start(response: Any, done: int, file: File, stream: IO[bytes]) -> int:
    """Say from which byte the answer goes; a server may send the whole file all the same."""
    if response.status == http.client.PARTIAL_CONTENT and done:
        given = str(response.headers.get("Content-Range", ""))
        if not given.startswith(f"bytes {done}-"):
            stream.truncate(0)
            raise _Failed(f"it sends another range than was asked for: {escaped(given)!r}")
    elif response.status == http.client.OK:
        stream.truncate(0)
        done = 0
    else:
        raise _Failed(f"it answers {response.status}")
    length = response.headers.get("Content-Length")
    if length is not None and length != str(file.size - done):
        raise _Failed(
            f"it announces {escaped(length)} bytes, and {count(file.size - done)} are missing"
        )
    stream.seek(done)
    return done


def _write(stream: IO[bytes], chunk: bytes) -> None:
    try:
        written = stream.write(chunk)
    except OSError as error:
        raise FetchError(f"What was fetched cannot be written: {error.strerror}.") from None
    if written < len(chunk):
        raise FetchError("What was fetched cannot be written: the disk is full.")


def _reason(error: Exception) -> str:
    inner = error.reason if isinstance(error, URLError) else error
    text = (inner.strerror if isinstance(inner, OSError) else None) or str(inner)
    if isinstance(inner, TimeoutError):
        text = f"no word from it for {_SECONDS:g} seconds"
    return escaped(text, 120) or type(inner).__name__


class _Redirects(HTTPRedirectHandler):
    """Follows a redirect, but never from an encrypted connection to an open one."""

    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        """The request to the new address."""
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise URLError(f"it redirects to {urlsplit(newurl).scheme}, which is not encrypted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> OpenerDirector:
    """HTTP and HTTPS alone: no redirect leads to a file of this machine."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(),
        UnknownHandler(),
        HTTPHandler(),
        HTTPSHandler(),
        HTTPDefaultErrorHandler(),
        HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


@contextmanager
def _claimed(part: Path) -> Iterator[IO[bytes]]:
    """Open a file for one process alone; what stands in it stays."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        stream = os.fdopen(os.open(part, flags, 0o644), "r+b", buffering=0)
    except OSError as error:
        raise _unwritable(part, error) from None
    with stream:
        if fcntl is not None:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The other one may have ended, and the file have its name by now.
                is_ours = os.path.samestat(os.stat(part), os.fstat(stream.fileno()))
            except OSError:
                is_ours = False
            if not is_ours:
                raise FetchError(
                    f"Another process is fetching {_shown(part.with_suffix(''))}.",
                    instead="Wait until it is done.",
                )
        try:
            yield stream
        finally:
            if os.fstat(stream.fileno()).st_size == 0:
                with suppress(OSError):  # where a file that is open cannot be deleted
                    part.unlink()


def _unwritable(path: Path, error: OSError) -> FetchError:
    return FetchError(
        f"{_shown(path)} cannot be written: {error.strerror}.",
        instead="Name another folder: --to FOLDER.",
    )


def _shown(path: Path) -> str:
    return pathname(path)
