"""How much memory there is for rows, and how much a fit of them would take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from steepest.words.errors import UsageError

MOST_ENTRIES: Final = 20_000_000
"""Rows times weights up to which a fit is factorized."""

SHARE: Final = 0.5
"""Of the memory that is free: other programs grow too."""

COPIES: Final = 2
"""How often the columns are held at the same time: read, and computed with."""

DERIVATIVES: Final = 4
"""How often the derivatives of each row by each weight are: how hard each row pulls."""

FACTORED: Final = 10
"""The same where they are few enough to be factorized."""

SECOND: Final = 1.5
"""How often the second derivatives of each row are, of a model that is not linear."""

_UNITS: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_UNITS_OF_TWO: Final = {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*([kmgt]?i?)b?", re.IGNORECASE)


def read_size(text: str) -> int:
    """A number of bytes, as people write it. Raises UsageError.

    >>> read_size("1GB"), read_size("1.5 GiB"), read_size("800m")
    (1000000000, 1610612736, 800000000)
    """
    found = _SIZE.fullmatch(text.strip())
    units = {**_UNITS, **_UNITS_OF_TWO}
    if found is None or found[2].lower() not in units or float(found[1]) <= 0:
        raise UsageError(
            "--memory is a size such as 2GB.",
            given=ascii(text)[1:-1][:60],
            instead="Write a number with kB, MB, GB or TB behind it.",
        )
    return int(float(found[1]) * units[found[2].lower()])


def needed(rows: int, columns: int, weights: int, *, is_linear: bool = False) -> int:
    """Bytes that a fit of rows in memory takes: a little more than was measured.

    >>> needed(3_000_000, 3, 3) // 3_000_000, needed(10_000_000, 3, 3) // 10_000_000
    (304, 172)
    >>> needed(10_000_000, 3, 3, is_linear=True) // 10_000_000
    160
    """
    often = FACTORED if rows * weights <= MOST_ENTRIES else DERIVATIVES
    second = 0.0 if is_linear else SECOND * weights**2
    return int(8 * rows * (COPIES * (columns + 1) + max(often * weights, second)))


def free() -> int | None:
    """Bytes that this process may still take: by the machine, its group and its own limits.

    None where the system does not say.
    """
    found = [room for room in (_of_machine(), _of_group(), _of_process()) if room is not None]
    return max(min(found), 0) if found else None


def _of_machine() -> int | None:
    lines = _lines(Path("/proc/meminfo"))
    return next((1024 * int(line.split()[1]) for line in lines if "MemAvailable" in line), None)


def _of_group() -> int | None:
    """By control groups, which is how containers are limited."""
    for limit, used in (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes",) * 2):
        most = _number(Path("/sys/fs/cgroup") / limit)
        if most is not None and most < 2**60:
            taken = _number(Path("/sys/fs/cgroup") / used.replace("limit_in", "usage_in"))
            return most - (taken or 0)
    return None


def _of_process() -> int | None:
    """By `ulimit -v` and `ulimit -d`."""
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    status = dict(line.split(":", 1) for line in _lines(Path("/proc/self/status")) if ":" in line)

    def left(kind: int, used: str) -> int | None:
        most = resource.getrlimit(kind)[0]
        if most == resource.RLIM_INFINITY:
            return None
        return int(most) - 1024 * int(status.get(used, "0 kB").split()[0])

    found = (left(resource.RLIMIT_AS, "VmSize"), left(resource.RLIMIT_DATA, "VmData"))
    return min((room for room in found if room is not None), default=None)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except OSError:
        return []


def _number(path: Path) -> int | None:
    text = "".join(_lines(path)).strip()
    return int(text) if text.isdecimal() else None
